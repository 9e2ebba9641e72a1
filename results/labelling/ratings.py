"""What raters said: a file a rater that grows by a line a key, and the tables made of it.

A line is whole or not there: it is written at once and synced, and a half one that a power cut left is dropped.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from judges.licensing.calibrate import NEEDS
from judges.licensing.labels import COLUMNS, OPTIONAL
from results.labelling.items import Item, Scale
from timbre.errors import TimbreError
from timbre.files import parse_objects

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_RESERVED = {*COLUMNS, *OPTIONAL}


@dataclass(frozen=True)
class Rating:
    """One label by one rater."""

    item: Item
    rater: str
    value: float
    again: bool = False  # given when the item was shown for the second time


@dataclass(frozen=True)
class Tally:
    """What one rater did."""

    rater: str
    rated: int  # texts or pairs
    yes: int
    ties: int | None  # pairs called equal; None for texts
    twice: int  # rated a second time
    same: int  # those with the same label both times
    near: int  # those with labels at most one apart

    def __str__(self) -> str:
        what = f"{self.yes} yes" if self.ties is None else f"{self.ties} called equal"
        text = f"{self.rater}: {self.rated} rated, {what}"
        if self.twice:
            text += f"; of {self.twice} shown twice, {self.same} got the same label again"
            text += f", {self.near} one at most a step away" if self.near > self.same else ""
        return text


class RatingFile:
    """One rater's labels, one JSON object a line; held by one process at a time."""

    def __init__(self, path: Path, rater: str) -> None:
        self.path, self.rater = path, rater
        self._lock = FileLock(path.with_suffix(".lock"))

    def __enter__(self) -> Self:
        """Take hold of the file, and drop a half line at its end.

        Raises:
            TimbreError: another process has it, or it can't be written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            os.ftruncate(self._file, self.path.read_bytes().rfind(b"\n") + 1)
        except Timeout as error:
            do = "go on there, or give another --rater"
            what = f"{self.rater} is rating in another process"
            raise TimbreError(what, where=str(self.path), do=do) from error
        except OSError as error:
            what = f"can't be written ({error.strerror})"
            raise TimbreError(what, where=str(self.path), do="choose another place") from error
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)
        self._lock.release()

    def add(self, item: Item, value: float | None, again: bool) -> None:
        """Append one label, or take one back with None; on disk when this returns.

        Raises:
            TimbreError: the disk is full; the file is as it was.
        """
        record = {**dataclasses.asdict(item), "value": value, "again": again}
        before = os.fstat(self._file).st_size
        try:
            with os.fdopen(self._file, "ab", closefd=False) as file:
                file.write((json.dumps(record) + "\n").encode())
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, before)
            what = f"can't be written ({error.strerror})"
            raise TimbreError(what, where=str(self.path), do="make room") from error

    def ratings(self) -> list[Rating]:
        """What stands, oldest first."""
        return read_ratings(self.path, self.rater)


def rating_path(folder: Path, session: str, rater: str) -> Path:
    """Where one rater's labels of a session ("humor", "humor-pairs") are.

    Raises:
        TimbreError: the name can't stand in a file's name or at the head of a column.
    """
    if not _NAME.fullmatch(rater) or rater in _RESERVED:
        do = "use letters, digits, - and _"
        raise TimbreError(f"{rater!r} can't name a rater", where="--rater", do=do)
    return folder / f"{session}.{rater}.jsonl"


def all_ratings(folder: Path, session: str) -> list[Rating]:
    """The labels of every rater of a session, by name."""
    paths = sorted(folder.glob(f"{session}.*.jsonl"))
    return [r for path in paths for r in read_ratings(path, path.name.split(".")[1])]


def read_ratings(path: Path, rater: str) -> list[Rating]:
    """One rater's labels that weren't taken back, oldest first.

    Raises:
        TimbreError: a line is not what ``RatingFile`` writes.
    """
    data = path.read_bytes() if path.exists() else b""
    return ratings_of(parse_objects(data[: data.rfind(b"\n") + 1], str(path)), rater, str(path))


def ratings_of(records: Iterable[tuple[int, Any]], rater: str, where: str) -> list[Rating]:
    """The labels in numbered records, where a later one of the same item counts and None takes one back."""
    known: dict[tuple[str, bool], Rating] = {}
    for number, record in records:
        fields = dict(record)
        try:
            value, again = fields.pop("value"), fields.pop("again")
            item = _ITEM.validate_python(fields)
            known.pop((item.id, again), None)
            if value is not None:
                known[item.id, again] = Rating(item, rater, float(value), bool(again))
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            what = "not a label as `timbre label` writes it"
            raise TimbreError(what, where=f"{where}:{number}", do="remove the line") from error
    return list(known.values())


_ITEM = TypeAdapter(Item)


def tallies(ratings: Sequence[Rating], scale: Scale) -> list[Tally]:
    """What each rater did, and how far they agree with themselves."""
    made = []
    step = min(b - a for a, b in pairwise(sorted(scale.values))) if len(scale.values) > 2 else 0
    for rater in dict.fromkeys(r.rater for r in ratings):
        first = {r.item.id: r.value for r in ratings if r.rater == rater and not r.again}
        second = {r.item.id: r.value for r in ratings if r.rater == rater and r.again}
        apart = [abs(first[key] - value) for key, value in second.items() if key in first]
        yes = sum(value >= scale.yes_from for value in first.values())
        ties = sum(v == 0.5 for v in first.values()) if any(r.item.other_text for r in ratings) else None
        same, near = (sum(a <= most for a in apart) for most in (0, step))
        made.append(Tally(rater, len(first), yes, ties, len(apart), same, near))
    return made


def first_labels(ratings: Sequence[Rating]) -> pd.DataFrame:
    """What raters said of each item the first time: a row an item, by id, a column a rater, NaN for nothing."""
    given = [(r.item.id, _column_name(r.rater), r.value) for r in ratings if not r.again]
    rows = pd.DataFrame(given, columns=["id", "rater", "value"])
    return rows.pivot_table(index="id", columns="rater", values="value", aggfunc="last")


def labels_table(ratings: Sequence[Rating], dimension: str) -> str:
    """The CSV that ``timbre calibrate`` takes: a row an item, its label the mean of the raters' first ones."""
    items, labels = {r.item.id: r.item for r in ratings}, first_labels(ratings)
    pairs = any(item.other_text for item in items.values())
    names = ["prompt", "text", *(["other_text"] if pairs else []), *NEEDS.get(dimension, ())]
    cells = {name: [_cell(getattr(items[key], name)) for key in labels.index] for name in names}
    table = pd.DataFrame(cells, index=labels.index).assign(label=labels.mean(axis=1)).join(labels)
    return table.to_csv(index_label="id", float_format="%g", lineterminator="\n")


def _column_name(rater: str) -> str:
    """A rater's column: its name, which must not be one that means something else."""
    name = " ".join(rater.split()) or "rater"
    return f"rater {name}" if name in _RESERVED else name


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "-".join(map(str, value)) if value and isinstance(value[0], int) else "; ".join(value)
    return value or ""
