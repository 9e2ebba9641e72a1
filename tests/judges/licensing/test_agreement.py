"""The figures against closed forms and other people's code, and what their intervals cover."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics

from judges.licensing.agreement import (
    RESAMPLES,
    Agreement,
    Array,
    agreement,
    bootstrap,
    percentile_interval,
    rater_agreement,
)
from timbre.stats import Interval

RNG = np.random.default_rng(1)
N = 300
IS_YES = RNG.random(N) < 0.4
TRUTH = IS_YES.astype(float)
VALUES = np.round(np.clip(RNG.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1), 1)
LENGTH = np.log(RNG.integers(5, 200, N).astype(float))
RATINGS = np.round(np.clip(5 * VALUES + RNG.normal(0, 1, N), 0, 5), 1)


@pytest.fixture(scope="module")
def figures() -> Agreement:
    """Made-up values, full of ties, against made-up labels of yes and no."""
    return agreement(VALUES, TRUTH, IS_YES, LENGTH)


def estimate(figure: Interval | None) -> float:
    assert figure is not None
    return figure.estimate


def test_estimates_are_those_of_scikit_learn_and_scipy(figures: Agreement) -> None:
    yes, c = VALUES >= 0.5, figures.confusion
    assert estimate(figures.auc) == pytest.approx(metrics.roc_auc_score(TRUTH, VALUES))
    assert estimate(figures.kappa) == pytest.approx(metrics.cohen_kappa_score(TRUTH, yes))
    assert estimate(figures.sensitivity) == pytest.approx(metrics.recall_score(TRUTH, yes))
    assert estimate(figures.specificity) == pytest.approx(metrics.recall_score(~IS_YES, ~yes))
    assert estimate(figures.yes_rate_gap) == pytest.approx((c.false_yes - c.false_no) / N)
    cells = metrics.confusion_matrix(IS_YES, yes)
    assert [c.true_no, c.false_yes, c.false_no, c.true_yes] == cells.ravel().tolist() and c.n == N
    rated = agreement(VALUES, RATINGS, RATINGS >= 2.5, LENGTH)
    assert estimate(rated.pearson) == pytest.approx(stats.pearsonr(VALUES, RATINGS).statistic)
    assert estimate(rated.spearman) == pytest.approx(stats.spearmanr(VALUES, RATINGS).statistic)


def test_labels_say_yes_where_they_are_declared_to_and_values_from_the_cut_off() -> None:
    strict = agreement(VALUES, RATINGS, RATINGS >= 4, LENGTH, cut=0.7).confusion
    assert strict.true_yes + strict.false_no == (RATINGS >= 4).sum()
    assert strict.true_yes + strict.false_yes == (VALUES >= 0.7).sum()


def test_length_bias_is_the_correlation_of_what_the_label_leaves_of_value_and_length(
    figures: Agreement,
) -> None:
    by_label = np.stack([np.ones(N), TRUTH], axis=1)

    def rest(y: Array) -> Array:
        left: Array = y - by_label @ np.linalg.lstsq(by_label, y, rcond=None)[0]
        return left

    expected = np.corrcoef(rest(VALUES), rest(LENGTH))[0, 1]
    assert estimate(figures.length_bias) == pytest.approx(expected)


def test_a_judge_of_one_answer_has_the_figures_that_are_defined() -> None:
    lenient = agreement(np.full(N, 0.9), TRUTH, IS_YES, LENGTH)
    assert lenient.yes_rate_gap and lenient.yes_rate_gap.low > 0.5
    assert (lenient.pearson, lenient.spearman, lenient.length_bias) == (None, None, None)
    assert (estimate(lenient.auc), estimate(lenient.kappa)) == (0.5, pytest.approx(0.0))
    all_yes = agreement(VALUES, TRUTH, np.ones(N, dtype=bool), LENGTH)
    assert (all_yes.auc, all_yes.specificity) == (None, None)
    assert agreement(np.ones(N), TRUTH, np.ones(N, dtype=bool), LENGTH).kappa is None


def test_intervals_have_the_width_that_theory_says(figures: Agreement) -> None:
    """The yes-rate gap is a mean, whose interval has a closed form; shares have Wilson's."""
    gap = figures.yes_rate_gap
    assert gap is not None
    width = 2 * 1.96 * ((VALUES >= 0.5) - TRUTH).std() / math.sqrt(N)
    assert gap.high - gap.low == pytest.approx(width, rel=0.08)
    perfect = agreement(TRUTH, TRUTH, IS_YES, LENGTH).sensitivity
    hits = int(IS_YES.sum())
    assert perfect and perfect.low == pytest.approx(hits / (hits + 1.96**2), abs=1e-4)


