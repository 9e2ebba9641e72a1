"""The gate: a pure decision from score tables and a policy. No files, no clock, no chance but a fixed seed.

The rules of a single dimension stand in ``results/comparison.py``.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from judges.licensing.licence import LICENCES
from judges.run_faults import run_faults
from judges.types import DIMENSIONS
from results.comparison import DimensionVerdict, apply_holm, compare_dimension
from results.completeness import (
    Completed,
    completed,
    pairing_problems,
    scale_problems,
    scoring_problems,
    some_of,
    unscored_dimensions,
)
from results.failure_modes import fault_quotes
from results.licences import SCORES_ALONE, Basis, read_licences
from results.paired import Pair
from results.policy import Policy
from results.records import RunLog, condition_differences, differences
from results.statistics import TOLERANCE
from results.table import ScoreTable, conditions_of, score_table, suite_in
from results.verdicts import GateResult, first_of, flips_of, pass_rates, with_texts
from training.runs import counted

MOST_UNMATCHED = 0.5
"""Share of the canaries of two suites that may be left out: a gate on the lesser part says nothing of the suites."""

_CANARIES_NAMED = 3


def gate(
    table: ScoreTable, baseline: str, candidate: str, policy: Policy, basis: Basis = SCORES_ALONE
) -> GateResult:
    """Decide whether the candidate got worse than the baseline by the rows of both in ``table``.

    Runs that can't be compared give ``overall == "ERROR"`` and the problems, no exception.
    """
    before, after = table[table["run"] == baseline], table[table["run"] == candidate]
    problems = pairing_problems(before, after, baseline, candidate, table, policy.max_unscored)
    if problems:
        return GateResult("ERROR", baseline, candidate, (), tuple(problems), suite=basis.suite)
    both, names = completed(before, after, policy), (baseline, candidate)
    scored = set(both.before["dimension"]) | set(both.after["dimension"])
    again = [] if basis.retakes is None else [basis.retakes[basis.retakes["run"] == run] for run in names]
    pairs = {key: Pair.of(key, policy, both.before, both.after, again) for key in DIMENSIONS if key in scored}
    standings = {
        key: basis.standing(key, pair.rule, pd.concat([pair.before, pair.after]), policy)
        for key, pair in pairs.items()
    }
    problems = scale_problems(both, policy)
    able = [
        key
        for key in policy.dimensions
        if key in pairs and standings[key][0] and pairs[key].after["value"].notna().any()
    ]
    hard = sum(policy.dimensions[key].hard for key in able)
    asked = len({*both.before["canary"], *both.after["canary"]})
    judged: list[DimensionVerdict] = []
    for key, pair in pairs.items():
        v = compare_dimension(
            pair,
            policy,
            alpha=policy.hard_alpha / max(1, hard),
            among=max(1, len(able) - hard),
            least_ruled_out=policy.rules_out(basis.suite, asked),
            ceiling=basis.ceilings.get(key),
        )
        v = replace(v, licence=standings[key][1], missing=both.missing.get(key, 0))
        if key in able:
            problems += scoring_problems(v, pair, names, policy)
        else:  # the same figures, which decide nothing for want of a licence
            why = f"{v.licence}: {v.why}" if v.n and v.margin is not None else v.why
            v = replace(v, verdict="ADVISORY", needed=None, takes_needed=None, why=why)
        judged.append(v)
    verdicts = apply_holm(judged)
    problems += unscored_dimensions(both, policy, verdicts, "integrity" in able)
    if not problems and not able:
        problems.append("no dimension that can block was scored")
    worst = [verdict for verdict in ("REGRESSED", "INCONCLUSIVE") if verdict in {v.verdict for v in verdicts}]
    return GateResult(
        "ERROR" if problems else next(iter(worst), "PASS"),
        baseline,
        candidate,
        verdicts,
        tuple(problems),
        _notes(both, verdicts, pairs, basis.ceilings),
        suite=basis.suite,
        flips=flips_of(verdicts, pairs),
        pass_rates=tuple(pass_rates(verdicts, pairs)),
        pairs=pairs,
    )


def gate_logs(
    baseline: RunLog,
    candidate: RunLog,
    policy: Policy,
    licences: Path = LICENCES,
    allowed: Collection[str] = (),
    *,
    ceilings: Mapping[str, float] | None = None,
) -> GateResult:
    """``gate`` on two logs and the licences in a folder.

    Logs made under different conditions are an ERROR that says which differ (``allowed`` and the policy name those
    that may), and so is a baseline that isn't the one the policy pins, or a suite that isn't the policy's.

    Raises:
        TimbreError: a licence was tampered with.
    """
    allowed, logs = {*allowed, *policy.allow}, (baseline, candidate)
    conditions = {log.run: log.conditions for log in logs}
    problems = _unlike(conditions, allowed, "--allow {} compares them all the same")
    unlike = differences(logs, allowed) if allowed else ()
    notes = tuple(f"not like with like, as allowed: {text}" for text in unlike)
    problems += _not_the_pinned(policy, baseline.run, [baseline.identity])
    problems += _not_the_suite(policy, {baseline.suite, candidate.suite})
    table = score_table((baseline, candidate))
    if "suite" in allowed:
        prompts = [{(s.canary, s.prompt) for s in log.samples} for log in (baseline, candidate)]
        shared = {canary for canary, _ in prompts[0] & prompts[1]}
        canaries = {canary for canary, _ in prompts[0] | prompts[1]}
        table = table[table["canary"].isin(shared)]
        if left_out := len(canaries) - len(shared):
            notes += (f"{left_out} canaries left out, which the two were not both asked",)
        if left_out > MOST_UNMATCHED * len(canaries):
            problems += (f"only {len(shared)} of {len(canaries)} canaries asked both the same prompt",)
    if problems:
        return GateResult("ERROR", baseline.run, candidate.run, (), problems, notes, suite=baseline.suite)
    basis = Basis(
        read_licences(table, licences),
        candidate.advisory,
        baseline.suite,
        ceilings or {},
        score_table([replace(log, samples=log.retakes) for log in (baseline, candidate)]),
    )
    result = gate(table, baseline.run, candidate.run, policy, basis)
    return replace(
        result,
        notes=(*notes, *_run_notes(baseline, candidate), *result.notes),
        evidence=fault_quotes(candidate, policy),
        flips=with_texts(result.flips, baseline, candidate),
        suite_file=candidate.suite_file,
    )


def gate_scores(
    table: ScoreTable, baseline: str, candidate: str, policy: Policy, licences: Path = LICENCES
) -> GateResult:
    """``gate`` on a stored table, by as much as it tells.

    One that names its judges (Parquet) is asked for their licences, as logs are. In one that names none the
    scores are the caller's own; and one that doesn't say which canaries license the first person has none. Conditions
    count as those of logs do, where it has them. Rows of a run ``writer`` are the ceiling for margins that are a
    share of the way to it.

    Raises:
        TimbreError: no such folder of licences, one was tampered with, or rows of a run are of several logs.
    """
    conditions = conditions_of(table, (baseline, candidate))
    problems = _unlike(conditions, {*policy.allow} - {"suite"}, "--allow {} compares their logs all the same")
    problems += _not_the_suite(policy, {suite_in(own) for own in conditions.values()})
    problems += _not_the_pinned(policy, baseline, set(table.loc[table["run"] == baseline, "identity"]))
    if problems:
        return GateResult("ERROR", baseline, candidate, (), problems)
    basis = Basis.of_table(table, licences)
    result = gate(table, baseline, candidate, policy, basis)
    notes = ["the table names no judges: no licence was asked for"] if basis.licences is None else []
    if not any(conditions.values()):
        notes.append(
            "the table names no conditions: whether both runs were asked and judged alike isn't known"
        )
    present = set(table["dimension"])
    spared = [k for k, rule in policy.dimensions.items() if rule.unlicensed_only and k in present]
    if spared and not table["licensed"].any():
        notes.append(f"{', '.join(spared)}: no canary is marked as licensing the first person, so all count")
    return replace(result, notes=(*notes, *result.notes))


def _not_the_pinned(policy: Policy, run: str, identities: Collection[str]) -> tuple[str, ...]:
    """What to say of a baseline with another identity than the pinned one, or none; nothing where it fits."""
    if not policy.baseline or all(identity.startswith(policy.baseline.identity) for identity in identities):
        return ()
    names = ", ".join(sorted(identity[:12] or "not in the table" for identity in identities))
    pinned = policy.baseline.identity[:12]
    return (f"the policy pins the baseline's identity to {pinned}, and that of {run} is {names}",)


def _unlike(
    conditions: Mapping[str, Mapping[str, str]], allowed: Collection[str], unless: str
) -> tuple[str, ...]:
    """The conditions in which two runs differ and may not, each with what lets it pass."""
    names = dict.fromkeys(name for own in conditions.values() for name in own if name not in allowed)
    return tuple(
        f"{text} ({unless.format(name)})"
        for name in names
        for text in condition_differences(conditions, (name,))
    )


def _not_the_suite(policy: Policy, suites: Collection[str | None]) -> tuple[str, ...]:
    """What to say of runs on another suite than the policy's, or none."""
    if policy.suite is None or set(suites) == {policy.suite}:
        return ()
    names = " and ".join(sorted(suite or "not in the table" for suite in suites))
    return (f"the policy asks for the suite {policy.suite}, and that of the runs is {names}",)


