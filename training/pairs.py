"""Training pairs out of JSONL, refused with the line of the first mistake before any model loads.

A line is one object with the keys ``prompt, response, tier, source, origin, split`` (see
``training.types.Pair``) and, if you like, ``span``. Imports stay light: the command that calls this must
fail fast.
"""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, cast, get_args

from timbre.errors import TimbreError
from training.types import Origin, Pair, Split

FIELDS: dict[str, type] = {
    "prompt": str,
    "response": str,
    "tier": int,
    "source": str,
    "origin": str,
    "split": str,
}
OPTIONAL: dict[str, type] = {"span": str}
"""Where a response was taken from, as ``timbre augment`` writes it; kept for people, not trained on."""

TIERS = (1, 2, 3, 4)

_JSON_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number with a fraction",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class _Fault(Exception):
    """One mistake on one line, kept until all lines are read so that the rest can be counted."""

    def __init__(self, line: int, what: str, do: str) -> None:
        self.line, self.what, self.do = line, what, do
        super().__init__(what)


def load_pairs(path: Path) -> tuple[Pair, ...]:
    """Read and check every pair of a JSONL file.

    A byte order mark, CRLF line ends and blank lines after the last pair are tolerated.

    Args:
        path: The file; its name as given is what an error shows.

    Returns:
        The pairs in file order, at least one of them for training.

    Raises:
        TimbreError: For the first mistake in the file, with the number of others: a line that is
            not UTF-8, not JSON, blank, or no object; a repeated, missing or unknown key; a wrong
            type; an empty or unknown value; a response that came before; a source on both sides
            of the split; no training pair; or a file that can't be read.
    """
    faults: list[_Fault] = []
    pairs: list[Pair] = []
    for line, raw in enumerate(_lines(path), start=1):
        try:
            pairs.append(_pair(line, raw))
        except _Fault as fault:
            faults.append(fault)
    faults += _repeats(pairs) + _siblings(pairs)
    if faults:
        _report(faults, path)
    if not split_of(pairs, "train"):
        raise TimbreError("no training pairs", where=str(path), do='add lines with "split": "train"')
    return tuple(pairs)


def split_of(pairs: Sequence[Pair], split: Split) -> tuple[Pair, ...]:
    """The pairs on one side of the split, in their order."""
    return tuple(pair for pair in pairs if pair.split == split)


def check_lengths(pairs: Sequence[Pair], count_tokens: Callable[[Pair], int], limit: int, path: Path) -> None:
    """Refuse pairs that training would have to cut.

    Args:
        pairs: What ``load_pairs`` gave.
        count_tokens: Tokens of a pair as trained: template, prompt, response and stop token.
        limit: Most tokens a pair may have (``max_tokens`` of the preset).
        path: The file the pairs came from, for the error.

    Raises:
        TimbreError: For the first pair over the limit, with the number of others.
    """
    faults = [
        _Fault(
            pair.line, f"the pair has {n} tokens and the limit is {limit}", "raise max_tokens or shorten it"
        )
        for pair in pairs
        if (n := count_tokens(pair)) > limit
    ]
    if faults:
        _report(faults, path)


def _report(faults: Sequence[_Fault], path: Path) -> NoReturn:
    first = min(faults, key=lambda fault: fault.line)
    others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise TimbreError(first.what + others, where=f"{path}:{first.line}", do=first.do)


