"""Texts as `voice_match` sees them: words and marks without names and numbers, in windows, as weighed n-grams."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from judges.text import clean, prose, words

# Tokens in a window. Texts are fitted and scored in equal windows of about this length and the log-odds
# averaged, so that a long answer is worth what its parts are.
WINDOW = 60
# Lengths of the n-grams of tokens (words and marks, with their case), `benchmarks/voice_match.py`.
NGRAMS = (1, 2)
MIN_COUNT = 3  # windows of the reference in which an n-gram must stand to be a feature
# Registers in which a word that is never written small must stand, or it is taken for a name.
KNOWN_REGISTERS = 3
NAME, NUMBER = "X", "0"
_QUOTES = str.maketrans("\u2018\u2019“”", "''\"\"")
Vector = NDArray[np.float64]


class Features:
    """The n-grams of a window, weighed by TF-IDF: ``(1 + ln count) * (ln((1 + n) / (1 + df)) + 1)``, unit length."""

    def __init__(self, windows: Sequence[tuple[str, ...]]) -> None:
        """Take as features the n-grams that stand in at least ``MIN_COUNT`` of ``windows``."""
        counts = Counter(ngram for window in windows for ngram in set(_ngrams(window)))
        frequent = sorted((ngram, n) for ngram, n in counts.items() if n >= MIN_COUNT)
        self._columns = {ngram: column for column, (ngram, _) in enumerate(frequent)}
        self._idf = np.array([math.log((1 + len(windows)) / (1 + n)) + 1 for _, n in frequent])

    def of(self, window: Sequence[str]) -> tuple[NDArray[np.intp], Vector]:
        """Columns of the features that stand in ``window``, and their values."""
        counts = Counter(column for n in _ngrams(window) if (column := self._columns.get(n)) is not None)
        columns = np.fromiter(counts.keys(), dtype=np.intp, count=len(counts))
        values = (1 + np.log(np.fromiter(counts.values(), dtype=np.float64))) * self._idf[columns]
        return columns, values / max(float(np.linalg.norm(values)), 1e-12)

    def matrix(self, windows: Sequence[tuple[str, ...]]) -> Any:
        """``windows`` as a sparse matrix, shape (windows, features)."""
        from scipy.sparse import csr_matrix

        rows = [self.of(window) for window in windows]
        starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns, values = (np.concatenate(part) for part in zip(*rows, strict=True))
        return csr_matrix((values, columns, starts), shape=(len(windows), len(self._idf)))


def masked(tokens: Sequence[str], common: frozenset[str]) -> tuple[str, ...]:
    """``tokens`` with one mark for every name, a capital word that is not ``common``, and one for every number."""
    return tuple(
        NUMBER if t[0].isdigit() else t if not t[0].isupper() or t.lower() in common else NAME for t in tokens
    )


def common_words(texts: Iterable[tuple[Sequence[str], str]]) -> frozenset[str]:
    """Lower-case forms of all words that are no names, in tokens with the name of their group."""
    groups: dict[str, set[str]] = {}
    common = set()
    for tokens, group in texts:
        for token in tokens:
            if token[0].isupper():
                groups.setdefault(token.lower(), set()).add(group)
            else:
                common.add(token)
    return frozenset(common | {t for t, found in groups.items() if len(found) >= KNOWN_REGISTERS})


def tokens_of(text: str) -> list[str]:
    """Words and marks of the prose in ``text``; typographic quotes, which a keyboard makes, are plain."""
    cleaned = clean(text).text
    shown = prose(cleaned).translate(_QUOTES)
    tokens, last = [], 0
    for word in words(cleaned):
        tokens += shown[last : word.start].split()
        tokens.append(shown[word.start : word.end])
        last = word.end
    return tokens + shown[last:].split()


def windows_of(tokens: Sequence[str], size: int = WINDOW) -> list[tuple[str, ...]]:
    """``tokens`` in equal parts of about ``size``."""
    parts = max(1, round(len(tokens) / size))
    edges = [round(i * len(tokens) / parts) for i in range(parts + 1)]
    return [tuple(tokens[a:b]) for a, b in pairwise(edges) if b > a]


def _ngrams(tokens: Sequence[str]) -> list[str]:
    shortest, longest = NGRAMS
    return [
        " ".join(tokens[i : i + n]) for n in range(shortest, longest + 1) for i in range(len(tokens) - n + 1)
    ]
