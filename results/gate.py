"""The gate: a pure decision from score tables and a policy. No files, no clock, no chance but a fixed seed.

The rules of a single dimension stand in ``results/comparison.py``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from judges.licensing.licence import LICENCES, Licence
from judges.run_faults import run_faults
from judges.types import DIMENSIONS, FAULT_AT
from results.comparison import compare_dimension
from results.conditions import comparability
from results.evidence import fault_evidence
from results.licences import Standing, named_table, read_licences, standing
from results.multiplicity import with_holm
from results.policy import DimensionPolicy, Policy
from results.records import RunLog
from results.table import ScoreTable
from results.verdicts import DimensionVerdict, GateResult, Overall, Verdict

_NAMED = 5
"""Names listed in a message before "and N more"."""


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
) -> GateResult:
    """Decide whether the candidate got worse than the baseline.

    Args:
        table: Scores of both runs (other runs are ignored).
        baseline: Run name.
        candidate: Run name.
        policy: What counts as worse.
        licences: Of the judges, by "name@digest". A dimension that needs a licence blocks only if one judge
            scored all its answers and has a licence that the policy accepts.
        advisory: By dimension, why it can't block on these texts.
        scores_given: The scores are the caller's own, who answers for the judges: no licence is asked for.

    Returns:
        The decision. Runs that can't be compared give ``overall == "ERROR"`` and the problems, no exception.
    """
    before, after = table[table["run"] == baseline], table[table["run"] == candidate]
    problems = _unequal(before, after, baseline, candidate, sorted(set(table["run"])))
    if problems:
        return GateResult("ERROR", baseline, candidate, (), tuple(problems))
    present = [key for key in DIMENSIONS if (after["dimension"] == key).any()]
    sides = {
        key: [_rows(side, key, policy.dimensions.get(key)) for side in (before, after)] for key in present
    }
    standings = {
        key: _GIVEN
        if scores_given and DIMENSIONS[key].judged_by != "count"
        else standing(key, policy.dimensions.get(key), pd.concat(sides[key]), licences or {}, policy)
        for key in present
    }
    standings |= {key: Standing(False, reason) for key, reason in (advisory or {}).items() if key in sides}
    hard = [
        key
        for key, rule in policy.dimensions.items()
        if rule.hard and key in sides and standings[key].may_block and sides[key][1]["value"].notna().any()
    ]
    alpha = policy.hard_alpha / max(1, len(hard))
    verdicts = []
    for key, (b, a) in sides.items():
        rule, worth = policy.dimensions.get(key), standings[key]
        verdict = replace(compare_dimension(key, b, a, rule, policy, alpha), licence=worth.text)
        if not worth.may_block:
            verdict = _advisory(verdict)
        elif rule is not None and (b["value"].notna().any() or a["value"].notna().any()):
            sound = {baseline: _without_faults(b, before), candidate: _without_faults(a, after)}
            problems += _too_many_unscored(key, policy.max_unscored, sound)
        verdicts.append(verdict)
    verdicts = list(with_holm(verdicts))
    if not problems and all(v.verdict == "ADVISORY" for v in verdicts):
        problems.append("no dimension that can block was scored")
    overall = "ERROR" if problems else _worst(v.verdict for v in verdicts)
    notes = _notes({baseline: before, candidate: after}, verdicts)
    return GateResult(overall, baseline, candidate, tuple(verdicts), tuple(problems), notes)


def gate_logs(
    baseline: RunLog,
    candidate: RunLog,
    policy: Policy,
    licences: Path = LICENCES,
    allowed: Collection[str] = (),
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

    Raises:
        TimbreError: a licence was tampered with.
    """
    allowed = {*allowed, *policy.allow}
    problems, notes = comparability((baseline, candidate), allowed)
    problems += _not_the_pinned(policy, baseline.run, [baseline.identity])
    if problems:
        return GateResult("ERROR", baseline.run, candidate.run, (), problems, notes)
    table = named_table((baseline, candidate))
    if "suite" in allowed:
        table, left_out = shared_canaries(table, baseline.run, candidate.run)
        notes += (f"{left_out} canaries left out, which only one of the two answered",) if left_out else ()
    held = read_licences(table, licences)
    result = gate(table, baseline.run, candidate.run, policy, licences=held, advisory=candidate.advisory)
    notes += _run_notes(baseline, candidate)
    return replace(result, notes=notes + result.notes, evidence=fault_evidence(candidate, policy))


def _run_notes(baseline: RunLog, candidate: RunLog) -> tuple[str, ...]:
    """What the answers of a run say together, and how well ``voice_match`` tells its writer apart."""
    after, before = ({s.canary: s.text for s in log.samples if s.epoch == 1} for log in (candidate, baseline))
    separation = (candidate.separation,) if candidate.separation else ()
    return (*separation, *(fault.message for fault in run_faults(after, before)))


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
    told = ", ".join(sorted(identity[:12] or "not told by the table" for identity in identities))
    return (f"the policy pins the baseline's identity to {pinned[:12]}, and that of {run} is {told}",)


def shared_canaries(table: ScoreTable, one: str, other: str) -> tuple[ScoreTable, int]:
    """The rows of canaries that both runs answered, and how many canaries are left out."""
    answered = [set(table.loc[table["run"] == run, "canary"]) for run in (one, other)]
    both = answered[0] & answered[1]
    return table[table["canary"].isin(both)], len(answered[0] | answered[1]) - len(both)


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


def _advisory(verdict: DimensionVerdict) -> DimensionVerdict:
    """The same figures, which decide nothing for want of a licence."""
    why = f"{verdict.licence}: {verdict.why}" if verdict.n else verdict.why
    return replace(verdict, verdict="ADVISORY", needed=None, why=why)


def _rows(side: pd.DataFrame, key: str, rule: DimensionPolicy | None) -> pd.DataFrame:
    chosen = side["dimension"] == key
    if rule is not None and rule.unlicensed_only:
        chosen &= ~side["licensed"]
    return side[chosen]


def _without_faults(rows: pd.DataFrame, side: pd.DataFrame) -> pd.DataFrame:
    """The rows of answers without a fault: one that is none is judged by ``integrity``, and is not missing."""
    faulty = side[(side["dimension"] == "integrity") & (side["value"] >= FAULT_AT)]
    answers = pd.MultiIndex.from_frame(faulty[["canary", "epoch"]])
    return rows[~pd.MultiIndex.from_frame(rows[["canary", "epoch"]]).isin(answers)]


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
