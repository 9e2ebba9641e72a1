"""What a file of pairs holds, before anything is trained on it: counts, lengths, likenesses, leaks."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import load_suite
from timbre.errors import TimbreError
from training.pairs import PairSet
from training.types import Pair

NEAR = 0.8
"""Cosine of two responses' character 3- to 5-grams (TF-IDF) from which they count as near-duplicates."""

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
    """Numbers of a later and an earlier text with a cosine of ``NEAR`` or more, and the cosine."""
    if len(texts) < 2:
        return []
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    vectors = grams.fit_transform([_plain(text) for text in texts])
    # A radius search hands back blocks of rows, so that 10,000 pairs need no square matrix at once.
    search = NearestNeighbors(metric="cosine", radius=1 - NEAR).fit(vectors)
    distances, neighbours = search.radius_neighbors(vectors)
    return [
        (at, int(other), float(1 - distance))
        for at, (row, near) in enumerate(zip(distances, neighbours, strict=True))
        for distance, other in zip(row, near, strict=True)
        if other < at
    ]


def _plain(text: str) -> str:
    """A text's words without case, accents, quotation marks and dashes."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
