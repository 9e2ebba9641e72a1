"""Duels put to a grader: each asked in both orders, every reply cached; the runs that wrote are not asked."""

import re
from collections.abc import Callable, Sequence

from inspect_ai.model import GenerateConfig, get_model

from evals.graders import Grader, ask_each
from judges.pairwise import (
    MAX_REPLY_TOKENS,
    Choice,
    Duel,
    Outcome,
    pairwise_identity,
    pairwise_prompt,
    parse_choice,
    settle,
    settled_unasked,
)
from judges.rubric import Rubric
from timbre.errors import TimbreError

TOP_LOGPROBS = 10
"""Alternatives asked for at each token; yes and no are among them wherever the question was understood."""


def open_grader(name: str, *, logprobs: bool = False, max_connections: int | None = None) -> Grader:
    """Any Inspect model, or a run; ``logprobs`` as of a role with ``logprobs: true``.

    Raises:
        TimbreError: Inspect knows no such provider, or lacks its package or key; there is no such run.
    """
    config = GenerateConfig(max_connections=max_connections)
    if logprobs:
        config.logprobs, config.top_logprobs = True, TOP_LOGPROBS
    try:
        model = get_model(name, config=config, memoize=False)
    except Exception as error:  # each provider complains in its own way
        reason = " ".join(re.sub(r"\[/?[a-z ]+\]", "", str(error)).split())
        raise TimbreError(
            f"can't open the grader: {reason}",
            where=name,
            do="name a model as Inspect does, such as openai/gpt-5, and give its provider's key",
        ) from error
    return Grader.of(model)


async def ask_duels(
    grader: Grader,
    rubric: Rubric,
    duels: Sequence[Duel],
    reference: Sequence[str] = (),
    *,
    on_item: Callable[[], None] = lambda: None,
    use_cache: bool = True,
) -> tuple[str, list[Outcome]]:
    """Ask one quality of all duels, showing ``reference``, the writer's texts, for likeness to a writer.

    Replies are cached as those of rubrics are (``Grader.reply``), each as it comes: a second call, or one after
    an interruption, asks only what is missing. ``on_item`` is called as each outcome comes.

    Returns:
        ``str`` of the judge's identity, and the outcomes in the order of ``duels``.

    Raises:
        TimbreError: The first call fails. A later call that fails leaves its duel unsettled.
    """

    async def choice(prompt: str, a: str, b: str) -> Choice | None:
        question = pairwise_prompt(rubric, prompt, a, b, reference)
        output = await grader.reply(question, rubric, MAX_REPLY_TOKENS, use_cache=use_cache)
        return parse_choice(output.completion, a, b)

    async def ask(duel: Duel) -> Outcome:
        in_order = await choice(duel.prompt, duel.first_text, duel.second_text)
        swapped = await choice(duel.prompt, duel.second_text, duel.first_text)
        return settle(duel, in_order, swapped)

    unasked = [settled_unasked(duel) for duel in duels]
    to_ask = [duel for duel, outcome in zip(duels, unasked, strict=True) if outcome is None]
    for _ in range(len(duels) - len(to_ask)):
        on_item()
    asked = iter(await ask_each(grader.name, ask, to_ask, on_item))
    found = [(duel, outcome or next(asked)) for duel, outcome in zip(duels, unasked, strict=True)]
    outcomes = [Outcome(duel, None, unsettled=o) if isinstance(o, str) else o for duel, o in found]
    return str(pairwise_identity(rubric, grader.name, reference)), outcomes
