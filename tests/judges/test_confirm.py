"""Stage 2 of self_insertion: which passages are asked about, and what the readings do to the value."""

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.confirm import (
    MAX_FLAGGED,
    MISSED,
    SAMPLED,
    VERSION,
    Reading,
    confirm_identity,
    confirm_prompt,
    confirmed,
    inquiry,
    needs_confirmation,
    parse_confirmation,
    questions,
)
from judges.types import Answer, Evidence, JudgeIdentity, Judgement

CLAIM = "Wilkins and I shared an office that winter."
TEXT = (
    f"The helix was a race. {CLAIM} Nobody slept much. The pictures were good. Credit was not. "
    "Her letters survive. Prizes came late. So it goes."
)
ANSWER = Answer("c1", "A note on Wilkins and Franklin.", TEXT, ("Wilkins", "Franklin"))


def detect(text: str, phrase: str = "shared an office") -> Judgement:
    """What a detector says that flags one phrase wherever it stands."""
    places = [at for at in range(len(text)) if text.startswith(phrase, at)]
    evidence = tuple(Evidence(phrase, at, at + len(phrase), "made_up") for at in places)
    return Judgement("self_insertion", float(bool(places)), evidence)


DETECTED = detect(TEXT)
ASKED = inquiry(ANSWER, DETECTED.evidence)
NO = Reading(claims=False, allowed=True, quote=None)
FAULT = Reading(claims=True, allowed=False, quote=(0, 3))


def reply(claims: str = "no", allowed: str = "yes", quote: str = "") -> str:
    """The same reading of every passage."""
    one = {"claims": {"quote": quote, "answer": claims}, "allowed": {"quote": "", "answer": allowed}}
    return json.dumps({f"p{n}": one for n in range(1, len(ASKED.passages) + 1)})


def readings(flagged: Reading, sampled: Reading) -> tuple[Reading, ...]:
    return tuple(flagged if p.flagged else sampled for p in ASKED.passages)


def test_the_version_is_raised_when_what_is_asked_changes() -> None:
    prompt = confirm_prompt(ANSWER, ASKED.passages).text
    assert (VERSION, hashlib.sha256(prompt.encode()).hexdigest()[:12]) == (2, "28ec28501f94")


def test_the_flagged_sentence_and_a_sample_of_the_others_are_asked_about_in_order() -> None:
    assert [TEXT[p.start : p.end] for p in ASKED.passages if p.flagged] == [CLAIM]
    assert (ASKED.flagged, ASKED.unflagged, len(ASKED.passages), SAMPLED) == (1, 7, 5, 4)
    assert [p.start for p in ASKED.passages] == sorted(p.start for p in ASKED.passages)
    assert inquiry(ANSWER, DETECTED.evidence) == ASKED


def test_every_sentence_is_drawn_about_as_often() -> None:
    drawn = Counter(
        p.start for n in range(400) for p in inquiry(Answer(f"c{n}", "", TEXT), ()).passages
    ).values()
    assert len(drawn) == 8 and max(drawn) - min(drawn) < 60  # 200 each, SD 10


def test_of_many_flagged_sentences_a_part_is_asked_about_and_the_value_stands() -> None:
    answer = Answer("c", "A note on Wilkins.", " ".join([CLAIM] * 9))
    asked = inquiry(answer, detect(answer.text).evidence)
    assert (asked.flagged, len(asked.passages), asked.unflagged, MAX_FLAGGED) == (9, 6, 0, 6)
    assert confirmed(detect(answer.text), asked, {"g": [NO] * 6}, answer).value == 1.0


def test_evidence_outside_of_any_sentence_is_asked_about_too() -> None:
    answer = Answer("c", "p", "Nobody slept.\n\n```python\nshared an office\n```\n")
    asked = inquiry(answer, detect(answer.text).evidence)
    assert [answer.text[p.start : p.end] for p in asked.passages if p.flagged] == ["shared an office"]


@given(st.text(), st.text())
def test_any_text_can_be_asked_about_and_closes_no_fence(prompt: str, text: str) -> None:
    answer = Answer("a", prompt, text)
    asked = inquiry(answer, detect(text, "a").evidence)
    shown = confirm_prompt(answer, asked.passages).text
    line = next(line for line in shown.splitlines() if line.startswith("=====DATA-"))
    assert shown.split("\n").count(line) == 2 * (2 + len(asked.passages))


def test_the_schema_names_every_passage_and_both_questions() -> None:
    schema = confirm_prompt(ANSWER, ASKED.passages).schema
    assert schema["required"] == [f"p{n}" for n in range(1, 6)] == list(json.loads(reply()))
    assert [i.key for i in questions().items] == ["claims", "allowed"]


