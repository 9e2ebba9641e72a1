"""Labels files, written where a test wants them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.made_labels import WriteLabels, default_rows


@pytest.fixture
def write_labels(tmp_path: Path) -> WriteLabels:
    """Writes a labels file; by default 40 texts of which every other one holds the word goat."""

    def write(rows: Sequence[Sequence[object]] | None = None, header: str = "id,prompt,text,label") -> Path:
        path = tmp_path / "labels.csv"
        with path.open("w", newline="") as file:
            file.write(header + "\n")
            csv.writer(file).writerows(rows if rows is not None else default_rows())
        return path

    return write
