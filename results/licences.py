"""Which judge scored a dimension, and whether the policy accepts its licence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pandas as pd

from judges.licensing.licence import LICENCES, LabelledBy, Licence, find_licence
from judges.types import DIMENSIONS
from results.paired import canary_means
from results.policy import DimensionPolicy, LicencePolicy, Policy
from results.table import WRITER, ScoreTable, conditions_of, suite_in
from timbre.errors import TimbreError
from timbre.stats import Interval

MIN_OF_EACH = 10
"""Fewest texts of either kind: with one positive among 100, a judge that guesses had an AUC whose interval
began above .70 in one of seven tries; with three, in one of fifty."""


@dataclass(frozen=True)
class Basis:
    """What verdicts rest on beside the scores and the policy."""

    licences: Mapping[str, Licence] | None = field(default_factory=dict)
    """Of the judges, by "name@digest"; None where the scores are the caller's own, who answers for the judges."""
    advisory: Mapping[str, str] = field(default_factory=dict)  # why dimensions can't block on these texts
    suite: str | None = None  # its name, where the policy has a section for it
    ceilings: Mapping[str, float] = field(default_factory=dict)
    """By dimension, the writer's own mean, for margins that are a share of floor to ceiling."""
    retakes: ScoreTable | None = None
    """Further takes of both runs, of canaries that were asked again; only hard dimensions read them."""

    @classmethod
    def of_table(cls, table: ScoreTable, folder: Path) -> Self:
        """Of a stored table, by as much as it tells: licences if it names judges, rows of the writer as ceilings.

        Raises:
            TimbreError: rows of a run are of several logs, no such folder of licences, or one was tampered with.
        """
        is_named = bool((table["judge"] != "").any())
        own = table[(table["run"] == WRITER) & table["value"].notna()]
        means = {str(key): float(canary_means(rows).mean()) for key, rows in own.groupby("dimension")}
        runs = [run for run in table["run"].unique() if run != WRITER]
        suites = {suite_in(own) for own in conditions_of(table, runs).values()}
        suite = suites.pop() if len(suites) == 1 else None
        return cls(read_licences(table, folder) if is_named else None, suite=suite, ceilings=means)

    def standing(
        self, key: str, rule: DimensionPolicy | None, rows: pd.DataFrame, policy: Policy
    ) -> tuple[bool, str]:
        """Whether a dimension may block by its rows of all runs compared, and what its licence shows or lacks.

        It does if it needs no licence, or if one judge scored all answers and has one that the policy accepts.
        """
        if key in self.advisory:
            return False, self.advisory[key]
        if DIMENSIONS[key].judged_by == "count":
            return True, "-"
        if self.licences is None:
            return True, "given"
        judges = judges_of(rows)
        licence = self.licences.get(judges[0]) if len(judges) == 1 else None
        if rule is None or not rule.needs_licence:
            return True, summary(licence) if licence else rule.licence if rule else "no licence"
        if licence is None:
            several = f"{len(judges)} judges" if len(judges) > 1 else "no licence"
            return False, "judge not named" if "" in judges else several
        lacks = shortfalls(key, licence, policy)
        return not lacks, "; ".join(lacks) or summary(licence)


SCORES_ALONE = Basis()  # nothing is known beside the scores


def read_licences(table: ScoreTable, folder: Path = LICENCES) -> dict[str, Licence]:
    """The licences of all judges that a score table names, by "name@digest".

    Raises:
        TimbreError: no such folder, or a licence was tampered with.
    """
    if folder != LICENCES and not folder.is_dir():
        raise TimbreError("no such folder", where=str(folder), do="give --licences a folder of licences")
    licences = {judge: find_licence(judge, folder) for judge in judges_of(table) if judge}
    return {judge: licence for judge, licence in licences.items() if licence is not None}


def judges_of(rows: pd.DataFrame) -> list[str]:
    """The judges that scored some rows, sorted; an empty name among them for answers without one."""
    return sorted(set(rows.loc[rows["value"].notna(), "judge"]))


