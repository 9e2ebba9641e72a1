"""How many canaries a verdict takes: from the spread of paired differences seen so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from judges.licensing.licence import Licence
from judges.types import DIMENSIONS
from results.comparison import (
    canary_faults,
    canary_gains,
    canary_means,
    rows_of,
    worst_possible,
)
from results.licences import standing
from results.policy import DimensionPolicy, Policy
from results.statistics import (
    MOST_CANARIES,
    canaries_needed,
    canaries_that_can_block,
    canaries_to_block,
    fault_canaries_to_block,
    faultless_canaries_needed,
)
from results.table import ScoreTable


@dataclass(frozen=True)
class DimensionPower:
    """What one dimension of the policy takes, at 80 % power."""

    dimension: str
    hard: bool
    n: int  # canaries seen, those of all pairs of runs together
    spread: float  # standard deviation of paired gains, pooled over pairs; if hard the share that differ
    margin: float
    may_block: bool  # False: advisory for want of a licence, and not counted in the gate's correction
    to_pass: int | None  # canaries at which a run that lost nothing passes; None without a spread
    to_block: int | None  # canaries at which a loss of twice the margin blocks


def power(
    table: ScoreTable,
    runs: Sequence[str],
    policy: Policy,
    licences: Mapping[str, Licence] | None = None,
    *,
    scores_given: bool = False,
    advisory: Mapping[str, str] | None = None,
    ceilings: Mapping[str, float] | None = None,
) -> tuple[DimensionPower, ...]:
    """Every dimension of the policy that was scored, in table order.

    Each run is held against the first, as a gate would.

    Args:
        table: Scores of all the runs.
        runs: At least two.
        policy: For margins and levels.
        licences: Of the judges, by "name@digest"; they decide which dimensions can block.
        scores_given: The scores are the caller's own: every dimension can block.
        advisory: By dimension, why it can't block on these texts.
        ceilings: By dimension, the writer's own mean, for margins that are a share of floor to ceiling; a
            dimension with such a margin is left out where there is none.
    """
    rules = {key: policy.dimensions[key] for key in DIMENSIONS if key in policy.dimensions}
    rows = {key: rows_of(table, key, rule) for key, rule in rules.items()}
    scored = [key for key in rules if rows[key]["value"].notna().any()]
    may_block = {
        key: key not in (advisory or {})
        and (scores_given or standing(key, rules[key], rows[key], licences or {}, policy).may_block)
        for key in scored
    }
    soft = max(1, sum(may_block[key] and not rules[key].hard for key in scored))
    hard = max(1, sum(may_block[key] and rules[key].hard for key in scored))
    found = []
    for key in scored:
        sides = [rows[key][rows[key]["run"] == run] for run in runs]
        margin = _margin(rules[key], sides[0], (ceilings or {}).get(key))
        if margin is None:
            continue
        if rules[key].hard:
            figures = _hard(rules[key], sides, margin, policy, policy.hard_alpha / hard)
        else:
            figures = _soft(key, sides, margin, policy, soft)
        found.append(DimensionPower(key, rules[key].hard, *figures[:2], margin, may_block[key], *figures[2:]))
    return tuple(found)


_Figures = tuple[int, float, int | None, int | None]
"""n, spread, canaries to pass, canaries to block."""


def _soft(key: str, sides: Sequence[pd.DataFrame], margin: float, policy: Policy, among: int) -> _Figures:
    gains = [canary_gains(sides[0], side, key).to_numpy() for side in sides[1:]]
    squares = sum(float(((g - g.mean()) ** 2).sum()) for g in gains if len(g) > 1)
    freedom = sum(len(g) - 1 for g in gains if len(g) > 1)
    n = sum(map(len, gains))
    if not freedom:
        return n, math.nan, None, None
    spread = math.sqrt(squares / freedom)
    worst = max(0.0, float(worst_possible(sides[0], key).max()))
    least = max(policy.min_canaries, canaries_that_can_block(among))
    passing, blocking = canaries_needed(spread, margin, worst), canaries_to_block(spread, margin, among)
    return n, spread, _bounded(passing, least), _bounded(blocking, least)


def _hard(
    rule: DimensionPolicy, sides: Sequence[pd.DataFrame], margin: float, policy: Policy, alpha: float
) -> _Figures:
    assert rule.fault_at is not None, "the policy's loader asks for it"
    pairs = [canary_faults(sides[0], side, rule.fault_at) for side in sides[1:]]
    n = sum(map(len, pairs))
    if not n:
        return 0, math.nan, None, None
    differing = sum(int((p["before"] != p["after"]).sum()) for p in pairs) / n
    passing = faultless_canaries_needed(margin)
    blocking = fault_canaries_to_block(min(1.0, 2 * margin), alpha)
    return n, differing, _bounded(passing, policy.min_canaries), _bounded(blocking, policy.min_canaries)


def _margin(rule: DimensionPolicy, floor: pd.DataFrame, ceiling: float | None) -> float | None:
    share = rule.share_of_range
    if share is None:
        return float(rule.margin)
    level = canary_means(floor)
    return None if ceiling is None or level.empty else share * abs(ceiling - float(level.mean()))


def _bounded(canaries: int, least: int) -> int:
    """No fewer canaries than the policy asks for, no more than anybody writes."""
    return min(MOST_CANARIES, max(least, canaries))
