"""Score tables as files: CSV with the columns of the gate's contract, Parquet with all there is."""

from pathlib import Path

import pandas as pd

from judges.types import DIMENSIONS
from results.markdown import write_whole
from results.table import COLUMNS, CSV_COLUMNS, LICENSED, ScoreTable, read_csv
from timbre.errors import TimbreError

SUFFIXES = (".csv", ".parquet")


def write_scores(table: ScoreTable, path: Path) -> None:
    """Write a score table; ``timbre gate --scores`` reads either kind back.

    Args:
        table: One row an answer and dimension.
        path: ``.csv`` for the columns run, canary, epoch, dimension, value (empty = unscored) and licensed;
            ``.parquet`` for every column of a ``ScoreTable``: reasons, kinds and judges too.

    Raises:
        TimbreError: another suffix, or the file can't be written.
    """
    if path.suffix == ".csv":
        write_whole(path, table[[*CSV_COLUMNS, LICENSED]].to_csv(index=False, lineterminator="\n"))
        return
    _known(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        table.to_parquet(partial, index=False)
        partial.replace(path)
    except OSError as error:
        raise TimbreError(
            f"can't be written ({error.strerror})", where=str(path), do="choose another place"
        ) from error


def read_scores(path: Path) -> ScoreTable:
    """Read what ``write_scores`` wrote, or a CSV of one's own.

    Raises:
        TimbreError: no such file, or not such a table; for a CSV with file and line.
    """
    if path.suffix != ".parquet":
        return read_csv(path)
    try:
        table = pd.read_parquet(path)
    except OSError as error:
        raise TimbreError("no such table", where=str(path), do="give --scores a file") from error
    except Exception as error:  # a broken file has a type of its own in each version of pyarrow
        raise TimbreError(
            f"not Parquet ({type(error).__name__})", where=str(path), do="write it with `timbre scores`"
        ) from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or table.empty:
        what = f"no column {missing[0]!r}" if missing else "no rows"
        raise TimbreError(what, where=str(path), do="write it with `timbre scores`")
    unknown = sorted(set(table["dimension"]) - set(DIMENSIONS))
    if unknown:
        raise TimbreError(
            f"unknown dimension {unknown[0]!r}", where=str(path), do=f"use one of {', '.join(DIMENSIONS)}"
        )
    twice = table.duplicated(["run", "canary", "epoch", "dimension"])
    if twice.any():
        first = table.loc[twice].iloc[0]
        told = f"{first['dimension']} of {first['run']} on {first['canary']}, epoch {first['epoch']}"
        raise TimbreError(
            f"{told}, is there twice",
            where=str(path),
            do="give each answer and dimension once",
        )
    return table[list(COLUMNS)]


def _known(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise TimbreError(
            f"{path.suffix or 'no suffix'} is no kind of score table",
            where=str(path),
            do=f"name it {' or '.join(SUFFIXES)}",
        )
