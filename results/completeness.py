"""What two runs lack: canaries, answers, dimensions; a missing answer of the candidate is its worst."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from judges.types import DIMENSIONS, FAULT_AT
from results.comparison import NOT_SCORED, DimensionVerdict
from results.paired import Pair
from results.policy import LEAST_MARGIN, Policy
from results.statistics import TOLERANCE
from results.table import ScoreTable
from training.runs import counted

_NAMED = 5
"""Names listed in a message before "and N more"."""


def pairing_problems(
    before: pd.DataFrame, after: pd.DataFrame, baseline: str, candidate: str, table: ScoreTable, most: float
) -> list[str]:
    """What keeps two runs from being paired: no rows, canaries that one lacks, prompts flagged in two ways."""
    runs = ", ".join(sorted(set(table["run"])))
    absent = [run for run, rows in ((baseline, before), (candidate, after)) if rows.empty]
    if absent:
        known = f"there are {runs}" if runs else "no canary asked both runs the same"
        return [f"no scores of {run!r} ({known})" for run in absent]
    if baseline == candidate:
        return [f"{baseline!r} is both baseline and candidate"]
    problems = []
    sides = (baseline, set(before["canary"])), (candidate, set(after["canary"]))
    for (run, own), (other, theirs) in (sides, sides[::-1]):
        if len(lacking := theirs - own) > most * len(theirs):
            few = counted(len(lacking), "canary")
            problems.append(f"{run} lacks {few} that {other} has: {some_of(lacking)}")
    flags = pd.concat([before, after]).groupby("canary")["licensed"].nunique()
    if not problems and (flags > 1).any():
        unequal = some_of(flags.index[flags > 1])
        problems = [
            f"the licence for the first person differs between rows of {unequal}: make the flag the same"
        ]
    return problems


def unscored_dimensions(
    pair: "Completed",
    names: tuple[str, str],
    policy: Policy,
    verdicts: Sequence[DimensionVerdict],
    integrity_blocks: bool,
) -> list[str]:
    """Dimensions of the policy on which no canary can be compared, each with the judge's reason.

    A run of which every answer has a fault needs no other score, if ``integrity`` can block: what no answer says
    can't be judged. And where every prompt licenses the first person there is nothing to count.
    """
    sides = dict(zip(names, (pair.before, pair.after), strict=True))
    if integrity_blocks and any(_of_sound_answers(side, side, policy).empty for side in sides.values()):
        return []
    scored = {run: set(side.loc[side["value"].notna(), "dimension"]) for run, side in sides.items()}
    all_licensed = all(side["licensed"].all() for side in sides.values())
    lacking: dict[tuple[str, str], list[str]] = {}
    for key, rule in policy.dimensions.items():
        verdict = next((v for v in verdicts if v.dimension == key), None)
        if rule.optional or (verdict and verdict.n) or (rule.unlicensed_only and all_licensed):
            continue
        reason = verdict.why.removeprefix(NOT_SCORED) if verdict else "not in the table"
        without = [run for run in names if key not in scored[run]]
        who = ("no canary of both runs is", *(f"{run} is not" for run in without), "neither run is")
        lacking.setdefault((who[-1 if len(without) == 2 else len(without)], reason), []).append(key)
    return [
        f"{who} scored on {', '.join(keys)} ({reason}), which the policy names; optional = true there lets it pass"
        for (who, reason), keys in lacking.items()
    ]


@dataclass(frozen=True)
class Completed:
    """Two runs' rows with a row for every answer and dimension of the policy, and the candidate's worst filled in."""

    before: pd.DataFrame
    after: pd.DataFrame
    missing: Mapping[str, int]  # answers of the candidate that count as the worst, by dimension
    answers: int  # those answers, each counted once


def completed(before: pd.DataFrame, after: pd.DataFrame, policy: Policy) -> Completed:
    """Number takes within each canary, fill in rows that are absent, and score missing answers as the worst.

    The candidate is expected to have as many takes of a canary as the baseline has, or as it usually has itself if
    these are fewer. An answer is missing where it has no row, and where a soft dimension has no value and nothing
    shows that an answer is there: no value of ``integrity`` below its fault, and where integrity isn't known no
    value at all. Only what the candidate misses beyond the baseline's own missing takes of that canary counts as the
    worst: 0 or 1 of a soft dimension, a fault of ``integrity``. Recitals and claims need evidence: on the other hard
    dimensions a missing answer shows none. What a judge couldn't score stays unscored.
    """
    keys = [
        k for k in policy.dimensions if (before["dimension"] == k).any() or (after["dimension"] == k).any()
    ]
    before, after = _numbered(before), _numbered(after)
    usual = int(after.groupby("canary")["epoch"].max().mode().iloc[0])
    wanted = before.groupby("canary")["epoch"].max().clip(upper=usual)
    expected = [(str(c), take) for c, takes in wanted.items() for take in range(1, int(takes) + 1)]
    before, after = _with_all_rows(before, after, keys, []), _with_all_rows(after, before, keys, expected)
    none = {side: _is_none(rows, policy) for side, rows in (("before", before), ("after", after))}
    cell = ["canary", "dimension"]
    excused = before[none["before"]].groupby(cell).size()
    order = after[none["after"]].groupby(cell).cumcount()
    spared = pd.MultiIndex.from_frame(after.loc[order.index, cell]).map(excused.to_dict())
    excess = order >= pd.Series(spared, index=order.index, dtype=float).fillna(0)
    scored = pd.MultiIndex.from_frame(before.loc[before["value"].notna(), cell])
    has_pair = pd.MultiIndex.from_frame(after.loc[order.index, cell]).isin(scored)
    at = order.index[excess & has_pair]
    worst = after.loc[at, "dimension"].map(lambda key: 0.0 if DIMENSIONS[key].direction == "up" else 1.0)
    filled = after.assign(value=after["value"].where(~after.index.isin(at), worst.reindex(after.index)))
    counts = {str(k): int(n) for k, n in after.loc[at, "dimension"].value_counts().items()}
    return Completed(before, filled, counts, len(after.loc[at, ["canary", "epoch"]].drop_duplicates()))


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the takes of each canary numbered from 1."""
    return rows.assign(epoch=rows.groupby("canary")["epoch"].rank("dense").astype("int64"))


