"""Judges that ask a grader, as ``timbre calibrate`` holds them against labels.

Each question goes through the same prompt, schema, reading and cache as in an eval, so a licence is of the
very judge that an eval's table names. The second round, which measures whether an answer stays the same,
bypasses the cache.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from anyio.from_thread import BlockingPortal, start_blocking_portal

from evals.graders import GRADED, Grader, ask_each, ask_rubric
from evals.pairwise import ask_duels, open_grader
from evals.self_insertion_confirm import KEY, confirm
from judges import panel
from judges.confirm import confirm_identity
from judges.licensing.calibrate import NamedJudge
from judges.pairwise import PAIRED, Duel, Outcome, pairwise_identity, reference_texts
from judges.reference import load_reference
from judges.rubric import load_rubric, rubric_identity
from judges.types import Answer, JudgeIdentity
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE


@dataclass(frozen=True)
class GraderJudges:
    """The judges that one grader can be."""

    grader: Grader
    portal: BlockingPortal  # runs its calls, all in one event loop, as their connections need
    on_item: Callable[[], None]  # called for each text, and for each pair

    def find(self, name: str) -> NamedJudge:
        """The judge of that name: ``rubric/humor``, ``confirm/self_insertion``, ``pairwise/voice_match``.

        Raises:
            TimbreError: There is none.
        """
        family, _, key = name.partition("/")
        keys, judge = {
            "rubric": (GRADED, self._rubric),
            "confirm": ((KEY,), self._confirm),
            "pairwise": (PAIRED, self._pairwise),
        }[family]
        if key not in keys:
            known = ", ".join(f"{family}/{k}" for k in keys)
            raise TimbreError(f"no judge '{name}'", where="JUDGE", do=f"use one of {known}")
        return judge(key)

    def _rubric(self, key: str) -> NamedJudge:
        rubric = load_rubric(key)

        async def value(answer: Answer, use_cache: bool) -> float | None:
            return (await ask_rubric(self.grader, rubric, answer, use_cache=use_cache)).value

        return self._of_answers(rubric_identity(rubric, self.grader.name), value)

    def _confirm(self, key: str) -> NamedJudge:
        """The detector with the grader behind it; no value where the grader fails or isn't understood."""
        detector = panel.panel_judge(key)

        async def value(answer: Answer, use_cache: bool) -> float | None:
            confirmation = await confirm(answer, detector(answer), [self.grader], use_cache=use_cache)
            record = confirmation.record
            return None if record and record["unanswered"] else confirmation.judgement.value

        return self._of_answers(confirm_identity(panel.judge_identities()[key], self.grader.name), value)

    def _pairwise(self, key: str) -> NamedJudge:
        """The grader comparing two texts; for ``voice_match`` with the shipped voice."""
        rubric = load_rubric(key)
        own = reference_texts(load_reference(DEFAULT_VOICE, None).train) if key == "voice_match" else ()

        async def compare(duels: Sequence[Duel], use_cache: bool) -> list[Outcome]:
            _, outcomes = await ask_duels(
                self.grader, rubric, duels, own, on_item=self.on_item, use_cache=use_cache
            )
            return outcomes

        identity = pairwise_identity(rubric, self.grader.name, own)
        return NamedJudge(identity, partial(self.portal.call, compare), paired=True)

    def _of_answers(
        self, identity: JudgeIdentity, value: Callable[[Answer, bool], Awaitable[float | None]]
    ) -> NamedJudge:
        """A judge of single answers, by the ``value`` of one; a call that fails is no value."""

        async def values(answers: Sequence[Answer], use_cache: bool) -> list[float | None]:
            replies = await ask_each(
                self.grader.name, lambda answer: value(answer, use_cache), answers, self.on_item
            )
            return [None if isinstance(reply, str) else reply for reply in replies]

        return NamedJudge(identity, partial(self.portal.call, values))


@contextmanager
def grading(
    model: str,
    *,
    logprobs: bool = False,
    max_connections: int | None = None,
    on_item: Callable[[], None] = lambda: None,
) -> Iterator[GraderJudges]:
    """A grader opened by ``open_grader``; its calls run in a thread of their own while the block lasts."""
    opened = open_grader(model, logprobs=logprobs, max_connections=max_connections)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened.model):
        yield GraderJudges(opened, portal, on_item)
