"""Reads a suite of canaries, strictly: a suite that loads is one whose every value was meant.

The file is a mapping with a list ``canaries`` and, if wanted, a ``description``; each canary gives every
field of ``canaries.types.Canary`` and nothing else: ``prompt`` where the user says one thing, ``turns`` (a list
of two or more) where a conversation is held. YAML is read as nodes rather than as values, since
nodes know their line and show a key that is written twice.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from canaries.contamination import prompt_key
from canaries.types import KINDS, Canary, Suite
from timbre.errors import TimbreError

SHIPPED: Mapping[str, Path] = {
    name: Path(__file__).resolve().with_name(f"{name}.yaml") for name in ("smoke", "full")
}
"""Suites that go by name."""

MAX_WORDS = 2000
"""No note is longer; a higher bound is a slip of the finger."""

MAX_BRACKETS, MAX_ENTRIES = 8, 2000
"""Brackets within brackets, and commas between two of them."""

_SUITE_KEYS = ("canaries", "description")
_CANARY_KEYS = ("id", "kind", "prompt", "turns", "subjects", "first_person_licensed", "facts", "target_words")
_REQUIRED = tuple(key for key in _CANARY_KEYS if key not in ("prompt", "turns"))
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
# Eight digits: far beyond any band, and int() stays clear of its own limit on digits.
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,7})")
_TAG_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a fraction",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
}


class _Loader(yaml.SafeLoader):
    """Refuses what no suite has and PyYAML takes seconds over; its twin in C is quick and dies of deep nesting."""

    entries = 0

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        self._at_most(self.flow_level, MAX_BRACKETS, "brackets nested too deeply")
        super().fetch_flow_collection_start(TokenClass)

    def fetch_flow_entry(self) -> None:
        self.entries += 1
        self._at_most(self.entries, MAX_ENTRIES, "too many entries in brackets")
        super().fetch_flow_entry()

    def fetch_flow_collection_end(self, TokenClass: Any) -> None:
        self.entries = 0
        super().fetch_flow_collection_end(TokenClass)

    def _at_most(self, count: int, limit: int, problem: str) -> None:
        if count >= limit:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())


def load_suite(name_or_path: str | Path) -> Suite:
    """The suite of that name or in that file.

    Args:
        name_or_path: ``smoke`` or ``full`` for a shipped suite, else the path of a YAML file.

    Raises:
        TimbreError: The first thing that is wrong, at ``file:line``.
    """
    name = str(name_or_path)
    path = SHIPPED.get(name, Path(name_or_path))
    raw = _read(path, name)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TimbreError("not UTF-8", where=f"{path}:{line}", do="save the file as UTF-8") from None
    canaries = _SuiteReader(path).canaries(_compose(text, path))
    return Suite(
        name=name if name in SHIPPED else path.stem,
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        canaries=canaries,
    )


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ValueError):  # ValueError: a NUL in the path
        shipped = " or ".join(SHIPPED)
        if re.fullmatch(r"[\w-]*", name):
            raise TimbreError(
                f"no suite is called {name!r}", do=f"use {shipped}, or the path of a YAML file"
            ) from None
        raise TimbreError("no such file", where=name, do=f"give the path of a suite, or {shipped}") from None
    except OSError as error:
        raise TimbreError(
            f"cannot be read ({error.strerror})", where=str(path), do="give a readable YAML file"
        ) from None


def _compose(text: str, path: Path) -> yaml.Node:
    """The root node of the only document in ``text``."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        # A quote left open is found out at the end of the file; what helps is where it was opened.
        left_open = error.context == "while scanning a quoted scalar"
        mark = error.context_mark if left_open else error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(p for p in (error.context, error.problem) if p)
        raise TimbreError(f"not YAML: {problem}", where=f"{path}:{line}", do="mend the syntax") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TimbreError("not YAML: a control character", where=f"{path}:{line}", do="remove it") from None
    except RecursionError:
        raise TimbreError("not a suite: nested too deeply", where=f"{path}:1") from None
    if root is None:
        raise TimbreError("the suite is empty", where=f"{path}:1", do="add a list 'canaries'")
    return root


