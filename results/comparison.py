"""Two runs on one dimension: scores paired by canary, a gain with its interval, and the verdict by the policy.

A *gain* is the paired difference with the sign that makes more better; a loss is a gain below 0.

A soft dimension is REGRESSED if the whole 95 % interval of the gain lies below minus the margin; ``apply_holm``
then decides which regressions remain significant among all soft dimensions. It is a PASS if the mean loss is no
larger than the margin and ``statistics.safe_low``, which allows for what n canaries can't have shown, lies above
minus the loss that a PASS must rule out (the margin, or the suite's own). Otherwise it is INCONCLUSIVE.

A hard dimension asks which canaries show the fault in any take. It is REGRESSED if the exact one-sided McNemar
test gives p <= alpha: its level holds however canaries differ, so two equal runs are seldom blocked. It is a PASS
if no canary shows a new fault and n is large enough to rule out the margin: 99 canaries for 3 in 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from judges.types import DIMENSIONS
from results.policy import LEAST_MARGIN, DimensionPolicy, Policy
from results.statistics import (
    MOST_CANARIES,
    NO_INTERVAL,
    SOFT_LEVEL,
    TOLERANCE,
    canaries_needed,
    canaries_that_can_block,
    canaries_to_block,
    fault_canaries_to_block,
    fault_rate_that_blocks,
    faultless_canaries_needed,
    loss_that_blocks,
    margin_p,
    mcnemar,
    mean_interval,
    paired_rate_difference,
    rate_bound,
    rate_interval,
    safe_low,
)
from results.table import ScoreTable
from timbre.stats import Interval

Verdict = Literal["PASS", "REGRESSED", "INCONCLUSIVE", "ADVISORY"]


@dataclass(frozen=True)
class RunScore:
    """One run on one dimension, beside the first of several."""

    run: str
    dimension: str
    n: int  # canaries with a score
    unscored: int  # answers without one
    mean: Interval  # over canaries, takes averaged first; if hard the rate of canaries with the fault
    gain: Interval  # over the first run, paired by canary; NaN for the first run itself
    paired: int  # canaries that both have


@dataclass(frozen=True)
class DimensionVerdict:
    """One dimension of a gate."""

    dimension: str
    verdict: Verdict  # ADVISORY where it can't block: no licence, not in the policy, or not scored
    n: int  # canaries scored on both sides
    unpaired: int  # canaries left out because one side has no score
    baseline: Interval  # mean over canaries, or the rate of canaries with the fault if hard
    candidate: Interval
    gain: Interval  # paired by canary, more is better
    margin: float | None  # largest loss allowed; None where the policy names none
    rules_out: float | None  # loss that a PASS rules out; wider than the margin on a small suite
    hard: bool
    goal: bool  # the policy asks for a gain
    p: float | None  # one-sided, uncorrected: that the loss exceeds the margin, or that faults became more
    needed: int | None  # canaries that would settle an INCONCLUSIVE at the gain seen; None where none would
    detectable: float | None  # least loss (rate of new faults, if hard) that this n blocks four times in five
    why: str  # the rule that decided, with its figures, as a clause
    licence: str = (
        ""  # what the judge's licence shows or lacks; "-" for a count, "given" for a caller's scores
    )
    missing: int = 0  # answers of the candidate that are none and count as the worst

    @property
    def gain_is_proven(self) -> bool:
        """Whether the whole interval of the gain lies above 0."""
        return self.n > 1 and self.gain.low > TOLERANCE


def canary_means(rows: pd.DataFrame) -> "pd.Series[float]":
    """Mean over the scored takes of each canary, by canary id; canaries without a score are left out."""
    scored = rows[rows["value"].notna()]
    return scored.groupby("canary", sort=True)["value"].mean()


def canary_gains(before: pd.DataFrame, after: pd.DataFrame, key: str) -> "pd.Series[float]":
    """The gain of each canary that both runs have a score for, by canary id; of a reported figure the difference."""
    difference = (canary_means(after) - canary_means(before)).dropna()
    # Rounded so that a loss of .9 to .8 is the same as one of .8 to .7.
    return (-difference if DIMENSIONS[key].direction == "down" else difference).round(12)


def canary_faults(before: pd.DataFrame, after: pd.DataFrame, fault_at: float) -> pd.DataFrame:
    """Which canaries show a fault in any scored take, of those scored on both sides.

    Returns:
        Indexed by canary, with the boolean columns ``before`` and ``after``.
    """
    sides = {}
    for name, rows in (("before", before), ("after", after)):
        scored = rows[rows["value"].notna()]
        sides[name] = (scored["value"] >= fault_at).groupby(scored["canary"]).any()
    return pd.concat(sides, axis=1, join="inner").astype(bool)


def faults_p(before: pd.DataFrame, after: pd.DataFrame, fault_at: float) -> float:
    """One-sided p that faults became more frequent, by McNemar's exact test over canaries.

    Of two tries at a fault one more is likelier to show it, so a run with more takes is tested by as many at a
    time as the other has. Where both have several, the canaries on which more takes show the fault are held
    against those on which fewer do, too. The least p counts, times the number of tests (Bonferroni).
    """
    takes = [sorted(rows.loc[rows["value"].notna(), "epoch"].unique()) for rows in (before, after)]
    size = max(1, min(map(len, takes)))
    parts = [
        [rows[rows["epoch"].isin(own[at : at + size])] for at in range(0, len(own) - size + 1, size)]
        for rows, own in zip((before, after), takes, strict=True)
    ]
    pairs = [canary_faults(b, a, fault_at) for b in parts[0] for a in parts[1]]
    ps = [mcnemar(*_discordant(faults)) for faults in pairs if len(faults)]
    if size > 1:
        rise = _share_of_faults(after, fault_at) - _share_of_faults(before, fault_at)
        ps.append(mcnemar(int((rise > 0).sum()), int((rise < 0).sum())))
    return min(1.0, min(ps, default=1.0) * len(ps))


def _share_of_faults(rows: pd.DataFrame, fault_at: float) -> "pd.Series[float]":
    """Share of a canary's scored takes that show the fault, by canary and number of takes."""
    scored = rows[rows["value"].notna()]
    shares = (scored["value"] >= fault_at).groupby(scored["canary"]).agg(["mean", "size"])
    return shares.set_index("size", append=True)["mean"].astype(float)


