"""What an interrupted run goes on from: checkpoints written to their end, and each epoch's adapter.

A process can be killed, or its disk be full, while a checkpoint is written. transformers writes a
checkpoint's ``trainer_state.json`` last and removes the checkpoint before only after that, so one of the
two is always whole.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from timbre.errors import TimbreError

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# safetensors and torch tell of a write that failed in errors of their own.
_NO_ROOM_TOLD = (*(f"os error {code}" for code in _NO_ROOM), "PytorchStreamWriter failed")


def last_whole(partial: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None where there is none."""
    found = sorted(partial.glob("checkpoint-*"), key=_step, reverse=True)
    return next((folder for folder in found if _is_whole(folder)), None)


def _step(folder: Path) -> int:
    return int(folder.name.partition("-")[2])


def _is_whole(folder: Path) -> bool:
    try:
        json.loads((folder / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return False
    return True


def keep_adapter(partial: Path, step: int, epoch: int) -> None:
    """Copy the adapter of the checkpoint at that optimizer step to ``epochs/<epoch>/``."""
    target = partial / "epochs" / str(epoch)
    target.mkdir(parents=True, exist_ok=True)
    for file in _ADAPTER_FILES:
        (target / file).write_bytes((partial / f"checkpoint-{step}" / file).read_bytes())


@contextmanager
def disk_full_told(name: str, folder: Path) -> Iterator[None]:
    """Tell of a full disk in one line, and how to go on.

    Args:
        name: The run's name.
        folder: Where runs are kept.

    Raises:
        TimbreError: a file could not be written for want of room, on the disk or in its quota.
    """
    try:
        yield
    except Exception as error:
        if not _no_room(error):
            raise
        raise TimbreError(
            f"no room left to write {name!r} ({error}); its finished epochs are kept",
            where=str(folder),
            do="free some space, then go on with the same command and --resume",
            exit_code=1,
        ) from error


def _no_room(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    return any(told in str(error) for told in _NO_ROOM_TOLD)
