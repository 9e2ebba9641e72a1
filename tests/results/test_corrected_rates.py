"""Rates corrected for a judge's errors: against the closed form, and what their intervals cover."""

from dataclasses import replace

import numpy as np
import pytest

from judges.licensing.agreement import Array, Confusion
from results.corrected_rates import corrected_rate

CELLS = Confusion(80, 10, 20, 90)


def test_the_corrected_rate_is_rogan_and_gladens() -> None:
    raw, corrected = corrected_rate(np.full(50, 0.31), CELLS)
    assert corrected and corrected.estimate == pytest.approx((0.31 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert raw.estimate == pytest.approx(0.31)
    _, none = corrected_rate(np.full(50, 0.02), CELLS)
    assert none and none.estimate == 0.0


def test_a_judge_at_chance_corrects_nothing() -> None:
    assert corrected_rate(np.full(50, 0.5), Confusion(50, 50, 50, 50))[1] is None
    for cells in (
        Confusion(11, 10, 9, 10),
        Confusion(28, 20, 22, 30),
    ):  # at chance in a third, in a twentieth
        _, hardly = corrected_rate(np.full(50, 0.5), cells)
        assert hardly is not None and (hardly.low, hardly.high) == (0.0, 1.0)


def test_a_run_without_a_yes_is_not_taken_to_be_certain() -> None:
    raw, corrected = corrected_rate(np.zeros(12), Confusion(40, 0, 10, 50))
    assert corrected is not None
    assert corrected.low == raw.low == 0.0 < raw.high and 0.02 < corrected.high < 0.4


def test_fewer_labels_make_the_corrected_interval_wider() -> None:
    shares = np.tile([0.0, 1.0, 0.5, 0.0], 50)
    few, many = (
        corrected_rate(shares, replace(CELLS, true_yes=8 * k, false_yes=k, false_no=2 * k, true_no=9 * k))[1]
        for k in (2, 200)
    )
    assert few is not None and many is not None
    assert few.high - few.low > 1.5 * (many.high - many.low)


@pytest.mark.parametrize(("rate", "labels", "canaries"), [(0.3, 200, 40), (0.1, 300, 60), (0.5, 100, 20)])
def test_the_corrected_interval_covers_the_true_rate_where_the_raw_one_does_not(
    rate: float, labels: int, canaries: int
) -> None:
    """300 simulated calibrations of a judge with sensitivity .8 and specificity .75, two epochs a canary."""
    rng, covered, raw_covered = np.random.default_rng(5), 0, 0

    def judged(truth: Array) -> Array:
        says: Array = np.where(truth > 0, rng.random(truth.shape) < 0.8, rng.random(truth.shape) >= 0.75)
        return says.astype(float)

    for _ in range(300):
        truth = (rng.random(labels) < 0.5).astype(float)
        yes, no = judged(truth) == 1, truth == 0
        cells = Confusion(*(int(x.sum()) for x in (yes & ~no, yes & no, ~yes & ~no, ~yes & no)))
        difficulty = rng.beta(3 * rate, 3 * (1 - rate), canaries)
        shares = judged((rng.random((canaries, 2)) < difficulty[:, None]).astype(float)).mean(axis=1)
        raw, corrected = corrected_rate(shares, cells)
        assert corrected is not None
        covered += corrected.low <= rate <= corrected.high
        raw_covered += raw.low <= rate <= raw.high
    assert covered / 300 >= 0.91
    if rate < 0.5:
        assert raw_covered < covered - 20
