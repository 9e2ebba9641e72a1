"""Two runs on one dimension: scores paired by canary, a gain with its interval, and the verdict by the policy.

A *gain* is the paired difference with the sign that makes more better; a loss is a gain below 0. The rules, and how
often they err, are in docs/gate.md: ``soft_verdict`` and ``hard_verdict`` apply them to one dimension, ``apply_holm``
then among all soft ones.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

import pandas as pd

from judges.types import DIMENSIONS
from results.paired import EXCUSED_FROM, Pair, as_array
from results.policy import LEAST_MARGIN, Policy
from results.statistics import (
    MOST_CANARIES,
    TOLERANCE,
    canaries_needed,
    canaries_that_can_block,
    canaries_to_block,
    fault_canaries_to_block,
    fault_rate_that_blocks,
    faultless_canaries_needed,
    holm,
    loss_that_blocks,
    margin_p,
    rate_bound,
    safe_low,
    usually_passes,
)
from results.table import ScoreTable
from timbre.stats import NO_INTERVAL, Interval

NOT_SCORED = "not scored: "
MOST_TAKES = 12
"""More are never advised: further canaries tell more."""

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
    margin: float | None = None  # largest loss allowed; None where the policy names none
    rules_out: float | None = None  # loss that a PASS rules out; wider than the margin on a small suite
    hard: bool = False
    goal: bool = False  # the policy asks for a gain
    p: float | None = None  # one-sided, uncorrected: the loss exceeds the margin, or faults became more
    needed: int | None = None  # canaries that would settle an INCONCLUSIVE at the gain seen, if any would
    detectable: float | None = None  # least loss, or rate of new faults, that n blocks four times in five
    why: str = "reported, not in the policy"  # the rule that decided, with its figures, as a clause
    licence: str = ""  # what it shows or lacks; "-" for a count, "given" for a caller's scores
    missing: int = 0  # answers of the candidate that are none and count as the worst
    takes_needed: int | None = None
    """Takes of these canaries that would turn an INCONCLUSIVE into a PASS, if nothing was lost."""

    @property
    def is_judged(self) -> bool:
        """Whether more or less of it is better; False for a reported figure."""
        return DIMENSIONS[self.dimension].is_judged

    @property
    def gain_is_proven(self) -> bool:
        """Whether the whole interval of the gain lies above 0."""
        return self.n > 1 and self.gain.low > TOLERANCE

    @property
    def is_lost(self) -> bool:
        """Whether it is REGRESSED, or the whole interval of the gain lies below 0."""
        return self.verdict == "REGRESSED" or (self.n > 1 and self.gain.high < 0)


def side_by_side(table: ScoreTable, runs: Sequence[str], policy: Policy) -> tuple[RunScore, ...]:
    """Every dimension of ``table`` for every run beside the first, by dimension in table order and then by run."""
    scores = []
    for key in (k for k in DIMENSIONS if (table["dimension"] == k).any()):
        of_runs = {run: table[(table["run"] == run) & (table["dimension"] == key)] for run in runs}
        for run in runs:
            pair = Pair.of(key, policy, of_runs[runs[0]], of_runs[run])
            paired, gain = (0, NO_INTERVAL) if run == runs[0] else pair.gain
            unscored = int(pair.after["value"].isna().sum())
            n, mean = pair.level(pair.after)
            scores.append(RunScore(run, key, n, unscored, mean, gain, paired))
    return tuple(scores)


def by_dimension(scored: Iterable[RunScore]) -> dict[str, dict[str, RunScore]]:
    """What ``side_by_side`` gives, by dimension and run."""
    return {key: {s.run: s for s in group} for key, group in groupby(scored, key=lambda s: s.dimension)}


def compare_dimension(
    pair: Pair,
    policy: Policy,
    *,
    alpha: float,
    among: int,
    least_ruled_out: float = 0.0,
    ceiling: float | None = None,
) -> DimensionVerdict:
    """Judge one dimension by its rule; without a rule it is measured and ADVISORY. Licences are the gate's.

    ``alpha`` is the level of a hard dimension's test, ``among`` the number of soft ones that may block, at least
    1, ``least_ruled_out`` what a PASS rules out of a small suite, where the margin is narrower, and ``ceiling`` the
    writer's own mean, for a margin that is a share of floor to ceiling.
    """
    rule, (n, gain) = pair.rule, pair.gain
    (_, base), (_, own) = pair.level(pair.before), pair.level(pair.after)
    unpaired = len(set(pair.before["canary"]) | set(pair.after["canary"])) - n
    levels = (base, own) if n else (NO_INTERVAL, NO_INTERVAL)
    measured = DimensionVerdict(pair.key, "ADVISORY", n, unpaired, *levels, gain)
    if rule is not None:
        margin = rule.margin_from(base.estimate, ceiling)
        rules_out = max(margin, least_ruled_out)
        measured = replace(
            measured, margin=margin, rules_out=rules_out, hard=rule.hard, goal=rule.goal == "gain"
        )
    if n == 0:
        return replace(measured, why=NOT_SCORED + _reason(pair))
    if rule is None:
        return measured
    if not margin >= LEAST_MARGIN:
        return replace(measured, why="no margin")
    judged = (
        _judge_hard(pair, rules_out, alpha)
        if rule.hard
        else _judge_soft(pair, margin, rules_out, policy, among)
    )
    return replace(measured, **judged)


def soft_verdict(gain: Interval, low: float, margin: float, rules_out: float) -> Verdict:
    """The verdict on a gain with its interval, where ``low`` is its ``safe_low``."""
    if gain.high < -margin - TOLERANCE:
        return "REGRESSED"
    is_large_loss = gain.estimate < -margin - TOLERANCE and gain.high < -TOLERANCE
    return "PASS" if low >= -rules_out - TOLERANCE and not is_large_loss else "INCONCLUSIVE"


def hard_verdict(p: float, alpha: float, worse: int, n: int, rules_out: float) -> Verdict:
    """The verdict on ``n`` canaries of which ``worse`` show the fault anew, where ``p`` is McNemar's."""
    if p <= alpha:
        return "REGRESSED"
    return "PASS" if worse == 0 and rate_bound(0, n) <= rules_out else "INCONCLUSIVE"


