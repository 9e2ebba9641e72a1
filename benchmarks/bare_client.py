"""Tokens a second of the voice task on the real vLLM beside a bare asyncio client: same requests, order, in flight.

    python benchmarks/bare_client.py [--canaries 96] [--tokens 128] [--rounds 2]

The first eval of the baseline warms the server and gives the requests, out of Inspect's log; then bare client and
eval go in turn. Seconds are those from the first request to the last answer, so start-up stands apart, and judging
only where it slows the answers.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from inspect_ai.event import ModelEvent
from inspect_ai.log import list_eval_logs, read_eval_log

from evals.endpoint import Endpoint
from evals.provider import request_parameters
from evals.server import capacity, connect
from timbre.paths import CHECKOUT
from training.base import default_base, resolve_base


def evaluated(canaries: int, tokens: int) -> list[ModelEvent]:
    """Every request of an eval with its answer, in the order of asking."""
    arguments = {"suite": "full", "epochs": "1", "max_tokens": str(tokens)}
    with tempfile.TemporaryDirectory() as logs:
        command = [
            *(str(Path(sys.executable).parent / "inspect"), "eval", "evals/voice.py", "--model", "baseline"),
            *(part for key, value in arguments.items() for part in ("-T", f"{key}={value}")),
            *("--limit", str(canaries), "--display", "none", "--log-dir", logs),
        ]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
        log = read_eval_log(list_eval_logs(logs)[0])
    assert log.status == "success", log.error
    events = [event for sample in log.samples or [] for event in sample.events]
    return sorted((e for e in events if isinstance(e, ModelEvent)), key=lambda e: e.timestamp)


def rate_of(events: list[ModelEvent]) -> float:
    """Tokens a second."""
    tokens = sum(event.output.usage.output_tokens for event in events if event.output.usage)
    ends: list[datetime] = [event.completed for event in events if event.completed]
    return tokens / (max(ends) - events[0].timestamp).total_seconds()


async def rate_of_bare(endpoint: Endpoint, bodies: list[dict[str, Any]], in_flight: int) -> float:
    """Tokens a second of the same requests without Inspect."""
    slots = asyncio.Semaphore(in_flight)
    limits = httpx.Limits(max_connections=in_flight)
    async with httpx.AsyncClient(
        headers=endpoint.headers, timeout=None, trust_env=False, limits=limits
    ) as client:

        async def ask(body: dict[str, Any]) -> int:
            async with slots:
                response = await client.post(f"{endpoint.url}/chat/completions", json=body)
            return int(response.raise_for_status().json()["usage"]["completion_tokens"])

        began = time.monotonic()
        tokens = sum(await asyncio.gather(*map(ask, bodies)))
        return tokens / (time.monotonic() - began)


def main() -> None:
    """Go in turn, print every figure, the medians and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--canaries", type=int, default=96)
    parser.add_argument("--tokens", type=int, default=128, help="most of an answer")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    base = resolve_base(default_base())
    endpoint = connect(base)
    model, in_flight = endpoint.served.model, capacity(base)
    asked = evaluated(given.canaries, given.tokens)
    bodies = [
        {
            "model": model,
            "messages": [{"role": m.role, "content": m.text} for m in event.input],
            **request_parameters(event.config),
        }
        for event in asked
    ]
    rates: dict[str, list[float]] = {"bare": [], "eval": []}
    for _ in range(given.rounds):
        rates["bare"].append(asyncio.run(rate_of_bare(endpoint, bodies, in_flight)))
        rates["eval"].append(rate_of(evaluated(given.canaries, given.tokens)))
        print(", ".join(f"{name} {found[-1]:.1f}" for name, found in rates.items()), "tokens/s", flush=True)
    bare, ours = (statistics.median(found) for found in rates.values())
    print(f"{len(bodies)} requests, {in_flight} in flight: medians {bare:.1f} and {ours:.1f} tokens/s")
    print(f"ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main()
