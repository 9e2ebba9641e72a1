"""Runs on disk: the one reader of run.json, config.toml and data.lock.json. No torch."""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from timbre.errors import TimbreError
from timbre.files import read_toml
from timbre.paths import runs_dir
from training.base import Base, resolve_base
from training.types import Pair, Split

BASELINE = "baseline"
"""The base model with no adapter; always a valid run name."""

WEIGHTS = "adapter_model.safetensors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_EPOCH = re.compile(rf"({_NAME.pattern})@([1-9][0-9]{{0,3}})")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EpochRecord(_Record):
    """One pass over the training pairs; losses are means over supervised tokens, in nats."""

    epoch: int  # from 1
    train_loss: float | None = None
    val_loss: float | None = None  # None without validation pairs
    grad_norm: float | None = None  # mean over steps of the norm before clipping
    adapter: str = ""  # folder, relative to the run's


class DataLock(_Record):
    """What a run was trained on."""

    sha256: str = ""  # over the pairs without line numbers
    file: str = ""  # name of the data file
    pairs: tuple[Pair, ...] = ()  # in file order


class LoraRecord(_Record):
    """Shape of the adapter."""

    rank: int = 0
    alpha: int = 0
    target_modules: tuple[str, ...] = ()  # names of the layers that have an adapter


class Run(_Record):
    """A completed run: everything that ``runs/<name>/`` records."""

    name: str
    path: Path  # the folder
    recipe: str = ""  # sha256 of config, data lock and base (64 hex digits)
    identity: str = ""  # sha256 of the recipe and the adapter's weights
    parent: str | None = None  # run that this one is a change of
    phase: str = ""  # one line for the log
    base: str = "unknown"  # as the config named it
    base_id: str | None = None  # public id on the hub
    base_revision: str | None = None  # commit on the hub
    base_sha256: str = ""
    template_sha256: str = ""
    lora: LoraRecord = LoraRecord()
    quantization: str = ""
    collator: str = ""
    system: str | None = None  # system message trained with
    seed: int | None = None
    supervised_tokens: int | None = None  # of all training pairs
    train_pairs: int | None = None
    val_pairs: int | None = None
    wall_s: float | None = None
    peak_mb: int | None = None  # resident memory
    finished: str = ""  # UTC, ISO 8601
    epochs: tuple[EpochRecord, ...] = ()
    checksums: Mapping[str, str] = Field(default_factory=dict)  # adapter file -> sha256
    git: Mapping[str, Any] = Field(default_factory=dict)  # sha, dirty
    hardware: Mapping[str, Any] = Field(default_factory=dict)
    parity: Mapping[str, Any] | None = None  # as `timbre parity` measured it
    epoch_choice: Mapping[str, Any] | None = None  # as `timbre epochs` chose
    epoch: int | None = None  # epoch whose adapter is meant; None for the last, the run's own
    facts: Mapping[str, Any] = Field(default_factory=dict, repr=False)  # run.json as it stands

    @property
    def rank(self) -> int:
        """LoRA rank."""
        return self.lora.rank

    @property
    def target_modules(self) -> tuple[str, ...]:
        """Layers that have an adapter."""
        return self.lora.target_modules

    @property
    def adapter(self) -> Path:
        """Folder of the adapter that is served, in PEFT's layout."""
        return self.path / ("adapter" if self.epoch is None else f"epochs/{self.epoch}")

    @property
    def served_name(self) -> str:
        """Name + identity: a retrained run is another model to the server, the cache and the log."""
        return f"{self.name}@{self.identity[:12]}"

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The resolved settings of config.toml, flat; empty where there is no such file."""
        path = self.path / "config.toml"
        return read_toml(path) if path.is_file() else {}

    @cached_property
    def data(self) -> DataLock:
        """Content of data.lock.json; empty where there is no such file."""
        path = self.path / "data.lock.json"
        return _parsed(DataLock, read_json(path), path) if path.is_file() else DataLock()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair it was given, in file order."""
        return self.data.pairs

    def of_split(self, split: Split) -> tuple[Pair, ...]:
        """The pairs on one side of the split."""
        return tuple(pair for pair in self.pairs if pair.split == split)

    def validation_pairs(self) -> tuple[Pair, ...]:
        """The pairs that validate.

        Raises:
            TimbreError: there are none.
        """
        if not (pairs := self.of_split("val")):
            raise TimbreError(
                f"run {self.name!r} has no validation pairs",
                where=str(self.path / "data.lock.json"),
                do='give pairs of a source of its own "split": "val" and train again',
            )
        return pairs

    def training_pairs(self) -> list[tuple[str, str]]:
        """(prompt, response) of every pair it was trained on."""
        return [(pair.prompt, pair.response) for pair in self.of_split("train")]


def run_identity(recipe: str, weights_sha256: str) -> str:
    """Identity of trained weights: sha256 of what was trained (``config.recipe``) and what came of it."""
    # JSON may escape half a character, which is no UTF-8.
    return hashlib.sha256(f"{recipe} {weights_sha256}".encode(errors="surrogatepass")).hexdigest()


