"""Score tables: one row an answer and dimension, from Inspect logs, a CSV or a Parquet file.

A ``ScoreTable`` is a pandas DataFrame with the columns of ``_COLUMNS``, and at most one row for a run, canary,
epoch and dimension.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from judges.licensing.labels import YES_OR_NO
from judges.types import DIMENSIONS
from results.records import RunLog
from timbre.errors import TimbreError
from timbre.files import csv_rows, decoded, read_bytes, write_whole

ScoreTable: TypeAlias = pd.DataFrame

_IS_TEXT = pd.api.types.is_string_dtype
_COLUMNS = {
    "run": _IS_TEXT,  # name of the run
    "canary": _IS_TEXT,  # canary id
    "kind": _IS_TEXT,  # canary kind; empty in a table read from CSV
    "epoch": pd.api.types.is_integer_dtype,  # from 1
    "dimension": _IS_TEXT,  # key of ``judges.types.DIMENSIONS``
    "value": pd.api.types.is_float_dtype,  # in the dimension's unit; NaN where unscored
    "unscored": _IS_TEXT,  # why there is no value; empty where there is one
    "licensed": pd.api.types.is_bool_dtype,  # the prompt invited the writer's own life
    "truncated": pd.api.types.is_bool_dtype,  # the token limit cut the answer off
    "identity": _IS_TEXT,  # of the run; empty in a table read from CSV
    "judge": _IS_TEXT,  # ``name@digest`` of who gave the value; empty in a CSV
}
COLUMNS = tuple(_COLUMNS)
CONDITIONS_COLUMN = "conditions"
"""A further column of tables from logs: what the run was asked under (``RunLog.conditions``) as JSON; in no CSV."""
MOST_EPOCHS = 10_000
SUFFIXES = (".csv", ".parquet")
CSV_COLUMNS = ("run", "canary", "epoch", "dimension", "value")
WRITER = "writer"
"""A run of this name holds the writer's own texts: no run to judge, but what margins may be a share of the way to."""
LICENSED = "licensed"  # a further column that a CSV may have: true or false
_FORMULA = frozenset("=+-@\t\r\n")  # what begins a formula in a spreadsheet


def score_table(logs: Iterable[RunLog]) -> ScoreTable:
    """The table of some logs."""
    rows = [
        (
            *(log.run, s.canary, s.kind, s.epoch, key),
            *(math.nan if j.value is None else j.value, j.unscored or ""),
            *(s.licensed, s.truncated, log.identity, j.judge, conditions),
        )
        for log in logs
        for conditions in [json.dumps(log.conditions, sort_keys=True)]
        for s in log.samples
        for key, j in s.judgements.items()
    ]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, CONDITIONS_COLUMN])
    types = {"epoch": "int64", "value": "float64", "licensed": "bool", "truncated": "bool"}
    return frame.astype({**types, CONDITIONS_COLUMN: "category"})


def conditions_of(table: ScoreTable, runs: Sequence[str]) -> dict[str, dict[str, str]]:
    """What a table says of the conditions of each run; empty where it doesn't.

    Raises:
        TimbreError: the rows of a run were made under several.
    """
    found: dict[str, dict[str, str]] = {run: {} for run in runs}
    rows = table[table["run"].isin(runs)] if CONDITIONS_COLUMN in table else table[:0]
    for run, of_run in rows.groupby("run"):
        several = of_run[CONDITIONS_COLUMN].astype(object).fillna("").unique()
        try:
            own = [json.loads(text) if text else {} for text in several]
        except (ValueError, TypeError):
            own = []
        if len(own) != 1 or not isinstance(own[0], dict):
            what = f"the rows of {run} are of {len(several)} logs, or their conditions are no JSON"
            raise TimbreError(what, where=CONDITIONS_COLUMN, do="write the table with `timbre scores`")
        found[str(run)] = own[0]
    return found


def suite_in(conditions: Mapping[str, str]) -> str | None:
    """The name of the suite among some conditions."""
    return conditions.get("suite", "").rpartition(" (")[0] or None


def write_scores(table: ScoreTable, path: Path) -> None:
    """Write a score table: ``.parquet`` with every column, ``.csv`` with what ``read_scores`` asks of one.

    Raises:
        TimbreError: another suffix, a name that a spreadsheet would compute, or the file can't be written.
    """
    if path.suffix == ".csv":
        for name in {*table["run"], *table["canary"]}:
            if name[:1] in _FORMULA:
                what = f"the name {name!r} would be a formula to a spreadsheet"
                do = "name the table .parquet, or rename it in its log"
                raise TimbreError(what, where=str(path), do=do)
        write_whole(path, table[[*CSV_COLUMNS, LICENSED]].to_csv(index=False, lineterminator="\n"))
        return
    if path.suffix != ".parquet":
        what = f"{path.suffix or 'no suffix'} is no kind of score table"
        raise TimbreError(what, where=str(path), do=f"name it {' or '.join(SUFFIXES)}")
    write_whole(path, table.to_parquet(index=False))


