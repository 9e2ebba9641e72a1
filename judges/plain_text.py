"""Prose out of Markdown without moving a character, and its words and sentences.

Every function that hides something hides it behind spaces of the same length, so an offset into
the result is an offset into the original text and evidence spans stay exact.

Words are found by spaces and punctuation: right for English and its neighbours, not for
scripts that write without spaces.
"""

import re
from functools import lru_cache
from typing import NamedTuple

EMPTY = "empty answer"
"""Why every judge leaves an answer without a visible character unscored."""

NO_WORDS = "no words outside markup, code, links and hashtags"
"""Why a judge that counts per word leaves an answer unscored."""

HASHTAG = re.compile(
    r"(?<![\w&/#\uff03])[#\uff03](?!\d+(?:st|nd|rd|th)?(?!\w))"
    r"(?!(?=[a-f]*\d)(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})(?!\w))"
    r"(?=\w*[^\W\d_])\w++",
    re.IGNORECASE,
)
"""A hashtag: ``#`` before a word with a letter; not C#, #1, #2nd, a colour such as #ff8800, or a heading."""

_FENCE_LINE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$")
_PROSE_FENCES = {"text", "txt", "markdown", "md", "plaintext"}
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\n]{0,500}\)")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]]+(?<![.,;:!?'\"])|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_INLINE_CODE = re.compile(r"(`+)(?!`)[^`\n]+\1(?!`)")
_RULE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}$")
_BLOCK_START = re.compile(
    r"[ \t]*(?:>[ \t]?)+(?:[-*+•][ \t]+)?|[ \t]{0,3}#{1,6}[ \t]+|[ \t]*(?:[-*+•\u2013]|\d{1,2}[.)])[ \t]+"
)
_MARKERS = re.compile(
    r"(?<!\w)\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?!\w)|(?<![^\W_])_+|_+(?![^\W_])|~~|`+|(?<=\s)#+(?=[ \t]*$)",
    re.MULTILINE,
)
_TITLE = re.compile(
    r"^[ \t]{0,3}#{1,6}[ \t]+\S.*$"
    r"|^(?=[^\n]*\S)[^\n]++(?=\n[ \t]{0,3}(?:=|-){3,}[ \t]*$)"
    r"|^[ \t]*(?:(?:[-*+•\u2013]|\d{1,2}[.)])[ \t]+)?"
    r"(?:\*\*[^*\n]{1,120}(?:\*\*[ \t]*(?:[:\u2013—-]|$)|:\*\*)"
    r"|__[^_\n]{1,120}(?:__[ \t]*(?:[:\u2013—-]|$)|:__))",
    re.MULTILINE,
)
_WORD = re.compile(
    r"\d+(?:[.,:/]\d+)*(?:[^\W_]|[\u0300-\u036f])*+"
    r"|[A-Za-z](?:\.[A-Za-z])+(?![^\W_])"
    r"|[^\W_](?:[^\W_]|[\u0300-\u036f])*+(?:['\u2019\u02bc\u2011_-][^\W_](?:[^\W_]|[\u0300-\u036f])*+)*"
)
_TERMINAL = re.compile(r"[.!?…]+[\"'”\u2019»)\]]*(?=\s|$)")
_TITLES = "mr mrs ms messrs dr prof st jr sr rev gen col capt lt sgt hon"
_ABBREVIATIONS = frozenset((_TITLES + " vs cf eg ie fig vol approx mt").split())


class Span(NamedTuple):
    """A piece of a text: ``original[start:end]``, with markup inside it blanked in ``text``."""

    text: str
    start: int
    end: int


def is_blank(text: str) -> bool:
    """Whether ``text`` has no visible character: nothing but space, control and format characters."""
    return not any(c.isprintable() and not c.isspace() for c in text)


def without_code_and_addresses(text: str) -> str:
    """``text`` with code, URLs and e-mail addresses blanked, of the same length; other markup stays."""
    shown = _INLINE_CODE.sub(_spaces, _without_fences(text))
    return _ADDRESS.sub(_spaces, shown)


def titles(text: str) -> tuple[Span, ...]:
    """Markdown headings, and bold text that stands as a line or leads one in ("**Takeaway:** ...")."""
    return tuple(
        Span(found.group().strip(), *_stripped(found)) for found in _TITLE.finditer(_without_fences(text))
    )


@lru_cache(maxsize=512)
def prose(text: str) -> str:
    r"""The running text: markup, code blocks, URLs, HTML tags and hashtags blanked, length kept.

    Cached, since every judge of one answer asks for it.

    Returns:
        A string of ``len(text)``. A ``"\n"`` in it parts two blocks (paragraphs, list items,
        headings); a line break inside a paragraph has become a space. An answer that is wholly
        inside a code fence is taken for prose, since some models wrap a note so.
    """
    shown = _without_fences(text)
    if not _WORD.search(shown):
        shown = _without_fence_lines(text)
    shown = _LINK.sub(_keep_label, shown)
    for hidden in (_ADDRESS, _TAG, HASHTAG):
        shown = hidden.sub(_spaces, shown)
    return _MARKERS.sub(_spaces, _joined_blocks(shown))


