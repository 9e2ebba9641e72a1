"""Data sets as people have them, read into records: a record is a place in the source and one object.

Files: JSON Lines, a JSON array, CSV, Parquet. Folders that `datasets` saved or can read, and data sets on the hub
(``hf://OWNER/NAME@REVISION``). Records of every usual shape become turns of a conversation. Imports stay light:
pyarrow and datasets load only for what needs them.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError

Turn = tuple[str, str]
"""Role (``system``, ``user`` or ``assistant``) and content."""

HUB = "hf://"
SHAPES = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("instruction", "output"),
    ("question", "answer"),
)
"""Names of a question and its answer, each a string or, with TRL, a list of messages."""

_CONVERSATIONS = ("messages", "conversations")
_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
_SPLITS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "dev": "val", "test": "val"}
_JSON_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number with a fraction",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Fault(Exception):
    """One mistake in one record, kept until all are read so that the rest can be counted."""

    def __init__(self, line: int, what: str, do: str) -> None:
        self.line, self.what, self.do = line, what, do
        super().__init__(what)


@dataclass(frozen=True)
class Records:
    """What a source holds."""

    name: str  # path or hub name, as errors show it
    sha256: str  # of the file, or of the rows where there is none
    rows: tuple[tuple[int, dict[str, Any]], ...]  # line (or row) from 1, and the object
    faults: tuple[Fault, ...]  # of records that are no object


def read_records(source: str) -> Records:
    """Read a file, a folder or a data set on the hub.

    Raises:
        TimbreError: there is no such thing, or it can't be read.
    """
    if source.startswith(HUB):
        return _from_datasets(source, _load_hub(source))
    path = Path(source)
    if os.path.isdir(path):  # pathlib's own raises on a name that is too long
        return _from_datasets(source, _load_folder(path))
    data = _bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if path.suffix == ".parquet":
        return Records(source, digest, tuple(enumerate(_parquet(path), start=1)), ())
    if path.suffix == ".csv":
        return Records(source, digest, tuple(_csv(data, path)), ())
    rows, faults = _json(data)
    return Records(source, digest, tuple(rows), tuple(faults))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError as error:
        raise TimbreError(
            "no such file", where=str(path), do="give a file of pairs, a folder, or hf://OWNER/NAME"
        ) from error
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise TimbreError(f"can't be read: {reason}", where=str(path), do="give a readable file") from error


def _json(data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[Fault]]:
    """JSON Lines; or one array, each element with the line it begins on."""
    if data.lstrip()[:1] == b"[" and (array := _array(data)) is not None:
        return array, []
    lines = data.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    rows, faults = [], []
    for number, raw in enumerate(lines, start=1):
        try:
            rows.append((number, _object(number, raw)))
        except Fault as fault:
            faults.append(fault)
    return rows, faults


def _array(data: bytes) -> list[tuple[int, dict[str, Any]]] | None:
    """The objects of a JSON array; None where it isn't one."""
    try:
        text = data.decode("utf-8")
        if not all(isinstance(item, dict) for item in json.loads(text)):
            return None
    except (ValueError, RecursionError):
        return None
    decoder, rows = json.JSONDecoder(), []
    at, line = text.index("[") + 1, text.count("\n", 0, text.index("["))
    counted = at
    while (at := _gap_end(text, at)) < len(text) and text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        item, at = decoder.raw_decode(text, at)
        rows.append((line + 1, item))
    return rows


