"""Names, numbers, dates, money and things one can touch: what a text says that nobody else's would."""

import math
import re
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

from judges.plain_text import EMPTY, NO_WORDS, Span, is_blank, prose, sentences, titles, words
from judges.types import Answer, Evidence, Judgement, unscored

CONCRETE_NOUNS = Path(__file__).with_name("concrete_nouns.txt")

SCALE = 5.0
"""Weighted details per 100 words at which the value is 1 - 1/e = 0.63. Five in 100 is one in every
sentence of twenty words."""

MIN_WORDS = 50
"""Words that a shorter answer is counted as having, so that one name among six words isn't the maximum."""

NOUN_WEIGHT = 0.5
"""A kettle is less telling than a date or a name, and the list of nouns can only be a sample."""

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_DATE = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})\b\.?(?:,? \d{{4}})?"
    rf"|\b(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?|\b(?:{_MONTHS})\.?,? \d{{4}}\b"
    rf"|\b(?!May\b|March\b)(?:{_MONTHS})\b|\b(?:in|last|next|since|by|of|until) (?:May|March)\b"
    rf"|\b(?:{_DAYS})s?\b|\b(?:1[0-9]|20)\d\d(?:s\b|\b(?![.,]\d))|\b\d{{4}}-\d\d-\d\d\b"
    r"|\b\d{1,2}(?::\d\d)?\s?[ap]\.?m\b\.?|\b\d{1,2}:\d\d\b"
)
_AMOUNT = r"\d+(?:[.,]\d+)*(?:\s?(?:thousand|million|billion|trillion|bn|k|m)\b)?"
_MONEY = re.compile(
    rf"[$€£¥₹]\s?{_AMOUNT}|\b{_AMOUNT}\s?(?:dollars?|euros?|pounds?|cents?|pence|quid|bucks|rupees|yen|francs|"
    r"kronor|USD|EUR|GBP)\b",
    re.IGNORECASE,
)
_UNIT = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    "|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
_NUMBER = re.compile(
    rf"(?<![^\W_])\d+(?:[.,:/]\d+)*(?:\s?%|[^\W\d_]+\b)?"
    rf"|\b(?:{_UNIT}|an? (?:dozen|hundred|thousand|million))"
    rf"(?:[ -](?:{_UNIT}|one|dozen|hundred|thousand|million|billion))*\b",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u024f][^\s]*")
_JOINS_A_NAME = re.compile(r" |\. | & | (?:of|de|van|von|der) ")
_OPENERS = tuple("\"“\u2018'(:«—\u2013")
_FUNCTION_WORDS = """
i i'm i've i'd i'll ok okay a an the this that these those my our your his her its their and or but
nor so yet if when while where who what why how which because since although though as at by for
from in into of off on onto over to under up with without after before then there here now he she it
we you they no not yes all any both each every few more most other some such one only just even also
perhaps maybe never always still once again today tomorrow yesterday is was are were be been do did
does have has had can could will would shall should may might must let please thank thanks dear hi
hello sorry oh ah well look see god ai tv cv pm am later earlier soon meanwhile however next last
first second instead otherwise besides indeed nobody everybody everyone someone somebody nothing
everything something anyone until during between among despite like unless whether whose whom many
much several another neither either none people
"""
_NOT_A_NAME = frozenset(_FUNCTION_WORDS.split())


def specificity(answer: Answer) -> Judgement:
    """Distinct concrete details per 100 words, on a scale that saturates.

    A detail is a name (capitalised words where no sentence, heading or quotation begins), a
    number, a date, a sum of money, or an everyday thing out of ``concrete_nouns.txt``; the last
    weighs ``NOUN_WEIGHT``. Each is counted at its first mention alone, and not where it only
    repeats the prompt: to say "Ellul" eight times when asked about Ellul is not to be specific.

    ``value = 1 - exp(-rate / SCALE)`` in [0, 1), where
    ``rate = 100 x weight / max(MIN_WORDS, words)``: .18 for one name in 100 words, .63 for five,
    .86 for ten. It saturates, since past one detail a sentence a note turns into an inventory.

    Returns:
        Every counted detail as evidence. Details: ``weight``, ``per_100_words``, ``echoed`` (left out
        as said by the prompt) and the count of each kind.
    """
    if is_blank(answer.text):
        return unscored("specificity", EMPTY)
    found = words(answer.text)
    if not found:
        return unscored("specificity", NO_WORDS)
    asked = {_key(w.text) for w in words(answer.prompt)}
    seen: set[str] = set()
    counted = []
    echoed = 0
    for detail in _details(answer.text):
        parts = [_key(w.text) for w in words(detail.text)]
        if parts and all(part in asked for part in parts):
            echoed += 1
        elif (key := _thing_key(parts[0]) if detail.why == "thing" else " ".join(parts)) not in seen:
            seen.update((key, *parts) if detail.why == "name" else (key,))
            counted.append(detail)
    weight = sum(NOUN_WEIGHT if d.why == "thing" else 1.0 for d in counted)
    rate = 100 * weight / max(MIN_WORDS, len(found))
    return Judgement(
        "specificity",
        1 - math.exp(-rate / SCALE),
        tuple(counted),
        details={
            "weight": weight,
            "per_100_words": rate,
            "echoed": float(echoed),
            **{
                k: float(sum(d.why == k for d in counted))
                for k in ("name", "number", "date", "money", "thing")
            },
        },
    )


