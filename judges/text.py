"""One normaliser, one splitter of words, one splitter of sentences; offsets are never lost.

``clean`` is called once on each answer, and judges see its ``text`` only. ``prose`` then hides markup
behind spaces of the same length, so an offset into the prose is an offset into the clean text, and
``CleanText.original`` maps it back to the answer as it was given.

Every function takes time in proportion to the text, whatever is in it.
"""

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import regex

from judges.pattern_files import load_patterns

EMPTY = "empty answer"  # why no judge scores an answer without a visible character
# Why a judge that counts per word leaves an answer unscored.
NO_WORDS = "no words outside markup, code, links and hashtags"

_P = load_patterns("markup")
HASHTAG = _P["hashtag"]
_MAX_CLUSTER = 32  # combining marks normalised at once; ordering a longer pile-up would take quadratic time
# Scripts written without spaces between words: every letter with its marks counts as a word.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"[\p{{L}}\p{{N}}--[{_UNSPACED}\u30fc]]"
_WORD = regex.compile(
    rf"[{_UNSPACED}]\p{{M}}*+"
    r"|\p{Nd}+(?:[.,:/]\p{Nd}+)*+"
    rf"(?:[{_LETTER}\p{{M}}])*+"
    rf"|[A-Za-z](?:\.[A-Za-z])++(?!{_LETTER})"
    rf"|{_LETTER}[{_LETTER}\p{{M}}]*+(?:['\u2019\u02bc\u2011_-]{_LETTER}[{_LETTER}\p{{M}}]*+)*+",
    regex.V1,
)
_UNSPACED_LETTER = regex.compile(rf"[{_UNSPACED}]")
_MARK = re.compile("[\u0300-\u036f]")
_KEPT = re.compile("[\u2019\u02bc\ud800-\udfff]")  # what `clean` replaces and training keeps
_APOSTROPHE = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2011": "-"})

_PROSE_FENCES = {"text", "txt", "markdown", "md", "plaintext"}
_TITLES = "mr mrs ms messrs dr prof st jr sr rev gen col capt lt sgt hon"
_ABBREVIATIONS = frozenset((_TITLES + " vs cf eg ie fig figs vol approx mt al eq sec pp ca").split())


class Span(NamedTuple):
    """A piece of a text: ``original[start:end]``, with markup inside it blanked in ``text``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class CleanText:
    """A normalised text, and the way back to the text it was made from."""

    text: str
    # Start and end in the original of each character, and of the end of the text; empty: as in ``text``.
    _places: Sequence[tuple[int, int]] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that ``text[start:end]`` came from; what was removed inside it counts."""
        if not self._places:
            return start, end
        first = self._places[start][0]
        return first, self._places[end - 1][1] if end > start else first


def clean(text: str) -> CleanText:
    """``text`` as judges should read it.

    - Closed ``<think>...</think>`` blocks are removed, and what stands before a lone ``</think>``, since some
      templates open the block in the prompt. An unclosed one stays: it is a fault.
    - HTML entities are resolved; line ends are newlines, unusual spaces are spaces.
    - Soft hyphens, zero-width, direction and control characters are removed (joiners stay where a script
      needs them), lone surrogates become U+FFFD.
    - An apostrophe inside a word is a plain one. Quotation marks stay: their direction says what they quote.
    - Unicode's composed form (NFC).
    """
    cleaned = _replaced(CleanText(text), [(start, end, "") for start, end in _thoughts(text)])
    for name, replacement in (("dirt", _undirtied), ("uncomposed", _composed)):
        if not cleaned.text.isascii() or name == "dirt":
            found = [(*m.span(), replacement(m.group())) for m in _P[name].finditer(cleaned.text)]
            cleaned = _replaced(cleaned, found)
    return cleaned


def normalized(text: str) -> str:
    """``text`` as it should be trained on: ``clean`` without what belongs to the writer or to a fault.

    Entities, line ends, spaces, invisible characters and NFC as in ``clean``. Paragraphs, quotation marks and curly
    apostrophes stay, since the model is to learn the writer's own; so does ``<think>``, which may be learned on
    purpose; and a lone surrogate, which a reader of data refuses.
    """
    tidy = _P["dirt"].sub(lambda m: m[0] if _KEPT.match(m[0]) else _undirtied(m[0]), text)
    return tidy if tidy.isascii() else _P["uncomposed"].sub(lambda m: _composed(m[0]), tidy)


