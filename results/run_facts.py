"""What a run folder records of its training, for the log and the report; a missing key is no error."""

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from timbre.errors import TimbreError


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EpochFacts(_Record):
    """One pass over the training pairs; losses are means over supervised tokens, in nats."""

    epoch: int  # from 1
    train_loss: float | None = None
    val_loss: float | None = None
    grad_norm: float | None = None  # before clipping


class PairFacts(_Record):
    """One training pair."""

    split: str = ""  # train or val
    tier: int = 0  # 1 to 4, or 0 where not recorded
    source: str = ""  # essay or note it comes from
    response: str = ""


class RunFacts(_Record):
    """One run folder."""

    name: str
    base: str = "unknown"  # as the config named it
    identity: str = ""
    parent: str | None = None  # run that this one is a change of
    epochs: tuple[EpochFacts, ...] = ()
    config: Mapping[str, Any] = Field(default_factory=dict)  # the resolved settings, flat
    pairs: tuple[PairFacts, ...] = ()  # in file order
    data_sha256: str = ""
    facts: Mapping[str, str] = Field(default_factory=dict)  # run.json's scalars, sections folded into keys

    def of_split(self, split: str) -> tuple[PairFacts, ...]:
        """The pairs on one side of the split."""
        return tuple(p for p in self.pairs if p.split == split)


def read_run_facts(name: str, runs: Path) -> RunFacts | None:
    """Read ``runs/<name>/``; None where there is no such folder, as for the baseline.

    Raises:
        TimbreError: a file in it can't be read as what it should be.
    """
    folder = runs / name
    if not (folder / "run.json").is_file():
        return None
    run, config, lock = (
        _table(folder / file, parse)
        for file, parse in (
            ("run.json", json.loads),
            ("config.toml", tomllib.loads),
            ("data.lock.json", json.loads),
        )
    )
    flat = {k: str(v) for k, v in _flat(run, prefixed=True).items() if isinstance(v, str | int | float)}
    more = {
        "name": name,
        "config": _flat(config),
        "pairs": lock.get("pairs") or (),
        "data_sha256": lock.get("sha256", ""),
    }
    try:
        return RunFacts.model_validate({"base": config.get("base", "unknown"), **run, **more, "facts": flat})
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise _error(f"{key}: {error.errors()[0]['msg']}", folder) from error


def _flat(table: Mapping[str, Any], *, prefixed: bool = False) -> dict[str, Any]:
    """One level of sections folded into their keys: ``{"git": {"sha": 1}}`` gives ``sha``, or ``git_sha``."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        inner = value if isinstance(value, Mapping) else {"": value}
        for name, v in inner.items():
            flat["_".join(filter(None, (key, name) if prefixed or not name else (name,)))] = v
    return flat


def _table(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        table = parse(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise _error(f"not {path.suffix[1:].upper()}", path) from error
    if not isinstance(table, dict):
        raise _error("not an object", path)
    return table


def _error(what: str, path: Path) -> TimbreError:
    return TimbreError(what, where=str(path), do="train the run again")
