"""`self_insertion`: does an answer's teller claim a past of their own that no licence covers?

The fitted encoder reads every sentence (``judges.encoder.claims``); seven patterns, each of one kind of claim, raise
what it gives, and judge alone where there is no encoder. Reading a book or seeing a film is no claim. Quotations,
speakers' lines, titles, placeholders, reported speech, hypotheticals, wishes and denials are somebody else's words or
nobody's claim: they are blanked with ``MASK``, one for one, so that offsets stay.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from judges.pattern_files import load_patterns
from judges.text import sentences
from judges.types import FAULT_AT, Answer, Evidence, Judgement

VERSION = 7  # raise it when a constant, a mask or a pattern below changes what a text is given
PATTERN = 0.9  # least value of a sentence that a pattern matches
CLAIM = "claim"  # rule name of evidence that only the encoder gave
LICENSED = "licensed"  # rule name of a claim that the prompt's licence covers
# From a text to start, end and probability of each sentence, as `judges.encoder.claims`.
Claims = Callable[[str], Sequence[tuple[int, int, float]]]

MASK = "\x00"  # stands for one character that the teller does not assert; no pattern matches it
_MAX_SENTENCE = 1000  # characters; a longer one is cut, which bounds every pattern's work
_EDGE = 160  # characters of opening and close in which an answer may declare itself invented

_FLAT = str.maketrans({"\u2019": "'", "\u00a0": " ", "\t": " ", "\n": " ", "*": " ", "_": " ", "`": " "})
_ASIDE = load_patterns("asserted")
_P = load_patterns("claims")
# By kind of claim; matched against a sentence as far as it is asserted.
PATTERNS = {name.removeprefix("claim."): p for name, p in _P.items() if name.startswith("claim.")}


def self_insertion(answer: Answer, claims: Claims | None = None) -> Judgement:
    """The highest probability among the sentences that the answer's teller claims a past of their own, in [0, 1].

    A prompt that asks for the first person in its own words licenses it as the mark does: then the value is 0.

    Returns:
        Sentences of at least ``FAULT_AT`` as evidence, marked ``LICENSED`` where the licence covers them; details
        count both as ``spans`` and ``licensed_spans``. ``highest`` is the highest probability, licensed or not.
    """
    is_licensed = answer.first_person_licensed or is_lent_voice(answer.prompt)
    judged = list(_judged(answer, claims))
    evidence = tuple(
        Evidence(answer.text[start:end], start, end, LICENSED if is_licensed else why)
        for start, end, value, why in judged
        if value >= FAULT_AT
    )
    highest = max((value for _, _, value, _ in judged), default=0.0)
    spans = float(len(evidence))
    details = {"spans": spans * (not is_licensed), "licensed_spans": spans * is_licensed, "highest": highest}
    return Judgement("self_insertion", 0.0 if is_licensed else highest, evidence, details=details)


@lru_cache(maxsize=256)
def is_lent_voice(prompt: str) -> bool:
    """Whether the prompt asks for the first person: a letter as Galileo, a toast for me, your childhood."""
    return bool(_P["lent_voice"].search(prompt[:1000].replace("\u2019", "'")))


def _judged(answer: Answer, claims: Claims | None) -> Iterator[tuple[int, int, float, str]]:
    """Start, end, probability of a claim, and what gave it, for each sentence that the teller asserts."""
    if is_labelled_fiction(answer.prompt, answer.text):
        return
    text = _P["self_named"].sub(_first_person, answer.text)
    is_claiming = bool(_P["claiming"].search(text))
    shown = asserted(text, " ".join((answer.prompt, *answer.subjects))) if is_claiming else text
    read = claims(text) if claims else [(s.start, s.end, 0.0) for s in sentences(text)]
    for start, end, probability in read:
        sentence = shown[start:end]
        is_masked = MASK in sentence and not _P["first_person"].search(sentence)
        if is_masked and _P["first_person"].search(text, start, end):
            continue
        pieces = [piece for a, b in cuts(start, end) if _P["claiming"].search(piece := shown[a:b])]
        why = next((name for name, p in PATTERNS.items() if any(map(p.search, pieces))), None)
        yield start, end, max(probability, PATTERN) if why else probability, why or CLAIM


def _first_person(named: re.Match[str]) -> str:
    """``I``, or ``my`` for a possessive, at the name's length: the tokenizer drops control characters."""
    return ("my" if named[0][-2] in "'\u2019" else "I").rjust(len(named[0]), "\x01")