def _judge_soft(pair: Pair, margin: float, rules_out: float, policy: Policy, among: int) -> dict[str, Any]:
    """The fields of a soft dimension's verdict."""
    gains, (n, gain) = as_array(pair.gains), pair.gain
    worst = max(0.0, float(pair.worst_possible.max()), float((-gains).max()))
    least = max(policy.min_canaries, canaries_that_can_block(among))
    verdict = soft_verdict(gain, safe_low(gains, worst), margin, rules_out)
    is_beyond = gain.estimate < -margin - TOLERANCE
    if verdict == "INCONCLUSIVE" and is_beyond:
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
    needed = None
    if verdict != "PASS":  # the canaries that settle it if the gain seen is the true one
        room = -margin - gain.estimate if is_beyond else rules_out + min(0.0, gain.estimate)
        if is_beyond:
            needed = canaries_to_block(sd, room, among)
        else:
            needed = canaries_needed(sd, room, worst) if room > TOLERANCE else MOST_CANARIES + 1
        needed = _capped(max(needed, n + 1, least))
    takes_needed = None
    if verdict == "INCONCLUSIVE" and gain.high >= -TOLERANCE and n >= least:
        takes_needed = _takes_needed(pair, sd, rules_out, worst)
    return {
        "verdict": verdict,
        "p": margin_p(gains, margin),
        "needed": needed,
        "takes_needed": takes_needed,
        "detectable": _within_scale(loss_that_blocks(sd, margin, n, among)) if n >= least else None,
        "why": why,
    }


def _takes_needed(pair: Pair, sd: float, rules_out: float, worst: float) -> int | None:
    """Takes at which the canaries there are would PASS four times in five, if nothing was truly lost.

    None where it is the canaries that differ, and not their takes.
    """
    noise, takes = pair.noise, pair.takes
    for more in range(takes + 1, MOST_TAKES + 1):
        spread = math.sqrt(max(0.0, sd**2 - noise * (1 - takes / more)))
        if usually_passes(len(pair.gains), spread, rules_out, worst):
            return more
    return None


