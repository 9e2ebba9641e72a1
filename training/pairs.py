"""Training pairs out of whatever data there is, refused with the line of the first mistake before a model loads.

A pair's own form is one JSON object a line with ``prompt, response, tier, source, origin, split`` (see
``training.types.Pair``) and, if you like, ``before`` (earlier turns) and ``span``. Other forms
(``training.formats``) and missing fields are completed: ``source`` is the record itself, ``tier`` 2, ``origin``
written, and a tenth of the sources validate.
"""

import difflib
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from judges.text import normalized
from timbre.errors import TimbreError
from training.formats import FIELDS, Fault, Turn, conversation, read_records, side_of, to_last_answer
from training.masks import Example
from training.types import DEFAULT_TIER, Origin, Pair, Split

TIERS = (1, 2, 3, 4)
VAL_SHARE = 0.1
"""Of the sources, where no record says which side of the split it is on."""

FEWEST_FOR_VAL = 5
"""Sources from which on one of them validates by default."""

NEAR_NAME = 0.82
"""Likeness (difflib's ratio) from which an unknown field is a misspelt one: `sourse` is, `source_id` is not."""

_COMPLETED = ("tier", "source", "origin", "split")
_KNOWN = {*FIELDS, *_COMPLETED, "span", "id"}


@dataclass(frozen=True)
class _Checked:
    """A record without a mistake."""

    line: int
    fields: Mapping[str, Any]
    turns: tuple[Turn, ...]  # normalized; the last is the answer that is learned
    closing: int  # turns behind it, left out


@dataclass(frozen=True)
class PairSet:
    """Checked pairs and where they come from."""

    pairs: tuple[Pair, ...]  # in the source's order
    name: str  # path or hub name
    sha256: str  # of the file, or of the rows
    notes: tuple[str, ...]  # what was filled in or ignored, a line each


def load_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of ``read_pairs``."""
    return read_pairs(str(path)).pairs


def read_pairs(source: str) -> PairSet:
    """Read and check every pair of a file, a folder, or ``hf://OWNER/NAME``; at least one is for training.

    Raises:
        TimbreError: For the first mistake, with the number of others: a record that can't be read or has no
            known shape; a wrong type; an empty or unknown value; a pair, or a response on both sides of the
            split, that came before; a source on both sides of the split; no training pair.
    """
    records = read_records(source)
    faults: list[tuple[int, Fault]] = []
    rows: list[_Checked] = []
    for line, record in records.rows:
        try:
            if isinstance(record, Fault):
                raise record
            rows.append(_checked(line, _in_own_types(record)))
        except Fault as fault:
            faults.append((line, fault))
    pairs = _completed(rows, Path(source.partition("@")[0]).stem)
    clashes, shared = _clashes(pairs)
    _refuse(faults + clashes, source)
    if not any(pair.split == "train" for pair in pairs):
        raise TimbreError("no training pairs", where=source, do='add lines with "split": "train"')
    notes = _notes(rows)
    if shared:
        notes.append(f"{shared} responses stand under several prompts; each prompt is trained on")
    return PairSet(tuple(pairs), source, records.sha256, tuple(notes))


def check_lengths(examples: Sequence[Example], limit: int, name: str) -> None:
    """Refuse pairs of more tokens than ``limit``, which training would have to cut.

    Raises:
        TimbreError: For the first of them, with the number of others.
    """
    do = "raise max_tokens or shorten it"
    lengths = [(e.pair.line, len(e.input_ids)) for e in examples]
    faults = [
        (line, Fault(f"the pair has {tokens} tokens and the limit is {limit}", do))
        for line, tokens in lengths
        if tokens > limit
    ]
    _refuse(faults, name)


def _refuse(faults: Sequence[tuple[int, Fault]], name: str) -> None:
    """Raise the first of the faults, where there are any, with the number of others."""
    if faults:
        line, first = min(faults, key=lambda fault: fault[0])
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise TimbreError(first.what + others, where=f"{name}:{line}", do=first.do)


def long_form(pairs: Iterable[Pair]) -> str:
    """Pairs as lines of JSON with every field."""
    lines = []
    for pair in pairs:
        row: dict[str, Any] = {"prompt": pair.prompt, "response": pair.response}
        if pair.before:
            row["before"] = [{"role": role, "content": content} for role, content in pair.before]
        row |= {"tier": pair.tier, "source": pair.source, "origin": pair.origin, "split": pair.split}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def response_key(text: str) -> str:
    """A text's letters and digits alone, without case, accents, quotation marks, dashes and spacing."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in decomposed if char.isalnum()) or text.strip()


def _in_own_types(record: dict[str, Any]) -> dict[str, Any]:
    """``record`` with tier, source and split as a pair has them: tables hold 1.0, 7 and ``validation``."""
    tier, source, split = (record.get(field) for field in ("tier", "source", "split"))
    own: dict[str, Any] = {}
    if isinstance(tier, float) and tier.is_integer():
        own["tier"] = int(tier)
    if type(source) is int:
        own["source"] = str(source)
    if isinstance(split, str):
        own["split"] = side_of(split) or split
    return {**record, **own}


def _checked(line: int, record: dict[str, Any]) -> _Checked:
    _refuse_misspelt(record, set(_COMPLETED))  # a pair without them is a pair too
    try:
        whole = conversation(record)
        turns = to_last_answer(whole)
    except Fault:
        _refuse_misspelt(record, _KNOWN)
        raise
    turns = tuple((role, normalized(content)) for role, content in turns)
    for role, content in turns:
        _check_text({"user": "prompt", "assistant": "response"}.get(role, role), content)
    for field, allowed in (("tier", TIERS), ("origin", get_args(Origin)), ("split", get_args(Split))):
        value = record.get(field, allowed[0])
        if type(value) is not type(allowed[0]) or value not in allowed:  # True is no tier 1
            shown = ", ".join(map(str, allowed))
            raise Fault(f"unknown {field} {_quoted(value)}", f"use one of {shown}")
    source = record.get("source", "x")
    if not isinstance(source, str):
        raise Fault(f'"source" is {_quoted(source)} where a string should be', "correct its type")
    _check_text("source", source)
    return _Checked(line, record, turns, len(whole) - len(turns))


