"""One vLLM for a base and all its runs, shared by every process on this machine: its whole life.

A server belongs to a base's identity. What is known of it stands in ``.timbre/servers/<identity>@<host>/``:
``server.json`` (who keeps it, where it answers, what it was started with), ``key`` (readable by the user alone),
``log``. A keeper process (this file, run as a module) owns the vLLM process, so that it outlives the command that
asked for it and ends after an idle time. Whoever uses a server holds a lease, a shared lock on the file ``lease``
that the kernel takes back from a process that dies: no server is ended under somebody who only waits.
"""

import fcntl
import json
import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import httpx
import psutil
from filelock import FileLock, Timeout

from evals import vllm_command
from evals.endpoint import Endpoint, Served, outside_endpoint
from evals.vllm_command import Adapters
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, home
from training.base import Base
from training.runs import Run, list_runs

START_TIMEOUT_S = 900
"""A cold start reads gigabytes from disk on a busy laptop; a dead one is noticed at once."""

LOCK_TIMEOUT_S = 120
"""The lock is held while a server is spawned or ended, never while one gets ready."""

IDLE_MINUTES = 30.0
POLL_S = 5.0
LOG_TAIL = 12
Progress = Callable[[str], None]


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
    created: float = 0.0  # when the keeper began (seconds since the epoch): a pid alone may be reused
    server_pid: int = 0  # of vLLM's API process
    host: str = ""
    args: tuple[str, ...] | None = None  # TIMBRE_VLLM_ARGS at its start; None in an older version's record

    @property
    def adapters(self) -> Adapters:
        """What it was started for."""
        return Adapters(self.rank, tuple(self.modules))

    @property
    def url(self) -> str:
        """Root of the OpenAI API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def served(self) -> Served:
        """What a log says of it."""
        return Served(self.base, self.dtype, self.args, url_is_outside=False)

    def keeper(self) -> psutil.Process | None:
        """The keeper, if it is still the process that was started."""
        try:
            process = psutil.Process(self.pid)
            alive = abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError):
            return None
        return process if alive else None


def tell(line: str) -> None:
    """Progress on stderr."""
    print(line, file=sys.stderr, flush=True)


def connect(base: Base, run: Run | None = None, progress: Progress = tell) -> Endpoint:
    """The endpoint for a base: ``TIMBRE_VLLM_URL``, a server that runs, or one that is started now.

    A server that was started with other arguments, or that can't take the adapter of ``run`` (a higher rank,
    other layers), is started anew, unless somebody uses it. This process holds a lease on it from here on.

    Args:
        base: What must be served.
        run: Whose adapter it must be able to load.
        progress: Called with a line whenever there is something to tell.

    Raises:
        TimbreError: the outside endpoint is dead or serves another model, the server is in use and lacks
            something, or it died (with the tail of its log).
    """
    if url := os.environ.get("TIMBRE_VLLM_URL"):
        return outside_endpoint(url, base)
    folder = folder_of(base)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        with _locked(folder):
            record = living(folder)
            missing = _missing(record, run) if record else ""
            if record and missing and is_ready(record, read_key(folder)):
                _end_unused(record, folder, missing, progress)
                record, missing = _start(base, folder, run, record.adapters), ""
            record = record or _start(base, folder, run, Adapters(0, ()))
            _leases.hold(folder)
        try:
            endpoint = _wait(record, folder, progress)
        except BaseException:
            _leases.release(folder)
            raise
        if not missing:
            return endpoint
        _leases.release(folder)


def served_by(base: Base) -> Served:
    """What ``connect`` would lead to, from the server's own record where one runs; starts nothing.

    Raises:
        TimbreError: the outside endpoint is dead or serves another model.
    """
    if url := os.environ.get("TIMBRE_VLLM_URL"):
        return outside_endpoint(url, base).served
    record, args = living(folder_of(base)), vllm_command.extra_arguments()
    if record and record.args == args:
        return record.served
    return Served(base.name, vllm_command.serving_dtype(), args, url_is_outside=False)


def release(endpoint: Endpoint) -> None:
    """Give back this process's lease on a server that ``connect`` gave."""
    if not endpoint.served.url_is_outside:
        _leases.release(endpoint.folder)


