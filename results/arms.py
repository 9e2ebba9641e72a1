"""Any number of runs side by side: the mean of each with its interval, and its paired delta to the first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from judges.types import DIMENSIONS
from results.comparison import canary_faults, canary_means
from results.policy import DimensionPolicy, Policy
from results.statistics import Interval, mean_interval, paired_rate_difference, rate_interval
from results.table import ScoreTable

_NOTHING = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class ArmScore:
    """One run on one dimension.

    Attributes:
        run: Run name.
        dimension: Key in ``DIMENSIONS``.
        n: Canaries with a score.
        unscored: Answers without one.
        mean: Over canaries, epochs averaged first, or the rate of canaries with the fault if hard.
        delta: Minus the first run, paired by canary; NaN for the first run itself.
        paired: Canaries that both have.
    """

    run: str
    dimension: str
    n: int
    unscored: int
    mean: Interval
    delta: Interval
    paired: int


def side_by_side(table: ScoreTable, runs: Sequence[str], policy: Policy) -> tuple[ArmScore, ...]:
    """Every dimension of ``table`` for every run, by dimension in table order and then by run.

    Args:
        table: Scores of all the runs.
        runs: The first is what the others are compared with.
        policy: Says which dimensions are hard, and told as the rate of canaries with the fault.
    """
    scores = []
    for key in (k for k in DIMENSIONS if (table["dimension"] == k).any()):
        rule = policy.dimensions.get(key)
        rows = table[table["dimension"] == key]
        if rule is not None and rule.unlicensed_only:
            rows = rows[~rows["licensed"]]
        first = rows[rows["run"] == runs[0]]
        for run in runs:
            of_run = rows[rows["run"] == run]
            other = None if run == runs[0] else first
            score = _rate if rule is not None and rule.hard else _mean
            mean, delta, n, paired = score(of_run, other, rule)
            scores.append(ArmScore(run, key, n, int(of_run["value"].isna().sum()), mean, delta, paired))
    return tuple(scores)


def _mean(
    rows: pd.DataFrame, first: pd.DataFrame | None, rule: DimensionPolicy | None
) -> tuple[Interval, Interval, int, int]:
    means = canary_means(rows)
    if first is None:
        return mean_interval(_array(means)), _NOTHING, len(means), 0
    difference = (means - canary_means(first)).dropna()
    return mean_interval(_array(means)), mean_interval(_array(difference)), len(means), len(difference)


def _rate(
    rows: pd.DataFrame, first: pd.DataFrame | None, rule: DimensionPolicy | None
) -> tuple[Interval, Interval, int, int]:
    assert rule is not None and rule.fault_at is not None, "the policy's loader asks for it"
    own = canary_faults(rows, rows, rule.fault_at)["value_after"]
    mean = rate_interval(int(own.sum()), len(own))
    if first is None:
        return mean, _NOTHING, len(own), 0
    both = canary_faults(first, rows, rule.fault_at)
    worse = int((both["value_after"] & ~both["value_before"]).sum())
    better = int((both["value_before"] & ~both["value_after"]).sum())
    return mean, paired_rate_difference(worse, better, len(both)), len(own), len(both)


def _array(column: "pd.Series[float]") -> NDArray[np.float64]:
    return np.asarray(column, dtype=np.float64)
