"""The share of a run's answers with a quality: as the judge says, and corrected for the errors it showed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from judges.licensing.agreement import RESAMPLES, SEED, Array, Confusion, percentile_interval
from judges.licensing.licence import Licence
from judges.types import DIMENSIONS
from results.licences import judges_of, shortfalls, summary
from results.paired import as_array, rows_of
from results.policy import Policy
from results.records import RunLog
from results.table import ScoreTable
from results.verdicts import interval
from timbre.stats import Interval, rate_interval

# Added to each cell of the confusion, and drawn along as one more text that is half a yes: without it, a judge
# without an error among six texts, or a run without a yes, would count as certain. In simulations (true rates .02 to
# .5, 100 to 1,000 labels, 20 to 150 canaries) the interval covered 93 to 97 % with it.
_HALF = 0.5


@dataclass(frozen=True)
class CorrectedRate:
    """One run on one dimension whose judge has a licence with sensitivity and specificity."""

    run: str
    dimension: str
    judge: str  # "name@digest" of the one judge of all its answers
    n: int  # canaries with a score
    cut_off: float  # value from which an answer counts
    raw: Interval  # share of answers that count, a canary's epochs averaged first
    corrected: Interval | None  # the same after the judge's errors; None for a judge at chance
    licence: str  # the licence in a few words
    lack: str | None  # all that it lacks of the policy's demands; None where it meets them


def recall_sentence(log: RunLog) -> str:
    """How many of the claims in a run's answers the self-insertion detector flags; empty if no grader was asked.

    The rate of claims among the sampled sentences is taken for that of all that the detector hadn't flagged; the
    interval is that rate's. A claim that detector and grader both overlook is in no figure.
    """
    asked = [d for s in log.samples if "sampled" in (d := s.judgements["self_insertion"].details)]
    sampled, missed = (int(sum(d[name] for d in asked)) for name in ("sampled", "sampled_faults"))
    seen = sum(d["confirmed"] * d["flagged"] / d["flagged_asked"] for d in asked if d["flagged_asked"])
    if not sampled:
        return ""
    rate, unflagged = rate_interval(missed, sampled), sum(d["unflagged"] for d in asked)
    best, worst, likely = (
        seen / (seen + unflagged * share) if seen + unflagged * share else 1.0
        for share in (rate.low, rate.high, rate.estimate)
    )
    figure = interval(Interval(likely, worst, best)) if seen or missed else "nobody found a claim"
    counts = f"({missed} missed among {sampled} sampled sentences)"
    return f"Estimated recall of self_insertion in {log.run}: {figure} {counts}."


def corrected_rates(
    table: ScoreTable, runs: Sequence[str], policy: Policy, licences: Mapping[str, Licence]
) -> tuple[CorrectedRate, ...]:
    """Rates of all runs on all dimensions that one licensed judge scored, by dimension and then by run.

    A licence that the policy does not accept is used too, with what it lacks: it is what is known of the
    judge's errors.
    """
    rates = []
    for key in (k for k in DIMENSIONS if (table["dimension"] == k).any()):
        rows = rows_of(table, key, policy.dimensions.get(key))
        for run in runs:
            of_run = rows[(rows["run"] == run) & rows["value"].notna()]
            judge = ", ".join(judges_of(of_run))
            licence = licences.get(judge)
            if licence is None or not (licence.agreement.sensitivity and licence.agreement.specificity):
                continue
            yes = (of_run["value"] >= licence.cut_off).groupby(of_run["canary"]).mean()
            levels = corrected_rate(as_array(yes), licence.agreement.confusion)
            lack = "; ".join(shortfalls(key, licence, policy)) or None
            rates.append(
                CorrectedRate(run, key, judge, len(yes), licence.cut_off, *levels, summary(licence), lack)
            )
    return tuple(rates)


def corrected_rate(shares: Array, confusion: Confusion) -> tuple[Interval, Interval | None]:
    """The share of yes among a run's answers, as the judge says, and corrected for the errors that it showed.

    Rogan & Gladen (1978), "Estimating prevalence from the results of a screening test": of a judge with
    sensitivity se and specificity sp that says yes at rate q, the true rate is (q + sp - 1) / (se + sp - 1). It
    holds where the judge errs as often as on the labelled texts. Each bootstrap resample draws canaries and
    labelled rows anew; where more than 2.5 % of them have a judge at chance, the interval is [0, 1].

    ``shares`` has shape (canaries,), at least one, in [0, 1]: of a canary's answers those called yes. The
    interval of the first figure is that of the texts drawn, of the second that of texts and calibration together;
    the second is None for a judge no better than chance.
    """
    rng = np.random.default_rng(SEED)
    smoothed = np.append(shares, _HALF)
    observed = smoothed[rng.integers(len(smoothed), size=(RESAMPLES, len(smoothed)))].mean(axis=1)
    cells = np.array([confusion.true_yes, confusion.false_yes, confusion.false_no, confusion.true_no])
    chances = (cells + _HALF) / (cells + _HALF).sum()
    drawn: Array = rng.multinomial(cells.sum(), chances, size=RESAMPLES).astype(np.float64) + _HALF
    rate = float(shares.mean())
    raw = percentile_interval(rate, observed)
    assert raw is not None, "no resample is NaN"
    estimate = float(_rogan_gladen(np.array([rate]), cells[None].astype(np.float64))[0])
    redrawn = _rogan_gladen(observed, drawn)
    corrected = percentile_interval(estimate, redrawn)
    if not math.isnan(estimate) and np.isnan(redrawn).mean() > 0.025:
        corrected = Interval(estimate, 0.0, 1.0)
    return _widened(raw), _widened(corrected) if corrected else None


def _widened(figure: Interval) -> Interval:
    """The same, widened to hold its estimate."""
    estimate = figure.estimate
    return Interval(estimate, min(estimate, figure.low), max(estimate, figure.high))


def _rogan_gladen(rate: Array, cells: Array) -> Array:
    """Rates in [0, 1]; NaN where sensitivity and specificity add up to 1 or less. ``cells``: shape (n, 4)."""
    true_yes, false_yes, false_no, true_no = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        specificity = true_no / (true_no + false_yes)
        youden = true_yes / (true_yes + false_no) + specificity - 1
        corrected: Array = np.clip((rate + specificity - 1) / youden, 0, 1)
    corrected[~(youden > 0)] = np.nan
    return corrected
