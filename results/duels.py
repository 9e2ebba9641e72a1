"""Stored answers compared two by two: the duels that logs allow, and one table a dimension of what came of them.

**Scores.** Run i beats run j with probability 1 / (1 + exp(s_j - s_i)) (Bradley & Terry 1952); a tie is half
a win each. A score is in log-odds, and 0 for the reference run. A canary weighs the same however many
epochs it has. One tie between each two runs that met is added, so that a run that never lost has a finite
score; for two runs that is the Haldane-Anscombe log-odds.

**Intervals.** The expanded percentile bootstrap of ``results.statistics`` over canaries, with all of a
canary's duels drawn together. Before drawing, each two runs that met are given one more canary that one won
and one that the other won: a bootstrap of twelve wins of twelve would otherwise claim certainty. It is what
Agresti & Coull (1998) add to a proportion, and Bonett & Price to a paired one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from judges.pairwise import Duel, Outcome
from results.records import RunLog
from results.statistics import Array, expanded_tail, resampled_means
from timbre.errors import TimbreError
from timbre.stats import NO_INTERVAL, Interval, rate_interval

Flags = NDArray[np.bool_]

MATTERS = ("suite", "decoding", "server", "voice", "base")
"""Conditions that decide what a run wrote and whose voice it is held to; how it was scored doesn't matter."""

QUOTES = 3  # quotes of a run that are kept for show
_PRIOR = 0.5  # wins that each of two runs that met is given against the other: one tie
_LONGEST_STEP, _STEPS, _CLOSE = 2.0, 60, 1e-9


@dataclass(frozen=True)
class Standing:
    """One run among the others; wins, losses and ties are duels against the reference."""

    run: str
    score: Interval  # Bradley-Terry log-odds against the reference; NaN where no chain of duels leads there
    win_rate: Interval  # against the reference alone, ties as half; NaN for the reference itself
    canaries: int  # on which it met the reference; for the reference, any run
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class OrderEffect:
    """How much the order of the two texts decided."""

    settled: int  # duels with a reply to both orders
    flips: Interval  # share of them whose two orders disagreed, with its Wilson interval
    # Share of the replies that named a text; .5 without a bias, no interval: not independent.
    chose_first_shown: float
    unsettled: int  # duels without an outcome


@dataclass(frozen=True)
class Table:
    """What came of all duels in one dimension."""

    dimension: str
    judge: str  # identity of whoever was asked
    reference: str  # the run that scores 0
    standings: tuple[Standing, ...]  # one a run
    order: OrderEffect
    quotes: Mapping[str, tuple[str, ...]]  # by run, words of its winning answers, each from another canary
    reasons: tuple[str, ...]  # why duels have no outcome, each reason once


def duels_between(logs: Sequence[RunLog]) -> tuple[Duel, ...]:
    """Every two runs on every canary and epoch that both answered, in the order of ``logs``.

    Raises:
        TimbreError: two runs share no canary, or were asked different things under one id.
    """
    duels: list[Duel] = []
    for first, second in combinations(logs, 2):
        others = {(s.canary, s.epoch): s for s in second.samples}
        met = [(s, others[s.canary, s.epoch]) for s in first.samples if (s.canary, s.epoch) in others]
        if not met:
            what = f"{first.run} and {second.run} share no canary"
            raise TimbreError(what, where=second.path, do="evaluate both on one suite")
        for one, other in met:
            if one.prompt != other.prompt:
                what = f"canary {one.canary!r} asks {first.run} and {second.run} different things"
                do = "evaluate both on the same version of the suite"
                raise TimbreError(what, where=second.path, do=do)
            duels.append(Duel(one.canary, one.epoch, first.run, second.run, one.prompt, one.text, other.text))
    return tuple(duels)


def tabulate(
    dimension: str, judge: str, outcomes: Sequence[Outcome], runs: Sequence[str], reference: str
) -> Table:
    """The table of one dimension."""
    quotes: dict[str, dict[str, str]] = {run: {} for run in runs}
    for o in outcomes:
        if o.quotes:
            winner = o.duel.first if o.winner == "first" else o.duel.second
            quotes[winner].setdefault(o.duel.canary, o.quotes[0])
    return Table(
        dimension,
        judge,
        reference,
        standings(outcomes, runs, reference),
        order_effect(outcomes),
        {run: tuple(dict.fromkeys(of_run.values()))[:QUOTES] for run, of_run in quotes.items()},
        tuple(dict.fromkeys(o.unsettled for o in outcomes if o.unsettled)),
    )