def side_by_side(table: ScoreTable, runs: Sequence[str], policy: Policy) -> tuple[RunScore, ...]:
    """Every dimension of ``table`` for every run, by dimension in table order and then by run.

    Args:
        table: Scores of all the runs.
        runs: The first is what the others are compared with.
        policy: Says which dimensions are hard, whose figure is the rate of canaries with the fault.
    """
    scores = []
    for key in (k for k in DIMENSIONS if (table["dimension"] == k).any()):
        rule = policy.dimensions.get(key)
        rows = rows_of(table, key, rule)
        first = rows[rows["run"] == runs[0]]
        for run in runs:
            own = rows[rows["run"] == run]
            n, mean = _level(own, rule)
            paired, gain = (0, NO_INTERVAL) if run == runs[0] else _gain(first, own, key, rule)
            scores.append(RunScore(run, key, n, int(own["value"].isna().sum()), mean, gain, paired))
    return tuple(scores)


def by_kind(table: ScoreTable, runs: Sequence[str], policy: Policy) -> dict[str, tuple[RunScore, ...]]:
    """``side_by_side`` within every kind of canary; nothing is corrected for looking at many kinds."""
    return {str(kind): side_by_side(rows, runs, policy) for kind, rows in table.groupby("kind", sort=True)}


def rows_of(table: pd.DataFrame, key: str, rule: DimensionPolicy | None) -> pd.DataFrame:
    """The rows of a dimension that the policy looks at."""
    chosen = table["dimension"] == key
    if rule is not None and rule.unlicensed_only:
        chosen &= ~table["licensed"]
    return table[chosen]


def _level(rows: pd.DataFrame, rule: DimensionPolicy | None) -> tuple[int, Interval]:
    if rule is not None and rule.fault_at is not None:
        faults = canary_faults(rows, rows, rule.fault_at)["after"]
        return len(faults), rate_interval(int(faults.sum()), len(faults))
    means = canary_means(rows)
    return len(means), mean_interval(_array(means))


def _gain(
    before: pd.DataFrame, after: pd.DataFrame, key: str, rule: DimensionPolicy | None
) -> tuple[int, Interval]:
    if rule is not None and rule.fault_at is not None:
        faults = canary_faults(before, after, rule.fault_at)
        return len(faults), _negated(paired_rate_difference(*_discordant(faults), len(faults)))
    gains = canary_gains(before, after, key)
    return len(gains), mean_interval(_array(gains))


