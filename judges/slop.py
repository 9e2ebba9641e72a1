"""The habits by which readers know an assistant's prose: frame, stock phrases, tags, titles, rhythm."""

import math
import re
import string
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from judges.integrity_patterns import MACHINE
from judges.stock_learning import spans
from judges.text import (
    EMPTY,
    HASHTAG,
    Span,
    is_blank,
    sentences,
    titles,
    without_code_and_addresses,
    words,
)
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 3

WEIGHTS = {
    "hashtag": 1.0,
    "handle": 1.0,
    "emoji": 1.0,
    "title": 1.0,
    "frame": 1.0,
    "stock": 0.8,
    "not_x_but_y": 1.0,
    "contrast": 0.3,
    "triad": 0.4,
    "closer": 0.5,
    "tail": 0.6,
    "dash": 0.4,
    "cliche": 0.25,
    "mood": 0.15,
    "learned": 0.5,
}
"""What one mark of each kind counts. 1: it has no place in a person's note. Under 1: people write it too,
and its frequency alone gives it away. Chosen on one half of the triplets of ``benchmarks/slop.py``."""

HALF = 2.0
"""Weighed marks per 100 words at which the value is one half."""

PADDING = 60
"""Words added to every answer's, so that one mark in a short note isn't a density."""

DASHES = 1.5
"""Dashes per 100 words that people use; what goes beyond counts."""

EVEN_CV = 0.5
"""Coefficient of variation of sentence lengths under which a rhythm is even. Means: people .42 to .76,
AI drafts .28, the shipped base .36."""

EVEN_WEIGHT = 2.5
"""What a wholly even rhythm of many sentences counts, in weighed marks per 100 words."""

FEW_SENTENCES = 2
"""Sentences that show no rhythm yet."""

