"""Judges that ask a grader, or a server, as ``timbre calibrate`` holds them against labels.

Each question goes through the same prompt, schema, reading and cache as in an eval, so a licence is of the
very judge that an eval's table names. What is asked a second time, to see whether the answer is the same,
passes the cache by.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from inspect_ai.model import GenerateConfig, Model, get_model

from evals.graders import GRADED, ask_rubric, grader_name, reply_cache
from evals.pairwise import ask_duels, no_such_grader
from evals.self_insertion_confirm import ask
from evals.served_judge import ask_judge, by_column, sentences_asked, windows_asked
from evals.server import tell
from evals.stored_judges import HUMOR, SELF_INSERTION, stored_judge
from judges import lora
from judges.licensing.calibrate_pairs import PairJudge
from judges.licensing.named_judges import Family, Judging, NamedJudge
from judges.linear import windows
from judges.pairwise import Duel, Outcome, pairwise_identity, reference_texts
from judges.reference import load_reference
from judges.rubric import rubric_identity
from judges.rubric_file import load_rubric
from judges.self_insertion import self_insertion
from judges.self_insertion_confirm import confirm_identity, confirmed, may_be_asked
from judges.self_insertion_passages import inquiry
from judges.self_insertion_trained import KEY, trained_identity, trained_judgement
from judges.types import Answer
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE

PAIRED = ("humor", "provocativeness", "voice_match", "warmth")
"""Dimensions that ``timbre pairwise`` compares."""

TOP_LOGPROBS = 10
"""Alternatives asked for at each token; yes and no are among them wherever the question was understood."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class GraderJudges:
    """The judges that one grader can be.

    Attributes:
        model: Who is asked.
        name: As it stands in logs and licences.
        portal: Runs its calls, all in one event loop, as their connections ask for.
        told: Called for each text, and for each pair.
        max_connections: Requests in flight; None for the provider's own figure.
    """

    model: Model
    name: str
    portal: BlockingPortal
    told: Callable[[], None]
    max_connections: int | None

    @property
    def families(self) -> Mapping[str, Family]:
        """Those of single texts, for ``judges.licensing.named_judges.find_judge``."""
        return {"rubric": self.rubric, "confirm": self.confirm}

    def rubric(self, key: str) -> NamedJudge:
        """The grader under the rubric of a dimension.

        Raises:
            TimbreError: an eval asks no such rubric.
        """
        if key not in GRADED:
            raise _no_judge("rubric", key, GRADED)
        rubric = load_rubric(key)

        def judging(keep: bool) -> Judging:
            cache = reply_cache(self.name, rubric) if keep else False

            async def value(answer: Answer) -> float | None:
                return (await ask_rubric(self.model, rubric, answer, cache)).value

            return lambda answers: self._all(value, answers)

        return NamedJudge(rubric_identity(rubric, self.name), judging(keep=True), judging(keep=False))

    def confirm(self, key: str) -> NamedJudge:
        """The detector of ``self_insertion`` with the grader behind it.

        Raises:
            TimbreError: another dimension.
        """
        if key != "self_insertion":
            raise _no_judge("confirm", key, ("self_insertion",))

        def judging(keep: bool) -> Judging:
            async def value(answer: Answer) -> float | None:
                detected = self_insertion(answer)
                asked = inquiry(answer, detected.evidence)
                if not may_be_asked(answer) or not asked.passages:
                    return detected.value
                said = await ask(self.model, self.name, answer, asked, keep=keep)
                return None if isinstance(said, str) else confirmed(detected, asked, {"": said}, answer).value

            return lambda answers: self._all(value, answers)

        return NamedJudge(confirm_identity(self.name), judging(keep=True), judging(keep=False))

    def pairs(self, key: str) -> PairJudge:
        """The grader comparing two texts in a dimension; for ``voice_match`` with the shipped voice.

        Raises:
            TimbreError: pairs aren't compared in it.
        """
        if key not in PAIRED:
            raise _no_judge("pairwise", key, PAIRED)
        rubric = load_rubric(key)
        own = reference_texts(load_reference(DEFAULT_VOICE, None).train) if key == "voice_match" else ()

        def comparing(keep: bool) -> Callable[[Sequence[Duel]], list[Outcome]]:
            async def compare(duels: Sequence[Duel]) -> list[Outcome]:
                _, outcomes = await ask_duels(
                    self.model,
                    rubric,
                    duels,
                    own,
                    max_connections=self.max_connections,
                    told=lambda outcome: self.told(),
                    keep=keep,
                )
                return outcomes

            return lambda duels: self.portal.call(compare, duels)

        identity = pairwise_identity(rubric, self.name, own)
        return PairJudge(identity, comparing(keep=True), comparing(keep=False))

    def _all(self, ask_one: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R | None]:
        """Ask about each, in the order given; None for one whose call failed after the first had not.

        Raises:
            TimbreError: the first call fails: a wrong key would fail a thousand times over.
        """
        found: list[R | None] = [None] * len(items)

        async def into(at: int) -> None:
            found[at] = await ask_one(items[at])
            self.told()

        async def into_or_none(at: int) -> None:
            try:
                await into(at)
            except Exception:  # any provider's failure: this text has no value, the others go on
                self.told()

        async def everything() -> None:
            if items:
                await into(0)
            async with anyio.create_task_group() as group:
                for at in range(1, len(items)):
                    group.start_soon(into_or_none, at)

        try:
            self.portal.call(everything)
        except Exception as error:
            raise TimbreError(
                f"the grader failed: {type(error).__name__}: {error}"[:300],
                where=self.name,
                do="mend it and call again; replies it gave before are kept",
            ) from error
        return found


