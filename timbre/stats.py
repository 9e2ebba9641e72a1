"""The one interval that judges, licences and score tables state, and that of a rate."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its 95 % interval, in the unit of the estimate."""

    estimate: float
    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan, math.nan)


def rate_interval(hits: int, n: int) -> Interval:
    """A rate with its Wilson 95 % interval; NaN of nothing."""
    if n == 0:
        return NO_INTERVAL
    from scipy.stats import binomtest  # takes a second to import

    limits = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return Interval(hits / n, float(limits.low), float(limits.high))
