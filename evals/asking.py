"""How a canary is asked, and what a log says of it: few-shot turns, seeds, a cache that knows who answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from canaries.types import Suite
from evals.endpoint import Served
from evals.inspect_internals import prerequisite, requested_config
from evals.provider import VoiceAPI, find_subject, request_parameters
from evals.server import served_by
from timbre.errors import TimbreError
from training.base import default_base, resolve_base
from training.pairs import load_pairs
from training.runs import Run
from training.types import Pair

TEMPERATURE, TOP_P, MAX_TOKENS = 0.7, 0.95, 512
"""How answers are sampled unless the task's arguments or Inspect's options say otherwise."""


@dataclass(frozen=True)
class Arm:
    """Who is evaluated: a run, the baseline, or any other model of Inspect's."""

    name: str  # of the run, or as Inspect names the model
    identity: str  # sha256 that changes with whatever answers
    run: Run | None
    base: str
    base_sha256: str  # of another model's answers: of the default base, whose stock phrases count as slop
    served: Served


def find_arm(model: Model) -> Arm:
    """The arm that Inspect's model is.

    Raises:
        TimbreError: No such run, an outside endpoint that doesn't serve its base, or a setting asked for that
            can't be sent.
    """
    if isinstance(model.api, VoiceAPI):
        subject = find_subject(model.api.model_name, model.api.base)
        base = subject.base
        request_parameters(requested_config())
        served = served_by(base)
        check_template(subject.run, served)
        return Arm(subject.name, subject.identity, subject.run, base.name, base.sha256, served)
    name = str(model)
    settings = [name, model.config.model_dump(mode="json", exclude_none=True), model.model_args]
    identity = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()
    base = resolve_base(default_base())
    return Arm(name, identity, None, name, base.sha256, Served(name, "unknown", None, url_is_outside=True))


def check_template(run: Run | None, served: Served) -> None:
    """Refuse a run with a chat template of its own on a server that has the base's.

    Raises:
        TimbreError: it would be asked in another form than it was trained in.
    """
    if run and run.config.get("chat_template") and "--chat-template" not in (served.args or ()):
        raise TimbreError(
            f"run {run.name!r} was trained with a chat template of its own, and the server has the base's",
            where=str(run.path / "chat_template.jinja"),
            do='start the server with TIMBRE_VLLM_ARGS="--chat-template FILE"',
        )


def eval_facts(
    arm: Arm,
    suite: Suite,
    judged_by: Mapping[str, str | None],
    decoding: GenerateConfig,
    epochs: int,
    shots: int,
) -> dict[str, Any]:
    """The log's ``eval.metadata["timbre"]``: what Inspect's own plan and config don't say.

    ``decoding`` and ``epochs`` are the task's own; what the command line puts in their place is in Inspect's log.
    """
    return {
        "run": arm.name,
        "identity": arm.identity,
        "base": arm.base,
        "base_sha256": arm.base_sha256,
        "suite": suite.name,
        "suite_sha256": suite.sha256,
        **judged_by,
        "decoding": {
            **{key: getattr(decoding, key) for key in ("temperature", "top_p", "seed", "max_tokens")},
            "epochs": epochs,
            "served_dtype": arm.served.dtype,
        },
        "shots": shots,
        "server": arm.served.as_metadata(),
    }


def facts_version(facts: Mapping[str, Any]) -> str:
    """Task version of an eval: a digest of its facts.

    ``inspect eval-set`` takes a finished log for its own only under the same version, so a retrained run,
    another suite or changed judges are evaluated anew.
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@solver
def answer_canary(
    voice: str, shots: int, identity: str, served: dict[str, Any], system: str | None = None
) -> Solver:
    """Ask the canary once, after ``shots`` pairs of ``voice``; of a conversation, each message after those before it.

    The arm's ``identity`` and what is ``served`` are the cache's scope, so that a retrained run is asked anew. A
    system message of the command line takes the place of ``system``, which the run was trained with.
    """
    turns = few_shot(load_pairs(Path(voice)), shots) if shots else []

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        config, canary = requested_config(), str(state.sample_id)
        if config.seed is not None:
            state.metadata["seed"] = answer_seed(config.seed, canary, state.epoch)
        trained = [ChatMessageSystem(content=system)] if system and not config.system_message else []
        state.messages = [*trained, *turns, *state.messages]
        who = {"identity": identity, "server": json.dumps(served, sort_keys=True)}
        further = state.metadata.get("further_messages", [])
        for turn in range(1 + len(further)):
            if turn:
                state.messages.append(ChatMessageUser(content=further[turn - 1]))
            seed = None if config.seed is None else answer_seed(config.seed, canary, state.epoch, turn)
            state = await generate(state, cache=_scoped(config.cache, who), seed=seed)
            with prerequisite():
                state.output.metadata = {
                    "identity": identity,
                    "server": served,
                    **_checked(state.output.metadata or {}, identity, served),
                }
        return state

    return solve


def _checked(answered: Mapping[str, Any], identity: str, served: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the provider says of an answer, if it is what the log says of all.

    Raises:
        TimbreError: The run was trained again, or the server was started anew otherwise, during the eval.
    """
    for key, logged in (("identity", identity), ("server", served)):
        answers = answered.get(key, logged)
        if key == "server" and not served["url_is_outside"]:
            # The base's own server may have been started under another name of the base: a folder, an id.
            answers = {**answers, "model": served["model"]}
        if answers != logged:
            raise TimbreError(
                f"the answer's {key} is {answers}, and the log's is {logged}",
                where="evals/voice.py",
                do="evaluate again: the run or its server has changed since the eval began",
            )
    return answered


def _scoped(asked: bool | CachePolicy | None, who: Mapping[str, str]) -> CachePolicy | bool:
    """The cache that was asked for, kept apart by who answers."""
    if not asked:
        return False
    policy = asked if isinstance(asked, CachePolicy) else CachePolicy()
    return policy.model_copy(update={"scopes": {**policy.scopes, **who}})


def answer_seed(seed: int, canary: str, epoch: int, turn: int = 0) -> int:
    """The seed of one reply, in [0, 2**31): the same for every arm, another for every canary, epoch and turn."""
    digest = hashlib.sha256(f"{seed}/{canary}/{epoch}{f'/{turn}' if turn else ''}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def few_shot(pairs: tuple[Pair, ...], shots: int) -> list[ChatMessage]:
    """The writer's best pairs as turns of a chat: lowest tier first, shortest first within a tier."""
    best = sorted((p for p in pairs if p.split == "train"), key=lambda p: (p.tier, len(p.response), p.line))
    return [
        message
        for p in best[:shots]
        for message in (ChatMessageUser(content=p.prompt), ChatMessageAssistant(content=p.response))
    ]
