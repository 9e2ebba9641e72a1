"""Markdown that no quoted text can break out of, and sections replaced in a page that is written by hand."""

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from timbre.errors import TimbreError, visible
from timbre.files import decoded, read_bytes

_SPECIAL = re.compile(
    r"""[\\`*<>|~$]               # code, emphasis, HTML, table cells, strikethrough, mathematics
    | (?<![^\W_])_ | _(?![^\W_])  # emphasis too, but not inside a word
    | &(?=[#\w]+;)                # a character reference
    | \](?=[(\[])                 # a link or an image
    | (?<=:)/(?=/) | (?<=www)\.   # a bare address, which forges turn into a link""",
    re.VERBOSE | re.IGNORECASE,
)
_BLOCK = re.compile(r"^(\d{0,9})([-+=#.)\[])")
"""What would make a list item's first word a heading, a list, a rule or a definition."""
_MARKER = re.compile(r"^<!-- timbre:(?P<name>[^\s]+) (?P<edge>begin|end) -->\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@:,-]*")


PAGES = Path(__file__).with_name("pages")


def pages(finalize: Callable[[Any], Any], autoescape: bool = False) -> Environment:
    """The templates of ``pages/``, with what is done to every value that is put into one."""
    loader = FileSystemLoader(PAGES)
    return Environment(
        loader=loader, autoescape=autoescape, trim_blocks=True, lstrip_blocks=True, finalize=finalize
    )


class Markdown(str):
    """Text that is Markdown already, which a page takes as it is."""


def render(page: str, **values: Any) -> str:
    """A page of ``pages/``; every value in it that isn't ``Markdown`` is escaped by ``inline``."""
    return _PAGES.get_template(page).render(values, bullets=bullets, code=code)


def clean(text: str) -> str:
    """``text`` with plain line ends and a visible sign in place of control and text-direction characters.

    What looks like a section's marker gets a zero-width space, so that quoted text can't end its own section.
    """
    return re.sub(r"<!--(\s*timbre:)", "<!\u200b--\\1", visible(text))


def fence(text: str) -> Markdown:
    """A fenced block whose fence is longer than any run of backticks in ``text`` (CommonMark 0.31, 4.5)."""
    body = clean(text)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    bar = "`" * max(3, longest + 1)
    return Markdown(f"{bar}text\n{body}\n{bar}")


def inline(text: str) -> str:
    """One line of plain text to stand after other words: what Markdown or HTML would read is escaped."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(clean(text).split()))


def code(text: str) -> Markdown:
    """One line of code to stand after other words; its bar is longer than any run of backticks in it."""
    line = " ".join(clean(text).split())
    bar = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    gap = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return Markdown(f"{bar}{gap}{line}{gap}{bar}")


def folded(summary: str, body: str) -> Markdown:
    """Markdown that is shown on a click; ``summary`` is plain text."""
    line = html.escape(" ".join(clean(summary).split()))
    return Markdown(f"<details><summary>{line}</summary>\n\n{body}\n</details>")


def bullets(sentences: Sequence[str]) -> Markdown:
    """A list of plain sentences."""
    return Markdown("\n".join("- " + _BLOCK.sub(r"\1\\\2", inline(sentence)) for sentence in sentences))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Markdown:
    """A pipe table; cells are plain text and are escaped here."""
    lines = [headings, ["---"] * len(headings), *([inline(cell) for cell in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


_PAGES = pages(lambda value: value if isinstance(value, Markdown) else inline(str(value)))


def replace_section(page: str, name: str, body: str, where: str) -> str:
    """``page`` with the section ``name`` replaced, or appended where there is none; all else stays as it is.

    What people wrote between the markers that ``notes_place`` put into the section stays as well. ``body`` is
    without markers, and ``where`` the page's file, for the message.

    Raises:
        TimbreError: the name can't stand in a marker, or the page's markers of it are not one
            ``begin`` and, after it, one ``end``.
    """
    if not _NAME.fullmatch(name):
        raise TimbreError(f"{name!r} can't name a section", where=where, do="rename the run")
    body, notes = body.strip(), f"{name}:notes"
    if (own := _span(body, notes, where)) and (kept := _span(page, notes, where)):
        body = body[: own[0]] + page[kept[0] : kept[1]] + body[own[1] :]
    section = f"{_marker(name, 'begin')}\n{body}\n{_marker(name, 'end')}"
    span = _span(page, name, where)
    if span is None:
        gap = "" if not page else "\n" if page.endswith("\n") else "\n\n"
        return f"{page}{gap}{section}\n"
    return page[: span[0]] + section + page[span[1] :]


def notes_place(name: str) -> Markdown:
    """Where a section has its writer's own notes, which ``replace_section`` keeps."""
    return Markdown("\n\n".join(_marker(f"{name}:notes", edge) for edge in ("begin", "end")))


def _marker(name: str, edge: str) -> str:
    return f"<!-- timbre:{name} {edge} -->"


def _span(page: str, name: str, where: str) -> tuple[int, int] | None:
    """Where the section begins and ends, its markers included; None where there is none."""
    edges = [m for m in _MARKER.finditer(page) if m["name"] == name]
    if not edges:
        return None
    if [m["edge"] for m in edges] != ["begin", "end"]:
        line = page.count("\n", 0, edges[0].start()) + 1
        what, do = (
            f"the markers of {name!r} are not one begin and one end",
            "mend or remove them and export again",
        )
        raise TimbreError(what, where=f"{where}:{line}", do=do)
    return edges[0].start(), edges[1].start() + len(_marker(name, "end"))


def read_page(path: Path, new: str) -> str:
    """The page at ``path``, or ``new`` where there is none.

    Raises:
        TimbreError: the page can't be read, or is not UTF-8.
    """
    return decoded(read_bytes(path), path) if path.exists() else new