def capacity(base: Base) -> int:
    """Requests that the server of a base takes at once: by its KV cache where it runs, else by device."""
    on_cpu = vllm_command.on_cpu()
    default = vllm_command.CPU_IN_FLIGHT if on_cpu else vllm_command.GPU_IN_FLIGHT
    url = os.environ.get("TIMBRE_VLLM_URL")
    record = None if url else living(folder_of(base))
    if record is None:
        return default
    try:
        page = httpx.get(f"http://127.0.0.1:{record.port}/metrics", timeout=5, trust_env=False)
        fitting = vllm_command.capacity(page.raise_for_status().text)
    except (httpx.HTTPError, ValueError):
        return default
    # More at once than this only makes each answer slower on a CPU.
    return default if fitting is None else min(fitting, default) if on_cpu else fitting


def folder_of(base: Base) -> Path:
    """Where the server of a base keeps its notes; a checkout may be shared by several machines."""
    return _servers_folder() / f"{base.sha256[:12]}@{socket.gethostname()}"


def read_record(folder: Path) -> Record | None:
    """What server.json says, whatever version wrote it; None where there is none that can be read."""
    try:
        content = json.loads((folder / "server.json").read_text())
        record = Record(**{f.name: content[f.name] for f in fields(Record) if f.name in content})
        args = None if record.args is None else tuple(record.args)
        return replace(record, modules=tuple(record.modules), args=args)
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def living(folder: Path) -> Record | None:
    """The record of a server whose keeper lives."""
    record = read_record(folder)
    return record if record and record.keeper() else None


def running() -> Sequence[tuple[Path, Record]]:
    """Every server of this checkout that lives on this machine."""
    folders = sorted(_servers_folder().glob("*")) if _servers_folder().is_dir() else []
    return [(folder, record) for folder in folders if (record := living(folder))]


def read_key(folder: Path) -> str:
    """The server's key; empty where there is none."""
    try:
        return (folder / "key").read_text()
    except OSError:
        return ""


def is_ready(record: Record, key: str) -> bool:
    """Whether the server answers with this key."""
    try:
        answer = httpx.get(
            f"{record.url}/models", headers={"Authorization": f"Bearer {key}"}, timeout=5, trust_env=False
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def stop(folder: Path) -> bool:
    """End the server that these notes are of, and nothing else.

    Returns:
        Whether there was one.
    """
    with _locked(folder):
        return _end(folder)


def log_tail(folder: Path) -> str:
    """The last lines of the server's log."""
    try:
        lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-LOG_TAIL:])


def idle_minutes() -> float:
    """How long an unused server stays: ``TIMBRE_IDLE_MINUTES``.

    Raises:
        TimbreError: It is no positive number.
    """
    given = os.environ.get("TIMBRE_IDLE_MINUTES") or str(IDLE_MINUTES)
    try:
        minutes = float(given)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise TimbreError(
            f"{given!r} is no number of minutes", where="TIMBRE_IDLE_MINUTES", do="write a number such as 30"
        )
    return minutes


