"""Many canaries asked of a slow server that fails: is every answer scored, in which time, in how much memory?

    python benchmarks/load.py [--canaries 2000] [--takes 3] [--seconds 4]

Of the server's answers 5 % are HTTP 503, 2 % connections that are cut, 1 % no chat completion. Its own time is that
of all its answers, failed ones too, at 64 at once. Prints a JSON line; exits 1 where an answer is missing or twice.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
from inspect_ai.log import list_eval_logs, read_eval_log

from evals.vllm_command import CPU_IN_FLIGHT
from timbre.paths import CHECKOUT
from training.base import EMBEDDED

FAULTS = ("--errors", "0.05", "--resets", "0.02", "--garbage", "0.01")


def write_suite(path: Path, canaries: int) -> Path:
    """A suite of as many canaries, no two alike."""
    rows = [
        {
            "id": f"c{at}",
            "prompt": f"Write a short note about parcel {at * 7919 % 100_003}.",
            "kind": "third_party",
        }
        | {"subjects": [], "first_person_licensed": False, "facts": [], "target_words": [60, 120]}
        for at in range(canaries)
    ]
    path.write_text(json.dumps({"canaries": rows}))
    return path


def main() -> None:
    """Evaluate the baseline against the failing server."""
    from stand_in import running

    parser = argparse.ArgumentParser()
    parser.add_argument("--canaries", type=int, default=2000)
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="that the server takes for an answer")
    given = parser.parse_args()
    began, resident = time.monotonic(), []
    with running("--model", EMBEDDED, "--seconds", str(given.seconds), *FAULTS) as url:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TIMBRE_VLLM_URL": url}
        with tempfile.TemporaryDirectory() as folder:
            suite = write_suite(Path(folder) / "suite.yaml", given.canaries)
            command = [
                *(
                    str(Path(sys.executable).parent / "inspect"),
                    "eval",
                    "evals/voice.py",
                    "--model",
                    "baseline",
                ),
                *(
                    "-T",
                    f"suite={suite}",
                    "-T",
                    f"epochs={given.takes}",
                    "--log-dir",
                    folder,
                    "--display",
                    "none",
                ),
            ]
            process = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
            while process.poll() is None:
                resident.append(psutil.Process(process.pid).memory_info().rss / 2**20)
                time.sleep(2)
            wall_s = time.monotonic() - began
            [log] = [read_eval_log(info) for info in list_eval_logs(folder)]
        asked = httpx.get(f"{url}/requests", trust_env=False).json()
    own_s = len(asked) * given.seconds / CPU_IN_FLIGHT
    counts = Counter((sample.id, sample.epoch) for sample in log.samples or [] if sample.scores)
    lost = given.canaries * given.takes - len(counts)
    half = resident[len(resident) // 2 :]
    figures = {
        "answers": len(counts),
        "requests": len(asked),
        "lost": lost,
        "twice": sum(n > 1 for n in counts.values()),
        "wall_s": round(wall_s, 1),
        "server_s": round(own_s, 1),
        "ratio": round(wall_s / own_s, 2),
        "mb_at_half": round(half[0]),
        "mb_at_end": round(max(half)),
        "status": log.status,
    }
    print(json.dumps(figures))
    sys.exit(bool(lost or figures["twice"]))


if __name__ == "__main__":
    main()
