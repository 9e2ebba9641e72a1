"""One table for every page: a ``Grid`` of text cells, shown in a terminal, in Markdown or in HTML.

A terminal cuts nothing: a table that is wider is shown as blocks of columns, and a cell that is wider wraps.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from results.markdown import clean, inline, pages, table

if TYPE_CHECKING:
    from results.report_plots import Plots

STYLES = {
    "PASS": "green",
    "REGRESSED": "bold red",
    "INCONCLUSIVE": "yellow",
    "ADVISORY": "dim",
    "ERROR": "bold red",
}
"""Colour of a verdict in a terminal."""

_UNBOUNDED = 10_000  # columns of a file or pipe: nothing is wrapped there, so that a line can be searched for


# Control characters are made visible, and markup is escaped.
HTML = pages(lambda value: clean(value) if type(value) is str else value, autoescape=True)
HTML.globals["verdicts"] = STYLES


@dataclass(frozen=True)
class Grid:
    """A table as text; every page escapes and arranges it, and colours a row by the verdict in it."""

    caption: str  # what the figures are, as one sentence
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # a cell for each heading; the first names the row

    def without(self, heading: str) -> "Grid":
        """The same grid with one column less."""
        at = self.headings.index(heading)
        rows = tuple(row[:at] + row[at + 1 :] for row in self.rows)
        return replace(self, headings=self.headings[:at] + self.headings[at + 1 :], rows=rows)

    def show(self, console: Console) -> None:
        """Print caption and table; one that is too wide in blocks of columns, each with the rows' names."""
        say(console, self.caption)
        for at, block in enumerate(self._blocks(console)):
            if at:
                console.print()
            console.print(self._table(block, wraps=not self.fits(console, block)))

    def _blocks(self, console: Console) -> list[list[int]]:
        """The columns in as few blocks as the width allows, evenly filled where that fits too."""
        columns = list(range(1, len(self.headings)))
        filled: list[list[int]] = [[]]
        for column in columns:
            if filled[-1] and not self.fits(console, [*filled[-1], column]):
                filled.append([])
            filled[-1].append(column)
        size = max(1, -(-len(columns) // len(filled)))
        even = [columns[at : at + size] for at in range(0, len(columns), size)]
        return even if even and all(self.fits(console, block) for block in even) else filled

    def fits(self, console: Console, columns: Sequence[int] | None = None) -> bool:
        """Whether the whole table, or some of its columns and the rows' names, stand side by side."""
        table = self._table(range(1, len(self.headings)) if columns is None else columns, wraps=False)
        unbounded = console.options.update(max_width=_UNBOUNDED)
        return console.measure(table, options=unbounded).maximum <= console.width

    def _table(self, columns: Sequence[int], *, wraps: bool) -> Table:
        made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        chosen = (0, *columns)
        for at in chosen:
            made.add_column(Text(_line(self.headings[at])), no_wrap=not wraps, overflow="fold")
        for row in self.rows:
            style = next((STYLES[cell] for cell in row if cell in STYLES), "")
            made.add_row(*(Text(_line(row[at])) for at in chosen), style=style)
        return made

    def markdown(self) -> str:
        """A pipe table without its caption."""
        return table([inline(heading) for heading in self.headings], self.rows)

    def html(self, plots: "Plots | None" = None) -> Markup:
        """A table that scrolls sideways by itself; ``plots`` are a column put behind the second one."""
        page: Any = HTML.get_template("table.html").module
        made: Markup = page.table(self, plots)
        return made


class _Stdout(Console):
    """A console that leaves it to the command what a closed pipe means; rich's own exits 1, REGRESSED to a CI."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def stdout_console() -> Console:
    """A console for stdout: as wide as the terminal or COLUMNS says, and without bounds for a file or pipe."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _UNBOUNDED
    return _Stdout(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def say(console: Console, sentence: str, style: str = "") -> None:
    """Print a sentence on one line of a file, or wrapped between words in a terminal."""
    console.print(Text(_line(sentence), style=STYLES.get(style, "")))


def _line(text: str) -> str:
    """One line without control characters: a model's text must not steer a terminal, or a CI that reads its output.

    A line that begins with ``::`` is a command to GitHub Actions.
    """
    return re.sub("^::", ":\u200b:", " ".join(clean(text).split()))