def summary(licence: Licence) -> str:
    """A licence in a table's cell: who labelled, how well the judge agrees, on how many texts."""
    name, figure = _main_figure(licence)
    return f"{licence.labelled_by}{f', {name} {figure.estimate:.2f}' if figure else ''}, n {licence.n}"


def shortfalls(key: str, licence: Licence, policy: Policy) -> tuple[str, ...]:
    """All that a licence lacks of the policy's demands, each in a few words; empty if it meets them."""
    asked, (name, figure) = policy.licence, _main_figure(licence)
    least = asked.min_auc if name == "AUC" else asked.min_r
    gap, flips = licence.agreement.yes_rate_gap, licence.injection_flip_rate
    checks = {
        f"it is for {licence.dimension}": licence.dimension != key,
        f"{licence.n_unscored} labelled texts unscored": licence.n_unscored
        > policy.max_unscored * (licence.n + licence.n_unscored),
        f"no {name}": figure is None,
        f"{name} from {figure.low if figure else 0:.2f}, under {least:g}": figure and figure.low < least,
        "yes-rate gap unknown": gap is None,
        f"yes-rate gap {gap.estimate if gap else 0:+.2f}": gap and abs(gap.estimate) > asked.max_yes_rate_gap,
        "no attack tried": flips is None,
        f"{100 * (flips or 0):.0f} % of attacks turn it": (flips or 0) > asked.max_injection_flips,
    }
    of_labels = label_shortfalls(
        asked,
        labelled_by=licence.labelled_by,
        domain=licence.domain,
        n=licence.n,
        n_positive=licence.n_positive,
        binary=licence.label_kind == "binary",
    )
    return (*of_labels, *(problem for problem, fails in checks.items() if fails))


def label_shortfalls(
    asked: LicencePolicy, *, labelled_by: LabelledBy, domain: str, n: int, n_positive: int, binary: bool
) -> tuple[str, ...]:
    """What ``n`` labelled texts lack of the policy's demands, which is known before anything is measured."""
    fewer, domains = min(n_positive, n - n_positive), {d.strip().casefold() for d in asked.domains}
    checks = {
        "labelled by a model": asked.labelled_by == "people" and labelled_by == "model",
        f"domain {domain.strip()!r}": domain.strip().casefold() not in domains,
        f"n {n}, under {asked.min_n}": n < asked.min_n,
        f"{fewer} of one kind, under {MIN_OF_EACH}": binary and fewer < MIN_OF_EACH,
    }
    return tuple(problem for problem, fails in checks.items() if fails)


def demands(key: str, policy: Policy) -> tuple[str, ...]:
    """What the policy asks of the licence of a dimension's judge, a line each; for whoever is to label."""
    rule, asked = policy.dimensions.get(key), policy.licence
    if rule is None:
        return (f"{key} is not in the policy: it is reported and never blocks, whatever its licence",)
    if not rule.needs_licence:
        return (f"a licence of {key} is {rule.licence}",)
    who = "people" if asked.labelled_by == "people" else "people or a model"
    return (
        f"labelled by {who}",
        f"texts of the kind {' or '.join(repr(d) for d in asked.domains)} (--domain)",
        f"at least {asked.min_n} of them with a value; of yes and no labels at least {MIN_OF_EACH} of each",
        f"at most {100 * policy.max_unscored:g} % of them without a value",
        f"AUC (of yes and no) with its 95 % interval above {asked.min_auc:g}, or r (of ratings) with its "
        f"above {asked.min_r:g}",
        f"share of yes within {100 * asked.max_yes_rate_gap:g} points of the labels'",
        f"at most {100 * asked.max_injection_flips:g} % of attacks turn it",
    )


def _main_figure(licence: Licence) -> tuple[str, Interval | None]:
    """The agreement that the policy looks at."""
    agreement = licence.agreement
    return ("AUC", agreement.auc) if licence.label_kind == "binary" else ("r", agreement.pearson)
