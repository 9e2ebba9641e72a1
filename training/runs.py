"""Runs on disk, read without torch: what there is, whether it is whole, and under which identity."""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from timbre.paths import runs_dir
from training.base import Base, resolve_base

BASELINE = "baseline"
"""The base model with no adapter; always a valid run name."""

SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_EPOCH = re.compile(rf"({_NAME.pattern})@([1-9][0-9]{{0,3}})")


@dataclass(frozen=True)
class Run:
    """A completed run.

    Attributes:
        name: Folder name.
        path: The folder.
        identity: Sha256 over config, data lock and base (64 hex digits).
        base: Base as the config named it.
        base_sha256: Digest of the base it was trained on.
        rank: LoRA rank.
        target_modules: Layers that have an adapter.
        facts: The whole of run.json.
        epoch: The epoch whose adapter is meant; None for the run's own, the last.
    """

    name: str
    path: Path
    identity: str
    base: str
    base_sha256: str
    rank: int
    target_modules: tuple[str, ...]
    facts: dict[str, Any]
    epoch: int | None = None

    @property
    def adapter(self) -> Path:
        """Folder of the adapter that is served, in PEFT's layout."""
        return self.path / ("adapter" if self.epoch is None else f"epochs/{self.epoch}")

    @property
    def served_name(self) -> str:
        """Name + identity: a retrained run is another model to the server, the cache and the log."""
        return f"{self.name}@{self.identity[:12]}"

    def training_pairs(self) -> list[tuple[str, str]]:
        """(prompt, response) of every pair this run was trained on, from its data lock."""
        lock = json.loads((self.path / "data.lock.json").read_text(encoding="utf-8"))
        return [(row["prompt"], row["response"]) for row in lock["pairs"] if row["split"] == "train"]


def base_of(run: Run, *, verify: bool = False) -> Base:
    """The base a run was trained on: weights, tokenizer and chat template are all in its digest.

    Args:
        run: A completed run.
        verify: Compute the digest anew instead of trusting one kept for unchanged sizes and dates.

    Raises:
        TimbreError: the base is gone, or another by now.
    """
    found = resolve_base(run.base, verify=verify)
    if found.sha256 != run.base_sha256:
        raise TimbreError(
            f"run {run.name!r} was trained on base {run.base!r} with sha256 {run.base_sha256[:12]}, "
            f"which is now {found.sha256[:12]}",
            where=str(run.path / "run.json"),
            do="restore that base or train the run again",
        )
    return found


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


def read_run(name: str) -> Run | None:
    """The completed run of that name, or None where there is none (missing, unfinished or unreadable)."""
    path = runs_dir() / name
    try:
        facts = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if facts.get("status") != "completed" or not (path / "adapter" / "adapter_model.safetensors").is_file():
        return None
    lora = facts["lora"]
    return Run(
        name,
        path,
        facts["identity"],
        facts["base"],
        facts["base_sha256"],
        int(lora["rank"]),
        tuple(lora["target_modules"]),
        facts,
    )


def list_runs() -> list[Run]:
    """Every completed run of a voice, by name; judges are no runs to evaluate."""
    folder = runs_dir()
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    found = [run for name in names if (run := read_run(name)) is not None]
    return [run for run in found if run.facts.get("kind") != "judge"]


def find_run(name: str) -> Run:
    """The completed run of that name; ``NAME@3`` is the run as it stood after its third epoch.

    Raises:
        TimbreError: there is none; the message lists the known runs and the nearest name.
    """
    if of_epoch := _OF_EPOCH.fullmatch(name):
        return _at_epoch(find_run(of_epoch[1]), int(of_epoch[2]))
    if name == BASELINE:
        raise TimbreError("the baseline is the base alone: it has no adapter", where=name, do="name a run")
    run = read_run(name) if _NAME.fullmatch(name) else None
    if run is not None:
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
    kept = [int(row["epoch"]) for row in run.facts["epochs"]]
    if epoch not in kept:
        raise TimbreError(
            f"run {run.name!r} has no epoch {epoch}",
            where=str(run.path),
            do=f"use {run.name}@1 to {run.name}@{max(kept)}",
        )
    identity = hashlib.sha256(f"{run.identity} epoch {epoch}".encode()).hexdigest()
    return replace(run, name=f"{run.name}@{epoch}", identity=identity, epoch=epoch)
