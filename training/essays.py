"""Pairs out of essays: paragraphs, sections, short essays, asides and footnotes in the writer's own words.

What isn't the writer's prose (front matter, code, tables, quotations, lists, HTML, comments) is left out and counted.
A response is a span of its source as plain text (``training.markdown``): neither links nor asterisks are learned.
Prompts are made by rule, or by a model later.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

from markdown_it.token import Token

from judges.text import sentences
from timbre.errors import TimbreError
from timbre.files import decoded, read_bytes
from training.markdown import parse, plain, prose
from training.types import Origin

SUFFIXES = (".md", ".markdown", ".txt")
LEAST_WORDS, MOST_WORDS = 12, 220
"""Of a paragraph or section; shorter ones say too little, longer ones are no note."""

MOST_ESSAY_WORDS = 400
LEAST_ASIDE = 4
"""Words of an aside or footnote."""

Kind = Literal["paragraph", "section", "essay", "aside", "footnote"]

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
_ASIDE = re.compile(r"\(([^()\n]{10,400})\)")
_WORD = re.compile(r"[^\W\d_][\w\u2019'-]+")
_LEFT_OUT = {
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "blockquote_open": "quotation",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "html_block": "HTML",
    "comment": "comment",
}
_SMALL_WORDS = """
the a an and or but if of to in on at by for with from into over under not no is are was were be
been it its this that these those i you he she we they my your his her our their as so than then
there here what which who whom when where how why all any some more most very just about
"""
_SMALL = frozenset(_SMALL_WORDS.split())

MANNERS = (
    "Write on {heading}, with {words} in it. {size}.",
    "What do you make of {first}? {size}.",
    "A note on {heading}, please. Mention {words}.",
    "I keep thinking about {first} and {last}. What would you say?",
    "Tell me about {heading}. {size}.",
    "{heading}: your view of it, with {first} in it.",
    "How would you explain {first} to a friend?",
    "Say something about {first} that only you would say. {size}.",
    "What does {first} have to do with {last}?",
    "Answer a reader who asks about {heading} and {last}.",
)
"""Requests that a passage may answer; which one is chosen by the passage's digest."""


@dataclass(frozen=True)
class Extract:
    """One pair to be."""

    file: str  # path of the essay below the folder that was read
    start: int  # first character of the span in the file's text
    end: int  # one past the last
    response: str  # ``prose`` of the span
    prompt: str  # what it may be the answer to
    kind: Kind

    @property
    def source(self) -> str:
        """The essay: all of it stays on one side of the split."""
        return str(Path(self.file).with_suffix(""))

    @property
    def origin(self) -> Origin:
        """Of the pair."""
        return "footnote" if self.kind in ("aside", "footnote") else "extracted"

    @property
    def span(self) -> str:
        """Where it comes from: ``kettles.md:120-480``, in characters."""
        return f"{self.file}:{self.start}-{self.end}"


@dataclass(frozen=True)
class _Paragraph:
    start: int
    end: int
    text: str  # ``plain`` of the block
    block: Token  # with the marks of its footnotes
    heading: str

    @property
    def words(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True)
class _Page:
    """An essay, parsed, and what was left out of it so far, by reason."""

    file: str
    text: str
    title: str
    tokens: Sequence[Token]
    lines: Sequence[int]  # where each begins, and the end
    left_out: Counter[str]

    def span(self, token: Token) -> tuple[int, int]:
        """Of a block: its first character and one past its last, without white space at its ends."""
        start, end = (self.lines[n] for n in token.map or (0, 0))
        span = self.text[start:end]
        return end - len(span.lstrip()), start + len(span.rstrip())


def read_essays(folder: Path) -> list[tuple[str, str]]:
    """Path and text of the essays in a folder (and below), or of a single file, by name.

    Raises:
        TimbreError: nothing there, or a file that is not UTF-8 text.
    """
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)
    if not files:
        raise TimbreError(
            "no essay", where=str(folder), do=f"give a folder with files in {', '.join(SUFFIXES)}"
        )
    essays = []
    for file in files:
        text = decoded(read_bytes(file), file).replace("\r\n", "\n")
        if "\0" in text:
            raise TimbreError("not a text", where=str(file), do="leave it out")
        essays.append((file.name if file == folder else file.relative_to(folder).as_posix(), text))
    return essays