def plain_text(text: str) -> str:
    """``prose`` with runs of space closed up; blocks parted by one newline. Offsets are lost."""
    blocks = (" ".join(block.split()) for block in prose(text).split("\n"))
    return "\n".join(block for block in blocks if block)


def words(text: str) -> tuple[Span, ...]:
    """The words of the prose in ``text``; "don't", "half-read", "3.5" and "p.m." are one each."""
    return tuple(Span(m.group(), m.start(), m.end()) for m in _WORD.finditer(prose(text)))


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of the prose in ``text`` that hold at least one word.

    A sentence ends at ``. ! ? …`` before a space, and at the end of a block. It does not end after
    a title or an initial ("Dr. No", "J. R. Hartley", "e.g. this"), nor where an ellipsis or a
    closing quotation mark is followed by a small letter ('"Why?" she asked').
    """
    shown = prose(text)
    found = []
    start = 0
    for cut in _cuts(shown):
        piece = shown[start:cut]
        if _WORD.search(piece):
            left = start + len(piece) - len(piece.lstrip())
            found.append(Span(piece.strip(), left, left + len(piece.strip())))
        start = cut
    return tuple(found)


def _cuts(shown: str) -> list[int]:
    ends = [i + 1 for i, c in enumerate(shown) if c == "\n"]
    ends += [m.end() for m in _TERMINAL.finditer(shown) if _ends_sentence(shown, m)]
    return sorted({*ends, len(shown)})


def _ends_sentence(shown: str, mark: re.Match[str]) -> bool:
    following = shown[mark.end() : mark.end() + 40].lstrip()[:1]
    if following.islower() and (
        mark.group() != mark.group().rstrip("\"'”\u2019»)]…") or "..." in mark.group()
    ):
        return False
    if mark.group() != ".":
        return True
    before = re.search(r"\S*$", shown[max(0, mark.start() - 30) : mark.start()])
    token = before.group().strip("\"'“\u2018«([") if before else ""
    if token.replace(".", "").lower() in _ABBREVIATIONS:
        return False
    is_initial = len(token) == 1 and token.isupper() and token != "I"
    is_dotted = "." in token and token.replace(".", "").isalpha() and following.islower()
    return not (is_initial or is_dotted)


def _spaces(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _keep_label(found: re.Match[str]) -> str:
    before = found.start(1) - found.start()
    after = found.end() - found.end(1)
    return " " * before + found.group(1) + " " * after


def _stripped(found: re.Match[str]) -> tuple[int, int]:
    whole = found.group()
    start = found.start() + len(whole) - len(whole.lstrip())
    return start, start + len(whole.strip())


def _fence_lines(lines: list[str]) -> list[tuple[bool, bool]]:
    """For each line: whether it is a fence's own line, and whether it is code inside one."""
    marks = []
    fence = ""
    is_code = False
    for line in lines:
        found = _FENCE_LINE.match(line)
        closes = bool(fence and found and found.group(1).startswith(fence) and not found.group(2))
        opens = bool(not fence and found)
        if opens and found:
            fence, is_code = found.group(1), found.group(2).lower() not in _PROSE_FENCES
        marks.append((opens or closes, bool(fence) and is_code and not (opens or closes)))
        if closes:
            fence = ""
    return marks


def _without_fences(text: str) -> str:
    lines = text.split("\n")
    marks = _fence_lines(lines)
    return "\n".join(
        " " * len(line) if is_fence or is_code else line
        for line, (is_fence, is_code) in zip(lines, marks, strict=True)
    )


def _without_fence_lines(text: str) -> str:
    lines = text.split("\n")
    marks = _fence_lines(lines)
    return "\n".join(
        " " * len(line) if is_fence else line for line, (is_fence, _) in zip(lines, marks, strict=True)
    )


def _joined_blocks(text: str) -> str:
    out: list[str] = []
    was_block = True
    for line in text.split("\n"):
        is_table = line.lstrip().startswith("|")
        start = _BLOCK_START.match(line)
        is_rule = bool(_RULE.match(line))
        is_block = not line.strip() or is_rule or is_table or bool(start)
        if is_rule:
            line = " " * len(line)
        elif is_table:
            line = re.sub(r"\||:?-{3,}:?", _spaces, line)
        elif start:
            line = " " * start.end() + line[start.end() :]
        if out:
            out.append("\n" if is_block or was_block else " ")
        out.append(line)
        was_block = is_block
    return "".join(out)
