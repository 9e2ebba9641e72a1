"""The fitted encoder: one reading of a text gives every head's probability, without torch and without a server.

``judges/fitted/encoder.onnx`` is all-MiniLM-L6-v2, fine-tuned by ``timbre train training/presets/judge.toml`` and
run by onnxruntime on one thread; ``encoder.json`` beside it is its card. A long text is read in windows of whole
sentences. onnxruntime and the weights are loaded at the first reading.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
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
TUNED = "encoder"  # the fine-tuned encoder with its heads
UNTUNED = "embeddings"  # the same encoder as it was published, whose mean state is a sentence embedding
OPENING = "opening"  # linear heads on that embedding
VERSION = 1  # of the way in which a text is read: windows, pooling, calibration
WINDOW_TOKENS = 190  # longest window, as long as the longest text that the heads were fitted on
# Tokens that a sentence embedding is made of: with 64 or 190 no more answers find their own prompt
# (`benchmarks/relevance.py`), and it takes longer.
OPENING_TOKENS = 48
# The fused sum and normalisation takes seven times as long as the two apart, a tenth of a reading.
SLOW_FUSIONS = ["SkipLayerNormFusion"]
KEPT_TEXTS = 4096  # readings that are kept, so that several judges of one answer read it once


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
    """Read ``text`` with every head; a text without a word has all heads 0."""
    model = _load(TUNED)
    spans = [(s.start, s.end) for s in sentences(text)]
    if not spans:
        return Reading(dict.fromkeys(model.heads, 0.0), (), 0.0)
    rows, weights, read_sentences = [], [], []
    for ids, places in _windows(text, spans):
        places = [place for place in places if place[2] < place[3]]
        whole, *each = model.read(ids, [(0, len(ids)), *((first, last) for _, _, first, last in places)])
        rows.append(whole)
        weights.append(len(ids))
        read_sentences += [
            SentenceReading(start, end, model.by_head(heads))
            for (start, end, _, _), heads in zip(places, each, strict=True)
        ]
    means = np.average(np.array(rows), axis=0, weights=weights)
    fluent = model.heads.index("fluent")
    return Reading(model.by_head(means), tuple(read_sentences), float(min(row[fluent] for row in rows)))


def _windows(
    text: str, spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[list[int], list[tuple[int, int, int, int]]]]:
    """Tokens of whole sentences up to ``WINDOW_TOKENS``, a longer sentence being cut.

    With each window, for each of its sentences: start and end in the text, first token and one past the last.
    """
    encoding, (opening, closing), most = _encoding(text), _marks(), WINDOW_TOKENS - 2
    starts, ends = np.array(encoding.offsets).reshape(-1, 2).T
    edges = [(int(np.searchsorted(starts, a)), int(np.searchsorted(ends, b, "right"))) for a, b in spans]
    groups: list[list[int]] = [[]]
    total = 0
    for number, (begin, end) in enumerate(edges):
        if groups[-1] and total + end - begin > most:
            groups.append([])
            total = 0
        groups[-1].append(number)
        total += end - begin
    for group in groups:
        first = edges[group[0]][0]
        inner = encoding.ids[first : edges[group[-1]][1]][:most]
        cuts = ((n, *(1 + min(edge - first, most) for edge in edges[n])) for n in group)
        places = [(*spans[n], a, b) for n, a, b in cuts]
        yield [opening, *inner, closing], places


def claims(text: str) -> tuple[tuple[int, int, float], ...]:
    """Start, end and probability of each sentence of ``text`` that its teller claims a past of their own."""
    return tuple((s.start, s.end, s.heads["claim"]) for s in read(text).sentences)


@lru_cache(maxsize=KEPT_TEXTS)
def embedding(text: str) -> Array:
    """Sentence embedding of the opening of ``text`` by the encoder as published: unit length, shape (384,)."""
    opening, closing = _marks()
    ids = [opening, *_encoding(text).ids[: OPENING_TOKENS - 2], closing]
    mean = _load(UNTUNED).run(ids).mean(axis=0)
    unit: Array = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return unit


def opening_heads(text: str) -> dict[str, float]:
    """What linear heads make of ``embedding``: ``joke`` in log-odds, ``funny`` on the scale of ``read``."""
    unit = embedding(text)
    return {name: float(unit @ weight + bias) for name, (weight, bias) in _opening_heads().items()}


@lru_cache(maxsize=1)
def _opening_heads() -> Mapping[str, tuple[Array, float]]:
    card = json.loads((FITTED / f"{OPENING}.json").read_text(encoding="utf-8"))
    return {name: (np.array(head["weight"]), head["bias"]) for name, head in card["heads"].items()}


@lru_cache(maxsize=3)
def weights_sha256(name: str = TUNED) -> str:
    """Sha256 of the stored weights, as their card names it; of linear heads, which stand in the card, its own."""
    card = (FITTED / f"{name}.json").read_bytes()
    return str(json.loads(card).get("sha256") or hashlib.sha256(card).hexdigest())


class _Model:
    def __init__(self, session: Any, card: dict[str, Any]) -> None:
        self.session = session
        self.heads: list[str] = card.get("heads", [])
        self.weight = np.array(card.get("weight", []), dtype=np.float32)
        self.bias = np.array(card.get("bias", []), dtype=np.float32)

    def run(self, ids: Sequence[int]) -> Array:
        """Last hidden states, shape (tokens, 384)."""
        row = np.array([ids], dtype=np.int64)
        hidden: Array = self.session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row)})[0][0]
        return hidden

    def read(self, ids: Sequence[int], spans: Sequence[tuple[int, int]]) -> Array:
        """Every head over each span of tokens, shape (spans, heads); pooled as by ``training.judge.pooled``."""
        hidden = self.run(ids)
        pooled = [np.concatenate([hidden[0], (part := hidden[a:b]).mean(0), part.max(0)]) for a, b in spans]
        probabilities: Array = 1 / (1 + np.exp(-(np.array(pooled) @ self.weight.T + self.bias)))
        return probabilities

    def by_head(self, probabilities: Array) -> dict[str, float]:
        """Probabilities, shape (heads,), by the names of their heads."""
        return dict(zip(self.heads, map(float, probabilities), strict=True))


@lru_cache(maxsize=2)
def _load(name: str) -> _Model:
    import onnxruntime

    path, card_path = FITTED / f"{name}.onnx", FITTED / f"{name}.json"
    try:
        data = path.read_bytes()
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = "the encoder's weights are missing"
        raise TimbreError(problem, where=str(path), do="git restore them") from error
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise TimbreError("not the weights that the card names", where=str(path), do="git restore them")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        data, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
    )
    return _Model(session, card)


@lru_cache(maxsize=64)
def _encoding(text: str) -> Any:
    """The tokens of ``text`` without special ones, with their ``offsets``."""
    return _tokenizer().encode(text, add_special_tokens=False)


@lru_cache(maxsize=1)
def _marks() -> tuple[int, int]:
    """The tokens that open and close every text."""
    opening, closing = _tokenizer().encode("").ids
    return opening, closing


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(FITTED / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