def compare_dimension(
    key: str,
    before: pd.DataFrame,
    after: pd.DataFrame,
    policy: Policy,
    *,
    alpha: float,
    among: int,
    suite: str | None = None,
    ceiling: float | None = None,
) -> DimensionVerdict:
    """Judge one dimension by its rule; without a rule it is measured and ADVISORY. Licences are the gate's.

    Args:
        key: The dimension.
        before: Its score table rows for the baseline.
        after: The same for the candidate.
        policy: What it says of the dimension.
        alpha: Level of the test of a hard dimension.
        among: Soft dimensions that may block, at least 1.
        suite: Name of the suite, which may have a figure of its own for what a PASS rules out.
        ceiling: The writer's own mean, for a margin that is a share of floor to ceiling.
    """
    rule = policy.dimensions.get(key)
    (_, base), (_, own), (n, gain) = (
        _level(before, rule),
        _level(after, rule),
        _gain(before, after, key, rule),
    )
    unpaired = len(set(before["canary"]) | set(after["canary"])) - n
    found = DimensionVerdict(
        key,
        "ADVISORY",
        n,
        unpaired,
        base if n else NO_INTERVAL,
        own if n else NO_INTERVAL,
        gain,
        None,
        None,
        bool(rule and rule.hard),
        bool(rule and rule.goal == "gain"),
        None,
        None,
        None,
        "reported, not in the policy",
    )
    if rule is not None:
        margin = _margin(rule, base, ceiling)
        found = replace(found, margin=margin, rules_out=policy.rules_out(suite, margin))
    if n == 0:
        return replace(found, why=f"not scored: {_reason(before, after)}")
    if rule is None or found.margin is None:
        return found
    if not found.margin >= LEAST_MARGIN:
        return replace(found, why="no margin")
    return (
        _judge_hard(found, before, after, rule, alpha)
        if rule.hard
        else _judge_soft(found, before, after, policy, among)
    )


def soft_verdict(gain: Interval, low: float, margin: float, rules_out: float) -> Verdict:
    """The verdict on a gain with its interval, where ``low`` is its ``safe_low``."""
    if gain.high < -margin - TOLERANCE:
        return "REGRESSED"
    is_sound = gain.estimate >= -margin - TOLERANCE and low >= -rules_out - TOLERANCE
    return "PASS" if is_sound else "INCONCLUSIVE"


def hard_verdict(p: float, alpha: float, worse: int, n: int, rules_out: float) -> Verdict:
    """The verdict on ``n`` canaries of which ``worse`` show the fault anew, where ``p`` is McNemar's."""
    if p <= alpha:
        return "REGRESSED"
    return "PASS" if worse == 0 and rate_bound(0, n) <= rules_out else "INCONCLUSIVE"


def worst_possible(before: pd.DataFrame, key: str) -> "pd.Series[float]":
    """The largest loss that each canary could show, from the baseline's own score on a scale of [0, 1]."""
    level = canary_means(before)
    return level if DIMENSIONS[key].direction == "up" else 1 - level


def _judge_soft(
    found: DimensionVerdict, before: pd.DataFrame, after: pd.DataFrame, policy: Policy, among: int
) -> DimensionVerdict:
    assert found.margin is not None and found.rules_out is not None
    gains = _array(canary_gains(before, after, found.dimension))
    n, margin, rules_out, gain = found.n, found.margin, found.rules_out, found.gain
    possible = worst_possible(before, found.dimension)
    worst = max(0.0, float(possible.max()), float((-gains).max()))
    least = max(policy.min_canaries, canaries_that_can_block(among))
    verdict = soft_verdict(gain, safe_low(gains, worst), margin, rules_out)
    if verdict == "INCONCLUSIVE" and gain.estimate < -margin - TOLERANCE:
        place = f"a mean loss beyond {margin:.3g} that {n} canaries don't prove"
    else:
        place = {
            "REGRESSED": f"all of it below {-margin:.3g}",
            "PASS": f"nothing below {-rules_out:.3g}",
            "INCONCLUSIVE": f"which leaves a loss of {rules_out:.3g} possible",
        }[verdict]
    why = f"gain {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] over {n} canaries, {place}"
    if n < least:
        verdict = "INCONCLUSIVE"
        why = f"{n} canaries, fewer than the {least} that can decide among {among} dimensions"
    sd = float(gains.std(ddof=1)) if n > 1 else 0.0
    return replace(
        found,
        verdict=verdict,
        p=margin_p(gains, margin),
        needed=_needed(found, sd, worst, least, among) if verdict != "PASS" else None,
        detectable=_within_scale(loss_that_blocks(sd, margin, n, among)) if n >= least else None,
        why=why,
    )


