"""Data sets as people have them, read into records: a record is a place in the source and one object.

Files: JSON Lines, a JSON array (also as the one list in an object), CSV, Parquet. Folders that `datasets` saved or
can read, and data sets on the hub (``hf://OWNER/NAME:CONFIG@REVISION``). Records of every usual shape become turns of
a conversation. Imports stay light: pyarrow and datasets load only for what needs them.
"""

import codecs
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from timbre.files import csv_rows, read_bytes

Turn = tuple[str, str]
"""Role (``system``, ``user`` or ``assistant``) and content."""

Row = tuple[int, "dict[str, Any] | Fault"]
"""Line of a file or row of a table, from 1, and the record there or what is wrong with it."""

HUB = "hf://"
_SHAPES = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("instruction", "output"),
    ("question", "answer"),
    ("instruction", "response"),
    ("question", "response"),
)
"""Names of a question and its answer, each a string or, with TRL, a list of messages."""

_CONVERSATIONS = ("messages", "conversations")
_SYSTEMS = ("system", "system_prompt")
_INPUTS = ("input", "context")
"""Further matter under an instruction: Alpaca's and Dolly's name for it."""

FIELDS = frozenset([*sum(_SHAPES, ()), *_CONVERSATIONS, *_SYSTEMS, *_INPUTS, "before"])
"""Every field that a conversation is read from."""

