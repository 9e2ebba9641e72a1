"""The labelled tweets and jokes that the shipped judges are fitted on, where they are at hand."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbre.paths import CHECKOUT
from training.judge_data import split_of

LABELS = CHECKOUT.parent / "shared" / "data" / "humor" / "labelled.csv"
"""SemEval-2021 task 7 (HaHackathon), training set: it is not part of the project."""

RESAMPLES = 2000
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Rows of the data set; every array has shape (n,).

    Attributes:
        ids: From the file.
        texts: Tweets and jokes.
        is_humor: 0 or 1.
        humor_rating: 0 to 4; NaN where ``is_humor`` is 0.
        offense_rating: 0 to 5.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    is_humor: Array
    humor_rating: Array
    offense_rating: Array

    def of(self, rows: NDArray[np.int64]) -> "Labels":
        """The rows named."""
        ids, texts = (tuple(column[i] for i in rows) for column in (self.ids, self.texts))
        return Labels(ids, texts, self.is_humor[rows], self.humor_rating[rows], self.offense_rating[rows])


def read_labels(path: Path = LABELS) -> Labels:
    """The labels; where there are none, a line that says so and exit status 0."""
    if not path.is_file():
        print(f"skipped: the labelled texts are not at hand ({path.name}, SemEval-2021 task 7)")
        sys.exit(0)
    frame = pd.read_csv(path)
    columns = (frame[c].to_numpy(float) for c in ("is_humor", "humor_rating", "offense_rating"))
    return Labels(tuple(frame["id"].astype(str)), tuple(frame["text"]), *columns)


def held_out(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The split of `timbre train` for a judge: rows to fit on, and a fifth that nothing is tuned on."""
    val = np.array([split_of(id_) == "val" for id_ in labels.ids])
    return np.flatnonzero(~val), np.flatnonzero(val)


def interval(figure: Callable[[NDArray[np.int64]], float], n: int) -> str:
    """``figure`` of all n rows with its 95 % percentile bootstrap interval over rows."""
    rng = np.random.default_rng(0)
    drawn = [figure(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{figure(np.arange(n)):.3f} [{low:.3f}, {high:.3f}]"


def agreement(labels: Labels, is_humor: Array, humor_rating: Array, offense_rating: Array) -> dict[str, str]:
    """AUC of is-humor, r of offense, and r of the humor rating among the humorous, each with its interval."""
    from sklearn.metrics import roc_auc_score

    funny = np.flatnonzero(labels.is_humor == 1)

    def auc(rows: NDArray[np.int64]) -> float:
        return float(roc_auc_score(labels.is_humor[rows], is_humor[rows]))

    def offense(rows: NDArray[np.int64]) -> float:
        return float(np.corrcoef(labels.offense_rating[rows], offense_rating[rows])[0, 1])

    def rating(rows: NDArray[np.int64]) -> float:
        return float(np.corrcoef(labels.humor_rating[funny[rows]], humor_rating[funny[rows]])[0, 1])

    n = len(labels.texts)
    return {
        "is humor, AUC": interval(auc, n),
        "offense, r": interval(offense, n),
        "humor rating, r": interval(rating, len(funny)),
    }
