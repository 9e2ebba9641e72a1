"""Standings for a tired person at a terminal; plain text where the output is a file or a pipe."""

import math
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid

from judges.grading import without_controls
from results.duels import Table
from results.terminal import interval, number

ORDER_DECIDES = 0.5
"""Share of flips from which a grader is said to go by place."""

_WIDTH_OF_A_FILE = 150


def show_standings(tables: Sequence[Table], warnings: Sequence[str]) -> None:
    """Print who stands where in each dimension, what the grader quoted, and how far its order decided."""
    terminal = sys.stdout.isatty()
    console = Console(
        width=None if terminal else _WIDTH_OF_A_FILE, markup=False, highlight=False, emoji=False
    )
    for t in tables:
        headings = (t.dimension, "n", "score", f"win rate against {t.reference}", "won", "lost", "tied")
        grid = Grid(*headings, box=box.SIMPLE_HEAD if terminal else box.ASCII2, pad_edge=False)
        for s in t.standings:
            counts = ("-", "-", "-") if s.run == t.reference else (str(s.wins), str(s.losses), str(s.ties))
            grid.add_row(
                s.run, str(s.canaries), interval(s.score, signed=True), interval(s.win_rate), *counts
            )
        console.print(grid)
        for run, quotes in t.quotes.items():
            if quotes:
                told = " / ".join(f'"{" ".join(without_controls(q).split())}"' for q in quotes)
                console.print(f"- {run} won with: {told}", soft_wrap=True)
        console.print(f"- {_order_sentence(t)}; judge {t.judge}", soft_wrap=True)
    console.print(
        "n: canaries. Score: Bradley-Terry log-odds [95 % CI], ties as half; 0 is "
        + " and ".join(dict.fromkeys(t.reference for t in tables)),
        soft_wrap=True,
    )
    for warning in warnings:
        console.print(f"- not like with like: {warning}", soft_wrap=True)


def _order_sentence(t: Table) -> str:
    o = t.order
    told = f"{o.settled} pairs settled; the order turned {interval(o.flips)} of them into ties"
    if not math.isnan(o.chose_first_shown):
        told += f"; the text shown first was named {number(o.chose_first_shown)} of the time"
    if o.flips.estimate >= ORDER_DECIDES:
        told += ". This grader decides by place more than by text"
    if o.unsettled:
        told += f"; {o.unsettled} without an outcome: {' | '.join(t.reasons[:3])}"
    return told
