"""Inspect's view of a run: a model named ``run2`` whose answers come from the shared vLLM server.

Nothing is read, started or loaded before the first request: Inspect builds models also to re-score an
old log. The first request finds the run, the server and the adapter, once, however many samples ask.
"""

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprobs,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import display_counter
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    Omit,
    RateLimitError,
    Timeout,
)
from openai.types.chat import ChatCompletion

from evals.background import in_daemon
from evals.endpoint import Endpoint, is_loopback, serve_run
from evals.inspect_internals import prerequisite, requested
from evals.server import capacity, connect, release, tell
from timbre.errors import TimbreError
from training.adapters import checked_base
from training.base import Base, default_base, resolve_base
from training.runs import BASELINE, Run, find_run

TIMEOUT = Timeout(1800, connect=30)
"""An answer waits for all that were asked before it: on two cores, for minutes."""

SENT = {
    **{name: name for name in ("temperature", "top_p", "max_tokens", "seed", "logprobs", "top_logprobs")},
    **{name: name for name in ("frequency_penalty", "presence_penalty", "extra_headers", "extra_body")},
    **{"stop_seqs": "stop", "num_choices": "n"},
}
"""Settings that go to the server, by Inspect's name, under vLLM's; three more go there in another form."""

KEPT_BY_INSPECT = (
    *("max_retries", "timeout", "attempt_timeout", "max_connections", "adaptive_connections"),
    *("system_message", "cache", "fail_on_refusal", "max_tool_output", "reasoning_history"),
)
"""Settings that Inspect itself applies before or after it asks."""

_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}
_limiters: dict[str, anyio.CapacityLimiter] = {}


@dataclass(frozen=True)
class Subject:
    """What a model name stands for."""

    name: str  # of a run, or ``baseline``
    run: Run | None  # None for the baseline
    base: Base  # that it is served on

    @property
    def identity(self) -> str:
        """Sha256 of the run, or of the base where there is no adapter."""
        return self.run.identity if self.run else self.base.sha256


def find_subject(name: str, base: str | None = None) -> Subject:
    """The completed run of that name, on the base it was trained on; or ``baseline``, on ``base`` or the default one.

    Raises:
        TimbreError: no such run (lists the known ones), its base has changed since, or its adapter isn't fit to load.
    """
    if name == BASELINE:
        return Subject(name, None, resolve_base(base or default_base()))
    run = find_run(name)
    return Subject(name, run, checked_base(run))


@dataclass(frozen=True)
class Connection:
    """An open way to one served model."""

    client: AsyncOpenAI
    model: str
    endpoint: Endpoint
    subject: Subject
    in_flight: int  # requests that the server takes at once


class VoiceAPI(ModelAPI):
    """Provider ``voice``: model names are runs, or ``baseline``, whose base is ``-M base=NAME``.

    ``base_url`` and ``api_key`` are ignored: ``TIMBRE_VLLM_URL`` and ``TIMBRE_VLLM_KEY`` name a server that is there.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
        base: str | None = None,
        **model_args: Any,
    ) -> None:
        if model_args:
            raise TimbreError(f"unknown model argument {', '.join(model_args)}", where="-M", do="known: base")
        super().__init__(model_name=model_name, config=config)
        self.base = base
        self._connection: Connection | None = None
        self._connecting = anyio.Lock()
        self._loop: anyio.lowlevel.EventLoopToken | None = None
        self._samples_in_flight: int | None = None

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One answer; ``stop_reason`` is ``max_tokens`` where the limit cut it off."""
        with prerequisite():
            if tools:
                raise TimbreError(
                    "a run calls no tools", where=self.model_name, do="evaluate it without tools"
                )
            parameters = request_parameters(config)
            connection = await self.connected()
            try:
                response = await _ask(connection, input, parameters, config.max_connections)
            except APITimeoutError:
                raise  # the server has had its time
            except APIConnectionError:
                # A run that needs more layers may have had the server started anew, at another port.
                connection = await self.connected(lost=connection)
                response = await _ask(connection, input, parameters, config.max_connections)
            except anyio.get_cancelled_exc_class() as cancelled:
                # Inspect renders the traceback of each sample that a Ctrl-C cancels: the client's part takes long.
                raise cancelled.with_traceback(None) from None
        usage = response.usage
        # The name without the identity would make two trainings of one name look the same in the log.
        return ModelOutput(
            model=connection.model,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(
                        content=choice.message.content or "", model=connection.model, source="generate"
                    ),
                    stop_reason=_STOPS.get(choice.finish_reason, "unknown"),
                    logprobs=Logprobs(**choice.logprobs.model_dump()) if choice.logprobs else None,
                )
                for choice in response.choices
            ],
            usage=ModelUsage(
                input_tokens=usage.prompt_tokens,
                output_tokens=usage.completion_tokens,
                total_tokens=usage.total_tokens,
            )
            if usage
            else None,
            metadata={
                "identity": connection.subject.identity,
                "server": connection.endpoint.served.as_metadata(),
            },
        )

    async def connected(self, lost: Connection | None = None) -> Connection:
        """The connection, made by whoever asks first; ``lost`` is one that broke and is not given again."""
        if self._loop != (loop := anyio.lowlevel.current_token()):
            # Inspect keeps a model for the next eval of its process, and a client is its event loop's.
            if self._connection is not None:
                release(self._connection.endpoint)
            self._loop, self._connection, self._connecting = loop, None, anyio.Lock()
        async with self._connecting:
            if self._connection is None or self._connection is lost:
                found = await in_daemon(self._connect)
                if lost is not None and self._connection is lost and found.endpoint == lost.endpoint:
                    await _close(found)  # the server lives, and others wait for its answers
                else:
                    await self.aclose()
                    self._connection = found
            return self._connection

    def _connect(self) -> Connection:
        subject = find_subject(self.model_name, self.base)
        endpoint = connect(subject.base, subject.run, self._show_progress)
        model = serve_run(endpoint, subject.run) if subject.run else endpoint.served.model
        return Connection(open_client(endpoint), model, endpoint, subject, capacity(subject.base))

    def _show_progress(self, line: str) -> None:
        """Show the server's start in Inspect's display, which is its event loop's, and on stderr."""
        tell(line)
        with suppress(RuntimeError):  # the eval has ended
            anyio.from_thread.run_sync(display_counter, "server", line, token=self._loop)

    async def aclose(self) -> None:
        """Let the client go; the server stays for the next process."""
        if self._connection is not None:
            await _close(self._connection)
            self._connection = None

    def should_retry(self, ex: BaseException) -> bool:
        """Retry a busy server, a broken connection and an answer that is none, as often as the task allows.

        A server that is gone for good is an error of ``connect``, which is not retried.
        """
        if isinstance(ex, APIConnectionError):
            return not isinstance(ex, APITimeoutError)
        if isinstance(ex, APIStatusError):
            return isinstance(ex, RateLimitError) or ex.status_code >= 500
        return isinstance(ex, UnreadableAnswerError)

    def connection_key(self) -> str:
        """All runs of one base share the server, and so its connections."""
        return "timbre-vllm"

    def max_connections(self) -> int:
        """Samples in flight without ``--max-connections``: twice the requests, or as many for each of several runs.

        While some are judged, the others keep the server busy; ``generate`` itself holds the requests to what the
        server takes at once. After a Ctrl-C Inspect writes each of them into the log.
        """
        if self._samples_in_flight is None:  # Inspect asks before every request
            requests = capacity(find_subject(self.model_name, self.base).base)
            self._samples_in_flight = requests if len(requested("model")) > 1 else 2 * requests
        return self._samples_in_flight