def check_name(name: str) -> str:
    """``name`` if a run may have it.

    Raises:
        TimbreError: it is reserved, or not a plain file name.
    """
    if name == BASELINE:
        raise TimbreError(
            f"{BASELINE!r} is the base with no adapter", where="--name", do="choose another name"
        )
    if not _NAME.fullmatch(name):
        raise TimbreError(
            f"{name!r} can't name a run",
            where="--name",
            do="use letters, digits, '.', '_' and '-', 64 at most",
        )
    return name


def read_run(name: str, runs: Path | None = None) -> Run | None:
    """The completed run of that name in ``runs`` (or ``runs_dir()``); None if missing, unfinished or no run's name.

    Raises:
        TimbreError: run.json lacks what every run records.
    """
    folder = (runs or runs_dir()) / name
    if not _NAME.fullmatch(name):
        return None
    try:
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(facts, dict) or facts.get("status") != "completed":
        return None
    if not (folder / "adapter" / WEIGHTS).is_file():
        return None
    run = _parsed(Run, {**facts, "name": name, "path": folder, "facts": facts}, folder / "run.json")
    return run.model_copy(update={"identity": _identity(run, f"adapter/{WEIGHTS}")})


def _identity(run: Run, weights: str) -> str:
    return run_identity(run.recipe, run.checksums.get(weights) or sha256_of(run.path / weights))


def list_runs() -> list[Run]:
    """Every completed run, by name."""
    folder = runs_dir()
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    return [run for name in names if (run := read_run(name)) is not None]


def find_run(name: str) -> Run:
    """The completed run of that name; ``NAME@3`` is the run as it stood after its third epoch.

    Raises:
        TimbreError: there is none; the message lists the known runs and the nearest name.
    """
    if of_epoch := _OF_EPOCH.fullmatch(name):
        return _at_epoch(find_run(of_epoch[1]), int(of_epoch[2]))
    if name == BASELINE:
        raise TimbreError("the baseline is the base alone: it has no adapter", where=name, do="name a run")
    if (run := read_run(name)) is not None:
        return run
    known = [BASELINE, *(r.name for r in list_runs())]
    near = difflib.get_close_matches(name, known, n=1)
    unfinished = (runs_dir() / f".{name}.partial").is_dir()
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise TimbreError(
        f"run {name!r} is unfinished" if unfinished else f"no run {name!r}",
        where=str(runs_dir()),
        do=f"{hint}known: {', '.join(known)}"
        + (f"; finish it with `timbre train … --name {name} --resume`" if unfinished else ""),
    )


def _at_epoch(run: Run, epoch: int) -> Run:
    kept = [row.epoch for row in run.epochs]
    if epoch not in kept:
        raise TimbreError(
            f"run {run.name!r} has no epoch {epoch}",
            where=str(run.path),
            do=f"use {run.name}@1 to {run.name}@{max(kept)}",
        )
    identity = _identity(run, f"epochs/{epoch}/{WEIGHTS}")
    return run.model_copy(update={"name": f"{run.name}@{epoch}", "identity": identity, "epoch": epoch})


def base_of(run: Run, *, verify: bool = False) -> Base:
    """The base a run was trained on: weights, tokenizer and chat template are all in its digest.

    ``verify`` computes the digest anew instead of trusting one kept for unchanged sizes and dates.

    Raises:
        TimbreError: the base is gone, or another by now.
    """
    base = resolve_base(run.base, verify=verify, revision=run.base_revision)
    if base.sha256 != run.base_sha256:
        raise TimbreError(
            f"run {run.name!r} was trained on base {run.base!r} with sha256 {run.base_sha256[:12]}, "
            f"which is now {base.sha256[:12]}",
            where=str(run.path / "run.json"),
            do="restore that base or train the run again",
        )
    return base


def adapter_checksums(folder: Path) -> dict[str, str]:
    """Sha256 of every adapter's weights below a run's folder, by path relative to it."""
    paths = sorted(folder.glob(f"adapter/{WEIGHTS}")) + sorted(folder.glob(f"epochs/*/{WEIGHTS}"))
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}


def sha256_of(path: Path) -> str:
    """Sha256 of a file's content (64 hex digits)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def counted(count: int, noun: str) -> str:
    """``1 epoch``, ``3 epochs``, ``2 canaries``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def loss_text(loss: float | None) -> str:
    """A loss with three digits, or a dash where there is none."""
    return "-" if loss is None else f"{loss:.3f}"


_Model = TypeVar("_Model", bound=_Record)


def _parsed(model: type[_Model], content: Mapping[str, Any], path: Path) -> _Model:
    try:
        return model(**content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise _unreadable(path, f"unexpected shape: {key}: {first['msg']}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of a run's folder.

    Raises:
        TimbreError: there is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, "not JSON") from error
    if not isinstance(content, dict):
        raise _unreadable(path, "is no JSON object")
    return content


def _unreadable(path: Path, what: str) -> TimbreError:
    return TimbreError(what, where=str(path), do="train the run again")
