"""Standings against known solutions, and how often their intervals hold the truth."""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest
from scipy.optimize import minimize

from judges.pairwise import Duel, Outcome
from results.duels import order_effect, standings, tabulate

Winner = Literal["first", "second", "tie"]


def duel(canary: int, first: str, second: str, winner: Winner | None, epoch: int = 1) -> Outcome:
    reason = None if winner else "grader reply not understood"
    return Outcome(Duel(f"c{canary:03d}", epoch, first, second, "p", "x", "y"), winner, unsettled=reason)


def won(first: str, second: str, wins: int, losses: int, ties: int = 0) -> list[Outcome]:
    """So many duels, each on a canary of its own."""
    told: list[Winner] = ["first"] * wins + ["second"] * losses + ["tie"] * ties
    return [duel(at, first, second, winner) for at, winner in enumerate(told)]


def simulate(
    rng: np.random.Generator, scores: Mapping[str, float], canaries: int, copies: int = 1
) -> list[Outcome]:
    """Duels drawn from the model; epochs of a canary repeat each other."""
    runs, found = list(scores), []
    for canary in range(canaries):
        for at, first in enumerate(runs):
            for second in runs[at + 1 :]:
                chance = 1 / (1 + math.exp(scores[second] - scores[first]))
                winner: Winner = "first" if rng.random() < chance else "second"
                found += [duel(canary, first, second, winner, epoch) for epoch in range(1, copies + 1)]
    return found


def test_two_runs_score_the_log_odds_with_half_a_win_added_to_each() -> None:
    _, other = standings(won("b", "a", 14, 5, 3), ["a", "b"], "a")
    assert other.score.estimate == pytest.approx(math.log((14 + 1.5 + 0.5) / (5 + 1.5 + 0.5)))
    assert other.win_rate.estimate == pytest.approx((14 + 1.5) / 22)
    assert (other.wins, other.losses, other.ties, other.canaries) == (14, 5, 3, 22)


def test_four_runs_score_as_a_general_optimiser_says() -> None:
    rng = np.random.default_rng(3)
    truth = {"a": 0.0, "b": 0.7, "c": -0.4, "d": 1.6}
    outcomes = simulate(rng, truth, 40)
    runs = list(truth)
    wins = np.full((4, 4), 0.5) - 0.5 * np.eye(4)
    for o in outcomes:
        i, j = runs.index(o.duel.first), runs.index(o.duel.second)
        wins[(i, j) if o.winner == "first" else (j, i)] += 1

    def loss(free: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
        s = np.concatenate([[0.0], free])
        return float((wins * np.log1p(np.exp(s[None, :] - s[:, None]))).sum())

    expected = minimize(loss, np.zeros(3), tol=1e-12).x
    found = [s.score.estimate for s in standings(outcomes, runs, "a")]
    assert found == pytest.approx([0.0, *expected], abs=1e-4)


def test_the_reference_scores_zero_and_another_reference_moves_all_alike() -> None:
    outcomes = simulate(np.random.default_rng(4), {"a": 0.0, "b": 1.0, "c": -1.0}, 30)
    by_a = [s.score.estimate for s in standings(outcomes, ["a", "b", "c"], "a")]
    by_c = [s.score.estimate for s in standings(outcomes, ["a", "b", "c"], "c")]
    assert by_c[2] == 0.0
    assert np.subtract(by_a, by_c) == pytest.approx([by_a[2]] * 3)


def test_a_clean_sweep_is_finite_and_not_certain() -> None:
    _, other = standings(won("b", "a", 12, 0), ["a", "b"], "a")
    assert other.win_rate.estimate == 1.0 and 0.6 < other.win_rate.low < 0.95
    assert 0 < other.score.low < other.score.estimate <= other.score.high < math.inf


def test_a_run_that_was_never_compared_has_no_score() -> None:
    found = standings([*won("b", "a", 5, 5), duel(1, "c", "a", None)], ["a", "b", "c"], "a")
    assert math.isnan(found[2].score.estimate) and math.isnan(found[2].win_rate.estimate)
    assert not math.isnan(found[1].score.low)


def test_a_run_that_met_the_reference_only_through_another_has_a_score_and_no_win_rate() -> None:
    found = standings(won("b", "a", 8, 4) + won("c", "b", 8, 4), ["a", "b", "c"], "a")
    assert found[2].score.estimate == pytest.approx(2 * found[1].score.estimate)
    assert math.isnan(found[2].win_rate.estimate)


def test_nothing_settled_gives_no_figure() -> None:
    found = standings([duel(1, "a", "b", None)], ["a", "b"], "a")
    assert math.isnan(found[1].score.estimate) and found[1].canaries == 0


def test_one_canary_gives_no_interval() -> None:
    _, other = standings([duel(1, "b", "a", "first")], ["a", "b"], "a")
    assert other.win_rate.estimate == 1.0 and math.isnan(other.win_rate.low)


def test_a_second_epoch_that_repeats_the_first_adds_no_certainty() -> None:
    once = standings(simulate(np.random.default_rng(5), {"a": 0, "b": 1}, 30), ["a", "b"], "a")
    twice = standings(simulate(np.random.default_rng(5), {"a": 0, "b": 1}, 30, copies=2), ["a", "b"], "a")
    assert (once[1].score, once[1].win_rate) == (twice[1].score, twice[1].win_rate)


@pytest.mark.parametrize("canaries", [12, 60])
def test_intervals_hold_the_truth_about_as_often_as_they_claim(canaries: int) -> None:
    rng = np.random.default_rng(canaries)
    truth = {"a": 0.0, "b": 0.8, "c": -0.4}
    tables, scores, rates = 120, 0, 0
    for _ in range(tables):
        found = standings(simulate(rng, truth, canaries, copies=2), list(truth), "a")[1]
        scores += found.score.low <= 0.8 <= found.score.high
        rates += found.win_rate.low <= 1 / (1 + math.exp(-0.8)) <= found.win_rate.high
    # Three standard errors of 120 tables around 95 %; without clustering, 60 canaries give about 83 %.
    assert min(scores, rates) / tables >= 0.89


def test_the_order_effect_counts_flips_and_the_place_that_was_chosen() -> None:
    d = duel(1, "a", "b", "tie").duel
    outcomes = [Outcome(d, "tie", True, 2, 0)] * 3 + [
        Outcome(d, "first", False, 1, 1),
        duel(2, "a", "b", None),
    ]
    found = order_effect(outcomes)
    assert (found.settled, found.unsettled, found.flips.estimate) == (4, 1, 0.75)
    assert found.chose_first_shown == 7 / 8


def test_a_table_quotes_winners_once_a_canary() -> None:
    one, two = duel(1, "a", "b", "first").duel, duel(2, "a", "b", "first").duel
    outcomes = [Outcome(o, "second", False, 1, 1, (q,)) for o, q in ((one, "x"), (one, "y"), (two, "z"))]
    assert tabulate("humor", "j", outcomes, ["a", "b"], "a").quotes == {"a": (), "b": ("x", "z")}
