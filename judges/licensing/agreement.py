"""How well do values agree with labels, and raters with each other? Every figure with a 95 % interval.

Sensitivity and specificity are counted shares and have Wilson's interval, since a bootstrap of rows without
an error is certain of them. All else has a percentile bootstrap over the rows, of all figures at once.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from timbre.stats import Interval, rate_interval

RESAMPLES = 2000
SEED = 20_260_117
_CHUNK = 4_000_000  # numbers in memory at once: 32 MB

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# From the rows of each resample, shape (resamples, rows), to a figure for each, NaN where it has none.
Statistic = Callable[[NDArray[np.intp]], Array]


@dataclass(frozen=True)
class Confusion:
    """Rows by label and by the judge's answer."""

    true_yes: int  # both say yes
    false_yes: int  # the judge alone does
    false_no: int  # the label alone does
    true_no: int  # neither does

    @property
    def n(self) -> int:
        """All rows."""
        return self.true_yes + self.false_yes + self.false_no + self.true_no


@dataclass(frozen=True)
class Agreement:
    """A judge's values against labels. A figure is None where these rows don't define it."""

    confusion: Confusion
    auc: Interval | None  # chance that a row labelled yes gets the higher value; ties count half
    pearson: Interval | None  # correlation of value and label
    spearman: Interval | None  # correlation of their ranks
    kappa: Interval | None  # Cohen's, of the yes and no of both
    sensitivity: Interval | None  # share of labelled yes that the judge calls yes
    specificity: Interval | None  # share of labelled no that the judge calls no
    yes_rate_gap: Interval | None  # the judge's share of yes minus the labels'; above 0 it says yes too often
    length_bias: Interval | None  # partial correlation of value and length, given the label


def agreement(values: Array, labels: Array, is_yes: Mask, length: Array, *, cut: float = 0.5) -> Agreement:
    """Hold a judge's values in [0, 1], a yes from ``cut``, against labels on any scale.

    Every array has the shape (rows,); ``is_yes`` says which labels count as a yes, ``length`` is the log of words.
    """
    yes = values >= cut
    figures = bootstrap(
        {
            "auc": lambda i: _auc(values[i], is_yes[i]),
            "pearson": lambda i: correlation(values[i], labels[i]),
            "spearman": lambda i: correlation(_ranks(values[i]), _ranks(labels[i])),
            "kappa": lambda i: _kappa(yes[i], is_yes[i]),
            "yes_rate_gap": lambda i: yes[i].mean(axis=1) - is_yes[i].mean(axis=1),
            "length_bias": lambda i: _partial_correlation(values[i], length[i], labels[i]),
        },
        len(values),
    )
    cells = [(yes & is_yes).sum(), (yes & ~is_yes).sum(), (~yes & is_yes).sum(), (~yes & ~is_yes).sum()]
    c = Confusion(*map(int, cells))
    positives = c.true_yes + c.false_no
    return Agreement(
        c,
        **figures,
        sensitivity=rate_interval(c.true_yes, positives) if positives else None,
        specificity=rate_interval(c.true_no, c.n - positives) if c.n > positives else None,
    )


def rater_agreement(ratings: Array) -> Interval | None:
    """The raters' agreement with one another: Pearson's r (phi of yes and no), mean over the pairs of raters.

    ``ratings`` have the shape (rows, raters), NaN where a rater gave none. The interval is a bootstrap over the rows;
    None where no two raters share texts, or nothing varies.
    """
    pairs = list(combinations(ratings.T, 2))

    def mean_r(i: NDArray[np.intp]) -> Array:
        each = np.stack([correlation(a[i], b[i]) for a, b in pairs])
        known = ~np.isnan(each)
        return _ratio(np.where(known, each, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))

    return bootstrap({"r": mean_r}, len(ratings))["r"] if pairs else None


def bootstrap(statistics: Mapping[str, Statistic], rows: int) -> dict[str, Interval | None]:
    """Percentile bootstrap of several figures over the same resamples of the rows, with a fixed seed.

    Resamples in which a figure has no value (one class only) are left out of its interval; a figure that has
    none for all rows, or for more than half of the resamples, is None.
    """
    rng, block = np.random.default_rng(SEED), max(1, _CHUNK // rows)
    sizes = [min(block, RESAMPLES - start) for start in range(0, RESAMPLES, block)]
    resamples = [rng.integers(rows, size=(size, rows)) for size in sizes]
    whole = np.arange(rows)[None]
    return {
        name: percentile_interval(float(figure(whole)[0]), np.concatenate([figure(i) for i in resamples]))
        for name, figure in statistics.items()
    }


def percentile_interval(estimate: float, drawn: Array) -> Interval | None:
    """The estimate with the 2.5 % and 97.5 % points of what was drawn; NaN as in ``bootstrap``."""
    known = drawn[~np.isnan(drawn)]
    if math.isnan(estimate) or 2 * len(known) < len(drawn):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def correlation(x: Array, y: Array) -> Array:
    """Pearson's r along the last axis, over the places where neither is NaN; NaN where one doesn't vary."""
    both = np.isfinite(x + y)
    count = np.maximum(both.sum(axis=-1, keepdims=True), 1)
    x, y = (np.where(both, a, 0.0) for a in (x, y))
    x, y = (np.where(both, a - a.sum(axis=-1, keepdims=True) / count, 0.0) for a in (x, y))
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return np.clip(_ratio((x * y).sum(axis=-1), spread), -1, 1)


def _auc(values: Array, is_yes: Mask) -> Array:
    """Mann-Whitney's U from the ranks of the rows that are a yes."""
    yes = is_yes.sum(axis=1).astype(np.float64)
    won = (is_yes * _ranks(values)).sum(axis=1) - yes * (yes + 1) / 2
    return _ratio(won, yes * (is_yes.shape[1] - yes))


def _ranks(x: Array) -> Array:
    from scipy.stats import rankdata  # takes a second to import

    ranks: Array = rankdata(x, axis=1)
    return ranks


def _partial_correlation(x: Array, y: Array, given: Array) -> Array:
    """First-order partial correlation of ``x`` and ``y`` given a third variable."""
    xy, xz, yz = correlation(x, y), correlation(x, given), correlation(y, given)
    left = np.sqrt(np.maximum(0, (1 - xz**2) * (1 - yz**2)))
    return np.clip(_ratio(xy - xz * yz, np.where(left > 1e-6, left, np.nan)), -1, 1)


def _kappa(a: Mask, b: Mask) -> Array:
    """Cohen's kappa of two yes-or-no columns; NaN where both are all yes, or all no."""
    share_a, share_b = a.mean(axis=1), b.mean(axis=1)
    by_chance = share_a * share_b + (1 - share_a) * (1 - share_b)
    return _ratio((a == b).mean(axis=1) - by_chance, 1 - by_chance)


def _ratio(above: Array, below: Array) -> Array:
    ratio: Array = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 1e-12)
    return ratio
