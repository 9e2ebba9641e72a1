"""From duels to standings: win rates, Bradley-Terry scores with intervals, and how much order decided.

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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from judges.pairwise import Outcome
from results.statistics import Interval, expanded_tail, rate_interval, resampled_means

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_PRIOR = 0.5
"""Wins that each of two runs that met is given against the other: one tie."""
_LONGEST_STEP = 2.0
_STEPS = 60
_CLOSE = 1e-9


@dataclass(frozen=True)
class Standing:
    """One run among the others.

    Attributes:
        run: Its name.
        score: Bradley-Terry log-odds against the reference; NaN where no chain of duels leads there.
        win_rate: Against the reference alone, ties as half, in [0, 1]; NaN for the reference itself.
        canaries: On which it met the reference; for the reference, any run.
        wins: Duels won against the reference.
        losses: Duels lost against it.
        ties: Duels that were ties.
    """

    run: str
    score: Interval
    win_rate: Interval
    canaries: int
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class OrderEffect:
    """How much the order of the two texts decided.

    Attributes:
        settled: Duels with a reply to both orders.
        flips: Share of them whose two orders disagreed, with its Wilson interval.
        chose_first_shown: Share, of the replies that named a text, that named the one shown first; 0.5
            without a bias. No interval: the two replies of a duel are not independent.
        unsettled: Duels without an outcome.
    """

    settled: int
    flips: Interval
    chose_first_shown: float
    unsettled: int


def standings(outcomes: Sequence[Outcome], runs: Sequence[str], reference: str) -> tuple[Standing, ...]:
    """Where each run stands.

    Args:
        outcomes: Of one dimension; those without a winner don't count.
        runs: All that were compared, ``reference`` among them.
        reference: The run that scores 0 and that win rates are against.

    Returns:
        One a run, in the order of ``runs``.
    """
    points, met = _by_canary(outcomes, runs)
    zero = list(runs).index(reference)
    nothing = Interval(math.nan, math.nan, math.nan)
    scores = rates = [nothing] * len(runs)
    seen: Flags = np.any(met, axis=0)
    if len(points):
        won, drawn = points.sum(axis=0, keepdims=True), _drawn(points, seen)
        met_any, met_zero = met.any(axis=2).sum(axis=0), met[:, :, zero].sum(axis=0)
        scores = _limits(_scores(won, seen, zero)[0], _scores(drawn, seen, zero), met_any)
        rates = _limits(_rates(won, zero)[0], _rates(drawn, zero), met_zero)
    linked = connected_components(seen, directed=False)[1]
    found = []
    for at, run in enumerate(runs):
        itself = at == zero
        against = met[:, at].any(axis=1).sum() if itself else met[:, at, zero].sum()
        counts = _against(outcomes, run, reference)
        score = Interval(0.0, 0.0, 0.0) if itself else scores[at] if linked[at] == linked[zero] else nothing
        found.append(Standing(run, score, nothing if itself else rates[at], int(against), *counts))
    return tuple(found)


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
    """Points of row over column, averaged over a canary's epochs, and who met whom.

    Returns:
        Two of shape (canaries, runs, runs): shares in [0, 1], and whether there is one.
    """
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


def _against(outcomes: Sequence[Outcome], run: str, other: str) -> tuple[int, int, int]:
    """Duels won, lost and tied by ``run`` against ``other``."""
    told = [
        o.winner if o.winner == "tie" else o.duel.first if o.winner == "first" else o.duel.second
        for o in outcomes
        if o.winner is not None and {o.duel.first, o.duel.second} == {run, other}
    ]
    return told.count(run), told.count(other) if other != run else 0, told.count("tie")


def _drawn(points: Array, seen: Flags) -> Array:
    """Points of row over column in each resample of the canaries, shape (resamples, runs, runs)."""
    runs = points.shape[1]
    pairs = np.argwhere(seen)
    added = np.zeros((len(pairs), runs, runs))
    added[np.arange(len(pairs)), pairs[:, 0], pairs[:, 1]] = 1.0
    rows = np.concatenate([points, added]).reshape(-1, runs * runs)
    return (resampled_means(rows) * len(rows)).reshape(-1, runs, runs)


def _scores(won: Array, seen: Flags, zero: int) -> Array:
    """Maximum-likelihood log-odds by Newton's method, for many tables of points at once.

    Args:
        won: Points of row over column, shape (tables, runs, runs).
        seen: Who met whom, shape (runs, runs).
        zero: The run that scores 0.

    Returns:
        Shape (tables, runs). Runs without a chain of duels to ``zero`` stay at 0.
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
    """Each run's estimate with the limits of its resamples, over the canaries that it has itself.

    Args:
        estimates: Shape (runs,).
        drawn: Shape (resamples, runs).
        canaries: On which each run met another, shape (runs,); fewer than two give no limits.
    """
    found = []
    for at, estimate in enumerate(map(float, estimates)):
        if not (math.isfinite(estimate) and canaries[at] > 1):
            found.append(Interval(estimate, math.nan, math.nan))
            continue
        tail = expanded_tail(int(canaries[at]))
        low, high = np.nanquantile(drawn[:, at], [tail, 1 - tail])
        found.append(Interval(estimate, float(min(low, estimate)), float(max(high, estimate))))
    return found
