"""Inspect's view of a run: a model named ``run2`` whose answers come from the shared vLLM server.

Nothing is read, started or loaded before the first request: Inspect builds models also to re-score an
old log. The first request finds the run, the server and the adapter, once, however many samples ask.
"""

from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import display_counter
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, RateLimitError
from openai.types.chat import ChatCompletion

from evals.endpoint import Endpoint, serve_base, serve_run
from evals.server import connect, tell
from timbre.errors import TimbreError
from training.base import Base, default_base, resolve_base
from training.runs import BASELINE, Run, base_of, find_run

MAX_CONNECTIONS = 64
"""Requests in flight: throughput on a CPU grows up to about here."""

_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}


@dataclass(frozen=True)
class Subject:
    """What a model name stands for.

    Attributes:
        name: Run name, or ``baseline``.
        run: The run; None for the baseline.
        base: The base it is served on.
    """

    name: str
    run: Run | None
    base: Base

    @property
    def identity(self) -> str:
        """Sha256 of the run, or of the base where there is no adapter."""
        return self.run.identity if self.run else self.base.sha256


def find_subject(name: str, base: str | None = None) -> Subject:
    """The run or baseline of that name, on the base it was trained on.

    Args:
        name: ``baseline`` or a completed run.
        base: Base of the baseline; ``TIMBRE_BASE`` or the embedded one by default.

    Raises:
        TimbreError: no such run (lists the known ones), or its base has changed since.
    """
    if name == BASELINE:
        return Subject(name, None, resolve_base(base or default_base()))
    run = find_run(name)
    return Subject(name, run, base_of(run))


@dataclass(frozen=True)
class Connection:
    """An open way to one served model."""

    client: AsyncOpenAI
    model: str
    endpoint: Endpoint
    subject: Subject


class VoiceAPI(ModelAPI):
    """Provider ``voice``: model names are runs.

    Args:
        model_name: ``baseline`` or a run.
        base_url: Ignored; set ``TIMBRE_VLLM_URL`` to use a server that is already there.
        api_key: Ignored; the server's key stands in a file, or in ``TIMBRE_VLLM_KEY``.
        config: Inspect's generation settings.
        base: (``-M base=NAME``) the base that ``baseline`` means.
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

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One answer; ``stop_reason`` is ``max_tokens`` where the limit cut it off."""
        if tools:
            raise TimbreError("a run calls no tools", where=self.model_name, do="evaluate it without tools")
        connection = await self.connected()
        try:
            response = await _ask(connection, input, config)
        except APIConnectionError:
            # A run that needs more layers may have had the server started anew, at another port.
            connection = await self.connected(lost=connection)
            response = await _ask(connection, input, config)
        choice = response.choices[0]
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
            ],
            usage=ModelUsage(
                input_tokens=usage.prompt_tokens,
                output_tokens=usage.completion_tokens,
                total_tokens=usage.total_tokens,
            )
            if usage
            else None,
            metadata={"identity": connection.subject.identity, "served_dtype": connection.endpoint.dtype},
        )

    async def connected(self, lost: Connection | None = None) -> Connection:
        """The connection, made by whoever asks first; ``lost`` is one that broke and is not given again."""
        async with self._connecting:
            if lost is not None and self._connection is lost:
                await self.aclose()
            if self._connection is None:
                self._connection = await anyio.to_thread.run_sync(self._connect)
            return self._connection

    def _connect(self) -> Connection:
        subject = find_subject(self.model_name, self.base)
        endpoint = connect(subject.base, subject.run, _progress)
        model = serve_run(endpoint, subject.run) if subject.run else serve_base(endpoint)
        client = AsyncOpenAI(
            base_url=endpoint.url, api_key=endpoint.key or "none", timeout=1800, max_retries=0
        )
        return Connection(client, model, endpoint, subject)

    async def aclose(self) -> None:
        """Let the client go; the server stays for the next process."""
        if self._connection is not None:
            await self._connection.client.close()
            self._connection = None

    def should_retry(self, ex: BaseException) -> bool:
        """Retry what a busy server says; a server that is gone is an error."""
        if isinstance(ex, APIConnectionError):
            return False
        return isinstance(ex, RateLimitError) or (isinstance(ex, APIStatusError) and ex.status_code >= 500)

    def connection_key(self) -> str:
        """All runs of one base share the server, and so its connections."""
        return "timbre-vllm"

    def max_connections(self) -> int:
        """Requests in flight unless ``--max-connections`` says otherwise."""
        return MAX_CONNECTIONS


async def _ask(connection: Connection, input: list[ChatMessage], config: GenerateConfig) -> ChatCompletion:
    return await connection.client.chat.completions.create(
        model=connection.model,
        messages=[{"role": m.role, "content": m.text} for m in input],  # type: ignore[misc]
        **_parameters(config),
    )


def _parameters(config: GenerateConfig) -> dict[str, Any]:
    """Inspect's settings as the OpenAI API spells them; what is not set is left to the server."""
    names = (
        "temperature",
        "top_p",
        "max_tokens",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logprobs",
    )
    given = {name: getattr(config, name) for name in (*names, "top_logprobs")}
    parameters = {name: value for name, value in given.items() if value is not None}
    if config.stop_seqs:
        parameters["stop"] = config.stop_seqs
    if config.response_schema is not None:
        parameters["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": config.response_schema.name,
                "schema": config.response_schema.json_schema.model_dump(exclude_none=True, by_alias=True),
            },
        }
    return parameters


def _progress(line: str) -> None:
    """Show the server's start in Inspect's display and, for plain displays, on stderr."""
    display_counter("server", line)
    tell(line)
