"""The gate: a pure decision from score tables and a policy. No files, no clock, no chance but a fixed seed.

The rules of a single dimension stand in ``results/comparison.py``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from judges.licensing.licence import LICENCES, Licence
from judges.run_faults import run_faults
from judges.types import DIMENSIONS
from results.comparison import (
    DimensionVerdict,
    Verdict,
    apply_holm,
    canary_gains,
    compare_dimension,
    rows_of,
    worst_possible,
)
from results.completeness import (
    Completed,
    completed,
    licence_problems,
    pairing_problems,
    scale_problems,
    scoring_problems,
    unscored_dimensions,
)
from results.conditions import comparability
from results.flips import fault_quotes, flips_of, pass_rates, with_texts
from results.licences import Standing, named_table, read_licences, standing
from results.policy import Policy
from results.records import RunLog
from results.table import ScoreTable
from results.verdicts import GateResult, Overall

_GIVEN = Standing(True, "given")


def gate(
    table: ScoreTable,
    baseline: str,
    candidate: str,
    policy: Policy,
    *,
    licences: Mapping[str, Licence] | None = None,
    scores_given: bool = False,
    advisory: Mapping[str, str] | None = None,
    suite: str | None = None,
    ceilings: Mapping[str, float] | None = None,
) -> GateResult:
    """Decide whether the candidate got worse than the baseline.

    Args:
        table: Scores of both runs (other runs are ignored).
        baseline: Run name.
        candidate: Run name.
        policy: What counts as worse.
        licences: Of the judges, by "name@digest". A dimension that needs a licence blocks only if one judge
            scored all its answers and has a licence that the policy accepts.
        scores_given: The scores are the caller's own, who answers for the judges: no licence is asked for.
        advisory: By dimension, why it can't block on these texts.
        suite: Name of the suite, where the policy has a section for it.
        ceilings: By dimension, the writer's own mean, for margins that are a share of floor to ceiling.

    Returns:
        The decision. Runs that can't be compared give ``overall == "ERROR"`` and the problems, no exception.
    """
    before, after = table[table["run"] == baseline], table[table["run"] == candidate]
    problems = pairing_problems(before, after, baseline, candidate, table, policy.max_unscored)
    problems = problems or licence_problems(pd.concat([before, after]))
    if problems:
        return GateResult("ERROR", baseline, candidate, (), tuple(problems), suite=suite)
    pair, names = completed(before, after, policy), (baseline, candidate)
    before, after = pair.before, pair.after
    sides = {
        key: tuple(rows_of(side, key, policy.dimensions.get(key)) for side in (before, after))
        for key in DIMENSIONS
        if (before["dimension"] == key).any() or (after["dimension"] == key).any()
    }
    standings = {
        key: _GIVEN
        if scores_given and DIMENSIONS[key].judged_by != "count"
        else standing(key, policy.dimensions.get(key), pd.concat(sides[key]), licences or {}, policy)
        for key in sides
    }
    standings |= {key: Standing(False, reason) for key, reason in (advisory or {}).items() if key in sides}
    problems = scale_problems(pair, names, policy)
    able = [
        key
        for key, rule in policy.dimensions.items()
        if key in sides and standings[key].may_block and sides[key][1]["value"].notna().any()
    ]
    hard = sum(policy.dimensions[key].hard for key in able)
    verdicts = []
    for key, (b, a) in sides.items():
        verdict = compare_dimension(
            key,
            b,
            a,
            policy,
            alpha=policy.hard_alpha / max(1, hard),
            among=max(1, len(able) - hard),
            suite=suite,
            ceiling=(ceilings or {}).get(key),
        )
        verdict = replace(verdict, licence=standings[key].text, missing=pair.missing.get(key, 0))
        if key not in able:
            verdict = _advisory(verdict)
        else:
            problems += scoring_problems(verdict, {baseline: (b, before), candidate: (a, after)}, policy)
        verdicts.append(verdict)
    verdicts = list(apply_holm(verdicts))
    scored = {v.dimension: v.n for v in verdicts}
    problems += unscored_dimensions(pair, names, policy, scored, "integrity" in able)
    if not problems and not able:
        problems.append("no dimension that can block was scored")
    return GateResult(
        "ERROR" if problems else _worst(v.verdict for v in verdicts),
        baseline,
        candidate,
        tuple(verdicts),
        tuple(problems),
        _notes(pair, names, verdicts, sides),
        suite=suite,
        flips=flips_of(verdicts, sides, policy),
        pass_rates=tuple(pass_rates(verdicts, sides, policy)),
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

    Logs made under different conditions are an ERROR that says which differ, and so is a baseline that isn't
    the one the policy pins.

    Args:
        baseline: Log to hold the candidate against.
        candidate: Log to judge.
        policy: What counts as worse, and what may differ.
        licences: Folder of the judges' licences.
        allowed: Names of further conditions that may differ (``results.conditions.CONDITIONS``).
        ceilings: By dimension, the writer's own mean.

    Raises:
        TimbreError: a licence was tampered with.
    """
    allowed = {*allowed, *policy.allow}
    problems, notes = comparability((baseline, candidate), allowed)
    problems += _not_the_pinned(policy, baseline.run, [baseline.identity])
    if problems:
        return GateResult("ERROR", baseline.run, candidate.run, (), problems, notes, suite=baseline.suite)
    table = named_table((baseline, candidate))
    if "suite" in allowed:
        table, left_out = _shared_prompts(table, baseline, candidate)
        notes += (f"{left_out} canaries left out, which the two were not both asked",) if left_out else ()
    result = gate(
        table,
        baseline.run,
        candidate.run,
        policy,
        licences=read_licences(table, licences),
        advisory=candidate.advisory,
        suite=baseline.suite,
        ceilings=ceilings,
    )
    return replace(
        result,
        notes=(*notes, *_run_notes(baseline, candidate), *result.notes),
        evidence=fault_quotes(candidate, policy),
        flips=with_texts(result.flips, baseline, candidate),
    )


