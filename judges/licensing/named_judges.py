"""Judges by name, as they are calibrated: who each is, and a function from answers to values."""

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from judges.command import DEFAULT_FLOOR
from judges.identity import JudgeIdentity
from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE

Judging = Callable[[Sequence[Answer]], Sequence[float | None]]
"""From answers to their values in [0, 1], in order; None for one that the judge could not score."""


@dataclass(frozen=True)
class NamedJudge:
    """A judge that can be calibrated.

    Attributes:
        identity: Who it is; the licence is kept under its digest.
        judge: What it says of answers.
        ask_anew: The same, though what it said before be kept somewhere; None where nothing is kept.
    """

    identity: JudgeIdentity
    judge: Judging
    ask_anew: Judging | None = None


def metric_judge(key: str) -> NamedJudge:
    """The judge of a dimension that needs no grader, against the shipped voice and floor.

    Raises:
        TimbreError: no such dimension, or one that is not judged in [0, 1] by a metric.
    """
    from judges.panel import judges_version

    if key not in METRICS:
        raise TimbreError(
            f"{key!r} is no metric",
            where="JUDGE",
            do=f"use one of {', '.join(METRICS)}, or a judge with its family, such as linear/humor",
        )
    identity, metric = metric_identity(key, judges_version()), _metric(key)
    if key in REFERENCED:
        texts = DEFAULT_VOICE.read_bytes() + DEFAULT_FLOOR.read_bytes()
        reference = hashlib.sha256(texts).hexdigest()
        identity = replace(identity, parts={**identity.parts, "reference": reference})
    return NamedJudge(identity, lambda answers: [metric(a).value for a in answers])


def _metric(key: str) -> Callable[[Answer], Judgement]:
    """One metric by itself: the whole panel takes fifty times as long."""
    from judges.memorization import MemorizationIndex, memorization
    from judges.reference import load_reference
    from judges.slop import hashtag_slop
    from judges.stock import stock_against
    from judges.voice_match import voice_match

    if key in REFERENCED:
        reference = load_reference(DEFAULT_VOICE, DEFAULT_FLOOR)
        if key == "voice_match":
            return lambda answer: voice_match(answer, reference)
        if key == "hashtag_slop":
            stock = stock_against(reference.train)
            return lambda answer: hashtag_slop(answer, stock)
        index = MemorizationIndex(reference.train, reference.name)
        return lambda answer: memorization(answer, index)
    judge: Callable[[Answer], Judgement] = getattr(importlib.import_module(f"judges.{key}"), key)
    return judge


def linear_judge(key: str) -> NamedJudge:
    """The fitted linear judge of a dimension.

    Raises:
        TimbreError: there is none.
    """
    from judges.linear import linear_identity, linear_judgements

    if key not in LINEAR:
        raise TimbreError(f"no linear judge of {key!r}", where="JUDGE", do=f"use one of {', '.join(LINEAR)}")
    return NamedJudge(
        linear_identity(key), lambda answers: [linear_judgements(a)[key].value for a in answers]
    )


METRICS = tuple(k for k, d in DIMENSIONS.items() if d.judged_by == "metric" and d.unit == "share")
"""Metrics that can be calibrated. ``compression`` needs labels with a band of words, and ``self_insertion``
sees less without those whom the prompt is about: both are columns that a file of labels may have."""

REFERENCED = ("hashtag_slop", "voice_match", "memorization")
"""Metrics whose values depend on the writer's texts too, which are a part of their identity."""
LINEAR = ("humor", "provocativeness")

Family = Callable[[str], NamedJudge]
"""From the part of a judge's name after the slash to the judge."""

FAMILIES: Mapping[str, Family] = {"metric": metric_judge, "linear": linear_judge}
"""By the part before the slash: those that need nobody to be asked."""


def metric_identity(key: str, version: str) -> JudgeIdentity:
    """The metric of a dimension under the rules with that ``judges_version``; see ``REFERENCED``."""
    return JudgeIdentity(f"metric/{key}", key, {"judges": version})


def find_judge(name: str, families: Mapping[str, Family] = FAMILIES) -> NamedJudge:
    """The judge of that name: ``linear/humor``, ``metric/self_insertion``, or a metric's key alone.

    Args:
        name: Family and key.
        families: Those there are; a caller that knows a grader adds its own.

    Raises:
        TimbreError: there is none; the message lists those there are.
    """
    family, slash, key = name.partition("/")
    if not slash:
        family, key = "metric", name
    if family not in families:
        asked = (f"{other}/NAME" for other in families if other not in FAMILIES)
        known = [*METRICS, *(f"{kind}/{key}" for kind in ("linear", "lora") for key in LINEAR)]
        known += ["lora/self_insertion", *asked]
        raise TimbreError(f"no judge {name!r}", where="JUDGE", do=f"use one of {', '.join(known)}")
    return families[family](key)
