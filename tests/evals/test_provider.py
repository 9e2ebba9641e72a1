"""The provider: what it sends, and its way to a server that is started anew while it is being asked."""

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import anyio
import httpx
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelOutput, ResponseSchema
from inspect_ai.util import JSONSchema
from openai import APIConnectionError, APITimeoutError

from evals import provider
from evals.background import in_daemon
from evals.endpoint import Served
from evals.provider import Connection, VoiceAPI, request_parameters
from tests.evals.conftest import RunningStandIn
from timbre.errors import TimbreError

SCHEMA = ResponseSchema(name="s", json_schema=JSONSchema(type="object"))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"temperature": 0.0, "seed": 3}, {"temperature": 0.0, "seed": 3}),
        ({"top_k": 5, "extra_body": {"min_p": 0.1}}, {"extra_body": {"min_p": 0.1, "top_k": 5}}),
        ({"stop_seqs": ["."], "num_choices": 2}, {"stop": ["."], "n": 2}),
        ({"logit_bias": {7: -5.0}}, {"logit_bias": {"7": -5.0}}),
        ({"response_schema": SCHEMA}, {"response_format": {
            "type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}}),
        ({"max_retries": 5, "system_message": "Be brief.", "cache": True}, {}),
    ],
)  # fmt: skip
def test_a_setting_is_sent_as_the_server_spells_it(asked: dict[str, Any], sent: dict[str, Any]) -> None:
    assert request_parameters(GenerateConfig(**asked)) == sent


@pytest.mark.parametrize(
    "asked",
    [{"best_of": 3}, {"reasoning_effort": "low"}, {"prompt_logprobs": 1}, {"batch": 8}, {"verbosity": "low"}],
)
def test_a_setting_that_cannot_be_sent_is_refused_by_name(asked: dict[str, Any]) -> None:
    with pytest.raises(TimbreError, match=next(iter(asked))):
        request_parameters(GenerateConfig(**asked))


def test_the_client_of_a_keyless_loopback_server_uses_no_proxy_and_no_header(
    stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    api = VoiceAPI("baseline")
    output = anyio.run(
        api.generate, [ChatMessageUser(content="Hello?")], [], "none", GenerateConfig(num_choices=2)
    )
    assert isinstance(output, ModelOutput) and len(output.choices) == 2
    assert "authorization" not in stand_in.app.requests[0]["headers"]


class Client:
    """Stands for a server: answers with its name, or is gone."""

    def __init__(self, name: str, *, gone: bool = False, breaks: int = 0) -> None:
        self.name, self.gone, self.closed, self.breaks = name, gone, False, breaks
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.create))
        self.most_at_once = self.at_once = 0

    async def create(self, **asked: Any) -> Any:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        for _ in range(50):  # long enough for all the others to come
            await anyio.sleep(0)
        self.at_once -= 1
        self.breaks -= 1
        if self.gone or self.breaks >= 0:
            raise APIConnectionError(request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
        message = SimpleNamespace(content=self.name)
        choice = SimpleNamespace(message=message, finish_reason="stop", logprobs=None)
        return SimpleNamespace(choices=[choice], usage=None)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_limiters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has its own."""
    monkeypatch.setattr(provider, "_limiters", {})


def ask(clients: list[Client], times: int, config: GenerateConfig | None = None) -> list[str]:
    """Answers of ``times`` calls at once; the n-th connection that is made leads to the n-th client."""
    api, left, answers = VoiceAPI("run2"), list(clients), []
    served = Served("base", "float32", (), url_is_outside=True)

    def connect() -> Connection:
        client: Any = left.pop(0)
        at = replace(served, model=client.name)  # one name is one server
        place: Any = SimpleNamespace(served=at, url="http://127.0.0.1:9", key="", base=None, identity="0")
        return Connection(client, "run2@0", place, place, in_flight=2)

    api._connect = connect  # type: ignore[method-assign]

    async def call() -> None:
        output = await api.generate(
            [ChatMessageUser(content="Hello?")], [], "none", config or GenerateConfig()
        )
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


def test_a_broken_connection_to_a_living_server_breaks_no_other_answer() -> None:
    living, again = Client("server", breaks=1), Client("server")
    assert ask([living, again], times=5) == ["server"] * 5
    assert again.closed and not living.closed


@pytest.mark.parametrize("answer", ["no JSON", {}, {"choices": []}, {"choices": [{"index": 0}]}])
def test_an_answer_that_is_no_chat_completion_is_retried(stand_in: RunningStandIn, answer: Any) -> None:
    stand_in.app.completion = lambda body: answer  # type: ignore[method-assign]
    api = VoiceAPI("baseline")
    with pytest.raises(provider.UnreadableAnswerError) as caught:
        anyio.run(api.generate, [ChatMessageUser(content="Hello?")], [], "none", GenerateConfig())
    assert api.should_retry(caught.value)


def test_an_answer_that_took_too_long_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, another = Client("server"), Client("server")
    late = APITimeoutError(request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
    monkeypatch.setattr(provider, "_ask", AsyncMock(side_effect=late))
    with pytest.raises(ExceptionGroup) as caught:
        ask([slow, another], times=1)
    assert caught.value.exceptions[0] is late and not slow.closed


def test_a_server_that_is_gone_twice_is_an_error() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        ask([Client("old", gone=True), Client("new", gone=True)], times=1)
    assert isinstance(caught.value.exceptions[0], APIConnectionError)


@pytest.mark.parametrize(("config", "most"), [(None, 2), (GenerateConfig(max_connections=5), 5)])
def test_no_more_requests_are_in_flight_than_the_server_takes_unless_the_user_says_so(
    config: GenerateConfig | None, most: int
) -> None:
    client = Client("server")
    ask([client], times=5, config=config)
    assert client.most_at_once == most


@pytest.mark.parametrize(("models", "samples"), [((), 128), (("run2",), 128), (("baseline", "run2"), 64)])
def test_samples_in_flight_are_twice_the_requests_in_all_and_no_fewer_than_these_for_each_run(
    monkeypatch: pytest.MonkeyPatch, models: tuple[str, ...], samples: int
) -> None:
    monkeypatch.setattr(provider, "find_subject", lambda name, base: SimpleNamespace(base=None))
    monkeypatch.setattr(provider, "capacity", lambda base: 64)
    monkeypatch.setattr(provider, "requested", lambda option: models)
    assert VoiceAPI("run2").max_connections() == samples


def test_waiting_for_a_server_ends_when_it_is_cancelled_however_long_the_thread_blocks() -> None:
    never = threading.Event()

    async def wait() -> bool:
        with anyio.move_on_after(0.05) as scope:
            await in_daemon(never.wait)
        return scope.cancelled_caught

    assert anyio.run(wait)
    never.set()


def test_what_goes_wrong_in_the_thread_is_raised_where_it_is_awaited() -> None:
    def fails() -> None:
        raise TimbreError("no server")

    with pytest.raises(TimbreError, match="no server"):
        anyio.run(in_daemon, fails)
