"""A server with vLLM's addresses and no model: answers at once, or after a realistic time.

    python benchmarks/stand_in.py PORT [--words 110] [--seconds 0] [--slots N] [--model NAME] [--engine]
                                  [--errors .05] [--resets .02] [--garbage .01]

It stands for vLLM in benchmarks of what is around it, and in tests of its life. ``GET /requests`` lists what it was
asked, with headers.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from evals.vllm_main import die_with_parent

SENTENCES = Path(__file__).parent.parent / "training" / "data" / "voice.jsonl"
RESET = 0
Scope = dict[str, Any]


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The address of a stand-in that answers, started with these options and ended with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    root = Path(__file__).parent.parent
    server = subprocess.Popen(
        [sys.executable, __file__, str(port), *options], env={**os.environ, "PYTHONPATH": str(root)}
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()


class StandIn:
    """The application; ``arguments`` are the command line's."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.models: list[dict[str, Any]] = [{"id": arguments.model}]
        self.requests: list[dict[str, Any]] = []
        self.active = self.finished = 0
        self.slots = asyncio.Semaphore(arguments.slots)
        responses = [json.loads(line)["response"] for line in SENTENCES.read_text("utf-8").splitlines()]
        self.words = " ".join(responses).split()
        self.chance = random.Random(0)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":
                return
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, answer = await self.answer(scope["path"], json.loads(body) if body else {}, headers)
        if status == RESET:  # it promises more than it sends, and the connection is cut
            promised = [(b"content-type", b"application/json"), (b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 200, "headers": promised})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            return
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = b"text/plain" if isinstance(answer, bytes) else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": content})

    async def answer(self, path: str, body: Scope, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and content."""
        if path == "/metrics":
            return 200, (
                f"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running {self.active}\n"
                f"# TYPE vllm:request_success_total counter\nvllm:request_success_total {self.finished}\n"
            ).encode()
        if path == "/requests":
            return 200, self.requests
        key = os.environ.get("VLLM_API_KEY")
        if key and headers.get("authorization") != f"Bearer {key}":
            return 401, {"error": "key"}
        if path == "/v1/models":
            return 200, {"data": self.models}
        self.requests.append({"path": path, "body": body, "headers": headers})
        if path == "/v1/load_lora_adapter":
            self.models.append({"id": body["lora_name"], "parent": self.arguments.model})
            return 200, {}
        if path != "/v1/chat/completions":
            return 404, {"error": path}
        if self.arguments.fail:
            return 500, {"error": "no"}
        self.active += 1
        try:
            async with self.slots:
                await asyncio.sleep(self.arguments.seconds * self.chance.uniform(0.75, 1.25))
        finally:
            self.active -= 1
            self.finished += 1
        return self.fault() or (200, self.completion(body))

    def fault(self) -> tuple[int, Any] | None:
        """What goes wrong with an answer, by the rates of the command line; mostly nothing."""
        draw, given = self.chance.random(), vars(self.arguments)
        for name, answer in (
            ("errors", (503, {"error": "busy"})),
            ("resets", (RESET, b"")),
            ("garbage", (200, {})),
        ):
            draw -= given.get(name, 0.0)
            if draw < 0:
                return answer
        return None

    def completion(self, body: Scope) -> dict[str, Any]:
        """A chat completion of real sentences, drawn by the seed, model and prompt."""
        draw = random.Random(f"{body.get('seed')} {body['model']} {body['messages'][-1]['content']}")
        start = draw.randrange(len(self.words) - self.arguments.words)
        text = " ".join(self.words[start : start + self.arguments.words]).rstrip(",;:") + "."
        token = {"token": "A", "logprob": -draw.random(), "bytes": None}
        logprobs = {"content": [{**token, "top_logprobs": [token]}], "refusal": None}
        return {
            "id": "0",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": at,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                    "logprobs": logprobs if body.get("logprobs") else None,
                }
                for at in range(body.get("n") or 1)
            ],
            "usage": {"prompt_tokens": 50, "completion_tokens": 150, "total_tokens": 200},
        }


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--words", type=int, default=110, help="of an answer")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="that an answer takes, give or take a quarter"
    )
    parser.add_argument("--slots", type=int, default=1_000_000, help="answers at once; the others wait")
    parser.add_argument("--model", default="stand-in")
    parser.add_argument("--engine", action="store_true", help="have a second process, as vLLM has")
    for name in ("errors", "resets", "garbage"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="share of the answers")
    parser.add_argument("--fail", action="store_true", help="answer every question with HTTP 500")
    arguments = parser.parse_args()
    if arguments.engine:
        die_with_parent()
        if os.fork() == 0:
            die_with_parent()
            signal.pause()
    uvicorn.run(StandIn(arguments), host="127.0.0.1", port=arguments.port, log_level="error")


if __name__ == "__main__":
    main()
