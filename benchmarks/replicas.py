"""Whether asking keeps up with replicas: one address, behind it 1, 4, 16 or 64 stand-ins for vLLM.

    python benchmarks/replicas.py [--waves 8] [--slots 8] [--seconds 4]

A replica answers 8 questions at once, each in 3 to 5 s (150 tokens at 37 a second), or as the options say. ``inspect
eval`` asks through the voice provider with as many questions in flight as all replicas take and twice as many
samples, as the task sets them; nothing is judged. Throughput is that of the middle six tenths of the answers, so
Inspect's start and the last, half-empty wave stand apart. Inspect's own provider on the same server is the ceiling.
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


def answers_a_second(url: str, model: str, in_flight: int, samples: int) -> float:
    """Throughput of one ``inspect eval`` between a fifth and four fifths of its answers."""
    environment = {
        **os.environ,
        "TIMBRE_VLLM_URL": url,
        "REPLICAS_BASE_URL": f"{url}/v1",
        "REPLICAS_API_KEY": "none",
    }
    inspect = str(Path(sys.executable).parent / "inspect")
    with tempfile.TemporaryDirectory() as logs:
        command = [inspect, "eval", "benchmarks/replicas.py@plain", "--model", model, "--log-dir", logs]
        command += ["--display", "none", "-T", f"samples={samples}"]
        command += ["--max-connections", str(in_flight), "--max-samples", str(2 * in_flight)]
        subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
        log = read_eval_log(list_eval_logs(logs)[0])
    ends = sorted(datetime.fromisoformat(sample.completed_at or "") for sample in log.samples or [])
    assert log.status == "success" and len(ends) == samples
    first, last = samples // 5, samples * 4 // 5
    return (last - first) / (ends[last] - ends[first]).total_seconds()


def main() -> None:
    """A line for each number of replicas, and the ceiling."""
    from stand_in import running

    parser = argparse.ArgumentParser()
    parser.add_argument("--waves", type=int, default=8, help="questions that a slot gets")
    parser.add_argument("--slots", type=int, default=8, help="questions that a replica answers at once")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="that an answer takes, give or take a quarter"
    )
    arguments = parser.parse_args()
    for replicas in REPLICAS:
        slots = arguments.slots * replicas
        linear = slots / arguments.seconds
        options = ("--model", EMBEDDED, "--seconds", str(arguments.seconds), "--slots", str(slots))
        with running(*options) as url:
            rates = [
                answers_a_second(url, model, slots, slots * arguments.waves)
                for model in ("baseline", f"openai-api/replicas/{EMBEDDED}")
            ]
        print(
            f"{replicas} replicas: {rates[0]:.2f} answers/s of {linear:.2f} (ratio {rates[0] / linear:.2f}); "
            f"Inspect's own provider {rates[1]:.2f} (ratio of the two {rates[0] / rates[1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
