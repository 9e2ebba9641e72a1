"""Hold a judge against labels: what it says of each text, whether it says so twice, what turns it."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from judges.identity import JudgeIdentity
from judges.licensing.agreement import Agreement, Array, agreement
from judges.licensing.attacks import ATTACKS
from judges.licensing.label_file import MIN_ROWS, Labels
from judges.licensing.licence import SCHEMA_VERSION, LabelledBy, Licence
from judges.licensing.named_judges import Judging, NamedJudge
from judges.licensing.raters import Ceiling, ceiling
from judges.plain_text import words
from judges.types import DIMENSIONS, Answer
from timbre.errors import TimbreError

ATTACKED_TEXTS = 100
MAX_UNANSWERED = 0.1
"""Most attacked texts that a judge may leave without a value: above it nothing is said of attacks."""

_SEED = 20_260_118

NEEDS = {"compression": "target_words"}
"""Columns of labels without which a metric has no value."""


def calibrate(
    judge: NamedJudge,
    labels: Labels,
    *,
    domain: str,
    labelled_by: LabelledBy,
    cut: float = 0.5,
    attacks: Sequence[str] = ATTACKS,
    attacked_texts: int = ATTACKED_TEXTS,
) -> Licence:
    """Judge the labelled texts and set down how well the judge agrees.

    Args:
        judge: Who is calibrated.
        labels: Texts and labels; a higher label means more of the judge's dimension.
        domain: What texts they are.
        labelled_by: Who labelled them.
        cut: In (0, 1), the value from which an answer is a yes.
        attacks: Sentences to put behind the texts.
        attacked_texts: Most texts to put them behind.

    Raises:
        TimbreError: the judge scored fewer than ``MIN_ROWS`` rows, or rows of one class only.
    """
    answers = labels.answers
    given = _values(judge, judge.judge, answers)
    scored = ~np.isnan(given)
    if scored.sum() < MIN_ROWS or len(set(labels.labels[scored])) < 2:
        raise too_few(judge.identity, int(scored.sum()), f"{len(answers)} rows", labels)
    again = _values(judge, judge.ask_anew or judge.judge, answers)
    values, truth = given[scored], labels.labels[scored]
    counts = np.array([len(words(a.text)) for a, kept in zip(answers, scored, strict=True) if kept], float)
    measured = Measured(
        agreement(values, truth, counts, cut=cut),
        n_unscored=int((~scored).sum()),
        label_range=(float(truth.min()), float(truth.max())),
        binary=labels.binary,
        ceiling=ceiling(labels.ratings),
        retest_flip_rate=float((_decided(given, cut) != _decided(again, cut)).mean()),
        position_bias=None,
        injection_flip_rate=_injection_flips(judge, answers, given, cut, attacks, attacked_texts),
    )
    return as_licence(judge.identity, labels, measured, domain, labelled_by, cut)


@dataclass(frozen=True)
class Measured:
    """What a licence says of a judge, before it is one; figures as in ``Licence``.

    Attributes:
        agreement: Of value and label.
        n_unscored: Rows, or pairs, without a value.
        label_range: Least and greatest label.
        binary: Whether labels are 0 and 1.
        ceiling: Agreement of the raters.
        retest_flip_rate: In [0, 1].
        position_bias: In [0, 1], or None.
        injection_flip_rate: In [0, 1], or None.
    """

    agreement: Agreement
    n_unscored: int
    label_range: tuple[float, float]
    binary: bool
    ceiling: Ceiling | None
    retest_flip_rate: float
    position_bias: float | None
    injection_flip_rate: float | None


def as_licence(
    identity: JudgeIdentity,
    labels: Labels,
    measured: Measured,
    domain: str,
    labelled_by: LabelledBy,
    cut: float,
) -> Licence:
    """The licence of a judge that was measured today."""
    c = measured.agreement.confusion
    return Licence(
        schema_version=SCHEMA_VERSION,
        judge=identity.name,
        digest=identity.digest,
        dimension=identity.dimension,
        parts=dict(identity.parts),
        domain=domain.strip(),
        labelled_by=labelled_by,
        n=c.true_yes + c.false_yes + c.false_no + c.true_no,
        n_positive=c.true_yes + c.false_no,
        n_unscored=measured.n_unscored,
        label_kind="binary" if measured.binary else "ratings",
        label_low=measured.label_range[0],
        label_high=measured.label_range[1],
        labels_sha256=labels.sha256,
        cut_off=cut,
        created=datetime.date.today().isoformat(),
        agreement=measured.agreement,
        ceiling=measured.ceiling,
        retest_flip_rate=measured.retest_flip_rate,
        position_bias=measured.position_bias,
        injection_flip_rate=measured.injection_flip_rate,
    )


def too_few(identity: JudgeIdentity, scored: int, among: str, labels: Labels) -> TimbreError:
    """The error of labels that a judge scored too few of, or of one class only."""
    column = NEEDS.get(identity.dimension) if identity.name.startswith("metric/") else None
    lack = f"; give the column {column}" if column and column not in labels.columns else ""
    return TimbreError(
        f"{identity.name} scored {scored} of {among}: too few, or one class",
        where=labels.where,
        do=f"label {MIN_ROWS} or more texts of both kinds that it can score{lack}",
    )


def _values(judge: NamedJudge, judging: Judging, answers: Sequence[Answer]) -> Array:
    told = judging(answers)
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
    attacked_texts: int,
) -> float | None:
    """Share of attacks that turn a text's answer to what its writer would want.

    That is from no to yes on a dimension where more is better, and from yes to no where less is. Up to
    ``attacked_texts`` that can be turned are drawn with a fixed seed. An attacked text without a value is
    left out; None if there is no text to turn, or over ``MAX_UNANSWERED`` of the attacked have no value.
    """
    wanted = 0 if DIMENSIONS[judge.identity.dimension].direction == "down" else 1
    open_to_it = np.flatnonzero(_decided(values, cut) == 1 - wanted)
    if not len(open_to_it):
        return None
    drawn = np.random.default_rng(_SEED).permutation(open_to_it)[:attacked_texts]
    attacked = [
        replace(answers[i], id=f"{answers[i].id}+{at}", text=f"{answers[i].text}\n\n{attack}")
        for i in sorted(drawn)
        for at, attack in enumerate(attacks)
    ]
    decided = _decided(_values(judge, judge.judge, attacked), cut)
    return flip_rate(decided == wanted, decided >= 0)


def flip_rate(turned: NDArray[np.bool_], answered: NDArray[np.bool_]) -> float | None:
    """Share turned of those answered, shape (attacks,); None where too few were (``MAX_UNANSWERED``)."""
    if not len(answered) or 1 - answered.mean() > MAX_UNANSWERED:
        return None
    return float(turned[answered].mean())
