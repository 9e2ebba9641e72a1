"""What a run folder says of how it was trained, for the log and the report; a missing key is no error."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError


@dataclass(frozen=True)
class EpochFacts:
    """One pass over the training pairs; None where the run didn't record a figure.

    Attributes:
        epoch: From 1.
        train_loss: Mean over supervised tokens, in nats.
        val_loss: The same over the validation pairs.
        grad_norm: Norm of the gradient before clipping.
    """

    epoch: int
    train_loss: float | None
    val_loss: float | None
    grad_norm: float | None


@dataclass(frozen=True)
class PairFacts:
    """A training pair without its text.

    Attributes:
        split: ``train`` or ``val``.
        tier: 1 to 4, or 0 where not recorded.
        source: Title of the essay or note it comes from.
    """

    split: str
    tier: int
    source: str


@dataclass(frozen=True)
class RunFacts:
    """One run folder.

    Attributes:
        name: Run name.
        base: Base as the config named it.
        identity: Of the run.
        parent: Run that this one is a change of, or None.
        epochs: In order.
        config: The resolved settings, flat.
        pairs: In file order.
        data_sha256: Digest of the data file; empty where not recorded.
        facts: Further scalars of run.json by name (``seed``, ``wall_s``, ``peak_mb``, ``git_sha`` ...).
    """

    name: str
    base: str
    identity: str
    parent: str | None
    epochs: tuple[EpochFacts, ...]
    config: Mapping[str, Any]
    pairs: tuple[PairFacts, ...]
    data_sha256: str
    facts: Mapping[str, str]

    def of_split(self, split: str) -> tuple[PairFacts, ...]:
        """The pairs on one side of the split."""
        return tuple(p for p in self.pairs if p.split == split)


def read_run_facts(name: str, runs: Path) -> RunFacts | None:
    """Read ``runs/<name>/``.

    Returns:
        None where there is no such folder, as for the baseline.

    Raises:
        TimbreError: a file in it can't be read as what it should be.
    """
    folder = runs / name
    if not (folder / "run.json").is_file():
        return None
    run = _json(folder / "run.json")
    config = _toml(folder / "config.toml")
    lock = _json(folder / "data.lock.json")
    try:
        return RunFacts(
            name=name,
            base=str(run.get("base", config.get("base", "unknown"))),
            identity=str(run.get("identity", "")),
            parent=run.get("parent") or config.get("parent") or None,
            epochs=tuple(_epoch(e, at) for at, e in enumerate(run.get("epochs") or [], start=1)),
            config=config,
            pairs=tuple(
                PairFacts(str(p.get("split", "")), int(p.get("tier") or 0), str(p.get("source", "")))
                for p in lock.get("pairs") or []
            ),
            data_sha256=str(lock.get("sha256", "")),
            facts={k: str(v) for k, v in _flat(run).items() if isinstance(v, str | int | float)},
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise _error(f"unexpected shape ({error})", folder) from error


def _epoch(row: Mapping[str, Any], at: int) -> EpochFacts:
    def number(key: str) -> float | None:
        return None if row.get(key) is None else float(row[key])

    return EpochFacts(
        int(row.get("epoch", at)), number("train_loss"), number("val_loss"), number("grad_norm")
    )


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """One level of sections folded into their keys: ``{"git": {"sha": 1}}`` gives ``git_sha`` and so on."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}_{inner}": v for inner, v in value.items()})
        else:
            flat[key] = value
    return flat


def _json(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _error("not JSON", path) from error
    if not isinstance(table, dict):
        raise _error("not a JSON object", path)
    return table


def _toml(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _error("not TOML", path) from error
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return flat


def _error(what: str, path: Path) -> TimbreError:
    return TimbreError(what, where=str(path), do="train the run again")
