"""Whether asking keeps up with replicas: one address, behind it 1, 4, 16 or 64 stand-ins for vLLM.

    python benchmarks/replicas.py [--waves 5] [--slots 8] [--seconds 4]

A replica answers 8 questions at once, each in 4 s (150 tokens at 37 a second), or as the options say. ``inspect
eval`` asks through the voice provider with as many questions in flight as all replicas take; nothing is judged.
Throughput counts from the first sample's start to the last one's end, so start-up stands apart. The CPU time that
an answer takes of Inspect's one event loop is its ceiling, wherever the replicas are.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

from timbre.paths import CHECKOUT
from training.base import EMBEDDED

REPLICAS = (1, 4, 16, 64)


@task
def plain(samples: int) -> Task:
    """Questions with nothing judged."""
    asked = [Sample(input=f"What use is object {number}?", target="the") for number in range(samples)]
    return Task(dataset=MemoryDataset(asked), solver=generate(), scorer=includes())


def evaluated(url: str, in_flight: int, samples: int) -> tuple[float, float]:
    """Seconds from first start to last end, and CPU seconds of the command."""
    most = ("--max-connections", str(in_flight), "--max-samples", str(in_flight))
    command = [str(Path(sys.executable).parent / "inspect"), "eval", "benchmarks/replicas.py@plain"]
    with tempfile.TemporaryDirectory() as logs:
        arguments = (
            "--model",
            "baseline",
            "--display",
            "none",
            "--log-dir",
            logs,
            "-T",
            f"samples={samples}",
        )
        before = os.times()
        environment = {**os.environ, "TIMBRE_VLLM_URL": url}
        subprocess.run([*command, *arguments, *most], cwd=CHECKOUT, env=environment, check=True)
        after = os.times()
        log = read_eval_log(list_eval_logs(logs)[0])
    times = [(s.started_at, s.completed_at) for s in log.samples or []]
    assert log.status == "success" and len(times) == samples
    began = min(datetime.fromisoformat(start or "") for start, _ in times)
    ended = max(datetime.fromisoformat(end or "") for _, end in times)
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return (ended - began).total_seconds(), spent


def main() -> None:
    """A line for each number of replicas, and the ceiling."""
    from stand_in import running

    parser = argparse.ArgumentParser()
    parser.add_argument("--waves", type=int, default=5, help="questions that a slot gets")
    parser.add_argument("--slots", type=int, default=8, help="questions that a replica answers at once")
    parser.add_argument("--seconds", type=float, default=4.0, help="that an answer takes")
    arguments = parser.parse_args()
    waves, latency = arguments.waves, arguments.seconds
    spent: list[tuple[int, float]] = []
    for replicas in REPLICAS:
        slots = arguments.slots * replicas
        options = ("--model", EMBEDDED, "--seconds", str(latency), "--slots", str(slots))
        with running(*options) as url:
            seconds, cpu = evaluated(url, slots, slots * waves)
        spent.append((slots * waves, cpu))
        rate, linear = slots * waves / seconds, slots / latency
        print(
            f"{replicas} replicas: {rate:.2f} answers/s of {linear:.2f} (ratio {rate / linear:.2f})",
            flush=True,
        )
    (few, least), *_, (many, most) = spent
    each = (most - least) / (many - few)
    print(f"{1000 * each:.1f} ms of CPU an answer: one event loop carries {1 / each:.0f} answers/s")


if __name__ == "__main__":
    main()
