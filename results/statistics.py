"""The statistics of the results: intervals for means, paired differences and rates. The unit is the canary.

**Interval for a mean.** The *expanded percentile bootstrap* (Hesterberg 2015, "What Teachers Should Know
About the Bootstrap"): a percentile bootstrap whose tails are read at
``Phi(-sqrt(n / (n - 1)) * t_{n-1})`` instead of 2.5 %, which undoes the bootstrap's narrowness at small n.
It covers as Student's t does (docs/gate.md), and unlike t and BCa it is monotone: with one seed the same canaries
are drawn whatever the scores are, so making any score worse can only lower both ends. A verdict can't improve
because one answer got so bad that the spread grew.

**Limit for PASS.** No resample shows what none of ``n`` canaries showed: where one canary in ten collapses, the
plain interval of 12 canaries passed a true loss of one margin in 26 of 100 tries. ``safe_low`` therefore adds one
canary that lost all it could, as Agresti & Coull (1998) add trials to a proportion. With a loss of the whole scale
possible it reads about 3/n with nothing seen, as the exact bound of a rate does (``rate_bound``).
``benchmarks/gate.py`` measures how often a true loss of one margin passes.

**Interval for a difference of paired rates.** Bonett & Price (2012), "Adjusted Wald confidence interval for a
difference of binomial proportions based on paired data", which doesn't collapse when nothing was seen.
"""

import itertools
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from timbre.stats import NO_INTERVAL, Interval

Array: TypeAlias = NDArray[np.float64]

RESAMPLES = 10_000
MOST_CANARIES = 10_000  # upper end of the canaries named as needed: beyond it no suite will be written
SOFT_LEVEL = 0.025  # chance that one soft dimension or more blocks though none lost more than its margin
SEED = 20_240_501
_CHUNK = 4_000_000  # numbers held at once by the bootstrap: 32 MB
_KEPT = 50_000_000  # counts that are kept, a byte each: those of 5,000 canaries

TOLERANCE = 1e-9
"""What two floats may differ by and be the same figure: a loss of .9 to .8 is one of .8 to .7."""


def mean_interval(values: Array) -> Interval:
    """The mean over canaries, shape (canaries,), with its 95 % interval; NaN limits if there are fewer than two."""
    n = len(values)
    if n == 0:
        return NO_INTERVAL
    low = high = math.nan
    if n > 1:
        tail = expanded_tail(n)
        limits = np.quantile(resampled_means(values), [tail, 1 - tail])
        # Equal values must give exactly that value, whatever the rounding of the weighted sums.
        low, high = np.clip(limits, values.min(), values.max())
    return Interval(float(values.mean()), float(low), float(high))


def expanded_tail(n: int) -> float:
    """Where an expanded percentile interval over ``n`` > 1 canaries reads its lower tail, in (0, 0.025)."""
    return float(stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)))


def margin_p(values: Array, margin: float) -> float:
    """One-sided p of "the mean is -margin or more", from the bootstrap that ``mean_interval`` reads.

    The share of resampled means at or above ``-margin``, taken back through the expansion of the interval's
    tails: p <= 0.025 where the whole 95 % interval lies below ``-margin``. No smaller than what
    half a resample stands for (.0017 at 12 canaries, .0041 at 8), and lowered by any gain made smaller; 1 if n < 2.
    """
    n = len(values)
    if n < 2:
        return 1.0
    above = int(np.count_nonzero(resampled_means(values) >= -margin - TOLERANCE))
    return _margin_p(above, n)


def _margin_p(above: int, n: int) -> float:
    share = (above + 0.5) / (RESAMPLES + 1)
    z = stats.norm.ppf(share) / math.sqrt(n / (n - 1))
    return float(stats.t.cdf(z, n - 1))


def canaries_that_can_block(among: int) -> int:
    """Fewest canaries at which a loss on every one of them is rejected by Holm's first step of ``among``."""
    return next(n for n in itertools.count(2) if _margin_p(0, n) <= SOFT_LEVEL / among)


