"""How well do values agree with labels, and raters with each other? Every figure with a 95 % interval.

Sensitivity and specificity are counted shares and have Wilson's interval, since a bootstrap of rows without
an error is certain of them. All else has a percentile bootstrap over the rows: a resample is a vector of row
weights, so each figure is written once, for weighted rows, and computed for all resamples together.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from timbre.stats import Interval

RESAMPLES = 2000
SEED = 20_260_117
_CHUNK = 4_000_000  # numbers in memory at once: 32 MB

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Array], Array]
"""From weights of shape (resamples, rows) to a figure for each resample, NaN where it has none."""


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
    """Hold a judge's values against labels.

    Args:
        values: Shape (rows,), in [0, 1], none missing.
        labels: Shape (rows,), on any scale.
        is_yes: Shape (rows,), whether the label counts as a yes.
        length: Shape (rows,), log of each text's words.
        cut: In (0, 1), the value from which an answer is a yes.
    """
    yes = values >= cut
    figures = bootstrap(
        {
            "auc": lambda w: _auc(w, values, is_yes),
            "pearson": lambda w: correlation(w, values, labels),
            "spearman": lambda w: correlation(w, _ranks(w, values), _ranks(w, labels)),
            "kappa": lambda w: _kappa(w, yes, is_yes),
            "yes_rate_gap": lambda w: (w @ yes - w @ is_yes) / w.sum(axis=1),
            "length_bias": lambda w: _partial_correlation(w, values, length, labels),
        },
        len(values),
    )
    cells = [(yes & is_yes).sum(), (yes & ~is_yes).sum(), (~yes & is_yes).sum(), (~yes & ~is_yes).sum()]
    c = Confusion(*map(int, cells))
    return Agreement(
        c,
        **figures,
        sensitivity=_share(c.true_yes, c.true_yes + c.false_no),
        specificity=_share(c.true_no, c.true_no + c.false_yes),
    )


def rater_agreement(ratings: Array) -> Interval | None:
    """The raters' agreement with one another: Pearson's r (phi of yes and no), mean over the pairs of raters.

    A judge's agreement is read beside it. A label that is the raters' mean is steadier than any one of them,
    so a judge may agree with it better than two raters do with each other.

    Args:
        ratings: Shape (rows, raters), NaN where a rater gave none.

    Returns:
        With its bootstrap interval over the texts; None where no two raters share texts, or nothing varies.
    """
    columns = [ratings[:, pair] for pair in combinations(range(ratings.shape[1]), 2)]
    shared = [np.isfinite(column).all(axis=1) for column in columns]
    if not any(shares.sum() > 1 for shares in shared):
        return None

    def mean_r(w: Array) -> Array:
        pairs = zip(columns, shared, strict=True)
        each = np.stack([correlation(w[:, both], *column[both].T) for column, both in pairs])
        known = ~np.isnan(each)
        return _ratio(np.where(known, each, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))

    return bootstrap({"r": mean_r}, len(ratings))["r"]


def bootstrap(statistics: Mapping[str, Statistic], rows: int) -> dict[str, Interval | None]:
    """Percentile bootstrap of several figures over the same resamples of the rows, with a fixed seed.

    Resamples in which a figure has no value (one class only) are left out of its interval; a figure that has
    none for all rows, or for more than half of the resamples, is None.
    """
    blocks = list(_resampled_weights(rows))
    whole = np.ones((1, rows))
    return {
        name: percentile_interval(float(statistic(whole)[0]), np.concatenate([statistic(w) for w in blocks]))
        for name, statistic in statistics.items()
    }


def percentile_interval(estimate: float, drawn: Array) -> Interval | None:
    """The estimate with the 2.5 % and 97.5 % points of what was drawn; NaN as in ``bootstrap``."""
    known = drawn[~np.isnan(drawn)]
    if math.isnan(estimate) or 2 * len(known) < len(drawn):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def correlation(w: Array, x: Array, y: Array) -> Array:
    """Pearson's r of weighted rows; ``x`` and ``y`` have shape (rows,) or that of ``w``."""
    total = np.maximum(w.sum(axis=1, keepdims=True), 1e-12)
    x = x - (w * x).sum(axis=1, keepdims=True) / total
    y = y - (w * y).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((w * x * x).sum(axis=1) * (w * y * y).sum(axis=1))
    return np.clip(_ratio((w * x * y).sum(axis=1), spread), -1, 1)


def _auc(w: Array, values: Array, is_yes: Mask) -> Array:
    """Mann-Whitney's U from the ranks of the rows that are a yes."""
    yes = w @ is_yes.astype(np.float64)
    no = w.sum(axis=1) - yes
    won = (w * is_yes * _ranks(w, values)).sum(axis=1) - yes * (yes + 1) / 2
    return _ratio(won, yes * no)


def _ranks(w: Array, x: Array) -> Array:
    """Mid-ranks within each resample, shape of ``w``; a row drawn twice ties with itself."""
    distinct, group = np.unique(x, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(distinct)))
    in_group = np.add.reduceat(w[:, order], starts, axis=1)
    ranks: Array = (np.cumsum(in_group, axis=1) - in_group / 2 + 0.5)[:, group]
    return ranks


