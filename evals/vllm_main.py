"""vLLM's API server, none of whose processes outlives its parent: a killed keeper or server leaves no stray.

Each process that vLLM spawns imports this file anew, as multiprocessing does with a main module.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ in ("__main__", "__mp_main__"):
    die_with_parent()
    os.register_at_fork(after_in_child=die_with_parent)
    from evals.vllm_command import on_cpu

    if on_cpu():
        with contextlib.suppress(ImportError):  # another vLLM, with other parts
            from evals.vllm_lora import use_grouped_loras

            use_grouped_loras()

if __name__ == "__main__":
    import runpy

    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
