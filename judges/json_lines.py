"""JSON objects out of a JSON Lines file, with the line of every mistake."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from timbre.errors import TimbreError


def read_objects(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each object in ``path`` with its line number from 1; blank lines are skipped.

    Raises:
        TimbreError: The file can't be read, or a line is not UTF-8 or not a JSON object.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TimbreError(
            f"can't read the file ({error.strerror})", where=str(path), do="check the path"
        ) from error
    yield from parse_objects(data, str(path))


def parse_objects(data: bytes, name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Like ``read_objects``, of bytes already read; ``name`` stands for the file in errors."""
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        where = f"{name}:{number}"
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TimbreError("not UTF-8", where=where, do="save the file as UTF-8") from error
        if not line.strip():
            continue
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError) as error:
            said = str(error)
            if isinstance(error, json.JSONDecodeError):
                said = f"{error.msg}, column {error.colno}"
            raise TimbreError(f"not JSON ({said})", where=where, do="write one JSON object a line") from error
        if not isinstance(parsed, dict):
            raise TimbreError("not a JSON object", where=where, do="write one {...} a line")
        yield number, parsed


def text_field(record: Mapping[str, object], key: str, where: str) -> str:
    """The string under ``key``; may be empty.

    Raises:
        TimbreError: The key is missing or not a string.
    """
    value = record.get(key)
    if isinstance(value, str):
        return value
    wrong = f"key '{key}' is not a string" if key in record else f"key '{key}' is missing"
    raise TimbreError(wrong, where=where, do=f'add "{key}": "..."')