def _partial_correlation(w: Array, x: Array, y: Array, given: Array) -> Array:
    """First-order partial correlation of ``x`` and ``y`` given a third variable."""
    xy, xz, yz = correlation(w, x, y), correlation(w, x, given), correlation(w, y, given)
    left = np.sqrt(np.maximum(0, (1 - xz**2) * (1 - yz**2)))
    return np.clip(_ratio(xy - xz * yz, np.where(left > 1e-6, left, np.nan)), -1, 1)


def _kappa(w: Array, a: Mask, b: Mask) -> Array:
    """Cohen's kappa of two yes-or-no columns; NaN where both are all yes, or all no."""
    total = w.sum(axis=1)
    share_a, share_b = w @ a / total, w @ b / total
    by_chance = share_a * share_b + (1 - share_a) * (1 - share_b)
    return _ratio(w @ (a == b) / total - by_chance, 1 - by_chance)


def _share(hits: int, among: int) -> Interval | None:
    """A share with Wilson's interval; None of nothing."""
    from statsmodels.stats.proportion import proportion_confint

    if not among:
        return None
    low, high = proportion_confint(hits, among, method="wilson")
    return Interval(hits / among, float(low), float(high))


def _ratio(above: Array, below: Array) -> Array:
    ratio: Array = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 1e-12)
    return ratio


def _resampled_weights(rows: int) -> Iterator[Array]:
    """Blocks of shape (some, rows): how often each row was drawn in a resample of as many rows."""
    rng = np.random.default_rng(SEED)
    block = max(1, _CHUNK // rows)
    for start in range(0, RESAMPLES, block):
        some = min(block, RESAMPLES - start)
        drawn = rng.integers(rows, size=(some, rows)) + np.arange(some)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=some * rows).reshape(some, rows).astype(np.float64)


@dataclass(frozen=True)
class CorrectedRate:
    """The share of texts with a quality: as the judge says, and as it probably is."""

    raw: Interval  # share of yes, with the interval of the texts drawn
    corrected: Interval | None  # of texts and calibration together; None for a judge no better than chance


_HALF = 0.5
"""Added to each cell of the confusion, and drawn along as one more text that is half a yes: without it, a
judge without an error among six texts, or a run without a yes, would count as certain. In simulations (true
rates .02 to .5, 100 to 1,000 labels, 20 to 150 canaries) the interval covered 93 to 97 % with it."""


def corrected_rate(shares: Array, confusion: Confusion) -> CorrectedRate:
    """The share of yes among a run's answers, corrected for the errors that the judge's calibration showed.

    Rogan & Gladen (1978), "Estimating prevalence from the results of a screening test": of a judge with
    sensitivity se and specificity sp that says yes at rate q, the true rate is (q + sp - 1) / (se + sp - 1).
    It holds where the judge errs as often as on the labelled texts. Each bootstrap resample draws canaries
    and labelled rows anew; where more than 2.5 % of them have a judge at chance, the interval is [0, 1].

    Args:
        shares: Shape (canaries,), at least one, in [0, 1]: the share of a canary's answers called yes.
        confusion: Labelled rows by label and answer.
    """
    rng = np.random.default_rng(SEED)
    smoothed = np.append(shares, _HALF)
    observed = smoothed[rng.integers(len(smoothed), size=(RESAMPLES, len(smoothed)))].mean(axis=1)
    cells = np.array([confusion.true_yes, confusion.false_yes, confusion.false_no, confusion.true_no])
    chances = (cells + _HALF) / (cells + _HALF).sum()
    drawn: Array = rng.multinomial(cells.sum(), chances, size=RESAMPLES).astype(np.float64) + _HALF
    rate = float(shares.mean())
    raw = percentile_interval(rate, observed)
    assert raw is not None, "no resample is NaN"
    estimate = float(_rogan_gladen(np.array([rate]), cells[None].astype(np.float64))[0])
    redrawn = _rogan_gladen(observed, drawn)
    corrected = percentile_interval(estimate, redrawn)
    if not math.isnan(estimate) and np.isnan(redrawn).mean() > 0.025:
        corrected = Interval(estimate, 0.0, 1.0)
    return CorrectedRate(_widened(raw), _widened(corrected) if corrected else None)


def _widened(interval: Interval) -> Interval:
    """``interval``, widened to hold its estimate."""
    estimate = interval.estimate
    return Interval(estimate, min(estimate, interval.low), max(estimate, interval.high))


def _rogan_gladen(rate: Array, cells: Array) -> Array:
    """Rates in [0, 1]; NaN where sensitivity and specificity add up to 1 or less. ``cells``: shape (n, 4)."""
    true_yes, false_yes, false_no, true_no = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        specificity = true_no / (true_no + false_yes)
        youden = true_yes / (true_yes + false_no) + specificity - 1
        corrected: Array = np.clip((rate + specificity - 1) / youden, 0, 1)
    corrected[~(youden > 0)] = np.nan
    return corrected
