"""The provider's way to a server that is started anew while it is being asked."""

from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelOutput
from openai import APIConnectionError

from evals.provider import Connection, VoiceAPI


class Client:
    """Stands for a server: answers with its name, or is gone."""

    def __init__(self, name: str, *, gone: bool = False) -> None:
        self.name, self.gone, self.closed = name, gone, False
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.create))

    async def create(self, **asked: Any) -> Any:
        await anyio.sleep(0)
        if self.gone:
            raise APIConnectionError(request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
        message = SimpleNamespace(content=self.name)
        choice = SimpleNamespace(message=message, finish_reason="stop", logprobs=None)
        return SimpleNamespace(choices=[choice], usage=None)

    async def close(self) -> None:
        self.closed = True


def ask(clients: list[Client], times: int) -> list[str]:
    """Answers of ``times`` calls at once; the n-th connection that is made leads to the n-th client."""
    api, left, answers = VoiceAPI("run2"), list(clients), []

    def connect() -> Connection:
        place: Any = SimpleNamespace(dtype="float32", identity="0" * 64)
        client: Any = left.pop(0)
        return Connection(client, "run2@0", place, place)

    api._connect = connect  # type: ignore[method-assign]

    async def call() -> None:
        output = await api.generate([ChatMessageUser(content="Hello?")], [], "none", GenerateConfig())
        assert isinstance(output, ModelOutput)
        answers.append(output.completion)

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(times):
                group.start_soon(call)

    anyio.run(all_at_once)
    return answers


def test_calls_that_lose_their_server_find_the_new_one_together() -> None:
    old, new = Client("old", gone=True), Client("new")
    assert ask([old, new], times=5) == ["new"] * 5
    assert old.closed and not new.closed


def test_a_server_that_is_gone_twice_is_an_error() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        ask([Client("old", gone=True), Client("new", gone=True)], times=1)
    assert isinstance(caught.value.exceptions[0], APIConnectionError)
