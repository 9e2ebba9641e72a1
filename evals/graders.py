"""The graders of an eval: the models in the role ``grader``, asked every rubric, and their replies kept.

    --model-role grader=openai/gpt-5                              one
    --model-role grader=openai/gpt-5,anthropic/claude-sonnet-4-5  a panel, pooled

A reply is kept in Inspect's cache without end, by the whole prompt (rubric and answer), the grader and
its settings: judging the same answer again by the same rubric asks nothing. ``TIMBRE_GRADER_CACHE=off``
asks anew and keeps nothing; ``inspect cache clear --model NAME`` forgets.

A grader that is asked for log-probabilities counts each item by how sure it was of its yes or no; not every
provider takes the setting, so it is the user's, and makes another judge:

    --model-role 'grader={model: openai/gpt-4.1, logprobs: true, top_logprobs: 10}'
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import anyio
from inspect_ai.model import CachePolicy, GenerateConfig, Model, ModelOutput, ResponseSchema, model_roles
from inspect_ai.util import JSONSchema, collect
from tenacity import RetryError

from evals.provider import VoiceAPI, find_subject
from judges.grading import GraderPrompt, TokenChoice
from judges.rubric import (
    MAX_REPLY_TOKENS,
    Rubric,
    load_rubric,
    parse_reply,
    pooled,
    rubric_identity,
    rubric_prompt,
)
from judges.text import is_blank
from judges.types import DIMENSIONS, FAULT_AT, Answer, Judgement, unscored
from timbre.errors import TimbreError

ROLE = "grader"
GRADED = tuple(key for key, dimension in DIMENSIONS.items() if dimension.judged_by == "grader")

_RUNTIME = {"max_connections", "adaptive_connections", "max_retries", "timeout", "attempt_timeout"}
"""Settings of a grader that don't change its replies."""

MAX_RETRIES = 5
"""Of a grader that is busy, limits the rate or times out, unless it was given a figure of its own; after these the
dimension is unscored. Inspect's own default has no end."""

ATTEMPT_TIMEOUT_S = 900
"""A grader on two cores answers after minutes."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Grader:
    """A model that judges."""

    model: Model
    name: str  # in logs and licences, and of its cached replies

    @classmethod
    def of(cls, model: Model) -> "Grader":
        """The model under its name, with the identity of a run and with settings of its own.

        Raises:
            TimbreError: It is a run that isn't there.
        """
        own = model.config.model_dump(mode="json", exclude_none=True, exclude={*_RUNTIME, "cache", "batch"})
        suffix = f" {json.dumps(own, sort_keys=True)}" if own else ""
        if isinstance(model.api, VoiceAPI):
            suffix = f"@{_run_identity(model.name, model.api.base)[:16]}{suffix}"
        return cls(model, f"{model}{suffix}")

    async def reply(
        self,
        prompt: GraderPrompt,
        rubric: Rubric,
        max_tokens: int,
        *,
        use_cache: bool = True,
    ) -> ModelOutput:
        """Its reply, within its own limit of tokens or ``max_tokens``; raises whatever its provider does.

        With ``use_cache`` a cached reply to the prompt by this rubric will do, and a new one is cached.
        """
        config = reply_config(self.model, rubric.dimension, prompt.schema, max_tokens)
        if os.environ.get("TIMBRE_GRADER_CACHE", "").lower() in {"off", "0", "no", "false"}:
            use_cache = False
        # The prompt is part of Inspect's own key. Epochs are not: the same answer is judged once.
        scopes = {"grader": self.name, "rubric": rubric.sha256}
        cache = use_cache and CachePolicy(expiry=None, per_epoch=False, scopes=scopes)
        return await self.model.generate(prompt.text, config=config, cache=cache)


@lru_cache(maxsize=32)
def _run_identity(name: str, base: str | None) -> str:
    return find_subject(name, base).identity


def role_graders() -> tuple[Grader, ...]:
    """The models in the role ``grader``; none where the role is empty: a run never grades itself.

    Raises:
        TimbreError: One of them is a run that isn't there.
    """
    models = model_roles().get(ROLE, [])
    return tuple(map(Grader.of, models if isinstance(models, list) else [models]))


def grader_names() -> str | None:
    """Their names for logs; None where there is no grader."""
    return ", ".join(sorted(grader.name for grader in role_graders())) or None


def reply_config(grader: Model, name: str, schema: Mapping[str, object], max_tokens: int) -> GenerateConfig:
    """Greedy decoding, constrained to the JSON that is asked for where the provider can.

    The grader's own ``max_tokens``, if it was given some, goes before ours: of a model that reasons first, the
    reasoning counts too.
    """
    own = grader.config
    return GenerateConfig(
        temperature=0,
        max_tokens=own.max_tokens or max_tokens,
        response_schema=ResponseSchema(name=name, json_schema=JSONSchema.model_validate(schema)),
        max_retries=MAX_RETRIES if own.max_retries is None else own.max_retries,
        attempt_timeout=own.attempt_timeout or ATTEMPT_TIMEOUT_S,
    )


def cut_off(output: ModelOutput) -> str | None:
    """What to say of a reply that was cut off at its token limit; None where it wasn't."""
    if output.stop_reason != "max_tokens":
        return None
    return "reply cut off at its token limit: name the grader as {model: NAME, max_tokens: 4000}"


