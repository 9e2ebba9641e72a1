"""The one interval, and the one of a rate, that judges, licences and score tables state."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its 95 % interval, in the unit of the estimate."""

    estimate: float
    low: float
    high: float


def rate_interval(hits: int, n: int) -> Interval:
    """A rate with its Wilson 95 % interval; NaN of nothing."""
    from scipy import stats  # takes a second to import

    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    found = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return Interval(hits / n, float(found.low), float(found.high))
