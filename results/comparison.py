"""Two runs on one dimension: scores paired by canary, intervals, and the verdict by the policy's rule.

A soft dimension compares the 95 % interval of the paired difference with the margin: REGRESSED if the whole
interval lies beyond it on the bad side, PASS if the whole interval lies inside, else INCONCLUSIVE. Whether
a REGRESSED stands among all the soft dimensions is Holm's to say (``results/multiplicity.py``).

A hard dimension asks which canaries show the fault in any epoch. REGRESSED if the exact one-sided McNemar
test gives p <= alpha: its level holds however canaries differ, so two equal runs are seldom blocked.
A single new fault is told but doesn't block, since at temperature 0.7 an unchanged model has one too.
PASS if the whole interval of the difference of rates lies below the margin; 26 faultless canaries do at 0.10.
"""

import math

import numpy as np
import pandas as pd

from results.policy import DimensionPolicy, Policy
from results.statistics import (
    Interval,
    canaries_needed,
    faultless_canaries_needed,
    margin_p,
    mcnemar,
    mean_intervals,
    paired_rate_difference,
    rate_bound,
    rate_interval,
)
from results.verdicts import DimensionVerdict, Verdict

MOST_CANARIES = 10_000
"""Upper end of what is said to be needed: beyond it no suite will be written."""

_PLACES = {
    "REGRESSED": "all of it beyond",
    "PASS": "all of it inside",
    "INCONCLUSIVE": "on both sides of",
}
_NOTHING = Interval(math.nan, math.nan, math.nan)


def canary_means(rows: pd.DataFrame) -> "pd.Series[float]":
    """Mean over the scored epochs of each canary, by canary id; canaries without a score are left out.

    Args:
        rows: Score table rows of one run and one dimension.
    """
    scored = rows[rows["value"].notna()]
    return scored.groupby("canary", sort=True)["value"].mean()


def canary_faults(before: pd.DataFrame, after: pd.DataFrame, fault_at: float) -> pd.DataFrame:
    """Which canaries show a fault in any epoch scored on both sides.

    Only those epochs: of two tries at a fault, one more would be the likelier to show it.

    Args:
        before: Score table rows of one run and one dimension.
        after: The same of another run.
        fault_at: Value from which an answer shows the fault.

    Returns:
        Indexed by canary, with the boolean columns ``value_before`` and ``value_after``.
    """
    cells = before[["canary", "epoch", "value"]].merge(
        after[["canary", "epoch", "value"]], on=["canary", "epoch"], suffixes=("_before", "_after")
    )
    cells = cells.dropna(subset=["value_before", "value_after"])
    return (cells[["value_before", "value_after"]] >= fault_at).groupby(cells["canary"]).any()


def soft_verdict(delta: Interval, rule: DimensionPolicy) -> Verdict:
    """The verdict on a paired difference of means, from where its interval lies."""
    low, high = (delta.low, delta.high) if rule.direction == "up" else (-delta.high, -delta.low)
    if high < -rule.margin:
        return "REGRESSED"
    return "PASS" if low >= -rule.margin else "INCONCLUSIVE"


def hard_verdict(worse: int, better: int, n: int, rule: DimensionPolicy, alpha: float) -> Verdict:
    """The verdict on ``n`` canaries of which ``worse`` show a fault anew and ``better`` no longer do."""
    if mcnemar(worse, better) <= alpha:
        return "REGRESSED"
    return "PASS" if paired_rate_difference(worse, better, n).high <= rule.margin else "INCONCLUSIVE"


def compare_dimension(
    key: str,
    before: pd.DataFrame,
    after: pd.DataFrame,
    rule: DimensionPolicy | None,
    policy: Policy,
    alpha: float,
) -> DimensionVerdict:
    """Judge one dimension by its rule; without a rule it is measured and ADVISORY. Licences are the gate's.

    Args:
        key: The dimension.
        before: Its score table rows for the baseline.
        after: The same for the candidate.
        rule: What the policy says of it.
        policy: For ``min_canaries``.
        alpha: Level of the test of a hard dimension.
    """
    if rule is not None and rule.hard:
        return _hard(key, before, after, rule, policy, alpha)
    return _soft(key, before, after, rule, policy)


