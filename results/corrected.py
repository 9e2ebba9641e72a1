"""How often a quality occurs in a run's answers, corrected for what its judge is known to get wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from judges.licensing.agreement import corrected_rate
from judges.licensing.licence import Licence
from judges.types import DIMENSIONS
from results.licences import judges_of, shortfalls, summary
from results.policy import Policy
from results.statistics import Interval
from results.table import ScoreTable
from timbre.stats import Interval as Figure


@dataclass(frozen=True)
class CorrectedArm:
    """One run on one dimension whose judge has a licence with sensitivity and specificity."""

    run: str
    dimension: str
    judge: str  # "name@digest" of the one judge of all its answers
    n: int  # canaries with a score
    cut_off: float  # value from which an answer counts
    raw: Interval  # share of answers that count, a canary's epochs averaged first
    corrected: Interval | None  # the same after the judge's errors; None for a judge at chance
    licence: str  # the licence in a few words
    lack: str | None  # all that it lacks of the policy's demands; None where it meets them


def corrected_arms(
    table: ScoreTable, runs: Sequence[str], policy: Policy, licences: Mapping[str, Licence]
) -> tuple[CorrectedArm, ...]:
    """Rates of all runs on all dimensions that one licensed judge scored, by dimension and then by run.

    A licence that the policy does not accept is used too, with what it lacks: it is what is known of the
    judge's errors.

    Args:
        table: Scores of all the runs.
        runs: In the order wanted.
        policy: Says which canaries count, and what a licence must show.
        licences: By "name@digest".
    """
    arms = []
    for key in (k for k in DIMENSIONS if (table["dimension"] == k).any()):
        rule = policy.dimensions.get(key)
        rows = table[(table["dimension"] == key) & table["value"].notna()]
        if rule is not None and rule.unlicensed_only:
            rows = rows[~rows["licensed"]]
        for run in runs:
            of_run = rows[rows["run"] == run]
            judges = judges_of(of_run)
            licence = licences.get(judges[0]) if len(judges) == 1 else None
            if licence is None or not (licence.agreement.sensitivity and licence.agreement.specificity):
                continue
            yes = (of_run["value"] >= licence.cut_off).groupby(of_run["canary"]).mean()
            rate = corrected_rate(np.asarray(yes, dtype=np.float64), licence.agreement.confusion)
            arms.append(
                CorrectedArm(
                    run,
                    key,
                    judges[0],
                    len(yes),
                    licence.cut_off,
                    _interval(rate.raw),
                    _interval(rate.corrected) if rate.corrected else None,
                    summary(licence),
                    "; ".join(shortfalls(key, licence, policy)) or None,
                )
            )
    return tuple(arms)


def _interval(figure: Figure) -> Interval:
    return Interval(figure.estimate, figure.low, figure.high)
