"""How far from the base model, and how near to the writer, does an answer sound?

scikit-learn takes seconds to import, so it is imported on first use.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from judges.plain_text import EMPTY, NO_WORDS, is_blank, plain_text, words
from judges.reference import VoiceReference
from judges.types import Answer, Judgement, unscored

WINDOW = 40
"""Words in a window. A text is compared in equal pieces of about this length: likeness rises with
length, so a ramble of 500 words compared whole would outdo a note of 60 by its length alone."""

STEP = 10
"""A shorter answer is compared with pieces of the reference that are cut as short, in steps of this
many words; under one step there is too little to hear a voice in."""

NGRAMS = (3, 5)
"""Lengths of the character n-grams. On the shipped pairs 1-3, 2-4, 2-5 and 3-5 part held-out texts
from an assistant's about equally well; with 3-5 random letters and other languages come out lowest."""

MIN_TEXTS = 2
"""Fewest texts of each part of the reference from which a spread can be had."""

STRANGE = 0.7
"""Share of the least likeness, and of the least variety of words, found among the writer's own texts
below which an answer counts as strange to the writer altogether: noise, another language, a loop."""

_Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Scale:
    """What the reference scores by itself, cut into pieces of one length."""

    floor: float
    ceiling: float
    standard_error: float
    least_likeness: float
    least_variety: float

    def kinship(self, likeness: float, variety: float) -> float:
        """1 for a text no stranger than the writer's own strangest, falling to 0 at ``STRANGE`` of that."""
        least = min(likeness / self.least_likeness, variety / self.least_variety)
        return min(1.0, max(0.0, (least - STRANGE) / (1 - STRANGE)))


class VoiceModel:
    """The writer's and the base's centroids in a space of character n-grams; fitted once per reference."""

    def __init__(self, reference: VoiceReference) -> None:
        """Fit on the ``train`` and ``floor`` texts of ``reference``; deterministic."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._reference = reference
        writer, base = (_pieces(texts, WINDOW) for texts in (reference.train, reference.floor))
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=NGRAMS, sublinear_tf=True, dtype=np.float64
        )
        self._vectorizer.fit([piece for _, piece in (*writer, *base)])
        self._writer = _Centroid(self._vectorizer, writer)
        self._base = _Centroid(self._vectorizer, base)
        self._scales: dict[int, _Scale] = {}

    def contrast(self, text: str, size: int) -> tuple[float, float]:
        """Likeness to the writer less likeness to the base, and the first alone, meaned over the pieces."""
        rows = self._vectorizer.transform([piece for _, piece in _pieces([text], size)])
        likeness = self._writer.likeness(rows)
        return float(np.mean(likeness - self._base.likeness(rows))), float(np.mean(likeness))

    def scale(self, size: int) -> _Scale:
        """What the reference scores in pieces of ``size`` words, each text compared without itself."""
        if size not in self._scales:
            _, writer_alike = self._own_texts(self._reference.train, size, self._writer, self._base)
            floor_away, _ = self._own_texts(self._reference.floor, size, self._base, self._writer)
            held_out = [self.contrast(t, size) for t in self._reference.held_out if words(t)]
            ceiling = np.array([raw for raw, _ in held_out])
            floor = -floor_away
            error = math.sqrt(ceiling.var(ddof=1) / len(ceiling) + floor.var(ddof=1) / len(floor))
            least = min([float(writer_alike.min()), *(alike for _, alike in held_out)])
            variety = min(variety_of(t, size) for t in (*self._reference.train, *self._reference.held_out))
            self._scales[size] = _Scale(
                float(floor.mean()), float(ceiling.mean()), error, max(least, 1e-9), max(variety, 1e-9)
            )
        return self._scales[size]

    def _own_texts(
        self, texts: Sequence[str], size: int, own: "_Centroid", other: "_Centroid"
    ) -> tuple[_Vector, _Vector]:
        """Per text of ``own``: contrast to ``other``, and likeness to ``own`` without the text itself."""
        pieces = _pieces(texts, size)
        rows = self._vectorizer.transform([piece for _, piece in pieces])
        owners = np.array([owner for owner, _ in pieces])
        alike = own.likeness_without(rows, owners)
        away = other.likeness(rows)
        kept = np.unique(owners)
        return (
            np.array([(alike - away)[owners == i].mean() for i in kept]),
            np.array([alike[owners == i].mean() for i in kept]),
        )


class _Centroid:
    """The mean direction of many TF-IDF rows, from which any one text's rows can be taken out again."""

    def __init__(self, vectorizer: Any, pieces: Sequence[tuple[int, str]]) -> None:
        from scipy.sparse import csr_matrix

        rows = vectorizer.transform([piece for _, piece in pieces])
        owners = np.array([owner for owner, _ in pieces])
        shape = (int(owners.max()) + 1, len(owners))
        by_text = csr_matrix((np.ones(len(owners)), (owners, np.arange(len(owners)))), shape=shape)
        self._sums = by_text @ rows
        self._total: _Vector = np.asarray(self._sums.sum(axis=0)).ravel()

    def likeness(self, rows: Any) -> _Vector:
        """Cosine of each row with the centroid."""
        return np.asarray(rows @ self._total) / max(float(np.linalg.norm(self._total)), 1e-12)

    def likeness_without(self, rows: Any, owners: NDArray[np.int64]) -> _Vector:
        """Cosine of each row with the centroid of all texts but the row's own."""
        own = self._sums[owners]
        dots = np.asarray(rows @ self._total) - np.asarray(rows.multiply(own).sum(axis=1)).ravel()
        squares = (
            float(self._total @ self._total)
            - 2 * np.asarray(own @ self._total)
            + np.asarray(own.multiply(own).sum(axis=1)).ravel()
        )
        cosines: _Vector = dots / np.sqrt(np.maximum(squares, 1e-24))
        return cosines


