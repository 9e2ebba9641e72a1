"""The fitted encoder: one reading of a text gives every head's probability, without torch and without a server.

``judges/fitted/encoder.onnx`` is all-MiniLM-L6-v2, fine-tuned by ``timbre train training/presets/judge.toml`` and
run by onnxruntime on one thread; ``encoder.json`` beside it is its card. A long text is read in windows of whole
sentences. onnxruntime and the weights are loaded at the first reading.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from judges.text import sentences
from timbre.errors import TimbreError

Array = NDArray[np.floating[Any]]

FITTED = Path(__file__).with_name("fitted")
TUNED = "encoder"
"""The fine-tuned encoder with its heads."""
UNTUNED = "embeddings"
"""The same encoder as it was published, whose mean state is a sentence embedding."""

VERSION = 1
"""Of the way in which a text is read: windows, pooling, calibration."""

WINDOW_TOKENS = 190
"""Longest window, as long as the longest text that the heads were fitted on."""

OPENING_TOKENS = 64
"""Tokens that a sentence embedding is made of: with 190 no more answers find their own prompt
(``benchmarks/relevance.py``), and it takes three times as long."""

KEPT_TEXTS = 4096
"""Readings that are kept, so that several judges of one answer read it once."""


@dataclass(frozen=True)
class SentenceReading:
    """What the heads read in one sentence of a text, in its context."""

    start: int  # first character in the text
    end: int  # one past the last
    heads: Mapping[str, float]  # by head, in [0, 1]


@dataclass(frozen=True)
class Reading:
    """What the heads read in one text."""

    heads: Mapping[str, float]  # by head, in [0, 1]: mean over the windows, weighed by their tokens
    sentences: tuple[SentenceReading, ...]
    least_fluent: float  # ``fluent`` of the worst window, in [0, 1]


@lru_cache(maxsize=KEPT_TEXTS)
def read(text: str) -> Reading:
    """Read ``text`` with every head; a text without a word has all heads 0.

    Raises:
        TimbreError: The weights are missing or are other weights than the card names.
    """
    model = _load(TUNED)
    spans = [(s.start, s.end) for s in sentences(text)]
    if not spans:
        return Reading(dict.fromkeys(model.heads, 0.0), (), 0.0)
    rows, weights, read_sentences = [], [], []
    for window in model.windows(text, spans):
        hidden = model.run(window.ids)
        everything = np.ones(len(window.ids), dtype=bool)
        rows.append(model.probabilities(hidden, everything))
        weights.append(len(window.ids))
        for start, end in window.sentences:
            inside = np.array([b > a and a >= start and b <= end for a, b in window.offsets])
            if inside.any():
                read_sentences.append(
                    SentenceReading(start, end, model.by_head(model.probabilities(hidden, inside)))
                )
    means = np.average(np.array(rows), axis=0, weights=weights)
    fluent = model.heads.index("fluent")
    return Reading(model.by_head(means), tuple(read_sentences), float(min(row[fluent] for row in rows)))


def claims(text: str) -> tuple[tuple[int, int, float], ...]:
    """Start, end and probability of each sentence of ``text`` that its teller claims a past of their own."""
    return tuple((s.start, s.end, s.heads["claim"]) for s in read(text).sentences)


def fluency(text: str) -> float:
    """Probability that the least fluent window of ``text`` is prose that somebody wrote."""
    return read(text).least_fluent


@lru_cache(maxsize=KEPT_TEXTS)
def embedding(text: str) -> Array:
    """Sentence embedding of the opening of ``text`` by the encoder as published: unit length, shape (384,)."""
    model = _load(UNTUNED)
    ids = model.tokenizer.encode(text).ids
    if len(ids) > OPENING_TOKENS:
        ids = [*ids[: OPENING_TOKENS - 1], ids[-1]]
    mean = model.run(ids).mean(axis=0)
    unit: Array = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return unit


@lru_cache(maxsize=2)
def weights_sha256(name: str = TUNED) -> str:
    """Sha256 of the stored weights, as the card names them."""
    card = json.loads((FITTED / f"{name}.json").read_text(encoding="utf-8"))
    return str(card["sha256"])


@dataclass(frozen=True)
class _Window:
    ids: list[int]
    offsets: list[tuple[int, int]]  # characters of the whole text that each token covers
    sentences: list[tuple[int, int]]


class _Model:
    def __init__(self, session: Any, tokenizer: Any, card: dict[str, Any]) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.heads: list[str] = card.get("heads", [])
        self.weight = np.array(card.get("weight", []), dtype=np.float32)
        self.bias = np.array(card.get("bias", []), dtype=np.float32)

    def run(self, ids: Sequence[int]) -> Array:
        """Last hidden states, shape (tokens, 384)."""
        row = np.array([ids], dtype=np.int64)
        hidden: Array = self.session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row)})[0][0]
        return hidden

    def probabilities(self, hidden: Array, inside: NDArray[np.bool_]) -> Array:
        """Every head over the tokens ``inside``, shape (heads,); pooled as in ``training.judge.pooled``."""
        states = hidden[inside]
        pooled = np.concatenate([hidden[0], states.mean(axis=0), states.max(axis=0)])
        logits: Array = self.weight @ pooled + self.bias
        probabilities: Array = 1 / (1 + np.exp(-logits))
        return probabilities

    def by_head(self, probabilities: Array) -> dict[str, float]:
        """Probabilities, shape (heads,), by the names of their heads."""
        return dict(zip(self.heads, map(float, probabilities), strict=True))

    def windows(self, text: str, spans: Sequence[tuple[int, int]]) -> list[_Window]:
        """Whole sentences up to ``WINDOW_TOKENS``; a longer sentence is cut."""
        windows: list[_Window] = []
        pending: list[tuple[int, int]] = []
        lengths = [len(self.tokenizer.encode(text[a:b], add_special_tokens=False).ids) for a, b in spans]
        total = 0
        for span, length in zip(spans, lengths, strict=True):
            if pending and total + length > WINDOW_TOKENS - 2:
                windows.append(self._window(text, pending))
                pending, total = [], 0
            pending.append(span)
            total += length
        windows.append(self._window(text, pending))
        return windows

    def _window(self, text: str, spans: list[tuple[int, int]]) -> _Window:
        start, end = spans[0][0], spans[-1][1]
        encoding = self.tokenizer.encode(text[start:end])
        ids = encoding.ids
        offsets = [(a + start, b + start) for a, b in encoding.offsets]
        if len(ids) > WINDOW_TOKENS:
            ids, offsets = [*ids[: WINDOW_TOKENS - 1], ids[-1]], [*offsets[: WINDOW_TOKENS - 1], offsets[-1]]
        return _Window(ids, offsets, spans)


@lru_cache(maxsize=2)
def _load(name: str) -> _Model:
    import onnxruntime
    from tokenizers import Tokenizer

    path, card_path = FITTED / f"{name}.onnx", FITTED / f"{name}.json"
    try:
        data = path.read_bytes()
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TimbreError(
            "the encoder's weights are missing", where=str(path), do="git restore them"
        ) from error
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise TimbreError("not the weights that the card names", where=str(path), do="git restore them")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(FITTED / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return _Model(session, tokenizer, card)