EVEN_SENTENCES = 4
"""Further sentences at which the evenness counts half, since few lengths are alike by chance."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # keeps offsets, as lower() may not
_PHRASES = Path(__file__).with_name("stock_phrases.txt")
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
_DASH = re.compile(
    r"(?<=[\w.,!?'\"\u2019\u201d)])(?:[ ]?\u2014[ ]?|[ ](?:\u2013|--?)[ ]|--)(?=[\w'\"\u2018\u201c(])"
)

_WORK = (
    r"(?:notes?|texts?|versions?|drafts?|paragraphs?|responses?|rewrites?|e-?mails?|letters?|poems?|stor(?:y|ies)"
    r"|summar(?:y|ies)|answers?|examples?|outlines?|takes?|suggestions?|posts?|captions?|messages?|essays?"
    r"|options?|ideas?|tips|steps|reasons|ways|things|overview|breakdown|guide|explanation|description|piece)"
)
_FRAME = re.compile(
    r"\A\W{0,5}(?:certainly|absolutely|sure(?: thing)?|of course|definitely|great|gladly|no problem)"
    r"(?:!|[,.:] (?=here|I'd|I'll|I can|let))"
    rf"|(?<![^\s*(>])here(?:['\u2019]s| is| are)(?: [\w'-]+){{0,5}}? {_WORK}\b[^.!?:\n]{{0,100}}:(?=\s|\*|$)"
    r"|\bwould you like me to (?:make|change|adjust|rewrite|revise|expand|elaborate|provide|write|help"
    r"|explain|tailor|shorten|add|create|draft|refine|go|continue|suggest|include|turn)\b[^?\n]{0,160}\?",
    re.IGNORECASE,
)
_CLOSER = re.compile(
    r"(?<![^\s*_])(?:in (?:conclusion|summary|closing)|to (?:conclude|summarize)|overall|ultimately"
    r"|all in all|in the end|in short|moving forward|remember|as we (?:move|look) forward)(?=,)"
    r"|\b(?:let us|let['\u2019]s) (?:strive|remember|embrace|continue|celebrate|cherish|all)\b"
    r"|\b(?:and|perhaps|maybe) that['\u2019]s (?:okay|the (?:real |whole )?(?:point|beauty|magic|lesson))\b",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r",(?: (?:thus|thereby|ultimately|further|perfectly))? (?:highlight|underscor|emphasiz|emphasis|showcas"
    r"|reflect|remind|ensur|foster|creat|allow|offer|add|symboliz|transform|invit|inspir|enhanc|provid|encourag|evok"
    r"|demonstrat|contribut|reveal|embod|captur|mak|leav|cast|signal|promot|empower|reinforc|illustrat|bridg"
    r"|weav|blend|prov|shap|paint|bring|giv|enabl|hint|echo|blurr|strugg?l|wonder|search|long|yearn)i?ng\b",
    re.IGNORECASE,
)
_TRIAD = re.compile(
    r"(?<![\w,'\u2019-]) ?\b[a-z]{3,16}, [a-z]{3,16}, (?:and|or) (?:[a-z]{3,12} )?[a-z]{3,16}\b"
)
_ABSTRACT = re.compile(
    r"(?:tion|sion|ness|ity|ment|ance|ence|ship|dom|ing|ful|ive|able|ible|ous|ent|ant|al|ic|ed|less)\b"
    r"|\b(?:hope|love|trust|growth|home|joy|faith|truth|care|grace|peace|purpose|passion|pride|grief|loss|fear"
    r"|laughter|memory|culture|community|identity|fast|bold|clear|kind|strong|simple|honest|warm|brave)\b"
)
_CLAUSE = r"[^.!?;\n]"
_IS_NOT = (
    r"(?:\b(?:is|are|was|were)n['\u2019]t|\b\w{1,20}['\u2019](?:s|re) not|\b(?:is|are|was|were|means) not"
    r"|\bdoesn['\u2019]t mean)"
)
_IT_IS = r"(?:it|that|this|they|he|she|we|you)(?:['\u2019](?:s|re)| is| are| was| were)\b"
_NOT_X_BUT_Y = re.compile(
    "|".join(
        (
            # not just X but Y; isn't merely X. It's Y
            rf"(?:{_IS_NOT}|\bnot) (?:just|only|merely|simply)\b{_CLAUSE}{{1,90}}?"
            rf"(?:\bbut\b|[,\u2014\u2013]\s*(?:{_IT_IS}|also\b)|[.;]\s+{_IT_IS})",
            # isn't X, it's Y
            rf"{_IS_NOT} {_CLAUSE}{{1,50}}?\s?(?:[,;\u2014\u2013]|\s-)\s*(?:but )?(?:rather )?{_IT_IS}",
            # isn't about X. It's about Y: over a full stop only where the two halves are parallel
            rf"{_IS_NOT} (?P<half>an?|the|about)\b{_CLAUSE}{{1,50}}?\.\s+{_IT_IS} (?:(?P=half)|an?)\b",
            rf"\b(?:less|not so much) about\b{_CLAUSE}{{1,50}}?\b(?:more|than|as) about\b",
            rf"\bmore than just an?\b{_CLAUSE}{{1,50}}?[,;\u2014\u2013.]\s*{_IT_IS}",
        )
    ),
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\bnot (?P<lead>an?|the|about|by|from|for|in|with|because|to)\b" + _CLAUSE + r"{1,60}?,? "
    r"but (?:rather )?(?:(?P=lead)|an)\b",
    re.IGNORECASE,
)
"""People write this one: "He was not a fool but a coward"."""


def hashtag_slop(answer: Answer, stock: Collection[str] = frozenset()) -> Judgement:
    """Weighed marks of assistant prose per 100 words, on a scale that saturates.

    A mark is a stretch of the text of one of the kinds in ``WEIGHTS``: tags, titles, the frame of a chat, the
    sections of ``stock_phrases.txt``, constructions, and the base's own learned phrases. Where two overlap,
    the heavier kind counts, of equal ones the earlier. Nothing inside code, URLs or e-mail addresses counts.

    ``value = r**2 / (r**2 + HALF**2)`` in [0, 1), where

    ``r = 100 x (weights of all marks) / (words + PADDING) + EVEN_WEIGHT x evenness``.

    The square keeps what people also write near 0: one mark of weight 1 in 40 words is .2, of weight .3 .02.
    ``evenness`` in [0, 1) is how far the sentence lengths vary less than people's, and is less sure the fewer
    sentences there are.

    Args:
        answer: The text.
        stock: Phrases learned from the base under test (``judges.stock_learning.stock_against``).

    Returns:
        Every mark as evidence. Details: ``marks``, ``rate`` (r), ``evenness`` and the count of each kind.
    """
    if is_blank(answer.text):
        return unscored("hashtag_slop", EMPTY)
    length = len(words(answer.text))
    marks = _marks(answer.text, stock, length)
    counts = {kind: float(sum(m.why == kind for m in marks)) for kind in WEIGHTS}
    counts["dash"] = max(0.0, counts["dash"] - DASHES * (length + PADDING) / 100)
    evenness = _evenness(sentences(answer.text), words(answer.text))
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
    found += [(m.start(), m.end(), "frame") for m in MACHINE.finditer(shown)]
    found += [(start, end, "learned") for start, end in spans(text, stock)]
    constructions, phrases = _patterns()
    lower = shown.translate(_LOWER)
    for patterns, where in ((constructions, shown), (phrases, lower)):
        for kind, pattern in patterns.items():
            found += [(m.start(), m.end(), kind) for m in pattern.finditer(where)]
    found += [(m.start(), m.end(), "triad") for m in _TRIAD.finditer(shown) if _ABSTRACT.search(m.group())]
    dashes = [(m.start(), m.end(), "dash") for m in _DASH.finditer(shown)]
    if len(dashes) > DASHES * (length + PADDING) / 100:
        found += dashes
    marks = (Evidence(text[start:end], start, end, kind) for start, end, kind in _apart(found))
    return tuple(marks)


def _apart(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Marks that don't overlap, in order; the heavier stay, of equal ones the earlier, then the longer."""
    kept: list[tuple[int, int, str]] = []
    for mark in sorted(found, key=lambda m: (m[0], -WEIGHTS[m[2]], -m[1])):
        if not kept or mark[0] >= kept[-1][1]:
            kept.append(mark)
        elif WEIGHTS[mark[2]] > WEIGHTS[kept[-1][2]]:
            kept[-1] = mark
    return kept


