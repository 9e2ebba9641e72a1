"""How a canary is asked: the few-shot turns, the epoch's seed, and a cache that knows the run's identity."""

from pathlib import Path

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from evals.inspect_internals import requested_cache
from training.pairs import load_pairs
from training.types import Pair


@solver
def answer_canary(voice: str, shots: int, seed: int, identity: str) -> Solver:
    """Ask the canary once.

    Args:
        voice: The writer's pairs.
        shots: How many of them to show first.
        seed: Of the first epoch; epoch e is sampled with ``seed + e - 1``.
        identity: Of the run; part of the cache's scope, so that a retrained run is asked anew.
    """
    turns = few_shot(load_pairs(Path(voice)), shots) if shots else []

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.messages = [*turns, *state.messages]
        asked = requested_cache()
        scoped = (
            asked.model_copy(update={"scopes": {**asked.scopes, "identity": identity}}) if asked else False
        )
        return await generate(state, cache=scoped, seed=seed + state.epoch - 1)

    return solve


def few_shot(pairs: tuple[Pair, ...], shots: int) -> list[ChatMessage]:
    """The writer's best pairs as turns of a chat: lowest tier first, shortest first within a tier."""
    best = sorted((p for p in pairs if p.split == "train"), key=lambda p: (p.tier, len(p.response), p.line))
    return [
        message
        for p in best[:shots]
        for message in (ChatMessageUser(content=p.prompt), ChatMessageAssistant(content=p.response))
    ]
