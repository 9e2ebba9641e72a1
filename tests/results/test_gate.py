"""The gate's decisions on simulated tables: both risks, and what it says when it can't tell."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.gate import LOSSES, RISES, Rise, blocks, five_recite, lost, risen
from results.comparison import DimensionVerdict, apply_holm, hard_verdict, soft_verdict
from results.gate import gate, gate_logs, gate_scores
from results.licences import Basis
from results.logs import read_logs
from results.paired import Pair
from results.policy import Policy, load_policy
from results.statistics import (
    canaries_needed,
    canaries_that_can_block,
    mcnemar,
    mean_interval,
    safe_low,
)
from results.table import read_scores
from results.verdicts import GateResult, _from_where_they_differ, next_step, summary_sentence
from tests.made_licence import without_licences

Simulate = Callable[..., pd.DataFrame]
WriteLog = Callable[..., Path]
Array = np.ndarray[Any, Any]

SHIPPED = without_licences(load_policy())
SOFT = ("relevance", "compression", "specificity", "voice_match", "hashtag_slop")
HARD = ("integrity", "self_insertion", "memorization")
ALPHA = SHIPPED.hard_alpha / 3


def _only(*keys: str, **changes: Any) -> Policy:
    """The shipped policy, of these dimensions alone."""
    return SHIPPED.model_copy(update={"dimensions": {k: SHIPPED.dimensions[k] for k in keys}, **changes})


POLICY = _only(*SOFT, *HARD)
SMALL = _only("compression", min_canaries=8)


def _verdict(result: GateResult, key: str) -> DimensionVerdict:
    return next(d for d in result.dimensions if d.dimension == key)


def _arm(rng: np.random.Generator, n: int, level: float = 0.5, spread: float = 0.05) -> dict[str, Array]:
    """One run over n canaries of two takes: soft shares around a level, no faults."""
    soft = {k: np.clip(level + rng.normal(0, spread, (n, 2)), 0, 1) for k in SOFT}
    return soft | {k: np.zeros((n, 2)) for k in HARD}


# What a non-inferiority gate is for: a true loss of one margin seldom passes.


@pytest.mark.parametrize("n", [8, 12, 20, 30, 60, 169])
@pytest.mark.parametrize("shape", LOSSES)
def test_a_true_loss_of_one_margin_passes_at_most_one_time_in_twenty(shape: str, n: int) -> None:
    """benchmarks/gate.py has the figures; 120 tables here, and 11 passes are two standard errors above 5 %."""
    rng, passes = np.random.default_rng(n), 0
    for _ in range(120):
        gains = LOSSES[shape](rng, n, 0.1)
        passes += soft_verdict(mean_interval(gains), safe_low(gains, 1.0), 0.1, 0.1) == "PASS"
    assert passes <= 11


@pytest.mark.parametrize("spread", [0.05, 0.2])
def test_a_run_that_lost_nothing_passes_four_times_in_five_at_the_number_named(spread: float) -> None:
    n = canaries_needed(spread, 0.1)
    columns = np.random.default_rng(1).normal(0, spread, (200, n))
    passes = [soft_verdict(mean_interval(c), safe_low(c, 1.0), 0.1, 0.1) == "PASS" for c in columns]
    assert np.mean(passes) >= 0.75


@pytest.mark.parametrize("n", [12, 40])
def test_equal_runs_are_blocked_at_most_one_time_in_twenty(n: int) -> None:
    rng, tables = np.random.default_rng(n), 400
    shape = (n, tables, 2)
    draws = {
        "compression": lambda: rng.normal(0.5, 0.3, shape),
        "specificity": lambda: rng.beta(0.5, 3, shape),
        "voice_match": lambda: rng.integers(0, 5, shape) / 4,
        "hashtag_slop": lambda: (rng.random(shape) < 0.1).astype(float),
    }
    blocked = np.zeros(tables, dtype=bool)
    for draw in draws.values():
        gains = map(mean_interval, (draw() - draw()).mean(axis=2).T)
        blocked |= [soft_verdict(gain, gain.low, 0.1, 0.1) == "REGRESSED" for gain in gains]
    for _ in HARD:
        rates = rng.beta(1, 3, n)[:, None, None]
        had, has = ((rng.random(shape) < rates).any(axis=2) for _ in range(2))
        blocked |= [
            hard_verdict(mcnemar(int(w), int(b)), ALPHA, int(w), n, 0.03) == "REGRESSED"
            for w, b in zip((has & ~had).sum(axis=0), (had & ~has).sum(axis=0), strict=True)
        ]
    assert blocked.mean() <= 0.05


@pytest.mark.parametrize("among", range(1, 12))
def test_a_total_collapse_blocks_at_the_fewest_canaries_that_may_decide(among: int) -> None:
    n = canaries_that_can_block(among)
    gains = np.full(n, -1.0)
    one = DimensionVerdict(
        *("compression", "REGRESSED", n, 0, *[mean_interval(gains)] * 3, 0.1, 0.1, False, False),
        *(float(_collapse_p(n)), None, None, ""),
    )
    others = [DimensionVerdict(**{**one.__dict__, "verdict": "PASS", "p": 1.0}) for _ in range(among - 1)]
    assert apply_holm([one, *others])[0].verdict == "REGRESSED"


def _collapse_p(n: int) -> float:
    from results.statistics import margin_p

    return margin_p(np.full(n, -1.0), 0.1)


@pytest.mark.parametrize(("of_takes", "of_canaries", "settled"), [(0.35, 0.0, True), (0.0, 0.35, False)])
def test_more_takes_are_advised_where_it_is_they_that_differ_and_then_a_sound_run_usually_passes(
    simulate: Simulate, of_takes: float, of_canaries: float, settled: bool
) -> None:
    rng, policy = np.random.default_rng(3), _only("compression")

    def arm(takes: int) -> dict[str, Array]:
        own = rng.normal(0, of_canaries, (12, 1))
        return {"compression": np.clip(0.5 + own + rng.normal(0, of_takes, (12, takes)), 0, 1)}

    advised, passes = [], []
    for _ in range(30):
        result = gate(simulate({"a": arm(2), "b": arm(2)}), "a", "b", policy, Basis(suite="smoke"))
        if takes := _verdict(result, "compression").takes_needed:
            advised.append(takes)
            assert f"-T suite=smoke --epochs {takes}" in str(next_step(result))
            more = gate(simulate({"a": arm(takes), "b": arm(takes)}), "a", "b", policy, Basis(suite="smoke"))
            passes.append(more.overall == "PASS")
    assert bool(advised) == settled
    assert not settled or (np.mean(passes) >= 0.7 and min(advised) > 2)


@pytest.mark.parametrize("key", ["compression", "hashtag_slop"])
def test_the_runs_that_measure_detection_stay_in_scale_and_lose_what_they_say(key: str) -> None:
    made = lost(np.random.default_rng(1), 400, 0.2, key)
    values = np.concatenate([own.ravel() for run in made.values() for own in run.values()])
    assert values.min() >= 0 and values.max() <= 1
    gains = (made["b"][key] - made["a"][key]).mean(axis=1) * (1 if key == "compression" else -1)
    margin = SHIPPED.dimensions[key].margin
    assert gains.mean() == pytest.approx(-2 * float(margin), abs=0.03)
    assert gains.std() == pytest.approx(0.2, rel=0.1)


def test_a_simulated_gate_that_can_not_compare_is_no_verdict_to_count() -> None:
    def beyond(rng: np.random.Generator) -> dict[str, dict[str, Array]]:
        made = lost(rng, 40, 0.2, "compression")
        return made | {"b": made["b"] | {"compression": made["b"]["compression"] - 0.5}}

    with pytest.raises(ValueError, match="outside"):
        blocks(np.random.default_rng(1), 1, beyond)


def test_an_advisory_dimension_names_nothing_that_would_settle_it(simulate: Simulate) -> None:
    before = np.repeat([[0.9, 0.9], [0.1, 0.1]], 6, axis=0)
    after = np.tile([0.0, 1.0], (12, 1))
    table, policy = simulate({"a": {"humor": before}, "b": {"humor": after}}), _only("humor")
    open_one = _verdict(gate(table, "a", "b", policy, Basis(licences=None, suite="smoke")), "humor")
    assert open_one.verdict == "INCONCLUSIVE" and open_one.needed and open_one.takes_needed
    basis = Basis(suite="smoke", advisory={"humor": "texts that it was not licensed on"})
    advisory = _verdict(gate(table, "a", "b", policy, basis), "humor")
    assert (advisory.verdict, advisory.needed, advisory.takes_needed) == ("ADVISORY", None, None)


# Hard dimensions fail on evidence.


def test_a_new_hard_fault_is_never_a_pass_however_many_canaries(simulate: Simulate) -> None:
    for new, gone in ((1, 0), (5, 0), (12, 5), (20, 11)):
        had, has = np.zeros((500, 1)), np.zeros((500, 1))
        has[:new] = 1.0
        had[100 : 100 + gone] = 1.0
        table = simulate({"a": {"memorization": had}, "b": {"memorization": has}})
        assert gate(table, "a", "b", _only("memorization")).overall != "PASS"


def test_faultless_canaries_pass_a_hard_dimension_from_the_number_named_on(simulate: Simulate) -> None:
    for n, verdict in ((98, "INCONCLUSIVE"), (99, "PASS")):
        zero = {"memorization": np.zeros((n, 2))}
        found = gate(simulate({"a": zero, "b": zero}), "a", "b", _only("memorization")).dimensions[0]
        assert (found.verdict, found.needed) == (verdict, 99 if n < 99 else None)


def test_faults_in_takes_that_the_baseline_lacks_block(simulate: Simulate) -> None:
    after = np.zeros((40, 3))
    after[:, 1:] = 1.0
    table = simulate({"a": {"memorization": np.zeros((40, 1))}, "b": {"memorization": after}})
    result = gate(table, "a", "b", _only("memorization"))
    assert result.overall == "REGRESSED" and "40 of 40 canaries show it against 0" in result.dimensions[0].why


def test_more_takes_of_the_same_run_are_no_regression(simulate: Simulate) -> None:
    """A run with three takes has three tries at a fault that every take has one time in ten."""
    rng, tables = np.random.default_rng(5), 60
    blocked = 0
    for _ in range(tables):
        before, after = (rng.random((40, 1)) < 0.1).astype(float), (rng.random((40, 3)) < 0.1).astype(float)
        rows = simulate({"a": {"memorization": before}, "b": {"memorization": after}})
        sides = (rows[rows["run"] == run] for run in ("a", "b"))
        blocked += Pair.of("memorization", _only("memorization"), *sides).faults_p <= 0.05
    assert blocked <= 6


def test_self_insertion_is_counted_only_where_the_prompt_gives_no_licence(simulate: Simulate) -> None:
    fault = np.zeros((140, 1))
    fault[:40] = 1.0
    table = simulate({"a": {"self_insertion": np.zeros((140, 1))}, "b": {"self_insertion": fault}})
    table["licensed"] = table["canary"] < "c0040"
    found = gate(table, "a", "b", _only("self_insertion")).dimensions[0]
    assert (found.n, found.verdict) == (100, "PASS")


# The whole gate.


@pytest.mark.parametrize("key", ["compression", "hashtag_slop", "self_insertion"])
def test_a_planted_regression_is_blocked_and_its_canaries_are_named(simulate: Simulate, key: str) -> None:
    rng = np.random.default_rng(7)
    before, after = _arm(rng, 40, spread=0.01), _arm(rng, 40, spread=0.01)
    worse = {"compression": -0.25, "hashtag_slop": 0.25, "self_insertion": 1.0}[key]
    after[key] = after[key] + worse * (np.arange(40) < (40 if key != "self_insertion" else 8))[:, None]
    result = gate(simulate({"a": before, "b": after}), "a", "b", POLICY)
    assert [d.dimension for d in result.having("REGRESSED")] == [key]
    assert (result.overall, result.exit_code) == ("REGRESSED", 1)
    assert key in summary_sentence(result)
    assert {flip.dimension for flip in result.flips} == {key}
    assert len(result.flips) >= 8 and result.flips[0].loss >= result.flips[-1].loss


def test_a_run_that_lost_nothing_over_many_canaries_passes(simulate: Simulate) -> None:
    rng = np.random.default_rng(8)
    result = gate(simulate({"a": _arm(rng, 169), "b": _arm(rng, 169)}), "a", "b", POLICY)
    assert (result.overall, result.exit_code) == ("PASS", 0)
    assert "0 new of 169 leaves a rate up to 1.8 % possible" in _verdict(result, "memorization").why
    assert "nothing below -0.1" in _verdict(result, "compression").why


def test_a_loss_twice_the_margin_is_no_pass(simulate: Simulate) -> None:
    """A rule that passed at twice the margin would pass this one."""
    rng = np.random.default_rng(9)
    before, after = _arm(rng, 169), _arm(rng, 169)
    after["compression"] = before["compression"] - 0.15
    assert _verdict(gate(simulate({"a": before, "b": after}), "a", "b", POLICY), "compression").verdict == (
        "REGRESSED"
    )
    after["compression"] = before["compression"] - 0.09
    found = _verdict(gate(simulate({"a": before, "b": after}), "a", "b", POLICY), "compression")
    assert found.verdict == "PASS"
    after["compression"] = before["compression"] - 0.098
    found = _verdict(gate(simulate({"a": before, "b": after}), "a", "b", POLICY), "compression")
    assert found.verdict == "INCONCLUSIVE"


def test_a_sound_run_can_pass_on_the_smoke_suite_and_the_sentence_names_what_that_rules_out(
    simulate: Simulate,
) -> None:
    rng = np.random.default_rng(10)
    table = simulate({"a": _arm(rng, 12), "b": _arm(rng, 12)})
    result = gate(table, "a", "b", POLICY, Basis(suite="smoke"))
    assert result.overall == "PASS"
    assert "only losses of more than 0.35 are ruled out" in summary_sentence(result)
    assert gate(table, "a", "b", POLICY, Basis(suite="full")).overall == "INCONCLUSIVE"


def test_a_suite_that_is_only_called_smoke_is_held_to_the_margins(simulate: Simulate) -> None:
    rng = np.random.default_rng(1)
    before, after = _arm(rng, 169), _arm(rng, 169, spread=0.1)
    after["compression"] -= 0.095
    result = gate(simulate({"a": before, "b": after}), "a", "b", POLICY, Basis(suite="smoke"))
    assert _verdict(result, "compression").rules_out == 0.1
    assert result.overall == "INCONCLUSIVE"


@pytest.mark.parametrize(("lost", "spread", "verdict"), [(0.15, 0.3, "INCONCLUSIVE"), (0.11, 0.45, "PASS")])
def test_on_the_smoke_suite_a_mean_loss_beyond_the_margin_passes_only_while_no_loss_is_proven(
    simulate: Simulate, lost: float, spread: float, verdict: str
) -> None:
    before = _arm(np.random.default_rng(11), 12, spread=0)
    noise = np.linspace(-spread, spread, 12)[:, None]
    after = before | {"compression": before["compression"] - lost + noise}
    result = gate(simulate({"a": before, "b": after}), "a", "b", POLICY, Basis(suite="smoke"))
    found = _verdict(result, "compression")
    assert found.gain.estimate < -0.1
    assert (found.gain.high < 0) == (verdict == "INCONCLUSIVE")
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict", "why"),
    [
        (0, 7, "REGRESSED", "asked again, c0003 shows it in 7 of 16 takes against 0 of 16"),
        (0, 6, "INCONCLUSIVE", "in 6 of 16 takes against 0 of 16"),
        (0, 0, "INCONCLUSIVE", "in 0 of 16 takes against 0 of 16"),  # seen once: never a PASS
        (1, 1, "PASS", "in 1 of 16 takes against 1 of 16"),
        (1, 3, "PASS", "in 3 of 16 takes against 1 of 16"),
        (
            1,
            4,
            "INCONCLUSIVE",
            "against 1 of 16; the baseline shows it less often (p = 0.17 over all asked",
        ),
        (1, 9, "REGRESSED", "in 9 of 16 takes against 1 of 16"),
    ],
)
def test_further_takes_tell_a_new_fault_from_chance(
    simulate: Simulate, before: int, after: int, verdict: str, why: str
) -> None:
    rng = np.random.default_rng(10)
    first = {run: _arm(rng, 12) for run in ("a", "b")}
    first["b"]["self_insertion"][3, 1] = 1
    again = {run: {k: np.zeros((4, 16)) for k in HARD} for run in ("a", "b")}
    again["a"]["self_insertion"][3, :before] = 1
    again["b"]["self_insertion"][3, :after] = 1
    again["b"]["self_insertion"][1] = 1  # asked again, though its first takes showed nothing
    result = gate(simulate(first), "a", "b", POLICY, Basis(suite="smoke", retakes=simulate(again)))
    found = _verdict(result, "self_insertion")
    assert (found.verdict, result.overall) == (verdict, verdict)
    assert why in found.why and "c0001" not in found.why
    assert not result.to_ask_again


@pytest.mark.parametrize(("takes", "verdict"), [(1, "INCONCLUSIVE"), (200, "PASS")])
def test_a_fault_is_excused_only_where_the_run_was_asked_as_often_as_the_baseline(
    simulate: Simulate, takes: int, verdict: str
) -> None:
    first = {run: {"memorization": np.zeros((120, 2))} for run in ("a", "b")}
    first["b"]["memorization"][3, 0] = 1
    again = {run: {"memorization": np.zeros((4, of))} for run, of in (("a", 200), ("b", takes))}
    again["a"]["memorization"][3, 150] = 1
    rows = simulate(again)
    basis = Basis(retakes=rows[rows["canary"] == "c0003"])
    result = gate(simulate(first), "a", "b", _only("memorization"), basis)
    assert result.overall == verdict
    assert ("was asked more often" in result.dimensions[0].why) == (verdict != "PASS")


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("rise", [rise for rise in RISES if rise.before < rise.after])
def test_a_rise_on_many_canaries_that_none_proves_alone_seldom_passes_and_equal_runs_usually_do(
    rise: Rise, same: bool
) -> None:
    rng, tables = np.random.default_rng(2), 12
    if same:
        rise = rise._replace(after=rise.before)
    ends = [risen(rng, rise)[1].overall for _ in range(tables)]
    assert ends.count("PASS") >= 6 if same else ends.count("PASS") <= 1
    assert ends.count("REGRESSED") <= 1 if same else ends.count("REGRESSED") >= 8


def test_five_canaries_that_each_recite_a_little_more_often_are_blocked_together() -> None:
    first, last = five_recite()
    assert (first.overall, len(first.to_ask_again), last.overall) == ("INCONCLUSIVE", 5, "REGRESSED")


def test_a_new_fault_that_may_be_chance_is_to_be_asked_again(simulate: Simulate) -> None:
    rng = np.random.default_rng(10)
    first = {run: _arm(rng, 12) for run in ("a", "b")}
    first["b"]["integrity"][[3, 7], 0] = 1
    result = gate(simulate(first), "a", "b", POLICY, Basis(suite="smoke"))
    assert result.to_ask_again == ("c0003", "c0007")
    assert "-T suite=smoke --sample-id c0003,c0007 --epochs 34" in str(next_step(result))


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.8), (0.8, 0.7), (0.3, 0.2), (0.7, 0.6)])
def test_a_loss_equal_to_the_margin_gets_one_verdict_whatever_the_floats_say(
    simulate: Simulate, before: float, after: float
) -> None:
    table = simulate(
        {"a": {"compression": np.full((40, 1), before)}, "b": {"compression": np.full((40, 1), after)}}
    )
    result = gate(table, "a", "b", SMALL)
    assert result.overall == "INCONCLUSIVE"
    assert not any("no canary differs" in note for note in result.notes)


def test_gains_have_the_sign_that_makes_more_better(simulate: Simulate) -> None:
    rng = np.random.default_rng(9)
    less, more = rng.random((60, 2)) * 0.1, 0.5 + rng.random((60, 2)) * 0.1
    table = simulate({"clean": {"hashtag_slop": less}, "sloppy": {"hashtag_slop": more}})
    policy = _only("hashtag_slop")
    worse, better = gate(table, "clean", "sloppy", policy), gate(table, "sloppy", "clean", policy)
    assert (worse.overall, better.overall) == ("REGRESSED", "PASS")
    assert worse.dimensions[0].gain.estimate == pytest.approx(-0.5, abs=0.05)
    assert better.dimensions[0].gain.estimate == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("gained", "proven"), [(0.3, True), (0.0, False)])
def test_the_first_sentence_says_whether_the_gain_that_is_wanted_is_proven(
    simulate: Simulate, gained: float, proven: bool
) -> None:
    noise = np.random.default_rng(3).normal(0, 0.05, (60, 1))
    noise -= noise.mean()
    level = np.full((60, 1), 0.4)
    table = simulate({"a": {"voice_match": level}, "b": {"voice_match": level + gained + noise}})
    result = gate(table, "a", "b", _only("voice_match"))
    assert _verdict(result, "voice_match").gain_is_proven is proven
    assert f"{'a' if proven else 'no'} gain is proven" in summary_sentence(result)


def test_takes_of_a_canary_are_averaged_before_anything_is_counted(simulate: Simulate) -> None:
    rng = np.random.default_rng(10)
    values, other = rng.random((10, 1)), rng.random((10, 1))
    once = gate(simulate({"a": {"compression": values}, "b": {"compression": other}}), "a", "b", SMALL)
    repeated = simulate(
        {"a": {"compression": values.repeat(50, 1)}, "b": {"compression": other.repeat(50, 1)}}
    )
    many = gate(repeated, "a", "b", SMALL)
    assert _verdict(many, "compression").n == 10
    assert _verdict(many, "compression").gain.low == pytest.approx(_verdict(once, "compression").gain.low)


def test_worse_scores_never_improve_the_verdict(simulate: Simulate) -> None:
    order = {"PASS": 0, "INCONCLUSIVE": 1, "REGRESSED": 2}
    rng = np.random.default_rng(11)
    before = rng.random((40, 2)) * 0.1 + 0.6
    after, last = before.copy(), 0
    for _ in range(90):
        at = rng.integers(40), rng.integers(2)
        after[at] = max(0.0, after[at] - rng.random())
        table = simulate({"a": {"compression": before}, "b": {"compression": after}})
        rank = order[gate(table, "a", "b", SMALL).overall]
        assert rank >= last
        last = rank
    assert last == 2


def test_an_inconclusive_names_the_canaries_that_settle_it_and_the_least_loss_it_could_have_shown(
    simulate: Simulate,
) -> None:
    rng = np.random.default_rng(12)
    before = np.full((30, 1), 0.5)
    table = simulate(
        {"a": {"compression": before}, "b": {"compression": before + rng.normal(0, 0.25, (30, 1))}}
    )
    found = gate(table, "a", "b", SMALL).dimensions[0]
    assert found.verdict == "INCONCLUSIVE" and found.needed is not None and found.needed > 30
    assert found.detectable is not None and 0.15 < found.detectable < 0.3


def test_pass_rates_count_the_takes_of_each_canary(simulate: Simulate) -> None:
    before, after = np.full((12, 2), 0.5), np.full((12, 2), 0.5)
    after[3, 1] = 0.1
    rates = gate(
        simulate({"a": {"compression": before}, "b": {"compression": after}}), "a", "b", SMALL
    ).pass_rates
    assert {(r.canary, r.takes, r.passed) for r in rates if r.passed < r.takes} == {("c0003", 2, 1)}


# What is missing.


@pytest.mark.parametrize("key", ["humor", "memorization", "compression"])
def test_a_dimension_of_the_policy_that_nobody_scored_is_an_error_unless_optional(
    simulate: Simulate, key: str
) -> None:
    arm = _arm(np.random.default_rng(12), 169) | {"humor": np.full((169, 2), 0.5)}
    arm[key] = np.full((169, 2), np.nan)
    table = simulate({"a": arm, "b": arm})
    policy = _only(*SOFT, *HARD, "humor")
    result = gate(table, "a", "b", policy)
    assert result.exit_code == 3 and f"neither run is scored on {key} (no grader)" in result.problems[0]
    rule = policy.dimensions[key].model_copy(update={"optional": True})
    optional = policy.model_copy(update={"dimensions": {**policy.dimensions, key: rule}})
    passed = gate(table, "a", "b", optional)
    assert passed.overall == "PASS" and f"({key} not scored)" in summary_sentence(passed)


def test_a_dimension_that_the_table_lacks_altogether_is_an_error(simulate: Simulate) -> None:
    arm = {"compression": np.full((30, 1), 0.5)}
    result = gate(simulate({"a": arm, "b": arm}), "a", "b", POLICY)
    assert result.exit_code == 3 and "memorization (not in the table)" in result.problems[0]


def test_a_dimension_that_one_run_alone_was_scored_on_is_an_error(simulate: Simulate) -> None:
    arm = {"compression": np.full((30, 1), 0.5), "specificity": np.full((30, 1), 0.5)}
    table = simulate({"a": arm, "b": {"compression": arm["compression"]}})
    result = gate(table, "a", "b", _only("compression", "specificity"))
    assert len(result.problems) == 1 and "b is not scored on specificity" in result.problems[0]


def test_a_run_whose_every_answer_has_a_fault_needs_no_other_score_to_regress(simulate: Simulate) -> None:
    sound = {"integrity": np.zeros((30, 1)), "memorization": np.zeros((30, 1))}
    faulty = {"integrity": np.ones((30, 1)), "memorization": np.full((30, 1), np.nan)}
    result = gate(simulate({"a": sound, "b": faulty}), "a", "b", _only("integrity", "memorization"))
    assert [d.dimension for d in result.having("REGRESSED")] == ["integrity"]
    assert result.overall == "REGRESSED"


def test_a_value_outside_the_scale_can_not_make_up_for_a_loss(simulate: Simulate) -> None:
    before, after = np.full((40, 1), 0.6), np.full((40, 1), 0.4)
    after[7] = 9.0
    result = gate(simulate({"a": {"compression": before}, "b": {"compression": after}}), "a", "b", SMALL)
    assert result.problems == ("compression: 1 values of b lie outside [0, 1], the first 9 on c0007",)


def test_empty_answers_of_the_candidate_are_its_worst(simulate: Simulate) -> None:
    rng = np.random.default_rng(14)
    before = 0.6 + rng.normal(0, 0.02, (80, 1))
    holes = before.copy()
    holes[:8] = np.nan
    table = simulate({"a": {"compression": before}, "b": {"compression": holes}})
    result = gate(table, "a", "b", SMALL)
    assert result.overall != "PASS" and result.dimensions[0].missing == 8
    assert "8 answers of b are missing or empty and count as the worst" in result.notes
    backwards = gate(table, "b", "a", SMALL)
    assert backwards.dimensions[0].n == 72 and backwards.dimensions[0].missing == 0


def test_a_canary_that_the_candidate_never_answered_is_its_worst(simulate: Simulate) -> None:
    arm = {"compression": np.full((80, 1), 0.6), "integrity": np.zeros((80, 1))}
    table = simulate({"a": arm, "b": arm})
    table = table[(table["run"] == "a") | (table["canary"] < "c0078")]
    result = gate(table, "a", "b", _only("compression", "integrity", min_canaries=8))
    assert _verdict(result, "integrity").n == 80 and result.overall == "INCONCLUSIVE"
    assert {f.canary for f in result.flips if f.hard} == {"c0078", "c0079"}


def test_an_answer_that_a_judge_could_not_score_is_left_out_and_counted(simulate: Simulate) -> None:
    full = np.random.default_rng(14).random((20, 1))
    holes = full.copy()
    holes[:2] = np.nan
    there = {"integrity": np.zeros((20, 1))}
    table = simulate({"a": there | {"compression": full}, "b": there | {"compression": holes}})
    policy = _only("compression", "integrity")
    found = _verdict(gate(table, "a", "b", policy), "compression")
    assert (found.n, found.unpaired, found.missing) == (18, 2, 0)
    notes = gate(table, "a", "b", policy).notes
    assert "compression: 2 answers unscored, so 2 canaries left out: c0000, c0001" in notes
    holes[:3] = np.nan
    table = simulate({"a": there | {"compression": full}, "b": there | {"compression": holes}})
    result = gate(table, "a", "b", policy)
    assert result.exit_code == 3
    assert "compression: 3 of 20 answers of b are unscored (no grader), more than 10 %" in result.problems


@pytest.mark.parametrize(("writer", "is_named"), [(0.53, True), (0.47, True), (0.7, False)])
def test_a_margin_wider_than_the_way_to_the_writer_is_named(
    simulate: Simulate, writer: float, is_named: bool
) -> None:
    arm = {"compression": np.full((40, 1), 0.5)}
    table = simulate({"a": arm, "b": arm})
    notes = gate(table, "a", "b", SMALL, Basis(ceilings={"compression": writer})).notes
    named = [n for n in notes if "the baseline is only 0.03 from the writer and the margin is 0.1" in n]
    assert bool(named) == is_named


def test_canaries_that_only_the_candidate_was_asked_are_named(simulate: Simulate) -> None:
    rng = np.random.default_rng(15)
    table = simulate({"a": _arm(rng, 60), "b": _arm(rng, 60)})
    table = table[(table["run"] == "b") | (table["canary"] >= "c0005")]
    result = gate(table, "a", "b", POLICY)
    assert "5 canaries left out that a wasn't asked: c0000, c0001, c0002, and 2 more" in result.notes


def test_a_run_that_lacks_a_part_of_the_canaries_is_an_error_that_names_them(simulate: Simulate) -> None:
    long, short = np.full((9, 1), 0.5), np.full((7, 1), 0.5)
    result = gate(simulate({"a": {"compression": long}, "b": {"compression": short}}), "a", "b", SMALL)
    assert result.problems == ("b lacks 2 canaries that a has: c0007, c0008",)


def test_an_unknown_run_is_an_error_that_lists_the_known(simulate: Simulate) -> None:
    table = simulate({"a": {"compression": np.full((9, 1), 0.5)}})
    assert gate(table, "a", "zzz", POLICY).problems == ("no scores of 'zzz' (there are a)",)


def test_a_failed_sample_counts_as_the_worst_answer(write_log: WriteLog) -> None:
    write_log("baseline")
    logs = write_log("run2", failed=lambda canary, epoch: canary == 3 and epoch == 1).parent
    before, after = read_logs((logs,), ("baseline", "run2"))
    result = gate_logs(before, after, load_policy())
    assert _verdict(result, "integrity").verdict == "INCONCLUSIVE"
    assert any(flip.canary == "c03" and flip.dimension == "integrity" for flip in result.flips)
    assert "1 answer of run2 is missing and counts as the worst" in result.notes


# What would be a way around it. Each table is a candidate that is truly worse, or one that is the same.


def _rows(simulate: Simulate, n: int = 120, takes: int = 2, **changed: Array) -> pd.DataFrame:
    """Two runs with the same sound answers, and what the candidate has instead."""
    rng = np.random.default_rng(2)
    arm = {k: 0.6 + rng.normal(0, 0.02, (n, takes)) for k in ("compression", "specificity")}
    arm |= {k: np.zeros((n, takes)) for k in HARD}
    return simulate({"a": arm, "b": arm | changed})


FIVE = _only("compression", "specificity", *HARD)


def _take_left_out(rows: pd.DataFrame) -> pd.DataFrame:
    keep = (rows["run"] == "a") | (rows["epoch"] == 1) | (rows["dimension"] == "integrity")
    return rows[keep]


def _recitals_left_out(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["run"] == "a") | (rows["dimension"] != "memorization") | (rows["canary"] < "c0060")]


def _nothing_in_common(rows: pd.DataFrame) -> pd.DataFrame:
    recited = rows["dimension"] == "memorization"
    keep = ~recited | ((rows["run"] == "a") == (rows["canary"] < "c0001"))
    return rows[keep].assign(value=rows["value"].mask(recited & (rows["run"] == "b"), 1.0))


def _licensed_where_it_is_faulty(rows: pd.DataFrame) -> pd.DataFrame:
    claims = (rows["dimension"] == "self_insertion") & (rows["run"] == "b") & (rows["canary"] < "c0050")
    return rows.assign(value=rows["value"].mask(claims, 1.0), licensed=rows["licensed"] | claims)


def _faults_where_the_baseline_failed(rows: pd.DataFrame) -> pd.DataFrame:
    few = rows["canary"] < "c0005"
    keep = ~(few & (rows["run"] == "a"))
    return rows[keep].assign(value=rows["value"].mask(few & (rows["dimension"] == "memorization"), 1.0))


def _renamed_where_it_recites(rows: pd.DataFrame) -> pd.DataFrame:
    few = (rows["canary"] < "c0005") & (rows["run"] == "b")
    recited = few & (rows["dimension"] == "memorization")
    return rows.assign(
        value=rows["value"].mask(recited, 1.0), canary=rows["canary"].mask(few, "X" + rows["canary"])
    )


def _twice_as_many_recitals(rows: pd.DataFrame) -> pd.DataFrame:
    recited = (rows["dimension"] == "memorization") & (rows["canary"] < "c0040")
    return rows.assign(value=rows["value"].mask(recited & ((rows["epoch"] == 1) | (rows["run"] == "b")), 1.0))


def _every_answer_faulty(rows: pd.DataFrame) -> pd.DataFrame:
    mine = rows["run"] == "b"
    rows = rows.assign(value=rows["value"].mask(mine & (rows["dimension"] == "integrity"), 1.0))
    return rows.assign(value=rows["value"].mask(mine & (rows["dimension"] == "memorization")))


@pytest.mark.parametrize(
    "worse",
    [
        _take_left_out,
        _recitals_left_out,
        _nothing_in_common,
        _licensed_where_it_is_faulty,
        _faults_where_the_baseline_failed,
        _renamed_where_it_recites,
        _twice_as_many_recitals,
        _every_answer_faulty,
    ],
)
def test_a_worse_candidate_does_not_pass_by_what_it_leaves_out_or_calls_something_else(
    simulate: Simulate, worse: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    rows = _rows(simulate)
    assert gate(rows, "a", "b", FIVE).overall == "PASS"
    assert gate(worse(rows), "a", "b", FIVE).overall != "PASS"


def test_more_faulty_takes_of_the_same_canaries_regress(simulate: Simulate) -> None:
    found = gate(_twice_as_many_recitals(_rows(simulate)), "a", "b", FIVE)
    assert [d.dimension for d in found.having("REGRESSED")] == ["memorization"]


def test_faulty_answers_excuse_nothing_where_integrity_can_not_block(simulate: Simulate) -> None:
    rows = _every_answer_faulty(_rows(simulate))
    result = gate(rows, "a", "b", _only("compression", "memorization"))
    assert result.exit_code == 3 and "b is not scored on memorization" in result.problems[0]


def _same_takes_failed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(value=rows["value"].mask((rows["canary"] < "c0006") & (rows["epoch"] == 2)))


def _one_take_more(rows: pd.DataFrame) -> pd.DataFrame:
    more = rows[(rows["run"] == "b") & (rows["canary"] == "c0000") & (rows["epoch"] == 1)].assign(epoch=3)
    return pd.concat([rows, more], ignore_index=True)


def _one_canary_more(rows: pd.DataFrame) -> pd.DataFrame:
    more = rows[(rows["run"] == "b") & (rows["canary"] == "c0000")].assign(canary="extra")
    return pd.concat([rows, more.assign(epoch=more["epoch"] + 5)], ignore_index=True)


def _takes_numbered_on(rows: pd.DataFrame) -> pd.DataFrame:
    on = rows["canary"].str[1:].astype(int) * 2 + rows["epoch"]
    return rows.assign(epoch=on.where(rows["run"] == "b", rows["epoch"]))


@pytest.mark.parametrize("same", [_same_takes_failed, _one_take_more, _one_canary_more, _takes_numbered_on])
def test_the_same_run_does_not_regress_whatever_is_blank_or_numbered_otherwise(
    simulate: Simulate, same: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    result = gate(same(_rows(simulate)), "a", "b", FIVE)
    assert result.overall in ("PASS", "INCONCLUSIVE"), result.dimensions
    assert not result.flips


def test_what_no_suite_would_settle_has_no_number_of_canaries(simulate: Simulate) -> None:
    arm = {"compression": np.full((40, 1), 0.6)}
    table = simulate({"a": arm, "b": {"compression": np.full((40, 1), 0.5)}})
    result = gate(table, "a", "b", SMALL)
    assert (result.overall, result.dimensions[0].needed) == ("INCONCLUSIVE", None)
    assert "no suite that anybody writes would settle it" in summary_sentence(result)


def test_one_new_fault_asks_for_as_many_canaries_as_tell_it_from_chance(simulate: Simulate) -> None:
    one = np.zeros((200, 1))
    one[3] = 1.0
    table = simulate({"a": {"memorization": np.zeros((200, 1))}, "b": {"memorization": one}})
    found = gate(table, "a", "b", _only("memorization")).dimensions[0]
    assert found.verdict == "INCONCLUSIVE" and found.needed is not None and found.needed > 1000


# Margins, licences, sizes.

MARGINS = {"relevance": 0.1, "compression": 0.1, "specificity": 0.1, "voice_match": 0.1, "hashtag_slop": 0.05}


@pytest.mark.parametrize("key", SOFT)
def test_the_shipped_policy_blocks_one_and_a_half_margins_and_passes_a_fifth_of_one(
    simulate: Simulate, key: str
) -> None:
    noise = np.random.default_rng(6).normal(0, 0.02, (169, 1))
    noise -= noise.mean()
    sign = -1 if key == "hashtag_slop" else 1
    for share, verdict in ((1.5, "REGRESSED"), (0.2, "PASS")):
        lost = 0.5 - sign * share * MARGINS[key] + noise
        table = simulate({"a": {key: np.full((169, 1), 0.5)}, "b": {key: lost}})
        assert gate(table, "a", "b", _only(key)).overall == verdict


def test_the_shipped_hard_margin_is_three_in_a_hundred(simulate: Simulate) -> None:
    for key in HARD:
        zero = {key: np.zeros((90, 1))}
        found = gate(simulate({"a": zero, "b": zero}), "a", "b", _only(key)).dimensions[0]
        assert (found.verdict, found.needed) == ("INCONCLUSIVE", 99)


def test_a_margin_may_be_a_share_of_floor_to_ceiling(simulate: Simulate) -> None:
    rule = SHIPPED.dimensions["compression"].model_copy(update={"margin": "25 %"})
    policy = SMALL.model_copy(update={"dimensions": {"compression": rule}})
    noise = np.random.default_rng(4).normal(0, 0.01, (60, 1))
    table = simulate(
        {"a": {"compression": np.full((60, 1), 0.3)}, "b": {"compression": 0.24 + noise - noise.mean()}}
    )
    found = gate(table, "a", "b", policy, Basis(ceilings={"compression": 0.7})).dimensions[0]
    assert found.margin == pytest.approx(0.1)
    narrow = gate(table, "a", "b", policy, Basis(ceilings={"compression": 0.5}))
    assert (narrow.dimensions[0].margin, narrow.overall) == (pytest.approx(0.05), "REGRESSED")
    assert gate(table, "a", "b", policy).exit_code == 3


def test_a_tables_rows_of_the_writer_are_the_ceiling(simulate: Simulate) -> None:
    rule = SHIPPED.dimensions["compression"].model_copy(update={"margin": "25 %"})
    policy = SMALL.model_copy(update={"dimensions": {"compression": rule}})
    arms = {"a": 0.3, "b": 0.29, "writer": 0.7}
    table = simulate({run: {"compression": np.full((60, 1), level)} for run, level in arms.items()})
    assert gate_scores(table, "a", "b", policy).dimensions[0].margin == pytest.approx(0.1)
    without = gate_scores(table[table["run"] != "writer"], "a", "b", policy)
    assert without.exit_code == 3 and "rows of run 'writer'" in without.problems[0]


def test_a_margin_wider_than_all_that_can_be_lost_is_named(simulate: Simulate) -> None:
    arm = {"provocativeness": np.full((60, 1), 0.05)}
    result = gate(simulate({"a": arm, "b": arm}), "a", "b", _only("provocativeness"))
    assert any("it can't fail, since the baseline has only 0.05 to lose" in note for note in result.notes)


def test_a_rubric_without_a_licence_can_not_block(simulate: Simulate) -> None:
    base = np.random.default_rng(13).random((60, 2)) * 0.05 + 0.5
    table = simulate(
        {"a": {"compression": base, "humor": base}, "b": {"compression": base, "humor": base - 0.4}}
    )
    shipped = load_policy()
    two = {k: shipped.dimensions[k] for k in ("compression", "humor")}
    policy = shipped.model_copy(update={"dimensions": two})
    assert gate(table, "a", "b", policy).overall == "PASS"
    assert gate(table, "a", "b", policy, Basis(licences=None)).overall == "REGRESSED"


def test_reported_figures_alone_can_not_be_gated(simulate: Simulate) -> None:
    arm = {"words": np.full((30, 1), 80.0)}
    optional = {k: r.model_copy(update={"optional": True}) for k, r in POLICY.dimensions.items()}
    policy = POLICY.model_copy(update={"dimensions": optional})
    result = gate(simulate({"a": arm, "b": arm}), "a", "b", policy)
    assert result.problems == ("no dimension that can block was scored",)


def test_fewer_canaries_than_can_decide_are_inconclusive(simulate: Simulate) -> None:
    same = {"compression": np.full((7, 1), 0.5)}
    found = gate(simulate({"a": same, "b": same}), "a", "b", SMALL).dimensions[0]
    assert (found.verdict, found.needed) == ("INCONCLUSIVE", 21)
    assert found.why == "7 canaries, fewer than the 8 that can decide among 1 dimensions"


@pytest.mark.parametrize("rows", [100_000])
def test_a_table_of_a_hundred_thousand_rows_is_judged_whole(simulate: Simulate, rows: int) -> None:
    n = rows // (2 * 2 * len(SOFT + HARD))
    rng = np.random.default_rng(1)
    table = simulate({"a": _arm(rng, n), "b": _arm(rng, n)})
    assert len(table) >= rows - 1000
    assert gate(table, "a", "b", POLICY).overall == "PASS"


def test_scores_from_a_file_give_the_same_verdict_at_equality(tmp_path: Path) -> None:
    verdicts = []
    for before, after in ((0.9, 0.8), (0.8, 0.7)):
        path = tmp_path / "t.csv"
        cells = itertools.product((("old", before), ("new", after)), range(30))
        rows = [f"{run},c{at:02d},1,compression,{value}" for (run, value), at in cells]
        path.write_text("run,canary,epoch,dimension,value\n" + "\n".join(rows))
        verdicts.append(gate(read_scores(path), "old", "new", SMALL, Basis(licences=None)).overall)
    assert verdicts == ["INCONCLUSIVE", "INCONCLUSIVE"]


def test_answers_that_begin_alike_are_shown_from_where_they_differ() -> None:
    opening = "Dear Ada, thank you for the letter about the lift, which "
    before, after = _from_where_they_differ(opening + "still has opinions.", opening + "has stopped.")
    assert (before, after) == ("… the lift, which still has opinions.", "… the lift, which has stopped.")
    assert _from_where_they_differ("A lift.", "A stair.") == ("A lift.", "A stair.")
    assert _from_where_they_differ(opening, opening) == (opening, opening)
