"""One vLLM for a base and all its runs, shared by every process on this machine: found, started, ended.

A server belongs to a base's identity. A keeper (``evals.keeper``) owns the vLLM process; what is known of it, its key
and its locks stand in one folder (``evals.server_record``). Whoever uses a server holds a lease: no server is ended
under somebody who only waits.
"""

import math
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from evals import vllm_command
from evals.endpoint import Endpoint, Served, outside_endpoint
from evals.keeper import descendants, kill_left
from evals.server_record import (
    RECORD,
    Leases,
    Record,
    endpoint_of,
    folder_of,
    living,
    log_tail,
    read_record,
    running,
)
from evals.vllm_command import Adapters
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.base import Base
from training.runs import Run, list_runs

START_TIMEOUT_S = 900
"""A cold start reads gigabytes from disk on a busy laptop; a dead one is noticed at once."""

LOCK_TIMEOUT_S = 120
"""The lock is held while a server is spawned or ended, never while one gets ready."""

IDLE_MINUTES = 30.0
Progress = Callable[[str], None]


def tell(line: str) -> None:
    """Progress on stderr."""
    print(line, file=sys.stderr, flush=True)


def connect(base: Base, run: Run | None = None, progress: Progress = tell) -> Endpoint:
    """The endpoint for a base: ``TIMBRE_VLLM_URL``, a server that runs, or one that is started now.

    A server that was started with other arguments, or that can't take the adapter of ``run`` (a higher rank,
    other layers), is started anew, unless somebody uses it. This process holds a lease on it from here on.

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
            is_new = record is None
            if record and missing and endpoint_of(folder, record).is_ready():
                _end_unused(record, folder, missing, progress)
                record, missing, is_new = _start(base, folder, run, record.adapters), "", True
            record = record or _start(base, folder, run, Adapters(0, ()))
            _leases.hold(folder)
        try:
            endpoint = _wait(record, folder, progress)
        except BaseException:
            _leases.release(folder)
            raise
        if endpoint and not missing:
            return endpoint
        _leases.release(folder)
        if endpoint is None and is_new:
            raise _died(folder)


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
    """Requests that the server of a base takes at once: by its KV cache where it tells, else by device."""
    on_cpu = vllm_command.on_cpu()
    default = vllm_command.CPU_IN_FLIGHT if on_cpu else vllm_command.GPU_IN_FLIGHT
    outside = os.environ.get("TIMBRE_VLLM_URL")
    record = None if outside else living(folder_of(base))
    url = outside or (record.url if record else None)
    use = vllm_command.use(url.rstrip("/")) if url else None
    if use is None or use.capacity is None:
        return default
    # More at once than the default only makes each answer slower on a CPU.
    return min(use.capacity, default) if on_cpu and not outside else use.capacity


def stop(folder: Path) -> bool:
    """End the server that these notes are of, and nothing else; whether there was one."""
    with _locked(folder):
        return _end(folder)


def end_idle(reason: str) -> tuple[Record, ...]:
    """End every server of this checkout that nobody uses, telling why; those in use or not ready are returned."""
    busy = []
    for folder, _ in running():
        with _locked(folder):
            record = living(folder)
            if record is None:
                continue
            if _is_used(record, folder):
                busy.append(record)
                continue
            tell(f"ending the idle server of {record.base}: {reason}")
            _end(folder)
    return tuple(busy)


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


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time starts or ends this server."""
    try:
        with FileLock(folder / "start.lock", timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout:
        raise TimbreError(
            f"another process has held the lock for {LOCK_TIMEOUT_S} s",
            where=str(folder / "start.lock"),
            do="end the process that starts or stops this server",
        ) from None


_leases = Leases()


def _missing(record: Record, run: Run | None) -> str:
    """What a living server lacks, as a clause; empty where it lacks nothing."""
    args = vllm_command.extra_arguments()
    if record.args != args:
        before = (
            "arguments that are not known" if record.args is None else " ".join(record.args) or "no arguments"
        )
        return f"was started with {before}, and TIMBRE_VLLM_ARGS is now {' '.join(args) or 'empty'}"
    if record.kv_gib != vllm_command.kv_gib():
        return "was started with another TIMBRE_KV_GIB"
    if run and not record.adapters.covers(vllm_command.adapters_for([run.rank], run.target_modules)):
        return f"can't take the layers of {run.name}"
    return ""


def _end_unused(record: Record, folder: Path, missing: str, progress: Progress) -> None:
    """End a server that lacks something, if nobody is using it."""
    if _is_used(record, folder):
        raise TimbreError(
            f"the server {missing}, and somebody is using it",
            where=record.url,
            do="wait for them to end, or `timbre serve --stop`",
        )
    progress(f"the server of {record.base} {missing}: starting it anew")
    _end(folder)


def _is_used(record: Record, folder: Path) -> bool:
    """Whether a server answers somebody, gets ready for somebody, or is leased by another process."""
    use = vllm_command.use(record.url)
    return use is None or use.active > 0 or _leases.others(folder)


def _end(folder: Path) -> bool:
    record = living(folder)
    if record is not None:
        with suppress(psutil.NoSuchProcess):  # it ends by itself just now
            keeper = psutil.Process(record.pid)
            family = [keeper, *descendants(keeper)]
            keeper.terminate()
            kill_left(family, timeout=30)
    for name in ("server.json", "key"):
        (folder / name).unlink(missing_ok=True)
    return record is not None


def _start(base: Base, folder: Path, wanted: Run | None, served: Adapters) -> Record:
    """Write the key and spawn the keeper, which writes server.json; what a dead server left behind is cleared.

    It takes the adapters of every run of the base, of ``wanted``, and what the server before it ``served``.
    """
    minutes, args, key = idle_minutes(), vllm_command.extra_arguments(), secrets.token_urlsafe(32)
    environment = dict(vllm_command.environment(key))
    vllm_command.make_room_in_shared_memory()
    for old in [*folder.glob("probed-*"), folder / "server.json", folder / "key"]:
        old.unlink(missing_ok=True)
    shutil.rmtree(folder / "adapters", ignore_errors=True)
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
        kv_gib=vllm_command.kv_gib(),
    )
    arguments = vllm_command.command(base.path, base.name, port, adapters)
    if (folder / "log").exists():
        (folder / "log").replace(folder / "log.previous")
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(
            [
                *(sys.executable, "-m", "evals.keeper", str(folder), str(minutes * 60)),
                *(RECORD.dump_json(record).decode(), *arguments),
            ],
            cwd=CHECKOUT,
            env=environment,
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


def _wait(record: Record, folder: Path, progress: Progress) -> Endpoint | None:
    """The endpoint as soon as it answers; None if its keeper ends before."""
    endpoint = endpoint_of(folder, record)
    began, shown_at = time.monotonic(), 0.0
    while not endpoint.is_ready():
        waited = time.monotonic() - began
        kept = living(folder)
        if kept is None or kept.pid != record.pid:
            return None
        if waited > START_TIMEOUT_S:
            raise TimbreError(
                f"vLLM is not ready after {waited:.0f} s",
                where=str(folder / "log"),
                do="look at the log; `timbre serve --stop` ends it",
            )
        if waited - shown_at >= 10 or shown_at == 0.0:
            progress(f"starting vLLM for {record.base}: {waited:.0f} s (ready within a minute on a CPU)")
            shown_at = max(waited, 0.1)
        time.sleep(0.5)
    if shown_at:
        progress(f"vLLM is ready after {time.monotonic() - began:.0f} s, at {record.url}")
    return endpoint


def _died(folder: Path) -> TimbreError:
    return TimbreError(
        f"vLLM died while starting, or was stopped; the end of its log:\n{log_tail(folder)}",
        where=str(folder / "log"),
        do="mend what the log says and try again",
    )


def _free_port() -> int:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise TimbreError(
            f"no port can be had ({error.strerror})",
            where="127.0.0.1",
            do="let this user open a loopback port",
        ) from error
