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
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import anyio.to_thread
from inspect_ai.model import CachePolicy, GenerateConfig, Model, ModelOutput, ResponseSchema, model_roles
from inspect_ai.util import JSONSchema, collect

from evals.provider import VoiceAPI, find_subject
from judges.pooled import pooled
from judges.reply_logprobs import TokenChoice
from judges.rubric import (
    MAX_REPLY_TOKENS,
    Rubric,
    load_rubric,
    parse_reply,
    rubric_identity,
    rubric_prompt,
    rubric_schema,
)
from judges.types import DIMENSIONS, Answer, Judgement, unscored
from timbre.errors import TimbreError

ROLE = "grader"
GRADED = tuple(key for key, dimension in DIMENSIONS.items() if dimension.judged_by == "grader")

_RUNTIME = {"max_connections", "adaptive_connections", "max_retries", "timeout", "attempt_timeout"}
"""Settings of a grader that don't change what it says."""


def graders() -> tuple[Model, ...]:
    """The models in the role ``grader``; none where the role is empty: a run never grades itself."""
    found = model_roles().get(ROLE, [])
    return tuple(found) if isinstance(found, list) else (found,)


def grader_name(grader: Model) -> str:
    """The grader's name, with the identity of a run and with settings of its own; for logs and licences.

    Raises:
        TimbreError: It is a run that isn't there.
    """
    settings = grader.config.model_dump(mode="json", exclude_none=True, exclude={*_RUNTIME, "cache", "batch"})
    told = f" {json.dumps(settings, sort_keys=True)}" if settings else ""
    if isinstance(grader.api, VoiceAPI):
        return f"{grader}@{_run_identity(grader.name, grader.api.base)[:16]}{told}"
    return f"{grader}{told}"


@lru_cache(maxsize=32)
def _run_identity(name: str, base: str | None) -> str:
    return find_subject(name, base).identity


def reply_cache(grader: str, rubric: Rubric) -> CachePolicy | bool:
    """Keeps replies for good, for this grader and rubric; False under ``TIMBRE_GRADER_CACHE=off``.

    The prompt is part of Inspect's own key. Epochs are not: the same answer is judged once.
    """
    if os.environ.get("TIMBRE_GRADER_CACHE", "").lower() in {"off", "0", "no", "false"}:
        return False
    return CachePolicy(expiry=None, per_epoch=False, scopes={"grader": grader, "rubric": rubric.sha256})


def reply_config(grader: Model, name: str, schema: Mapping[str, object], max_tokens: int) -> GenerateConfig:
    """Greedy, and held to the JSON that is asked for where the provider can.

    Args:
        grader: Its own ``max_tokens``, if it was given some, goes before ours: of a model that reasons first,
            the reasoning counts too.
        name: Of the schema.
        schema: Of the reply.
        max_tokens: Of the longest reply to be expected.
    """
    wanted = ResponseSchema(name=name, json_schema=JSONSchema.model_validate(schema))
    most = grader.config.max_tokens or max_tokens
    return GenerateConfig(temperature=0, max_tokens=most, response_schema=wanted)


def cut_off(output: ModelOutput) -> str | None:
    """Why a reply that isn't understood may be a torn one; None where it was not cut off."""
    if output.stop_reason != "max_tokens":
        return None
    return "reply cut off at its token limit: name the grader as {model: NAME, max_tokens: 4000}"


async def grade(answer: Answer) -> dict[str, Judgement]:
    """The graded dimensions of one answer; nothing without a grader, and nothing for an empty answer."""
    if not graders() or not answer.text.strip():
        return {}
    found = await collect(*(_panel(load_rubric(key), answer) for key in GRADED))
    return {judgement.dimension: judgement for judgement in found}


async def named_graders() -> dict[str, Model]:
    """The graders by name.

    Raises:
        TimbreError: One of them is a run that isn't there.
    """
    return {await anyio.to_thread.run_sync(grader_name, grader): grader for grader in graders()}


async def _panel(rubric: Rubric, answer: Answer) -> Judgement:
    """What the graders together say under one rubric."""
    try:
        named = await named_graders()
    except TimbreError as error:
        return unscored(rubric.dimension, f"no such grader: {error}")
    said = await collect(*(_ask(grader, name, rubric, answer) for name, grader in named.items()))
    judge = str(rubric_identity(rubric, *named))
    return replace(pooled(rubric.dimension, dict(zip(named, said, strict=True))), judge=judge)


async def _ask(grader: Model, name: str, rubric: Rubric, answer: Answer) -> Judgement:
    """One grader; a call that fails leaves the dimension unscored."""
    try:
        return await ask_rubric(grader, rubric, answer, reply_cache(name, rubric))
    except Exception as error:  # any provider's failure: the answer stays, the dimension has no value
        return unscored(rubric.dimension, f"grader {name} failed: {type(error).__name__}: {error}"[:300])


async def ask_rubric(grader: Model, rubric: Rubric, answer: Answer, cache: CachePolicy | bool) -> Judgement:
    """What one grader says of one answer; raises whatever its provider does."""
    config = reply_config(grader, rubric.dimension, rubric_schema(rubric), MAX_REPLY_TOKENS)
    output = await grader.generate(rubric_prompt(rubric, answer), config=config, cache=cache)
    found = parse_reply(rubric, output.completion, answer, token_choices(output))
    torn = cut_off(output)
    return unscored(rubric.dimension, torn) if torn and found.value is None else found


def token_choices(output: ModelOutput) -> tuple[TokenChoice, ...]:
    """The reply's tokens with their alternatives; none where the provider gave no log-probabilities."""
    given = output.choices[0].logprobs if output.choices else None
    return tuple(
        TokenChoice(t.token, {t.token: t.logprob} | {o.token: o.logprob for o in t.top_logprobs or ()})
        for t in (given.content if given else ())
    )
