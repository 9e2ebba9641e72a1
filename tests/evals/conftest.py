"""A grader that is asked through Inspect like any other, and counts what reaches it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
)

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
