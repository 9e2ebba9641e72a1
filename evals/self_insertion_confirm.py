"""The graders asked to confirm ``self_insertion``: one call an answer and grader, cached as rubrics' are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_ai.util import collect

from evals.graders import Grader, cut_off, failure
from judges import panel
from judges.confirm import (
    MAX_REPLY_TOKENS,
    Inquiry,
    Reading,
    confirm_identity,
    confirm_prompt,
    confirmed,
    inquiry,
    needs_confirmation,
    parse_confirmation,
    questions,
)
from judges.types import Answer, Judgement

KEY = "self_insertion"


@dataclass(frozen=True)
class Confirmation:
    """The judgement after stage 2, and what the log stores of it."""

    judgement: Judgement
    record: Mapping[str, Any] | None = None
    """For the score's metadata: ``detector`` and ``value``, ``disagreement`` (a grader acquitted a flagged
    passage, or quoted a fault in a sampled one), ``unanswered`` (reason by grader), and ``passages`` with
    every grader's reading. None where no grader was asked."""


async def confirm(
    answer: Answer, detected: Judgement, graders: Sequence[Grader], *, use_cache: bool = True
) -> Confirmation:
    """Ask the graders about the detector's judgement; without a grader, it stands as it is.

    A grader that fails, or isn't understood, changes nothing, and the reason is recorded.
    """
    if not graders or detected.value is None:
        return Confirmation(detected)
    judge = str(confirm_identity(panel.judge_identities()[KEY], *(grader.name for grader in graders)))
    asked = inquiry(answer, detected.evidence)
    if not needs_confirmation(answer) or not asked.passages:
        return Confirmation(replace(detected, judge=judge))
    replies = await collect(*(_ask(grader, answer, asked, use_cache) for grader in graders))
    by_grader = {grader.name: reply for grader, reply in zip(graders, replies, strict=True)}
    readings = {name: r for name, r in by_grader.items() if not isinstance(r, str)}
    reasons = {name: r for name, r in by_grader.items() if isinstance(r, str)}
    judgement = confirmed(detected, asked, readings, answer)
    if readings:
        judgement = replace(judgement, judge=judge)
    return Confirmation(judgement, _record(detected, judgement, asked, readings, reasons))


async def _ask(grader: Grader, answer: Answer, asked: Inquiry, use_cache: bool) -> tuple[Reading, ...] | str:
    """One grader's readings of an answer's passages, or why it has none."""
    try:
        prompt = confirm_prompt(answer, asked.passages)
        output = await grader.reply(prompt, questions(), MAX_REPLY_TOKENS, use_cache=use_cache)
    except Exception as error:  # any provider's failure: the detector's value stands
        return f"failed: {failure(error)}"
    readings = parse_confirmation(output.completion, answer, asked.passages)
    return cut_off(output) or readings if isinstance(readings, str) else readings


def _record(
    detected: Judgement,
    judgement: Judgement,
    asked: Inquiry,
    readings: Mapping[str, tuple[Reading, ...]],
    reasons: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "detector": detected.value,
        "value": judgement.value,
        "disagreement": any(
            reading.acquitted if passage.flagged else reading.fault
            for of_grader in readings.values()
            for passage, reading in zip(asked.passages, of_grader, strict=True)
        ),
        "unanswered": dict(reasons),
        "passages": [
            {
                **asdict(passage),
                "readings": {name: asdict(of_grader[at]) for name, of_grader in readings.items()},
            }
            for at, passage in enumerate(asked.passages)
        ],
    }
