"""Baseline and two runs in one command, beside three evals with Inspect's own ``vllm/`` provider.

    python benchmarks/many_runs.py run1 run2 [--canaries 24] [--tokens 128] [--rounds 1]

Each way begins without a server and asks the same prompts. Inspect's provider starts one in each eval, with the
arguments that Timbre's has, and judges nothing; Timbre starts one, loads both adapters and judges every answer. A
``vllm`` that runs vLLM's own server stands before the CPU wheel's on the path, since that one dies.
"""

import argparse
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

from evals.server import stop
from evals.server_record import folder_of
from evals.vllm_command import VLLMS_SERVER, adapters_for, command, environment
from training.base import default_base, resolve_base
from training.runs import find_run


def main() -> None:
    """In turn; print every figure and the ratio of the medians."""
    from serving import TASKS, seconds

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs=2)
    parser.add_argument("--canaries", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    base, runs = resolve_base(default_base()), [find_run(name) for name in options.runs]
    adapters = adapters_for([r.rank for r in runs], [m for r in runs for m in r.target_modules])
    alone = command(base.path, base.name, 0, adapters_for([], []))
    settings = shlex.join(alone[alone.index("--dtype") :])
    modules = shlex.join(("--lora-target-modules", *adapters.modules))
    took: dict[str, list[float]] = {"inspect": [], "timbre": []}
    with tempfile.TemporaryDirectory() as scratch:
        shim = Path(scratch) / "vllm"
        shim.write_text(
            f'#!/bin/bash\nmodel=$2; shift 2\n[[ " $* " == *" --enable"?"lora "* ]] && set -- {modules} "$@"\n'
            f'exec {shlex.join((sys.executable, "-m", VLLMS_SERVER))} --model "$model" {settings} "$@"\n'
        )
        shim.chmod(0o755)
        own = {**environment("inspectai"), "PATH": f"{scratch}:{os.environ['PATH']}"}
        logs, limits = f"{scratch}/logs", ("--limit", str(options.canaries), "--epochs", "1")
        asked = ("-T", "suite=full", "-T", f"max_tokens={options.tokens}", *limits)
        plain = ("--max-tokens", str(options.tokens), *limits)
        models = [f"vllm/{base.path}", *(f"vllm/{base.path}:{run.adapter}" for run in runs)]
        for _ in range(options.rounds):
            took["inspect"].append(sum(seconds(TASKS["plain"], each, logs, *plain, **own) for each in models))
            stop(folder_of(base))
            took["timbre"].append(
                seconds(TASKS["voice"], ",".join(("baseline", *options.runs)), logs, *asked)
            )
            stop(folder_of(base))
            print({way: round(times[-1], 1) for way, times in took.items()}, flush=True)
    ratio = statistics.median(took["timbre"]) / statistics.median(took["inspect"])
    print(f"one command by three evals, {3 * options.canaries} answers: {ratio:.2f}")


if __name__ == "__main__":
    main()