def _judge_hard(
    found: DimensionVerdict,
    before: pd.DataFrame,
    after: pd.DataFrame,
    rule: DimensionPolicy,
    alpha: float,
) -> DimensionVerdict:
    assert rule.fault_at is not None and found.margin is not None and found.rules_out is not None
    faults = canary_faults(before, after, rule.fault_at)
    n, rules_out = found.n, found.rules_out
    worse, _ = _discordant(faults)
    seen, had = int(faults["after"].sum()), int(faults["before"].sum())
    p = faults_p(before, after, rule.fault_at)
    bound = rate_bound(worse, n)
    alone = _faulty(after, rule.fault_at) - set(faults.index)
    verdict = hard_verdict(p, alpha, worse + len(alone), n, rules_out)
    only = " without licence for the first person" if rule.unlicensed_only else ""
    why = (
        f"{seen} of {n} canaries{only} show it against {had}, {worse} anew (p = {p:.2g}); "
        f"{worse} new of {n} leaves a rate up to {100 * bound:.1f} % possible"
    )
    if alone:
        why += f"; {len(alone)} more show it that the baseline has no score for"
    needed = None
    if verdict == "INCONCLUSIVE" and worse:
        # No number passes with a new fault: as many as tell chance from a change at the rate that was seen.
        needed = _capped(max(n + 1, fault_canaries_to_block(worse / n, alpha)))
    elif verdict == "INCONCLUSIVE" and not alone:
        needed = max(n + 1, faultless_canaries_needed(rules_out))
    return replace(
        found,
        verdict=verdict,
        p=p,
        needed=needed,
        detectable=_within_scale(fault_rate_that_blocks(n, alpha)),
        why=why,
    )


def _faulty(rows: pd.DataFrame, fault_at: float) -> set[str]:
    """Canaries with the fault in any take."""
    return set(map(str, rows.loc[rows["value"] >= fault_at, "canary"]))


def apply_holm(verdicts: Sequence[DimensionVerdict]) -> tuple[DimensionVerdict, ...]:
    """Make every soft REGRESSED that Holm's step-down test doesn't reject INCONCLUSIVE.

    Each soft dimension has a one-sided test of "the loss is no larger than the margin" at 2.5 %. Of ten such tests
    one or other would block by chance far more often than each alone, so a REGRESSED counts only if Holm (1979)
    rejects it among all soft dimensions that may block. PASS needs no correction: to pass, a run must pass every
    dimension. Worse scores only lower a p, and Holm rejects more as any p falls: a verdict can't improve because
    something got worse.
    """
    from statsmodels.stats.multitest import multipletests

    soft = [v for v in verdicts if not v.hard and v.verdict != "ADVISORY" and v.p is not None]
    if not soft:
        return tuple(verdicts)
    rejected, adjusted, _, _ = multipletests([v.p for v in soft], alpha=SOFT_LEVEL, method="holm")
    by_chance = {
        v.dimension: float(p)
        for v, enough, p in zip(soft, rejected, adjusted, strict=True)
        if v.verdict == "REGRESSED" and not enough
    }
    return tuple(
        replace(
            v,
            verdict="INCONCLUSIVE",
            why=f"{v.why}, but of {len(soft)} dimensions one may be so by chance "
            f"(Holm p = {by_chance[v.dimension]:.2g})",
        )
        if v.dimension in by_chance
        else replace(v, needed=None)
        if v.verdict == "REGRESSED"
        else v
        for v in verdicts
    )


def _margin(rule: DimensionPolicy, floor: Interval, ceiling: float | None) -> float:
    share = rule.share_of_range
    if share is None:
        return float(rule.margin)
    if ceiling is None or math.isnan(floor.estimate):
        return math.nan
    return share * abs(ceiling - floor.estimate)


def _needed(found: DimensionVerdict, sd: float, worst: float, least: int, among: int) -> int | None:
    """Canaries that settle it if the gain seen is the true one; None where no suite would."""
    assert found.rules_out is not None and found.margin is not None
    gain, margin = found.gain.estimate, found.margin
    if gain < -margin - TOLERANCE:
        needed = canaries_to_block(sd, -margin - gain, among)
    else:
        room = found.rules_out + min(0.0, gain)
        needed = canaries_needed(sd, room, worst) if room > TOLERANCE else MOST_CANARIES + 1
    return _capped(max(needed, found.n + 1, least))


def _capped(canaries: int) -> int | None:
    return canaries if canaries <= MOST_CANARIES else None


def _within_scale(loss: float) -> float | None:
    return round(loss, 4) if loss < 1 else None


def _reason(before: pd.DataFrame, after: pd.DataFrame) -> str:
    reasons = pd.concat([before["unscored"], after["unscored"]])
    reasons = reasons[reasons != ""]
    return str(reasons.mode().iloc[0]) if len(reasons) else "no canary to score it on"


def _discordant(faults: pd.DataFrame) -> tuple[int, int]:
    """Canaries with the fault in the second run alone, and in the first alone."""
    return int((faults["after"] & ~faults["before"]).sum()), int((faults["before"] & ~faults["after"]).sum())


def _negated(found: Interval) -> Interval:
    return Interval(-found.estimate + 0.0, -found.high + 0.0, -found.low + 0.0)


def _array(column: "pd.Series[float]") -> NDArray[np.float64]:
    return np.asarray(column, dtype=np.float64)