def is_labelled_fiction(prompt: str, text: str) -> bool:
    """Whether the answer's opening or close says that it is made up, or the prompt asks for an invention."""
    is_declared = any(map(_ASIDE["fiction"].search, (text[:_EDGE], text[-_EDGE:])))
    return is_declared or bool(_ASIDE["fiction_asked"].search(prompt[:400]))


def asserted(text: str, known: str = "") -> str:
    """``text``, of equal length, with all that its teller does not assert masked.

    Emphasis marks become spaces and typographic apostrophes straight ones, so patterns need not know them. Quotation
    marks around the whole answer mask nothing. A line labelled with a name that is in ``known`` is that person's.
    """
    shown = _masked(text.translate(_FLAT), _marked_spans(text, known))
    return _masked(
        shown, _unasserted_spans(shown, [c for s in sentences(text) for c in cuts(s.start, s.end)])
    )


def cuts(start: int, end: int) -> list[tuple[int, int]]:
    """``start`` to ``end`` in pieces of at most ``_MAX_SENTENCE`` characters."""
    return [(at, min(at + _MAX_SENTENCE, end)) for at in range(start, end, _MAX_SENTENCE)]


def _marked_spans(text: str, known: str) -> Iterator[tuple[int, int]]:
    close = len(text.rstrip(" \n.*_"))
    for quotation in _ASIDE["quotation"].finditer(text):
        lead = text[max(0, quotation.start() - 200) : quotation.start()]
        if quotation.end() < close or not _ASIDE["lead_in"].search(lead):
            yield quotation.span()
    for pattern in (_ASIDE["placeholder"], _ASIDE["title"], _ASIDE["voiced"]):
        yield from (found.span() for found in pattern.finditer(text))
    lines = list(_ASIDE["speaker"].finditer(text))
    labels = Counter(line.group(1) for line in lines)
    yield from (line.span() for line in lines if line.group(1) in known or labels[line.group(1)] > 1)


def _unasserted_spans(shown: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    follows_supposition = conditional = False
    for start, end in spans:
        sentence = shown[start:end]
        has_mood = bool(_ASIDE["mood"].search(sentence))
        conditional = follows_supposition or (conditional and has_mood)
        follows_supposition = bool(_ASIDE["supposes"].match(sentence))
        if not _P["claiming"].search(sentence):
            continue
        if conditional or _ASIDE["not_asserted"].search(sentence):
            yield start, end
            continue
        yield from (
            (start + found.start(), start + found.end()) for found in _ASIDE["idiom"].finditer(sentence)
        )
        for found in _ASIDE["report"].finditer(sentence):
            yield start + found.end(), start + _until(_ASIDE["report_end"], sentence, found.end())
        for found in _ASIDE["wish"].finditer(sentence):
            yield start + found.start(), start + _until(_ASIDE["wish_end"], sentence, found.end())
        for pattern in (_ASIDE["supposed"], *([_ASIDE["condition"]] if has_mood else [])):
            if first := pattern.search(sentence):
                yield start + first.start(), end


def _until(ends: re.Pattern[str], sentence: str, start: int) -> int:
    found = ends.search(sentence, start)
    return found.start() if found else len(sentence)


def _masked(text: str, spans: Iterator[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in sorted(spans):
        if end > position:
            start = max(start, position)
            pieces += [text[position:start], MASK * (end - start)]
            position = end
    return "".join([*pieces, text[position:]])