def _gap_end(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


class _KeyTwice(KeyError):
    """A key that stands twice in one object."""


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(items)
    if len(record) < len(items):
        raise _KeyTwice(next(key for key, n in Counter(key for key, _ in items).items() if n > 1))
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _object(line: int, raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = f"byte 0x{raw[error.start]:02x} at position {error.start + 1} of the line is not UTF-8"
        raise Fault(line, bad, "save the file as UTF-8") from error
    if not text.strip():
        raise Fault(line, "blank line between pairs", "remove it")
    do = "write one JSON object a line"
    try:
        record = _DECODER.decode(text)
    except _KeyTwice as error:
        raise Fault(line, f"the key {error} stands twice in one object", "keep one of the two") from error
    except json.JSONDecodeError as error:
        raise Fault(line, f"not JSON: {error.msg} at column {error.colno}", do) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, ten thousand brackets
        raise Fault(line, "JSON beyond what can be read", do) from error
    if not isinstance(record, dict):
        raise Fault(line, f"{_JSON_NAMES[type(record)]} where an object should be", do)
    return record


def _csv(data: bytes, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TimbreError("not UTF-8", where=str(path), do="save the file as UTF-8") from error
    csv.field_size_limit(1 << 24)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    end = 1
    for row in reader:
        record: dict[str, Any] = {k: v for k, v in row.items() if k is not None and v not in (None, "")}
        if re.fullmatch("[0-9]{1,3}", str(record.get("tier"))):
            record["tier"] = int(record["tier"])
        yield end + 1, record
        end = reader.line_num


def _parquet(path: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    try:
        return [_without_nulls(row) for row in parquet.read_table(path).to_pylist()]
    except Exception as error:  # a broken file has many types: Arrow's own, of text, of numbers
        raise TimbreError("not a Parquet file", where=str(path), do="write it again") from error


def _load_folder(path: Path) -> Any:
    import datasets  # type: ignore[import-untyped]

    saved = (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file()
    try:
        return datasets.load_from_disk(str(path)) if saved else datasets.load_dataset(str(path))
    except Exception as error:  # a family of unrelated types
        raise TimbreError(
            f"no data set: {str(error).splitlines()[0]}",
            where=str(path),
            do="give a file, or a folder that `datasets` can load",
        ) from error


def _load_hub(name: str) -> Any:
    import datasets

    repository, _, revision = name.removeprefix(HUB).partition("@")
    try:
        return datasets.load_dataset(repository, revision=revision or None)
    except Exception as error:  # the hub's client raises a family of unrelated types
        raise TimbreError(
            f"the data set can't be had: {str(error).splitlines()[0]}",
            where=name,
            do="write hf://OWNER/NAME@REVISION of one that you have access to, or give a file",
        ) from error


def _from_datasets(name: str, loaded: Any) -> Records:
    parts = list(loaded.items()) if hasattr(loaded, "items") else [(None, loaded)]
    rows = []
    for split, part in parts:
        side = _SPLITS.get(str(split).partition("_")[0]) if len(parts) > 1 else None
        for record in part:
            given = {"split": side} if side else {}
            rows.append({**given, **_without_nulls(record)})
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()
    return Records(name, digest, tuple(enumerate(rows, start=1)), ())


def _without_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """A table's row without the columns that it leaves empty."""
    return {key: value for key, value in record.items() if value is not None}


def turns_of(line: int, record: Mapping[str, Any]) -> tuple[Turn, ...]:
    """A record's conversation, up to and with the last answer.

    Raises:
        Fault: no known shape, an unknown role, or a conversation that does not end in a question and its answer.
    """
    turns = _without_answerless_end(_turns(line, record))
    if len(turns) < 2 or (turns[-2][0], turns[-1][0]) != ("user", "assistant"):
        raise Fault(line, "no question with an answer", "end it with a user's turn and an assistant's")
    if any(role == "system" for role, _ in turns[1:]):
        raise Fault(line, "a system message inside the conversation", "put it first")
    return turns


def _turns(line: int, record: Mapping[str, Any]) -> tuple[Turn, ...]:
    for key in _CONVERSATIONS:
        if key in record:
            return tuple(_messages(line, key, record[key]))
    shape = next((s for s in SHAPES if s[0] in record and s[1] in record), None)
    if shape is None:
        half = next((s for s in SHAPES if s[0] in record or s[1] in record), None)
        if half is None:
            raise Fault(
                line,
                f"no pair: it has {', '.join(map(repr, record)) or 'nothing'}",
                "give prompt and response, messages, conversations, prompt and completion, or instruction and output",
            )
        missing = half[1] if half[0] in record else half[0]
        raise Fault(line, f"missing {missing!r}", f"add it: a pair has {half[0]} and {half[1]}")
    question, answer = (record[key] for key in shape)
    system = [("system", _string(line, "system", record["system"]))] if record.get("system") else []
    before = _messages(line, "before", record["before"]) if "before" in record else []
    if isinstance(question, list) and isinstance(answer, list):
        return (*system, *_messages(line, shape[0], question), *_messages(line, shape[1], answer))
    asked = _string(line, shape[0], question)
    if record.get("input"):  # Alpaca's further matter under an instruction
        asked = f"{asked}\n\n{_string(line, 'input', record['input'])}"
    return (*system, *before, ("user", asked), ("assistant", _string(line, shape[1], answer)))


def _messages(line: int, key: str, value: Any) -> list[Turn]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise Fault(line, f'"{key}" is no list of messages', "write objects with role and content")
    turns = []
    for message in value:
        role = message.get("role", message.get("from"))
        content = message.get("content", message.get("value"))
        if str(role).lower() not in _ROLES:
            raise Fault(line, f"unknown role {role!r}", f"use one of {', '.join(_ROLES)}")
        turns.append((_ROLES[str(role).lower()], _string(line, "content", content)))
    return turns


def _without_answerless_end(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Turns after the last answer have nothing to learn."""
    last = max((at for at, (role, _) in enumerate(turns) if role == "assistant"), default=-1)
    return tuple(turns[: last + 1])


def _string(line: int, field: str, value: Any) -> str:
    if not isinstance(value, str):
        kind = _JSON_NAMES.get(type(value), type(value).__name__)
        raise Fault(line, f'"{field}" is {kind} where a string should be', "correct its type")
    return value