def _thoughts(text: str) -> Iterable[tuple[int, int]]:
    opened: int | None = None
    for number, tag in enumerate(_P["thinking"].finditer(text)):
        if not tag.group(1):
            opened = tag.start() if opened is None else opened
        elif opened is not None or number == 0:
            after = text[tag.end() :]
            yield opened or 0, tag.end() + len(after) - len(after.lstrip())
            opened = None


def _undirtied(piece: str) -> str:
    if piece[0] == "&":
        resolved = html.unescape(piece)
        if resolved == piece:  # no entity
            return piece
        return " " if resolved.isspace() else "".join(c for c in resolved if not _P["dirt"].fullmatch(c))
    if piece[0] in "\r\x0b\x0c\x85\u2028\u2029":
        return "\n"
    if piece in ("\u2019", "\u02bc"):
        return "'"
    if "\ud800" <= piece <= "\udfff":
        return "\ufffd"
    return " " if piece.isspace() and piece > "\x1f" else ""


def _composed(piece: str) -> str:
    return unicodedata.normalize("NFC", piece) if len(piece) <= _MAX_CLUSTER else piece


def _replaced(old: CleanText, found: Iterable[tuple[int, int, str]]) -> CleanText:
    """``old`` with new text for some of its spans."""
    text, new = old.text, [piece for piece in found if piece[2] != old.text[piece[0] : piece[1]]]
    if not new:
        return old
    before = old._places or [(i, min(i + 1, len(text))) for i in range(len(text) + 1)]
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    for start, end, piece in new:
        pieces += (text[at:start], piece)
        places += before[at:start]
        places += [(before[start][0], before[end - 1][1])] * len(piece)
        at = end
    return CleanText("".join((*pieces, text[at:])), (*places, *before[at:]))


def is_unspaced(word: str) -> bool:
    """Whether ``word`` is a character of a script that is written without spaces."""
    return not word.isascii() and bool(_UNSPACED_LETTER.match(word))


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """``word`` as words are compared: without case, accents, typographic forms of marks and widths."""
    if word.isascii():
        return word.lower()
    folded = unicodedata.normalize("NFKD", word[:_MAX_CLUSTER]).casefold().translate(_APOSTROPHE)
    return unicodedata.normalize("NFC", _MARK.sub("", folded)) + word[_MAX_CLUSTER:]


@lru_cache(maxsize=256)
def folded_words(text: str) -> tuple[str, ...]:
    """``all_words`` of ``text`` as words are compared."""
    return tuple(fold(word.text) for word in all_words(text))


def is_blank(text: str) -> bool:
    """Whether ``text`` has no visible character: nothing but space, control and format characters."""
    return not any(c.isprintable() and not c.isspace() for c in text)


def without_code_and_addresses(text: str) -> str:
    """``text`` with code, URLs and e-mail addresses blanked, of the same length; other markup stays."""
    shown = _P["inline_code"].sub(_spaces, _without_fences(text))
    return _P["address"].sub(_spaces, shown)


def titles(text: str) -> tuple[Span, ...]:
    """Markdown headings, and bold text that stands as a line or leads one in ("**Takeaway:** ...")."""
    return tuple(_trimmed(m.group(), m.start()) for m in _P["title"].finditer(_without_fences(text)))


@lru_cache(maxsize=64)
def prose(text: str) -> str:
    r"""The running text: markup, code blocks, URLs, HTML tags and hashtags blanked, length kept.

    A ``"\n"`` in it parts two blocks (paragraphs, list items, headings); a line break inside a paragraph has become
    a space. An answer that is wholly inside a code fence is taken for prose, since some models wrap a note so.
    """
    shown = _without_fences(text)
    if not _WORD.search(shown):
        shown = _without_fences(text, keep_code=True)
    shown = _P["link"].sub(
        lambda m: " " * (m.start(1) - m.start()) + m[1] + " " * (m.end() - m.end(1)), shown
    )
    for hidden in (_P["address"], _P["template"], _P["entity"]):
        shown = hidden.sub(_spaces, shown)
    shown = _P["block_tag"].sub(lambda tag: "\n" + " " * (len(tag.group()) - 1), _joined_blocks(shown))
    for hidden in (_P["tag"], HASHTAG, _P["markers"]):
        shown = hidden.sub(_spaces, shown)
    return shown


