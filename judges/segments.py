"""Which stretches of an answer are the writer's own assertion.

Quotations, block quotes, speakers' lines, titles, placeholders, reported speech
and hypotheticals are somebody else's words or nobody's claim. They are blanked
with ``MASK``, one for one, so that every offset stays an offset into the answer.
"""

import re
from collections.abc import Iterator, Sequence

MASK = "\x00"
"""Stands for one character that is not the writer's assertion; no pattern matches it."""

MAX_SENTENCE = 1200
"""Characters; a longer stretch without a full stop is cut, which bounds every pattern's work."""

Span = tuple[int, int]

_FLAT = str.maketrans({"\u2019": "'", "\u00a0": " ", "\t": " ", "\u202f": " ", "*": " ", "_": " ", "`": " "})
_PAIRS = {"\u201c": "\u201d", "\u2018": "\u2019", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb"}
_MARK = re.compile("[\"'" + "".join(_PAIRS) + "]")
_TITLE = re.compile(
    r"(?<![\w*])(\*{1,2}|_)(?!\s)(?=[A-Z\"'])((?:[A-Z][\w'\u2019-]{0,30}|[a-z]{1,4})"
    r"(?:[ ,:]{1,2}(?:[A-Z][\w'\u2019-]{0,30}|of|the|and|a|an|in|to|on|for|with|we"
    r"|from)){1,9}[!?]?)\1(?![\w*])"
)
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{0,80}\](?!\()")
_SPEAKER = re.compile(
    r"^[ *_]{0,4}([A-Z][\w.'\u2019-]{0,25}(?: [A-Z][\w.'\u2019-]{0,25}){0,3})[*_]{0,2}:[*_ ]{1,3}", re.M
)
_LEAD_IN = re.compile(r"\b(?:here(?:'s| is| are)|below is|sure|certainly|of course)\b[^\n]{0,160}:\s*$", re.I)
_VOICED = re.compile(
    r"\b(?:in (?:his|her|their) own (?:words|voice)|(?:might|would"
    r"|could) (?:well )?have (?:said|put it|written)"
    r"|(?:might|would|could) (?:say|write|put it)|wrote|said|writes|says)\b[^.:!?\n]{0,60}:\s{0,3}(?=\S)"
)
_FICTION = re.compile(
    r"(?:^\W*(?:a |an )?(?:short story|flash fiction|fiction|pastiche|(?:fictional|imagined"
    r"|imaginary|invented|dramatic) \w+)"
    r"\b[^.\n]{0,60}[\n:)]"
    r"|\b(?:this|that|what follows|the following|here|below)(?: is|'s|\u2019s| was)(?: \w+)? (?:\w+ ){0,3}"
    r"(?:fiction(?:al)?|short story|imagined|imaginary|invented|made[- ]up|monologue|pastiche)\b"
    r"|\((?:[\w-]+ ){0,3}(?:fiction(?:al)?|imagined|invented|made[- ]up|imaginary)\b[^)\n]{0,60}\)"
    r"|\b(?:written|speaking|writing|told|monologue|letter) in the (?:voice|persona|character) of\b)",
    re.I,
)
_FICTION_ASKED = re.compile(
    r"\b(?:write|tell|give|compose|invent)(?: me| us)? (?:a|an) (?:[\w-]{1,20} ){0,3}"
    r"(?:story|tale|monologue|scene|dialogue|fiction|poem|fable|sketch) ",
    re.I,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|vs|cf|No|vol|ed|e\.g|i\.e|etc|approx|c|ca)|\b[A-Z]|\.[A-Z])\.$"
)
_STOP = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019)\]*_\x00]{0,3}\s+|\n\s*\n\s*|\n(?=\s{0,4}(?:[-*#>]|\d+\.)\s)"
    r"|\x00\s+(?=[A-Z])"
)


def is_labelled_fiction(prompt: str, text: str) -> bool:
    """Whether the answer's opening or close says that it is made up, or the prompt asked for an invention."""
    return bool(
        _FICTION.search(text[:160]) or _FICTION.search(text[-160:]) or _FICTION_ASKED.search(prompt[:400])
    )


def quotation_spans(text: str) -> list[Span]:
    """Spans in straight or curly, double or single quotation marks, and ``>`` block quotes.

    A quotation ends with its paragraph at the latest: an opening mark that is never
    closed is a multi-paragraph quotation or an answer cut off, and either way not the
    writer's own. Marks around a whole answer, as a model puts them, don't count.
    """
    spans: list[Span] = []
    position = 0
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith(">"):
            spans.append((position, position + len(line)))
        else:
            spans.extend((position + s, position + e) for s, e in _marked(line))
        position += len(line)
    return [span for span in spans if not _wraps_the_answer(text, span)]


def _marked(line: str) -> Iterator[Span]:
    """Quotations inside one line, which is one paragraph."""
    reached = 0
    hopeless: set[str] = set()
    for match in _MARK.finditer(line):
        i, mark = match.start(), match.group()
        before, after = line[i - 1 : i], line[i + 1 : i + 2]
        opens = not (before.isalnum() or before in tuple(".,!?;")) and bool(after.strip())
        if i < reached or mark in hopeless or (mark in "\"'\u2018" and not opens):
            continue
        closers = _PAIRS.get(mark, mark)
        end = _closing(line, i + 1, closers)
        if end < 0 and mark in "'\u2018":
            # An elision ('twas, the '60s) looks like an opening mark but is never closed.
            hopeless.add(mark)
            continue
        reached = end + 1 if end >= 0 else len(line.rstrip())
        yield i, reached


def _closing(line: str, start: int, closers: str) -> int:
    """Index of the mark that closes a quotation opened before ``start``, or -1."""
    apostrophe = closers in "'\u2019"
    for match in re.compile(f"[{closers}]").finditer(line, start):
        j = match.start()
        after = line[j + 1 : j + 2]
        if apostrophe and (after.isalnum() or line[j - 1].isspace()):
            continue
        if closers == '"' and line[j - 1].isspace() and after.isalnum():
            continue
        return j
    return -1


def _wraps_the_answer(text: str, span: Span) -> bool:
    start, end = span
    if text[end:].strip(" \n.*_"):
        return False
    lead = text[:start]
    return not lead.strip(" \n*_") or bool(_LEAD_IN.search(lead[-200:]))


def _speaker_spans(text: str, subjects: Sequence[str]) -> Iterator[Span]:
    """Lines of a transcript: labelled with a subject, or with a label that comes back."""
    labels = [(m, m.group(1)) for m in _SPEAKER.finditer(text)]
    counts: dict[str, int] = {}
    for _, label in labels:
        counts[label] = counts.get(label, 0) + 1
    names = {part for subject in subjects for part in (subject, *subject.split())}
    for match, label in labels:
        if label in names or counts[label] > 1:
            end = text.find("\n", match.end())
            yield match.start(), len(text) if end < 0 else end


def _voiced_spans(text: str) -> Iterator[Span]:
    """What stands after 'she would have put it:' up to the end of that paragraph."""
    for match in _VOICED.finditer(text):
        end = text.find("\n", match.end())
        yield match.end(), len(text) if end < 0 else end


def own_words(text: str, subjects: Sequence[str]) -> str:
    """The text, of equal length, with all that is marked as not the writer's voice masked.

    Emphasis marks become spaces and typographic apostrophes straight ones, so that
    patterns need not know them.
    """
    spans = quotation_spans(text)
    spans += [m.span() for m in _PLACEHOLDER.finditer(text)]
    spans += [m.span() for m in _TITLE.finditer(text) if _is_title(m.group(2))]
    spans += _speaker_spans(text, subjects)
    spans += _voiced_spans(text)
    return mask(text.translate(_FLAT), spans)


def _is_title(words: str) -> bool:
    """Whether an emphasised phrase is a title: at least two words, and the last one capitalised."""
    parts = words.split()
    return len(parts) > 1 and parts[-1][0].isupper()


def mask(text: str, spans: Sequence[Span]) -> str:
    """``text`` with every span blanked, line breaks kept."""
    if not spans:
        return text
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if end <= position:
            continue
        start = max(start, position)
        pieces.append(text[position:start])
        pieces.append("".join("\n" if c == "\n" else MASK for c in text[start:end]))
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def sentence_spans(text: str) -> list[Span]:
    """Sentences in order, each at most ``MAX_SENTENCE`` characters, without outer spaces."""
    spans: list[Span] = []
    start = 0
    for match in _STOP.finditer(text):
        head = text[max(start, match.start() - 12) : match.start() + 1]
        following = text[match.end() : match.end() + 1]
        if match.group()[0] == "." and (_ABBREVIATION.search(head) or following.islower()):
            continue
        spans.extend(_cut(text, start, match.end()))
        start = match.end()
    spans.extend(_cut(text, start, len(text)))
    return spans


def _cut(text: str, start: int, end: int) -> Iterator[Span]:
    while end - start > MAX_SENTENCE:
        space = text.rfind(" ", start + MAX_SENTENCE // 2, start + MAX_SENTENCE)
        stop = space if space > 0 else start + MAX_SENTENCE
        yield start, stop
        start = stop
    if text[start:end].strip():
        yield start, end
