"""How many canaries a verdict takes: from the spread of paired differences seen so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from judges.types import DIMENSIONS
from results.comparison import MOST_CANARIES, canary_faults, canary_means
from results.policy import DimensionPolicy, Policy
from results.statistics import (
    canaries_needed,
    canaries_to_block,
    fault_canaries_to_block,
    faultless_canaries_needed,
)
from results.table import ScoreTable


@dataclass(frozen=True)
class DimensionPower:
    """What one dimension of the policy takes.

    Attributes:
        dimension: Key in ``DIMENSIONS``.
        hard: Judged by rates of faults.
        n: Canaries seen, those of all pairs of runs together.
        spread: Standard deviation of the paired differences between canaries, pooled over pairs of runs; if
            hard, the square root of the share of canaries on which two runs differ. NaN where there is none.
        margin: Of the policy.
        to_pass: Canaries at which a run that lost nothing passes four times in five; None without a spread.
        to_block: Canaries at which a loss of twice the margin blocks four times in five; None likewise.
    """

    dimension: str
    hard: bool
    n: int
    spread: float
    margin: float
    to_pass: int | None
    to_block: int | None


def power(table: ScoreTable, runs: Sequence[str], policy: Policy) -> tuple[DimensionPower, ...]:
    """Every dimension of the policy that was scored, in table order.

    Each run is held against the first, as a gate would. The figures are for 80 % power.

    Args:
        table: Scores of all the runs.
        runs: At least two.
        policy: For margins and levels.
    """
    rules = {key: policy.dimensions[key] for key in DIMENSIONS if key in policy.dimensions}
    scored = {key for key in rules if table.loc[table["dimension"] == key, "value"].notna().any()}
    soft = sum(not rules[key].hard for key in scored)
    hard = sum(rules[key].hard for key in scored)
    found = []
    for key in (k for k in rules if k in scored):
        rule, rows = rules[key], table[table["dimension"] == key]
        if rule.unlicensed_only:
            rows = rows[~rows["licensed"]]
        sides = [rows[rows["run"] == run] for run in runs]
        measure = _hard if rule.hard else _soft
        one = measure(key, rule, sides, policy.hard_alpha / max(1, hard) if rule.hard else soft)
        found.append(_bounded(one, policy.min_canaries))
    return tuple(found)


def _soft(key: str, rule: DimensionPolicy, sides: Sequence[pd.DataFrame], among: float) -> DimensionPower:
    first = canary_means(sides[0])
    differences = [(canary_means(side) - first).dropna().to_numpy() for side in sides[1:]]
    squares = sum(float(((d - d.mean()) ** 2).sum()) for d in differences if len(d) > 1)
    freedom = sum(len(d) - 1 for d in differences if len(d) > 1)
    n = sum(map(len, differences))
    if not freedom:
        return DimensionPower(key, False, n, math.nan, rule.margin, None, None)
    spread = math.sqrt(squares / freedom)
    passing = canaries_needed(spread, rule.margin)
    blocking = canaries_to_block(spread, rule.margin, int(among))
    return DimensionPower(key, False, n, spread, rule.margin, passing, blocking)


def _bounded(found: DimensionPower, least: int) -> DimensionPower:
    """No fewer canaries than the policy asks for, no more than anybody writes."""
    if found.to_pass is None or found.to_block is None:
        return found
    passing, blocking = (min(MOST_CANARIES, max(least, n)) for n in (found.to_pass, found.to_block))
    return replace(found, to_pass=passing, to_block=blocking)


def _hard(key: str, rule: DimensionPolicy, sides: Sequence[pd.DataFrame], alpha: float) -> DimensionPower:
    assert rule.fault_at is not None, "the policy's loader asks for it"
    pairs = [canary_faults(sides[0], side, rule.fault_at) for side in sides[1:]]
    n = sum(map(len, pairs))
    if not n:
        return DimensionPower(key, True, 0, math.nan, rule.margin, None, None)
    differing = sum(int((p["value_before"] != p["value_after"]).sum()) for p in pairs)
    spread = float(np.sqrt(differing / n))
    passing = max(faultless_canaries_needed(rule.margin), canaries_needed(spread, rule.margin))
    blocking = fault_canaries_to_block(min(1.0, 2 * rule.margin), alpha)
    return DimensionPower(key, True, n, spread, rule.margin, passing, blocking)
