"""Read the labels that a judge is held against."""

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from judges.licensing.agreement import Array
from judges.plain_text import is_blank
from judges.types import Answer
from timbre.errors import TimbreError

COLUMNS = ("id", "prompt", "text", "label")
OPTIONAL = ("subjects", "first_person_licensed", "target_words")
"""What a canary tells of its prompt, where labels tell it too; never a rater's column."""

YES_OR_NO = {"": False, "false": False, "0": False, "true": True, "1": True}
"""What a cell of a CSV may say, in lower case, of a prompt that licenses the first person."""

MIN_ROWS = 20
"""Fewer rows than this say nothing of agreement; what a gate asks for is in its policy."""

_BAND = re.compile(r"(\d{1,6})\s*-\s*(\d{1,6})")


@dataclass(frozen=True)
class Labels:
    """Texts with what people, or a model, said of them.

    Attributes:
        answers: The texts, each with the id and prompt of its row.
        labels: Shape (rows,).
        ratings: Shape (rows, raters), NaN where a rater gave none.
        raters: Names of the further columns.
        columns: Those of ``OPTIONAL`` that there are.
        sha256: Of the file.
        where: The file, as errors name it.
    """

    answers: tuple[Answer, ...]
    labels: Array
    ratings: Array
    raters: tuple[str, ...]
    columns: tuple[str, ...]
    sha256: str
    where: str

    @property
    def binary(self) -> bool:
        """Whether every label is 0 or 1; else they are ratings."""
        return bool(np.isin(self.labels, (0, 1)).all())


def read_labels(path: Path) -> Labels:
    """Read a CSV file with the columns id, prompt, text and label; each further column is a rater's.

    But for three, which may be there or not, as a canary has them: ``subjects`` (names parted by semicolons),
    ``first_person_licensed`` (true or false) and ``target_words`` (a band, such as 40-80). An empty cell
    there is as if there were no such column. The prompt may be empty, and so may a rater's cell.

    Raises:
        TimbreError: With file and line: a missing, repeated or unnamed column, a row of another length,
            an empty or repeated id, an empty text, a label or rating that is no finite number; or with the
            file: fewer than ``MIN_ROWS`` rows, or labels that are all the same.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise TimbreError(
            f"can't read it ({error.strerror})", where=str(path), do="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise TimbreError("not UTF-8", where=str(path), do="save the file as UTF-8") from error
    rows = _rows(text, str(path))
    header = next(rows, None)
    if header is None:
        raise TimbreError("empty", where=str(path), do=f"give the columns {', '.join(COLUMNS)}")
    names = _names(*header)
    raters = tuple(name for name in names if name not in (*COLUMNS, *OPTIONAL))
    answers, labels, ratings = [], [], []
    seen: dict[str, str] = {}
    for where, fields in rows:
        if len(fields) != len(names):
            raise TimbreError(f"{len(fields)} fields, not {len(names)}", where=where, do="mend the row")
        row = dict(zip(names, fields, strict=True))
        key = row["id"].strip()
        if not key:
            raise TimbreError("empty id", where=where, do="name the row")
        if key in seen:
            raise TimbreError(f"id {key!r} again, first at {seen[key]}", where=where, do="give each id once")
        if is_blank(row["text"]):
            raise TimbreError("empty text", where=where, do="fill it in or drop the row")
        seen[key] = where
        answers.append(_answer(key, row, where))
        labels.append(_number(row["label"], "label", where))
        ratings.append([_number(row[r], r, where) if row[r].strip() else math.nan for r in raters])
    if len(answers) < MIN_ROWS:
        raise TimbreError(f"{len(answers)} rows", where=str(path), do=f"label {MIN_ROWS} or more")
    if len(set(labels)) == 1:
        raise TimbreError(
            f"every label is {labels[0]:g}: one class only", where=str(path), do="label texts of both kinds"
        )
    shape = (len(answers), len(raters))
    digest = hashlib.sha256(data).hexdigest()
    return Labels(
        answers=tuple(answers),
        labels=np.array(labels),
        ratings=np.array(ratings).reshape(shape),
        raters=raters,
        columns=tuple(name for name in OPTIONAL if name in names),
        sha256=digest,
        where=str(path),
    )


def _answer(key: str, row: dict[str, str], where: str) -> Answer:
    told = {name: row.get(name, "").strip() for name in OPTIONAL}
    given = told["first_person_licensed"].lower()
    if given not in YES_OR_NO:
        raise TimbreError(f"first_person_licensed {given!r}", where=where, do="write true or false")
    band = _BAND.fullmatch(told["target_words"])
    low, high = (int(band[1]), int(band[2])) if band else (1, 1)
    if told["target_words"] and not (band and 1 <= low <= high):
        raise TimbreError(
            f"target_words {told['target_words']!r} is no band", where=where, do="write such as 40-80"
        )
    return Answer(
        id=key,
        prompt=row["prompt"],
        text=row["text"],
        subjects=tuple(name for part in told["subjects"].split(";") if (name := part.strip())),
        first_person_licensed=YES_OR_NO[given],
        target_words=(low, high) if band else None,
    )


def _rows(text: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Each row that isn't blank, with the line it begins on."""
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield f"{name}:{line}", fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise TimbreError(f"not CSV: {error}", where=f"{name}:{line}", do="mend the row") from error


def _names(where: str, fields: list[str]) -> list[str]:
    names = [f.strip() for f in fields]
    for column in COLUMNS:
        if column not in names:
            raise TimbreError(
                f"no column {column!r}", where=where, do=f"give the columns {', '.join(COLUMNS)}"
            )
    for name in names:
        if not name or names.count(name) > 1:
            raise TimbreError(f"column {name!r} is unnamed or repeated", where=where, do="name each once")
    return names


def _number(given: str, what: str, where: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        do = "write a number, such as 0 or 1"
        if what != "label":
            do += "; each column beside those of `timbre calibrate --help` is a rater's"
        raise TimbreError(f"{what} {given!r} is no number", where=where, do=do)
    return value
