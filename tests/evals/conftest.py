"""A grader that is asked through Inspect like any other, and a server that stands for vLLM; both count."""

import argparse
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
)

from benchmarks.stand_in import StandIn
from evals import server, vllm_command
from evals.server_record import Leases, running
from timbre.paths import CHECKOUT, models_dir
from training.base import EMBEDDED

Reply = Callable[[str], str]


@dataclass
class FakeGrader:
    """A ``mockllm`` under a name of its own.

    Attributes:
        model: What Inspect asks.
        prompts: What it was asked, in order; a reply out of the cache leaves no trace here.
    """

    model: Model
    prompts: list[str] = field(default_factory=list)


@pytest.fixture
def make_grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeGrader]:
    """Makes a grader whose replies are ``reply(prompt)``; Inspect's cache is the test's own folder."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))

    def make(
        reply: Reply,
        name: str = "grader",
        config: GenerateConfig | None = None,
        stop_reason: StopReason = "stop",
    ) -> FakeGrader:
        prompts: list[str] = []

        def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
            prompts.append(messages[-1].text)
            output = ModelOutput.from_content(name, reply(messages[-1].text), stop_reason)
            # Without usage, mockllm would count tokens with a tokenizer that it downloads.
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

        model = get_model(f"mockllm/{name}", config=config or GenerateConfig(), custom_outputs=answer)
        return FakeGrader(model, prompts)

    return make


@dataclass
class RunningStandIn:
    """A stand-in for vLLM in a thread of this process; its arguments may be changed as it runs."""

    url: str
    app: StandIn

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Of all requests so far but lists of models."""
        return [request["body"] for request in self.app.requests]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStandIn]:
    """The outside endpoint of ``TIMBRE_VLLM_URL``, which lists the embedded base; no key, a home of its own."""
    app = StandIn(argparse.Namespace(model=EMBEDDED, words=20, seconds=0.0, slots=100, fail=False))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    monkeypatch.setenv("TIMBRE_VLLM_URL", url)
    monkeypatch.setenv("TIMBRE_MODELS", str(models_dir()))  # the converted base stays where it is
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    for name in ("TIMBRE_VLLM_KEY", "TIMBRE_VLLM_MODEL", "TIMBRE_BASE", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield RunningStandIn(url, app)
    server.should_exit = True
    thread.join()


@pytest.fixture
def own_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home without servers and runs, where vLLM is the stand-in; what was started is ended."""
    monkeypatch.setenv("TIMBRE_MODELS", str(models_dir()))  # the converted base stays where it is
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    for name in ("TIMBRE_VLLM_URL", "TIMBRE_VLLM_ARGS", "TIMBRE_IDLE_MINUTES", "TIMBRE_BASE"):
        monkeypatch.delenv(name, raising=False)

    def command(model: Path, name: str, port: int, adapters: vllm_command.Adapters) -> list[str]:
        script = str(CHECKOUT / "benchmarks" / "stand_in.py")
        return [sys.executable, script, str(port), "--model", name, "--engine"]

    monkeypatch.setattr(vllm_command, "command", command)
    monkeypatch.setattr(vllm_command, "CPU_SHARED_MIB", 0)  # the stand-in needs none
    monkeypatch.setattr(server, "_leases", Leases())
    yield
    for folder, _ in running():
        server.stop(folder)
