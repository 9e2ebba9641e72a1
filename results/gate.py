"""The gate: a pure decision from score tables and a policy. No files, no clock, no chance but a fixed seed.

The rules of a single dimension stand in ``results/comparison.py``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from judges.types import DIMENSIONS
from results.comparison import compare_dimension
from results.policy import DimensionPolicy, Policy
from results.records import RunLog
from results.table import ScoreTable, score_table
from results.verdicts import DimensionVerdict, GateResult, Overall, Verdict

_NAMED = 5
"""Names listed in a message before "and N more"."""


def gate(
    table: ScoreTable, baseline: str, candidate: str, policy: Policy, *, scores_given: bool = False
) -> GateResult:
    """Decide whether the candidate got worse than the baseline.

    Args:
        table: Scores of both runs (other runs are ignored).
        baseline: Run name.
        candidate: Run name.
        policy: What counts as worse.
        scores_given: The scores are the caller's own, who answers for the judges: no licence is asked for.

    Returns:
        The decision. Runs that can't be compared give ``overall == "ERROR"`` and the problems, no exception.
    """
    before, after = table[table["run"] == baseline], table[table["run"] == candidate]
    problems = _unequal(before, after, baseline, candidate, sorted(set(table["run"])))
    if problems:
        return GateResult("ERROR", baseline, candidate, (), tuple(problems))
    if scores_given:
        waived = {k: replace(p, needs_licence=False) for k, p in policy.dimensions.items()}
        policy = replace(policy, dimensions=waived)
    scored = set(after.loc[after["value"].notna(), "dimension"])
    hard = [key for key, rule in policy.dimensions.items() if rule.hard and key in scored]
    alpha = policy.hard_alpha / max(1, len(hard))
    verdicts = []
    for key in (k for k in DIMENSIONS if (after["dimension"] == k).any()):
        rule = policy.dimensions.get(key)
        b, a = _rows(before, key, rule), _rows(after, key, rule)
        verdict = compare_dimension(key, b, a, rule, policy, alpha)
        if rule is not None and rule.needs_licence:
            verdict = replace(verdict, verdict="ADVISORY", needed=None)
        elif rule is not None and (b["value"].notna().any() or a["value"].notna().any()):
            problems += _too_many_unscored(key, policy.max_unscored, {baseline: b, candidate: a})
        if scores_given and verdict.licence != "-":
            verdict = replace(verdict, licence="given")
        verdicts.append(verdict)
    if not problems and all(v.verdict == "ADVISORY" for v in verdicts):
        problems.append("no dimension that can block was scored")
    overall = "ERROR" if problems else _worst(v.verdict for v in verdicts)
    notes = _notes({baseline: before, candidate: after}, verdicts)
    return GateResult(overall, baseline, candidate, tuple(verdicts), tuple(problems), notes)


def gate_logs(baseline: RunLog, candidate: RunLog, policy: Policy) -> GateResult:
    """``gate`` on two logs; logs made under different conditions are an ERROR that says which differ."""
    differing = differences((baseline, candidate))
    if differing:
        return GateResult("ERROR", baseline.run, candidate.run, (), differing)
    return gate(score_table((baseline, candidate)), baseline.run, candidate.run, policy)


def differences(logs: Sequence[RunLog]) -> tuple[str, ...]:
    """The conditions (suite, judges, decoding, base ...) in which logs differ, each with its values."""
    found = []
    for name in logs[0].conditions:
        values = {log.run: log.conditions[name] for log in logs}
        if len(set(values.values())) > 1:
            found.append(f"{name} differs: " + "; ".join(f"{run} {value}" for run, value in values.items()))
    return tuple(found)


def _unequal(
    before: pd.DataFrame, after: pd.DataFrame, baseline: str, candidate: str, runs: list[str]
) -> list[str]:
    """What keeps two runs from being paired at all."""
    absent = [run for run, rows in ((baseline, before), (candidate, after)) if rows.empty]
    if absent:
        return [f"no scores of {run!r} (there are {', '.join(runs)})" for run in absent]
    if baseline == candidate:
        return [f"{baseline!r} is both baseline and candidate"]
    answered = {
        run: set(rows[["canary", "dimension"]].itertuples(index=False, name=None))
        for run, rows in ((baseline, before), (candidate, after))
    }
    problems = []
    for run, other in ((baseline, candidate), (candidate, baseline)):
        missing = answered[other] - answered[run]
        whole = {canary for canary, _ in missing} - {canary for canary, _ in answered[run]}
        rest = {f"{canary}/{dimension}" for canary, dimension in missing if canary not in whole}
        if whole:
            problems.append(f"{run} lacks {len(whole)} canaries that {other} has: {_some(whole)}")
        if rest:
            problems.append(f"{run} lacks {len(rest)} scores that {other} has: {_some(rest)}")
    return problems


def _rows(side: pd.DataFrame, key: str, rule: DimensionPolicy | None) -> pd.DataFrame:
    chosen = side["dimension"] == key
    if rule is not None and rule.unlicensed_only:
        chosen &= ~side["licensed"]
    return side[chosen]


def _too_many_unscored(key: str, most: float, sides: Mapping[str, pd.DataFrame]) -> list[str]:
    problems = []
    for run, rows in sides.items():
        missing = rows["value"].isna()
        if missing.mean() > most:
            reasons = rows.loc[missing, "unscored"]
            problems.append(
                f"{key}: {int(missing.sum())} of {len(rows)} answers of {run} are unscored"
                f" ({reasons.mode().iloc[0] or 'no reason given'}), more than {100 * most:g} %"
            )
    return problems


def _worst(verdicts: Iterable[Verdict]) -> Overall:
    present = set(verdicts)
    if "REGRESSED" in present:
        return "REGRESSED"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in present else "PASS"


def _notes(sides: Mapping[str, pd.DataFrame], verdicts: Sequence[DimensionVerdict]) -> tuple[str, ...]:
    notes = []
    for run, rows in sides.items():
        answers = rows.drop_duplicates(["canary", "epoch"])
        cut = int(answers["truncated"].sum())
        if cut:
            notes.append(f"{cut} of {len(answers)} answers of {run} were cut off by the token limit")
        shares = rows[[DIMENSIONS[d].unit == "share" for d in rows["dimension"]]]
        outside = shares.loc[(shares["value"] < 0) | (shares["value"] > 1), "dimension"]
        if len(outside):
            notes.append(
                f"{run} has values outside [0, 1] in {_some(set(outside))}: margins are meant for shares"
            )
    for v in verdicts:
        if v.n and v.unpaired:
            notes.append(f"{v.dimension}: {v.unpaired} canaries left out, unscored on one side")
        if v.verdict == "PASS" and not v.hard and v.delta.low == v.delta.high:
            notes.append(f"{v.dimension}: no canary differs, so {v.n} canaries tell nothing of rarer faults")
    return tuple(notes)


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(ordered[:_NAMED]) + more
