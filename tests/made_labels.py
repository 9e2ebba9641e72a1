"""Rows of a labels file, made up: forty texts of which every other one holds the word goat."""

from collections.abc import Callable
from pathlib import Path

WriteLabels = Callable[..., Path]


def default_rows(*ratings: int) -> list[list[object]]:
    """Forty rows with the label by turns 0 and 1."""
    texts = ("The ladder is on the wall.", "The goat is on the ladder.")
    return [[f"r{i}", "Write.", f"{texts[i % 2]} Number {i}.", i % 2, *ratings] for i in range(40)]
