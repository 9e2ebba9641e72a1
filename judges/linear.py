"""Linear judges of humor and provocativeness: hashed character and word n-grams, one weight each.

They need no server and no grader. Fitted on short texts, they read a long answer in windows of the
length they were fitted on, and its value is the mean over its windows. Weights are arrays in an
``.npz`` file, read without pickle; features are hashed, so no word of the fitted texts is in it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from judges.identity import JudgeIdentity
from judges.plain_text import NO_WORDS, sentences, words
from judges.types import Answer, Evidence, Judgement, unscored
from timbre.errors import TimbreError

Array = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("fitted") / "linear.npz"

FEATURES = 2**16
"""Hashed features of either kind; 2**18 gave no better agreement in cross-validation."""

WINDOW_WORDS = 40
"""Most words of a window, but for a single longer sentence: nine in ten fitted texts are shorter."""

TARGETS = ("is_humor", "humor_rating", "offense_rating")
_FITS = {"is_humor": 10.0, "humor_rating": 4.0, "offense_rating": 1.0}  # C, alpha, alpha
_RATING_TOP = {"humor_rating": 4.0, "offense_rating": 5.0}
_DIMENSIONS = {"humor": "is_humor", "provocativeness": "offense_rating"}


@dataclass(frozen=True)
class LinearJudges:
    """Three linear models over the same features.

    Attributes:
        idf: Inverse document frequencies, shape (2 * FEATURES,).
        coefficients: By target, shape (2 * FEATURES,).
        intercepts: By target.
        digest: Sha256 of the weights' file, or empty before they are stored.
    """

    idf: Array
    coefficients: dict[str, Array]
    intercepts: dict[str, float]
    digest: str = ""

    def predict(self, texts: Sequence[str]) -> dict[str, Array]:
        """By target, shape (texts,): the probability that people call it humor; ratings in [0, 1].

        The humor rating is how funny, given that it is meant to be; 1 stands for 4 of 4. An offense
        rating of 1 stands for 5 of 5.
        """
        features = _weighted(_counts(texts), self.idf)
        out = {}
        for target in TARGETS:
            raw = features @ self.coefficients[target] + self.intercepts[target]
            top = _RATING_TOP.get(target)
            out[target] = 1 / (1 + np.exp(-raw)) if top is None else np.clip(raw / top, 0, 1)
        return out

    def save(self, path: Path) -> None:
        """Write the weights in half precision."""
        arrays: dict[str, Any] = {"idf": self.idf.astype(np.float16)}
        for target in TARGETS:
            arrays[f"{target}.coefficients"] = self.coefficients[target].astype(np.float16)
            arrays[f"{target}.intercept"] = np.array(self.intercepts[target])
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)


def fit(texts: Sequence[str], is_humor: Array, humor_rating: Array, offense_rating: Array) -> LinearJudges:
    """Fit all three.

    Args:
        texts: Short texts, n of them.
        is_humor: 0 or 1, shape (n,).
        humor_rating: 0 to 4, shape (n,); read only where ``is_humor`` is 1.
        offense_rating: 0 to 5, shape (n,).
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    counts = _counts(texts)
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = np.log((1 + len(texts)) / (1 + seen)) + 1
    features = _weighted(counts, idf)
    funny = np.flatnonzero(is_humor == 1)
    models = {
        "is_humor": LogisticRegression(C=_FITS["is_humor"], solver="liblinear").fit(features, is_humor),
        "humor_rating": Ridge(_FITS["humor_rating"], solver="sparse_cg").fit(
            features[funny], humor_rating[funny]
        ),
        "offense_rating": Ridge(_FITS["offense_rating"], solver="sparse_cg").fit(features, offense_rating),
    }
    return LinearJudges(
        idf,
        {target: np.ravel(model.coef_) for target, model in models.items()},
        {target: float(np.ravel(model.intercept_)[0]) for target, model in models.items()},
    )