def standings(outcomes: Sequence[Outcome], runs: Sequence[str], reference: str) -> tuple[Standing, ...]:
    """Where each run stands in one dimension, in the order of ``runs``; duels without a winner don't count."""
    points, met = _by_canary(outcomes, runs)
    zero, seen = list(runs).index(reference), np.any(met, axis=0)
    scores = rates = [NO_INTERVAL] * len(runs)
    if len(points):
        won, drawn = points.sum(axis=0, keepdims=True), _drawn(points, seen)
        scores = _limits(_scores(won, seen, zero)[0], _scores(drawn, seen, zero), met.any(axis=2).sum(axis=0))
        rates = _limits(_rates(won, zero)[0], _rates(drawn, zero), met[:, :, zero].sum(axis=0))
    linked = connected_components(seen, directed=False)[1]
    rows = []
    for at, run in enumerate(runs):
        winners = [
            o.winner if o.winner == "tie" else getattr(o.duel, str(o.winner))
            for o in outcomes
            if o.winner and {o.duel.first, o.duel.second} == {run, reference}
        ]
        counts = winners.count(run), winners.count(reference), winners.count("tie")
        score = scores[at] if linked[at] == linked[zero] else NO_INTERVAL
        canaries = int(met[:, at, zero].sum())
        if at == zero:
            score, counts, canaries = Interval(0.0, 0.0, 0.0), (0, 0, 0), int(met[:, at].any(axis=1).sum())
        rows.append(Standing(run, score, rates[at], canaries, *counts))
    return tuple(rows)


def order_effect(outcomes: Sequence[Outcome]) -> OrderEffect:
    """How much the order of the texts decided, over the duels of one dimension."""
    settled = [o for o in outcomes if o.winner is not None]
    first, second = sum(o.chose_a for o in settled), sum(o.chose_b for o in settled)
    return OrderEffect(
        len(settled),
        rate_interval(sum(o.flipped for o in settled), len(settled)),
        first / (first + second) if first + second else math.nan,
        len(outcomes) - len(settled),
    )


def _by_canary(outcomes: Sequence[Outcome], runs: Sequence[str]) -> tuple[Array, Flags]:
    """Points of row over column, averaged over a canary's epochs, and who met whom: (canaries, runs, runs)."""
    place = {run: at for at, run in enumerate(runs)}
    settled = [o for o in outcomes if o.winner is not None]
    canaries = {name: at for at, name in enumerate(dict.fromkeys(o.duel.canary for o in settled))}
    points = np.zeros((len(canaries), len(runs), len(runs)))
    duels = np.zeros_like(points)
    for o in settled:
        c, i, j = canaries[o.duel.canary], place[o.duel.first], place[o.duel.second]
        share = {"first": 1.0, "second": 0.0}.get(str(o.winner), 0.5)
        points[c, i, j] += share
        points[c, j, i] += 1 - share
        duels[c, [i, j], [j, i]] += 1
    return points / np.maximum(duels, 1), duels > 0


def _drawn(points: Array, seen: Flags) -> Array:
    """Points of row over column in each resample of the canaries, shape (resamples, runs, runs)."""
    runs = points.shape[1]
    pairs = np.argwhere(seen)
    added = np.zeros((len(pairs), runs, runs))
    added[np.arange(len(pairs)), pairs[:, 0], pairs[:, 1]] = 1.0
    rows = np.concatenate([points, added]).reshape(-1, runs * runs)
    return (resampled_means(rows) * len(rows)).reshape(-1, runs, runs)


def _scores(won: Array, seen: Flags, zero: int) -> Array:
    """Maximum-likelihood log-odds by Newton's method, shape (tables, runs), of many tables (runs, runs) of points.

    ``zero`` scores 0, and so do runs without a chain of duels that leads there, by who met whom (runs, runs).
    """
    won = won + _PRIOR * seen
    met = won + won.transpose(0, 2, 1)
    linked = connected_components(seen, directed=False)[1]
    free = np.flatnonzero((linked == linked[zero]) & (np.arange(len(seen)) != zero))
    scores = np.zeros(won.shape[:2])
    for _ in range(_STEPS if free.size else 0):
        chance = expit(scores[:, :, None] - scores[:, None, :])
        slope = (won - met * chance).sum(axis=2)
        weight = met * chance * (1 - chance)
        curve = np.eye(len(seen)) * weight.sum(axis=2)[:, :, None] - weight
        step = np.linalg.solve(curve[:, free[:, None], free], slope[:, free, None])[..., 0]
        scores[:, free] += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _CLOSE:
            break
    return scores


def _rates(won: Array, zero: int) -> Array:
    """Share of points against ``zero``, shape (tables, runs); NaN for runs that never met it."""
    met = won[:, :, zero] + won[:, zero, :]
    rates: Array = np.divide(won[:, :, zero], met, out=np.full(met.shape, np.nan), where=met > 0)
    return rates


def _limits(estimates: Array, drawn: Array, canaries: "NDArray[np.int64]") -> list[Interval]:
    """Each run's estimate with the limits of its resamples (resamples, runs), where it has two canaries or more."""
    intervals = []
    for at, estimate in enumerate(map(float, estimates)):
        low = high = math.nan
        if math.isfinite(estimate) and canaries[at] > 1:
            tail = expanded_tail(int(canaries[at]))
            low, high = np.nanquantile(drawn[:, at], [tail, 1 - tail])
            low, high = float(min(low, estimate)), float(max(high, estimate))
        intervals.append(Interval(estimate, low, high))
    return intervals
