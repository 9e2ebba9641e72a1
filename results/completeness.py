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
from results.verdicts import first_of
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
        unequal = f"differs between rows of {some_of(flags.index[flags > 1])}"
        return [f"the licence for the first person {unequal}: make the flag the same"]
    return problems


def unscored_dimensions(
    both: "Completed", policy: Policy, verdicts: Sequence[DimensionVerdict], integrity_blocks: bool
) -> list[str]:
    """Dimensions of the policy on which no canary can be compared, each with the judge's reason.

    A run of which every answer has a fault needs no other score, if ``integrity`` can block: what no answer says
    can't be judged. And where every prompt licenses the first person there is nothing to count.
    """
    sides, of_key = both.sides, {v.dimension: v for v in verdicts}
    if integrity_blocks and any(side["is_broken"].all() for side in sides.values()):
        return []
    scored = {run: set(side.loc[side["value"].notna(), "dimension"]) for run, side in sides.items()}
    all_licensed = all(side["licensed"].all() for side in sides.values())
    lacking: dict[tuple[str, str], list[str]] = {}
    for key, rule in policy.dimensions.items():
        verdict = of_key.get(key)
        if rule.optional or (verdict and verdict.n) or (rule.unlicensed_only and all_licensed):
            continue
        reason = verdict.why.removeprefix(NOT_SCORED) if verdict else "not in the table"
        without = [run for run in sides if key not in scored[run]]
        who = ("no canary of both runs is", *(f"{run} is not" for run in without), "neither run is")
        lacking.setdefault((who[-1 if len(without) == 2 else len(without)], reason), []).append(key)
    return [
        f"{who} scored on {', '.join(keys)} ({reason}), which the policy names; optional = true there lets it pass"
        for (who, reason), keys in lacking.items()
    ]


@dataclass(frozen=True)
class Completed:
    """Two runs' rows with a row for every answer and dimension of the policy, and the candidate's worst filled in.

    A further column ``is_broken`` says of an answer that it shows the fault of ``integrity``, by which it is judged
    whatever else has no score.
    """

    before: pd.DataFrame
    after: pd.DataFrame
    missing: Mapping[str, int]  # answers of the candidate that count as the worst, by dimension
    answers: int  # those answers, each counted once

    @property
    def sides(self) -> dict[str, pd.DataFrame]:
        """The rows of each run, the baseline's first."""
        return {str(rows["run"].iloc[0]): rows for rows in (self.before, self.after)}


def completed(before: pd.DataFrame, after: pd.DataFrame, policy: Policy) -> Completed:
    """Number takes within each canary, fill in rows that are absent, and score missing answers as the worst.

    The candidate is expected to have as many takes of a canary as the baseline has, or as it usually has itself if
    these are fewer. An answer is missing where it has no row, and where a soft dimension has no value and nothing
    shows that an answer is there: no value of ``integrity`` below its fault, and where integrity isn't known no
    value at all. Only what the candidate misses beyond the baseline's own missing takes of that canary counts as the
    worst: 0 or 1 of a soft dimension, a fault of ``integrity``. Recitals and claims need evidence: on the other hard
    dimensions a missing answer shows none. What a judge couldn't score stays unscored.
    """
    named = {*before["dimension"], *after["dimension"]}
    keys = [key for key in policy.dimensions if key in named]
    before, after = (
        rows.assign(epoch=rows.groupby("canary")["epoch"].rank("dense").astype("int64"))
        for rows in (before, after)
    )
    usual = int(after.groupby("canary")["epoch"].max().mode().iloc[0])
    wanted = before.groupby("canary")["epoch"].max().clip(upper=usual)
    expected = [(str(c), take) for c, takes in wanted.items() for take in range(1, int(takes) + 1)]
    before, after = _with_all_rows(before, after, keys, []), _with_all_rows(after, before, keys, expected)
    cell = ["canary", "dimension"]
    of_baseline = (
        before.assign(excused=_is_none(before, policy))
        .groupby(cell)
        .agg(excused=("excused", "sum"), scored=("value", "count"))
    )
    none = after[_is_none(after, policy)].join(of_baseline, on=cell)
    worst = none[(none.groupby(cell).cumcount() >= none["excused"]) & (none["scored"] > 0)]
    after.loc[worst.index, "value"] = worst["dimension"].map(
        lambda key: float(DIMENSIONS[key].direction != "up")
    )
    before, after = (
        rows.assign(is_broken=_of_answers(rows, "integrity") >= _fault_at(policy)) for rows in (before, after)
    )
    missing = {str(key): int(n) for key, n in worst["dimension"].value_counts().items()}
    return Completed(before, after, missing, len(worst[["canary", "epoch"]].drop_duplicates()))


