"""One training in several processes, as ``accelerate launch`` starts them: the first alone touches files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def launched() -> bool:
    """Whether there are several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first() -> bool:
    """Whether this is the process that writes: the only one, or the one of rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def local_rank() -> int:
    """Number of this process on its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The others begin this block when the first has ended it; nothing where there is one process."""
    if not launched():
        yield
        return
    with _state().main_process_first():
        yield


def wait_for_all() -> None:
    """Until every process is here; nothing where there is one."""
    if launched():
        _state().wait_for_everyone()


def _state() -> Any:
    import torch
    from accelerate import PartialState  # type: ignore[import-untyped]

    return PartialState(cpu=not torch.cuda.is_available())