@lru_cache(maxsize=64)
def words(text: str) -> tuple[Span, ...]:
    """The words of the prose in ``text``; "don't", "half-read", "3.5" and "p.m." are one each.

    In scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character is one.
    """
    return tuple(Span(m.group(), m.start(), m.end()) for m in _WORD.finditer(prose(text)))


@lru_cache(maxsize=64)
def all_words(text: str) -> tuple[Span, ...]:
    """The words of the raw ``text``, those in headings, code, links and hashtags too."""
    if prose(text) == text:
        return words(text)
    return tuple(Span(m.group(), m.start(), m.end()) for m in _WORD.finditer(text))


@lru_cache(maxsize=64)
def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of the prose in ``text`` that hold at least one word.

    A sentence ends at ``. ! ? …`` (or another script's) before a space or, where the space was forgotten,
    before a capital letter; and at the end of a block. It does not end after a title or an initial ("Dr. No",
    "J. R. Hartley", "e.g. this"), nor where an ellipsis or a closing quotation mark is followed by a small
    letter ('"Why?" she asked').
    """
    shown = prose(text)
    pieces = ((shown[start:cut], start) for start, cut in pairwise([0, *_cuts(shown)]))
    return tuple(_trimmed(piece, start) for piece, start in pieces if _WORD.search(piece))


def sentence_lengths(text: str) -> list[int]:
    """Words of each of the ``sentences`` of ``text``."""
    starts = [word.start for word in words(text)]
    return [bisect_left(starts, s.end) - bisect_left(starts, s.start) for s in sentences(text)]


def _trimmed(piece: str, start: int) -> Span:
    start += len(piece) - len(piece.lstrip())
    return Span(piece.strip(), start, start + len(piece.strip()))


def _cuts(shown: str) -> list[int]:
    ends = [i + 1 for i, c in enumerate(shown) if c == "\n"]
    ends += [m.end() for m in _P["terminal"].finditer(shown) if _ends_sentence(shown, m)]
    return sorted({*ends, len(shown)})


def _ends_sentence(shown: str, mark: regex.Match[str]) -> bool:
    following = shown[mark.end() : mark.end() + 40].lstrip()[:1]
    if mark.group() != ".":
        is_trailing = mark.group() != mark.group().rstrip("\"'”\u2019»)]…") or "..." in mark.group()
        return not (is_trailing and following.islower())
    before = re.search(r"\S*$", shown[max(0, mark.start() - 30) : mark.start()])
    token = before.group().strip("\"'“\u2018«([") if before else ""
    if token.replace(".", "").lower() in _ABBREVIATIONS or (token == "No" and following.isdigit()):
        return False
    is_initial = len(token) == 1 and token.isupper() and token != "I"
    is_dotted = "." in token and token.replace(".", "").isalpha() and following.islower()
    return not (is_initial or is_dotted)


def _spaces(found: re.Match[str] | regex.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _without_fences(text: str, *, keep_code: bool = False) -> str:
    """``text`` with code fences, and what is code between them, blanked."""
    shown, fence, is_code = [], "", False
    for line in text.split("\n"):
        found = _P["fence_line"].match(line)
        if found and not fence:
            fence, is_code = found[1], found[2].lower() not in _PROSE_FENCES
            is_hidden = True
        elif found and found[1].startswith(fence) and not found[2]:
            fence, is_hidden = "", True
        else:
            is_hidden = bool(fence) and is_code and not keep_code
        shown.append(" " * len(line) if is_hidden else line)
    return "\n".join(shown)


def _joined_blocks(text: str) -> str:
    out: list[str] = []
    was_block = True
    for line in text.split("\n"):
        is_table = line.lstrip().startswith("|")
        start = _P["block_start"].match(line)
        is_rule = bool(_P["rule"].match(line))
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


class Repeat(NamedTuple):
    """A passage that comes three times or more in a row."""

    start: int  # first character of its first time
    end: int  # one past the last of its first time
    stop: int  # one past the last of its last time
    times: int


def find_repeats(text: str) -> list[Repeat]:
    """Loops of ``text``, in order; a page shows each passage once and folds the rest."""
    return [
        Repeat(m.start(), m.end(1), m.end(), m.group().count(m[1])) for m in _P["repeated"].finditer(text)
    ]


def fold_repeats(text: str) -> str:
    """``text`` with every loop's passage once and how often it comes: ``It rains. [… repeats 14 times]``."""
    return _P["repeated"].sub(lambda m: f"{m[1]} [… repeats {m[0].count(m[1])} times]", text)
