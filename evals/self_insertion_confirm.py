"""The graders asked to confirm ``self_insertion``: one call an answer and grader, kept as rubrics' are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_ai.model import Model
from inspect_ai.util import collect

from evals.graders import cut_off, named_graders, reply_cache, reply_config
from judges.self_insertion_confirm import (
    MAX_REPLY_TOKENS,
    Reading,
    confirm_identity,
    confirm_prompt,
    confirm_schema,
    confirmed,
    may_be_asked,
    parse_confirmation,
    questions,
)
from judges.self_insertion_passages import Inquiry, inquiry
from judges.types import Answer, Judgement
from timbre.errors import TimbreError

KEY = "self_insertion"


@dataclass(frozen=True)
class Confirmation:
    """The judgement after stage 2, and what the log is told of it.

    Attributes:
        judgement: Of ``self_insertion``.
        told: For the score's metadata: ``detector`` and ``value``, ``disagreement`` (a grader acquitted a
            flagged passage, or found a fault in a sampled one), ``unanswered`` (reason by grader), and
            ``passages`` with every grader's reading. None where no grader was asked.
    """

    judgement: Judgement
    told: Mapping[str, Any] | None = None


async def confirm(answer: Answer, detected: Judgement) -> Confirmation:
    """Ask the graders about the detector's finding; without a grader, it stands as it is.

    A grader that fails, or isn't understood, changes nothing, and the reason is told.
    """
    try:
        named = await named_graders()
    except TimbreError as error:
        return Confirmation(detected, _told(detected, detected, None, {}, {"grader": str(error)}))
    if not named or detected.value is None:
        return Confirmation(detected)
    judge = str(confirm_identity(*named, trained=detected.judge))
    asked = inquiry(answer, detected.evidence)
    if not may_be_asked(answer) or not asked.passages:
        return Confirmation(replace(detected, judge=judge))
    replies = await collect(*(ask(grader, name, answer, asked) for name, grader in named.items()))
    said = dict(zip(named, replies, strict=True))
    readings = {name: r for name, r in said.items() if not isinstance(r, str)}
    reasons = {name: r for name, r in said.items() if isinstance(r, str)}
    found = confirmed(detected, asked, readings, answer)
    if readings:
        found = replace(found, judge=judge)
    return Confirmation(found, _told(detected, found, asked, readings, reasons))


async def ask(
    grader: Model, name: str, answer: Answer, asked: Inquiry, *, keep: bool = True
) -> tuple[Reading, ...] | str:
    """One grader's readings, or why it has none.

    Args:
        grader: Who is asked.
        name: Its name, for the cache.
        answer: Whose passages they are.
        asked: The passages.
        keep: Whether a kept reply will do, and this one is kept.
    """
    config = reply_config(grader, "confirm_self_insertion", confirm_schema(asked.passages), MAX_REPLY_TOKENS)
    cache = reply_cache(name, questions()) if keep else False
    try:
        output = await grader.generate(confirm_prompt(answer, asked.passages), config=config, cache=cache)
    except Exception as error:  # any provider's failure: the detector's value stands
        return f"failed: {type(error).__name__}: {error}"[:300]
    said = parse_confirmation(output.completion, answer, asked.passages)
    return cut_off(output) or said if isinstance(said, str) else said


def _told(
    detected: Judgement,
    found: Judgement,
    asked: Inquiry | None,
    readings: Mapping[str, tuple[Reading, ...]],
    reasons: Mapping[str, str],
) -> dict[str, Any]:
    passages = [
        {**asdict(passage), "readings": {name: asdict(said[at]) for name, said in readings.items()}}
        for at, passage in enumerate(asked.passages if asked else ())
    ]
    pairs = [
        (p, said[at]) for said in readings.values() for at, p in enumerate(asked.passages if asked else ())
    ]
    disagreement = any(r.acquitted if p.flagged else r.fault for p, r in pairs)
    return {
        "detector": detected.value,
        "value": found.value,
        "disagreement": disagreement,
        "unanswered": dict(reasons),
        "passages": passages,
    }
