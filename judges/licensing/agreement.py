"""How well does a judge agree with labels? Every figure with a 95 % interval, by percentile bootstrap.

But for sensitivity and specificity, shares of counted rows, which have Wilson's: of rows without an error,
every resample is without one too, and a bootstrap would be sure of them.

A resample of the rows is a vector of counts, so each figure is written once, for weighted rows, and
computed for all resamples together. The estimate is the same figure with every weight 1.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20_260_117
_CHUNK = 4_000_000
"""Numbers held at once: 32 MB."""

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Array], Array]
"""From weights of shape (resamples, rows) to a figure for each resample, NaN where it has none."""


@dataclass(frozen=True)
class Figure:
    """An estimate with the limits of its 95 % interval.

    Attributes:
        estimate: In the figure's own unit.
        low: Lower limit.
        high: Upper limit.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Confusion:
    """Rows by label and by the judge's answer; yes is a value, or a scaled label, at the cut-off or above.

    Attributes:
        true_yes: Both say yes.
        false_yes: The judge alone does.
        false_no: The label alone does.
        true_no: Neither does.
    """

    true_yes: int
    false_yes: int
    false_no: int
    true_no: int


@dataclass(frozen=True)
class Agreement:
    """A judge's values against labels. A figure is None where these rows don't define it.

    Attributes:
        confusion: Rows by label and answer.
        auc: Chance that a row labelled yes gets the higher value; ties count half.
        pearson: Correlation of value and label.
        spearman: Correlation of their ranks.
        kappa: Cohen's, of the yes and no of both.
        sensitivity: Share of labelled yes that the judge calls yes.
        specificity: Share of labelled no that the judge calls no.
        yes_rate_gap: The judge's share of yes minus the labels'; above 0 it is lenient on a good
            quality, and sees faults that aren't there on a bad one.
        length_bias: Partial correlation of value and log(1 + words), given the label.
    """

    confusion: Confusion
    auc: Figure | None
    pearson: Figure | None
    spearman: Figure | None
    kappa: Figure | None
    sensitivity: Figure | None
    specificity: Figure | None
    yes_rate_gap: Figure | None
    length_bias: Figure | None


def agreement(values: Array, labels: Array, word_counts: Array, *, cut: float = 0.5) -> Agreement:
    """Hold a judge's values against labels.

    Args:
        values: Shape (rows,), in [0, 1], none missing.
        labels: Shape (rows,); 0 and 1, or ratings on any scale.
        word_counts: Shape (rows,), words of each text.
        cut: In (0, 1), the value from which an answer is a yes. Labels are scaled to [0, 1] by their least
            and greatest for the figures that need a yes: all but ``pearson``, ``spearman`` and
            ``length_bias``, which no scaling changes.
    """
    yes, positive = values >= cut, scaled(labels) >= cut
    words = np.log1p(word_counts)
    figures = bootstrap(
        {
            "auc": lambda w: _auc(w, values, positive),
            "pearson": lambda w: correlation(w, values, labels),
            "spearman": lambda w: correlation(w, _ranks(w, values), _ranks(w, labels)),
            "kappa": lambda w: kappa(w, yes, positive),
            "yes_rate_gap": lambda w: (w @ yes - w @ positive) / w.sum(axis=1),
            "length_bias": lambda w: _partial_correlation(w, values, words, labels),
        },
        len(values),
    )
    confusion = Confusion(
        true_yes=int((yes & positive).sum()),
        false_yes=int((yes & ~positive).sum()),
        false_no=int((~yes & positive).sum()),
        true_no=int((~yes & ~positive).sum()),
    )
    sensitivity = _share(confusion.true_yes, confusion.true_yes + confusion.false_no)
    specificity = _share(confusion.true_no, confusion.true_no + confusion.false_yes)
    return Agreement(confusion, **figures, sensitivity=sensitivity, specificity=specificity)


def scaled(labels: Array) -> Array:
    """Labels moved to [0, 1] by their least and greatest; all equal, they are left as they are."""
    low, high = float(labels.min()), float(labels.max())
    return (labels - low) / (high - low) if high > low else labels


