"""Holm over the soft dimensions: fewer false blocks, and never a better verdict for worse scores."""

import gc
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from results.comparison import DimensionVerdict
from results.gate import gate
from results.policy import DimensionPolicy, load_policy
from results.statistics import SOFT_LEVEL, holm, margin_p, mean_interval

Array = NDArray[np.float64]
Simulate = Callable[..., pd.DataFrame]
SOFT = ("compression", "specificity", "voice_match")
RULE = DimensionPolicy(margin=0.1, direction="up", hard=False, licence="not needed: made up")
POLICY = load_policy().model_copy(update={"min_canaries": 8, "dimensions": dict.fromkeys(SOFT, RULE)})
ALONE = POLICY.model_copy(update={"dimensions": {SOFT[0]: RULE}})
ORDER = {"REGRESSED": 0, "INCONCLUSIVE": 1, "PASS": 2}


def table(
    simulate: Simulate, differences: "np.ndarray[tuple[int, int], np.dtype[np.float64]]"
) -> pd.DataFrame:
    """Two runs whose paired differences on the soft dimensions are the columns given."""
    base = np.full((len(differences), 1), 0.5)
    after = {key: base + differences[:, [at]] for at, key in enumerate(SOFT)}
    return simulate({"a": dict.fromkeys(SOFT, base), "b": after})


def test_a_loss_barely_beyond_the_margin_in_one_of_three_is_held_back_and_says_what_would_settle_it(
    simulate: Simulate,
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 40)
    noise -= noise.mean()
    # About 2.2 standard errors beyond the margin: enough for one dimension (2.0), not for three (2.5).
    shift = -0.1 - 2.2 * noise.std(ddof=1) / np.sqrt(40)
    columns = np.stack([noise + shift, noise, noise], axis=1)
    alone = gate(table(simulate, columns), "a", "b", ALONE)
    among = gate(table(simulate, columns), "a", "b", POLICY)
    assert alone.overall == "REGRESSED"
    held = among.dimensions[0]
    assert (among.overall, held.verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert "Holm p" in held.why and held.needed is not None and held.needed > 40


def test_a_loss_far_beyond_the_margin_stands_among_many(simulate: Simulate) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (40, 3))
    result = gate(table(simulate, noise + np.array([-0.3, 0, 0])), "a", "b", POLICY)
    assert result.dimensions[0].verdict == "REGRESSED" and result.dimensions[0].needed is None


@settings(max_examples=40)
@given(st.lists(st.floats(-1, 1), min_size=8, max_size=20))
def test_p_is_at_most_2_5_percent_where_the_whole_interval_is_beyond_the_margin(values: list[float]) -> None:
    found, p = mean_interval(np.array(values)), margin_p(np.array(values), 0.1)
    if found.high < -0.1 - 1e-3:
        assert p <= 0.026
    if found.high > -0.1 + 1e-3:
        assert p > 0.024


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 2), loss=st.floats(0, 1))
def test_worse_scores_in_one_dimension_improve_no_verdict(seed: int, at: int, loss: float) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.normal(-0.12, 0.1, (20, 3))
    worse = columns.copy()
    worse[rng.integers(20), at] -= loss

    def verdicts(of: Array) -> tuple[DimensionVerdict, ...]:
        frames = []
        for run, values in (("a", np.full(of.shape, 0.5)), ("b", 0.5 + of)):
            for column, key in enumerate(SOFT):
                frame = pd.DataFrame({"canary": [f"c{i:02d}" for i in range(20)], "value": values[:, column]})
                frames.append(frame.assign(run=run, dimension=key))
        rows = pd.concat(frames).assign(
            epoch=1, unscored="", kind="", licensed=False, truncated=False, identity="", judge=""
        )
        return gate(rows, "a", "b", POLICY).dimensions

    for before, after in zip(verdicts(columns), verdicts(worse), strict=True):
        assert ORDER[after.verdict] <= ORDER[before.verdict]


@settings(max_examples=60)
@given(ps=st.lists(st.sampled_from([0.0, 0.002, 0.0025, 0.004, 0.005, 0.0125, 0.02, 0.4, 1.0]), min_size=1))
def test_the_tests_rejected_are_those_of_another_implementation(ps: list[float]) -> None:
    rejected, adjusted = holm(ps)
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(
            gc, "collect", lambda: 0
        )  # at each call statsmodels looks through all that the tests hold
        expected, figures, *_ = multipletests(ps, alpha=SOFT_LEVEL, method="holm")
    assert rejected == list(expected) and adjusted == list(figures)