def _servers_folder() -> Path:
    return home() / ".timbre" / "servers"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time starts or ends this server."""
    lock = FileLock(folder / "start.lock")
    try:
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except Timeout:
        raise TimbreError(
            f"another process has held the lock for {LOCK_TIMEOUT_S} s",
            where=str(folder / "start.lock"),
            do="end the process that starts or stops this server",
        ) from None
    try:
        yield
    finally:
        lock.release()


class _Leases:
    """This process's leases: one shared lock a server, counted."""

    def __init__(self) -> None:
        self._files: dict[Path, int] = {}
        self._counts: Counter[Path] = Counter()
        self._changing = threading.Lock()

    def hold(self, folder: Path) -> None:
        with self._changing:
            if folder not in self._files:
                self._files[folder] = os.open(folder / "lease", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._files[folder], fcntl.LOCK_SH)
            self._counts[folder] += 1

    def release(self, folder: Path) -> None:
        with self._changing:
            self._counts[folder] -= 1
            if self._counts[folder] <= 0 and folder in self._files:
                os.close(self._files.pop(folder))
                del self._counts[folder]

    def others(self, folder: Path) -> bool:
        """Whether another process holds a lease."""
        own = self._files.get(folder)
        file = os.open(folder / "lease", os.O_RDWR | os.O_CREAT, 0o600) if own is None else own
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            if own is None:
                os.close(file)
            else:  # an attempt to convert a lock loses it
                fcntl.flock(own, fcntl.LOCK_SH)
        return False


_leases = _Leases()


def _missing(record: Record, run: Run | None) -> str:
    """What a living server lacks, as a clause; empty where it lacks nothing."""
    args = vllm_command.extra_arguments()
    if record.args != args:
        before = (
            "arguments that are not known" if record.args is None else " ".join(record.args) or "no arguments"
        )
        return f"was started with {before}, and TIMBRE_VLLM_ARGS is now {' '.join(args) or 'empty'}"
    if run and not record.adapters.covers(vllm_command.adapters_for([run.rank], run.target_modules)):
        return f"can't take the layers of {run.name}"
    return ""


def _end_unused(record: Record, folder: Path, missing: str, progress: Progress) -> None:
    """End a server that lacks something, if nobody is using it."""
    if vllm_command.use(record.port)[0] or _leases.others(folder):
        raise TimbreError(
            f"the server {missing}, and somebody is using it",
            where=record.url,
            do="wait for them to end, or `timbre serve --stop`",
        )
    progress(f"the server of {record.base} {missing}: starting it anew")
    _end(folder)


def _end(folder: Path) -> bool:
    record = living(folder)
    keeper = record.keeper() if record else None
    if keeper is not None:
        family = [keeper, *_descendants(keeper)]
        keeper.terminate()
        _kill_left(family, timeout=30)
    for name in ("server.json", "key"):
        (folder / name).unlink(missing_ok=True)
    return keeper is not None


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _kill_left(processes: list[psutil.Process], timeout: float) -> None:
    """Wait for processes to end; kill those that don't."""
    _, left = psutil.wait_procs(processes, timeout=timeout)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)


