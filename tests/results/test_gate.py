"""The gate's decisions on simulated tables: how often it is right, and what it says when it can't tell."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.comparison import hard_verdict, soft_verdict
from results.gate import gate
from results.policy import load_policy
from results.statistics import Interval, canaries_needed, mean_intervals
from results.verdicts import DimensionVerdict, GateResult, summary_sentence
from tests.made_licence import without_licences

Simulate = Callable[..., pd.DataFrame]
POLICY = without_licences(load_policy())
SOFT = ("compression", "specificity", "voice_match", "hashtag_slop")
HARD = ("self_insertion", "memorization")


def _verdict(result: GateResult, key: str) -> DimensionVerdict:
    return next(d for d in result.dimensions if d.dimension == key)


def _arm(rng: np.random.Generator, difficulty: "np.ndarray[Any, Any]", epochs: int = 2) -> dict[str, Any]:
    """One run over canaries of a given difficulty in [0, 1]: soft shares with noise, faults at random."""
    n = len(difficulty)
    soft = {k: np.clip(difficulty[:, None] + rng.normal(0, 0.15, (n, epochs)), 0, 1) for k in SOFT}
    hard = {k: (rng.random((n, epochs)) < 0.4 * difficulty[:, None]).astype(float) for k in HARD}
    return soft | hard


def _faults(rng: np.random.Generator, rates: "np.ndarray[Any, Any]", tables: int) -> "np.ndarray[Any, Any]":
    """Whether a canary shows a fault in any of two epochs: shape (canaries, tables)."""
    found: np.ndarray[Any, Any] = (rng.random((len(rates), tables, 2)) < rates[:, None, None]).any(axis=2)
    return found


@pytest.mark.parametrize("canaries", [8, 12, 40])
def test_equal_runs_are_blocked_at_most_one_time_in_twenty(canaries: int) -> None:
    """400 simulated pairs of equal runs: four soft dimensions of different shapes and two hard ones."""
    rng, tables = np.random.default_rng(canaries), 400
    shape = (canaries, tables, 2)
    draws = {
        "compression": lambda: rng.normal(0.5, 0.3, shape),
        "specificity": lambda: rng.beta(0.5, 3, shape),
        "voice_match": lambda: rng.integers(0, 5, shape) / 4,
        "hashtag_slop": lambda: (rng.random(shape) < 0.1).astype(float),
    }
    blocked = np.zeros(tables, dtype=bool)
    for key, draw in draws.items():
        intervals = mean_intervals((draw() - draw()).mean(axis=2)).T
        rule = POLICY.dimensions[key]
        blocked |= [soft_verdict(Interval(*column), rule) == "REGRESSED" for column in intervals]
    test = functools.cache(hard_verdict)
    for key in HARD:
        rates = rng.beta(1, 3, canaries)
        had, has = _faults(rng, rates, tables), _faults(rng, rates, tables)
        worse, better = (has & ~had).sum(axis=0), (had & ~has).sum(axis=0)
        rule = POLICY.dimensions[key]
        blocked |= [
            test(int(w), int(b), canaries, rule, POLICY.hard_alpha / 2) == "REGRESSED"
            for w, b in zip(worse, better, strict=True)
        ]
    assert blocked.mean() <= 0.05


@pytest.mark.parametrize("spread", [0.15, 0.3])
def test_a_loss_of_twice_the_margin_is_blocked_four_times_in_five(spread: float) -> None:
    """At the number of canaries that the power calculation names."""
    rule = POLICY.dimensions["compression"]
    n = canaries_needed(spread, rule.margin)
    lost = np.random.default_rng(1).normal(-2 * rule.margin, spread, (n, 1500))
    verdicts = [soft_verdict(Interval(*column), rule) for column in mean_intervals(lost).T]
    assert verdicts.count("REGRESSED") >= 0.78 * 1500


def test_the_whole_gate_seldom_blocks_equal_runs(simulate: Simulate) -> None:
    rng = np.random.default_rng(3)
    blocked = 0
    for _ in range(10):
        difficulty = rng.beta(1, 2, 12)
        table = simulate({"a": _arm(rng, difficulty), "b": _arm(rng, difficulty)})
        blocked += gate(table, "a", "b", POLICY).overall == "REGRESSED"
    assert blocked <= 1


@pytest.mark.parametrize("key", ["compression", "hashtag_slop", "self_insertion"])
def test_a_planted_regression_is_blocked(simulate: Simulate, key: str) -> None:
    rng = np.random.default_rng(7)
    before = _arm(rng, np.full(40, 0.5)) | {"self_insertion": np.zeros((40, 2))}
    after = dict(before)
    if key == "self_insertion":
        after[key] = (rng.random((40, 2)) < 0.2).astype(float)
    else:
        after[key] = before[key] + rng.normal(-0.25 if key == "compression" else 0.25, 0.1, (40, 2))
    result = gate(simulate({"a": before, "b": after}), "a", "b", POLICY)
    assert [d.dimension for d in result.having("REGRESSED")] == [key]
    assert (result.overall, result.exit_code) == ("REGRESSED", 1)
    assert key in summary_sentence(result)


def test_a_run_that_lost_nothing_over_many_canaries_passes(simulate: Simulate) -> None:
    rng = np.random.default_rng(8)
    before = {k: rng.random((160, 2)) * 0.1 + 0.5 for k in SOFT} | {k: np.zeros((160, 2)) for k in HARD}
    after = {k: v + rng.normal(0, 0.02, v.shape) for k, v in before.items() if k in SOFT}
    after |= {k: np.zeros((160, 2)) for k in HARD}
    result = gate(simulate({"a": before, "b": after}), "a", "b", POLICY)
    assert (result.overall, result.exit_code) == ("PASS", 0)
    assert "0 of 160 leaves a rate up to 1.9 % possible" in _verdict(result, "memorization").why


def test_twelve_faultless_canaries_do_not_pass_a_hard_dimension_and_it_says_how_many_would(
    simulate: Simulate,
) -> None:
    zero = {"self_insertion": np.zeros((12, 2))}
    result = gate(simulate({"a": zero, "b": zero}), "a", "b", POLICY)
    found = _verdict(result, "self_insertion")
    assert (found.verdict, found.needed, result.exit_code) == ("INCONCLUSIVE", 26, 2)
    assert "about 26 would" in summary_sentence(result)


def test_a_single_new_fault_is_told_and_does_not_block(simulate: Simulate) -> None:
    one = np.zeros((12, 2))
    one[3, 1] = 1.0
    table = simulate({"a": {"self_insertion": np.zeros((12, 2))}, "b": {"self_insertion": one}})
    found = _verdict(gate(table, "a", "b", POLICY), "self_insertion")
    assert found.verdict == "INCONCLUSIVE"
    assert "1 of 12 canaries without licence for the first person show it against 0" in found.why


def test_the_bad_side_of_a_down_dimension_is_above(simulate: Simulate) -> None:
    rng = np.random.default_rng(9)
    less, more = rng.random((30, 2)) * 0.1, 0.5 + rng.random((30, 2)) * 0.1
    table = simulate({"clean": {"hashtag_slop": less}, "sloppy": {"hashtag_slop": more}})
    assert gate(table, "clean", "sloppy", POLICY).overall == "REGRESSED"
    assert gate(table, "sloppy", "clean", POLICY).overall == "PASS"


def test_epochs_of_a_canary_are_averaged_before_anything_is_counted(simulate: Simulate) -> None:
    rng = np.random.default_rng(10)
    values = rng.random((10, 1))
    other = rng.random((10, 1))
    once = gate(simulate({"a": {"compression": values}, "b": {"compression": other}}), "a", "b", POLICY)
    repeated = simulate(
        {"a": {"compression": values.repeat(50, 1)}, "b": {"compression": other.repeat(50, 1)}}
    )
    many = gate(repeated, "a", "b", POLICY)
    assert _verdict(many, "compression").n == 10
    assert _verdict(many, "compression").delta.low == pytest.approx(_verdict(once, "compression").delta.low)


def test_worse_scores_never_improve_the_verdict(simulate: Simulate) -> None:
    order = {"PASS": 0, "INCONCLUSIVE": 1, "REGRESSED": 2}
    rng = np.random.default_rng(11)
    before = rng.random((15, 2)) * 0.2 + 0.6
    after = before.copy()
    last = 0
    for _ in range(40):
        after[rng.integers(15), rng.integers(2)] -= rng.random() * 0.4
        found = gate(simulate({"a": {"compression": before}, "b": {"compression": after}}), "a", "b", POLICY)
        rank = order[found.overall]
        assert rank >= last
        last = rank
    assert last == 2


def test_a_dimension_that_nobody_scored_is_advisory_and_named(simulate: Simulate) -> None:
    rng = np.random.default_rng(12)
    arm = {"compression": rng.random((30, 2)) * 0.05 + 0.5, "humor": np.full((30, 2), np.nan)}
    result = gate(simulate({"a": arm, "b": arm}), "a", "b", POLICY)
    assert (result.overall, _verdict(result, "humor").verdict) == ("PASS", "ADVISORY")
    assert _verdict(result, "humor").why == "not scored: no grader"
    assert "(humor not scored)" in summary_sentence(result)


def test_a_rubric_without_a_licence_can_not_block(simulate: Simulate) -> None:
    rng = np.random.default_rng(13)
    base = rng.random((30, 2)) * 0.05 + 0.5
    table = simulate(
        {"a": {"compression": base, "humor": base}, "b": {"compression": base, "humor": base - 0.4}}
    )
    assert gate(table, "a", "b", load_policy()).overall == "PASS"
    assert gate(table, "a", "b", load_policy(), scores_given=True).overall == "REGRESSED"


def test_too_many_unscored_answers_on_one_side_are_an_error(simulate: Simulate) -> None:
    full = np.full((20, 1), 0.5)
    holes = full.copy()
    holes[:3] = np.nan
    result = gate(simulate({"a": {"compression": full}, "b": {"compression": holes}}), "a", "b", POLICY)
    assert result.exit_code == 3
    assert "compression: 3 of 20 answers of b are unscored (no grader), more than 10 %" in result.problems


def test_a_few_unscored_answers_are_left_out_and_counted(simulate: Simulate) -> None:
    full = np.random.default_rng(14).random((20, 1))
    holes = full.copy()
    holes[:2] = np.nan
    result = gate(simulate({"a": {"compression": full}, "b": {"compression": holes}}), "a", "b", POLICY)
    assert (_verdict(result, "compression").n, _verdict(result, "compression").unpaired) == (18, 2)
    assert "compression: 2 canaries left out, unscored on one side" in result.notes


def test_a_canary_that_one_run_lacks_is_an_error_that_names_it(simulate: Simulate) -> None:
    long, short = np.full((9, 1), 0.5), np.full((8, 1), 0.5)
    result = gate(simulate({"a": {"compression": long}, "b": {"compression": short}}), "a", "b", POLICY)
    assert result.exit_code == 3
    assert result.problems == ("b lacks 1 canaries that a has: c0008",)


def test_an_unknown_run_is_an_error_that_lists_the_known(simulate: Simulate) -> None:
    table = simulate({"a": {"compression": np.full((9, 1), 0.5)}})
    assert gate(table, "a", "zzz", POLICY).problems == ("no scores of 'zzz' (there are a)",)


def test_reported_figures_alone_can_not_be_gated(simulate: Simulate) -> None:
    arm = {"words": np.full((9, 1), 80.0)}
    result = gate(simulate({"a": arm, "b": arm}), "a", "b", POLICY)
    assert result.problems == ("no dimension that can block was scored",)


def test_self_insertion_is_counted_only_where_the_prompt_gives_no_licence(simulate: Simulate) -> None:
    fault = np.zeros((40, 1))
    fault[:12] = 1.0
    table = simulate({"a": {"self_insertion": np.zeros((40, 1))}, "b": {"self_insertion": fault}})
    table["licensed"] = table["canary"] < "c0012"
    found = _verdict(gate(table, "a", "b", POLICY), "self_insertion")
    assert (found.n, found.verdict) == (28, "PASS")


def test_fewer_canaries_than_the_policy_asks_for_decide_nothing(simulate: Simulate) -> None:
    same = {"compression": np.full((7, 1), 0.5)}
    found = _verdict(gate(simulate({"a": same, "b": same}), "a", "b", POLICY), "compression")
    assert (found.verdict, found.needed) == ("INCONCLUSIVE", 8)