@lru_cache(maxsize=2)
def load(path: Path = WEIGHTS) -> LinearJudges:
    """Read stored weights.

    Raises:
        TimbreError: The file is missing or is not such a file.
    """
    try:
        data = path.read_bytes()
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float64) for name in stored.files}
        return LinearJudges(
            arrays["idf"],
            {target: arrays[f"{target}.coefficients"] for target in TARGETS},
            {target: float(arrays[f"{target}.intercept"]) for target in TARGETS},
            hashlib.sha256(data).hexdigest(),
        )
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise TimbreError(
            f"not a linear judge ({type(error).__name__})", where=str(path), do="restore it from git"
        ) from error


def linear_identity(dimension: str) -> JudgeIdentity:
    """The linear judge of ``humor`` or ``provocativeness``; new weights or reading make another judge."""
    return JudgeIdentity(f"linear/{dimension}", dimension, {"weights": load().digest, "reading": _reading()})


@lru_cache(maxsize=1)
def _reading() -> str:
    """Digest of how texts are parted, counted and weighed: two files, and the library that hashes n-grams."""
    sources = [Path(__file__), Path(__file__).with_name("plain_text.py")]
    told = [*(path.read_bytes() for path in sources), version("scikit-learn").encode()]
    return hashlib.sha256(b"\0".join(told)).hexdigest()


@lru_cache(maxsize=4)
def _judge_name(dimension: str) -> str:
    return str(linear_identity(dimension))


def linear_judgements(answer: Answer) -> dict[str, Judgement]:
    """Humor and provocativeness of one answer, each the mean over its windows.

    Returns:
        Values in [0, 1]: for humor the probability that people call a window humor, for provocativeness
        the offense rating they would give it, over 5. Evidence is the window with the highest value.
        Details: ``windows``, and for humor ``rating`` (how funny, 0 to 4, if it is meant to be).
        Unscored where there are no words.
    """
    spans = windows(answer.text)
    if not spans:
        return {key: unscored(key, NO_WORDS) for key in _DIMENSIONS}
    predicted = load().predict([text for text, _, _ in spans])
    judged = {}
    for key, target in _DIMENSIONS.items():
        values = predicted[target]
        _, start, end = spans[int(values.argmax())]
        details = {"windows": float(len(spans))}
        if key == "humor":
            details["rating"] = 4 * float(predicted["humor_rating"].mean())
        evidence = (Evidence(answer.text[start:end], start, end, "highest_window"),)
        value = float(values.mean())
        judged[key] = Judgement(key, value, evidence, details=details, judge=_judge_name(key))
    return judged


def windows(text: str) -> list[tuple[str, int, int]]:
    """Whole sentences of the prose, gathered up to ``WINDOW_WORDS``: ``(prose, start, end)`` in order."""
    found: list[tuple[str, int, int]] = []
    held = 0
    for sentence in sentences(text):
        said = " ".join(sentence.text.split()).encode(errors="replace").decode()
        size = len(words(said))
        if found and held + size <= WINDOW_WORDS:
            before, start, _ = found[-1]
            found[-1] = (f"{before} {said}", start, sentence.end)
            held += size
        else:
            found.append((said, sentence.start, sentence.end))
            held = size
    return found


def _counts(texts: Sequence[str]) -> Any:
    """Logarithmic counts of character and word n-grams, a sparse (texts, 2 * FEATURES) matrix."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    shared: dict[str, Any] = {"n_features": FEATURES, "alternate_sign": False, "norm": None}
    characters = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), lowercase=False, **shared)
    spoken = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b|[^\w\s]", **shared)
    both = csr_matrix(hstack([characters.transform(texts), spoken.transform(texts)]))
    both.data = 1 + np.log(both.data)
    return both


def _weighted(counts: Any, idf: Array) -> Any:
    """Counts by idf, characters and words each scaled to unit length."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.preprocessing import normalize

    weighted = csr_matrix(counts.multiply(idf[None, :]))
    return csr_matrix(hstack([normalize(weighted[:, :FEATURES]), normalize(weighted[:, FEATURES:])]))
