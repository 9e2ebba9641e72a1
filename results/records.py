"""Answers and their judgements, as every page of the results reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from judges.types import Judgement


@dataclass(frozen=True)
class Sample:
    """One answer to one canary, with what the judges said of it.

    Attributes:
        canary: Canary id.
        kind: Canary kind ("third_party").
        epoch: From 1.
        prompt: What was asked.
        text: What was answered.
        truncated: Whether the token limit cut it off.
        licensed: Whether the prompt invited the writer's own life.
        judgements: One for every dimension of ``DIMENSIONS``.
        subjects: Third parties that the prompt is about.
        target_words: Inclusive band of words asked for, if any.
    """

    canary: str
    kind: str
    epoch: int
    prompt: str
    text: str
    truncated: bool
    licensed: bool
    judgements: Mapping[str, Judgement]
    subjects: tuple[str, ...] = ()
    target_words: tuple[int, int] | None = None


@dataclass(frozen=True)
class RunLog:
    """One successful log: who answered, under which conditions, and the answers.

    Attributes:
        run: Name in every table; a few-shot arm is ``NAME+3shot``.
        identity: Of the run, or of the base for the baseline.
        suite: Name of the canary suite.
        conditions: What two logs must share to be compared, by name: ``base``, ``suite``, ``judges``,
            ``judge``, ``voice``, ``decoding``, ``grader``; each as text.
        created: ISO time at which the eval started.
        path: The log.
        samples: Sorted by canary and epoch.
    """

    run: str
    identity: str
    suite: str
    conditions: Mapping[str, str]
    created: str
    path: str
    samples: tuple[Sample, ...]
    separation: str = ""  # how well voice_match tells the writer from others, in a sentence
    advisory: Mapping[str, str] = field(
        default_factory=dict
    )  # by dimension, why it can't block for these texts
