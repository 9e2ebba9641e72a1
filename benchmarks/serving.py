"""What scoring costs beside asking: the voice task against ``generate()`` and ``includes()``, on an instant server.

    python benchmarks/serving.py [--rounds 3]

Both tasks ask the full suite twice over (answers of 110 words) through the same provider, in turn. Seconds are
those of ``inspect eval`` beyond the same command with one canary, so start-up (and fitting the voice) stands apart.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

from canaries.suite import load_suite
from timbre.paths import CHECKOUT
from training.base import EMBEDDED

TASKS = {"plain": "benchmarks/serving.py@plain", "voice": "evals/voice.py@voice"}


@task
def plain() -> Task:
    """As many requests of the same messages, with nothing judged."""
    canaries = load_suite("full").canaries
    messages = [message for canary in canaries for message in canary.turns]
    samples = [Sample(input=message, target="the") for message in messages]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=includes(), epochs=2)


def seconds(task_file: str, model: str, logs: str, *arguments: str, **variables: str) -> float:
    """Wall time of ``inspect eval``; ``variables`` are added to the environment."""
    command = [
        *(str(Path(sys.executable).parent / "inspect"), "eval", task_file, "--model", model),
        *("--display", "none", "--log-dir", logs, *arguments),
    ]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), **variables}
    began = time.monotonic()
    subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def main() -> None:
    """Alternate, print every figure, the medians and their ratio."""
    from stand_in import running

    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {name: [] for name in TASKS}
    with running("--model", EMBEDDED) as url, tempfile.TemporaryDirectory() as logs:
        for _ in range(rounds):
            for name, file in TASKS.items():
                suite = ("-T", "suite=full") if name == "voice" else ()
                ask = partial(seconds, file, "baseline", logs, *suite, TIMBRE_VLLM_URL=url)
                short, whole = ask("--limit", "1", "--epochs", "1"), ask()
                found[name].append(whole - short)
                print(f"{name}: start-up {short:.1f} s, the suite {whole - short:.1f} s more", flush=True)
    medians = {name: statistics.median(times) for name, times in found.items()}
    print(", ".join(f"{name} {median:.1f} s" for name, median in medians.items()), "(medians)")
    print(f"ratio {medians['voice'] / medians['plain']:.2f}")


if __name__ == "__main__":
    main()