def failure(error: BaseException) -> str:
    """A provider's error in one line; of a call that was tried again and again, the last one's."""
    if isinstance(error, RetryError):
        error = error.last_attempt.exception() or error
    return f"{type(error).__name__}: {error}"[:300]


async def grade(
    answer: Answer, graders: Sequence[Grader], integrity: Judgement | None = None
) -> dict[str, Judgement]:
    """The graded dimensions of one answer, pooled over the graders; nothing without a grader.

    An answer whose ``integrity`` is a fault is 0 under every rubric, with the fault as evidence, and no grader is
    asked (contract C4).
    """
    fault = integrity if integrity and (integrity.value or 0.0) >= FAULT_AT else None
    if not graders or (is_blank(answer.text) and not fault):
        return {}

    async def judged(key: str) -> Judgement:
        rubric = load_rubric(key)
        judge = str(rubric_identity(rubric, *(grader.name for grader in graders)))
        if fault:
            return Judgement(key, 0.0, fault.evidence, details={"fault": 1.0}, judge=judge)
        each = await collect(*(_ask(grader, rubric, answer) for grader in graders))
        by_name = {grader.name: one for grader, one in zip(graders, each, strict=True)}
        return replace(pooled(key, by_name), judge=judge)

    return dict(zip(GRADED, await collect(*map(judged, GRADED)), strict=True))


async def _ask(grader: Grader, rubric: Rubric, answer: Answer) -> Judgement:
    """One grader; a call that fails leaves the dimension unscored."""
    try:
        return await ask_rubric(grader, rubric, answer)
    except Exception as error:  # any provider's failure: the answer stays, the dimension has no value
        return unscored(rubric.dimension, f"grader {grader.name} failed: {failure(error)}"[:300])


async def ask_rubric(grader: Grader, rubric: Rubric, answer: Answer, *, use_cache: bool = True) -> Judgement:
    """One grader's judgement of one answer; raises whatever its provider does."""
    prompt = rubric_prompt(rubric, answer)
    output = await grader.reply(prompt, rubric, MAX_REPLY_TOKENS, use_cache=use_cache)
    judgement = parse_reply(rubric, output.completion, answer, token_choices(output))
    problem = cut_off(output)
    return unscored(rubric.dimension, problem) if problem and judgement.value is None else judgement


def token_choices(output: ModelOutput) -> tuple[TokenChoice, ...]:
    """The reply's tokens with their alternatives; none where the provider gave no log-probabilities."""
    given = output.choices[0].logprobs if output.choices else None
    return tuple(
        TokenChoice(t.token, {t.token: t.logprob} | {o.token: o.logprob for o in t.top_logprobs or ()})
        for t in (given.content if given else ())
    )


async def ask_each(
    grader: str, ask: Callable[[T], Awaitable[R]], items: Sequence[T], on_item: Callable[[], None]
) -> list[R | str]:
    """``ask`` each item, the first alone and then the others together; the reason in place of a call that failed.

    Results are in the order of the items; ``on_item`` is called as each comes.

    Raises:
        TimbreError: The first call fails: a wrong key would fail a thousand times over.
    """
    results: dict[int, R | str] = {}

    async def ask_at(at: int) -> None:
        try:
            results[at] = await ask(items[at])
        except Exception as error:  # any provider's failure
            if at == 0:
                do = "mend it and call again; replies it gave before are cached"
                raise TimbreError(f"the grader failed: {failure(error)}", where=grader, do=do) from error
            results[at] = failure(error)
        on_item()

    if items:
        await ask_at(0)
    async with anyio.create_task_group() as group:
        for at in range(1, len(items)):
            group.start_soon(ask_at, at)
    return [results[at] for at in range(len(items))]
