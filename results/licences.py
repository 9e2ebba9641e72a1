"""Which judge scored a dimension, and whether the policy accepts its licence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from judges.licensing.licence import LICENCES, Licence, find_licence
from judges.licensing.named_judges import METRICS, REFERENCED, metric_identity
from judges.panel import judges_version
from judges.types import DIMENSIONS
from results.policy import DimensionPolicy, LicencePolicy, Policy
from results.records import RunLog
from results.table import ScoreTable, score_table
from timbre.errors import TimbreError

MIN_OF_EACH = 10
"""Fewest texts of either kind: with one positive among 100, a judge that guesses had an AUC whose interval
began above .70 in one of seven tries; with three, in one of fifty."""


@dataclass(frozen=True)
class Standing:
    """What the licence of a dimension's judge is worth.

    Attributes:
        may_block: The policy asks for no licence, or accepts this one.
        told: The licence in a few words, or what it lacks.
    """

    may_block: bool
    told: str


def read_licences(table: ScoreTable, folder: Path = LICENCES) -> dict[str, Licence]:
    """The licences of all judges that a score table names, by "name@digest".

    Raises:
        TimbreError: no such folder, or a licence was tampered with.
    """
    if not folder.is_dir():
        raise TimbreError("no such folder", where=str(folder), do="give --licences a folder of licences")
    found = {judge: find_licence(judge, folder) for judge in judges_of(table) if judge}
    return {judge: licence for judge, licence in found.items() if licence is not None}


def named_table(logs: Sequence[RunLog]) -> ScoreTable:
    """The score table of some logs, in which metrics have a judge's name too.

    Logs don't name metrics, whose rules are in the log's ``judges`` condition. Where those are the rules of
    this version, it is known under which name they may be licensed. Metrics that depend on the
    writer's texts (``REFERENCED``) stay without: which texts a log was judged with isn't known here.
    """
    table = score_table(logs)
    version = judges_version()
    current = [log.run for log in logs if version.startswith(log.conditions["judges"])]
    for key in METRICS:
        if key not in REFERENCED:
            unnamed = (table["dimension"] == key) & (table["judge"] == "") & table["value"].notna()
            rows = unnamed & table["run"].isin(current)
            table.loc[rows, "judge"] = str(metric_identity(key, version))
    return table


def judges_of(rows: pd.DataFrame) -> list[str]:
    """The judges that scored some rows, sorted; an empty name among them for answers without one."""
    return sorted(set(rows.loc[rows["value"].notna(), "judge"]))


def standing(
    key: str,
    rule: DimensionPolicy | None,
    rows: pd.DataFrame,
    licences: Mapping[str, Licence],
    policy: Policy,
) -> Standing:
    """Whether a dimension may block, and what to say of its judge's licence.

    Args:
        key: The dimension.
        rule: What the policy says of it.
        rows: Its score table rows, of all runs compared.
        licences: By "name@digest".
        policy: For its demands on licences.
    """
    if DIMENSIONS[key].judged_by == "count":
        return Standing(True, "-")
    needed = rule is not None and rule.needs_licence
    judges = judges_of(rows)
    licence = licences.get(judges[0]) if len(judges) == 1 else None
    if not needed:
        return Standing(True, told(licence) if licence else "no licence" if rule is None else "none yet")
    if "" in judges:
        return Standing(False, "judge not named")
    if len(judges) > 1:
        return Standing(False, "two judges" if len(judges) == 2 else f"{len(judges)} judges")
    if licence is None or policy.licence is None:
        return Standing(False, "no licence")
    lack = shortcoming(key, licence, policy.licence, policy.max_unscored)
    return Standing(lack is None, lack or told(licence))


def told(licence: Licence) -> str:
    """A licence in a table's cell: who labelled, how well the judge agrees, on how many texts."""
    name, figure = (
        ("AUC", licence.agreement.auc) if licence.label_kind == "binary" else ("r", licence.agreement.pearson)
    )
    agreed = f", {name} {figure.estimate:.2f}" if figure else ""
    return f"{licence.labelled_by}{agreed}, n {licence.n}"


def shortcoming(key: str, licence: Licence, asked: LicencePolicy, max_unscored: float) -> str | None:
    """The first of the policy's demands that a licence doesn't meet, in a few words; None if it meets all.

    Args:
        key: The dimension that is to be judged.
        licence: Of its judge.
        asked: The demands.
        max_unscored: Largest share of the labelled texts that the judge may have left without a value.
    """
    found = licence.agreement
    if licence.dimension != key:
        return f"licence for {licence.dimension}"
    if licence.labelled_by != asked.labelled_by:
        return "labelled by a model" if licence.labelled_by == "model" else "labelled by people"
    if licence.domain.strip().casefold() not in {d.strip().casefold() for d in asked.domains}:
        return "wrong domain"
    if licence.n < asked.min_n:
        return f"n {licence.n}, under {asked.min_n}"
    fewer = min(licence.n_positive, licence.n - licence.n_positive)
    if licence.label_kind == "binary" and fewer < MIN_OF_EACH:
        return f"{fewer} of one kind, under {MIN_OF_EACH}"
    if licence.n_unscored > max_unscored * (licence.n + licence.n_unscored):
        return f"{licence.n_unscored} labelled texts unscored"
    name, figure, least = (
        ("AUC", found.auc, asked.min_auc)
        if licence.label_kind == "binary"
        else ("r", found.pearson, asked.min_r)
    )
    if figure is None:
        return f"no {name}"
    if figure.low < least:
        return f"{name} from {figure.low:.2f}, under {least:g}"
    if found.yes_rate_gap is None or abs(found.yes_rate_gap.estimate) > asked.max_yes_rate_gap:
        return "yes-rate gap" + (f" {found.yes_rate_gap.estimate:+.2f}" if found.yes_rate_gap else " unknown")
    if licence.injection_flip_rate is None:
        return "no attack tried"
    if licence.injection_flip_rate > asked.max_injection_flips:
        return f"{100 * licence.injection_flip_rate:.0f} % of attacks turn it"
    return None
