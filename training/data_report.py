"""What a file of pairs holds, before anything is trained on it: counts, lengths, likenesses, leaks."""

import unicodedata
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import load_suite
from timbre.errors import TimbreError
from training.pairs import PairSet
from training.types import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR = 0.8
"""Cosine of two responses' character 3- to 5-grams (TF-IDF) from which they count as near-duplicates."""

BANDS, ROWS = 48, 3
"""Of hashes in a text's sketch; texts that share half of their pieces meet in 998 of 1,000 cases, a tenth in 47."""

LEAST_SHARED = 0.15
"""Share of equal hashes from which two texts that met are compared. Of 885 pairs with a cosine of ``NEAR`` or more
(the impostors, and a third of them with words changed) 882 were found."""

MOST_MET = 20
"""Earlier texts of a band that a text is compared with, so that a thousand of one template make no million."""

SAMPLE = 1000
"""Texts over which it is counted how rare a gram is, beside those that are compared."""

BINS = (10, 25, 50, 100, 200, 400)
"""Upper ends of the histogram's bins, in words."""

SUITES = ("smoke", "full")


@dataclass(frozen=True)
class NearPair:
    """Two responses that are nearly the same."""

    line: int  # of the later
    other: int  # of the earlier
    likeness: float  # their cosine, in [``NEAR``, 1]
    leak: bool  # on different sides of the split: validation then measures what was trained


@dataclass(frozen=True)
class DataReport:
    """All of it."""

    counts: Mapping[str, Mapping[str, int]]  # by ``split``, ``tier``, ``origin``, ``source``: value -> pairs
    words: Mapping[str, int]  # histogram of response lengths: bin ("10 to 25") -> pairs
    near: tuple[NearPair, ...]  # near-duplicates, the most alike first
    canaries: Mapping[str, str]  # by suite, what of it the pairs have already answered


def data_report(pairs: Sequence[Pair], file: str) -> DataReport:
    """Look the pairs of ``file`` over; seconds for thousands. Whole repeats were refused when they were read."""
    values: dict[str, list[str]] = {
        "split": [p.split for p in pairs],
        "tier": [str(p.tier) for p in pairs if p.split == "train"],
        "origin": [p.origin for p in pairs],
        "source": [p.source for p in pairs],
    }
    counts = {what: dict(sorted(Counter(given).items())) for what, given in values.items()}
    trained = [TrainedText(f"{file}:{p.line}", p.prompt, p.response) for p in pairs]
    overlaps = {}
    for suite in SUITES:
        try:
            check_contamination(load_suite(suite), trained)
        except TimbreError as error:
            overlaps[suite] = error.what
    lengths = [len(p.response.split()) for p in pairs]
    words = {f"{low} to {high}": sum(low < n <= high for n in lengths) for low, high in pairwise((0, *BINS))}
    words[f"over {BINS[-1]}"] = sum(n > BINS[-1] for n in lengths)
    return DataReport(counts, words, near_duplicates(pairs), overlaps)


def data_lines(pairs: PairSet) -> list[str]:
    """What a training prints of its pairs before it begins: what was filled in, and one line of counts."""
    report = data_report(pairs.pairs, pairs.name)
    split = ", ".join(f"{count} {name}" for name, count in report.counts["split"].items())
    tiers = ", ".join(f"{count} of tier {name}" for name, count in report.counts["tier"].items())
    leaks = sum(near.leak for near in report.near)
    trouble = [f"{len(report.near)} near-duplicates ({leaks} across the split)"] if report.near else []
    trouble += [f"overlaps with the canaries of {' and '.join(report.canaries)}"] if report.canaries else []
    summary = "; ".join(trouble) or "no near-duplicates, no leaks"
    line = f"data: {split} ({tiers}); {summary}; `timbre data {pairs.name}` says more"
    return [*(f"note: {note}" for note in pairs.notes), line]


def near_duplicates(pairs: Sequence[Pair]) -> tuple[NearPair, ...]:
    """Pairs of responses with a cosine of ``NEAR`` or more."""
    found = [
        NearPair(pairs[at].line, pairs[other].line, likeness, pairs[at].split != pairs[other].split)
        for at, other, likeness in alike([p.response for p in pairs])
    ]
    return tuple(sorted(found, key=lambda n: (-n.likeness, n.line)))


def alike(texts: Sequence[str]) -> list[tuple[int, int, float]]:
    """Numbers of a later and an earlier text with a cosine of ``NEAR`` or more, and the cosine.

    Sketches choose the texts that are compared, so that time and memory grow with their number alone.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    plain = [_plain(text) for text in texts]
    pairs = _candidates(plain)
    if not len(pairs):
        return []
    used = sorted({*pairs.ravel().tolist(), *range(0, len(plain), -(-len(plain) // SAMPLE))})
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    vectors = grams.fit_transform([plain[at] for at in used])
    found = []
    for some in np.array_split(pairs, -(-len(pairs) // 1000)):  # so that the products need little memory
        left, right = (vectors[np.searchsorted(used, some[:, side])] for side in (0, 1))
        likeness = np.asarray(left.multiply(right).sum(axis=1)).ravel()
        found += [
            (*pair, cos) for pair, cos in zip(some.tolist(), likeness.tolist(), strict=True) if cos >= NEAR
        ]
    return [(at, other, min(cos, 1.0)) for at, other, cos in found]


def _candidates(plain: Sequence[str]) -> "NDArray[np.int64]":
    """Later and earlier text, one pair a row, that probably share ``LEAST_SHARED`` of their words and word pairs.

    MinHash (Broder 1997) with banding: texts meet where all hashes of a band are equal.
    """
    import numpy as np

    factors = np.random.default_rng(0).integers(1, 2**63, (BANDS * ROWS, 1), np.uint64) | np.uint64(1)
    sketches = np.empty((len(plain), BANDS * ROWS), np.uint64)
    for at, words in enumerate(map(str.split, plain)):
        pieces = {zlib.crc32(piece.encode()) for piece in (*words, *map(" ".join, pairwise(words)))}
        sketches[at] = ((np.array([*pieces] or [0], np.uint64) * factors) >> np.uint64(32)).min(axis=1)
    met = set[tuple[int, int]]()
    for band in np.split(sketches, BANDS, axis=1):
        before = defaultdict[bytes, deque[int]](lambda: deque(maxlen=MOST_MET))
        for at, row in enumerate(band):
            earlier = before[row.tobytes()]
            met.update((at, other) for other in earlier)
            earlier.append(at)
    pairs = np.array(sorted(met), np.int64).reshape(-1, 2)
    shared = np.array([(sketches[at] == sketches[other]).mean() for at, other in pairs])
    return pairs[shared >= LEAST_SHARED]


def _plain(text: str) -> str:
    """A text's words without case, accents, quotation marks and dashes."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
