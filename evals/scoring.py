"""The Inspect scorer: every judge over one answer, the graded dimensions too where a grader is there."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from evals.graders import grade, grader_names, role_graders
from evals.inspect_internals import prerequisite
from evals.judging import judge, judged_against
from evals.registry import PROVIDER
from evals.self_insertion_confirm import KEY as SELF_INSERTION
from evals.self_insertion_confirm import confirm
from judges.conversation import as_one, conversation
from judges.types import Answer, Judgement, unscored


@metric
def mean_scored() -> Metric:
    """Mean over the answers that have a value; where none has, n = 0 in its place, and never NaN."""

    def compute(scores: list[SampleScore]) -> Value:
        values = [s.score.as_float() for s in scores]
        known = [v for v in values if not math.isnan(v)]
        return sum(known) / len(known) if known else {"n": 0}

    return compute


class _Shared(dict[str, Any]):
    """A dict that isn't written to any more. Inspect copies each score once for each dimension it shows a mean of."""

    def __deepcopy__(self, memo: object) -> "_Shared":
        return self


@scorer(metrics={"*": [mean_scored()]}, name="voice")
def voice_scorer(voice: str, suite: str, base_sha256: str, impostors: str = "") -> Scorer:
    """Judge an answer on every dimension of contract C4; ``judging.JudgedAgainst`` says what each argument is for."""
    with prerequisite():
        further = Path(impostors) if impostors else None
        against = judged_against(Path(voice), suite, base_sha256, further, "")

    async def score(state: TaskState, target: Target) -> Score:
        answer = _answer(state)
        judged = await judge(answer, replace(against, run=run_of(str(state.model))))
        with prerequisite():
            graders = role_graders()
        graded = await grade(as_one(answer), graders, judged.judgements["integrity"])
        confirmation = await confirm(as_one(answer), judged.judgements[SELF_INSERTION], graders)
        asked = confirmation.record
        judgements = {**judged.judgements, **graded, SELF_INSERTION: confirmation.judgement}
        if (
            (replies := len(_replies(state)))
            < (turns := 1 + len(state.metadata.get("further_messages", [])))
            > 1
        ):
            why = f"{replies} of {turns} replies: a limit ended the conversation; evaluate without --message-limit"
            judgements = {key: unscored(key, f"{why} and --token-limit") for key in judgements}
        judged_by = {
            **against.judged_by,
            "grader": grader_names(),
            "separation": judged.separation,
            "voice_match_advisory": judged.advisory,
        }
        return Score(
            value={key: math.nan if j.value is None else j.value for key, j in judgements.items()},
            answer=answer.text,
            explanation="\n".join(
                [*(_line(j) for j in judgements.values()), *([_confirmation_line(asked)] if asked else [])]
            ),
            metadata={
                "truncated": state.output.stop_reason == "max_tokens",
                "judged_by": _Shared(judged_by),  # a log may be judged again, later than it was made
                **({"self_insertion": dict(asked)} if asked else {}),
                "judgements": _Shared(
                    {
                        key: {
                            "value": j.value,
                            "evidence": [asdict(e) for e in j.evidence],
                            "unscored": j.unscored,
                            "details": dict(j.details),
                            "judge": j.judge,
                        }
                        for key, j in judgements.items()
                    }
                ),
            },
        )

    return score


def run_of(model: str) -> str:
    """The run that an Inspect model stands for; empty where it is another provider's."""
    provider, _, name = model.rpartition("/")
    return name if provider.rpartition("/")[2] in ("", PROVIDER) else ""


def _line(j: Judgement) -> str:
    """A judgement for somebody who reads the log; NaN in the score's value is unscored here."""
    value = f"unscored, {j.unscored}" if j.value is None else format(j.value, ".2f")
    return f"{j.dimension}: {value}" + "".join(f"\n  {e.why}: {e.text}" for e in j.evidence)


def _confirmation_line(asked: Mapping[str, Any]) -> str:
    """Stage 2 of self_insertion for somebody who reads the log."""
    reasons = "".join(f"; {name} {reason}" for name, reason in asked["unanswered"].items())
    verdict = "disagreement" if asked["disagreement"] else "no disagreement"
    return f"self_insertion, stage 2: detector {asked['detector']:g}, {verdict}{reasons}"


def _replies(state: TaskState) -> list[str]:
    """What the model said since the canary's first message; few-shot turns come before it."""
    asked = (at for at, m in enumerate(state.messages) if m.role == "user" and m.text == state.input_text)
    return [m.text for m in state.messages[next(asked, 0) :] if m.role == "assistant"]


def _answer(state: TaskState) -> Answer:
    meta: dict[str, Any] = state.metadata
    low, high = meta["target_words"]
    earlier = _replies(state)[:-1] if "further_messages" in meta else []
    messages = meta.get("further_messages", [])[: len(earlier)]
    text, user_spans = conversation([*earlier, state.output.completion], messages)
    return Answer(
        id=str(state.sample_id),
        prompt=state.input_text,
        text=text,
        subjects=tuple(meta["subjects"]),
        first_person_licensed=bool(meta["first_person_licensed"]),
        target_words=(int(low), int(high)),
        user_spans=user_spans,
    )