def _judge_hard(pair: Pair, rules_out: float, alpha: float) -> dict[str, Any]:
    """The fields of a hard dimension's verdict."""
    faults, n, p = pair.faults, len(pair.faults), pair.faults_p
    (worse, _), lasting = pair.discordant, len(pair.new_faults)
    faulty = pair.after.loc[pair.after["value"] >= pair.fault_at, "canary"]
    alone = len(set(faulty) - set(faults.index))
    verdict = hard_verdict(p, alpha, lasting + alone, n, rules_out)
    only = " without licence for the first person" if pair.rule and pair.rule.unlicensed_only else ""
    why = (
        f"{faults['after'].sum()} of {n} canaries{only} show it against {faults['before'].sum()}, "
        f"{worse} anew (p = {p:.2g}); {lasting} new of {n} leaves a rate up to "
        f"{100 * rate_bound(lasting, n):.1f} % possible"
    )
    for canary, again in pair.asked_again.items():
        why += f"; asked again, {canary} shows it in {again.after} of {again.takes} takes"
        why += f" against {again.before} of {again.takes_before}"
    if any(pair.asked_again[c].before for c in pair.new_faults if c in pair.asked_again):
        less = f"shows it less often (p = {pair.asked_again_p:.2g} over all asked again)"
        why += f"; the baseline {less if pair.asked_again_p < EXCUSED_FROM else 'was asked more often'}"
    if alone:
        why += f"; {alone} more show it that the baseline has no score for"
    needed = None
    if verdict == "INCONCLUSIVE" and lasting:
        # No number passes with a new fault: as many as tell chance from a change at the rate that was seen.
        needed = _capped(max(n + 1, fault_canaries_to_block(worse / n, alpha / pair.fault_tests)))
    elif verdict == "INCONCLUSIVE" and not alone:
        needed = max(n + 1, faultless_canaries_needed(rules_out))
    detectable = _within_scale(fault_rate_that_blocks(n, alpha / pair.fault_tests))
    return {"verdict": verdict, "p": p, "needed": needed, "detectable": detectable, "why": why}


def apply_holm(verdicts: Sequence[DimensionVerdict]) -> tuple[DimensionVerdict, ...]:
    """Make every soft REGRESSED that Holm's step-down test doesn't reject INCONCLUSIVE.

    Each soft dimension has a one-sided test of "the loss is no larger than the margin" at 2.5 %. Of ten such tests
    one or other would block by chance far more often than each alone, so a REGRESSED counts only if Holm (1979)
    rejects it among all soft dimensions that may block. PASS needs no correction: to pass, a run must pass every
    dimension. Worse scores only lower a p, and Holm rejects more as any p falls: a verdict can't improve because
    something got worse.
    """
    soft = [v for v in verdicts if not v.hard and v.verdict != "ADVISORY" and v.p is not None]
    if not soft:
        return tuple(verdicts)
    rejected, adjusted = holm([v.p for v in soft if v.p is not None])
    by_chance = {
        v.dimension: p
        for v, is_rejected, p in zip(soft, rejected, adjusted, strict=True)
        if v.verdict == "REGRESSED" and not is_rejected
    }
    changed = []
    for v in verdicts:
        if v.dimension in by_chance:
            chance = f"one may be so by chance (Holm p = {by_chance[v.dimension]:.2g})"
            v = replace(v, verdict="INCONCLUSIVE", why=f"{v.why}, but of {len(soft)} dimensions {chance}")
        elif v.verdict == "REGRESSED":
            v = replace(v, needed=None)
        changed.append(v)
    return tuple(changed)


def _capped(canaries: int) -> int | None:
    return canaries if canaries <= MOST_CANARIES else None


def _within_scale(loss: float) -> float | None:
    return round(loss, 4) if loss < 1 else None


def _reason(pair: Pair) -> str:
    reasons = pd.concat([pair.before["unscored"], pair.after["unscored"]])
    reasons = reasons[reasons != ""]
    return str(reasons.mode().iloc[0]) if len(reasons) else "no canary to score it on"
