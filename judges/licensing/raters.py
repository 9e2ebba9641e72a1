"""How well do people agree with one another? The ceiling beside which a judge's agreement is read."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from judges.licensing.agreement import Array, Figure, bootstrap, correlation, kappa


@dataclass(frozen=True)
class Ceiling:
    """Agreement among the raters. A label that is their mean or majority is steadier than any one of them,
    so a judge may agree with it better than two raters do with each other.

    Attributes:
        raters: How many there are.
        statistic: ``kappa`` (Cohen's, where all ratings are 0 or 1) or ``r`` (Pearson's).
        pairwise: Its mean over the pairs of raters.
        alpha: Krippendorff's, nominal for ``kappa`` and interval for ``r``.
    """

    raters: int
    statistic: str
    pairwise: Figure | None
    alpha: Figure | None


def ceiling(ratings: Array) -> Ceiling | None:
    """The raters' agreement with one another, with bootstrap intervals over the texts.

    Args:
        ratings: Shape (rows, raters), NaN where a rater gave none.

    Returns:
        None for fewer than two raters, or where no text has two ratings.
    """
    if ratings.shape[1] < 2 or not (np.isfinite(ratings).sum(axis=1) >= 2).any():
        return None
    binary = bool(np.isin(ratings[np.isfinite(ratings)], (0, 1)).all())
    found = bootstrap(
        {
            "pairwise": lambda w: _pairwise(w, ratings, binary),
            "alpha": lambda w: krippendorff_alpha(w, ratings),
        },
        len(ratings),
    )
    return Ceiling(ratings.shape[1], "kappa" if binary else "r", found["pairwise"], found["alpha"])


def krippendorff_alpha(w: Array, ratings: Array) -> Array:
    """Krippendorff's alpha for interval data; of ratings that are all 0 or 1 it is the nominal alpha too.

    After Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": 1 - observed / expected
    disagreement, the squared differences of the pairable ratings within texts over those among all. With two
    values a squared difference is 0 or 1, as the nominal metric has it. A text with m ratings counts with
    its ordered pairs over m - 1, and the sum of their squared differences is 2 (m sum x^2 - (sum x)^2).

    Args:
        w: Shape (resamples, rows), weights of the texts.
        ratings: Shape (rows, raters), NaN where there is none; a text with one rating is left out.

    Returns:
        Shape (resamples,), NaN where nothing varies.
    """
    given = np.isfinite(ratings)
    m = given.sum(axis=1)
    kept = m >= 2
    w, m = w[:, kept], m[kept].astype(np.float64)
    x = np.where(given, ratings - np.nanmean(ratings), 0.0)[kept]
    sums, squares = x.sum(axis=1), (x * x).sum(axis=1)
    # Raters who all agree differ by a rounding error, on either side of 0.
    within = np.maximum(0, w @ (2 * (m * squares - sums**2) / (m - 1)))
    total = w @ m
    among = 2 * (total * (w @ squares) - (w @ sums) ** 2)
    varied = among > 1e-9
    expected = np.divide(among, total - 1, out=np.ones(len(w)), where=varied)
    return np.where(varied, 1 - within / expected, np.nan)


def _pairwise(w: Array, ratings: Array, binary: bool) -> Array:
    """Mean over the pairs of raters that share texts; a pair without a value in a resample is left out."""
    found = []
    for a, b in combinations(ratings.T, 2):
        both = np.isfinite(a) & np.isfinite(b)
        if both.sum() < 2:
            continue
        weights = w[:, both]
        weights[weights.sum(axis=1) == 0] = np.nan
        if binary:
            found.append(kappa(weights, a[both] == 1, b[both] == 1))
        else:
            found.append(correlation(weights, a[both], b[both]))
    if not found:
        return np.full(len(w), np.nan)
    pairs = np.stack(found)
    known = ~np.isnan(pairs)
    count = known.sum(axis=0)
    total = np.where(known, pairs, 0.0).sum(axis=0)
    mean: Array = np.divide(total, count, out=np.full(len(w), np.nan), where=count > 0)
    return mean
