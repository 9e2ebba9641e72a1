"""The process that owns a vLLM server, so that it outlives the command that asked for it and ends when idle.

python -m evals.keeper FOLDER IDLE_SECONDS RECORD COMMAND...
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from evals import vllm_command
from evals.server_record import RECORD, Leases, Record, hold_as_keeper, read_record, write_record
from evals.vllm_main import PARENT

POLL_S = 5.0


def keep(folder: Path, record: Record, command: list[str], idle_s: float, poll_s: float = POLL_S) -> int:
    """Run a server until it ends, is idle, is told to end (SIGTERM), or can't be found by its notes any more.

    Its ``record`` is written into ``folder`` before the start, and removed at the end. It is idle after ``idle_s``
    seconds without a request and without a lease.

    Returns:
        The command's exit status; 0 if it was ended.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    lock = hold_as_keeper(folder)
    record = replace(record, pid=os.getpid())
    server = None
    try:
        write_record(folder, record)
        child = subprocess.Popen(command, env={**os.environ, PARENT: str(record.pid)})
        server = psutil.Process(child.pid)
        write_record(folder, replace(record, server_pid=child.pid))
        return _watch(folder, record, child, idle_s, poll_s)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            left = descendants(server)
            child.terminate()
            kill_left([server, *left], timeout=20)
        if _is_kept_by(folder, record):
            (folder / "server.json").unlink(missing_ok=True)
        os.close(lock)
        signal.signal(signal.SIGTERM, before)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Children and theirs; none of a process that is gone."""
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def kill_left(processes: list[psutil.Process], timeout: float) -> None:
    """Wait for processes to end; kill those that don't.

    Python's resource trackers come last: when the others are gone they remove their shared memory and end.
    """
    _, left = psutil.wait_procs(processes, timeout=timeout)
    trackers = [process for process in left if _is_tracker(process)]
    for process in set(left).difference(trackers):
        process.kill()
    _, left = psutil.wait_procs(left, timeout=5)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _watch(
    folder: Path, record: Record, child: "subprocess.Popen[bytes]", idle_s: float, poll_s: float
) -> int:
    last_use, finished, leases = time.monotonic(), -1.0, Leases()
    while True:
        with suppress(subprocess.TimeoutExpired):
            status = child.wait(timeout=poll_s)
            if status < 0:
                print(f"keeper: vLLM was ended by {signal.Signals(-status).name}", flush=True)
            return status
        if not _is_kept_by(folder, record):
            print("keeper: the notes name another server or none, stopping", flush=True)
            return 0
        use = vllm_command.use(record.url)
        if use is None or use.active or use.finished != finished or leases.others(folder):
            last_use, finished = time.monotonic(), use.finished if use else finished
        if time.monotonic() - last_use > idle_s:
            print(f"keeper: idle for {idle_s / 60:.0f} minutes, stopping", flush=True)
            return 0


def _is_kept_by(folder: Path, record: Record) -> bool:
    written = read_record(folder)
    return written is not None and written.pid == record.pid


if __name__ == "__main__":
    given = RECORD.validate_json(sys.argv[3])
    sys.exit(keep(Path(sys.argv[1]), given, sys.argv[4:], float(sys.argv[2])))