def _lines(path: Path) -> list[bytes]:
    """The file's lines, as bytes so that a bad byte has a line; blank ones at the end are left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise TimbreError(
            "no such file", where=str(path), do="give the path of a JSONL file of pairs"
        ) from error
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise TimbreError(f"can't be read: {reason}", where=str(path), do="give a readable file") from error
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _pair(line: int, raw: bytes) -> Pair:
    record = _record(line, raw)
    _check_keys(line, record)
    for field in ("prompt", "response", "source"):
        _check_text(line, field, str(record[field]))
    _check_choice(line, record, "tier", TIERS)
    _check_choice(line, record, "origin", get_args(Origin))
    _check_choice(line, record, "split", get_args(Split))
    return Pair(
        line=line,
        prompt=cast(str, record["prompt"]),
        response=cast(str, record["response"]),
        tier=cast(int, record["tier"]),
        source=cast(str, record["source"]),
        origin=cast(Origin, record["origin"]),
        split=cast(Split, record["split"]),
    )


def _record(line: int, raw: bytes) -> dict[str, object]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = f"byte 0x{raw[error.start]:02x} at position {error.start + 1} of the line is not UTF-8"
        raise _Fault(line, bad, "save the file as UTF-8") from error
    if not text.strip():
        raise _Fault(line, "blank line between pairs", "remove it")

    def unique(items: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in items]
        for key in keys:
            if keys.count(key) > 1:
                raise _Fault(
                    line, f"the key {_quoted(key)} stands twice in one object", "keep one of the two"
                )
        return dict(items)

    do = "write one JSON object a line"
    try:
        record = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise _Fault(line, f"not JSON: {error.msg} at column {error.colno}", do) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, ten thousand brackets
        raise _Fault(line, "JSON beyond what can be read", do) from error
    if not isinstance(record, dict):
        raise _Fault(line, f"{_JSON_NAMES[type(record)]} where an object should be", do)
    return record


def _check_keys(line: int, record: dict[str, object]) -> None:
    missing = [field for field in FIELDS if field not in record]
    if missing:
        raise _Fault(line, f"missing {_listed(missing)}", "add it: every pair has " + ", ".join(FIELDS))
    unknown = [key for key in record if key not in FIELDS | OPTIONAL]
    if unknown:
        raise _Fault(line, f"unknown field {_listed(unknown)}", "remove it: a pair has " + ", ".join(FIELDS))
    for field, kind in (FIELDS | {key: kind for key, kind in OPTIONAL.items() if key in record}).items():
        value = record[field]
        if type(value) is not kind:  # isinstance would let true pass for tier 1
            what = f'"{field}" is {_JSON_NAMES[type(value)]} where {_JSON_NAMES[kind]} should be'
            raise _Fault(line, what, "correct its type")


def _check_text(line: int, field: str, text: str) -> None:
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise _Fault(line, f'"{field}" is empty', "fill it in or remove the line")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # "\\ud83d" alone is legal JSON, and no tokenizer takes it
        raise _Fault(line, f'"{field}" holds half a surrogate pair', "write the whole character") from error


def _check_choice(line: int, record: dict[str, object], field: str, known: tuple[object, ...]) -> None:
    if record[field] not in known:
        choices = ", ".join(map(str, known))
        raise _Fault(line, f"unknown {field} {_quoted(record[field])}", f"use one of {choices}")


def _repeats(pairs: Sequence[Pair]) -> list[_Fault]:
    """Responses that came before: twice the weight in training, or a leak into validation."""
    first: dict[str, Pair] = {}
    faults = []
    for pair in pairs:
        earlier = first.setdefault(_normalised(pair.response), pair)
        if earlier is pair:
            continue
        same = _normalised(earlier.prompt) == _normalised(pair.prompt)
        what = "the same pair" if same else "the same response"
        faults.append(_Fault(pair.line, f"{what} as on line {earlier.line}", "keep one of the two"))
    return faults


def _siblings(pairs: Sequence[Pair]) -> list[_Fault]:
    """Sources on both sides: validation would then measure text the model half knows."""
    first: dict[str, Pair] = {}
    faults = []
    for pair in pairs:
        earlier = first.setdefault(_normalised(pair.source), pair)
        if earlier.split != pair.split:
            sides = f"is {pair.split} here and {earlier.split} on line {earlier.line}"
            what = f"source {_quoted(pair.source)} {sides}"
            faults.append(_Fault(pair.line, what, "keep a source on one side of the split"))
    return faults


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _quoted(value: object) -> str:
    shown = value if isinstance(value, str) else str(value)
    return repr(shown if len(shown) <= 40 else shown[:39] + "…")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_quoted(name) for name in names[:3]) + (", …" if len(names) > 3 else "")
