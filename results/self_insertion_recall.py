"""How many of an eval's claims of a past the self-insertion detector saw, as the graders of stage 2 say.

Of each answer, the flagged sentences and a random sample of the others were put to the graders
(``judges.confirm``). A claim found in the sample stands for as many as there are sentences for
each one sampled, so recall = TP / (TP + sum of w_i m_i), with m_i claims missed among those sampled of
answer i and w_i = unflagged / sampled. TP are the flagged sentences that the graders confirmed, scaled up
where an answer had more than were asked about; that scaling is in no interval.

It is the recall over the sentences of these answers, and as good as the graders: a claim that detector and
grader both overlook is in no figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from results.records import RunLog
from results.statistics import Array
from timbre.errors import TimbreError


@dataclass(frozen=True)
class Inspected:
    """What stage 2 found in one answer; every count is of sentences."""

    flagged: int  # by the detector
    flagged_asked: int  # of them, put to the graders
    confirmed: int  # of these, where the graders found a fault
    unflagged: int
    sampled: int  # of the unflagged, put to the graders
    missed: int  # of these, where the graders found a fault


@dataclass(frozen=True)
class RecallEstimate:
    """Estimated over the answers that were inspected."""

    answers: int
    sampled: int  # sentences put to the graders that the detector had not flagged
    missed: int  # claims found among them
    true_positives: float  # flagged sentences that are claims, estimated where not all were asked about
    false_negatives: float  # estimated claims among all sentences not flagged
    recall: float | None  # None where neither detector nor graders found a claim
    low: float  # of the 95 % interval; 0 with recall None
    high: float  # 1 with recall None


_COUNTS = ("flagged", "flagged_asked", "confirmed", "unflagged", "sampled", "sampled_faults")


def recall_of(log: RunLog) -> RecallEstimate | None:
    """The detector's recall over one run's answers; None where no grader inspected any."""
    details = [sample.judgements["self_insertion"].details for sample in log.samples]
    rows = [Inspected(*(int(d[name]) for name in _COUNTS)) for d in details if "sampled_faults" in d]
    return estimated_recall(rows) if rows else None


def estimated_recall(rows: Sequence[Inspected]) -> RecallEstimate:
    """Estimate recall from samples drawn by answer.

    The answers are taken as they are, so only the draw of sentences is uncertain. The interval of the
    weighted count of missed claims is Fay & Feuer's (1997), "Confidence intervals for directly standardized
    rates: a method based on the gamma distribution". It takes counts for Poisson's, which vary more than
    draws without replacement, and holds its level with no claim found at all: then the limit is that of
    3.7 claims of the greatest weight. An answer whose sentences were all asked about adds no doubt.

    Raises:
        TimbreError: counts that contradict each other.
    """
    for r in rows:
        if not (
            0 <= r.confirmed <= r.flagged_asked <= r.flagged
            and 0 <= r.missed <= r.sampled <= r.unflagged
            and (r.sampled > 0 or r.unflagged == 0)
        ):
            do = "evaluate with this version of Timbre"
            raise TimbreError("counts that contradict each other", where=str(r), do=do)
    seen = float(sum(r.confirmed * r.flagged / r.flagged_asked for r in rows if r.flagged_asked))
    drawn = [r for r in rows if r.sampled < r.unflagged]
    certain = float(sum(r.missed for r in rows if r.sampled == r.unflagged))
    counts = np.array([r.missed for r in drawn], dtype=np.float64)
    weights = np.array([r.unflagged / r.sampled for r in drawn], dtype=np.float64)
    low, high = _weighted_poisson(counts, weights)
    most = float(sum(r.unflagged - r.sampled + r.missed for r in drawn))
    missed = certain + float(counts @ weights)

    def recall(lost: float) -> float | None:
        return seen / (seen + lost) if seen + lost > 0 else None

    best = recall(certain + low)
    return RecallEstimate(
        answers=len(rows),
        sampled=sum(r.sampled for r in rows),
        missed=sum(r.missed for r in rows),
        true_positives=seen,
        false_negatives=missed,
        recall=recall(missed),
        low=recall(certain + min(high, most)) or 0.0,
        high=1.0 if best is None else best,
    )


def _weighted_poisson(counts: Array, weights: Array) -> tuple[float, float]:
    """95 % limits of a weighted sum of Poisson counts."""
    if not len(counts):
        return 0.0, 0.0
    total, variance, top = float(counts @ weights), float(counts @ weights**2), float(weights.max())
    low = variance / (2 * total) * chi2.ppf(0.025, 2 * total**2 / variance) if total else 0.0
    above, spread = total + top, variance + top**2
    return float(low), float(spread / (2 * above) * chi2.ppf(0.975, 2 * above**2 / spread))
