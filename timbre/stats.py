"""The one interval that judges, licences and score tables state."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its 95 % interval, in the unit of the estimate."""

    estimate: float
    low: float
    high: float
