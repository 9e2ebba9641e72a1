"""Runs made in place, for what reads a run's record and not its weights."""

import hashlib
from pathlib import Path

from training.runs import DataLock, EpochRecord, LoraRecord, Run, run_identity
from training.types import Pair

WEIGHTS = b"weights"


def made_identity(name: str) -> str:
    """Identity of a run folder that ``write_run`` made; of a baseline, its base's."""
    if name.startswith("baseline"):
        return name[:1] * 64
    return run_identity(name[:1] * 64, hashlib.sha256(WEIGHTS).hexdigest())


def made_run(
    name: str, losses: list[tuple[float | None, float | None]], pairs: int = 0, identity: str = ""
) -> Run:
    """A run with these (training, validation) losses by epoch and as many training pairs."""
    epochs = tuple(EpochRecord(epoch=at, train_loss=t, val_loss=v) for at, (t, v) in enumerate(losses, 1))
    run = Run(
        name=name, path=Path(name), identity=identity or name[:1] * 64, lora=LoraRecord(rank=8), epochs=epochs
    )
    run.__dict__["data"] = DataLock(pairs=(Pair(split="train"),) * pairs)
    return run
