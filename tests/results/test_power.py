"""``timbre power``: the numbers it names give the power that they claim, and it says what it lacks."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from results.licences import Basis
from results.policy import load_policy
from results.power import power
from results.statistics import canaries_to_block, fault_canaries_to_block, margin_p, mcnemar

Simulate = Callable[..., pd.DataFrame]
POLICY = load_policy()


@pytest.mark.parametrize("among", [1, 4])
def test_a_loss_of_twice_the_margin_is_blocked_four_times_in_five_at_the_number_named(among: int) -> None:
    """Under Holm's first step, the strictest there is."""
    spread, margin, tables = 0.2, 0.1, 400
    n = canaries_to_block(spread, margin, among)
    lost = np.random.default_rng(among).normal(-2 * margin, spread, (n, tables))
    blocked = sum(margin_p(column, margin) <= 0.025 / among for column in lost.T)
    assert blocked >= 0.76 * tables  # two standard errors of 400 tables below .8


def test_the_number_for_a_fault_gives_the_power_it_claims() -> None:
    n = fault_canaries_to_block(0.2, 0.025)
    worse = np.random.default_rng(1).binomial(n, 0.2, 4000)
    assert np.mean([mcnemar(int(w), 0) <= 0.025 for w in worse]) >= 0.78


def test_the_spread_is_that_of_paired_differences_pooled_over_runs(simulate: Simulate) -> None:
    rng = np.random.default_rng(2)
    base = rng.random((50, 1))
    steps = [rng.normal(0.1, 0.1, (50, 1)), rng.normal(-0.2, 0.3, (50, 1))]
    table = simulate(
        {"a": {"compression": base}} | {f"b{i}": {"compression": base + s} for i, s in enumerate(steps)}
    )
    found = power(table, ["a", "b0", "b1"], POLICY)[0]
    assert found.n == 100
    assert found.spread == pytest.approx(np.sqrt(np.mean([s.var(ddof=1) for s in steps])))


def test_a_wider_spread_takes_more_canaries(simulate: Simulate) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, (30, 1))
    counts = [
        power(
            simulate({"a": {"compression": 0.5 + 0 * noise}, "b": {"compression": 0.5 + s * noise}}),
            ["a", "b"],
            POLICY,
        )[0]
        for s in (0.1, 0.2)
    ]
    assert counts[0].to_pass is not None and counts[1].to_pass is not None
    assert counts[0].to_pass < counts[1].to_pass


def test_dimensions_that_can_not_block_take_no_part_in_the_correction(simulate: Simulate) -> None:
    rng = np.random.default_rng(4)
    arms = {
        run: {key: rng.random((40, 1)) for key in ("compression", "humor", "provocativeness")}
        for run in ("a", "b")
    }
    alone = power(
        simulate({run: {"compression": arms[run]["compression"]} for run in arms}), ["a", "b"], POLICY
    )
    among = power(simulate(arms), ["a", "b"], POLICY)
    assert [d.may_block for d in among] == [True, False, False]
    assert among[0].to_block == alone[0].to_block
    given = power(simulate(arms), ["a", "b"], POLICY, Basis(licences=None))
    assert given[0].to_block is not None and alone[0].to_block is not None
    assert given[0].to_block > alone[0].to_block


@pytest.mark.parametrize(("before", "after"), [([3], []), ([], [3]), ([3], [4]), ([3], [3]), ([], [])])
def test_a_hard_dimension_has_a_number_to_pass_only_while_no_canary_differs(
    simulate: Simulate, before: list[int], after: list[int]
) -> None:
    arms = {run: {"integrity": np.zeros((40, 2))} for run in ("a", "b")}
    arms["a"]["integrity"][before, 0] = arms["b"]["integrity"][after, 1] = 1
    found = power(simulate(arms), ["a", "b"], POLICY)[0]
    assert found.to_block is not None
    assert (found.to_pass, found.why == "") == ((99, True) if before == after else (None, False))


@pytest.mark.parametrize("takes", [1, 2])
def test_the_number_that_blocks_a_fault_allows_for_both_tests_of_several_takes(
    simulate: Simulate, takes: int
) -> None:
    arms = {run: {"integrity": np.zeros((40, takes))} for run in ("a", "b")}
    found = power(simulate(arms), ["a", "b"], POLICY)[0].to_block
    assert found == fault_canaries_to_block(2 * 0.03, POLICY.hard_alpha / takes)


@pytest.fixture
def noisy(simulate: Simulate) -> pd.DataFrame:
    """Twenty canaries of a run and of one that differs little."""
    rng = np.random.default_rng(6)
    scores = 0.5 + rng.normal(0, 0.02, (20, 1))
    return simulate(
        {"a": {"compression": scores}, "b": {"compression": scores + rng.normal(0, 0.01, (20, 1))}}
    )


def test_a_missing_answer_is_the_worst_one_as_it_is_for_the_gate(noisy: pd.DataFrame) -> None:
    lost = (noisy["run"] == "b") & (noisy["canary"] == "c0003")
    lacks = noisy.assign(value=noisy["value"].mask(lost))
    whole, lacking = (power(rows, ["a", "b"], POLICY)[0] for rows in (noisy, lacks))
    assert whole.n == lacking.n == 20
    assert lacking.spread > 5 * whole.spread


def test_a_canary_that_one_run_was_never_asked_is_left_out(noisy: pd.DataFrame) -> None:
    asked = noisy[(noisy["run"] == "a") | (noisy["canary"] < "c0010")]
    part = power(asked, ["a", "b"], POLICY)[0]
    assert (part.n, part.spread) == (10, pytest.approx(0.01, rel=0.6))
    apart = power(asked[(asked["run"] == "b") | (asked["canary"] >= "c0010")], ["a", "b"], POLICY)[0]
    assert apart.n == 0 and apart.to_pass is None
