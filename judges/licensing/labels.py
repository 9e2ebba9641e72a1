"""Read the labels that a judge is held against: a CSV file with a declared scale."""

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from judges.licensing.agreement import Array, Mask
from judges.text import is_blank
from judges.types import Answer
from timbre.errors import TimbreError
from timbre.files import csv_rows, decoded, read_bytes

COLUMNS = ("id", "prompt", "text", "label")
OPTIONAL = ("subjects", "first_person_licensed", "target_words", "other_text")  # never a rater's
YES_OR_NO = {"": False, "false": False, "0": False, "true": True, "1": True}  # cells, in lower case
MIN_ROWS = 20  # fewer rows say nothing of agreement; what a gate asks for is in its policy

_BAND = re.compile(r"(\d{1,6})\s*-\s*(\d{1,6})")


@dataclass(frozen=True)
class Labels:
    """Texts with labels."""

    answers: tuple[Answer, ...]  # each with the id and prompt of its row
    labels: Array  # shape (rows,), within the scale
    ratings: Array  # shape (rows, raters), NaN where a rater gave none
    raters: tuple[str, ...]  # names of the further columns
    others: tuple[str, ...]  # the text that each was held against; empty unless the file holds pairs
    columns: tuple[str, ...]  # those of OPTIONAL that there are
    scale: tuple[float, float]  # least and greatest label possible
    yes_from: float  # label from which a text counts as a yes
    sha256: str  # of the file
    path: str  # of the file, as errors name it

    @property
    def is_yes(self) -> Mask:
        """Shape (rows,): whether the label counts as a yes."""
        return self.labels >= self.yes_from

    @property
    def binary(self) -> bool:
        """Whether labels are yes or no (0 and 1 on the scale 0-1), and no ratings."""
        return self.scale == (0.0, 1.0) and bool(np.isin(self.labels, (0, 1)).all())


def read_labels(
    path: Path, scale: tuple[float, float] | None = None, yes_from: float | None = None
) -> Labels:
    """Read a CSV file with the columns id, prompt, text and label; each further column is a rater's.

    Four further columns are no rater's: ``subjects`` (names separated by semicolons),
    ``first_person_licensed`` (true or false) and ``target_words`` (a band, such as 40-80). An empty cell
    there, in ``prompt`` or in a rater's column means that nothing is given. With ``other_text`` each row is a
    pair: its label is 1 where ``text`` is the better one, 0 where the other is, .5 for a tie.

    Without a ``scale`` labels go from 0 to 1; without ``yes_from`` they count as a yes from the middle of the scale.

    Raises:
        TimbreError: With the file and, where there is one, the line that is wrong.
    """
    data = read_bytes(path)
    rows = _table(decoded(data, path), str(path))
    refuse = partial(_refuse, str(path))
    ids = rows["id"].str.strip()
    refuse(ids, ids == "", "is empty", "name the row")
    refuse(ids, ids.duplicated(), "is used twice", "give each id once")
    for name in (name for name in ("text", "other_text") if name in rows.columns):
        refuse(rows[name], rows[name].map(is_blank), "is empty", "fill it in or drop the row")
    raters = [name for name in rows.columns if name not in (*COLUMNS, *OPTIONAL)]
    numbers = rows[["label", *raters]].apply(pd.to_numeric, errors="coerce").astype(float)
    for name in numbers.columns:
        given = pd.Series(True, rows.index) if name == "label" else rows[name].str.strip() != ""
        do = "write a number" if name == "label" else "write a number; a further column is a rater's"
        refuse(rows[name], given & ~np.isfinite(numbers[name]), "is no number", do)
    if len(rows) < MIN_ROWS:
        raise TimbreError(f"{len(rows)} rows", where=str(path), do=f"label {MIN_ROWS} or more")
    labels = numbers["label"].to_numpy()
    least, most = labels.min(), labels.max()
    if least == most:
        raise TimbreError(f"every label is {least:g}", where=str(path), do="label texts of both kinds")
    if scale is None and (least < 0 or most > 1):
        raise TimbreError(
            f"labels go from {least:g} to {most:g}",
            where=str(path),
            do="declare the scale that raters had, such as --scale 0-4",
        )
    low, high = scale or (0.0, 1.0)
    for name in numbers.columns:
        outside = (numbers[name] < low) | (numbers[name] > high)
        refuse(rows[name], outside, f"is outside the scale {low:g}-{high:g}", "mend it, or declare --scale")
    cut = (low + high) / 2 if yes_from is None else yes_from
    if not low < cut <= high:
        raise TimbreError(
            f"{cut:g} calls every label a yes, or none",
            where="--yes-from",
            do=f"name a label above {low:g} and up to {high:g}",
        )
    return Labels(
        answers=tuple(_answer(rows.loc[line], f"{path}:{line}") for line in rows.index),
        labels=labels,
        ratings=numbers[raters].to_numpy(),
        raters=tuple(raters),
        others=tuple(rows["other_text"]) if "other_text" in rows.columns else (),
        columns=tuple(name for name in OPTIONAL if name in rows.columns),
        scale=(low, high),
        yes_from=cut,
        sha256=hashlib.sha256(data).hexdigest(),
        path=str(path),
    )


def _table(text: str, path: str) -> pd.DataFrame:
    """The rows as text, indexed by the line on which each begins; blank rows are left out, short ones filled."""
    rows = dict(csv_rows(text, path))
    do = f"give the columns {', '.join(COLUMNS)}"
    if not rows:
        raise TimbreError("empty", where=path, do=do)
    names = [name.strip() for name in rows.pop(min(rows))]
    for column in COLUMNS:
        if column not in names:
            raise TimbreError(f"no column {column!r}", where=f"{path}:1", do=do)
    for name in names:
        if not name or names.count(name) > 1:
            problem = f"column {name!r} is unnamed or repeated"
            raise TimbreError(problem, where=f"{path}:1", do="name each once")
    for line, cells in rows.items():
        if len(cells) > len(names):
            problem = f"not CSV: {len(cells)} fields, not {len(names)}"
            raise TimbreError(problem, where=f"{path}:{line}", do="mend the row")
        cells += [""] * (len(names) - len(cells))
    return pd.DataFrame(list(rows.values()), index=list(rows), columns=names, dtype=str)


def _refuse(path: str, cells: "pd.Series[Any]", wrong: "pd.Series[Any]", problem: str, do: str) -> None:
    if wrong.any():
        line, cell = next(iter(cells[wrong].items()))
        raise TimbreError(f"{cells.name} {cell[:40]!r} {problem}", where=f"{path}:{line}", do=do)


def _answer(row: "pd.Series[Any]", where: str) -> Answer:
    subjects, licensed, words = (str(row.get(name, "")).strip() for name in OPTIONAL[:3])
    if licensed.lower() not in YES_OR_NO:
        raise TimbreError(f"first_person_licensed {licensed!r}", where=where, do="write true or false")
    band = _BAND.fullmatch(words)
    low, high = (int(band[1]), int(band[2])) if band else (1, 1)
    if words and not (band and 1 <= low <= high):
        raise TimbreError(f"target_words {words!r} is no band", where=where, do="write such as 40-80")
    return Answer(
        id=row["id"].strip(),
        prompt=row["prompt"],
        text=row["text"],
        subjects=tuple(name for part in subjects.split(";") if (name := part.strip())),
        first_person_licensed=YES_OR_NO[licensed.lower()],
        target_words=(low, high) if band else None,
    )
