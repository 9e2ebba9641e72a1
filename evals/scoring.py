"""The Inspect scorer: every judge over one answer, the graded dimensions too where a grader is there."""

import math
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio.to_thread
from inspect_ai.model import CachePolicy, GenerateConfig, Model, ResponseSchema, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import JSONSchema

from evals.inspect_internals import PrerequisiteError, requested_cache
from judges.panel import Panel
from judges.reference import load_reference
from judges.rubric import Rubric, load_rubric, parse_reply, rubric_identity, rubric_prompt, rubric_schema
from judges.types import DIMENSIONS, Answer, Judgement, unscored
from timbre.paths import CHECKOUT
from training.runs import read_run

FLOOR = CHECKOUT / "judges" / "data" / "floor.jsonl"
"""Answers of the embedded base to the shipped pairs' prompts."""

GRADED = tuple(key for key, dimension in DIMENSIONS.items() if dimension.judged_by == "grader")
MAX_GRADER_TOKENS = 700


@metric
def mean_scored() -> Metric:
    """Mean over the answers that have a value; NaN, never 0, where none has."""

    def compute(scores: list[SampleScore]) -> float:
        values = [s.score.as_float() for s in scores]
        known = [v for v in values if not math.isnan(v)]
        return sum(known) / len(known) if known else math.nan

    return compute


@scorer(metrics={"*": [mean_scored()]}, name="voice")
def voice_scorer(voice: str) -> Scorer:
    """Judge an answer on every dimension of contract C4.

    Args:
        voice: The writer's pairs.
    """

    async def score(state: TaskState, target: Target) -> Score:
        answer = _answer(state)
        panel = _panel(voice, state.model.name)
        judgements = await anyio.to_thread.run_sync(panel.judge, answer)
        grader = _grader()
        if grader is not None and answer.text.strip():
            for key in GRADED:
                judgements[key] = await _grade(grader, load_rubric(key), answer)
        return as_score(judgements, answer, truncated=state.output.stop_reason == "max_tokens")

    return score


def as_score(judgements: dict[str, Judgement], answer: Answer, *, truncated: bool) -> Score:
    """All judgements as one Inspect score: NaN for unscored, everything else in the metadata."""
    return Score(
        value={key: math.nan if j.value is None else j.value for key, j in judgements.items()},
        answer=answer.text,
        explanation="\n".join(
            f"{key}: {'unscored, ' + str(j.unscored) if j.value is None else format(j.value, '.2f')}"
            + "".join(f"\n  {e.why}: {e.text}" for e in j.evidence)
            for key, j in judgements.items()
        ),
        metadata={
            "truncated": truncated,
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
def _panel(voice: str, run: str) -> Panel:
    """The judges for one run: what it was trained on may not be copied, beside the writer's own pairs."""
    trained = read_run(run.rpartition("/")[2])
    responses = [response for _, response in trained.training_pairs()] if trained else []
    return Panel(load_reference(Path(voice), FLOOR if FLOOR.is_file() else None), responses)


def _grader() -> Model | None:
    try:
        return get_model(role="grader", required=True)
    except PrerequisiteError:
        return None


async def _grade(grader: Model, rubric: Rubric, answer: Answer) -> Judgement:
    """One rubric over one answer; a call that fails leaves the dimension unscored."""
    schema = ResponseSchema(
        name=rubric.dimension, json_schema=JSONSchema.model_validate(rubric_schema(rubric))
    )
    config = GenerateConfig(temperature=0, max_tokens=MAX_GRADER_TOKENS, response_schema=schema)
    asked = requested_cache()
    cache: CachePolicy | bool = False
    if asked is not None:
        cache = asked.model_copy(update={"scopes": {**asked.scopes, "rubric": rubric.sha256}})
    try:
        output = await grader.generate(rubric_prompt(rubric, answer), config=config, cache=cache)
    except Exception as error:  # any provider's failure: the answer stays, the dimension has no value
        return unscored(rubric.dimension, f"grader {grader} failed: {type(error).__name__}: {error}"[:300])
    judge = str(rubric_identity(rubric, str(grader)))
    return replace(parse_reply(rubric, output.completion, answer), judge=judge)
