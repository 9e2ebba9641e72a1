"""Pairs out of essays: passages, asides and footnotes, each a verbatim span of its source.

Markdown and plain text are parsed by markdown-it; what isn't the writer's prose (code,
quotations, lists) is left out. The prompts are made here by rule, or later by a model; a response is never
rewritten.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from timbre.errors import TimbreError
from training.types import Origin

SUFFIXES = (".md", ".markdown", ".txt")
LEAST_WORDS, MOST_WORDS = 12, 220
"""Of a passage; shorter ones say too little, longer ones are no note."""

LEAST_ASIDE = 4
"""Words of an aside or footnote."""

_FOOTNOTE = re.compile(r"^\[\^([^\]\s]+)\]:[ \t]+(.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_ASIDE = re.compile(r"\(([^()\n]{10,400})\)")
_WORD = re.compile(r"[^\W\d_][\w\u2019'-]+")
_SENTENCE = re.compile(r"[^.!?]+[.!?]+[\"'\u201d\u2019)]*")
_SMALL_WORDS = """
the a an and or but if of to in on at by for with from into over under not no is are was were be
been it its this that these those i you he she we they my your his her our their as so than then
there here what which who when where how why all any some more most very just about
"""
_SMALL = frozenset(_SMALL_WORDS.split())


@dataclass(frozen=True)
class Extract:
    """One pair to be.

    Attributes:
        file: Name of the essay's file.
        source: Its name without suffix: all of one essay stays on one side of the split.
        start: First character of the response in the file's text.
        end: One past the last.
        response: ``text[start:end]``.
        prompt: What it may be the answer to.
        origin: ``extracted`` or ``footnote``.
    """

    file: str
    source: str
    start: int
    end: int
    response: str
    prompt: str
    origin: Origin

    @property
    def span(self) -> str:
        """Where it comes from: ``kettles.md:120-480``, in characters."""
        return f"{self.file}:{self.start}-{self.end}"


def read_essays(folder: Path) -> list[tuple[Path, str]]:
    """The essays in a folder (and below), or a single file, by name.

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
        try:
            text = file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as error:
            raise TimbreError(
                "not UTF-8 text", where=str(file), do="save it as UTF-8 or leave it out"
            ) from error
        if "\0" in text:
            raise TimbreError("not a text", where=str(file), do="leave it out")
        essays.append((file, text))
    return essays


def extracts(file: str, text: str) -> list[Extract]:
    """Every passage, aside and footnote of one essay, in the order of the text; none twice.

    Args:
        file: The essay's file name.
        text: Its content.
    """
    found = [*_passages(file, text), *_footnotes(file, text)]
    kept: dict[str, Extract] = {}
    for extract in sorted(found, key=lambda e: (e.start, -e.end)):
        kept.setdefault(" ".join(extract.response.split()), extract)
    return list(kept.values())


def _passages(file: str, text: str) -> Iterator[Extract]:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text)
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    source = Path(file).stem
    heading = source.replace("-", " ").replace("_", " ")
    common = Counter(word.casefold() for word in _WORD.findall(text))
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[at + 1].content.strip() or heading
        if token.type != "paragraph_open" or token.level or token.map is None:
            continue
        start, end = _trimmed(text, offsets[token.map[0]], offsets[min(token.map[1], len(offsets) - 1)])
        passage = text[start:end]
        if _FOOTNOTE.match(passage):
            continue
        if LEAST_WORDS <= len(passage.split()) <= MOST_WORDS:
            prompt = passage_prompt(heading, keywords(passage, common), len(passage.split()))
            yield Extract(file, source, start, end, passage, prompt, "extracted")
        yield from _asides(file, source, passage, start)


def _asides(file: str, source: str, passage: str, offset: int) -> Iterator[Extract]:
    for sentence in _SENTENCE.finditer(passage):
        for aside in _ASIDE.finditer(passage, sentence.start(), sentence.end()):
            if len(aside[1].split()) < LEAST_ASIDE or "](" in passage[aside.start() - 1 : aside.end()]:
                continue
            rest = " ".join(
                (passage[sentence.start() : aside.start()] + passage[aside.end() : sentence.end()]).split()
            )
            if len(rest.split()) < LEAST_ASIDE:
                continue
            start, end = _trimmed(passage, aside.start(1), aside.end(1))
            prompt = f"Add an aside in brackets to this sentence: “{rest}”"
            yield Extract(file, source, offset + start, offset + end, passage[start:end], prompt, "footnote")


def _footnotes(file: str, text: str) -> Iterator[Extract]:
    for note in _FOOTNOTE.finditer(text):
        start, end = _trimmed(text, note.start(2), note.end(2))
        if len(text[start:end].split()) < LEAST_ASIDE:
            continue
        mark = f"[^{note[1]}]"
        called = text.find(mark)
        while called >= 0 and text[called + len(mark) : called + len(mark) + 1] == ":":
            called = text.find(mark, called + 1)
        said = _sentence_before(text, called) if called >= 0 else ""
        prompt = f"Write a footnote to this sentence: “{said}”" if said else "Write a footnote."
        yield Extract(file, Path(file).stem, start, end, text[start:end], prompt, "footnote")


def _sentence_before(text: str, at: int) -> str:
    paragraph = text[:at].rpartition("\n\n")[2]
    sentences = _SENTENCE.findall(paragraph + ".")
    return re.sub(r"\[\^[^\]]*\]", "", " ".join(sentences[-1].split())).strip() if sentences else ""


def keywords(passage: str, common: Counter[str], most: int = 3) -> list[str]:
    """The passage's own words, rarest in the essay first, in the order of the text."""
    words = [word for word in _WORD.findall(passage) if len(word) > 3 and word.casefold() not in _SMALL]
    rare = sorted(dict.fromkeys(words), key=lambda word: (common[word.casefold()], -len(word)))[:most]
    return [word for word in dict.fromkeys(words) if word in rare]


def passage_prompt(heading: str, words: Sequence[str], length: int) -> str:
    """A request that the passage answers: its heading, what it speaks of, and about how long it is."""
    size = "Two or three sentences" if length < 60 else f"About {round(length, -1)} words"
    told = f", with {', '.join(words[:-1])} and {words[-1]} in it" if len(words) > 1 else ""
    return f"Write on {heading}{told}. {size}."


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