def holm(ps: Sequence[float]) -> tuple[list[bool], list[float]]:
    """Which of several one-sided tests Holm (1979) rejects at ``SOFT_LEVEL`` together, and their adjusted p.

    By hand, since statsmodels collects garbage at each call: 0.05 to 0.3 s among the objects of Inspect's logs.
    """
    order = np.argsort(ps)
    steps = np.array(ps)[order], np.arange(len(ps), 0, -1)
    rejected, adjusted = np.empty(len(ps), dtype=bool), np.empty(len(ps))
    rejected[order] = np.logical_and.accumulate(steps[0] <= SOFT_LEVEL / steps[1])
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps[0] * steps[1]))
    return rejected.tolist(), adjusted.tolist()


def safe_low(gains: Array, worst: float) -> float:
    """Lower limit of the mean gain beside one more canary that lost ``worst``: what PASS is read from.

    At most the lower limit of ``mean_interval``; NaN with fewer than two canaries. Lowered by any gain made smaller.
    """
    n = len(gains)
    if n < 2:
        return math.nan
    drawn = resampled_means(np.append(gains, -worst))
    return min(float(np.quantile(drawn, expanded_tail(n))), mean_interval(gains).low)


def resampled_means(values: Array) -> Array:
    """Means of canaries drawn with replacement, as counts times ``values``, whose first axis are the canaries."""
    n = len(values)
    blocks = _kept_counts(n) if n * RESAMPLES <= _KEPT else _counts(n)
    return np.concatenate([counts.astype(np.float64) @ values / n for counts in blocks])


@lru_cache(maxsize=2)
def _kept_counts(n: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_counts(n))  # a gate and a report ask for the same ones many times


