"""The Inspect scorer: every judge over one answer, the graded dimensions too where a grader is there."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio.to_thread
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from canaries.suite import load_suite
from evals import facts
from evals.graders import grade
from evals.self_insertion_confirm import KEY as SELF_INSERTION
from evals.self_insertion_confirm import Confirmation, confirm
from judges.panel import Panel
from judges.reference import load_reference
from judges.types import Answer, Judgement
from judges.voice_match import separation_message
from timbre.paths import DEFAULT_FLOOR
from training.runs import read_run


@metric
def mean_scored() -> Metric:
    """Mean over the answers that have a value; NaN, never 0, where none has."""

    def compute(scores: list[SampleScore]) -> float:
        values = [s.score.as_float() for s in scores]
        known = [v for v in values if not math.isnan(v)]
        return sum(known) / len(known) if known else math.nan

    return compute


@scorer(metrics={"*": [mean_scored()]}, name="voice")
def voice_scorer(voice: str, suite: str, base_sha256: str, impostors: str = "") -> Scorer:
    """Judge an answer on every dimension of contract C4.

    Args:
        voice: The writer's pairs.
        suite: The suite's YAML file, whose prompts ``relevance`` compares.
        base_sha256: Identity of the base, whose learned phrases count as slop.
        impostors: JSON Lines of further writers for ``voice_match``; empty for the shipped ones alone.
    """

    async def score(state: TaskState, target: Target) -> Score:
        answer = _answer(state)
        panel = _panel(voice, suite, base_sha256, impostors, state.model.name)
        judgements = await anyio.to_thread.run_sync(panel.judge, answer)
        judgements |= await grade(answer, judgements["integrity"])
        confirmation = await confirm(answer, judgements[SELF_INSERTION])
        return as_score(
            judgements,
            answer,
            truncated=state.output.stop_reason == "max_tokens",
            confirmation=confirmation,
            judged_by=await _judged_by(voice, impostors),
        )

    return score


async def _judged_by(voice: str, impostors: str) -> dict[str, str | None]:
    """See ``evals.facts.judged_by``; with how well ``voice_match`` tells the writer apart."""
    further = Path(impostors) if impostors else None
    named = await anyio.to_thread.run_sync(facts.judged_by, Path(voice), further)
    text, reason = await anyio.to_thread.run_sync(_separation, voice, impostors)
    return {**named, "separation": text, "voice_match_advisory": reason}


@lru_cache(maxsize=8)
def _separation(voice: str, impostors: str) -> tuple[str, str]:
    return separation_message(
        load_reference(Path(voice), DEFAULT_FLOOR, Path(impostors) if impostors else None)
    )


def as_score(
    judgements: dict[str, Judgement],
    answer: Answer,
    *,
    truncated: bool,
    confirmation: Confirmation | None = None,
    judged_by: Mapping[str, str | None] | None = None,
) -> Score:
    """All judgements as one Inspect score: NaN for unscored, everything else in the metadata.

    Args:
        judgements: By dimension.
        answer: What was judged.
        truncated: Whether the token limit cut it off.
        confirmation: Takes the place of the detector's ``self_insertion``.
        judged_by: See ``evals.facts.judged_by``; for a log that is judged again later than it was made.
    """
    if confirmation is not None:
        judgements = {**judgements, SELF_INSERTION: confirmation.judgement}
    asked = confirmation.record if confirmation else None
    return Score(
        value={key: math.nan if j.value is None else j.value for key, j in judgements.items()},
        answer=answer.text,
        explanation="\n".join(
            f"{key}: {'unscored, ' + str(j.unscored) if j.value is None else format(j.value, '.2f')}"
            + "".join(f"\n  {e.why}: {e.text}" for e in j.evidence)
            for key, j in judgements.items()
        )
        + (f"\n{_confirmation_line(asked)}" if asked else ""),
        metadata={
            "truncated": truncated,
            **({"judged_by": dict(judged_by)} if judged_by else {}),
            **({"self_insertion": dict(asked)} if asked else {}),
            "judgements": {
                key: {
                    "value": j.value,
                    "evidence": [asdict(e) for e in j.evidence],
                    "unscored": j.unscored,
                    "details": dict(j.details),
                    "judge": j.judge,
                }
                for key, j in judgements.items()
            },
        },
    )


def _confirmation_line(asked: Mapping[str, Any]) -> str:
    """Stage 2 of self_insertion for somebody who reads the log."""
    reasons = "".join(f"; {name} {reason}" for name, reason in asked["unanswered"].items())
    verdict = "disagreement" if asked["disagreement"] else "no disagreement"
    return f"self_insertion, stage 2: detector {asked['detector']:g}, {verdict}{reasons}"


def _answer(state: TaskState) -> Answer:
    meta: dict[str, Any] = state.metadata
    low, high = meta["target_words"]
    return Answer(
        id=str(state.sample_id),
        prompt=state.input_text,
        text=state.output.completion,
        subjects=tuple(meta["subjects"]),
        first_person_licensed=bool(meta["first_person_licensed"]),
        target_words=(int(low), int(high)),
    )


@lru_cache(maxsize=8)
def _panel(voice: str, suite: str, base_sha256: str, impostors: str, run: str) -> Panel:
    """The judges for one run: what it was trained on may not be copied, beside the writer's own pairs."""
    name, _, _ = run.rpartition("/")[2].partition("@")  # an epoch was trained on what its run was
    trained = read_run(name)
    return Panel(
        load_reference(Path(voice), DEFAULT_FLOOR, Path(impostors) if impostors else None),
        [response for _, response in trained.training_pairs()] if trained else [],
        {canary.prompt: canary.facts for canary in load_suite(suite).canaries},
        base_sha256,
    )