def _run_notes(baseline: RunLog, candidate: RunLog) -> tuple[str, ...]:
    """Further takes that don't count, what the first ones show together, how ``voice_match`` tells writers apart."""
    after, before = ({s.canary: s.text for s in log.samples if s.epoch == 1} for log in (candidate, baseline))
    unlike: dict[tuple[str, str], list[str]] = {}
    for log in (baseline, candidate):
        for canary, different in log.unlike_retakes.items():
            unlike.setdefault((log.run, different), []).append(canary)
    others = ", ".join(f"{suite} ({counted(n, 'canary')})" for suite, n in candidate.other_suites.items())
    latest = f"this is {candidate.suite}, the suite that both were asked last; both were asked {others} too"
    rest = {log.run: (log.suite_size - len(log.by_canary), log.suite_size) for log in (baseline, candidate)}
    return (
        *(
            f"{left} of the {size} canaries of {candidate.suite} were never asked of {run} (--limit or --sample-id)"
            for run, (left, size) in rest.items()
            if left > 0
        ),
        *([f"{latest}: name one with --suite"] if others else []),
        *([candidate.separation] if candidate.separation else []),
        *(
            f"{run} was asked {some_of(canaries)} again under other conditions, which doesn't count: {different}"
            for (run, different), canaries in unlike.items()
        ),
        *(f"of the first takes {fault.message}" for fault in run_faults(after, before)),
    )