def ask_all_at_once(model: Model) -> None:
    """Have a run asked as its server can take it, which ``VoiceAPI.max_connections`` knows.

    Inspect's adaptive connections begin at 20 and end at 100, as suits a service that refuses what is too much. Those
    of the command line still go before this.
    """
    if isinstance(model.api, VoiceAPI) and model.config.adaptive_connections is None:
        model.config = model.config.merge(GenerateConfig(adaptive_connections=False))


def open_client(endpoint: Endpoint) -> AsyncOpenAI:
    """A client of an endpoint, which goes through no proxy to a loopback address."""
    return AsyncOpenAI(
        base_url=endpoint.url,
        api_key=endpoint.key or "none",
        timeout=TIMEOUT,
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(trust_env=not is_loopback(endpoint.url), timeout=TIMEOUT),
    )


class UnreadableAnswerError(Exception):
    """The server answered, and not with a chat completion."""


async def _close(connection: Connection) -> None:
    await connection.client.close()
    release(connection.endpoint)


async def _ask(
    connection: Connection, input: list[ChatMessage], parameters: dict[str, Any], asked_in_flight: int | None
) -> ChatCompletion:
    """One request; no more at once than the server takes, or than was asked for.

    Raises:
        UnreadableAnswerError: What came is no chat completion.
    """
    url = connection.endpoint.url
    if url not in _limiters:
        _limiters[url] = anyio.CapacityLimiter(connection.in_flight)
    no_key = {} if connection.endpoint.key else {"Authorization": Omit()}
    async with nullcontext() if asked_in_flight else _limiters[url]:
        try:
            answer: ChatCompletion = await connection.client.chat.completions.create(
                model=connection.model,
                messages=[{"role": m.role, "content": m.text} for m in input],  # type: ignore[misc]
                **{**parameters, "extra_headers": {**no_key, **parameters.get("extra_headers", {})}},
            )
        except ValueError as error:  # no JSON, or no text
            raise UnreadableAnswerError(f"{url} answered with no JSON ({error})"[:200]) from error
    choices = getattr(answer, "choices", None)
    if not choices or not all(getattr(choice, "message", None) for choice in choices):
        raise UnreadableAnswerError(f"{url} answered with no chat completion: {answer!r}"[:200])
    return answer


def request_parameters(config: GenerateConfig) -> dict[str, Any]:
    """Inspect's settings as vLLM's API spells them; what is not set is left to the server.

    Raises:
        TimbreError: A setting that can't be sent, by name: what was asked must be what happened.
    """
    given = {name: value for name, value in config if value is not None}
    known = {*SENT, *KEPT_BY_INSPECT, "top_k", "logit_bias", "response_schema"}
    if unknown := sorted(given.keys() - known):
        raise TimbreError(
            f"the server of runs can't be told {', '.join(unknown)}",
            where="generation settings",
            do="leave it out, or give vLLM's own setting in extra_body",
        )
    parameters = {SENT[name]: value for name, value in given.items() if name in SENT}
    if config.top_k is not None:
        parameters["extra_body"] = {**(config.extra_body or {}), "top_k": config.top_k}
    if config.logit_bias:
        parameters["logit_bias"] = {str(token): bias for token, bias in config.logit_bias.items()}
    if (wanted := config.response_schema) is not None:
        schema = wanted.json_schema.model_dump(exclude_none=True, by_alias=True)
        parameters["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": wanted.name, "schema": schema},
        }
    return parameters