def read_scores(path: Path) -> ScoreTable:
    """Read what ``write_scores`` wrote, or a CSV of one's own.

    A CSV has the columns run, canary, epoch, dimension, value (C3), in any order; an empty value is unscored. A
    further column ``licensed`` says which prompts invite the writer's own life; without it none does.

    Raises:
        TimbreError: no such file, or not such a table; for a CSV with file and line.
    """
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)


def _read_parquet(path: Path) -> ScoreTable:
    where, do = str(path), "write it with `timbre scores`"
    try:
        table = pd.read_parquet(path)
    except OSError as error:
        raise TimbreError("no such table", where=where, do="give --scores a file") from error
    except Exception as error:  # a broken file has a type of its own in each version of pyarrow
        raise TimbreError(f"not Parquet ({type(error).__name__})", where=where, do=do) from error
    for name, is_of_type in _COLUMNS.items():
        if name not in table.columns:
            raise TimbreError(f"no column {name!r}", where=where, do=do)
        if not is_of_type(table[name]) or (name != "value" and table[name].isna().any()):
            what = f"column {name!r} is of type {table[name].dtype}, or has gaps"
            raise TimbreError(what, where=where, do=do)
    _refuse_wrong_rows(table, table, [where] * len(table))
    if table.empty:
        raise TimbreError("no rows", where=where, do=do)
    return table[[*COLUMNS, *([CONDITIONS_COLUMN] if CONDITIONS_COLUMN in table else [])]]


def _read_csv(path: Path) -> ScoreTable:
    rows = [
        (f"{path}:{line}", [field.strip() for field in fields])
        for line, fields in csv_rows(decoded(read_bytes(path), path), str(path))
    ]
    header_at, names = rows[0] if rows else ("", [*CSV_COLUMNS])
    for name in (*CSV_COLUMNS, *names):
        if name not in names:
            do = f"give the columns {', '.join(CSV_COLUMNS)}"
            raise TimbreError(f"no column {name!r}", where=header_at, do=do)
        if name not in (*CSV_COLUMNS, LICENSED) or names.count(name) > 1:
            do = f"keep only {', '.join((*CSV_COLUMNS, LICENSED))}"
            raise TimbreError(f"unexpected column {name!r}", where=header_at, do=do)
    for where, fields in rows:
        if len(fields) != len(names):
            raise TimbreError(f"{len(fields)} fields, not {len(names)}", where=where, do="mend the row")
    if len(rows) < 2:
        raise TimbreError("no rows", where=str(path), do="give a row an answer and dimension")
    cells = pd.DataFrame([fields for _, fields in rows[1:]], columns=names, dtype=str)
    # What is no number, and no whole one from 1 for an epoch, becomes one that is refused below.
    numbers = pd.to_numeric(cells["value"], errors="coerce").astype("float64")
    value = numbers.where(numbers.notna() | (cells["value"] == ""), math.inf)
    epoch = cells["epoch"].where(cells["epoch"].str.fullmatch("[0-9]{1,9}"), "0").astype("int64")
    flags = cells[LICENSED].str.lower() if LICENSED in cells else pd.Series("", index=cells.index)
    table = cells[["run", "canary", "dimension"]].assign(
        kind="",
        epoch=epoch,
        value=value,
        unscored=np.where(value.isna(), "empty in the table", ""),
        licensed=flags.map(YES_OR_NO).eq(True),
        truncated=False,
        identity="",
        judge="",
    )
    _refuse_wrong_rows(table, cells.assign(licensed=flags), [where for where, _ in rows[1:]])
    return table[list(COLUMNS)]


def _refuse_wrong_rows(table: ScoreTable, cells: pd.DataFrame, places: Sequence[str]) -> None:
    """Raise for the first row that can't be, named as its ``cells`` have it."""
    one_of, counted = f"use one of {', '.join(DIMENSIONS)}", f"count epochs from 1, to {MOST_EPOCHS} at most"
    twice = "{dimension} of {run} on {canary}, epoch {epoch}, is there twice"
    checks = (
        (table["run"] == "", "empty run", "name the run"),
        (table["canary"] == "", "empty canary", "name the canary"),
        (~table["dimension"].isin(list(DIMENSIONS)), "unknown dimension {dimension!r}", one_of),
        (~table["epoch"].between(1, MOST_EPOCHS), "epoch {epoch!r}", counted),
        (np.isinf(table["value"]), "value {value!r}", "give a finite number, or nothing for unscored"),
        (~cells["licensed"].isin([*YES_OR_NO, False, True]), "licensed {licensed!r}", "write true or false"),
        (table.duplicated(["run", "canary", "epoch", "dimension"]), twice, "give each answer once"),
    )
    for is_wrong, what, do in checks:
        if is_wrong.any():
            at = int(is_wrong.to_numpy().argmax())
            raise TimbreError(what.format(**cells.iloc[at].astype(str)), where=places[at], do=do)
