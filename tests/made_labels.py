"""A labels file, made up: forty texts of which every other one holds the word goat."""

import csv
from collections.abc import Sequence
from pathlib import Path


def default_rows() -> list[list[object]]:
    """Forty rows with the label by turns 0 and 1."""
    texts = ("The ladder is on the wall.", "The goat is on the ladder.")
    return [[f"r{i}", "Write.", f"{texts[i % 2]} Number {i}.", i % 2] for i in range(40)]


def write_labels(
    folder: Path, rows: Sequence[Sequence[object]] | None = None, header: str = "id,prompt,text,label"
) -> Path:
    """Write ``labels.csv`` into a folder; by default ``default_rows``."""
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(header + "\n")
        csv.writer(file, lineterminator="\n").writerows(default_rows() if rows is None else rows)
    return path