def _start(base: Base, folder: Path, wanted: Run | None, served: Adapters) -> Record:
    """Write the key and spawn the keeper, which writes server.json; what a dead server left behind is cleared.

    It takes the adapters of every run of the base, of ``wanted``, and what the server before it ``served``.
    """
    minutes, args = idle_minutes(), vllm_command.extra_arguments()
    for old in [*folder.glob("probe-*.json"), folder / "server.json", folder / "key"]:
        old.unlink(missing_ok=True)
    key = secrets.token_urlsafe(32)
    handle = os.open(folder / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key)
    port = _free_port()
    runs = [run for run in (*list_runs(), *([wanted] if wanted else [])) if run.base_sha256 == base.sha256]
    modules = [m for r in runs for m in r.target_modules]
    adapters = vllm_command.adapters_for([served.rank, *(r.rank for r in runs)], [*served.modules, *modules])
    record = Record(
        port,
        base.name,
        base.sha256,
        vllm_command.serving_dtype(),
        adapters.rank,
        adapters.modules,
        host=socket.gethostname(),
        args=args,
    )
    arguments = vllm_command.command(base.path, base.name, port, adapters)
    if runs and vllm_command.on_cpu():
        vllm_command.write_still_adapter(runs[0].adapter, folder / vllm_command.STILL)
    if (folder / "log").exists():
        (folder / "log").replace(folder / "log.previous")
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(
            [
                *(sys.executable, "-m", "evals.server", str(folder), str(minutes * 60)),
                *(json.dumps(asdict(record)), *arguments),
            ],
            cwd=CHECKOUT,
            env=dict(vllm_command.environment(key)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while (written := read_record(folder)) is None or written.pid != keeper.pid:
        if keeper.poll() is not None:
            raise _died(folder)
        time.sleep(0.05)
    return written


def _wait(record: Record, folder: Path, progress: Progress) -> Endpoint:
    key = read_key(folder)
    began, shown_at = time.monotonic(), 0.0
    while not is_ready(record, key):
        waited = time.monotonic() - began
        if record.keeper() is None:
            raise _died(folder)
        if waited > START_TIMEOUT_S:
            raise TimbreError(
                f"vLLM is not ready after {waited:.0f} s",
                where=str(folder / "log"),
                do="look at the log; `timbre serve --stop` ends it",
            )
        if waited - shown_at >= 10 or shown_at == 0.0:
            progress(
                f"starting vLLM for {record.base}: {waited:.0f} s (ready in one to two minutes on a CPU)"
            )
            shown_at = max(waited, 0.1)
        time.sleep(0.5)
    if shown_at:
        progress(f"vLLM is ready after {time.monotonic() - began:.0f} s, at {record.url}")
    still = folder / vllm_command.STILL if record.modules and vllm_command.on_cpu() else None
    return Endpoint(record.url, key, folder, record.served, still)


def _died(folder: Path) -> TimbreError:
    return TimbreError(
        f"vLLM died while starting, or was stopped; the end of its log:\n{log_tail(folder)}",
        where=str(folder / "log"),
        do="mend what the log says and try again",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keep(folder: Path, record: Record, command: list[str], idle_s: float, poll_s: float = POLL_S) -> int:
    """Run a server until it ends, is idle, is told to end (SIGTERM), or can't be found by its notes any more.

    Args:
        folder: Its notes; server.json is written here first, and removed at the end.
        record: What is known of it so far.
        command: Starts it.
        idle_s: Seconds without a request and without a lease after which it is ended.
        poll_s: Seconds between looks.

    Returns:
        The command's exit status; 0 if it was ended.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    record = replace(record, pid=os.getpid(), created=psutil.Process().create_time())
    _write_record(folder, record)
    child = subprocess.Popen(command)
    family = psutil.Process(child.pid)
    try:
        _write_record(folder, replace(record, server_pid=child.pid))
        return _watch(folder, record, child, idle_s, poll_s)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        left = _descendants(family)
        if child.poll() is None:
            child.terminate()
        _kill_left([family, *left], timeout=20)
        if _is_kept_by(folder, record):
            (folder / "server.json").unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)


def _watch(
    folder: Path, record: Record, child: "subprocess.Popen[bytes]", idle_s: float, poll_s: float
) -> int:
    last_use, finished_before = time.monotonic(), -1.0
    while True:
        try:
            return child.wait(timeout=poll_s)
        except subprocess.TimeoutExpired:
            pass
        if not _is_kept_by(folder, record):
            print("keeper: the notes name another server or none, stopping", flush=True)
            return 0
        active, finished = vllm_command.use(record.port)
        if active or finished != finished_before or _leases.others(folder):
            last_use, finished_before = time.monotonic(), finished
        if time.monotonic() - last_use > idle_s:
            print(f"keeper: idle for {idle_s / 60:.0f} minutes, stopping", flush=True)
            return 0


def _is_kept_by(folder: Path, record: Record) -> bool:
    written = read_record(folder)
    return written is not None and written.pid == record.pid


def _write_record(folder: Path, record: Record) -> None:
    temporary = folder / f"server.json.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(record), indent=2) + "\n")
    temporary.replace(folder / "server.json")


if __name__ == "__main__":
    given = json.loads(sys.argv[3])
    sys.exit(keep(Path(sys.argv[1]), Record(**given), sys.argv[4:], float(sys.argv[2])))
