"""What is known of a server, and who is on it: ``.timbre/servers/<identity of the base>@<host>/``.

    server.json   who keeps it, where it answers, what it was started with
    key           readable by the user alone
    log           of the keeper and of vLLM
    keeper.lock   held by the keeper as long as it lives
    lease         held, shared, by whoever uses the server
    start.lock    held while a server is started or ended

All three locks are the kernel's, which takes them back from a process that dies: no clock and no process number
says who lives, and none is left for a person to remove.
"""

import fcntl
import os
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from evals.endpoint import Endpoint, Served
from evals.vllm_command import Adapters
from timbre.files import write_whole
from timbre.paths import home
from training.base import Base

LOG_TAIL = 12


@dataclass(frozen=True)
class Record:
    """Content of server.json."""

    port: int  # on 127.0.0.1
    base: str  # name that the base was asked for by, and answers to
    base_sha256: str
    dtype: str  # number type of the served weights
    rank: int  # highest LoRA rank it takes
    modules: tuple[str, ...]  # layers it can adapt
    pid: int = 0  # of the keeper
    server_pid: int = 0  # of vLLM's API process
    host: str = ""
    args: tuple[str, ...] | None = None  # TIMBRE_VLLM_ARGS at its start; None in an older version's record
    kv_gib: int | None = None  # TIMBRE_KV_GIB at its start

    @property
    def adapters(self) -> Adapters:
        """What it was started for."""
        return Adapters(self.rank, self.modules)

    @property
    def url(self) -> str:
        """Root of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def served(self) -> Served:
        """What a log says of it."""
        return Served(self.base, self.dtype, self.args, url_is_outside=False)


RECORD = TypeAdapter(Record)  # to and from JSON


def folder_of(base: Base) -> Path:
    """Where the server of a base keeps its notes; a checkout may be shared by several machines."""
    return _servers_folder() / f"{base.sha256[:12]}@{socket.gethostname()}"


def read_record(folder: Path) -> Record | None:
    """What server.json says, whatever version wrote it; None where there is none that can be read."""
    try:
        return RECORD.validate_json((folder / "server.json").read_bytes())
    except (OSError, ValueError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write server.json at once."""
    write_whole(folder / "server.json", RECORD.dump_json(record, indent=2).decode() + "\n")


def living(folder: Path) -> Record | None:
    """The record of a server whose keeper lives, on this machine."""
    record = read_record(folder)
    on_this_host = record is not None and record.host in ("", socket.gethostname())
    return record if on_this_host and _is_locked(folder / "keeper.lock", fcntl.LOCK_SH) else None


def running() -> Sequence[tuple[Path, Record]]:
    """Every server of this checkout that lives on this machine."""
    folders = sorted(_servers_folder().glob("*")) if _servers_folder().is_dir() else []
    return [(folder, record) for folder in folders if (record := living(folder))]


def hold_as_keeper(folder: Path) -> int:
    """Take ``keeper.lock``, as soon as whoever looks at it has looked; the open file that holds it."""
    file = os.open(folder / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def endpoint_of(folder: Path, record: Record) -> Endpoint:
    """Where the server answers, with its key; an empty one where there is none."""
    try:
        key = (folder / "key").read_text()
    except OSError:
        key = ""
    return Endpoint(record.url, key, folder, record.served)


def log_tail(folder: Path) -> str:
    """The last lines of the server's log."""
    try:
        lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-LOG_TAIL:])


class Leases:
    """This process's leases: one shared lock a server, counted."""

    def __init__(self) -> None:
        self._files: dict[Path, int] = {}
        self._counts: Counter[Path] = Counter()
        self._changing = threading.Lock()

    def hold(self, folder: Path) -> None:
        """Use the server until ``release``."""
        with self._changing:
            if folder not in self._files:
                self._files[folder] = os.open(folder / "lease", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._files[folder], fcntl.LOCK_SH)
            self._counts[folder] += 1

    def release(self, folder: Path) -> None:
        """Give one lease back."""
        with self._changing:
            self._counts[folder] -= 1
            if self._counts[folder] <= 0 and folder in self._files:
                os.close(self._files.pop(folder))
                del self._counts[folder]

    def others(self, folder: Path) -> bool:
        """Whether another process holds a lease."""
        with self._changing:
            own = self._files.get(folder)
            if own is not None:
                fcntl.flock(own, fcntl.LOCK_UN)
            try:
                return _is_locked(folder / "lease", fcntl.LOCK_EX)
            finally:
                if own is not None:
                    fcntl.flock(own, fcntl.LOCK_SH)


def _servers_folder() -> Path:
    return home() / ".timbre" / "servers"


def _is_locked(path: Path, kind: int) -> bool:
    """Whether somebody's lock on the file excludes one of this kind."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
