"""Keeps one vLLM process: ends it when it has been idle, or when the keeper itself is told to end.

    python -m evals.keeper PORT COMMAND…

Started by ``evals.server``; ``TIMBRE_IDLE_MINUTES`` (30) is how long an unused server stays.
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from evals import vllm_internals

POLL_S = 5.0
IDLE_MINUTES = 30.0


def keep(port: int, command: list[str], idle_s: float, poll_s: float = POLL_S) -> int:
    """Run ``command`` until it ends, is idle for ``idle_s`` seconds, or SIGTERM comes.

    Returns:
        The command's exit status; 0 if it was ended for idleness.
    """
    child = subprocess.Popen(command)

    def end(signum: int, frame: FrameType | None) -> None:
        child.terminate()

    before = signal.signal(signal.SIGTERM, end)
    try:
        return _keep(port, child, idle_s, poll_s)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        signal.signal(signal.SIGTERM, before)


def _keep(port: int, child: "subprocess.Popen[bytes]", idle_s: float, poll_s: float) -> int:
    last_use, finished_before = time.monotonic(), -1.0
    while True:
        try:
            return child.wait(timeout=poll_s)
        except subprocess.TimeoutExpired:
            pass
        active, finished = vllm_internals.use(port)
        if active or finished != finished_before:
            last_use, finished_before = time.monotonic(), finished
        if time.monotonic() - last_use > idle_s:
            print(f"keeper: idle for {idle_s / 60:.0f} minutes, stopping", flush=True)
            return 0


if __name__ == "__main__":
    minutes = float(os.environ.get("TIMBRE_IDLE_MINUTES") or IDLE_MINUTES)
    sys.exit(keep(int(sys.argv[1]), sys.argv[2:], minutes * 60))
