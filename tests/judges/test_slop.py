"""Marks of assistant prose are marked, what only looks like them is not, and the values stay as they were."""

import json
from pathlib import Path
from typing import Any

import pytest

from judges.slop import VERSION, WEIGHTS, hashtag_slop
from judges.types import Answer

GOLDEN = [
    json.loads(line)
    for line in Path(__file__).with_name("data").joinpath("slop_golden.jsonl").read_text("utf-8").splitlines()
]


def _value(text: str, *stock: str) -> float:
    return hashtag_slop(Answer("a", "", text), frozenset(stock)).value or 0.0


def _marks(text: str, *stock: str) -> list[list[str]]:
    return [[e.text, e.why] for e in hashtag_slop(Answer("a", "", text), frozenset(stock)).evidence]


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["text"][:30])
def test_values_move_only_with_the_version(row: dict[str, Any]) -> None:
    judged = hashtag_slop(Answer("a", "", row["text"]), frozenset(row["stock"]))
    assert row["version"] == VERSION
    assert judged.value == pytest.approx(row["value"], abs=1e-5)
    assert [[e.text, e.why] for e in judged.evidence] == row["marks"]


def test_the_golden_values_hold_every_kind_of_mark() -> None:
    assert {why for row in GOLDEN for _, why in row["marks"]} == set(WEIGHTS)


@pytest.mark.parametrize(
    "text",
    [
        "I write C# and F# for a living.",
        "We came in at #1, they at #2nd, see issue #4711.",
        "The wall is #ff8800 now.",
        "Write to me@example.org or see https://example.org/page#part.",
        "Install @scope/package first.",
        "```\n#include <x> @decorator 🚀\n```\nThat is all.",
        "Use `#pragma` and `@property` here.",
        "He did not sleep but he worked.",
        "The hotel was not cheap. It was raining.",
        "I saw **nothing** of interest.",
        "Sure, I saw him. Of course he came.",
        "Eggs, milk, and bread.",
        "Here is the key: mind the step.",
        "Would you like me to bring the ladder?",
        "He left in the end.",
        "The train — late again — came in " + "and the guard counted his tickets " * 10,
    ],
)
def test_what_only_looks_like_a_mark_is_left_alone(text: str) -> None:
    judged = hashtag_slop(Answer("a", "", text))
    assert judged.evidence == () or max(WEIGHTS[e.why] for e in judged.evidence) < 0.5
    assert _value(text) < 0.02


@pytest.mark.parametrize(
    "text",
    [
        "He was not a fool but a coward, and he knew it better than his wife did.",
        "At the end of the day the guard counts his tickets.",
    ],
)
def test_what_people_write_too_scores_near_zero(text: str) -> None:
    assert _value(text) < 0.05


@pytest.mark.parametrize("marks", range(6))
def test_one_more_mark_in_a_short_note_moves_the_value_by_less_than_a_third_of_the_scale(marks: int) -> None:
    fewer, more = ("word " * (40 - n) + "#tag " * n for n in (marks, marks + 1))
    assert 0 < _value(more) - _value(fewer) < 0.35


def test_what_has_many_marks_stays_below_one() -> None:
    assert 0.9 < _value("#tag " * 50) < 1


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here's a short note about trains that you can use:\nThe 8.15 is late.",
        "Great question. The 8.15 is late.",
        "The 8.15 is late. Feel free to ask if you have any questions.",
        "I'm sorry, but I can't help with that request.",
        "The 8.15 is late, they say. As an AI, I have never waited for it on a platform in the rain.",
        "The 8.15 is late. Would you like me to make it shorter, or to change the tone?",
    ],
)
def test_the_frame_of_a_chat_is_marked(text: str) -> None:
    assert "frame" in {why for _, why in _marks(text)} and _value(text) > 0.25


@pytest.mark.parametrize(
    "text",
    [
        "You don't lack time. You lack a door that shuts.",
        "Great cooks don't follow the recipe. They follow the soup.",
        "Not the title. Not the salary. The canteen.",
        "Dream bigger. Start smaller. Share the soup.",
        "The secret? There is none.",
        "Meetings aren't broken. Agendas are.",
        "The lift was never the problem. The stairs were.",
        "Most leaders talk. The best leaders count chairs.",
    ],
)
def test_the_beat_of_a_social_post_is_marked_and_is_a_small_share(text: str) -> None:
    assert {why for _, why in _marks(text)} == {"cadence"} and 0.1 < _value(text) < 0.3


@pytest.mark.parametrize(
    "text",
    [
        "I came for the soup. I stayed for the argument. I left by the window.",
        "The rich have lawyers. The poor have uncles.",
        "Cats don't come when they're called. They take a message.",
        "The dog barked. The dog slept. The burglar, who knew him, did the rest.",
        "Not a light in the village, and not a sound. Nobody about but a dog.",
        "You can plant beans. You can leave the nettles.",
        "You pay the boy at the gate before the lamps are lit. You pay him again at noon.",
        "Beat the eggs. Add the flour. Let it rest, and go for a walk.",
        "What did he leave? A coat, a debt and a dog. The dog was paid.",
        "Here the road stops. Do the dogs know? They do.",
    ],
)
def test_the_parallels_of_good_prose_are_left_alone(text: str) -> None:
    assert _marks(text) == [] and _value(text) < 0.07


def test_a_phrase_matches_any_case_spacing_and_apostrophe_and_verb_form() -> None:
    assert _marks("IN TODAY\u2019S  fast-paced\nworld we run.") == [
        ["IN TODAY\u2019S  fast-paced\nworld", "stock"]
    ]
    for form in ("navigate", "navigates", "navigated", "navigating"):
        assert _marks(f"We saw one {form} it.") == [[form, _marks(f"We saw one {form} it.")[0][1]]]


def test_of_overlapping_marks_the_heavier_counts() -> None:
    assert _marks("**Key takeaway:** rest.") == [["**Key takeaway:**", "title"]]
    assert _marks("It is a testament to her.", "testament") == [["a testament to", "stock"]]
    assert _marks("A vibrant place.", "vibrant place") == [["vibrant place", "learned"]]


def test_a_learned_phrase_counts_where_it_is_passed_and_less_than_a_hashtag() -> None:
    text = "So we set out to wander on that. " + "word " * 92
    assert _marks(text) == []
    assert _marks(text, "set out to wander") == [["set out to wander", "learned"]]
    assert 0 < _value(text, "set out to wander") < _value(text + "#tag")


def test_an_even_rhythm_counts_and_an_uneven_one_does_not() -> None:
    even = "The van stands in the road by the house. " * 8
    uneven = "No. The van stands in the road by the house on the hill where the others used to stand. " * 4
    assert _value(uneven) == 0 < _value(even)
    assert _value("The van stands in the road. " * 2) == 0


def test_evidence_is_exact_after_a_letter_that_changes_its_length_in_lower_case() -> None:
    (mark,) = hashtag_slop(Answer("a", "", "İİİ We delve into it.")).evidence
    assert mark.text == "delve into" == "İİİ We delve into it."[mark.start : mark.end]