def _refuse_misspelt(record: dict[str, Any], names: Set[str]) -> None:
    for key in record:
        if key in _KNOWN:
            continue
        if near := difflib.get_close_matches(key.lower(), names - record.keys(), n=1, cutoff=NEAR_NAME):
            raise Fault(f"unknown field {key!r}", f"did you mean {near[0]!r}? remove it otherwise")


def _check_text(field: str, text: str) -> None:
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise Fault(f'"{field}" is empty', "fill it in or remove the line")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # "\\ud83d" alone is legal JSON, and no tokenizer takes it
        raise Fault(f'"{field}" holds half a surrogate pair', "write the whole character") from error


def _completed(rows: Sequence[_Checked], stem: str) -> list[Pair]:
    """Pairs with every field."""
    pairs = []
    lines = [row.line for row in rows]
    # An array may stand on one line.
    numbers = lines if len(set(lines)) == len(rows) else range(1, len(rows) + 1)
    seen: dict[str, int] = {}
    for row, number in zip(rows, numbers, strict=True):
        *before, (_, prompt), (_, response) = row.turns
        # Repeated responses are one source, so that a default split keeps them together.
        first = seen.setdefault(response_key(response), number)
        pairs.append(
            Pair(
                line=row.line,
                prompt=prompt,
                response=response,
                tier=row.fields.get("tier", DEFAULT_TIER),
                source=row.fields.get("source", f"{stem}-{first}"),
                origin=cast(Origin, row.fields.get("origin", "written")),
                split=cast(Split, row.fields.get("split", "train")),
                before=tuple(before),
            )
        )
    if any("split" in row.fields for row in rows):
        return pairs
    holders: dict[str, set[str]] = {}
    for pair in pairs:
        holders.setdefault(response_key(pair.response), set()).add(_folded(pair.source))
    sharing = set[str]().union(*(sources for sources in holders.values() if len(sources) > 1))
    sources = sorted({_folded(p.source) for p in pairs}, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
    count = max(1, round(VAL_SHARE * len(sources))) if len(sources) >= FEWEST_FOR_VAL else 0
    # Two sources with a response in common would be a leak on different sides: both train.
    validating = {*[source for source in sources if source not in sharing][:count]}
    return [replace(p, split="val") if _folded(p.source) in validating else p for p in pairs]


def _clashes(pairs: Sequence[Pair]) -> tuple[list[tuple[int, Fault]], int]:
    """Repeated pairs, and what stands on both sides of the split; how many responses stand under several prompts."""
    asked: dict[tuple[str, str], Pair] = {}
    responses: dict[str, Pair] = {}
    sources: dict[str, Pair] = {}
    faults, shared = [], set()
    for pair in pairs:
        key = response_key(pair.response)
        context = "\n".join([*(content for _, content in pair.before), pair.prompt])
        same = asked.setdefault((_folded(context), key), pair)
        earlier = responses.setdefault(key, pair)
        sibling = sources.setdefault(_folded(pair.source), pair)
        if same is not pair:
            faults.append((pair.line, Fault(f"the same pair as on line {same.line}", "keep one of the two")))
        elif earlier.split != pair.split:
            what = f"the same response as on line {earlier.line}, on the other side of the split"
            do = "keep one of the two: validation would measure what was trained"
            faults.append((pair.line, Fault(what, do)))
        elif earlier is not pair:
            shared.add(key)
        if sibling.split != pair.split:
            sides = f"is {pair.split} here and {sibling.split} on line {sibling.line}"
            what = f"source {_quoted(pair.source)} {sides}"
            faults.append((pair.line, Fault(what, "keep a source on one side of the split")))
    return faults, len(shared)


def _notes(rows: Sequence[_Checked]) -> list[str]:
    """One line on the fields that were filled in, one on those that were ignored, one on turns not learned."""
    missing = Counter(field for row in rows for field in _COMPLETED if field not in row.fields)
    meanings = {"tier": str(DEFAULT_TIER), "source": "one a record", "origin": "written", "split": "train"}
    if missing["split"] == len(rows):
        meanings["split"] = f"a share of {VAL_SHARE:g} of the sources for validation"
    filled = [f"{f} in {missing[f]} ({meanings[f]})" for f in _COMPLETED if missing[f]]
    ignored = sorted({key for row in rows for key in row.fields if key not in _KNOWN})
    # Who writes `before` knows that it is read alone.
    given = [turn for row in rows if "before" not in row.fields for turn in row.turns[:-1]]
    earlier = sum(role == "assistant" for role, _ in given)
    closing = sum(row.closing for row in rows)
    notes = [f"filled in, of {len(rows)} records: {', '.join(filled)}"] if filled else []
    notes += [f"fields left out: {', '.join(ignored)}"] if ignored else []
    turns = [f"{earlier} earlier answers are read, not learned"] if earlier else []
    turns += [f"{closing} closing turns without an answer are left out"] if closing else []
    return notes + (["; ".join(turns)] if turns else [])


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _quoted(value: object) -> str:
    shown = value if isinstance(value, str) else str(value)
    return repr(shown if len(shown) <= 40 else shown[:39] + "…")
