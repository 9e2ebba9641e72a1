"""The figures against closed forms and other people's code, and what their intervals cover."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from judges.licensing.agreement import Agreement, Array, Confusion, Figure, agreement, bootstrap, scaled
from judges.licensing.corrected_rate import corrected_rate
from judges.licensing.raters import ceiling, krippendorff_alpha

RNG = np.random.default_rng(1)
N = 300
TRUTH = (RNG.random(N) < 0.4).astype(float)
VALUES = np.round(np.clip(RNG.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1), 1)
WORDS = RNG.integers(5, 200, N).astype(float)
RATINGS = np.round(np.clip(5 * VALUES + RNG.normal(0, 1, N), 0, 5), 1)


@pytest.fixture(scope="module")
def found() -> Agreement:
    """Made-up values, full of ties, against made-up binary labels."""
    return agreement(VALUES, TRUTH, WORDS, cut=0.5)


def _estimate(figure: Figure | None) -> float:
    assert figure is not None
    return figure.estimate


def test_auc_and_kappa_are_those_of_scikit_learn(found: Agreement) -> None:
    assert _estimate(found.auc) == pytest.approx(metrics.roc_auc_score(TRUTH, VALUES))
    assert _estimate(found.kappa) == pytest.approx(metrics.cohen_kappa_score(TRUTH, VALUES >= 0.5))


def test_correlations_are_those_of_scipy() -> None:
    found = agreement(VALUES, RATINGS, WORDS)
    assert _estimate(found.pearson) == pytest.approx(stats.pearsonr(VALUES, RATINGS).statistic)
    assert _estimate(found.spearman) == pytest.approx(stats.spearmanr(VALUES, RATINGS).statistic)


def test_sensitivity_specificity_and_gap_are_shares_of_the_confusion(found: Agreement) -> None:
    c = found.confusion
    assert _estimate(found.sensitivity) == pytest.approx(metrics.recall_score(TRUTH, VALUES >= 0.5))
    assert _estimate(found.specificity) == pytest.approx(c.true_no / (c.true_no + c.false_yes))
    assert _estimate(found.yes_rate_gap) == pytest.approx((c.false_yes - c.false_no) / N)


def test_length_bias_is_the_correlation_of_what_the_label_leaves_of_value_and_length(
    found: Agreement,
) -> None:
    by_label = np.stack([np.ones(N), TRUTH], axis=1)

    def rest(y: Array) -> Array:
        left: Array = y - by_label @ np.linalg.lstsq(by_label, y, rcond=None)[0]
        return left

    expected = np.corrcoef(rest(VALUES), rest(np.log1p(WORDS)))[0, 1]
    assert _estimate(found.length_bias) == pytest.approx(expected)


def test_a_judge_of_length_alone_is_told_by_its_length_bias() -> None:
    words = RNG.integers(10, 300, N).astype(float)
    found = agreement(np.log(words) / 6, TRUTH, words).length_bias
    assert found is not None
    assert found.low > 0.95


def test_a_lenient_judge_has_a_gap_above_nought() -> None:
    found = agreement(np.full(N, 0.9), TRUTH, WORDS)
    gap = found.yes_rate_gap
    assert gap is not None
    assert gap.low > 0.5
    assert (found.pearson, found.spearman) == (None, None)
    assert (_estimate(found.auc), _estimate(found.kappa)) == (0.5, 0.0)


def test_weighted_figures_are_those_of_the_rows_repeated() -> None:
    from judges.licensing.agreement import _auc, _ranks, correlation, kappa

    weights = np.random.default_rng(2).integers(0, 4, N)
    w = weights[None].astype(float)
    v, t, r = (np.repeat(x, weights) for x in (VALUES, TRUTH, RATINGS))
    assert _auc(w, VALUES, TRUTH == 1)[0] == pytest.approx(metrics.roc_auc_score(t, v))
    ranked = correlation(w, _ranks(w, VALUES), _ranks(w, RATINGS))[0]
    assert ranked == pytest.approx(stats.spearmanr(v, r).statistic)
    assert kappa(w, VALUES >= 0.5, TRUTH == 1)[0] == pytest.approx(metrics.cohen_kappa_score(v >= 0.5, t))


def test_the_interval_of_a_mean_difference_is_as_wide_as_theory_says() -> None:
    """The yes-rate gap is a mean, whose interval has a closed form."""
    found = agreement(VALUES, TRUTH, WORDS).yes_rate_gap
    assert found is not None
    differences = (VALUES >= 0.5).astype(float) - TRUTH
    expected = 2 * 1.96 * differences.std() / math.sqrt(N)
    assert found.high - found.low == pytest.approx(expected, rel=0.08)


def test_the_interval_of_auc_covers_the_truth() -> None:
    """Two normal groups one spread apart have an AUC of Phi(1 / sqrt 2)."""
    truth = float(stats.norm.cdf(1 / math.sqrt(2)))
    rng, hits = np.random.default_rng(3), 0
    for _ in range(150):
        labels = np.repeat([0.0, 1.0], 40)
        figure = agreement(rng.normal(labels, 1), labels, np.ones(80)).auc
        assert figure is not None
        hits += figure.low <= truth <= figure.high
    assert 0.88 <= hits / 150 <= 0.99


def test_the_same_rows_give_the_same_intervals() -> None:
    assert agreement(VALUES, TRUTH, WORDS) == agreement(VALUES, TRUTH, WORDS)


def test_labels_are_scaled_only_for_figures_that_need_a_yes() -> None:
    small, large = agreement(VALUES, RATINGS, WORDS), agreement(VALUES, 10 * RATINGS - 3, WORDS)
    assert small.confusion == large.confusion
    assert small.kappa == large.kappa
    assert _estimate(small.pearson) == pytest.approx(_estimate(large.pearson))
    assert scaled(np.array([1.0, 3.0, 5.0])).tolist() == [0.0, 0.5, 1.0]


def test_a_figure_without_a_value_in_most_resamples_is_none() -> None:
    assert bootstrap({"none": lambda w: np.full(len(w), np.nan)}, 5) == {"none": None}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=2, max_size=30))
def test_every_figure_lies_in_its_range_and_its_interval_is_in_order(rows: list[tuple[float, float]]) -> None:
    values, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = agreement(values, labels, np.arange(len(values), dtype=float))
    for name, figure in vars(found).items():
        if isinstance(figure, Figure):
            low = -1 if name not in ("auc", "sensitivity", "specificity") else 0
            assert low - 1e-9 <= figure.low <= figure.high <= 1 + 1e-9, name


KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, math.nan, math.nan, math.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, math.nan, 3],
        [math.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, math.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, math.nan],
    ]
).T
"""The worked example of Krippendorff (2011): four observers, twelve units, some missing."""


def test_alpha_is_that_of_krippendorffs_own_examples() -> None:
    interval = krippendorff_alpha(np.ones((1, 12)), KRIPPENDORFF)[0]
    assert interval == pytest.approx(0.849, abs=5e-4)
    two = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float).T
    assert krippendorff_alpha(np.ones((1, 10)), two)[0] == pytest.approx(0.095, abs=5e-4)


def test_the_ceiling_of_binary_raters_is_their_mean_pairwise_kappa() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(200) < 0.5
    raters = np.stack([np.where(rng.random(200) < 0.85, truth, ~truth) for _ in range(3)], axis=1).astype(
        float
    )
    found = ceiling(raters)
    assert found is not None
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([metrics.cohen_kappa_score(raters[:, a], raters[:, b]) for a, b in pairs])
    assert (found.raters, found.statistic) == (3, "kappa")
    assert _estimate(found.pairwise) == pytest.approx(expected)


def test_raters_of_a_scale_have_a_mean_correlation_over_the_texts_they_share() -> None:
    found = ceiling(KRIPPENDORFF)
    assert found is not None
    assert found.statistic == "r"
    expected = []
    for a in range(4):
        for b in range(a):
            x, y = KRIPPENDORFF[:, a], KRIPPENDORFF[:, b]
            both = ~np.isnan(x) & ~np.isnan(y)
            expected.append(np.corrcoef(x[both], y[both])[0, 1])
    assert _estimate(found.pairwise) == pytest.approx(np.mean(expected))


def test_one_rater_has_no_ceiling() -> None:
    assert ceiling(TRUTH[:, None]) is None
    assert ceiling(np.array([[1.0, math.nan], [math.nan, 0.0]])) is None


def test_the_corrected_rate_is_rogan_and_gladens() -> None:
    found = corrected_rate(np.full(50, 0.31), Confusion(80, 10, 20, 90))
    assert _estimate(found.corrected) == pytest.approx((0.31 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert found.raw.estimate == pytest.approx(0.31)


def test_a_judge_at_chance_corrects_nothing() -> None:
    assert corrected_rate(np.full(50, 0.5), Confusion(50, 50, 50, 50)).corrected is None
    hardly = corrected_rate(np.full(50, 0.5), Confusion(11, 10, 9, 10)).corrected
    assert hardly is not None
    assert (hardly.low, hardly.high) == (0.0, 1.0)


def test_a_run_without_a_yes_is_not_taken_to_be_sure_of_it() -> None:
    found = corrected_rate(np.zeros(12), Confusion(40, 0, 10, 50))
    assert found.corrected is not None
    assert found.corrected.low == 0.0
    assert 0.02 < found.corrected.high < 0.4


def test_fewer_labels_make_the_corrected_interval_wider() -> None:
    shares = np.tile([0.0, 1.0, 0.5, 0.0], 50)
    few = corrected_rate(shares, Confusion(16, 2, 4, 18)).corrected
    many = corrected_rate(shares, Confusion(1600, 200, 400, 1800)).corrected
    assert few is not None
    assert many is not None
    assert few.high - few.low > 1.5 * (many.high - many.low)


@pytest.mark.parametrize(("rate", "labels", "canaries"), [(0.3, 200, 40), (0.1, 300, 60), (0.5, 100, 20)])
def test_the_corrected_interval_covers_the_true_rate_where_the_raw_one_does_not(
    rate: float, labels: int, canaries: int
) -> None:
    """300 simulated calibrations of a judge with sensitivity .8 and specificity .75, two epochs a canary."""
    rng, se, sp = np.random.default_rng(5), 0.8, 0.75
    corrected = raw = 0

    def asked(truth: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Array:
        said: Array = np.where(truth, rng.random(truth.shape) < se, rng.random(truth.shape) >= sp)
        return said.astype(float)

    for _ in range(300):
        truth = rng.random(labels) < 0.5
        yes = asked(truth) == 1
        cells = Confusion(
            int((yes & truth).sum()),
            int((yes & ~truth).sum()),
            int((~yes & truth).sum()),
            int((~yes & ~truth).sum()),
        )
        difficulty = rng.beta(3 * rate, 3 * (1 - rate), canaries)
        shares = asked(rng.random((canaries, 2)) < difficulty[:, None]).mean(axis=1)
        found = corrected_rate(shares, cells)
        assert found.corrected is not None
        corrected += found.corrected.low <= rate <= found.corrected.high
        raw += found.raw.low <= rate <= found.raw.high
    assert corrected / 300 >= 0.91
    if rate < 0.5:
        assert raw < corrected - 20
