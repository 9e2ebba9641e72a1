"""How long commands take to begin: ``timbre --help``, and ``inspect eval`` up to its first request to a server.

    python benchmarks/start.py [--rounds 5]

The voice task is compared with a task of one sample, ``generate()`` and ``includes()`` through Inspect's own
OpenAI-compatible provider, ``--help`` with an empty Python; in turn. CPU time is that of the process itself, up to
the moment the server has the request; on a busy machine it is the figure to go by.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from timbre.paths import CHECKOUT
from training.base import EMBEDDED

TRIVIAL = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@task
def trivial():
    return Task([Sample(input="What is a spoon?", target="the")], solver=generate(), scorer=includes())
"""
TICKS = os.sysconf("SC_CLK_TCK")


def asked(url: str) -> int:
    """Questions that the server has been asked."""
    with urllib.request.urlopen(f"{url}/requests") as reply:
        return sum(request["path"] == "/v1/chat/completions" for request in json.load(reply))


def to_first_request(
    url: str, folder: Path, environment: Mapping[str, str], *arguments: str
) -> tuple[float, float]:
    """Wall and CPU seconds of ``inspect eval`` until the server is asked; what follows is cut off."""
    command = [str(Path(sys.executable).parent / "inspect"), "eval", *arguments, "--display", "none"]
    before, began = asked(url), time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    while asked(url) == before:
        if process.poll() is not None:
            sys.exit(f"{' '.join(command)} ended without a request")
        time.sleep(0.02)
    wall = time.monotonic() - began
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    process.kill()
    process.wait()
    return wall, (int(fields[11]) + int(fields[12])) / TICKS


def whole(*arguments: str) -> tuple[float, float]:
    """Wall and CPU seconds of a Python command."""
    before, began = os.times(), time.monotonic()
    subprocess.run([sys.executable, *arguments], cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return time.monotonic() - began, spent


def main() -> None:
    """Alternate and print medians."""
    from stand_in import running

    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[float, float]]] = {}
    with running("--model", EMBEDDED) as url, tempfile.TemporaryDirectory() as folder:
        Path(folder, "trivial.py").write_text(TRIVIAL)
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TIMBRE_VLLM_URL": url}
        environment |= {"LOCAL_BASE_URL": f"{url}/v1", "LOCAL_API_KEY": "none", "INSPECT_LOG_DIR": folder}
        plain = (Path(folder), environment, "trivial.py", "--model", f"openai-api/local/{EMBEDDED}")
        voice = (CHECKOUT, environment, "evals/voice.py", "--model", "baseline")
        for _ in range(rounds):
            for name, figures in {
                "python": whole("-c", "pass"),
                "timbre --help": whole("-m", "timbre", "--help"),
                "trivial task": to_first_request(url, *plain),
                "voice task": to_first_request(url, *voice),
            }.items():
                found.setdefault(name, []).append(figures)
                print(f"{name}: {figures[0]:.2f} s, {figures[1]:.2f} s of CPU", flush=True)
    for kind, at in (("wall", 0), ("CPU", 1)):
        medians = {name: statistics.median(f[at] for f in figures) for name, figures in found.items()}
        print(
            f"{kind}, medians of {rounds}: --help {medians['timbre --help'] - medians['python']:+.2f} s over Python, "
            f"voice {medians['voice task'] - medians['trivial task']:+.2f} s over a trivial task"
        )


if __name__ == "__main__":
    main()
