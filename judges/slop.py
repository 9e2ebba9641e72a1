"""The habits by which readers know an assistant's prose: tags, emoji, titles, stock phrases, not-X-but-Y."""

import math
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from judges.plain_text import EMPTY, HASHTAG, is_blank, titles, without_code_and_addresses, words
from judges.stock import spans, stock_against
from judges.types import Answer, Evidence, Judgement, unscored

STOCK_PHRASES = Path(__file__).with_name("stock_phrases.txt")

SCALE = 2.0
"""Marks per 100 words at which the value is 1 - 1/e = 0.63. One in 50 words is one in every second or
third sentence: by then a reader no longer takes the text for a person's note."""

MIN_WORDS = 50
"""Words that a shorter answer is counted as having, so that one hashtag under ten words of prose isn't
taken for the density of a text that is full of them."""

LEARNED_WEIGHT = 0.5
"""Share of a mark that a learned phrase counts. A hashtag has no place in the writer's prose; a phrase that
a base over-uses is now and then the right one, and only its frequency gives it away."""

_HANDLE = re.compile(
    r"(?<![\w.@/+\-])@[A-Za-z_]\w{1,29}+(?:\.[\w-]+)*+(?:@[\w-]+(?:\.[\w-]+)+)?(?![\w/])", re.ASCII
)
_PICTURE = (
    "[\U0001f300-\U0001faff\U0001f100-\U0001f2ff\u2600-\u2639\u263a-\u2653\u2660-\u266c\u2670-\u27bf"
    "\u231a\u231b\u23e9-\u23fa\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55]"
)
_EMOJI_RUN = re.compile(
    rf"(?:[0-9#*]\ufe0f?\u20e3|{_PICTURE})(?:[\ufe0f\u200d\u20e3]|{_PICTURE}|[ ](?={_PICTURE}))*"
)
_CLAUSE = r"[^.!?;\n]"
_IS_NOT = (
    r"(?:\b(?:is|are|was|were)n['\u2019]t|\b\w+['\u2019](?:s|re) not|\b(?:is|are|was|were|means) not"
    r"|\bdoesn['\u2019]t mean)"
)
_IT_IS = r"(?:it|that|this|they|he|she|we|you)(?:['\u2019](?:s|re)| is| are| was| were)\b"
_ANTITHESES = re.compile(
    "|".join(
        (
            # not just X but Y; isn't merely X. It's Y
            rf"(?:{_IS_NOT}|\bnot) (?:just|only|merely|simply)\b{_CLAUSE}{{1,90}}?"
            rf"(?:\bbut\b|[,—\u2013]\s*(?:{_IT_IS}|also\b)|[.;]\s+{_IT_IS})",
            # isn't X, it's Y
            rf"{_IS_NOT} {_CLAUSE}{{1,50}}?\s?(?:[,;—\u2013]|\s-)\s*(?:but )?(?:rather )?{_IT_IS}",
            # isn't about X. It's about Y: over a full stop only where the two halves are parallel
            rf"{_IS_NOT} (?P<half>an?|the|about)\b{_CLAUSE}{{1,50}}?\.\s+{_IT_IS} (?:(?P=half)|an?)\b",
            # not a X but a Y
            rf"\bnot (?P<lead>an?|the|about|by|from|for|in|with|because|to)\b{_CLAUSE}{{1,60}}?,? "
            r"but (?:rather )?(?:(?P=lead)|an)\b",
            rf"\b(?:less|not so much) about\b{_CLAUSE}{{1,50}}?\b(?:more|than|as) about\b",
            rf"\bmore than just an?\b{_CLAUSE}{{1,50}}?[,;—\u2013.]\s*{_IT_IS}",
        )
    ),
    re.IGNORECASE,
)
"""Contrasts of the form not-X-but-Y. "He did not sleep but he worked" is none: no X is set up to fall."""


