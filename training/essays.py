"""Pairs out of essays: paragraphs, sections, short essays, asides and footnotes in the writer's own words.

Markdown and plain text are parsed by markdown-it. What isn't the writer's prose (front matter, code, tables,
quotations, lists, HTML) is left out and counted. A response is a span of its source without the marks that are no
words: links, wiki links, footnote marks, comments, hard line ends. Prompts are made by rule, or by a model later.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from judges.text import sentences
from timbre.errors import TimbreError
from timbre.files import decoded, read_bytes
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
_FOOTNOTE = re.compile(r"^\[\^([^\]\s]+)\]:[ \t]+(.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_ASIDE = re.compile(r"\(([^()\n]{10,400})\)")
_WORD = re.compile(r"[^\W\d_][\w\u2019'-]+")
_MARKS = (
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[\^[^\]\s]+\]"), ""),
    (re.compile(r"\[\[(?:[^\]|]*\|)?([^\]|]+)\]\]"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"</?(?:a|b|br|div|em|i|p|small|span|strong|sub|sup|u)\b[^>]*>"), ""),
)
_LEFT_OUT = {
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "blockquote_open": "quotation",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "html_block": "HTML",
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
    text: str  # as prose
    heading: str

    @property
    def words(self) -> int:
        return len(self.text.split())


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


def prose(span: str) -> str:
    """A span of Markdown as it reads: no link targets, footnote marks or comments, one line a paragraph."""
    for pattern, kept in _MARKS:
        span = pattern.sub(kept, span)
    paragraphs = []
    for block in re.split(r"\n[ \t]*\n", span):
        # Two spaces or a backslash before a line end mean a break; any other line end is the editor's.
        broken = re.sub(r"(?: {2,}|\\)\n[ \t]*", "\0", block)
        joined = re.sub(r"\s+", " ", broken.replace("\0", " \0 ")).strip()
        paragraphs.append(re.sub(r" ?\0 ?", "\n", joined))
    return "\n\n".join(filter(None, paragraphs))


def extracts(file: str, text: str) -> tuple[list[Extract], Counter[str]]:
    """Every passage, aside and footnote of one essay in its order; how many blocks were left out, by reason."""
    paragraphs, left_out = _paragraphs(file, text)
    common = Counter(word.casefold() for word in _WORD.findall(text))
    made = [*_passages(file, paragraphs, common, left_out), *_footnotes(file, text, left_out)]
    kept: dict[str, Extract] = {}
    for extract in sorted(made, key=lambda e: (e.start, -e.end)):
        kept.setdefault(" ".join(extract.response.split()), extract)
    return list(kept.values()), left_out


def _paragraphs(file: str, text: str) -> tuple[list[_Paragraph | None], Counter[str]]:
    """The essay's paragraphs of prose, None where something else stands between two, and what was left out."""
    from markdown_it import MarkdownIt

    left_out: Counter[str] = Counter()
    title = Path(file).stem.replace("-", " ").replace("_", " ")
    if front := _FRONT_MATTER.match(text):
        left_out["front matter"] += 1
        if named := _TITLE.search(front[0]):
            title = named[1]
        text = re.sub(r"[^\n]", " ", front[0]) + text[front.end() :]  # keeps every offset
    parser = MarkdownIt("commonmark").enable("table")
    if file.endswith(".txt"):
        parser = parser.disable("code")
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    heading = title
    paragraphs: list[_Paragraph | None] = []
    tokens = parser.parse(text)
    for at, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        if token.type == "heading_open":
            heading = prose(tokens[at + 1].content) or heading
        if token.type in _LEFT_OUT:
            left_out[_LEFT_OUT[token.type]] += 1
            paragraphs.append(None)
        if token.type != "paragraph_open":
            continue
        start, end = _trimmed(text, offsets[token.map[0]], offsets[min(token.map[1], len(offsets) - 1)])
        if not _FOOTNOTE.match(text[start:end]):
            paragraphs.append(_Paragraph(start, end, prose(text[start:end]), heading))
    return paragraphs, left_out


def _passages(
    file: str, paragraphs: Sequence[_Paragraph | None], common: Counter[str], left_out: Counter[str]
) -> Iterator[Extract]:
    """Paragraphs and their asides; whole sections, and the whole essay if it is short and all prose."""
    for paragraph in filter(None, paragraphs):
        if paragraph.text.endswith(":"):
            left_out["opening of something else"] += 1
        elif LEAST_WORDS <= paragraph.words <= MOST_WORDS:
            yield _passage(file, [paragraph], "paragraph", common)
        else:
            short = paragraph.words < LEAST_WORDS
            left_out[f"under {LEAST_WORDS} words" if short else f"over {MOST_WORDS} words"] += 1
        yield from _asides(file, paragraph)
    if all(paragraphs) and len(paragraphs) > 1:
        whole = [p for p in paragraphs if p]
        if sum(p.words for p in whole) <= MOST_ESSAY_WORDS:
            yield _passage(file, whole, "essay", common)
    headings = list(dict.fromkeys(p.heading for p in paragraphs if p))
    for heading in headings if len(headings) > 1 else []:
        section = [p for p in paragraphs if p and p.heading == heading]
        first, last = paragraphs.index(section[0]), paragraphs.index(section[-1])
        is_whole = list(paragraphs[first : last + 1]) == section
        if len(section) > 1 and is_whole and sum(p.words for p in section) <= MOST_WORDS:
            yield _passage(file, section, "section", common)


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
            before = paragraph.text[sentence.start : aside.start()]
            rest = " ".join((before + paragraph.text[aside.end() : sentence.end]).split())
            if min(len(aside[1].split()), len(rest.split())) >= LEAST_ASIDE:
                prompt = f"Add an aside in brackets to this sentence: “{rest}”"
                yield Extract(file, paragraph.start, paragraph.end, aside[1].strip(), prompt, "aside")


def _footnotes(file: str, text: str, left_out: Counter[str]) -> Iterator[Extract]:
    for note in _FOOTNOTE.finditer(text):
        start, end = _trimmed(text, note.start(2), note.end(2))
        response = prose(text[start:end])
        if len(response.split()) < LEAST_ASIDE:
            left_out["footnote of a few words"] += 1
            continue
        mark = re.search(rf"\[\^{re.escape(note[1])}\](?!:)", text)
        before = sentences(prose(text[: mark.start()].rpartition("\n\n")[2])) if mark else []
        sentence = " ".join(before[-1].text.split()) if before else ""
        prompt = f"Write a footnote to this sentence: “{sentence}”" if sentence else "Write a footnote."
        yield Extract(file, start, end, response, prompt, "footnote")


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


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its ends."""
    span = text[start:end]
    return end - len(span.lstrip()), start + len(span.rstrip())