def _counts(n: int) -> Iterator[NDArray[np.uint8]]:
    """How often each of ``n`` canaries is drawn, in blocks of shape (resamples, canaries)."""
    rng = np.random.default_rng(SEED)
    rows = max(1, min(RESAMPLES, _CHUNK // n))
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        drawn = rng.integers(n, size=(size, n))
        # Row by row into its own bins: ten times as fast as a multinomial draw of the counts.
        drawn += np.arange(size)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield counts.astype(np.uint8)


def rate_bound(hits: int, n: int) -> float:
    """The highest rate that ``hits`` of ``n`` leave possible at 95 % (one-sided, exact Clopper-Pearson).

    With no hit it is 1 - 0.05^(1/n): 9.5 % at 30 canaries, 2.0 % at 150.
    """
    return float(stats.binomtest(hits, n, alternative="less").proportion_ci(0.95, method="exact").high)


def mcnemar(worse: int, better: int) -> float:
    """Exact one-sided McNemar p that faults became more: canaries with one in the candidate only, the baseline only.

    Conditional on the discordant pairs, so its level holds however much canaries differ in difficulty.
    """
    return float(stats.binomtest(worse, worse + better, alternative="greater").pvalue) if worse else 1.0


def rate_rise_p(canaries: Iterable[tuple[int, int, int, int]]) -> float:
    """Exact one-sided p that faults are more frequent after than before, over all canaries together; 1 without any.

    Each canary is ``hits`` of ``n`` takes after and ``before`` of ``n_before``. Given its takes and faults in all, a
    canary's hits are hypergeometric if nothing changed, however canaries differ; the sum over canaries is compared
    with the convolution of these (Mehta, Patel and Gray 1985). Of one canary alone it is Fisher's exact test.
    """
    chances, seen = np.ones(1), 0
    for hits, n, before, n_before in canaries:
        faults = hits + before
        own = stats.hypergeom.pmf(np.arange(min(n, faults) + 1), n + n_before, faults, n)
        chances, seen = np.convolve(chances, own), seen + hits
    return min(1.0, float(chances[seen:].sum()))


def paired_rate_difference(worse: int, better: int, n: int) -> Interval:
    """Candidate's rate minus baseline's over ``n`` canaries, with the Bonett-Price 95 % interval."""
    if n == 0:
        return NO_INTERVAL
    gained, lost = (worse + 1) / (n + 2), (better + 1) / (n + 2)
    centre = gained - lost
    reach = _z(0.975) * math.sqrt((gained + lost - centre**2) / (n + 2))
    return Interval((worse - better) / n, max(-1.0, centre - reach), min(1.0, centre + reach))


def canaries_needed(sd: float, margin: float, worst: float = 1.0) -> int:
    """Canaries for 80 % power to PASS when nothing truly changed; more than ``MOST_CANARIES`` for too many.

    The least n at which ``safe_low`` lies above ``-margin`` though the mean came out lower by
    ``z_.8 * sd / sqrt(n)``, with Guenther's (1981) ``z_.975^2 / 2`` more for a spread that is itself estimated. How
    often the added canary, which lost ``worst``, is drawn is taken for Poisson's, the mean of the others for normal.
    """
    counts = range(4, MOST_CANARIES + 1)
    least = 4 + bisect_left(counts, True, key=lambda n: usually_passes(n, sd, margin, worst))
    return math.ceil(least + _z(0.975) ** 2 / 2)


def usually_passes(n: int, sd: float, margin: float, worst: float) -> bool:
    """Whether n canaries PASS four times in five when nothing truly changed and the spread is known."""
    return _safe_reach(sd, worst, n) + _z(0.8) * sd / math.sqrt(n) <= margin + TOLERANCE


def _safe_reach(sd: float, worst: float, n: int) -> float:
    """How far ``safe_low`` lies below the mean of n canaries."""
    error, tail = max(sd / math.sqrt(n), 1e-6), expanded_tail(n)
    drawn = np.arange(15)
    shares = stats.poisson.pmf(drawn, 1)

    def excess(reach: float) -> float:
        beyond = stats.norm.sf((reach - drawn * worst / (n + 1)) / error)
        return float(shares @ beyond) - tail

    return float(brentq(excess, 0, 15 * worst / (n + 1) + 10 * error))


def canaries_to_block(sd: float, margin: float, among: int) -> int:
    """Canaries for 80 % power to block a loss of twice the margin by Holm's first step among soft dimensions."""
    z = _z(1 - SOFT_LEVEL / among)
    return math.ceil(((z + _z(0.8)) * sd / margin) ** 2 + z**2 / 2)


def loss_that_blocks(sd: float, margin: float, n: int, among: int) -> float:
    """The least true loss that ``n`` canaries block four times in five: ``canaries_to_block`` solved for it."""
    z = _z(1 - SOFT_LEVEL / among)
    return margin + (z + _z(0.8)) * sd / math.sqrt(max(1.0, n - z**2 / 2))


def fault_canaries_to_block(rate: float, alpha: float) -> int:
    """Canaries for 80 % power of McNemar's test at ``alpha`` where a share ``rate`` of them shows a new fault."""
    worse = _new_faults_that_block(alpha)
    if stats.binom.sf(worse - 1, MOST_CANARIES, rate) < 0.8:
        return MOST_CANARIES + 1
    return next(n for n in itertools.count(worse) if stats.binom.sf(worse - 1, n, rate) >= 0.8)


def _new_faults_that_block(alpha: float) -> int:
    return next(k for k in range(1, 100) if mcnemar(k, 0) <= alpha)


def fault_rate_that_blocks(n: int, alpha: float) -> float:
    """The least rate of new faults that ``n`` canaries block four times in five; 1 where none is enough."""
    worse = _new_faults_that_block(alpha)
    if worse > n:
        return 1.0
    return float(stats.beta.ppf(0.8, worse, n - worse + 1))  # the binomial's tail, solved for its rate


def faultless_canaries_needed(rate: float) -> int:
    """Fewest canaries without a fault that rule out ``rate`` at 95 %: 59 for .05, 99 for .03."""
    return math.ceil(math.log(0.05) / math.log(1 - rate)) if rate < 1 else 1


def _z(quantile: float) -> float:
    return float(stats.norm.ppf(quantile))
