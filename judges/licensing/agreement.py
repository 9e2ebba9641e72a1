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

    Args:
        ratings: Shape (rows, raters), NaN where a rater gave none.

    Returns:
        With its bootstrap interval over the texts; None where no two raters share texts, or nothing varies.
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


@dataclass(frozen=True)
class CorrectedRate:
    """The share of texts with a quality: as the judge says, and as it probably is."""

    raw: Interval  # share of yes, with the interval of the texts drawn
    corrected: Interval | None  # of texts and calibration together; None for a judge no better than chance


# Added to each cell of the confusion, and drawn along as one more text that is half a yes: without it, a judge
# without an error among six texts, or a run without a yes, would count as certain. In simulations (true rates .02 to
# .5, 100 to 1,000 labels, 20 to 150 canaries) the interval covered 93 to 97 % with it.
_HALF = 0.5


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