def _soft(
    key: str, before: pd.DataFrame, after: pd.DataFrame, rule: DimensionPolicy | None, policy: Policy
) -> DimensionVerdict:
    pairs = pd.concat({"before": canary_means(before), "after": canary_means(after)}, axis=1, join="inner")
    n = len(pairs)
    unpaired = _unpaired(before, after, n)
    if n == 0:
        return _unscored(key, before, after, rule, unpaired)
    difference = (pairs["after"] - pairs["before"]).to_numpy()
    columns = np.stack([pairs["before"].to_numpy(), pairs["after"].to_numpy(), difference], axis=1)
    base, candidate, delta = (Interval(*map(float, c)) for c in mean_intervals(columns).T)
    verdict: Verdict = "ADVISORY"
    needed, why, p = None, "reported, not in the policy", None
    if rule is not None:
        gains = difference if rule.direction == "up" else -difference
        p = margin_p(gains, rule.margin)
        verdict = soft_verdict(delta, rule) if n >= policy.min_canaries else "INCONCLUSIVE"
        why = (
            f"mean {_moved(delta.estimate)} [{delta.low:+.3f}, {delta.high:+.3f}] over {n} canaries, "
            f"{_PLACES[verdict]} the margin {rule.margin:g}"
        )
        if n < policy.min_canaries:
            why = f"{n} canaries, fewer than the {policy.min_canaries} of the policy"
        if verdict != "PASS":
            sd = float(difference.std(ddof=1)) if n > 1 else 0.0
            needed = _needed(sd, float(gains.mean()), rule.margin, n, policy.min_canaries)
    return DimensionVerdict(
        key,
        verdict,
        n,
        unpaired,
        base,
        candidate,
        delta,
        rule.margin if rule else None,
        False,
        "",
        p,
        needed,
        why,
    )


def _hard(
    key: str,
    before: pd.DataFrame,
    after: pd.DataFrame,
    rule: DimensionPolicy,
    policy: Policy,
    alpha: float,
) -> DimensionVerdict:
    assert rule.fault_at is not None, "the policy's loader asks for it"
    faults = canary_faults(before, after, rule.fault_at)
    n = len(faults)
    unpaired = _unpaired(before, after, n)
    if n == 0:
        return _unscored(key, before, after, rule, unpaired)
    had, has = faults["value_before"], faults["value_after"]
    worse, better = int((has & ~had).sum()), int((had & ~has).sum())
    delta = paired_rate_difference(worse, better, n)
    p = mcnemar(worse, better)
    seen = int(has.sum())
    only = " without licence for the first person" if rule.unlicensed_only else ""
    why = (
        f"{seen} of {n} canaries{only} show it against {int(had.sum())} (p = {p:.2g}); "
        f"{seen} of {n} leaves a rate up to {100 * rate_bound(seen, n):.1f} % possible"
    )
    verdict = hard_verdict(worse, better, n, rule, alpha)
    if verdict == "PASS" and n < policy.min_canaries:
        verdict = "INCONCLUSIVE"
    needed = None
    if verdict == "INCONCLUSIVE" and worse + better == 0:
        needed = max(n + 1, policy.min_canaries, faultless_canaries_needed(rule.margin))
    elif verdict == "INCONCLUSIVE":
        discordant = math.sqrt((worse + better + 2) / (n + 2))
        needed = _needed(discordant, -delta.estimate, rule.margin, n, policy.min_canaries)
    return DimensionVerdict(
        key,
        verdict,
        n,
        unpaired,
        rate_interval(int(had.sum()), n),
        rate_interval(seen, n),
        delta,
        rule.margin,
        True,
        "",
        p,
        needed,
        why,
    )


def _needed(sd: float, gain: float, margin: float, n: int, least: int) -> int:
    """Canaries that settle it if nothing changed; at a larger n, if the change seen is so."""
    needed = canaries_needed(sd, margin)
    if needed <= n:
        distance = abs(gain + margin)
        needed = canaries_needed(sd, distance) if distance > 1e-6 else MOST_CANARIES
    return min(MOST_CANARIES, max(needed, n + 1, least))


def _unpaired(before: pd.DataFrame, after: pd.DataFrame, n: int) -> int:
    return len(set(before["canary"]) | set(after["canary"])) - n


def _unscored(
    key: str, before: pd.DataFrame, after: pd.DataFrame, rule: DimensionPolicy | None, unpaired: int
) -> DimensionVerdict:
    reasons = pd.concat([before["unscored"], after["unscored"]])
    reasons = reasons[reasons != ""]
    why = f"not scored: {reasons.mode().iloc[0]}" if len(reasons) else "not scored: no canary to score it on"
    margin, hard = (rule.margin, rule.hard) if rule else (None, False)
    return DimensionVerdict(
        key, "ADVISORY", 0, unpaired, _NOTHING, _NOTHING, _NOTHING, margin, hard, "", None, None, why
    )


def _moved(difference: float) -> str:
    return f"{'down' if difference < 0 else 'up'} {abs(difference):.3f}"