def test_a_quote_is_looked_for_in_its_own_passage() -> None:
    parsed = parse_confirmation(reply("yes", "no", "shared an office"), ANSWER, ASKED.passages)
    assert isinstance(parsed, tuple)
    assert [TEXT[slice(*r.quote)] for r in parsed if r.quote] == ["shared an office"]
    assert [r.fault for r in parsed] == [p.flagged for p in ASKED.passages]


@pytest.mark.parametrize(
    ("given_reply", "answer", "problem"),
    [
        (reply("perhaps", "no"), ANSWER, "no yes or no for 'p1'"),
        (reply("no", "perhaps"), ANSWER, "no yes or no for 'p1'"),
        (json.dumps({"p2": {}}), ANSWER, "no yes or no for 'p1'"),
        ("Nine of ten.", ANSWER, "not one JSON object of its own"),
        (reply(), Answer("a", "p", f"{reply()} {TEXT}"), "not one JSON object of its own"),
    ],
)
def test_any_other_reply_is_not_understood(given_reply: str, answer: Answer, problem: str) -> None:
    assert parse_confirmation(given_reply, answer, ASKED.passages) == f"reply not understood: {problem}"


@given(st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_no_reply_raises(given_reply: str) -> None:
    assert isinstance(parse_confirmation(given_reply, ANSWER, ASKED.passages), str | tuple)


@pytest.mark.parametrize(
    ("graders", "value", "acquitted", "confirmed_count", "sampled_faults"),
    [
        ([readings(FAULT, NO)], 1.0, 0, 1, 0),
        ([readings(NO, NO)], 0.0, 1, 0, 0),
        ([readings(NO, NO), readings(NO, NO)], 0.0, 1, 0, 0),
        ([readings(NO, NO), readings(FAULT, NO)], 1.0, 0, 0, 0),
        ([readings(FAULT, NO), readings(FAULT, NO), readings(NO, NO)], 1.0, 0, 1, 0),
        ([readings(Reading(True, False, None), NO)], 1.0, 0, 0, 0),
        ([readings(NO, FAULT)], 0.0, 1, 0, 4),
    ],
)
def test_a_value_falls_only_where_every_grader_acquits(
    graders: list[tuple[Reading, ...]],
    value: float,
    acquitted: int,
    confirmed_count: int,
    sampled_faults: int,
) -> None:
    given_readings = {str(at): grader for at, grader in enumerate(graders)}
    judged = confirmed(DETECTED, ASKED, given_readings, ANSWER)
    assert judged.value == value
    assert [e for e in judged.evidence if e.why != MISSED] == (list(DETECTED.evidence) if value else [])
    assert judged.details == {
        "before": 1.0,
        "flagged": 1.0,
        "flagged_asked": 1.0,
        "confirmed": confirmed_count,
        "acquitted": acquitted,
        "unflagged": 7.0,
        "sampled": 4.0,
        "sampled_faults": sampled_faults,
        "answered": len(graders),
    }


@pytest.mark.parametrize(("claims", "allowed"), [("yes", "yes"), ("no", "no"), ("yes", "no")])
def test_a_grader_that_always_says_the_same_acquits_nothing(claims: str, allowed: str) -> None:
    parsed = parse_confirmation(reply(claims, allowed), ANSWER, ASKED.passages)
    assert isinstance(parsed, tuple)
    assert confirmed(DETECTED, ASKED, {"g": parsed}, ANSWER).value == 1.0


def test_a_fault_in_the_sample_is_evidence_and_raises_no_value() -> None:
    asked = inquiry(ANSWER, ())
    given_readings = [Reading(at == 0, at != 0, (p.start, p.end)) for at, p in enumerate(asked.passages)]
    judged = confirmed(Judgement("self_insertion", 0.0), asked, {"g": given_readings}, ANSWER)
    first = asked.passages[0]
    assert (judged.value, judged.details["sampled_faults"]) == (0.0, 1.0)
    assert [(e.text, e.why) for e in judged.evidence] == [(TEXT[first.start : first.end], MISSED)]


def test_without_a_reading_nothing_changes() -> None:
    assert confirmed(DETECTED, ASKED, {}, ANSWER) is DETECTED


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (ANSWER, True),
        (Answer("a", "p", TEXT, first_person_licensed=True), False),
        (Answer("a", "p", " \n"), False),
    ],
)
def test_a_licensed_and_an_empty_answer_are_not_asked_about(answer: Answer, wanted: bool) -> None:
    assert needs_confirmation(answer) is wanted


def test_another_detector_or_grader_is_another_judge_and_the_order_of_graders_is_none() -> None:
    detector, other = (JudgeIdentity("self_insertion", "self_insertion", version) for version in (1, 2))
    assert confirm_identity(detector, "a", "b") == confirm_identity(detector, "b", "a")
    judges = {str(confirm_identity(*args)) for args in ((detector, "a"), (detector, "a", "b"), (other, "a"))}
    assert len(judges) == 3