def voice_match(answer: Answer, reference: VoiceReference | None) -> Judgement:
    """Likeness to the writer, between the base model's floor and the writer's own held-out ceiling.

    ``raw`` is the cosine of the answer's character n-gram TF-IDF with the writer's centroid less
    that with the base's, meaned over pieces of equal length. Likeness to the writer alone hardly
    parts held-out texts from an assistant's answers on the same subjects (AUC .57 to .81 over window
    and n-gram sizes, on the shipped pairs and 14 answers made up in an assistant's manner; most of it
    is the language and the subject); the difference does (AUC above .99).

    ``value = clip((raw - floor) / (ceiling - floor), 0, 1) x kinship``, in [0, 1]. ``kinship`` is 1
    for any text as like the writer, and of as various words, as the writer's own least typical ones,
    and falls to 0 at ``STRANGE`` of either: noise and loops are unlike the base too, and must not
    pass for a voice by that.

    Floor and ceiling are the means over the reference's own texts cut to the answer's length, each
    compared without itself. The judge is blind to the order of words and to what is said.

    Returns:
        No evidence, as no single span carries it. Unscored without a reference, with too few
        texts, for under ``STEP`` words, and where ceiling and floor are less than two standard errors apart,
        since the scale between them would then be noise. Details: ``raw``, ``floor``,
        ``ceiling``, ``unclipped``, ``kinship``.
    """
    if is_blank(answer.text):
        return unscored("voice_match", EMPTY)
    if reference is None:
        return unscored("voice_match", "no reference texts of the writer")
    for part, texts in (
        ("training", reference.train),
        ("held-out", reference.held_out),
        ("floor", reference.floor),
    ):
        have = sum(bool(words(text)) for text in texts)
        if have < MIN_TEXTS:
            return unscored("voice_match", f"{have} {part} texts, needs {MIN_TEXTS}")
    count = len(words(answer.text))
    if not count:
        return unscored("voice_match", NO_WORDS)
    if count < STEP:
        return unscored("voice_match", f"fewer than {STEP} words")
    size = min(WINDOW, count // STEP * STEP)
    model = fit_voice(reference)
    scale = model.scale(size)
    if not scale.ceiling - scale.floor > 2 * scale.standard_error:
        return unscored("voice_match", "the writer's held-out texts don't stand apart from the floor")
    raw, likeness = model.contrast(answer.text, size)
    unclipped = (raw - scale.floor) / (scale.ceiling - scale.floor)
    kinship = scale.kinship(likeness, variety_of(answer.text, size))
    return Judgement(
        "voice_match",
        min(1.0, max(0.0, unclipped)) * kinship,
        details={
            "raw": raw,
            "floor": scale.floor,
            "ceiling": scale.ceiling,
            "unclipped": unclipped,
            "kinship": kinship,
        },
    )


@lru_cache(maxsize=4)
def fit_voice(reference: VoiceReference) -> VoiceModel:
    """The model of ``reference``, fitted at the first call."""
    return VoiceModel(reference)


def variety_of(text: str, size: int) -> float:
    """Mean share of distinct words in the pieces of ``text``, in [0, 1]; 1 for a text without words."""
    shares = [len(set(p.lower().split())) / len(p.split()) for _, p in _pieces([text], size)]
    return sum(shares) / len(shares) if shares else 1.0


def _pieces(texts: Sequence[str], size: int) -> list[tuple[int, str]]:
    """Each text's prose in equal pieces of about ``size`` words, with the text's position."""
    cut = []
    for owner, text in enumerate(texts):
        tokens = _evened(plain_text(text)).split()
        parts = max(1, round(len(tokens) / size))
        edges = [round(i * len(tokens) / parts) for i in range(parts + 1)]
        cut += [(owner, " ".join(tokens[a:b])) for a, b in pairwise(edges) if b > a]
    return cut


def _evened(text: str) -> str:
    """Typographic quotes made plain: they tell the keyboard, not the writer."""
    return text.translate(str.maketrans("\u2018\u2019“”", "''\"\""))
