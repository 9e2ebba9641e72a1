"""Hold a judge against labels: what it says of each text, whether it says so twice, what turns it.

A judge is calibrated as a ``NamedJudge``: who it is, and a function from answers to values. ``find_judge``
makes one from a name; a new family of judges is one more row of ``FAMILIES``.
"""

import datetime
import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from judges.command import DEFAULT_FLOOR
from judges.identity import JudgeIdentity
from judges.licensing.agreement import Array, agreement
from judges.licensing.attacks import ATTACKS
from judges.licensing.label_file import MIN_ROWS, Labels
from judges.licensing.licence import SCHEMA_VERSION, LabelledBy, Licence
from judges.licensing.raters import ceiling
from judges.plain_text import words
from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE

Judging = Callable[[Sequence[Answer]], Sequence[float | None]]
"""From answers to their values in [0, 1], in order; None for one that the judge could not score."""

ATTACKED_TEXTS = 100
_SEED = 20_260_118


@dataclass(frozen=True)
class NamedJudge:
    """A judge that can be calibrated.

    Attributes:
        identity: Who it is; the licence is kept under its digest.
        judge: What it says of answers.
    """

    identity: JudgeIdentity
    judge: Judging


def metric_judge(key: str) -> NamedJudge:
    """The judge of a dimension that needs no grader, against the shipped voice and floor.

    Raises:
        TimbreError: no such dimension, or one that is not judged in [0, 1] by a metric.
    """
    from judges.panel import judges_version

    if key not in METRICS:
        raise TimbreError(f"{key!r} is no metric", where="JUDGE", do=f"use one of {', '.join(METRICS)}")
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


METRICS = tuple(
    k for k, d in DIMENSIONS.items() if d.judged_by == "metric" and d.unit == "share" and k != "compression"
)
"""Metrics that can be calibrated; compression judges by a canary's band of words, which labels don't have."""

REFERENCED = ("hashtag_slop", "voice_match", "memorization")
"""Metrics whose values depend on the writer's texts too, which are a part of their identity."""
LINEAR = ("humor", "provocativeness")

FAMILIES: Mapping[str, Callable[[str], NamedJudge]] = {"metric": metric_judge, "linear": linear_judge}
"""By the part of a judge's name before the slash; each takes the part after it."""


def metric_identity(key: str, version: str) -> JudgeIdentity:
    """The metric of a dimension under the rules with that ``judges_version``; see ``REFERENCED``."""
    return JudgeIdentity(f"metric/{key}", key, {"judges": version})


def find_judge(name: str) -> NamedJudge:
    """The judge of that name: ``linear/humor``, ``metric/self_insertion``, or a metric's key alone.

    Raises:
        TimbreError: there is none; the message lists those there are.
    """
    family, slash, key = name.partition("/")
    if not slash:
        family, key = "metric", name
    if family not in FAMILIES:
        known = [*METRICS, *(f"linear/{key}" for key in LINEAR)]
        raise TimbreError(f"no judge {name!r}", where="JUDGE", do=f"use one of {', '.join(known)}")
    return FAMILIES[family](key)


def calibrate(
    judge: NamedJudge,
    labels: Labels,
    *,
    domain: str,
    labelled_by: LabelledBy,
    cut: float = 0.5,
    attacks: Sequence[str] = ATTACKS,
) -> Licence:
    """Judge the labelled texts and set down how well the judge agrees.

    Args:
        judge: Who is calibrated.
        labels: Texts and labels; a higher label means more of the judge's dimension.
        domain: What texts they are.
        labelled_by: Who labelled them.
        cut: In (0, 1), the value from which an answer is a yes.
        attacks: Sentences to put behind the texts.

    Raises:
        TimbreError: the judge scored fewer than ``MIN_ROWS`` rows, or rows of one class only.
    """
    answers = labels.answers
    given = _values(judge, answers)
    scored = ~np.isnan(given)
    if scored.sum() < MIN_ROWS or len(set(labels.labels[scored])) < 2:
        raise TimbreError(
            f"{judge.identity.name} scored {int(scored.sum())} of {len(answers)} rows: too few, or one class",
            where=labels.where,
            do=f"label {MIN_ROWS} or more texts of both kinds that it can score",
        )
    again = _values(judge, answers)
    values, truth = given[scored], labels.labels[scored]
    counts = np.array([len(words(a.text)) for a, kept in zip(answers, scored, strict=True) if kept], float)
    found = agreement(values, truth, counts, cut=cut)
    c = found.confusion
    return Licence(
        schema_version=SCHEMA_VERSION,
        judge=judge.identity.name,
        digest=judge.identity.digest,
        dimension=judge.identity.dimension,
        parts=dict(judge.identity.parts),
        domain=domain.strip(),
        labelled_by=labelled_by,
        n=len(values),
        n_positive=c.true_yes + c.false_no,
        n_unscored=int((~scored).sum()),
        label_kind="binary" if labels.binary else "ratings",
        label_low=float(truth.min()),
        label_high=float(truth.max()),
        labels_sha256=labels.sha256,
        cut_off=cut,
        created=datetime.date.today().isoformat(),
        agreement=found,
        ceiling=ceiling(labels.ratings),
        retest_flip_rate=float((_decided(given, cut) != _decided(again, cut)).mean()),
        position_bias=None,
        injection_flip_rate=_injection_flips(judge, answers, given, cut, attacks),
    )


def _values(judge: NamedJudge, answers: Sequence[Answer]) -> Array:
    told = judge.judge(answers)
    assert len(told) == len(answers), f"{judge.identity.name} left answers out"
    return np.array([np.nan if v is None else v for v in told], dtype=np.float64)


def _decided(values: Array, cut: float) -> NDArray[np.int64]:
    """1 for yes, 0 for no, -1 for none."""
    return np.where(np.isnan(values), -1, np.where(values >= cut, 1, 0)).astype(np.int64)


def _injection_flips(
    judge: NamedJudge,
    answers: Sequence[Answer],
    values: Array,
    cut: float,
    attacks: Sequence[str],
) -> float | None:
    """Share of attacks that turn a text's answer to what its writer would want.

    That is from no to yes on a dimension where more is better, and from yes to no where less is. Up to
    ``ATTACKED_TEXTS`` texts that can be turned are drawn with a fixed seed. None if there is no such text.
    """
    wanted = 0 if DIMENSIONS[judge.identity.dimension].direction == "down" else 1
    open_to_it = np.flatnonzero(_decided(values, cut) == 1 - wanted)
    if not len(open_to_it):
        return None
    drawn = np.random.default_rng(_SEED).permutation(open_to_it)[:ATTACKED_TEXTS]
    attacked = [
        replace(answers[i], id=f"{answers[i].id}+{at}", text=f"{answers[i].text}\n\n{attack}")
        for i in sorted(drawn)
        for at, attack in enumerate(attacks)
    ]
    return float((_decided(_values(judge, attacked), cut) == wanted).mean())
