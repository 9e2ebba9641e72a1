"""The duels that stored logs allow, and what came of them in one dimension."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from judges.pairwise import Duel, Outcome
from results.bradley_terry import OrderEffect, Standing, order_effect, standings
from results.records import RunLog
from timbre.errors import TimbreError

MATTERS = ("suite", "decoding", "server", "voice", "base")
"""Conditions that decide what a run wrote and whose voice it is held to; how it was scored doesn't matter."""

QUOTES = 3
"""Quotes of a run that are kept for show."""


@dataclass(frozen=True)
class Table:
    """What came of all duels in one dimension.

    Attributes:
        dimension: Key in ``DIMENSIONS``.
        judge: ``str`` of the identity of whoever was asked.
        reference: The run that scores 0.
        standings: One a run.
        order: How much the order of the texts decided.
        quotes: By run, words of its winning answers that the grader quoted, each from another canary.
        reasons: Why duels have no outcome, each reason once.
    """

    dimension: str
    judge: str
    reference: str
    standings: tuple[Standing, ...]
    order: OrderEffect
    quotes: Mapping[str, tuple[str, ...]]
    reasons: tuple[str, ...]


def tabulate(
    dimension: str, judge: str, outcomes: Sequence[Outcome], runs: Sequence[str], reference: str
) -> Table:
    """The table of one dimension."""
    quotes: dict[str, dict[str, str]] = {run: {} for run in runs}
    for o in outcomes:
        if o.quotes:
            quotes[o.duel.first if o.winner == "first" else o.duel.second].setdefault(
                o.duel.canary, o.quotes[0]
            )
    return Table(
        dimension,
        judge,
        reference,
        standings(outcomes, runs, reference),
        order_effect(outcomes),
        {run: tuple(dict.fromkeys(told.values()))[:QUOTES] for run, told in quotes.items()},
        tuple(dict.fromkeys(o.unsettled for o in outcomes if o.unsettled)),
    )


def duels_between(logs: Sequence[RunLog]) -> tuple[Duel, ...]:
    """Every two runs on every canary and epoch that both answered, in the order of ``logs``.

    Raises:
        TimbreError: two runs share no canary, or were asked different things under one id.
    """
    found = []
    for first, second in combinations(logs, 2):
        others = {(sample.canary, sample.epoch): sample for sample in second.samples}
        shared = [(sample, others.get((sample.canary, sample.epoch))) for sample in first.samples]
        met = [(one, other) for one, other in shared if other is not None]
        if not met:
            raise TimbreError(
                f"{first.run} and {second.run} share no canary",
                where=second.path,
                do="evaluate both on one suite",
            )
        for one, other in met:
            if one.prompt != other.prompt:
                raise TimbreError(
                    f"canary {one.canary!r} asks {first.run} and {second.run} different things",
                    where=second.path,
                    do="evaluate both on the same version of the suite",
                )
            found.append(Duel(one.canary, one.epoch, first.run, second.run, one.prompt, one.text, other.text))
    return tuple(found)
