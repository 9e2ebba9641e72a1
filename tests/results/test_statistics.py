"""Intervals, rates and the number of canaries needed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.statistics import (
    canaries_needed,
    fault_rate_that_blocks,
    faultless_canaries_needed,
    loss_that_blocks,
    margin_p,
    mcnemar,
    mean_interval,
    paired_rate_difference,
    rate_bound,
    rate_rise_p,
    safe_low,
)
from timbre.stats import Interval, rate_interval

scores = st.lists(st.floats(-1, 1, allow_nan=False), min_size=2, max_size=25)


def _coverage(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([i.low <= truth + 1e-12 and truth - 1e-12 <= i.high for i in intervals]))


SHAPES = {
    "normal": lambda rng, n: rng.normal(0, 0.2, n),
    "skewed": lambda rng, n: rng.beta(0.5, 3, n) - rng.beta(0.5, 3, n),
    "steps": lambda rng, n: (rng.integers(0, 5, n) - rng.integers(0, 5, n)) / 4,
    "clustered": lambda rng, n: (rng.normal(0, 0.1, (*n, 2)) + rng.normal(0, 0.2, n)[..., None]).mean(-1),
}
"""Paired differences as judges give them; the mean of each is 0."""

TABLES = 1000
SLACK = 2 * math.sqrt(0.95 * 0.05 / TABLES)
"""Two standard errors of a coverage of 95 % over that many tables."""


@pytest.mark.parametrize("n", [30, 80])
@pytest.mark.parametrize("shape", SHAPES)
def test_95_percent_intervals_cover_93_to_97_percent_from_30_canaries_on(n: int, shape: str) -> None:
    columns = SHAPES[shape](np.random.default_rng(n), (n, TABLES))
    assert 0.93 - SLACK <= _coverage([mean_interval(c) for c in columns.T], 0.0) <= 0.97 + SLACK


@pytest.mark.parametrize("n", [8, 12])
@pytest.mark.parametrize("shape", SHAPES)
def test_below_30_canaries_the_interval_widens_rather_than_cover_less(n: int, shape: str) -> None:
    columns = SHAPES[shape](np.random.default_rng(n), (n, TABLES))
    intervals = [mean_interval(c) for c in columns.T]
    normal = 2 * 1.96 * columns.std(axis=0, ddof=1) / math.sqrt(n)
    assert np.mean([i.high - i.low for i in intervals]) > 1.03 * normal.mean()
    assert _coverage(intervals, 0.0) >= 0.93 - SLACK


@settings(max_examples=25)
@given(scores, st.data())
def test_making_one_score_worse_never_raises_an_end_of_the_interval(
    values: list[float], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    worse = list(values)
    worse[at] -= data.draw(st.floats(0, 5))
    before, after = mean_interval(np.array(values)), mean_interval(np.array(worse))
    assert after.low <= before.low + 1e-9
    assert after.high <= before.high + 1e-9


def test_equal_scores_give_an_interval_of_no_width() -> None:
    found = mean_interval(np.full(12, 0.1))
    assert (found.low, found.high) == (0.1, 0.1)


def test_one_canary_gives_a_mean_without_an_interval() -> None:
    found = mean_interval(np.array([0.4]))
    assert found.estimate == 0.4
    assert math.isnan(found.low)


def test_no_fault_in_30_and_in_150_bounds_the_rate_as_the_design_says() -> None:
    assert rate_bound(0, 30) == pytest.approx(1 - 0.05 ** (1 / 30))
    assert rate_bound(0, 30) == pytest.approx(0.095, abs=5e-4)
    assert rate_bound(0, 150) == pytest.approx(0.020, abs=5e-4)


def test_a_rate_has_a_wilson_interval() -> None:
    found = rate_interval(0, 12)
    z = stats.norm.ppf(0.975)
    assert found.high == pytest.approx(z**2 / (12 + z**2))


def test_an_unchanged_rate_never_blocks_more_often_than_its_level() -> None:
    """Exactly, not by simulation: the chance of p <= alpha over every discordance there can be."""
    alpha = 0.025
    for n in (12, 40):
        worse, better = (a.ravel() for a in np.indices((n + 1, n + 1)))
        keep = worse + better <= n
        worse, better = worse[keep], better[keep]
        blocks = np.array([mcnemar(int(w), int(b)) <= alpha for w, b in zip(worse, better, strict=True)])
        for discordance in np.linspace(0.02, 1, 50):
            chance = stats.binom.pmf(worse + better, n, discordance) * stats.binom.pmf(
                worse, worse + better, 0.5
            )
            assert chance[blocks].sum() <= alpha


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_one_more_fault_never_improves_the_test_or_the_interval(worse: int, better: int, both: int) -> None:
    n = worse + better + both + 1
    assert mcnemar(worse + 1, better) <= mcnemar(worse, better)
    assert paired_rate_difference(worse + 1, better, n).high >= paired_rate_difference(worse, better, n).high


def test_the_rise_on_one_canary_is_fishers_and_on_several_it_counts_every_way_to_deal_their_faults() -> None:
    one = stats.fisher_exact([[6, 26], [1, 31]], alternative="greater").pvalue
    assert rate_rise_p([(6, 32, 1, 32)]) == pytest.approx(one)
    assert rate_rise_p([(2, 2, 0, 2), (1, 1, 0, 2)]) == pytest.approx(1 / 6 * 1 / 3)
    assert rate_rise_p([(1, 2, 1, 2), (1, 1, 0, 2)]) == pytest.approx(1 / 6 * 1 + 4 / 6 * 1 / 3)
    assert rate_rise_p([]) == rate_rise_p([(0, 32, 3, 32)]) == 1
    assert rate_rise_p([(6, 32, 1, 32)] * 5) < 1e-5 < one


def test_equal_runs_are_seldom_said_to_rise_together_however_canaries_differ() -> None:
    rng = np.random.default_rng(6)
    shares = rng.beta(1, 4, (300, 5, 1))
    after, before = np.moveaxis(rng.binomial(32, shares, (300, 5, 2)), 2, 0)
    ps = [
        rate_rise_p([(int(a), 32, int(b), 32) for a, b in zip(*own, strict=True)])
        for own in zip(after, before, strict=True)
    ]
    assert 0.13 <= np.mean(np.array(ps) <= 0.2) <= 0.22
    assert np.mean(np.array(ps) <= 0.025) <= 0.04


def test_the_interval_of_rates_keeps_its_width_where_no_fault_was_seen() -> None:
    assert paired_rate_difference(0, 0, 12).high > 0.15


@pytest.mark.parametrize(("sd", "worst"), [(0.05, 1.0), (0.2, 1.0), (0.2, 0.4), (0.5, 1.0)])
def test_the_number_of_canaries_named_gives_the_power_it_claims(sd: float, worst: float) -> None:
    n = canaries_needed(sd, 0.1, worst)
    columns = np.random.default_rng(5).normal(0, sd, (150, n))
    assert np.mean([safe_low(c, worst) >= -0.1 for c in columns]) >= 0.73
    fewer = np.random.default_rng(6).normal(0, sd, (150, n * 2 // 3))
    assert np.mean([safe_low(c, worst) >= -0.1 for c in fewer]) < 0.75


@given(scores, st.floats(0, 1), st.data())
@settings(max_examples=25)
def test_the_limit_for_pass_is_below_the_interval_and_falls_with_any_gain(
    values: list[float], worst: float, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    worse = list(values)
    worse[at] -= data.draw(st.floats(0, 2))
    limit = safe_low(np.array(values), worst)
    assert limit <= mean_interval(np.array(values)).low
    assert safe_low(np.array(worse), worst) <= limit + 1e-9
    assert safe_low(np.array(values), worst + 0.1) <= limit + 1e-9


def test_the_fewest_faultless_canaries_are_the_fewest() -> None:
    n = faultless_canaries_needed(0.03)
    assert n == 99 and rate_bound(0, n) <= 0.03 < rate_bound(0, n - 1)


def test_the_least_loss_named_is_blocked_four_times_in_five() -> None:
    loss = loss_that_blocks(0.2, 0.1, 60, 4)
    lost = np.random.default_rng(7).normal(-loss, 0.2, (300, 60))
    assert 0.74 <= np.mean([margin_p(column, 0.1) <= 0.025 / 4 for column in lost]) <= 0.88


def test_the_least_rate_of_faults_named_is_blocked_four_times_in_five() -> None:
    rate = fault_rate_that_blocks(60, 0.025)
    worse = np.random.default_rng(8).binomial(60, rate, 4000)
    assert 0.77 <= np.mean([mcnemar(int(w), 0) <= 0.025 for w in worse]) <= 0.83
