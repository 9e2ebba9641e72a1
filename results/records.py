"""Answers and their judgements, as every page of the results reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from judges.types import Judgement


@dataclass(frozen=True)
class Sample:
    """One answer to one canary, with what the judges said of it."""

    canary: str  # id
    kind: str  # of the canary ("third_party")
    epoch: int  # from 1
    prompt: str
    text: str
    truncated: bool  # the token limit cut it off
    licensed: bool  # the prompt invited the writer's own life
    judgements: Mapping[str, Judgement]  # one for every dimension of DIMENSIONS
    subjects: tuple[str, ...] = ()  # third parties that the prompt is about
    target_words: tuple[int, int] | None = None  # inclusive band of words asked for, if any


@dataclass(frozen=True)
class RunLog:
    """One successful log: who answered, under which conditions, and the answers."""

    run: str  # name in every table; a few-shot arm is NAME+3shot
    identity: str  # of the run, or of the base for the baseline
    suite: str
    conditions: Mapping[str, str]  # what two logs must share to be compared, by name (results.conditions)
    created: str  # ISO time at which the eval started
    path: str
    samples: tuple[Sample, ...]  # sorted by canary and epoch
    retakes: tuple[Sample, ...] = ()  # further takes of canaries that were asked again, for the gate alone
    separation: str = ""  # how well voice_match tells the writer from others, in a sentence
    advisory: Mapping[str, str] = field(
        default_factory=dict
    )  # by dimension, why it can't block on these texts
    unlike_retakes: Mapping[str, str] = field(default_factory=dict)
    """By canary, how the conditions differ under which it was asked again: takes that don't count."""

    @property
    def takes(self) -> int:
        """Takes of a canary."""
        return max(s.epoch for s in self.samples)

    @cached_property
    def canary_means(self) -> Mapping[str, Mapping[str, float]]:
        """Mean over takes, by canary and dimension."""
        values: dict[str, dict[str, list[float]]] = {}
        for s in self.samples:
            of_canary = values.setdefault(s.canary, {})
            for key, judgement in s.judgements.items():
                if judgement.value is not None:
                    of_canary.setdefault(key, []).append(judgement.value)
        return {c: {k: sum(v) / len(v) for k, v in row.items()} for c, row in values.items()}