def bootstrap(
    statistics: Mapping[str, Statistic], rows: int, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Figure | None]:
    """Percentile bootstrap of several figures over the same resamples of the rows.

    Resamples in which a figure has no value (one class only) are left out of its interval; a figure that has
    none for all rows, or for more than half of the resamples, is None.

    Args:
        statistics: By name.
        rows: How many there are.
        resamples: How many to draw.
        seed: The same seed draws the same rows.
    """
    drawn: dict[str, list[Array]] = {name: [] for name in statistics}
    for weights in _resampled_weights(rows, resamples, seed):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    whole = np.ones((1, rows))
    return {
        name: percentile_figure(float(statistic(whole)[0]), np.concatenate(drawn[name]))
        for name, statistic in statistics.items()
    }


def percentile_figure(estimate: float, drawn: Array) -> Figure | None:
    """The estimate with the 2.5 % and 97.5 % points of what was drawn; NaN as in ``bootstrap``."""
    known = drawn[~np.isnan(drawn)]
    if math.isnan(estimate) or 2 * len(known) < len(drawn):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(estimate, float(low), float(high))


def correlation(w: Array, x: Array, y: Array) -> Array:
    """Pearson's r of weighted rows; ``x`` and ``y`` have shape (rows,) or that of ``w``."""
    total = w.sum(axis=1, keepdims=True)
    x = x - (w * x).sum(axis=1, keepdims=True) / total
    y = y - (w * y).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((w * x * x).sum(axis=1) * (w * y * y).sum(axis=1))
    return np.clip(_ratio((w * x * y).sum(axis=1), spread), -1, 1)


def kappa(w: Array, a: Mask, b: Mask) -> Array:
    """Cohen's kappa of two yes-or-no columns of weighted rows; NaN where chance alone agrees wholly."""
    total = w.sum(axis=1)
    agreed = w @ (a == b) / total
    says_a, says_b = w @ a / total, w @ b / total
    by_chance = says_a * says_b + (1 - says_a) * (1 - says_b)
    return _ratio(agreed - by_chance, 1 - by_chance)


def _auc(w: Array, values: Array, positive: Mask) -> Array:
    """Mann-Whitney's U over all pairs of a yes and a no, ties as a half."""
    order, starts, _ = _groups(values)
    yes = np.add.reduceat((w * positive)[:, order], starts, axis=1)
    no = np.add.reduceat((w * ~positive)[:, order], starts, axis=1)
    won = (yes * (np.cumsum(no, axis=1) - no / 2)).sum(axis=1)
    return _ratio(won, yes.sum(axis=1) * no.sum(axis=1))


def _ranks(w: Array, x: Array) -> Array:
    """Mid-ranks within each resample, shape of ``w``; a row drawn twice ties with itself."""
    order, starts, group = _groups(x)
    held = np.add.reduceat(w[:, order], starts, axis=1)
    ranks: Array = (np.cumsum(held, axis=1) - held / 2 + 0.5)[:, group]
    return ranks


def _groups(x: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Order of the rows by ``x``, where each distinct value starts in it, and the value's number by row."""
    distinct, group = np.unique(x, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return order, np.searchsorted(group[order], np.arange(len(distinct))), group


def _partial_correlation(w: Array, x: Array, y: Array, given: Array) -> Array:
    """Correlation of ``x`` and ``y`` with ``given`` held fast: the first-order formula."""
    xy, xz, yz = correlation(w, x, y), correlation(w, x, given), correlation(w, y, given)
    left = np.sqrt(np.maximum(0, (1 - xz**2) * (1 - yz**2)))
    return np.clip(_ratio(xy - xz * yz, np.where(left > 1e-6, left, np.nan)), -1, 1)


def _share(hits: int, among: int) -> Figure | None:
    """A share with Wilson's interval; None of nothing."""
    from scipy.stats import binomtest

    if not among:
        return None
    ci = binomtest(hits, among).proportion_ci(method="wilson")
    return Figure(hits / among, float(ci.low), float(ci.high))


def _ratio(above: Array, below: Array) -> Array:
    ratio: Array = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 1e-12)
    return ratio


def _resampled_weights(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """Blocks of shape (some, rows): how often each row was drawn in a resample of as many rows."""
    rng = np.random.default_rng(seed)
    block = max(1, _CHUNK // rows)
    for start in range(0, resamples, block):
        some = min(block, resamples - start)
        drawn = rng.integers(rows, size=(some, rows)) + np.arange(some)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=some * rows).reshape(some, rows).astype(np.float64)
