"""Two runs on one dimension, paired by canary: levels, gains and faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from judges.types import DIMENSIONS
from results.policy import DimensionPolicy, Policy
from results.statistics import Array, mcnemar, mean_interval, paired_rate_difference, rate_rise_p
from timbre.stats import Interval, rate_interval

EXCUSED_FROM = 0.2
"""Least p of a rise over all canaries asked again at which a fault that the baseline shows too isn't new.

Equal runs fall below it at most one time in five; ``benchmarks/gate.py 100 rises`` measures both risks of it."""


class Retakes(NamedTuple):
    """What two runs answered when one canary was asked again."""

    after: int  # takes of the second run with the fault
    takes: int  # of the second run
    before: int  # takes of the first run with the fault
    takes_before: int


@dataclass(frozen=True)
class Pair:
    """The score table rows of two runs on one dimension."""

    key: str
    rule: DimensionPolicy | None  # None where the policy doesn't name the dimension
    before: pd.DataFrame
    after: pd.DataFrame
    retakes: tuple[pd.DataFrame, pd.DataFrame] | None = None  # of both, of canaries that were asked again

    @classmethod
    def of(
        cls,
        key: str,
        policy: Policy,
        before: pd.DataFrame,
        after: pd.DataFrame,
        retakes: Sequence[pd.DataFrame] = (),
    ) -> Self:
        """The rows of two runs that the policy looks at; ``retakes`` are those of both, or nothing."""
        rule = policy.dimensions.get(key)
        sides = [rows_of(rows, key, rule) for rows in (before, after, *retakes)]
        return cls(key, rule, sides[0], sides[1], (sides[2], sides[3]) if retakes else None)

    @property
    def fault_at(self) -> float | None:
        """Value from which an answer shows the fault; None where the dimension is soft."""
        return self.rule.fault_at if self.rule else None

    @cached_property
    def gains(self) -> "pd.Series[float]":
        """The gain of each canary that both have a score for, takes averaged; of a reported figure the difference."""
        difference = (canary_means(self.after) - canary_means(self.before)).dropna()
        # Rounded so that a loss of .9 to .8 is the same as one of .8 to .7.
        return (-difference if DIMENSIONS[self.key].direction == "down" else difference).round(12)

    @cached_property
    def faults(self) -> pd.DataFrame:
        """Whether each canary scored on both sides shows the fault in any take: ``before`` and ``after``."""
        sides = {"before": self._faulty(self.before), "after": self._faulty(self.after)}
        return pd.concat(sides, axis=1, join="inner").astype(bool)

    @property
    def discordant(self) -> tuple[int, int]:
        """How many canaries show the fault in the second run alone, and in the first alone."""
        before, after = self.faults["before"], self.faults["after"]
        return int((after & ~before).sum()), int((before & ~after).sum())

    @cached_property
    def asked_again(self) -> Mapping[str, Retakes]:
        """The retakes of each canary that showed the fault in the second run alone, as far as both have some."""
        if self.retakes is None or self.fault_at is None:
            return {}
        first = set(self.faults.index[self.faults["after"] & ~self.faults["before"]])
        after, before = (
            (scored["value"] >= self.fault_at).groupby(scored["canary"]).agg(["sum", "size"])
            for scored in map(_scored, reversed(self.retakes))
        )
        both = pd.concat([after, before], axis=1, join="inner")
        return {str(c): Retakes(*map(int, row)) for c, *row in both.itertuples() if c in first}

    @cached_property
    def asked_again_p(self) -> float:
        """One-sided p that the canaries asked again show the fault more often, all of them together."""
        return rate_rise_p(self.asked_again.values())

    @property
    def new_faults(self) -> list[str]:
        """Canaries with the fault in the second run alone, in the first takes and in those asked again.

        Where the first, asked no more often, shows it too, it isn't new, but for a likely rise (``EXCUSED_FROM``).
        """
        new = self.faults.index[self.faults["after"] & ~self.faults["before"]]
        shared = {c for c, r in self.asked_again.items() if r.before and r.takes >= r.takes_before}
        return [str(c) for c in new if c not in shared or self.asked_again_p < EXCUSED_FROM]

    @property
    def gain(self) -> tuple[int, Interval]:
        """Canaries scored on both sides, and the mean gain or the rate by which faults became fewer."""
        if self.fault_at is None:
            return len(self.gains), mean_interval(as_array(self.gains))
        n = len(self.faults)
        rise = paired_rate_difference(*self.discordant, n)
        return n, Interval(-rise.estimate + 0.0, -rise.high + 0.0, -rise.low + 0.0)

    def level(self, rows: pd.DataFrame) -> tuple[int, Interval]:
        """Canaries with a score in ``rows``, and their mean or rate of faults."""
        if self.fault_at is None:
            means = canary_means(rows)
            return len(means), mean_interval(as_array(means))
        faults = self._faulty(rows)
        return len(faults), rate_interval(int(faults.sum()), len(faults))

    @property
    def worst_possible(self) -> "pd.Series[float]":
        """The largest loss that each canary could show, from the first run's own score on a scale of [0, 1]."""
        level = canary_means(self.before)
        return level if DIMENSIONS[self.key].direction == "up" else 1 - level

    @property
    def takes(self) -> int:
        """Takes of a canary, of the run that has fewer."""
        return min(int(_scored(rows).groupby("canary").size().max()) for rows in (self.before, self.after))

    @property
    def fault_tests(self) -> int:
        """Tests of the first takes that ``faults_p`` shares its level among, where both runs have as many."""
        return 2 if self.takes > 1 else 1

    @property
    def noise(self) -> float:
        """Variance of a canary's gain that comes from its takes and falls as they become more; 0 of single takes."""
        by_canary = (_scored(rows).groupby("canary")["value"] for rows in (self.before, self.after))
        return sum(float((group.var(ddof=1) / group.size()).fillna(0).mean()) for group in by_canary)

    @property
    def faults_p(self) -> float:
        """One-sided p that faults became more frequent, by McNemar's exact test over canaries.

        Of two tries at a fault one more is likelier to show it, so a run with more takes is tested by as many at a
        time as the other has. Where both have several, the canaries on which more takes show the fault are held
        against those on which fewer do, too. Canaries that were asked again are tested by those takes alone,
        since the first ones chose them: each by itself, times their number, which sees one that rose among many.
        The least p counts, times the number of tests (Bonferroni). All canaries asked again together, which shows
        a small rise on each, are a second look: the lesser p of the two counts, doubled. It counts only
        where the first takes show the fault on more canaries than before: faults that only moved are no rise.
        """
        takes = [sorted(_scored(rows)["epoch"].unique()) for rows in (self.before, self.after)]
        size = max(1, min(map(len, takes)))
        before, after = (
            [rows[rows["epoch"].isin(own[at : at + size])] for at in range(0, len(own) - size + 1, size)]
            for rows, own in zip((self.before, self.after), takes, strict=True)
        )
        pairs = [replace(self, before=b, after=a) for b in before for a in after]
        ps = [mcnemar(*pair.discordant) for pair in pairs if len(pair.faults)]
        if size > 1:
            rise = self._share_of_faults(self.after) - self._share_of_faults(self.before)
            ps.append(mcnemar(int((rise > 0).sum()), int((rise < 0).sum())))
        if again := [rate_rise_p([retakes]) for retakes in self.asked_again.values()]:
            ps.append(min(again) * len(again))
        p = min(1.0, min(ps, default=1.0) * len(ps))
        rose, fell = self.discordant
        together = self.asked_again_p if rose > fell else 1.0
        return min(1.0, 2 * min(p, together)) if again else p

    def _faulty(self, rows: pd.DataFrame) -> "pd.Series[bool]":
        scored = _scored(rows)
        return (scored["value"] >= self.fault_at).groupby(scored["canary"]).any()

    def _share_of_faults(self, rows: pd.DataFrame) -> "pd.Series[float]":
        """Share of a canary's scored takes that show the fault, by canary and number of takes."""
        scored = _scored(rows)
        shares = (scored["value"] >= self.fault_at).groupby(scored["canary"]).agg(["mean", "size"])
        return shares.set_index("size", append=True)["mean"].astype(float)


def rows_of(table: pd.DataFrame, key: str, rule: DimensionPolicy | None) -> pd.DataFrame:
    """The rows of a dimension that the policy looks at."""
    chosen = table["dimension"] == key
    if rule is not None and rule.unlicensed_only:
        chosen &= ~table["licensed"]
    return table[chosen]


def canary_means(rows: pd.DataFrame) -> "pd.Series[float]":
    """Mean over the scored takes of each canary, by canary id; canaries without a score are left out."""
    return _scored(rows).groupby("canary", sort=True)["value"].mean()


def as_array(column: "pd.Series[Any]") -> Array:
    """The figures of a column alone."""
    return np.asarray(column, dtype=np.float64)


def _scored(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["value"].notna()]
