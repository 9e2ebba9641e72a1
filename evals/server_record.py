"""What is known of a server that was started: ``.timbre/servers/<base>/server.json``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from evals.vllm_internals import Adapters
from timbre.paths import home
from training.base import Base


@dataclass(frozen=True)
class Record:
    """Content of server.json.

    Attributes:
        pid: Of the keeper.
        created: When that process began (seconds since the epoch): a pid alone may be reused.
        port: On 127.0.0.1.
        base: Name the base was asked for by.
        base_sha256: Its identity.
        dtype: Number type of the served weights.
        rank: Highest LoRA rank it takes.
        modules: Layers it can adapt.
    """

    pid: int
    created: float
    port: int
    base: str
    base_sha256: str
    dtype: str
    rank: int
    modules: tuple[str, ...]

    @property
    def adapters(self) -> Adapters:
        """What it was started for."""
        return Adapters(self.rank, tuple(self.modules))

    @property
    def url(self) -> str:
        """Root of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def keeper(self) -> psutil.Process | None:
        """The keeper, if it is still the process that was started."""
        try:
            process = psutil.Process(self.pid)
            alive = abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if alive else None


def servers_folder() -> Path:
    """One folder a server."""
    return home() / ".timbre" / "servers"


def folder_of(base: Base) -> Path:
    """Where the server of a base keeps its notes."""
    return servers_folder() / base.sha256[:12]


def read_record(folder: Path) -> Record | None:
    """What server.json says, or None where there is none that can be read."""
    try:
        return Record(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running() -> Sequence[tuple[Path, Record]]:
    """Every server of this checkout whose keeper lives."""
    folders = sorted(servers_folder().glob("*")) if servers_folder().is_dir() else []
    found = [(folder, record) for folder in folders if (record := read_record(folder))]
    return [(folder, record) for folder, record in found if record.keeper()]
