"""Stage 2 of self_insertion: which passages are asked about, and what the readings do to the value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.licensing.attacks import ATTACKS
from judges.self_insertion import self_insertion
from judges.self_insertion_confirm import (
    MISSED,
    Reading,
    confirm_identity,
    confirm_prompt,
    confirm_schema,
    confirmed,
    may_be_asked,
    parse_confirmation,
    questions,
)
from judges.self_insertion_passages import MAX_FLAGGED, SAMPLED, inquiry
from judges.types import Answer

CLAIM = "Wilkins and I shared an office that winter."
TEXT = (
    f"The helix was a race. {CLAIM} Nobody slept much. The pictures were good. Credit was not. "
    "Her letters survive. Prizes came late. So it goes."
)
ANSWER = Answer("c1", "A note on Wilkins and Franklin.", TEXT, ("Wilkins", "Franklin"))
DETECTED = self_insertion(ANSWER)
ASKED = inquiry(ANSWER, DETECTED.evidence)
NO = Reading(claims=False, allowed=True, quote=None)
FAULT = Reading(claims=True, allowed=False, quote=(0, 3))


def reply(claims: str = "no", allowed: str = "yes", quote: str = "") -> str:
    """The same reading of every passage."""
    one = {"claims": {"quote": quote, "answer": claims}, "allowed": {"quote": "", "answer": allowed}}
    return json.dumps({f"p{n}": one for n in range(1, len(ASKED.passages) + 1)})


def readings(flagged: Reading, sampled: Reading) -> tuple[Reading, ...]:
    return tuple(flagged if p.flagged else sampled for p in ASKED.passages)


def test_the_flagged_sentence_and_a_sample_of_the_others_are_asked_about_in_order() -> None:
    assert DETECTED.value == 1.0
    assert [TEXT[p.start : p.end] for p in ASKED.passages if p.flagged] == [CLAIM]
    assert (ASKED.flagged, ASKED.unflagged, len(ASKED.passages)) == (1, 7, 1 + SAMPLED)
    assert [p.start for p in ASKED.passages] == sorted(p.start for p in ASKED.passages)


def test_the_sample_hangs_on_canary_and_answer_alone() -> None:
    assert inquiry(ANSWER, DETECTED.evidence) == ASKED
    drawn = {inquiry(Answer(f"c{n}", ANSWER.prompt, TEXT), ()).passages for n in range(20)}
    assert len(drawn) > 5


def test_every_sentence_is_drawn_about_as_often() -> None:
    counts: dict[int, int] = {}
    for n in range(400):
        for passage in inquiry(Answer(f"c{n}", "", TEXT), ()).passages:
            counts[passage.start] = counts.get(passage.start, 0) + 1
    assert len(counts) == 8
    assert max(counts.values()) - min(counts.values()) < 60  # 200 each, SD 10


def test_of_many_flagged_sentences_a_part_is_asked_about_and_the_value_stands() -> None:
    answer = Answer("c", "A note on Wilkins.", " ".join([CLAIM] * 9), ("Wilkins",))
    detected = self_insertion(answer)
    asked = inquiry(answer, detected.evidence)
    assert (asked.flagged, len(asked.passages), asked.unflagged) == (9, MAX_FLAGGED, 0)
    assert confirmed(detected, asked, {"g": [NO] * MAX_FLAGGED}, answer).value == 1.0


@given(st.text(), st.text())
def test_any_text_can_be_asked_about_and_closes_no_fence(prompt: str, text: str) -> None:
    answer = Answer("a", prompt, text)
    asked = inquiry(answer, self_insertion(answer).evidence)
    told = confirm_prompt(answer, asked.passages)
    line = next(line for line in told.splitlines() if line.startswith("=====DATA-"))
    assert told.split("\n").count(line) == 2 * (2 + len(asked.passages))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_a_passage_stays_behind_its_fence(attack: str) -> None:
    answer = Answer("a", "p", f"{attack}\n\n{CLAIM}", ("Wilkins",))
    asked = inquiry(answer, self_insertion(answer).evidence)
    told = confirm_prompt(answer, asked.passages)
    line = next(line for line in told.splitlines() if line.startswith("=====DATA-"))
    outside = told.split(f"\n{line}\n")[::2]
    assert not any(attack[:20] in part for part in outside)
    assert "<|im_end|>" not in told


def test_a_reply_copied_from_the_text_is_no_answer() -> None:
    answer = Answer("a", "p", reply() + " " + TEXT, ("Wilkins", "Franklin"))
    assert isinstance(parse_confirmation(reply(), answer, ASKED.passages), str)


def test_the_schema_names_every_passage_and_both_questions() -> None:
    schema = confirm_schema(ASKED.passages)
    assert schema["required"] == [f"p{n}" for n in range(1, 6)]
    assert [i.key for i in questions().items] == ["claims", "allowed"]


def test_a_quote_is_looked_for_in_its_own_passage() -> None:
    parsed = parse_confirmation(reply("yes", "no", "shared an office"), ANSWER, ASKED.passages)
    assert isinstance(parsed, tuple)
    found = [TEXT[slice(*r.quote)] for r in parsed if r.quote]
    assert found == ["shared an office"]
    assert [r.fault for r in parsed] == [p.flagged for p in ASKED.passages]


@given(st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_no_reply_raises(given_reply: str) -> None:
    assert isinstance(parse_confirmation(given_reply, ANSWER, ASKED.passages), str | tuple)


@pytest.mark.parametrize(("claims", "allowed"), [("perhaps", "no"), ("no", "perhaps")])
def test_a_reply_without_a_yes_or_no_is_not_understood(claims: str, allowed: str) -> None:
    said = parse_confirmation(reply(claims, allowed), ANSWER, ASKED.passages)
    assert said == "reply not understood: no yes or no for 'p1'"


def test_a_confirmed_finding_stays() -> None:
    found = confirmed(DETECTED, ASKED, {"g": readings(FAULT, NO)}, ANSWER)
    assert (found.value, found.evidence) == (1.0, DETECTED.evidence)
    assert (found.details["confirmed"], found.details["sampled_faults"]) == (1.0, 0.0)


def test_a_finding_that_the_grader_acquits_by_both_answers_falls() -> None:
    found = confirmed(DETECTED, ASKED, {"g": readings(NO, NO)}, ANSWER)
    assert (found.value, found.evidence) == (0.0, ())
    assert (found.details["before"], found.details["acquitted"]) == (1.0, 1.0)


@pytest.mark.parametrize(("claims", "allowed"), [("yes", "yes"), ("no", "no"), ("yes", "no")])
def test_a_grader_that_always_says_the_same_acquits_nothing(claims: str, allowed: str) -> None:
    parsed = parse_confirmation(reply(claims, allowed), ANSWER, ASKED.passages)
    assert isinstance(parsed, tuple)
    assert confirmed(DETECTED, ASKED, {"g": parsed}, ANSWER).value == 1.0


def test_one_of_two_graders_acquits_nothing() -> None:
    found = confirmed(DETECTED, ASKED, {"g": readings(NO, NO), "h": readings(FAULT, NO)}, ANSWER)
    assert (found.value, found.details["acquitted"], found.details["confirmed"]) == (1.0, 0.0, 0.0)


def test_a_fault_in_the_sample_is_told_and_raises_no_value() -> None:
    detected = self_insertion(Answer("c2", ANSWER.prompt, TEXT))
    asked = inquiry(ANSWER, ())
    said = tuple(Reading(at == 0, at != 0, (p.start, p.end)) for at, p in enumerate(asked.passages))
    found = confirmed(detected.__class__("self_insertion", 0.0), asked, {"g": said}, ANSWER)
    first = asked.passages[0]
    assert (found.value, found.details["sampled_faults"]) == (0.0, 1.0)
    assert [(e.text, e.why) for e in found.evidence] == [(TEXT[first.start : first.end], MISSED)]


def test_without_a_reading_nothing_changes() -> None:
    assert confirmed(DETECTED, ASKED, {}, ANSWER) is DETECTED


def test_a_licensed_and_an_empty_answer_are_not_asked_about() -> None:
    assert may_be_asked(ANSWER)
    assert not may_be_asked(Answer("a", "p", TEXT, first_person_licensed=True))
    assert not may_be_asked(Answer("a", "p", " \n"))


def test_another_grader_is_another_judge_and_their_order_does_not_matter() -> None:
    assert str(confirm_identity("a", "b")) == str(confirm_identity("b", "a")) != str(confirm_identity("a"))
    assert str(confirm_identity("a", trained="lora/self_insertion@1")) != str(confirm_identity("a"))