def lora_judge(key: str) -> NamedJudge:
    """A LoRA judge that ships with Timbre, asked over its server; nothing that it says is kept.

    Raises:
        TimbreError: there is none of that dimension, or it can't be had.
    """
    if key == KEY:
        return _insertion_judge()
    if key not in lora.DIMENSIONS:
        raise _no_judge("lora", key, (*lora.DIMENSIONS, KEY))
    served = stored_judge(HUMOR)

    def judge(answers: Sequence[Answer]) -> list[float | None]:
        shown = [[text for text, _, _ in windows(answer.text)] for answer in answers]
        asked = windows_asked(served, [text for texts in shown for text in texts])
        said = iter(by_column(served, ask_judge(served, asked, _telling(len(asked)))))
        return [
            lora.lora_judgements(answer, [next(said) for _ in texts], served.parts)[key].value
            for answer, texts in zip(answers, shown, strict=True)
        ]

    return NamedJudge(lora.lora_identity(key, served.parts), judge)


def _insertion_judge() -> NamedJudge:
    served = stored_judge(SELF_INSERTION)

    def judge(answers: Sequence[Answer]) -> list[float | None]:
        shown = [sentences_asked(served, answer) for answer in answers]
        asked = [group for groups in shown for group in groups]
        said = iter(ask_judge(served, asked, _telling(len(asked))))
        return [
            trained_judgement(self_insertion(a), a, [next(said) for _ in groups], served.parts).value
            for a, groups in zip(answers, shown, strict=True)
        ]

    return NamedJudge(trained_identity(served.parts), judge)


def _telling(texts: int) -> Callable[[int], None]:
    return lambda read: tell(f"{read} of {texts} windows of text read")


SERVED: Mapping[str, Family] = {"lora": lora_judge}
"""Families of judges that a server answers for."""


def _no_judge(family: str, key: str, keys: Sequence[str]) -> TimbreError:
    known = ", ".join(f"{family}/{k}" for k in keys)
    return TimbreError(f"no judge '{family}/{key}'", where="JUDGE", do=f"use one of {known}")


@contextmanager
def grading(
    model: str,
    *,
    logprobs: bool = False,
    max_connections: int | None = None,
    told: Callable[[], None] = lambda: None,
) -> Iterator[GraderJudges]:
    """Open a grader; its calls run in a thread of their own while the block lasts.

    Args:
        model: Any Inspect model, or a run.
        logprobs: Whether to ask it for log-probabilities, as a role with ``logprobs: true`` is.
        max_connections: Requests in flight; None for the provider's own figure.
        told: Called for each text, and for each pair.

    Raises:
        TimbreError: no such grader.
    """
    asked = GenerateConfig(logprobs=True, top_logprobs=TOP_LOGPROBS) if logprobs else GenerateConfig()
    asked.max_connections = max_connections
    try:
        opened = get_model(model, config=asked, memoize=False)
    except Exception as error:  # each provider complains in its own way
        raise no_such_grader(model, error) from error
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened):
        yield GraderJudges(opened, grader_name(opened), portal, told, max_connections)
