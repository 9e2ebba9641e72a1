"""A rate that a judge reports, corrected for the errors that its calibration found.

Rogan & Gladen (1978), "Estimating prevalence from the results of a screening test": of a judge with
sensitivity se and specificity sp that says yes at rate q, the true rate is (q + sp - 1) / (se + sp - 1).
It holds where the judge errs as often as it did on the labelled texts, so in the licence's own domain.
"""

from dataclasses import dataclass

import numpy as np

from judges.licensing.agreement import RESAMPLES, SEED, Array, Confusion, Figure, percentile_figure

_HALF = 0.5
"""Added to each cell of the confusion, and drawn along as one more text that is half a yes. Without, a judge
that made no error among six texts, or a run without a yes, would be taken to be sure of it. Coverage of the
95 % interval in simulations (seven settings: true rates .02 to .5, 100 to 1,000 labels, 20 to 150 canaries of
one or two epochs, 400 times each) was 93 to 97 % with it, 92 to 95 % with neither."""


@dataclass(frozen=True)
class CorrectedRate:
    """The share of texts with a quality: as the judge says, and as it probably is.

    Attributes:
        raw: Share of yes, with the interval of the texts drawn.
        corrected: Clipped to [0, 1], with the interval of the texts and of the calibration together;
            None for a judge that tells yes from no no better than chance.
    """

    raw: Figure
    corrected: Figure | None


def corrected_rate(shares: Array, confusion: Confusion) -> CorrectedRate:
    """Correct the share of yes among a run's answers for the judge's errors.

    The interval is a percentile bootstrap: each resample draws canaries and, of the calibration, labelled
    rows anew. Where the calibration leaves more than 2.5 % for a judge at chance, it is [0, 1].

    Args:
        shares: Shape (canaries,), at least one, in [0, 1]: the share of a canary's answers called yes.
        confusion: Labelled rows by label and answer.
    """
    rng = np.random.default_rng(SEED)
    held = np.append(shares, _HALF)
    observed = held[rng.integers(len(held), size=(RESAMPLES, len(held)))].mean(axis=1)
    cells = np.array([confusion.true_yes, confusion.false_yes, confusion.false_no, confusion.true_no])
    smooth = (cells + _HALF) / (cells + _HALF).sum()
    drawn: Array = rng.multinomial(cells.sum(), smooth, size=RESAMPLES).astype(np.float64) + _HALF
    rate = float(shares.mean())
    low, high = np.quantile(observed, [0.025, 0.975])
    raw = Figure(rate, min(rate, float(low)), max(rate, float(high)))
    estimate = float(_rogan_gladen(np.array([rate]), cells[None].astype(np.float64))[0])
    corrected = _rogan_gladen(observed, drawn)
    if np.isnan(estimate):
        return CorrectedRate(raw, None)
    if np.isnan(corrected).mean() > 0.025:
        return CorrectedRate(raw, Figure(estimate, 0.0, 1.0))
    found = percentile_figure(estimate, corrected)
    assert found is not None, "under half of the resamples are without a value"
    return CorrectedRate(raw, Figure(estimate, min(estimate, found.low), max(estimate, found.high)))


def _rogan_gladen(rate: Array, cells: Array) -> Array:
    """Rates in [0, 1]; NaN where sensitivity and specificity add up to 1 or less. ``cells``: shape (n, 4)."""
    true_yes, false_yes, false_no, true_no = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        specificity = true_no / (true_no + false_yes)
        better = true_yes / (true_yes + false_no) + specificity - 1
        corrected: Array = np.clip((rate + specificity - 1) / better, 0, 1)
    corrected[~(better > 0)] = np.nan
    return corrected