def _with_all_rows(
    rows: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str], expected: Sequence[tuple[str, int]]
) -> pd.DataFrame:
    """The rows, with one for every answer there is or is expected and every dimension of ``keys``."""
    own = pd.MultiIndex.from_frame(rows[["canary", "epoch", "dimension"]])
    answers = dict.fromkeys([*own.droplevel("dimension").unique(), *expected])
    full = pd.MultiIndex.from_tuples([(c, e, k) for c, e in answers for k in keys], names=own.names)
    absent = full.difference(own, sort=False).to_frame(index=False)
    if absent.empty:
        return rows.reset_index(drop=True)
    facts = pd.concat([rows, other]).drop_duplicates("canary").set_index("canary")[["kind", "licensed"]]
    made = absent.join(facts, on="canary").assign(
        run=rows["run"].iloc[0],
        identity=rows["identity"].iloc[0],
        judge="",
        value=math.nan,
        unscored="no answer",
        truncated=False,
    )
    return pd.concat([rows, made], ignore_index=True)


def _is_none(rows: pd.DataFrame, policy: Policy) -> "pd.Series[bool]":
    """Whether a row stands for an answer that is none, on a dimension where that has a worst."""
    integrity, anything = _of_answers(rows, "integrity"), _of_answers(rows)
    is_there = (integrity < _fault_at(policy)) | (integrity.isna() & anything.notna())
    able = [k for k, rule in policy.dimensions.items() if not rule.hard or k == "integrity"]
    return rows["value"].isna() & ~is_there & rows["dimension"].isin(able)


def _of_answers(rows: pd.DataFrame, *dimensions: str) -> "pd.Series[float]":
    """For each row the largest value that its answer has on some dimensions, or on any; NaN without one."""
    values = rows["value"].where(rows["dimension"].isin(dimensions)) if dimensions else rows["value"]
    return values.groupby([rows["canary"], rows["epoch"]]).transform("max")


def _fault_at(policy: Policy) -> float:
    rule = policy.dimensions.get("integrity")
    return rule.fault_at if rule and rule.fault_at is not None else FAULT_AT


def scale_problems(both: Completed, policy: Policy) -> list[str]:
    """Values outside [0, 1] on dimensions of the policy: one such value could make up for many losses."""
    problems = []
    for run, rows in both.sides.items():
        is_known = rows["dimension"].isin(list(policy.dimensions)) & rows["value"].notna()
        outside = rows[is_known & ~rows["value"].between(-TOLERANCE, 1 + TOLERANCE)]
        if len(outside):
            row = outside.iloc[0]
            first = f"the first {row['value']:g} on {row['canary']}"
            problems.append(f"{row['dimension']}: {len(outside)} values of {run} lie outside [0, 1], {first}")
    return problems


def scoring_problems(
    verdict: DimensionVerdict, pair: Pair, names: tuple[str, str], policy: Policy
) -> list[str]:
    """What keeps one dimension from being judged: too many answers unscored, or no margin."""
    key = verdict.dimension
    if verdict.margin is not None and not verdict.margin >= LEAST_MARGIN:
        why = "which is not at hand" if math.isnan(verdict.margin) else "and the baseline has it already"
        do = "give --voice the writer's pairs (a table: rows of run 'writer') or a margin in numbers"
        return [f"{key}: its margin is a share of the way to the writer's own figure, {why}; {do}"]
    problems = []
    for run, rows in zip(names, (pair.before, pair.after), strict=True):
        rows = rows[~rows["is_broken"]]
        missing = rows["value"].isna()
        if missing.mean() > policy.max_unscored:
            reasons = rows.loc[missing, "unscored"].replace("", "no reason given")
            unscored = f"{int(missing.sum())} of {len(rows)} answers of {run} are unscored ({reasons.mode().iloc[0]})"
            problems.append(f"{key}: {unscored}, more than {100 * policy.max_unscored:g} %")
    return problems


def some_of(names: Iterable[str]) -> str:
    """Up to five of the names, and how many more there are."""
    return ", ".join(first_of(sorted(names), _NAMED))
