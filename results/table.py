"""Score tables: one row an answer and dimension, from Inspect logs, a CSV or a Parquet file.

A ``ScoreTable`` is a pandas DataFrame with the columns

========== ======= ==============================================================
run        str     name of the run
canary     str     canary id
kind       str     canary kind; empty in a table read from CSV
epoch      int     from 1
dimension  str     key of ``judges.types.DIMENSIONS``
value      float   in the dimension's unit; NaN where unscored
unscored   str     why there is no value; empty where there is one
licensed   bool    the prompt invited the writer's own life
truncated  bool    the token limit cut the answer off
identity   str     of the run; empty in a table read from CSV
judge      str     ``name@digest`` of a fitted or asked judge; empty for metrics, unscored answers, a CSV
========== ======= ==============================================================

with at most one row for a (run, canary, epoch, dimension).
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from judges.licensing.labels import YES_OR_NO
from judges.types import DIMENSIONS
from results.records import RunLog
from timbre.errors import TimbreError
from timbre.files import write_whole

ScoreTable: TypeAlias = pd.DataFrame

COLUMNS = (
    "run",
    "canary",
    "kind",
    "epoch",
    "dimension",
    "value",
    "unscored",
    "licensed",
    "truncated",
    "identity",
    "judge",
)
MOST_EPOCHS = 10_000
SUFFIXES = (".csv", ".parquet")
CSV_COLUMNS = ("run", "canary", "epoch", "dimension", "value")
LICENSED = "licensed"
"""A further column that a CSV may have: true or false."""


def score_table(logs: Iterable[RunLog]) -> ScoreTable:
    """The table of some logs."""
    return _frame(
        (
            log.run,
            s.canary,
            s.kind,
            s.epoch,
            key,
            math.nan if judgement.value is None else judgement.value,
            judgement.unscored or "",
            s.licensed,
            s.truncated,
            log.identity,
            judgement.judge,
        )
        for log in logs
        for s in log.samples
        for key, judgement in s.judgements.items()
    )


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


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(COLUMNS, pd.api.types.is_string_dtype),
    "epoch": pd.api.types.is_integer_dtype,
    "value": pd.api.types.is_float_dtype,
    "licensed": pd.api.types.is_bool_dtype,
    "truncated": pd.api.types.is_bool_dtype,
}


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
    for name in COLUMNS:
        if not _KINDS[name](table[name]) or (name != "value" and table[name].isna().any()):
            raise TimbreError(
                f"column {name!r} is of type {table[name].dtype}, or has gaps",
                where=str(path),
                do="write it with `timbre scores`",
            )
    wrong = ~table["epoch"].between(1, MOST_EPOCHS) | np.isinf(table["value"])
    if wrong.any():
        row = table[wrong].iloc[0]
        raise TimbreError(
            f"epoch {row['epoch']} with value {row['value']} of {row['run']} on {row['canary']}",
            where=str(path),
            do=f"count epochs from 1, to {MOST_EPOCHS} at most, and give finite values",
        )
    unknown = sorted(set(table["dimension"]) - set(DIMENSIONS))
    if unknown:
        raise TimbreError(
            f"unknown dimension {unknown[0]!r}", where=str(path), do=f"use one of {', '.join(DIMENSIONS)}"
        )
    twice = table.duplicated(["run", "canary", "epoch", "dimension"])
    if twice.any():
        first = table.loc[twice].iloc[0]
        row = f"{first['dimension']} of {first['run']} on {first['canary']}, epoch {first['epoch']}"
        raise TimbreError(
            f"{row}, is there twice",
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


def read_csv(path: Path) -> ScoreTable:
    """Read a table with the columns run, canary, epoch, dimension, value (C3); an empty value is unscored.

    A further column ``licensed`` (true or false) says which prompts invite the writer's own life; without it,
    every canary counts as one that does not.

    Raises:
        TimbreError: with file and line: a missing or unknown column, a wrong number of fields,
            an empty name, an unknown dimension, an epoch below 1, a value that is no finite number, a row
            given twice, or no row at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_csv_rows(path, csv.reader(file, strict=True)))
    except OSError as error:
        raise _error("no such table", str(path), "give --scores a CSV file") from error
    except UnicodeDecodeError as error:
        raise _error("not UTF-8", str(path), "save the table as UTF-8") from error
    if not rows:
        raise _error("no rows", str(path), "give a row an answer and dimension")
    return _frame(rows)


def _csv_rows(path: Path, reader: Any) -> Iterable[tuple[Any, ...]]:
    seen: dict[tuple[str, ...], int] = {}
    position: dict[str, int] | None = None
    try:
        for fields in reader:
            where = f"{path}:{reader.line_num}"
            if not fields:
                continue
            if position is None:
                position = _header(fields, where)
                continue
            if len(fields) != len(position):
                raise _error(f"{len(fields)} fields, not {len(position)}", where, "mend the row")
            row = {name: fields[at].strip() for name, at in position.items()}
            yield _csv_row(row, where)
            key = (row["run"], row["canary"], str(int(row["epoch"])), row["dimension"])
            if key in seen:
                raise _error(
                    f"the row of line {seen[key]} again", where, "give each answer and dimension once"
                )
            seen[key] = reader.line_num
    except csv.Error as error:
        raise _error(f"not CSV: {error}", f"{path}:{reader.line_num}", "mend the row") from error


def _header(fields: list[str], where: str) -> dict[str, int]:
    names = [f.strip() for f in fields]
    for name in CSV_COLUMNS:
        if name not in names:
            raise _error(f"no column {name!r}", where, f"give the columns {', '.join(CSV_COLUMNS)}")
    for name in names:
        if name not in (*CSV_COLUMNS, LICENSED) or names.count(name) > 1:
            kept = ", ".join((*CSV_COLUMNS, LICENSED))
            raise _error(f"unexpected column {name!r}", where, f"keep only {kept}")
    return {name: at for at, name in enumerate(names)}


def _csv_row(row: dict[str, str], where: str) -> tuple[Any, ...]:
    for name in ("run", "canary"):
        if not row[name]:
            raise _error(f"empty {name}", where, f"name the {name}")
    if row["dimension"] not in DIMENSIONS:
        raise _error(f"unknown dimension {row['dimension']!r}", where, f"use one of {', '.join(DIMENSIONS)}")
    if not (re.fullmatch("[0-9]{1,9}", row["epoch"]) and 1 <= int(row["epoch"]) <= MOST_EPOCHS):
        raise _error(f"epoch {row['epoch'][:20]!r}", where, f"count epochs from 1, to {MOST_EPOCHS} at most")
    try:
        value = float(row["value"]) if row["value"] else None
    except ValueError:
        value = math.inf
    if value is not None and not math.isfinite(value):
        raise _error(f"value {row['value']!r}", where, "give a finite number, or nothing for unscored")
    licensed = row.get(LICENSED, "").lower()
    if licensed not in YES_OR_NO:
        raise _error(f"licensed {row[LICENSED]!r}", where, "write true or false")
    reason = "" if value is not None else "empty in the table"
    number = math.nan if value is None else value
    return (
        row["run"],
        row["canary"],
        "",
        int(row["epoch"]),
        row["dimension"],
        number,
        reason,
        YES_OR_NO[licensed],
        False,
        "",
        "",
    )


def _frame(rows: Iterable[tuple[Any, ...]]) -> ScoreTable:
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    return frame.astype({"epoch": "int64", "value": "float64", "licensed": "bool", "truncated": "bool"})


def _error(what: str, where: str, do: str) -> TimbreError:
    return TimbreError(what, where=where, do=do)