def _notes(
    both: Completed,
    verdicts: Sequence[DimensionVerdict],
    pairs: Mapping[str, Pair],
    ceilings: Mapping[str, float],
) -> tuple[str, ...]:
    notes, takes, names = [], [], list(both.sides)
    if both.answers:
        several = f"answers of {names[1]} are missing or empty and count"
        are = several if both.answers > 1 else f"answer of {names[1]} is missing and counts"
        notes.append(f"{both.answers} {are} as the worst")
    for run, rows in both.sides.items():
        answers = rows.drop_duplicates(["canary", "epoch"])
        takes.append(len(answers))
        if cut := int(answers["truncated"].sum()):
            notes.append(f"{cut} of {len(answers)} answers of {run} were cut off by the token limit")
    if absent := {*both.after["canary"]} - {*both.before["canary"]}:
        some = ", ".join(first_of(sorted(absent), _CANARIES_NAMED))
        notes.append(f"{counted(len(absent), 'canary')} left out that {names[0]} wasn't asked: {some}")
    if takes[0] != takes[1]:
        notes.append(f"{names[0]} has {takes[0]} answers and {names[1]} {takes[1]}")
    for v in (v for v in verdicts if v.n and v.verdict != "ADVISORY"):
        pair = pairs[v.dimension]
        if unscored := int(pair.before["value"].isna().sum() + pair.after["value"].isna().sum()):
            paired = pair.faults.index if v.hard else pair.gains.index
            unpaired = sorted({*pair.before["canary"], *pair.after["canary"]} - {*paired})
            some = ", ".join(first_of(unpaired, _CANARIES_NAMED))
            left_out = f", so {counted(v.unpaired, 'canary')} left out: {some}" if v.unpaired else ""
            notes.append(f"{v.dimension}: {unscored} answers unscored{left_out}")
        if v.hard or v.margin is None:
            continue
        most = float(pair.worst_possible.mean())
        if most <= v.margin:
            why = f"the baseline has only {most:.2f} to lose and the margin is {v.margin:.3g}"
            notes.append(f"{v.dimension}: it can't fail, since {why}")
        way = abs(ceilings.get(v.dimension, math.inf) - v.baseline.estimate)
        if way < v.margin - TOLERANCE:
            why = f"the baseline is only {way:.2f} from the writer and the margin is {v.margin:.3g}"
            notes.append(f"{v.dimension}: a loss of more than that whole way may pass, since {why}")
        if not np.any(pair.gains):
            notes.append(f"{v.dimension}: no canary differs, so {v.n} canaries tell nothing of rarer losses")
    return tuple(notes)