def gate_scores(
    table: ScoreTable, baseline: str, candidate: str, policy: Policy, licences: Path = LICENCES
) -> GateResult:
    """``gate`` on a stored table, by as much as it tells.

    One that names its judges (Parquet) is asked for their licences, as logs are. In one that names none the
    scores are the caller's own; and one that doesn't say which canaries license the first person has none.

    Args:
        table: Scores of both runs.
        baseline: Run name.
        candidate: Run name.
        policy: What counts as worse.
        licences: Folder of the judges' licences.

    Raises:
        TimbreError: no such folder of licences, or one was tampered with.
    """
    named = bool((table["judge"] != "").any())
    problems = _not_the_pinned(policy, baseline, set(table.loc[table["run"] == baseline, "identity"]))
    if problems:
        return GateResult("ERROR", baseline, candidate, (), problems)
    held = read_licences(table, licences) if named else None
    result = gate(table, baseline, candidate, policy, licences=held, scores_given=not named)
    notes = [] if named else ["the table names no judges: no licence was asked for"]
    present = set(table["dimension"])
    spared = [k for k, rule in policy.dimensions.items() if rule.unlicensed_only and k in present]
    if spared and not table["licensed"].any():
        notes.append(f"{', '.join(spared)}: no canary is marked as licensing the first person, so all count")
    return replace(result, notes=(*notes, *result.notes))


def _not_the_pinned(policy: Policy, run: str, identities: Collection[str]) -> tuple[str, ...]:
    """What to say of a baseline with another identity than the pinned one, or none; nothing where it fits."""
    pinned = policy.baseline_identity
    if not pinned or all(identity.startswith(pinned) for identity in identities):
        return ()
    names = ", ".join(sorted(identity[:12] or "not in the table" for identity in identities))
    return (f"the policy pins the baseline's identity to {pinned[:12]}, and that of {run} is {names}",)


def _shared_prompts(table: ScoreTable, one: RunLog, other: RunLog) -> tuple[ScoreTable, int]:
    """The rows of canaries that asked both runs the same, and how many canaries are left out."""
    asked = [{s.canary: s.prompt for s in log.samples} for log in (one, other)]
    same = {canary for canary, prompt in asked[0].items() if asked[1].get(canary) == prompt}
    return table[table["canary"].isin(same)], len(asked[0].keys() | asked[1].keys()) - len(same)


def _run_notes(baseline: RunLog, candidate: RunLog) -> tuple[str, ...]:
    """What the first takes of a run show together, and how well ``voice_match`` tells its writer apart."""
    after, before = ({s.canary: s.text for s in log.samples if s.epoch == 1} for log in (candidate, baseline))
    separation = (candidate.separation,) if candidate.separation else ()
    return (*separation, *(f"of the first takes {fault.message}" for fault in run_faults(after, before)))


def _advisory(verdict: DimensionVerdict) -> DimensionVerdict:
    """The same figures, which decide nothing for want of a licence."""
    why = f"{verdict.licence}: {verdict.why}" if verdict.n and verdict.margin is not None else verdict.why
    return replace(verdict, verdict="ADVISORY", needed=None, why=why)


def _worst(verdicts: Iterable[Verdict]) -> Overall:
    present = set(verdicts)
    if "REGRESSED" in present:
        return "REGRESSED"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in present else "PASS"


def _notes(
    pair: Completed,
    names: tuple[str, str],
    verdicts: Sequence[DimensionVerdict],
    sides: Mapping[str, tuple[pd.DataFrame, ...]],
) -> tuple[str, ...]:
    notes, takes = [], []
    if pair.answers:
        verb = (
            "answers of {} are missing or empty and count"
            if pair.answers > 1
            else "answer of {} is missing and counts"
        )
        notes.append(f"{pair.answers} {verb.format(names[1])} as the worst")
    for run, rows in zip(names, (pair.before, pair.after), strict=True):
        answers = rows.drop_duplicates(["canary", "epoch"])
        takes.append(len(answers))
        cut = int(answers["truncated"].sum())
        if cut:
            notes.append(f"{cut} of {len(answers)} answers of {run} were cut off by the token limit")
    if takes[0] != takes[1]:
        notes.append(f"{names[0]} has {takes[0]} answers and {names[1]} {takes[1]}")
    for v in (v for v in verdicts if v.n and v.verdict != "ADVISORY"):
        before, after = sides[v.dimension]
        unscored = int(before["value"].isna().sum() + after["value"].isna().sum())
        if unscored:
            notes.append(
                f"{v.dimension}: {unscored} answers unscored"
                + (f", so canaries left out: {v.unpaired}" if v.unpaired else "")
            )
        if v.hard or v.margin is None:
            continue
        most = float(worst_possible(before, v.dimension).mean())
        if most <= v.margin:
            notes.append(
                f"{v.dimension}: it can't fail, since the baseline has only {most:.2f} to lose and the margin "
                f"is {v.margin:.3g}"
            )
        if not np.any(canary_gains(before, after, v.dimension)):
            notes.append(f"{v.dimension}: no canary differs, so {v.n} canaries tell nothing of rarer losses")
    return tuple(notes)
