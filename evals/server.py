"""One vLLM for a base and all its runs, shared by every process on this machine.

A server belongs to a base's identity. What is known of it stands in ``.timbre/servers/<identity>/``:
``server.json`` (who keeps it, where it answers), ``key`` (readable by the user alone), ``log``. A keeper
process (``evals.keeper``) owns the vLLM process, so that it outlives the command that asked for it and
ends after an idle time.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil
from filelock import FileLock, Timeout

from evals import vllm_internals
from evals.endpoint import Endpoint, outside_endpoint
from evals.server_record import Record, folder_of, read_record
from evals.still_adapter import write_still_adapter
from evals.vllm_internals import Adapters
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.base import Base
from training.runs import Run, list_runs

START_TIMEOUT_S = 900
"""A cold start reads gigabytes from disk on a busy laptop; a dead one is noticed at once."""

LOG_TAIL = 12
STILL = "still-adapter"
Progress = Callable[[str], None]


def tell(line: str) -> None:
    """Progress on stderr."""
    print(line, file=sys.stderr, flush=True)


def connect(base: Base, run: Run | None = None, progress: Progress = tell) -> Endpoint:
    """The endpoint for a base: ``TIMBRE_VLLM_URL``, a server that runs, or one that is started now.

    A server that was started before ``run`` and can't take its adapter (a higher rank, other layers) is
    started anew, unless it is answering somebody.

    Args:
        base: What must be served.
        run: Whose adapter it must be able to load.
        progress: Called with a line whenever there is something to tell.

    Raises:
        TimbreError: the outside endpoint is dead, or the server died (with the tail of its log).
    """
    url = os.environ.get("TIMBRE_VLLM_URL")
    if url:
        endpoint = outside_endpoint(url, os.environ.get("TIMBRE_VLLM_KEY", ""))
        endpoint.models()
        return endpoint
    folder = folder_of(base)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / "start.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for the vLLM server of {base.name} that another process is starting")
        lock.acquire()
    try:
        record = read_record(folder)
        served = record.adapters if record and record.keeper() else Adapters(0, ())
        if record is not None and record.keeper() and run is not None:
            _make_room(record, folder, run, progress)
            record = read_record(folder)
        if record is None or record.keeper() is None:
            record = _start(base, folder, run, served)
        return _wait(record, folder, progress)
    finally:
        lock.release()


def _make_room(record: Record, folder: Path, run: Run, progress: Progress) -> None:
    """End a server that can't take the run's adapter, if nobody is using it."""
    if record.adapters.covers(vllm_internals.adapters_for([run.rank], run.target_modules)):
        return
    if vllm_internals.use(record.port)[0]:
        raise TimbreError(
            f"the server was started for other adapters than run {run.name!r} and is answering requests",
            where=record.url,
            do="wait for them to end, or `timbre serve --stop`",
        )
    progress(f"the server of {record.base} can't take the layers of {run.name}: starting it anew")
    stop(folder)


def is_ready(record: Record, key: str) -> bool:
    """Whether the server answers with this key."""
    try:
        answer = httpx.get(
            f"{record.url}/models", headers={"Authorization": f"Bearer {key}"}, timeout=5, trust_env=False
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def stop(folder: Path, *, timeout: float = 30) -> bool:
    """End the server that these notes are of, and nothing else.

    Returns:
        Whether there was one.
    """
    record = read_record(folder)
    keeper = record.keeper() if record else None
    if keeper is not None:
        family = [keeper, *keeper.children(recursive=True)]
        keeper.terminate()
        _, left = psutil.wait_procs(family, timeout=timeout)
        for process in left:
            process.kill()
    for name in ("server.json", "key"):
        (folder / name).unlink(missing_ok=True)
    return keeper is not None


def log_tail(folder: Path) -> str:
    """The last lines of the server's log."""
    try:
        lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-LOG_TAIL:])


def _start(base: Base, folder: Path, wanted: Run | None, served: Adapters) -> Record:
    """Write the key, spawn the keeper, write server.json; what a dead server left behind is cleared.

    It takes the adapters of every run of the base, of ``wanted``, and what the server before it ``served``.
    """
    for old in [*folder.glob("probe-*.json"), folder / "server.json"]:
        old.unlink(missing_ok=True)
    key = secrets.token_urlsafe(32)
    (folder / "key").unlink(missing_ok=True)
    handle = os.open(folder / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key)
    port = _free_port()
    runs = [run for run in (*list_runs(), *([wanted] if wanted else [])) if run.base_sha256 == base.sha256]
    modules = [m for r in runs for m in r.target_modules]
    adapters = vllm_internals.adapters_for(
        [served.rank, *(r.rank for r in runs)], [*served.modules, *modules]
    )
    arguments = vllm_internals.command(base.path, base.name, port, adapters)
    if runs and vllm_internals.on_cpu():
        write_still_adapter(runs[0].adapter, folder / STILL)
    if (folder / "log").exists():
        (folder / "log").replace(folder / "log.previous")
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "evals.keeper", str(port), *arguments],
            cwd=CHECKOUT,
            env=dict(vllm_internals.environment(key)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = Record(
        keeper.pid,
        psutil.Process(keeper.pid).create_time(),
        port,
        base.name,
        base.sha256,
        vllm_internals.serving_dtype(),
        adapters.rank,
        adapters.modules,
    )
    temporary = folder / "server.json.tmp"
    temporary.write_text(json.dumps(asdict(record), indent=2) + "\n")
    temporary.replace(folder / "server.json")
    return record


def _wait(record: Record, folder: Path, progress: Progress) -> Endpoint:
    key = (folder / "key").read_text()
    began, told = time.monotonic(), 0.0
    while not is_ready(record, key):
        waited = time.monotonic() - began
        if record.keeper() is None:
            raise TimbreError(
                f"vLLM died while starting; the end of its log:\n{log_tail(folder)}",
                where=str(folder / "log"),
                do="mend what the log says and try again",
            )
        if waited > START_TIMEOUT_S:
            raise TimbreError(
                f"vLLM is not ready after {waited:.0f} s",
                where=str(folder / "log"),
                do="look at the log; `timbre serve --stop` ends it",
            )
        if waited - told >= 10 or told == 0.0:
            progress(
                f"starting vLLM for {record.base}: {waited:.0f} s (ready in one to two minutes on a CPU)"
            )
            told = max(waited, 0.1)
        time.sleep(0.5)
    if told:
        progress(f"vLLM is ready after {time.monotonic() - began:.0f} s, at {record.url}")
    still = folder / STILL if record.modules and vllm_internals.on_cpu() else None
    return Endpoint(record.url, key, folder, record.dtype, still)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