def _details(text: str) -> list[Evidence]:
    """Every detail in order; where two rules see the same stretch the earlier of the list below wins."""
    shown = prose(text)
    for title in titles(text):
        shown = shown[: title.start] + " " * (title.end - title.start) + shown[title.end :]
    spans = [(m.start(), m.end(), "money") for m in _MONEY.finditer(shown)]
    spans += [(m.start(), m.end(), "date") for m in _DATE.finditer(shown)]
    spans += [(m.start(), m.end(), "number") for m in _NUMBER.finditer(shown)]
    spans += [(start, end, "name") for start, end in _names(text, shown)]
    spans += [(w.start, w.end, "thing") for w in words(text) if shown[w.start].strip() and _is_thing(w.text)]
    taken = bytearray(len(text))
    kept = []
    for start, end, why in spans:
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            kept.append(Evidence(text[start:end], start, end, why))
    return sorted(kept, key=lambda e: e.start)


def _names(text: str, shown: str) -> list[tuple[int, int]]:
    """Runs of capitalised words, without what is capital only because something begins there."""
    found = words(text)
    openings = {start for s in (*sentences(text), *titles(text)) for start in (s.start, s.end)}
    firsts = {_first_at_or_after(found, start) for start in openings}
    runs: list[list[Span]] = []
    for word, is_shouted in zip(found, _shouted(found), strict=True):
        is_adverb = word.start in firsts and word.text.endswith("ly")
        if is_shouted or is_adverb or not shown[word.start].strip() or not _is_capitalised(word.text):
            continue
        gap = shown[runs[-1][-1].end : word.start] if runs else ""
        if word.start not in firsts and _JOINS_A_NAME.fullmatch(gap):
            runs[-1].append(word)
        else:
            runs.append([word])
    elsewhere = {_key(w.text) for run in runs for w in run if not _begins(w, firsts, shown)}
    names = []
    for run in runs:
        is_capital_by_place = len(run) == 1 and _begins(run[0], firsts, shown)
        if not is_capital_by_place or _key(run[0].text) in elsewhere:
            names.append((run[0].start, run[-1].end))
    return names


def _shouted(found: tuple[Span, ...]) -> list[bool]:
    """For each word whether it and a neighbour are all in capitals; one alone is an acronym."""
    loud = [len(w.text) > 1 and w.text.isupper() for w in found]
    if not loud:
        return []
    return [
        here and (before or after)
        for before, here, after in zip([False, *loud[:-1]], loud, [*loud[1:], False], strict=True)
    ]


def _first_at_or_after(found: tuple[Span, ...], start: int) -> int:
    at = bisect_left(found, start, key=lambda w: w.start)
    return found[at].start if at < len(found) else -1


def _begins(word: Span, firsts: set[int], shown: str) -> bool:
    """Whether a sentence, a quotation or the half after a colon begins with ``word``."""
    before = shown[max(0, word.start - 3) : word.start].rstrip(" ")
    return word.start in firsts or before[-1:] in _OPENERS


def _is_capitalised(word: str) -> bool:
    return bool(_CAPITALISED.match(word)) and _key(word) not in _NOT_A_NAME


def _key(word: str) -> str:
    plain = word.casefold().replace("\u2019", "'")
    return plain.removesuffix("'s")


def _is_thing(word: str) -> bool:
    return _thing_key(_key(word)) in _concrete_nouns()


def _thing_key(key: str) -> str:
    """The singular of a plural of a listed noun; any other word as it is."""
    singulars = (key, key.removesuffix("s"), key.removesuffix("es"))
    return next((s for s in singulars if s in _concrete_nouns()), key)


@lru_cache(maxsize=1)
def _concrete_nouns() -> frozenset[str]:
    lines = CONCRETE_NOUNS.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
