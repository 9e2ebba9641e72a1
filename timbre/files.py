"""The one way to write a text file and to decode a user's, and what to say where that can't be done."""

import csv
import errno
import fcntl
import io
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)
# safetensors and torch report a write that failed in errors of their own.
_NO_ROOM_MESSAGES = (
    *(f"os error {code}" for code in _NO_ROOM),
    *("PytorchStreamWriter failed", "basic_ios::clear: iostream error"),
)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``path`` under a temporary name and rename it, so that a reader never sees half of it.

    Raises:
        TimbreError: the place can't be written to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            # mkstemp's 0600 would lock other readers out of a page that is meant to be read.
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: Path, do: str = "make room, or choose another place") -> Iterator[None]:
    """Raise a TimbreError that names ``path``, and what to do, where what is done inside can't be written."""
    try:
        yield
    except OSError as error:
        raise TimbreError(f"can't be written ({error.strerror or error})", where=str(path), do=do) from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait for every other command that changes a file of ``folder``; its own lock, which leaves no file.

    Raises:
        TimbreError: the folder can't be made or opened.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks keeps nobody out
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_bytes(path: Path) -> bytes:
    """Content of a file that a user named.

    Raises:
        TimbreError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TimbreError(
            f"can't read it ({error.strerror})", where=str(path), do="check the path"
        ) from error


def decoded(data: bytes, path: Path) -> str:
    """The text of that content; a byte order mark is left out.

    Raises:
        TimbreError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TimbreError("not UTF-8", where=str(path), do="save the file as UTF-8") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file that a user named.

    Raises:
        TimbreError: it can't be read, or is not TOML.
    """
    try:
        return tomllib.loads(decoded(read_bytes(path), path))
    except (ValueError, RecursionError) as error:
        raise TimbreError(f"not TOML: {error}", where=str(path), do="mend the file") from error


def read_objects(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each object in ``path`` with its line number from 1; blank lines are skipped.

    Raises:
        TimbreError: The file can't be read, or a line is not UTF-8 or not a JSON object.
    """
    yield from parse_objects(read_bytes(path), str(path))


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
            problem = str(error)
            if isinstance(error, json.JSONDecodeError):
                problem = f"{error.msg}, column {error.colno}"
            do = "write one JSON object a line"
            raise TimbreError(f"not JSON ({problem})", where=where, do=do) from error
        if not isinstance(parsed, dict):
            raise TimbreError("not a JSON object", where=where, do="write one {...} a line")
        yield number, parsed


def text_field(record: Mapping[str, object], key: str, where: str) -> str:
    """The string under ``key``, which may be empty; a missing key, and another value, is a TimbreError."""
    value = record.get(key)
    if isinstance(value, str):
        return value
    wrong = f"key '{key}' is not a string" if key in record else f"key '{key}' is missing"
    raise TimbreError(wrong, where=where, do=f'add "{key}": "..."')


def csv_rows(text: str, where: str, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    """The rows of a CSV, each with the line on which it begins; blank ones are left out.

    Raises:
        TimbreError: it is not CSV; with the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    end = 0
    try:
        for cells in reader:
            if any(cells):
                rows.append((end + 1, cells))
            end = reader.line_num
    except csv.Error as error:
        raise TimbreError(f"not CSV: {error}", where=f"{where}:{end + 1}", do="mend the row") from error
    return rows


def is_full_disk(error: BaseException) -> bool:
    """Whether a file could not be written for want of room; what fails while it is closed hides the first error."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    hidden = error.__context__ is not None and is_full_disk(error.__context__)
    return hidden or any(message in str(error) for message in _NO_ROOM_MESSAGES)


def as_unwritable(error: BaseException) -> TimbreError | None:
    """The user's error behind a full disk or a place without the right to write; None for any other."""
    if not is_full_disk(error) and not (isinstance(error, OSError) and error.errno in _NO_RIGHT):
        return None
    what = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
    where = getattr(error, "filename", None)
    return TimbreError(
        f"can't be written ({what})" if where else f"a file can't be written ({what})",
        where=str(where) if where else None,
        do="make room and see to the rights there, or name another folder with TIMBRE_HOME",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