def extracts(file: str, text: str) -> tuple[list[Extract], Counter[str]]:
    """Every passage, aside and footnote of one essay in its order; how many blocks were left out, by reason."""
    page = _page(file, text)
    common = Counter(word.casefold() for word in _WORD.findall(text))
    made = [*_passages(page, _sections(page), common), *_footnotes(page)]
    kept: dict[str, Extract] = {}
    for extract in sorted(made, key=lambda e: (e.start, -e.end)):
        kept.setdefault(" ".join(extract.response.split()), extract)
    return list(kept.values()), page.left_out


def _page(file: str, text: str) -> _Page:
    title = Path(file).stem.replace("-", " ").replace("_", " ")
    front = _FRONT_MATTER.match(text)
    if front:
        if named := _TITLE.search(front[0]):
            title = prose(named[1])
        text = re.sub(r"[^\n]", " ", front[0]) + text[front.end() :]  # keeps every offset
    tokens = parse(text, code=not file.endswith(".txt"))
    lines = [0, *(end.end() for end in re.finditer(r"\r\n?|\n", text)), len(text)]
    return _Page(file, text, title, tokens, lines, Counter({"front matter": 1} if front else {}))


def _sections(page: _Page) -> list[list[_Paragraph | None]]:
    """The paragraphs of prose under each heading, None where something else stands between two."""
    heading = page.title
    sections: list[list[_Paragraph | None]] = [[]]
    for at, token in enumerate(page.tokens):
        if token.level:
            continue
        if token.type == "heading_open":
            heading = plain(page.tokens[at + 1]) or heading
            sections.append([])
        elif token.type in _LEFT_OUT:
            page.left_out[_LEFT_OUT[token.type]] += 1
            sections[-1].append(None)
        elif token.type == "paragraph_open":
            if text := plain(page.tokens[at + 1]):
                sections[-1].append(_Paragraph(*page.span(token), text, page.tokens[at + 1], heading))
            else:
                page.left_out["without words"] += 1
    return sections


def _passages(
    page: _Page, sections: Sequence[Sequence[_Paragraph | None]], common: Counter[str]
) -> Iterator[Extract]:
    """Paragraphs, their asides and notes; whole sections, and the whole essay if it is short and all prose."""
    blocks = [block for section in sections for block in section]
    for paragraph in filter(None, blocks):
        if paragraph.text.endswith(":"):
            page.left_out["opening of something else"] += 1
        elif LEAST_WORDS <= paragraph.words <= MOST_WORDS:
            yield _passage(page.file, [paragraph], "paragraph", common)
        else:
            short = paragraph.words < LEAST_WORDS
            page.left_out[f"under {LEAST_WORDS} words" if short else f"over {MOST_WORDS} words"] += 1
        yield from _asides(page.file, paragraph)
        yield from _inline_notes(page, paragraph)
    wholes: list[tuple[Kind, Sequence[_Paragraph | None], int]] = [("essay", blocks, MOST_ESSAY_WORDS)]
    wholes += [("section", section, MOST_WORDS) for section in sections]
    for kind, whole, most in wholes:
        parts = [block for block in whole if block]
        if len(parts) == len(whole) > 1 and sum(part.words for part in parts) <= most:
            yield _passage(page.file, parts, kind, common)


def _passage(file: str, parts: Sequence[_Paragraph], kind: Kind, common: Counter[str]) -> Extract:
    response = "\n\n".join(part.text for part in parts)
    heading = re.sub(r"^(?:On|About) ", "", parts[0].heading)
    prompt = passage_prompt(heading, keywords(response, common), response)
    if kind != "paragraph":
        what = "a short essay" if kind == "essay" else "a few paragraphs"
        prompt = f"Write {what} on {heading}. {_size(response)}."
    return Extract(file, parts[0].start, parts[-1].end, response, prompt, kind)


