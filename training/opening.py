"""Fit the linear heads that ``judges.encoder.opening_heads`` reads: no torch, and a minute for all labelled texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from judges.encoder import embedding
from judges.text import clean
from training.judge_data import JudgeExample

PENALTY = 10.0
"""C of the logistic regression, alpha of the ridge; of 3, 10 and 30 none is clearly better."""

FUNNY_STRETCH = 2.0
"""Spread of the encoder's head ``funny`` on unseen texts against that of the linear one: .094 and .049."""


def fit_opening(examples: Sequence[JudgeExample], repeats: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """``joke`` (log-odds) and ``funny``, fitted as linear functions of ``judges.encoder.embedding``.

    A text counts as often as the encoder reads it: ``repeats`` by its set, once where none is named. Penalised least
    squares keep close to the mean; ``funny`` is stretched to the spread of the encoder's own head.

    Returns:
        ``weight`` (384 numbers) and ``bias`` by head.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    read = [e for e in examples if repeats.get(e.source, 1)]
    known = [e for e in read if "joke" in e.targets or "funny" in e.targets]
    units = np.array([embedding(clean(e.text).text) for e in known])
    times = np.array([float(repeats.get(e.source, 1)) for e in known])
    jokes, ratings = (np.array([e.targets.get(head, np.nan) for e in known]) for head in ("joke", "funny"))
    is_rated = ~np.isnan(ratings)
    line = Ridge(PENALTY).fit(units[is_rated], ratings[is_rated], sample_weight=times[is_rated])
    mean = float(np.average(ratings[is_rated], weights=times[is_rated]))
    bias = mean + FUNNY_STRETCH * float(line.intercept_ - mean)
    is_told = ~np.isnan(jokes)
    units, jokes, times = units[is_told], jokes[is_told], times[is_told]
    both = np.repeat([1, 0], len(jokes))  # a label between 0 and 1 is so much of either
    odds = LogisticRegression(C=PENALTY, max_iter=3000)
    odds.fit(np.tile(units, (2, 1)), both, sample_weight=np.concatenate([times * jokes, times * (1 - jokes)]))
    heads = {"joke": (odds.coef_[0], float(odds.intercept_[0])), "funny": (line.coef_ * FUNNY_STRETCH, bias)}
    return {
        name: {"weight": [round(float(x), 4) for x in weight], "bias": round(bias, 4)}
        for name, (weight, bias) in heads.items()
    }