class _SuiteReader:
    """Turns the nodes of one file into canaries; knows the file's name for its errors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def canaries(self, root: yaml.Node) -> tuple[Canary, ...]:
        """Every canary of the file, in order; ids and prompts are unique."""
        top = self._mapping(root, "a suite", _SUITE_KEYS, required=("canaries",))
        if "description" in top:
            self._text(top["description"], "description")
        nodes = self._list(top["canaries"], "canaries")
        if not nodes:
            self._fail(top["canaries"], "the suite is empty", "add a canary")
        ids: dict[str, int] = {}
        prompts: dict[str, int] = {}
        found = []
        for node in nodes:
            fields = self._mapping(node, "a canary", _CANARY_KEYS, required=_REQUIRED)
            if ("prompt" in fields) == ("turns" in fields):
                has = "both 'prompt' and 'turns'" if "prompt" in fields else "neither 'prompt' nor 'turns'"
                self._fail(fields.get("turns", node), f"a canary has {has}", "give one of the two")
            canary = self._canary(fields)
            self._unique(fields["id"], f"duplicate id {canary.id!r}", canary.id, ids)
            asked = fields["turns" if "turns" in fields else "prompt"]
            self._unique(asked, f"duplicate prompt in {canary.id!r}", prompt_key(canary.prompt), prompts)
            found.append(canary)
        return tuple(found)

    def _canary(self, fields: Mapping[str, yaml.Node]) -> Canary:
        name = self._text(fields["id"], "id")
        if not _ID.fullmatch(name):
            do = "use letters, digits, '-' and '_' only, and begin with no '-'"
            self._fail(fields["id"], f"bad id {name!r}", do)
        kind = self._text(fields["kind"], "kind")
        if kind not in KINDS:
            self._fail(fields["kind"], f"unknown kind {kind!r}", f"use one of {', '.join(KINDS)}")
        return Canary(
            id=name,
            kind=kind,
            turns=self._turns(fields),
            subjects=self._texts(fields["subjects"], "subjects"),
            first_person_licensed=self._flag(fields["first_person_licensed"], "first_person_licensed"),
            facts=self._texts(fields["facts"], "facts"),
            target_words=self._band(fields["target_words"]),
        )

    def _turns(self, fields: Mapping[str, yaml.Node]) -> tuple[str, ...]:
        if "prompt" in fields:
            return (self._text(fields["prompt"], "prompt"),)
        turns = self._texts(fields["turns"], "turns")
        if len(turns) < 2:
            self._fail(fields["turns"], f"turns has {len(turns)} entries", "give two or more, or 'prompt'")
        return turns

    def _mapping(
        self, node: yaml.Node, what: str, known: tuple[str, ...], required: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._expected(node, what, "a mapping")
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name not in known:
                shown = repr(name) if name is not None else _found(key)
                self._fail(key, f"unknown key {shown} in {what}", f"use {', '.join(known)}")
            if name in fields:
                self._fail(key, f"key {name!r} stands twice", "keep one of the two")
            fields[name] = value
        for name in required:
            if name not in fields:
                self._fail(node, f"{what} lacks the key {name!r}", "add it")
        return fields

    def _list(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self._expected(node, key, "a list")
        return list(node.value)

    def _texts(self, node: yaml.Node, key: str) -> tuple[str, ...]:
        return tuple(self._text(item, f"an entry of {key}") for item in self._list(node, key))

    def _text(self, node: yaml.Node, key: str) -> str:
        """The text of a scalar, without the line end that a block scalar brings along."""
        if not isinstance(node, yaml.ScalarNode) or _tag(node) != "str":
            do = "put it in quotes" if isinstance(node, yaml.ScalarNode) and node.value else None
            self._expected(node, key, "text", do)
        text = str(node.value).strip()
        if not text:
            self._fail(node, f"{key} is empty", "write it or remove the entry")
        return text

    def _flag(self, node: yaml.Node, key: str) -> bool:
        if not isinstance(node, yaml.ScalarNode) or _tag(node) != "bool":
            self._expected(node, key, "true or false")
        return node.value.lower() in ("true", "yes", "on")

    def _band(self, node: yaml.Node) -> tuple[int, int]:
        key = "target_words"
        items = self._list(node, key)
        if len(items) != 2:
            self._fail(node, f"{key} has {len(items)} entries", "give [lowest, highest]")
        low, high = (self._whole(item, f"an entry of {key}") for item in items)
        if low < 1 or high < low or high > MAX_WORDS:
            self._fail(
                node, f"impossible word band [{low}, {high}]", f"keep 1 <= lowest <= highest <= {MAX_WORDS}"
            )
        return low, high

    def _whole(self, node: yaml.Node, key: str) -> int:
        if not isinstance(node, yaml.ScalarNode) or _tag(node) != "int" or not _DECIMAL.fullmatch(node.value):
            self._expected(node, key, "a whole number in decimal digits")
        return int(node.value)

    def _unique(self, node: yaml.Node, what: str, value: str, seen: dict[str, int]) -> None:
        if value in seen:
            self._fail(node, f"{what} (first on line {seen[value]})", "change or remove one")
        seen[value] = _line(node)

    def _expected(self, node: yaml.Node, key: str, expected: str, do: str | None = None) -> NoReturn:
        self._fail(node, f"{key} is {_found(node)}, expected {expected}", do)

    def _fail(self, node: yaml.Node, what: str, do: str | None = None) -> NoReturn:
        raise TimbreError(what, where=f"{self._path}:{_line(node)}", do=do)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _tag(node: yaml.Node) -> str:
    return str(node.tag).rpartition(":")[2]


def _found(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        name = _TAG_NAMES.get(_tag(node), f"a {_tag(node)!r}")
        return f"{name} ({node.value})" if node.value else name
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
