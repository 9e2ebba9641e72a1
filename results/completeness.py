"""What two runs lack: canaries, answers, dimensions; a missing answer of the candidate is its worst."""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from judges.types import DIMENSIONS, FAULT_AT
from results.comparison import DimensionVerdict
from results.policy import Policy
from results.statistics import TOLERANCE
from results.table import ScoreTable

_NAMED = 5
"""Names listed in a message before "and N more"."""


def pairing_problems(
    before: pd.DataFrame, after: pd.DataFrame, baseline: str, candidate: str, table: ScoreTable, most: float
) -> list[str]:
    """What keeps two runs from being paired at all."""
    runs = ", ".join(sorted(set(table["run"])))
    absent = [run for run, rows in ((baseline, before), (candidate, after)) if rows.empty]
    if absent:
        return [f"no scores of {run!r} (there are {runs})" for run in absent]
    if baseline == candidate:
        return [f"{baseline!r} is both baseline and candidate"]
    answered = {baseline: set(before["canary"]), candidate: set(after["canary"])}
    problems = []
    for run, other in ((baseline, candidate), (candidate, baseline)):
        lacking = answered[other] - answered[run]
        if len(lacking) > most * len(answered[other]):
            problems.append(f"{run} lacks {len(lacking)} canaries that {other} has: {_some_of(lacking)}")
    return problems


def unscored_dimensions(
    before: pd.DataFrame, after: pd.DataFrame, baseline: str, candidate: str, policy: Policy
) -> list[str]:
    """Dimensions of the policy that one of two runs, or neither, was scored on.

    A run of which every answer has a fault needs no other score: what no answer says can't be judged.
    """
    one, other = (set(map(str, side.loc[side["value"].notna(), "dimension"])) for side in (before, after))
    neither = [key for key, rule in policy.dimensions.items() if not rule.optional and key not in one | other]
    problems = []
    if neither:
        problems.append(
            f"neither run is scored on {', '.join(neither)}, which the policy names "
            "(optional = true there lets it pass)"
        )
    for run, side, own, others in ((baseline, before, one, other), (candidate, after, other, one)):
        lacking = [key for key in policy.dimensions if key in others - own]
        if lacking and not _of_sound_answers(side, side).empty:
            problems.append(f"{run} is not scored on {', '.join(lacking)}, and the other run is")
    return problems


def with_missing_as_worst(
    before: pd.DataFrame, after: pd.DataFrame, policy: Policy
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The candidate's rows with every answer that is none scored as the worst, and how many by dimension.

    An answer is none where its canary has no row at all, and where a soft dimension has no value though nothing
    says that an answer is there: no value of ``integrity`` below ``FAULT_AT``. Of an answer that is there and that
    a judge could not score, nothing is known, and it stays unscored. Recitals and claims need evidence: on hard
    dimensions but ``integrity`` a missing answer shows none.
    """
    soft = [key for key, rule in policy.dimensions.items() if not rule.hard]
    absent = _absent_rows(before, after)
    rows = pd.concat([after, absent], ignore_index=True) if len(absent) else after.reset_index(drop=True)
    sound = rows[(rows["dimension"] == "integrity") & (rows["value"] < FAULT_AT)]
    answers = pd.MultiIndex.from_frame(rows[["canary", "epoch"]])
    is_there = answers.isin(pd.MultiIndex.from_frame(sound[["canary", "epoch"]]))
    scored_before = before[before["value"].notna()]
    has_pair = pd.MultiIndex.from_frame(rows[["canary", "dimension"]]).isin(
        pd.MultiIndex.from_frame(scored_before[["canary", "dimension"]])
    )
    none = rows["value"].isna() & ~is_there & has_pair & rows["dimension"].isin([*soft, "integrity"])
    if not none.any():
        return rows, {}
    worst = rows.loc[none, "dimension"].map(lambda key: 0.0 if DIMENSIONS[key].direction == "up" else 1.0)
    counts = rows.loc[none, "dimension"].value_counts()
    return rows.assign(value=rows["value"].where(~none, worst)), {str(k): int(n) for k, n in counts.items()}


def _absent_rows(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """A row without a value for each take and dimension of a canary that the candidate has no answer to."""
    takes = pd.DataFrame({"epoch": sorted(after["epoch"].unique())})
    keys = before.drop_duplicates(["canary", "dimension"]).drop(columns=["epoch"])
    wanted = keys.merge(takes, how="cross")
    have = pd.MultiIndex.from_frame(after[["canary", "epoch"]])
    absent = wanted[~pd.MultiIndex.from_frame(wanted[["canary", "epoch"]]).isin(have)]
    first = after.iloc[0]
    return absent.assign(
        run=first["run"],
        identity=first["identity"],
        value=math.nan,
        unscored="no answer",
        truncated=False,
        judge="",
    )[list(after.columns)]


def scoring_problems(
    verdict: DimensionVerdict, sides: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], policy: Policy
) -> list[str]:
    """What keeps one dimension from being judged: too many answers unscored, or no margin."""
    key = verdict.dimension
    if verdict.margin is not None and math.isnan(verdict.margin):
        return [
            f"{key}: its margin is a share of floor to ceiling, and the writer's own figure is not at hand"
        ]
    problems = []
    for run, (rows, side) in sides.items():
        outside = rows[(rows["value"] < -TOLERANCE) | (rows["value"] > 1 + TOLERANCE)]
        if len(outside):
            where = outside.iloc[0]
            problems.append(
                f"{key}: {len(outside)} values of {run} lie outside [0, 1], the first {where['value']:g} on "
                f"{where['canary']}"
            )
        rows = _of_sound_answers(rows, side)
        missing = rows["value"].isna()
        if missing.mean() > policy.max_unscored:
            reasons = rows.loc[missing, "unscored"]
            problems.append(
                f"{key}: {int(missing.sum())} of {len(rows)} answers of {run} are unscored"
                f" ({reasons.mode().iloc[0] or 'no reason given'}), more than {100 * policy.max_unscored:g} %"
            )
    return problems


def _of_sound_answers(rows: pd.DataFrame, side: pd.DataFrame) -> pd.DataFrame:
    """The rows of answers without a fault: one that is none is judged by ``integrity``, and is not missing."""
    faulty = side[(side["dimension"] == "integrity") & (side["value"] >= FAULT_AT)]
    answers = pd.MultiIndex.from_frame(faulty[["canary", "epoch"]])
    return rows[~pd.MultiIndex.from_frame(rows[["canary", "epoch"]]).isin(answers)]


def _some_of(names: Iterable[str]) -> str:
    """Up to five of the names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(ordered[:_NAMED]) + more