def hashtag_slop(answer: Answer, stock: Collection[str] | None = None) -> Judgement:
    """Marks of assistant prose per 100 words, on a scale that saturates.

    A mark is one hashtag, @-handle, run of emoji, Markdown heading or bold title, stock phrase
    (``stock_phrases.txt``), not-X-but-Y construction, or phrase learned from a base's answers
    (``judges/stock/``). Nothing inside code, URLs or e-mail addresses counts, nor do C#, #1 and issue
    numbers. A stretch of text counts once: where two marks overlap, the one that begins first stands,
    of two that begin together the longer, and a learned phrase only where there is no other mark.

    ``value = 1 - exp(-rate / SCALE)`` in [0, 1), where
    ``rate = 100 x marks / max(MIN_WORDS, words)``, a learned phrase counting ``LEARNED_WEIGHT``: 0 without
    a mark, .33 for one in 125 words, .63 for two in 100, .92 for five in 100. It saturates, since the
    tenth hashtag tells nothing that the fifth did not.

    Args:
        answer: The text.
        stock: Learned phrases, as lists spell them; None for all that are stored. A base without a
            list adds none: then the hand-written rules judge alone.

    Returns:
        Every mark as evidence. Details: ``marks``, ``per_100_words`` (of all marks alike) and the
        count of each kind.
    """
    if is_blank(answer.text):
        return unscored("hashtag_slop", EMPTY)
    marks = _marks(answer.text, stock_against(()) if stock is None else stock)
    length = max(MIN_WORDS, len(words(answer.text)))
    kinds = ("hashtag", "handle", "emoji", "title", "stock_phrase", "not_x_but_y", "learned_phrase")
    counts = {kind: float(sum(m.why == kind for m in marks)) for kind in kinds}
    weighed = len(marks) - (1 - LEARNED_WEIGHT) * counts["learned_phrase"]
    return Judgement(
        "hashtag_slop",
        1 - math.exp(-100 * weighed / length / SCALE),
        marks,
        details={"marks": float(len(marks)), "per_100_words": 100 * len(marks) / length, **counts},
    )


def _marks(text: str, stock: Collection[str]) -> tuple[Evidence, ...]:
    shown = without_code_and_addresses(text)
    found = [(t.start, t.end, "title") for t in titles(text)]
    for why, pattern in (
        ("hashtag", HASHTAG),
        ("handle", _HANDLE),
        ("emoji", _EMOJI_RUN),
        ("stock_phrase", _stock_phrases()),
        ("not_x_but_y", _ANTITHESES),
    ):
        found += [(m.start(), m.end(), why) for m in pattern.finditer(shown)]
    kept: list[tuple[int, int, str]] = []
    for start, end, why in sorted(found, key=lambda f: (f[0], -f[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end, why))
    free = _outside([(start, end) for start, end, _ in kept], spans(text, stock))
    kept += [(start, end, "learned_phrase") for start, end in free]
    return tuple(Evidence(text[start:end], start, end, why) for start, end, why in sorted(kept))


def _outside(taken: list[tuple[int, int]], learned: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of ``learned`` that overlap nothing ``taken``; both in order and each free of overlaps."""
    free = []
    at = 0
    for start, end in learned:
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        if at == len(taken) or taken[at][0] >= end:
            free.append((start, end))
    return free


@lru_cache(maxsize=1)
def _stock_phrases() -> re.Pattern[str]:
    lines = STOCK_PHRASES.read_text(encoding="utf-8").splitlines()
    phrases = sorted(
        (line.strip() for line in lines if line.strip() and not line.startswith("#")), key=len, reverse=True
    )
    return re.compile("|".join(_phrase(phrase) for phrase in phrases), re.IGNORECASE)


def _phrase(phrase: str) -> str:
    parts = []
    for part in phrase.split():
        if part == "*":
            parts.append(r"[\w'\u2019-]+(?:,?\s+[\w'\u2019-]+){0,2}?")
        else:
            parts.append(re.escape(part).replace("'", "['\u2019]").replace(r"\-", r"[-\u2011\s]"))
    ends = r"\b" if phrase[-1].isalnum() else ""
    return r"(?<![\w'\u2019])" + r"\s+".join(parts) + ends
