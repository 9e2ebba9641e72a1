"""The habits by which readers know an assistant's prose: frame, stock phrases, tags, titles, rhythm."""

import math
import re
import string
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path

from judges.pattern_files import load_patterns
from judges.stock_learning import spans
from judges.text import HASHTAG, sentence_lengths, titles, without_code_and_addresses, words
from judges.types import Answer, Evidence, Judgement

VERSION = 4

# What one mark of each kind counts. 1: it has no place in a person's note. Under 1: people write it too, and its
# frequency alone gives it away. Chosen on one half of the triplets of benchmarks/slop.py, but for ``cadence``, which
# hardly stands in them: it leaves every register of people within .003 and moves no pair.
WEIGHTS = {
    **dict.fromkeys(("hashtag", "handle", "emoji", "title", "frame", "not_x_but_y"), 1.0),
    **{"stock": 0.8, "tail": 0.6, "cadence": 0.6, "closer": 0.5, "learned": 0.5, "triad": 0.4, "dash": 0.4},
    **{"contrast": 0.3, "cliche": 0.25, "mood": 0.15},
}
HALF = 2.0  # weighed marks per 100 words at which the value is one half
PADDING = 60  # words added to every answer's, so that one mark in a short note isn't a density
DASHES = 1.5  # dashes per 100 words that people use; what goes beyond counts
# Coefficient of variation of sentence lengths under which a rhythm is even. Means: people .42 to .76, AI drafts
# .28, the shipped base .36.
EVEN_CV = 0.5
EVEN_WEIGHT = 2.5  # what a wholly even rhythm of many sentences counts, in weighed marks per 100 words
FEW_SENTENCES = 2  # sentences that show no rhythm yet
EVEN_SENTENCES = 4  # further sentences at which the evenness counts half: few lengths are alike by chance

_P = load_patterns("slop")
_CONSTRUCTIONS = {
    "hashtag": HASHTAG,
    **{kind: p for kind, p in _P.items() if kind in WEIGHTS and kind not in ("triad", "dash")},
}
_MACHINE = load_patterns("integrity")["machine"]
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # keeps offsets, as lower() may not
_PHRASES = Path(__file__).with_name("stock_phrases.txt")


def hashtag_slop(answer: Answer, stock: Collection[str] = frozenset()) -> Judgement:
    """Weighed marks of assistant prose per 100 words: ``r**2 / (r**2 + HALF**2)`` in [0, 1), where

    ``r = 100 x (weights of all marks) / (words + PADDING) + EVEN_WEIGHT x evenness``.

    A mark is a stretch of one of the kinds in ``WEIGHTS``: tags, titles, sections of ``stock_phrases.txt``,
    constructions, and ``stock``, the learned phrases of the base under test. Where two overlap, the heavier counts.
    The square keeps what people also write near 0: one mark of weight 1 in 40 words is .2, of weight .3 .02.
    ``evenness`` in [0, 1) is how far sentence lengths vary less than people's; few sentences show little of it.

    Returns:
        Every mark as evidence. Details: ``marks``, ``rate`` (r), ``evenness`` and the count of each kind.
    """
    length = len(words(answer.text))
    marks = _marks(answer.text, stock, length)
    counts = {kind: float(sum(m.why == kind for m in marks)) for kind in WEIGHTS}
    counts["dash"] = max(0.0, counts["dash"] - DASHES * (length + PADDING) / 100)
    evenness = _evenness(sentence_lengths(answer.text))
    weighed = sum(WEIGHTS[kind] * count for kind, count in counts.items())
    rate = 100 * weighed / (length + PADDING) + EVEN_WEIGHT * evenness
    return Judgement(
        "hashtag_slop",
        rate**2 / (rate**2 + HALF**2),
        marks,
        details={"marks": float(len(marks)), "rate": rate, "evenness": evenness, **counts},
    )


def _marks(text: str, stock: Collection[str], length: int) -> tuple[Evidence, ...]:
    shown = without_code_and_addresses(text)
    found = [(t.start, t.end, "title") for t in titles(text)]
    found += [(m.start(), m.end(), "frame") for m in _MACHINE.finditer(shown)]
    found += [(start, end, "learned") for start, end in spans(text, stock)]
    for patterns, where in ((_CONSTRUCTIONS, shown), (_phrases(), shown.translate(_LOWER))):
        for kind, pattern in patterns.items():
            found += [(m.start(), m.end(), kind) for m in pattern.finditer(where)]
    found += [
        (m.start(), m.end(), "triad") for m in _P["triad"].finditer(shown) if _P["abstract"].search(m.group())
    ]
    dashes = [(m.start(), m.end(), "dash") for m in _P["dash"].finditer(shown)]
    if len(dashes) > DASHES * (length + PADDING) / 100:
        found += dashes
    return tuple(Evidence(text[start:end], start, end, kind) for start, end, kind in _apart(found))


def _apart(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Marks that don't overlap, in order; the heavier stay, of equal ones the earlier, then the longer."""
    kept: list[tuple[int, int, str]] = []
    for mark in sorted(found, key=lambda m: (m[0], -WEIGHTS[m[2]], -m[1])):
        if not kept or mark[0] >= kept[-1][1]:
            kept.append(mark)
        elif WEIGHTS[mark[2]] > WEIGHTS[kept[-1][2]]:
            kept[-1] = mark
    return kept


def _evenness(lengths: Sequence[int]) -> float:
    beyond = len(lengths) - FEW_SENTENCES
    if beyond <= 0:
        return 0.0
    mean = sum(lengths) / len(lengths)
    spread = math.sqrt(sum((n - mean) ** 2 for n in lengths) / len(lengths)) / mean
    return max(0.0, 1 - spread / EVEN_CV) * beyond / (beyond + EVEN_SENTENCES)


@cache
def _phrases() -> dict[str, re.Pattern[str]]:
    """The sections of ``stock_phrases.txt``, which are matched in lower case."""
    sections: dict[str, list[str]] = {}
    for line in _PHRASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            phrases = sections.setdefault(line.strip("[] "), [])
        elif line.strip() and not line.startswith("#"):
            phrases.append(line.strip())
    return {name: re.compile(_any_of(phrases)) for name, phrases in sections.items()}


def _any_of(phrases: Sequence[str]) -> str:
    """A pattern of lower-case phrases, grouped by first letter, so that most places are passed at once."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for phrase in sorted(phrases, key=len, reverse=True):
        groups[phrase[0]].append(_phrase(phrase))
    listed = "|".join(f"(?={letter})(?:{'|'.join(group)})" for letter, group in groups.items())
    return rf"(?<![\w'\u2019])(?:{listed})"


def _phrase(phrase: str) -> str:
    parts = []
    for part in phrase.split():
        if part == "*":
            parts.append(r"[\w'\u2019-]{1,30}(?:,?\s+[\w'\u2019-]{1,30}){0,2}?")
        elif part.endswith("~"):
            stem = part[:-1].removesuffix("e")
            parts.append(re.escape(stem) + ("(?:e|es|ed|ing)" if part[-2] == "e" else "(?:s|ed|ing)?"))
        else:
            parts.append(re.escape(part).replace("'", "['\u2019]").replace(r"\-", r"[-\u2011\s]"))
    ends = r"\b" if phrase[-1].isalnum() or phrase[-1] == "~" else ""
    return r"\s+".join(parts) + ends