def _asides(file: str, paragraph: _Paragraph) -> Iterator[Extract]:
    for sentence in sentences(paragraph.text):
        for aside in _ASIDE.finditer(paragraph.text, sentence.start, sentence.end):
            before = paragraph.text[sentence.start : aside.start()].rstrip()
            rest = " ".join((before + paragraph.text[aside.end() : sentence.end]).split())
            if min(len(aside[1].split()), len(rest.split())) >= LEAST_ASIDE:
                prompt = f"Add an aside in brackets to this sentence: “{rest}”"
                yield Extract(file, paragraph.start, paragraph.end, aside[1].strip(), prompt, "aside")


def _inline_notes(page: _Page, paragraph: _Paragraph) -> Iterator[Extract]:
    for at, note in enumerate(paragraph.block.children or ()):
        if note.type == "inline_note":
            start = max(paragraph.start, page.text.find(note.content, paragraph.start, paragraph.end))
            span = start, start + len(note.content)
            yield from _footnote(page, span, plain(note), _sentence(paragraph.block, at))


def _footnotes(page: _Page) -> Iterator[Extract]:
    marked: dict[str, str] = {}
    for block in page.tokens:
        for at, mark in enumerate(block.children or ()):
            if mark.type == "footnote_ref":
                marked.setdefault(mark.meta["label"], _sentence(block, at))
    for at, token in enumerate(page.tokens):
        if token.type == "footnote_reference_open" and not token.level:
            inside = list(takewhile(lambda t: t.level, page.tokens[at + 1 :]))
            note = "\n\n".join(filter(None, map(plain, inside)))
            if other := next((t.type for t in inside if t.type in _LEFT_OUT), None):
                page.left_out[f"footnote with {_LEFT_OUT[other]}"] += 1
            else:
                yield from _footnote(page, page.span(token), note, marked.get(token.meta["label"], ""))


def _footnote(page: _Page, span: tuple[int, int], note: str, sentence: str) -> Iterator[Extract]:
    words = len(note.split())
    if LEAST_ASIDE <= words <= MOST_WORDS:
        prompt = f"Write a footnote to this sentence: “{sentence}”" if sentence else "Write a footnote."
        yield Extract(page.file, *span, note, prompt, "footnote")
    else:
        few = words < LEAST_ASIDE
        page.left_out["footnote of a few words" if few else f"footnote over {MOST_WORDS} words"] += 1


def _sentence(block: Token, at: int) -> str:
    """The sentence of a block in which its child ``at``, a footnote's mark, stands or which it follows."""
    before = len(plain(block, at))
    text = plain(block)
    found = next((text[s.start : s.end] for s in sentences(text) if s.end >= before), "")
    return " ".join(found.split())


def keywords(passage: str, common: Counter[str], most: int = 3) -> list[str]:
    """The passage's own words, rarest in the essay first, in the order of the text."""
    words = [word for word in _WORD.findall(passage) if len(word) > 3 and word.casefold() not in _SMALL]
    rare = sorted(dict.fromkeys(words), key=lambda word: (common[word.casefold()], -len(word)))[:most]
    return [word for word in dict.fromkeys(words) if word in rare]


def passage_prompt(heading: str, words: Sequence[str], passage: str) -> str:
    """A request that the passage answers, in one of ``MANNERS``; ``words`` are what it speaks of."""
    if len(words) < 2:
        return f"Write on {heading}. {_size(passage)}."
    manner = MANNERS[int(hashlib.sha256(passage.encode()).hexdigest(), 16) % len(MANNERS)]
    listed = f"{', '.join(words[:-1])} and {words[-1]}"
    return manner.format(heading=heading, words=listed, first=words[0], last=words[-1], size=_size(passage))


def _size(passage: str) -> str:
    words = len(passage.split())
    return "Two or three sentences" if words < 60 else f"About {round(words, -1)} words"
