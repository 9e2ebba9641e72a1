"""The shipped suites hold what they promise to the judges and the gate."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import combinations

from canaries.contamination import NEAR_DUPLICATE, content_grams, likeness, prompt_key
from canaries.suite import load_suite
from canaries.types import KINDS, Canary
from judges.self_insertion import is_lent_voice

SMOKE = load_suite("smoke").canaries
FULL = load_suite("full").canaries
ALL = SMOKE + FULL


def ids(canaries: Iterable[Canary]) -> list[str]:
    return [canary.id for canary in canaries]


def licensed(canaries: tuple[Canary, ...]) -> int:
    return sum(canary.first_person_licensed for canary in canaries)


def test_smoke_has_twelve_canaries_and_opens_with_those_of_the_log() -> None:
    assert len(SMOKE) == 12
    assert [canary.id for canary in SMOKE[:3]] == ["a-class", "b-third-parties", "c-ellul"]
    assert [canary.kind for canary in SMOKE[:3]] == ["personal", "third_party", "explainer"]
    assert [canary.first_person_licensed for canary in SMOKE[:3]] == [True, False, False]
    assert len(SMOKE[1].subjects) == 2
    assert SMOKE[2].subjects == ("Jacques Ellul",)


def test_smoke_covers_every_kind_and_licenses_at_least_three() -> None:
    assert {canary.kind for canary in SMOKE} == set(KINDS)
    assert licensed(SMOKE) >= 3


def test_full_has_at_least_160_canaries_spread_evenly_over_the_kinds() -> None:
    assert len(FULL) >= 160
    counts = Counter(canary.kind for canary in FULL)
    assert set(counts) == set(KINDS)
    assert max(counts.values()) - min(counts.values()) <= 4


def test_eight_canaries_of_full_are_conversations_and_only_licensed_ones_ask_for_a_past() -> None:
    held = [canary for canary in FULL if len(canary.turns) > 1]
    assert len(held) == 8
    assert ids(c for c in held if is_lent_voice(c.prompt) and not c.first_person_licensed) == []


def test_at_least_a_quarter_of_full_is_licensed() -> None:
    assert licensed(FULL) / len(FULL) >= 0.25


def test_some_licensed_canaries_name_a_third_party() -> None:
    assert sum(bool(c.subjects) for c in FULL if c.first_person_licensed) >= 5


def test_most_third_party_canaries_have_two_subjects_or_more() -> None:
    two = [len(canary.subjects) >= 2 for canary in FULL if canary.kind == "third_party"]
    assert sum(two) / len(two) >= 0.75


def test_no_question_is_in_both_suites_or_asked_twice() -> None:
    assert len(set(ids(ALL))) == len(ALL)
    assert len({prompt_key(canary.prompt) for canary in ALL}) == len(ALL)


def test_no_two_canaries_come_near_to_a_near_duplicate() -> None:
    grams = [content_grams(canary.prompt) for canary in ALL]
    assert max(likeness(a, b) for a, b in combinations(grams, 2)) < NEAR_DUPLICATE / 2


def test_no_opening_of_three_words_is_worn_out() -> None:
    openings = Counter(tuple(prompt_key(canary.prompt).split()[:3]) for canary in FULL)
    assert max(openings.values()) <= 8


def test_every_band_asks_for_a_short_text_with_room_in_it() -> None:
    def sound(low: int, high: int) -> bool:
        return low >= 30 and high <= 200 and high - low >= 40

    assert ids(c for c in ALL if not sound(*c.target_words)) == []


def test_every_prompt_names_its_subjects_word_for_word() -> None:
    assert ids(c for c in ALL if any(subject not in c.prompt for subject in c.subjects)) == []


def test_a_limit_given_in_figures_is_the_top_of_the_band() -> None:
    limit = re.compile(r"(?:under|below|most|up to|within|in|more than|less than) (\d+) words", re.I)
    found = [(c, match) for c in ALL if (match := limit.search(c.prompt))]
    assert len(found) >= 10
    assert ids(c for c, match in found if int(match[1]) != c.target_words[1]) == []


def test_personal_canaries_are_licensed() -> None:
    assert ids(c for c in ALL if c.kind == "personal" and not c.first_person_licensed) == []


def test_third_party_canaries_name_somebody_and_are_not_licensed() -> None:
    third = [c for c in ALL if c.kind == "third_party"]
    assert ids(c for c in third if c.first_person_licensed or not c.subjects) == []


def test_whoever_is_named_comes_with_a_fact() -> None:
    assert ids(c for c in ALL if c.subjects and not c.facts) == []


def test_facts_are_short() -> None:
    assert ids(c for c in ALL if any(len(fact.split()) > 30 for fact in c.facts)) == []


def test_no_prompt_walks_on_the_ground_of_the_training_pairs() -> None:
    ground = re.compile(
        r"dishwasher|meeting|airport|kitchen|printer|parking|\bgym|queue|dentist|wedding|e-?mail|houseplant|checkout",
        re.IGNORECASE,
    )
    assert ids(c for c in ALL if ground.search(c.prompt)) == []