def _with_all_rows(
    rows: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str], expected: Sequence[tuple[str, int]]
) -> pd.DataFrame:
    """The rows, with one for every answer there is or is expected and every dimension of ``keys``."""
    own = pd.MultiIndex.from_frame(rows[["canary", "epoch", "dimension"]])
    there = rows[["canary", "epoch"]].drop_duplicates().itertuples(index=False, name=None)
    answers = dict.fromkeys([*there, *expected])
    full = pd.MultiIndex.from_tuples([(c, e, k) for c, e in answers for k in keys], names=own.names)
    absent = full.difference(own, sort=False).to_frame(index=False)
    facts = pd.concat([rows, other]).drop_duplicates("canary").set_index("canary")[["kind", "licensed"]]
    first = rows.iloc[0]
    if absent.empty:
        return rows.reset_index(drop=True)
    whose = {"run": first["run"], "identity": first["identity"], "judge": ""}
    made = absent.join(facts, on="canary").assign(
        **whose, value=math.nan, unscored="no answer", truncated=False
    )
    return pd.concat([rows, made[list(rows.columns)]], ignore_index=True)


def _is_none(rows: pd.DataFrame, policy: Policy) -> "pd.Series[bool]":
    """Whether a row stands for an answer that is none, on a dimension where that has a worst."""
    answers = pd.MultiIndex.from_frame(rows[["canary", "epoch"]])
    fault_at = _fault_at(policy)
    judged = rows[(rows["dimension"] == "integrity") & rows["value"].notna()]
    known = pd.MultiIndex.from_frame(judged[["canary", "epoch"]])
    sound = pd.MultiIndex.from_frame(judged.loc[judged["value"] < fault_at, ["canary", "epoch"]])
    valued = pd.MultiIndex.from_frame(rows.loc[rows["value"].notna(), ["canary", "epoch"]])
    is_there = answers.isin(sound) | (~answers.isin(known) & answers.isin(valued))
    able = [k for k, rule in policy.dimensions.items() if not rule.hard or k == "integrity"]
    return rows["value"].isna() & ~is_there & rows["dimension"].isin(able)


def _fault_at(policy: Policy) -> float:
    rule = policy.dimensions.get("integrity")
    return rule.fault_at if rule and rule.fault_at is not None else FAULT_AT


def scale_problems(pair: "Completed", names: tuple[str, str], policy: Policy) -> list[str]:
    """Values outside [0, 1] on dimensions of the policy: one such value could make up for many losses."""
    problems = []
    for run, rows in zip(names, (pair.before, pair.after), strict=True):
        is_known = rows["dimension"].isin(list(policy.dimensions)) & rows["value"].notna()
        outside = rows[is_known & ~rows["value"].between(-TOLERANCE, 1 + TOLERANCE)]
        if len(outside):
            row = outside.iloc[0]
            problems.append(
                f"{row['dimension']}: {len(outside)} values of {run} lie outside [0, 1], the first "
                f"{row['value']:g} on {row['canary']}"
            )
    return problems


def scoring_problems(
    verdict: DimensionVerdict, pair: Pair, both: "Completed", names: tuple[str, str], policy: Policy
) -> list[str]:
    """What keeps one dimension from being judged: too many answers unscored, or no margin."""
    key = verdict.dimension
    if verdict.margin is not None and not verdict.margin >= LEAST_MARGIN:
        why = "which is not at hand" if math.isnan(verdict.margin) else "and the baseline has it already"
        do = "give --voice the writer's pairs (a table: rows of run 'writer') or a margin in numbers"
        return [f"{key}: its margin is a share of the way to the writer's own figure, {why}; {do}"]
    problems = []
    for run, rows, side in zip(names, (pair.before, pair.after), (both.before, both.after), strict=True):
        rows = _of_sound_answers(rows, side, policy)
        missing = rows["value"].isna()
        if missing.mean() > policy.max_unscored:
            reasons = rows.loc[missing, "unscored"].replace("", "no reason given")
            problems.append(
                f"{key}: {int(missing.sum())} of {len(rows)} answers of {run} are unscored"
                f" ({reasons.mode().iloc[0]}), more than {100 * policy.max_unscored:g} %"
            )
    return problems


def _of_sound_answers(rows: pd.DataFrame, side: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The rows of answers without a fault: one that is none is judged by ``integrity``, and is not missing."""
    faulty = side[(side["dimension"] == "integrity") & (side["value"] >= _fault_at(policy))]
    answers = pd.MultiIndex.from_frame(faulty[["canary", "epoch"]])
    return rows[~pd.MultiIndex.from_frame(rows[["canary", "epoch"]]).isin(answers)]


def some_of(names: Iterable[str]) -> str:
    """Up to five of the names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(ordered[:_NAMED]) + more
