"""Stage 2 of self_insertion: what the graders are asked, what is cached, and what the log stores."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evals.graders import Grader
from evals.self_insertion_confirm import Confirmation, confirm
from judges import panel
from judges.confirm import confirm_identity
from judges.types import Answer, Evidence, JudgeIdentity, Judgement

MakeGrader = Callable[..., Any]
Confirm = Callable[..., Confirmation]
TEXT = "The helix was a race. Wilkins and I shared an office that winter. Nobody slept. Her letters survive."
ANSWER = Answer("c1", "A note on Wilkins.", TEXT, ("Wilkins",))
DETECTOR = JudgeIdentity("self_insertion", "self_insertion", 4)
CLAIM = Evidence("Wilkins and I", 22, 35, "made_up")
DETECTED = Judgement("self_insertion", 1.0, (CLAIM,), judge=str(DETECTOR))


def reading(claims: str, allowed: str, quote: str = "") -> Callable[[str], str]:
    """A grader that reads every passage alike."""

    def reply(prompt: str) -> str:
        keys = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        one = {"claims": {"quote": quote, "answer": claims}, "allowed": {"quote": "", "answer": allowed}}
        return json.dumps({key: one for key in keys})

    return reply


@pytest.fixture
def confirmed(monkeypatch: pytest.MonkeyPatch) -> Confirm:
    """What comes of stage 2 with these graders."""

    def ask(*fakes: Any, answer: Answer = ANSWER, detected: Judgement = DETECTED) -> Confirmation:
        monkeypatch.setattr(panel, "judge_identities", lambda: {"self_insertion": DETECTOR})
        return asyncio.run(confirm(answer, detected, [Grader.of(fake.model) for fake in fakes]))

    return ask


def test_both_values_and_every_reading_are_recorded(confirmed: Confirm, make_grader: MakeGrader) -> None:
    confirmation = confirmed(make_grader(reading("no", "yes")))
    record = confirmation.record
    assert record is not None and confirmation.judgement.value == 0.0
    assert (record["detector"], record["value"], record["disagreement"]) == (1.0, 0.0, True)
    assert len(record["passages"]) == 4 and sum(p["flagged"] for p in record["passages"]) == 1
    reading_of_first = record["passages"][0]["readings"]["mockllm/grader"]
    assert reading_of_first == {"claims": False, "allowed": True, "quote": None}
    assert confirmation.judgement.judge == str(confirm_identity(DETECTOR, "mockllm/grader"))


@pytest.mark.parametrize(
    ("quote", "disagreement", "confirmed_count", "sampled_faults"),
    [("Wilkins and I shared", False, 1.0, 0.0), ("Nobody slept", True, 0.0, 1.0)],
)
def test_a_confirmed_claim_is_no_disagreement_and_an_overlooked_one_is(
    confirmed: Confirm,
    make_grader: MakeGrader,
    quote: str,
    disagreement: bool,
    confirmed_count: float,
    sampled_faults: float,
) -> None:
    confirmation = confirmed(make_grader(reading("yes", "no", quote)))
    details = confirmation.judgement.details
    assert confirmation.record and confirmation.record["disagreement"] is disagreement
    assert (details["confirmed"], details["sampled_faults"]) == (confirmed_count, sampled_faults)
    assert confirmation.judgement.value == 1.0


def test_a_grader_that_fails_leaves_the_detectors_value_and_the_reason_is_recorded(
    confirmed: Confirm, make_grader: MakeGrader
) -> None:
    def fails(prompt: str) -> str:
        raise ConnectionRefusedError("no such host")

    dead, mute = make_grader(fails, "dead"), make_grader(lambda prompt: "Nine of ten.", "mute")
    torn = make_grader(lambda prompt: "{", "torn", stop_reason="max_tokens")
    confirmation = confirmed(dead, mute, torn)
    assert confirmation.judgement == DETECTED and confirmation.record is not None
    reasons = confirmation.record["unanswered"]
    assert "no such host" in reasons["mockllm/dead"] and "not understood" in reasons["mockllm/mute"]
    assert "cut off" in reasons["mockllm/torn"]


def test_a_reply_is_cached(confirmed: Confirm, make_grader: MakeGrader) -> None:
    grader = make_grader(reading("no", "yes"))
    assert confirmed(grader) == confirmed(grader) and len(grader.prompts) == 1


def test_nothing_is_asked_where_there_is_nothing_to_ask(confirmed: Confirm, make_grader: MakeGrader) -> None:
    grader = make_grader(reading("yes", "no"))
    licensed = replace(ANSWER, first_person_licensed=True)
    judge = str(confirm_identity(DETECTOR, "mockllm/grader"))
    assert confirmed(grader, answer=licensed) == Confirmation(replace(DETECTED, judge=judge))
    assert confirmed() == Confirmation(DETECTED)
    nothing = Judgement("self_insertion", None, unscored="empty answer")
    assert confirmed(grader, answer=replace(ANSWER, text=""), detected=nothing) == Confirmation(nothing)
    assert grader.prompts == []
