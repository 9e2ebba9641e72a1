"""How many of an eval's claims of a past the self-insertion detector saw, as the graders of stage 2 say.

Of each answer, the flagged sentences and a random sample of the others were put to the graders
(``judges.confirm``). A claim found in the sample stands for as many as there are sentences for
each one sampled, so recall = TP / (TP + sum of w_i m_i), with m_i claims missed among those sampled of
answer i and w_i = unflagged / sampled. TP are the flagged sentences that the graders confirmed, scaled up
where an answer had more than were asked about; that scaling is in no interval.

It is the recall over the sentences of these answers, and as good as the graders: a claim that detector and
grader both overlook is in no figure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from results.records import RunLog, Sample
from timbre.errors import TimbreError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Inspected:
    """What stage 2 found in one answer; every count is of sentences.

    Attributes:
        flagged: That the detector flagged.
        flagged_asked: Of them, put to the graders.
        confirmed: Of these, where the graders found a fault.
        unflagged: The others.
        sampled: Of them, put to the graders.
        missed: Of these, where the graders found a fault.
    """

    flagged: int
    flagged_asked: int
    confirmed: int
    unflagged: int
    sampled: int
    missed: int


@dataclass(frozen=True)
class RecallEstimate:
    """Estimated over the answers that were inspected.

    Attributes:
        answers: How many there were.
        sampled: Sentences put to the graders that the detector had not flagged.
        missed: Claims found among them.
        true_positives: Flagged sentences that are claims, estimated where not all were asked about.
        false_negatives: Estimated claims among all sentences not flagged.
        recall: In [0, 1]; None where neither detector nor graders found a claim.
        low: Lower limit of the 95 % interval; 0 with ``recall`` None.
        high: Upper limit; 1 with ``recall`` None.
    """

    answers: int
    sampled: int
    missed: int
    true_positives: float
    false_negatives: float
    recall: float | None
    low: float
    high: float


def recall_of(log: RunLog) -> RecallEstimate | None:
    """The detector's recall over one run's answers; None where no grader inspected any."""
    inspected = [found for sample in log.samples if (found := inspected_sample(sample))]
    return estimated_recall(inspected) if inspected else None


def inspected_sample(sample: Sample) -> Inspected | None:
    """What the log tells of stage 2 for one answer; None where it was not asked."""
    told = sample.judgements["self_insertion"].details
    names = ("flagged", "flagged_asked", "confirmed", "unflagged", "sampled", "sampled_faults")
    return Inspected(*(int(told[name]) for name in names)) if "sampled_faults" in told else None


def estimated_recall(inspected: Iterable[Inspected]) -> RecallEstimate:
    """Estimate recall from samples drawn by answer.

    The answers are taken as they are, so only the draw of sentences is uncertain. The interval of the
    weighted count of missed claims is Fay & Feuer's (1997), "Confidence intervals for directly standardized
    rates: a method based on the gamma distribution". It takes counts for Poisson's, which vary more than
    draws without replacement, and holds its level with no claim found at all: then the limit is that of
    3.7 claims of the greatest weight. An answer whose sentences were all asked about adds no doubt.

    Args:
        inspected: One for each answer.

    Raises:
        TimbreError: counts that contradict each other.
    """
    rows = list(inspected)
    for row in rows:
        _check(row)
    found = sum(r.confirmed * r.flagged / r.flagged_asked for r in rows if r.flagged_asked)
    whole = [r for r in rows if r.sampled == r.unflagged]
    drawn = [r for r in rows if r.sampled < r.unflagged]
    certain = float(sum(r.missed for r in whole))
    counts = np.array([r.missed for r in drawn], dtype=np.float64)
    weights = np.array([r.unflagged / r.sampled for r in drawn], dtype=np.float64)
    low, high = _weighted_poisson(counts, weights)
    most = float(sum(r.unflagged - r.sampled + r.missed for r in drawn))
    missed = certain + float(counts @ weights)
    return RecallEstimate(
        answers=len(rows),
        sampled=sum(r.sampled for r in rows),
        missed=sum(r.missed for r in rows),
        true_positives=float(found),
        false_negatives=missed,
        recall=_recall(found, missed),
        low=_recall(found, certain + min(high, most)) or 0.0,
        high=1.0 if (best := _recall(found, certain + low)) is None else best,
    )


def _recall(found: float, missed: float) -> float | None:
    return found / (found + missed) if found + missed > 0 else None


def _weighted_poisson(counts: Array, weights: Array) -> tuple[float, float]:
    """95 % limits of a weighted sum of Poisson counts."""
    if not len(counts):
        return 0.0, 0.0
    total, variance, top = float(counts @ weights), float(counts @ weights**2), float(weights.max())
    low = variance / (2 * total) * chi2.ppf(0.025, 2 * total**2 / variance) if total else 0.0
    above, spread = total + top, variance + top**2
    return float(low), float(spread / (2 * above) * chi2.ppf(0.975, 2 * above**2 / spread))


def _check(row: Inspected) -> None:
    fine = (
        0 <= row.confirmed <= row.flagged_asked <= row.flagged
        and 0 <= row.missed <= row.sampled <= row.unflagged
        and (row.sampled > 0 or row.unflagged == 0)
    )
    if not fine:
        raise TimbreError(
            "counts that contradict each other", where=str(row), do="evaluate with this version of Timbre"
        )
