"""Stage 2 of self_insertion in an Inspect eval: what is asked, kept, and written into the log."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import Model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from evals.scoring import as_score
from evals.self_insertion_confirm import confirm
from judges.self_insertion import self_insertion
from judges.types import Answer

MakeGrader = Callable[..., Any]
TEXT = "The helix was a race. Wilkins and I shared an office that winter. Nobody slept. Her letters survive."


def reading(claims: str, allowed: str, quote: str = "") -> Callable[[str], str]:
    """A grader that reads every passage alike."""

    def reply(prompt: str) -> str:
        asked = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        one = {"claims": {"quote": quote, "answer": claims}, "allowed": {"quote": "", "answer": allowed}}
        return json.dumps({key: one for key in asked})

    return reply


@solver
def answers() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@scorer(metrics={"*": [mean()]})
def inserted(licensed: bool = False) -> Scorer:
    async def judge(state: TaskState, target: Target) -> Score:
        answer = Answer("c1", "A note on Wilkins.", TEXT, ("Wilkins",), licensed)
        judged = self_insertion(answer)
        confirmation = await confirm(answer, judged)
        return as_score({"self_insertion": judged}, answer, truncated=False, confirmation=confirmation)

    return judge


def scored(folder: Path, graders: list[Model], make_grader: MakeGrader, licensed: bool = False) -> Score:
    (log,) = eval(
        Task(dataset=[Sample(id="c1", input="x")], solver=answers(), scorer=inserted(licensed)),
        model=make_grader(lambda prompt: "unused", "writer").model,
        model_roles={"grader": graders} if graders else {},
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success", log.error
    assert log.samples and log.samples[0].scores
    return log.samples[0].scores["inserted"]


def value(score: Score) -> float:
    assert isinstance(score.value, dict)
    found = score.value["self_insertion"]
    assert isinstance(found, int | float) and not math.isnan(found)
    return float(found)


def test_both_values_and_every_reading_are_in_the_log(tmp_path: Path, make_grader: MakeGrader) -> None:
    score = scored(tmp_path, [make_grader(reading("no", "yes")).model], make_grader)
    told = (score.metadata or {})["self_insertion"]
    assert (value(score), told["detector"], told["value"], told["disagreement"]) == (0.0, 1.0, 0.0, True)
    assert len(told["passages"]) == 4
    assert all(p["readings"]["mockllm/grader"]["allowed"] for p in told["passages"])
    judged = (score.metadata or {})["judgements"]["self_insertion"]
    assert judged["judge"].startswith("confirm/self_insertion@")
    assert "stage 2: detector 1, disagreement" in (score.explanation or "")


def test_a_confirmed_finding_is_no_disagreement(tmp_path: Path, make_grader: MakeGrader) -> None:
    score = scored(tmp_path, [make_grader(reading("yes", "no", "shared an office")).model], make_grader)
    assert (score.metadata or {})["self_insertion"]["disagreement"] is False
    assert value(score) == 1.0


def test_a_claim_the_detector_overlooked_is_told(tmp_path: Path, make_grader: MakeGrader) -> None:
    score = scored(tmp_path, [make_grader(reading("yes", "no", "Nobody slept")).model], make_grader)
    judged = (score.metadata or {})["judgements"]["self_insertion"]
    assert ("Nobody slept", "grader_alone") in [(e["text"], e["why"]) for e in judged["evidence"]]
    assert (judged["details"]["sampled_faults"], judged["details"]["confirmed"]) == (1.0, 0.0)


def test_a_grader_that_fails_leaves_the_detectors_value_and_says_why(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    def fails(prompt: str) -> str:
        raise ConnectionRefusedError("no such host")

    mute = make_grader(lambda prompt: "Nine of ten.", "mute").model
    score = scored(tmp_path, [make_grader(fails, "dead").model, mute], make_grader)
    told = (score.metadata or {})["self_insertion"]
    assert value(score) == 1.0
    assert "no such host" in told["unanswered"]["mockllm/dead"]
    assert "not understood" in told["unanswered"]["mockllm/mute"]
    assert (score.metadata or {})["judgements"]["self_insertion"]["judge"] == ""


def test_a_reply_is_kept(tmp_path: Path, make_grader: MakeGrader) -> None:
    grader = make_grader(reading("no", "yes"))
    for at in "ab":
        scored(tmp_path / at, [grader.model], make_grader)
    assert len(grader.prompts) == 1


def test_nothing_is_asked_without_a_grader_or_where_the_first_person_is_licensed(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    grader = make_grader(reading("yes", "no"))
    licensed = scored(tmp_path / "a", [grader.model], make_grader, licensed=True)
    alone = scored(tmp_path / "b", [], make_grader)
    assert grader.prompts == []
    assert (value(licensed), value(alone)) == (0.0, 1.0)
    assert "self_insertion" not in (alone.metadata or {})
    judges = [(s.metadata or {})["judgements"]["self_insertion"]["judge"] for s in (licensed, alone)]
    assert judges[0].startswith("confirm/") and judges[1] == ""