def _evenness(found: Sequence[Span], tokens: Sequence[Span]) -> float:
    beyond = len(found) - FEW_SENTENCES
    if beyond <= 0:
        return 0.0
    starts = [word.start for word in tokens]
    lengths = [bisect_left(starts, s.end) - bisect_left(starts, s.start) for s in found]
    mean = sum(lengths) / len(lengths)
    spread = math.sqrt(sum((n - mean) ** 2 for n in lengths) / len(lengths)) / mean
    return max(0.0, 1 - spread / EVEN_CV) * beyond / (beyond + EVEN_SENTENCES)


@lru_cache(maxsize=1)
def _patterns() -> tuple[dict[str, re.Pattern[str]], dict[str, re.Pattern[str]]]:
    """Constructions, and the sections of ``stock_phrases.txt``, which are matched in lower case."""
    sections: dict[str, list[str]] = {}
    for line in _PHRASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            phrases = sections.setdefault(line.strip("[] "), [])
        elif line.strip() and not line.startswith("#"):
            phrases.append(line.strip())
    listed = {name: re.compile(_any_of(phrases)) for name, phrases in sections.items()}
    constructions = {
        "hashtag": HASHTAG,
        "handle": _HANDLE,
        "emoji": _EMOJI_RUN,
        "not_x_but_y": _NOT_X_BUT_Y,
        "contrast": _CONTRAST,
        "closer": _CLOSER,
        "tail": _TAIL,
        "frame": _FRAME,
    }
    return constructions, listed


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
