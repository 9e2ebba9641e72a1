"""Judges that ask a grader, as ``timbre calibrate`` holds them against labels.

Each question goes through the same prompt, schema, reading and cache as in an eval, so a licence is of the
very judge that an eval's table names. The second round, which measures whether an answer stays the same,
bypasses the cache.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from anyio.from_thread import BlockingPortal, start_blocking_portal
from inspect_ai.model import GenerateConfig

from evals.graders import GRADED, Grader, ask_each, ask_rubric
from evals.pairwise import ask_duels, open_grader
from evals.self_insertion_confirm import KEY, ask
from judges import panel
from judges.confirm import confirm_identity, confirmed, inquiry, needs_confirmation
from judges.licensing.calibrate import Judging, NamedJudge
from judges.pairwise import PAIRED, Duel, Outcome, pairwise_identity, reference_texts
from judges.reference import load_reference
from judges.rubric import load_rubric, rubric_identity
from judges.types import Answer, JudgeIdentity
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE

TOP_LOGPROBS = 10
"""Alternatives asked for at each token; yes and no are among them wherever the question was understood."""


@dataclass(frozen=True)
class GraderJudges:
    """The judges that one grader can be."""

    grader: Grader
    portal: BlockingPortal  # runs its calls, all in one event loop, as their connections need
    on_item: Callable[[], None]  # called for each text, and for each pair

    @property
    def families(self) -> Mapping[str, Callable[[str], NamedJudge]]:
        """For ``judges.licensing.calibrate.find_judge``."""
        return {"rubric": self.rubric, "confirm": self.confirm, "pairwise": self.pairwise}

    def rubric(self, key: str) -> NamedJudge:
        """The grader under the rubric of a dimension.

        Raises:
            TimbreError: An eval asks no such rubric.
        """
        _check("rubric", key, GRADED)
        rubric = load_rubric(key)

        async def value(answer: Answer, use_cache: bool) -> float | None:
            return (await ask_rubric(self.grader, rubric, answer, use_cache=use_cache)).value

        return self._of_answers(rubric_identity(rubric, self.grader.name), value)

    def confirm(self, key: str) -> NamedJudge:
        """The detector of ``self_insertion`` with the grader behind it.

        Raises:
            TimbreError: Another dimension.
        """
        _check("confirm", key, (KEY,))
        detector = panel.panel_judge(KEY)

        async def value(answer: Answer, use_cache: bool) -> float | None:
            detected = detector(answer)
            asked = inquiry(answer, detected.evidence)
            if detected.value is None or not needs_confirmation(answer) or not asked.passages:
                return detected.value
            readings = await ask(self.grader, answer, asked, use_cache=use_cache)
            if isinstance(readings, str):
                return None
            return confirmed(detected, asked, {self.grader.name: readings}, answer).value

        return self._of_answers(confirm_identity(panel.judge_identities()[KEY], self.grader.name), value)

    def pairwise(self, key: str) -> NamedJudge:
        """The grader comparing two texts in a dimension; for ``voice_match`` with the shipped voice.

        Raises:
            TimbreError: Pairs aren't compared in it.
        """
        _check("pairwise", key, PAIRED)
        rubric = load_rubric(key)
        own = reference_texts(load_reference(DEFAULT_VOICE, None).train) if key == "voice_match" else ()

        def judging(use_cache: bool) -> Judging:
            async def compare(duels: Sequence[Duel]) -> list[Outcome]:
                _, outcomes = await ask_duels(
                    self.grader,
                    rubric,
                    duels,
                    own,
                    on_outcome=lambda outcome: self.on_item(),
                    use_cache=use_cache,
                )
                return outcomes

            return lambda duels: self.portal.call(compare, duels)

        identity = pairwise_identity(rubric, self.grader.name, own)
        return NamedJudge(identity, judging(True), judging(False), paired=True)

    def _of_answers(
        self, identity: JudgeIdentity, value: Callable[[Answer, bool], Awaitable[float | None]]
    ) -> NamedJudge:
        """A judge of single answers.

        Args:
            identity: The licence's.
            value: Of an answer; told whether a cached reply will do. A call that fails is no value.
        """

        def judging(use_cache: bool) -> Judging:
            async def counted(answer: Answer) -> float | None:
                try:
                    return await value(answer, use_cache)
                finally:
                    self.on_item()

            def judge(answers: Sequence[Answer]) -> list[float | None]:
                return self.portal.call(
                    ask_each, self.grader.name, counted, answers, lambda answer, reason: None
                )

            return judge

        return NamedJudge(identity, judging(True), judging(False))


def _check(family: str, key: str, keys: Sequence[str]) -> None:
    if key not in keys:
        known = ", ".join(f"{family}/{k}" for k in keys)
        raise TimbreError(f"no judge '{family}/{key}'", where="JUDGE", do=f"use one of {known}")


@contextmanager
def grading(
    model: str,
    *,
    logprobs: bool = False,
    max_connections: int | None = None,
    on_item: Callable[[], None] = lambda: None,
) -> Iterator[GraderJudges]:
    """Open a grader; its calls run in a thread of their own while the block lasts.

    Args:
        model: Any Inspect model, or a run.
        logprobs: Whether to ask it for log-probabilities, as a role with ``logprobs: true`` is.
        max_connections: Requests in flight; None for the provider's own figure.
        on_item: Called for each text, and for each pair.

    Raises:
        TimbreError: No such grader.
    """
    config = GenerateConfig(logprobs=True, top_logprobs=TOP_LOGPROBS) if logprobs else GenerateConfig()
    config.max_connections = max_connections
    opened = open_grader(model, config)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened.model):
        yield GraderJudges(opened, portal, on_item)