def test_the_interval_of_auc_covers_the_truth() -> None:
    """Two normal groups one spread apart have an AUC of Phi(1 / sqrt 2)."""
    truth = float(stats.norm.cdf(1 / math.sqrt(2)))
    rng, hits = np.random.default_rng(3), 0
    labels = np.repeat([0.0, 1.0], 40)
    for _ in range(150):
        figure = agreement(rng.normal(labels, 1), labels, labels == 1, np.ones(80)).auc
        assert figure is not None
        hits += figure.low <= truth <= figure.high
    assert 0.88 <= hits / 150 <= 0.99


def test_the_bootstrap_is_the_same_every_time_and_leaves_out_what_has_no_value() -> None:
    def of_first_row(i: NDArray[np.intp]) -> Array:
        drawn = (i == 0).sum(axis=1).astype(float)
        return np.where(drawn > 0, drawn, np.nan)

    assert bootstrap({"r": of_first_row}, 9) == bootstrap({"r": of_first_row}, 9)
    assert bootstrap({"none": lambda i: np.full(len(i), np.nan)}, 5) == {"none": None}
    often = bootstrap({"large": lambda i: (i == 0).sum(axis=1).astype(float)}, 5000)["large"]
    assert often == Interval(1.0, 0.0, 3.0)
    half = np.array([0.0, 1.0, np.nan, np.nan])
    assert percentile_interval(0.5, half) == Interval(0.5, 0.025, 0.975)
    assert percentile_interval(0.5, np.append(half, np.nan)) is None
    assert percentile_interval(math.nan, half) is None and RESAMPLES == 2000


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=30))
def test_every_figure_lies_in_its_range_and_its_interval_is_in_order(rows: list[tuple[float, bool]]) -> None:
    values, is_yes = np.array([v for v, _ in rows]), np.array([yes for _, yes in rows])
    judged = agreement(values, is_yes.astype(float), is_yes, np.arange(len(rows), dtype=float))
    for name, figure in vars(judged).items():
        if isinstance(figure, Interval):
            low = 0 if name in ("auc", "sensitivity", "specificity") else -1
            assert low - 1e-9 <= figure.low <= figure.high <= 1 + 1e-9, name


def test_raters_agree_by_the_mean_correlation_over_the_texts_they_share() -> None:
    ratings = np.array(
        [[1, 2, 3, 3, 2, 1, 4, 1, 2, 9], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5], [9, 3, 3, 3, 2, 3, 4, 2, 2, 1]]
    )
    columns = ratings.astype(float).T
    columns[9, 0] = columns[0, 2] = math.nan
    expected = []
    for a, b in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(columns[:, [a, b]]).all(axis=1)
        expected.append(np.corrcoef(columns[both, a], columns[both, b])[0, 1])
    figure = rater_agreement(columns)
    assert estimate(figure) == pytest.approx(np.mean(expected))
    assert figure and figure.low < figure.estimate < figure.high


@pytest.mark.parametrize(
    "ratings", [TRUTH[:, None], np.array([[1.0, math.nan], [math.nan, 0.0]]), np.ones((9, 2))]
)
def test_raters_who_share_or_vary_nothing_have_no_agreement(ratings: Array) -> None:
    assert rater_agreement(ratings) is None
