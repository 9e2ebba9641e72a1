"""Duels put to a grader: each asked in both orders, every reply kept; the runs that wrote are not asked."""

import re
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread
from inspect_ai.model import Model, get_model

from evals.graders import grader_name, reply_cache, reply_config
from judges.pairwise import (
    MAX_REPLY_TOKENS,
    Choice,
    Duel,
    Outcome,
    pairwise_identity,
    pairwise_prompt,
    pairwise_schema,
    parse_choice,
    settle,
    settled_unasked,
)
from judges.rubric_file import Rubric
from timbre.errors import TimbreError


def open_grader(name: str) -> Model:
    """Any Inspect model, or a run.

    Raises:
        TimbreError: Inspect knows no such provider, or lacks its package or key.
    """
    try:
        return get_model(name)
    except Exception as error:  # each provider complains in its own way
        raise no_such_grader(name, error) from error


def no_such_grader(name: str, error: Exception) -> TimbreError:
    """What to say of a name that Inspect can make no model of."""
    said = " ".join(re.sub(r"\[/?[a-z ]+\]", "", str(error)).split())
    return TimbreError(
        f"the grader can't be had: {said}",
        where=name,
        do="name a model as Inspect does, such as openai/gpt-5, and give its provider's key",
    )


async def ask_duels(
    grader: Model,
    rubric: Rubric,
    duels: Sequence[Duel],
    reference: Sequence[str] = (),
    *,
    max_connections: int | None = None,
    told: Callable[[Outcome], None] = lambda outcome: None,
    keep: bool = True,
) -> tuple[str, list[Outcome]]:
    """Ask one quality of all duels.

    Replies are kept as those of rubrics are (``evals.graders.reply_cache``), each as it comes: a second
    call, or one after an interruption, asks only what is missing.

    Args:
        grader: Who is asked.
        rubric: What counts.
        duels: What is compared.
        reference: The writer's texts to show, for likeness to a writer.
        max_connections: Requests in flight; None for the provider's own figure.
        told: Called with each outcome as it comes.
        keep: Whether kept replies will do, and these are kept.

    Returns:
        ``str`` of the judge's identity, and the outcomes in the order of ``duels``.

    Raises:
        TimbreError: The grader is a run that isn't there, or its first call fails. A later call that
            fails leaves its duel unsettled.
    """
    name = await anyio.to_thread.run_sync(grader_name, grader)
    config = reply_config(grader, f"pairwise_{rubric.dimension}", pairwise_schema(), MAX_REPLY_TOKENS)
    config.max_connections = max_connections
    cache = reply_cache(name, rubric) if keep else False
    outcomes = {at: outcome for at, duel in enumerate(duels) if (outcome := settled_unasked(duel))}
    for outcome in outcomes.values():
        told(outcome)

    async def choice(prompt: str, a: str, b: str) -> Choice | None:
        question = pairwise_prompt(rubric, prompt, a, b, reference)
        output = await grader.generate(question, config=config, cache=cache)
        return parse_choice(output.completion)

    async def ask(at: int) -> None:
        duel = duels[at]
        in_order = await choice(duel.prompt, duel.first_text, duel.second_text)
        swapped = await choice(duel.prompt, duel.second_text, duel.first_text)
        outcomes[at] = settle(duel, in_order, swapped)
        told(outcomes[at])

    async def ask_or_say_why_not(at: int) -> None:
        try:
            await ask(at)
        except Exception as error:  # any provider's failure: this duel has no outcome, the others go on
            outcomes[at] = Outcome(duels[at], None, unsettled=f"{type(error).__name__}: {error}"[:300])
            told(outcomes[at])

    to_ask = [at for at in range(len(duels)) if at not in outcomes]
    if to_ask:
        try:  # one alone: a wrong key would fail a thousand times over
            await ask(to_ask[0])
        except Exception as error:
            raise TimbreError(
                f"the grader failed: {type(error).__name__}: {error}"[:300],
                where=name,
                do="mend it and call again; replies it gave before are kept",
            ) from error
    async with anyio.create_task_group() as group:
        for at in to_ask[1:]:
            group.start_soon(ask_or_say_why_not, at)
    return str(pairwise_identity(rubric, name, reference)), [outcomes[at] for at in range(len(duels))]