_ROLES = {
    "system": "system",
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot"), "assistant"),
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

    def __init__(self, what: str, do: str) -> None:
        self.what, self.do = what, do
        super().__init__(what)


@dataclass(frozen=True)
class Records:
    """What a source holds."""

    sha256: str  # of the file, or of the rows where there is none
    rows: Sequence[Row]


def read_records(source: str) -> Records:
    """Read a file, a folder or a data set on the hub.

    Raises:
        TimbreError: there is no such thing, or it can't be read.
    """
    if source.startswith(HUB):
        place, _, revision = source.removeprefix(HUB).partition("@")
        repository, _, config = place.partition(":")
        return _from_datasets(
            source, "load_dataset", repository, name=config or None, revision=revision or None
        )
    path = Path(source)
    if os.path.isdir(path):  # pathlib's own raises on a name that is too long
        saved = (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file()
        return _from_datasets(source, "load_from_disk" if saved else "load_dataset", source)
    data = read_bytes(path).removeprefix(codecs.BOM_UTF8)
    suffix = path.suffix.lower()
    rows = _parquet(path) if suffix == ".parquet" else _rows(data, source, suffix in (".csv", ".tsv"))
    return Records(hashlib.sha256(data).hexdigest(), rows)


def _rows(data: bytes, name: str, is_csv: bool) -> list[Row]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        column = error.start - data.rfind(b"\n", 0, error.start)
        bad = f"byte 0x{data[error.start]:02x} at position {column} of the line is not UTF-8"
        return [(1 + data.count(b"\n", 0, error.start), Fault(bad, "save the file as UTF-8"))]
    if is_csv:
        return list(_csv(text, name))
    if (rows := _document(text)) is not None:
        return rows
    lines = text.rstrip().split("\n") if text.strip() else []
    return [(number, _object(line)) for number, line in enumerate(lines, start=1)]


def _document(text: str) -> list[Row] | None:
    """The elements of a JSON array, or of the one list in an object, each with its line; None for JSON Lines."""
    at = len(text) - len(text.lstrip())
    first = text[at : at + 1]
    if first not in ("[", "{"):
        return None
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        others = filter(str.strip, text[at:].split("\n")[1:])
        if first == "{" and (error.msg == "Extra data" or next(others, "{").startswith("{")):
            return None
        return [(error.lineno, Fault(f"not JSON: {error.msg} at column {error.colno}", "mend it there"))]
    except (ValueError, RecursionError):
        return None
    if first == "{":
        if whole.keys() & FIELDS or sum(isinstance(value, list) for value in whole.values()) != 1:
            return [(1 + text.count("\n", 0, at), _object(text))]
        at += 1
    while text[at := _after_gap(text, at)] != "[":
        _, at = _DECODER.raw_decode(text, at)
    rows, line, counted = list[Row](), 1, 0
    at += 1
    while text[at := _after_gap(text, at)] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            element, at = _DECODER.raw_decode(text, at)
        except Fault as fault:
            return [*rows, (line, fault)]
        rows.append((line, _as_object(element)))
    return rows


def _after_gap(text: str, at: int) -> int:
    while text[at] in " \t\r\n,:":
        at += 1
    return at


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(items)
    if len(record) < len(items):
        key = next(key for key, n in Counter(key for key, _ in items).items() if n > 1)
        raise Fault(f"the key {key!r} stands twice in one object", "keep one of the two")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _object(line: str) -> dict[str, Any] | Fault:
    if not line.strip():
        return Fault("blank line between pairs", "remove it")
    do = "write one JSON object a line"
    try:
        return _as_object(_DECODER.decode(line))
    except Fault as fault:
        return fault
    except json.JSONDecodeError as error:
        return Fault(f"not JSON: {error.msg} at column {error.colno}", do)
    except (ValueError, RecursionError):  # a number of 5,000 digits, ten thousand brackets
        return Fault("JSON beyond what can be read", do)


def _as_object(value: Any) -> dict[str, Any] | Fault:
    if isinstance(value, dict):
        return value
    return Fault(f"{_JSON_NAMES[type(value)]} where an object should be", "write each pair as an object")


def _csv(text: str, name: str) -> Iterator[Row]:
    csv.field_size_limit(1 << 24)
    delimiter = max(",;\t", key=text.lstrip().partition("\n")[0].count)
    (first, header), *rows = csv_rows(text, name, delimiter) or [(1, [])]
    header = [column.strip() for column in header]
    twice = next((column for column, n in Counter(header).items() if column and n > 1), None)
    if twice:
        yield first, Fault(f"the column {twice!r} stands twice", "keep or rename one of the two")
    for line, cells in rows:
        if any(cells[len(header) :]):
            what = f"{len(cells)} cells where the header has {len(header)}"
            yield line, Fault(what, f"put a cell that holds {delimiter!r} in double quotation marks")
            continue
        record: dict[str, Any] = {key: cell for key, cell in zip(header, cells, strict=False) if cell}
        if re.fullmatch(r"[0-9]{1,3}(\.0)?", str(record.get("tier"))):
            record["tier"] = float(record["tier"])
        yield line, record


def _parquet(path: Path) -> list[Row]:
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except Exception as error:  # a broken file has many types: Arrow's own, of text, of numbers
        raise TimbreError("not a Parquet file", where=str(path), do="write it again") from error
    return [(at, _without_nulls(row)) for at, row in enumerate(rows, start=1)]


def _from_datasets(source: str, load: str, place: str, **options: Any) -> Records:
    """What a function of ``datasets`` loads, its splits one behind the other."""
    import datasets  # type: ignore[import-untyped]

    try:
        loaded = getattr(datasets, load)(place, **options)
    except Exception as error:  # a family of unrelated types, the hub's client's among them
        first, *others = str(error).splitlines() or [type(error).__name__]
        raise TimbreError(
            "the data set can't be had: "
            + " ".join([first, *(o for o in others if "available configs" in o)]),
            where=source,
            do="give a file, a folder that `datasets` can load, or hf://OWNER/NAME:CONFIG@REVISION (CONFIG and "
            "REVISION where you need them) of a set that you have access to",
        ) from error
    parts = list(loaded.items()) if hasattr(loaded, "items") else [(None, loaded)]
    rows = []
    for split, part in parts:
        side = side_of(str(split)) if len(parts) > 1 else None
        given = {"split": side} if side else {}
        rows += [{**given, **_without_nulls(record)} for record in part]
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()
    return Records(digest, list(enumerate(rows, start=1)))


def side_of(split: str) -> str | None:
    """``train`` or ``val`` for a split's name (``validation``, ``test_sft``); None for one that is neither."""
    return _SPLITS.get(split.partition("_")[0])


def _without_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """A table's row without the columns that it leaves empty."""
    return {key: value for key, value in record.items() if value is not None}


def to_last_answer(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """A conversation up to and with its last answer, which is what is learned.

    Raises:
        Fault: it has no question with an answer, or a system message that is not the first.
    """
    answered = [at for at, (role, _) in enumerate(turns, start=1) if role == "assistant"]
    turns = turns[: max(answered, default=0)]
    if len(turns) < 2 or turns[-2][0] != "user":
        raise Fault("no question with an answer", "end it with a user's turn and an assistant's")
    if any(role == "system" for role, _ in turns[1:]):
        raise Fault("a system message inside the conversation", "put it first")
    return turns


def conversation(record: Mapping[str, Any]) -> tuple[Turn, ...]:
    """All turns of a record.

    Raises:
        Fault: it has no known shape, a turn of an unknown role, or a content that is no text.
    """
    system = [("system", _string(key, record[key])) for key in _SYSTEMS if record.get(key)][:1]
    for key in _CONVERSATIONS:
        if key in record:
            messages = _messages(key, record[key])
            return (*system, *messages) if messages and messages[0][0] != "system" else tuple(messages)
    shape = next((s for s in _SHAPES if s[0] in record and s[1] in record), None)
    if shape is None:
        half = next((s for s in _SHAPES if s[0] in record or s[1] in record), None)
        if half is None:
            raise Fault(
                f"no pair: it has {', '.join(map(repr, record)) or 'nothing'}",
                "give prompt and response, messages, conversations, prompt and completion, or instruction and output",
            )
        missing = half[1] if half[0] in record else half[0]
        raise Fault(f"missing {missing!r}", f"add it: a pair has {half[0]} and {half[1]}")
    question, answer = (record[key] for key in shape)
    before = _messages("before", record["before"]) if "before" in record else []
    if isinstance(question, list) and isinstance(answer, list):
        return (*system, *_messages(shape[0], question), *_messages(shape[1], answer))
    further = [_string(key, record[key]) for key in _INPUTS if record.get(key)]
    asked = "\n\n".join([_string(shape[0], question), *further])
    return (*system, *before, ("user", asked), ("assistant", _string(shape[1], answer)))


def _messages(key: str, value: Any) -> list[Turn]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise Fault(f'"{key}" is no list of messages', "write objects with role and content")
    turns = []
    for message in value:
        role = message.get("role", message.get("from"))
        content = message.get("content", message.get("value"))
        if str(role).lower() not in _ROLES:
            raise Fault(f"unknown role {role!r}", f"use one of {', '.join(_ROLES)}")
        if isinstance(content, list):
            content = "".join(map(_text_part, content))  # as chat templates join them
        turns.append((_ROLES[str(role).lower()], _string("content", content)))
    return turns


def _text_part(part: Any) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind != "text":
        raise Fault(f'"content" has a part of type {kind!r}', 'keep parts of type "text" alone')
    return _string("text", part.get("text"))


def _string(field: str, value: Any) -> str:
    if not isinstance(value, str):
        kind = _JSON_NAMES.get(type(value), type(value).__name__)
        raise Fault(f'"{field}" is {kind} where a string should be', "correct its type")
    return value
