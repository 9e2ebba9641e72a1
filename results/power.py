"""How many canaries a verdict takes: from the spread of paired differences seen so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from judges.types import DIMENSIONS
from results.completeness import Completed, completed
from results.licences import SCORES_ALONE, Basis
from results.paired import Pair, as_array, canary_means, rows_of
from results.policy import Policy
from results.statistics import (
    MOST_CANARIES,
    canaries_needed,
    canaries_that_can_block,
    canaries_to_block,
    fault_canaries_to_block,
    faultless_canaries_needed,
)
from results.table import ScoreTable

FAULTS_BY_CHANCE = (
    "no number of canaries can be named to pass: some show a fault in one run alone, so a run that lost nothing may "
    "show new ones by chance, and more canaries show more of them"
)


@dataclass(frozen=True)
class DimensionPower:
    """What one dimension of the policy takes, at 80 % power."""

    dimension: str
    hard: bool
    n: int  # canaries seen, those of all pairs of runs together
    spread: float  # standard deviation of paired gains, pooled over pairs; if hard the share that differ
    margin: float
    may_block: bool  # False: advisory for want of a licence, and not counted in the gate's correction
    to_pass: int | None  # canaries at which a run that lost nothing passes; None where none is known
    to_block: int | None  # canaries at which a loss of twice the margin blocks
    why: str = ""  # why no number to pass is known, as a clause; empty where there is one


def power(
    table: ScoreTable, runs: Sequence[str], policy: Policy, basis: Basis = SCORES_ALONE
) -> tuple[DimensionPower, ...]:
    """Every dimension of the policy that was scored, in table order, each run held against the first.

    ``basis`` decides as in ``results.gate.gate`` which dimensions can block, and a missing answer counts as the worst
    as there; a canary that one of two runs was never asked is left out. So is a dimension whose margin is a share of
    floor to ceiling where the ceiling isn't known.
    """
    rules = {key: policy.dimensions[key] for key in DIMENSIONS if key in policy.dimensions}
    rows = {key: rows_of(table, key, rule) for key, rule in rules.items()}
    scored = [key for key in rules if rows[key]["value"].notna().any()]
    may_block = {key: basis.standing(key, rules[key], rows[key], policy)[0] for key in scored}
    soft = max(1, sum(may_block[key] and not rules[key].hard for key in scored))
    hard = max(1, sum(may_block[key] and rules[key].hard for key in scored))
    first, *others = (table[table["run"] == run] for run in runs)
    both = [each for other in others if (each := _completed(first, other, policy))]
    powers = []
    for key in scored:
        pairs = [Pair.of(key, policy, each.before, each.after) for each in both]
        level = float(canary_means(rows[key][rows[key]["run"] == runs[0]]).mean())
        margin = rules[key].margin_from(level, basis.ceilings.get(key))
        if math.isnan(margin):
            continue
        if rules[key].hard:
            figures = _hard(pairs, margin, policy.hard_alpha / hard)
            least = policy.min_canaries
        else:
            figures = _soft(pairs, margin, soft)
            least = max(policy.min_canaries, canaries_that_can_block(soft))
        # No fewer canaries than the policy asks for, no more than anybody writes.
        to_pass, to_block = (None if c is None else min(MOST_CANARIES, max(least, c)) for c in figures[2:])
        why = FAULTS_BY_CHANCE if rules[key].hard and figures[0] and to_pass is None else ""
        measured = (key, rules[key].hard, *figures[:2], margin, may_block[key])
        powers.append(DimensionPower(*measured, to_pass, to_block, why))
    return tuple(powers)


def _completed(before: pd.DataFrame, after: pd.DataFrame, policy: Policy) -> Completed | None:
    """The rows of two runs as the gate completes them, on the canaries that both were asked; None without any."""
    shared = set(before["canary"]) & set(after["canary"])
    first, second = (rows[rows["canary"].isin(shared)] for rows in (before, after))
    return completed(first, second, policy) if shared else None


_Figures = tuple[int, float, int | None, int | None]  # n, spread, canaries to pass, canaries to block


def _soft(pairs: Sequence[Pair], margin: float, among: int) -> _Figures:
    gains = [as_array(pair.gains) for pair in pairs]
    n, freedom = sum(map(len, gains)), sum(len(g) - 1 for g in gains if len(g) > 1)
    if not freedom:
        return n, math.nan, None, None
    spread = math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in gains if len(g) > 1) / freedom)
    worst = max(0.0, float(pairs[0].worst_possible.max()))
    return n, spread, canaries_needed(spread, margin, worst), canaries_to_block(spread, margin, among)


def _hard(pairs: Sequence[Pair], margin: float, alpha: float) -> _Figures:
    n = sum(len(pair.faults) for pair in pairs)
    if not n:
        return 0, math.nan, None, None
    differing = int(np.sum([pair.discordant for pair in pairs])) / n
    tests = max(pair.fault_tests for pair in pairs if len(pair.faults))
    blocking = fault_canaries_to_block(min(1.0, 2 * margin), alpha / tests)
    return n, differing, None if differing else faultless_canaries_needed(margin), blocking
