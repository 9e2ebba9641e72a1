"""Answers and their judgements, as every page of the results reads them, and the conditions they were made under.

A difference between runs means something if nothing else differs.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from judges.types import Judgement

CONDITIONS = {
    "base": "the model under the adapters",
    "suite": "the canaries; those that both answered are compared",
    "judges": "the rules of metrics and rubrics",
    "voice": "the writer's texts",
    "impostors": "further writers that voice_match tells the writer from",
    "decoding": "temperature, seed, length limit, system message, takes, as Inspect used them",
    "server": "number type and arguments of the server that answered",
    "grader": "the model that judges by rubrics",
}
"""What may differ between two logs, with what each one is."""


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
    conditions: Mapping[str, str]  # what two logs must share to be compared, by name
    created: str  # ISO time at which the eval started
    path: str
    samples: tuple[Sample, ...]  # sorted by canary and epoch
    suite_file: str = ""  # what `-T suite=` takes: the name of a shipped suite, or a path
    suite_size: int = 0  # canaries of the whole suite, asked or not; 0 where the log doesn't say
    retakes: tuple[Sample, ...] = ()  # further takes of canaries that were asked again, for the gate alone
    separation: str = ""  # how well voice_match tells the writer from others, in a sentence
    advisory: Mapping[str, str] = field(default_factory=dict)  # why dimensions can't block on these texts
    unlike_retakes: Mapping[str, str] = field(default_factory=dict)
    """By canary, how the conditions differ under which it was asked again: takes that don't count."""
    other_suites: Mapping[str, int] = field(default_factory=dict)
    """Canaries of further suites that the runs read were all asked, by name; none where the suite was named."""

    @property
    def takes(self) -> int:
        """Takes of a canary."""
        return max(s.epoch for s in self.samples)

    @cached_property
    def by_canary(self) -> Mapping[str, Sequence[Sample]]:
        """The takes of each canary."""
        return {canary: tuple(takes) for canary, takes in groupby(self.samples, key=lambda s: s.canary)}

    @cached_property
    def canary_means(self) -> Mapping[str, Mapping[str, float]]:
        """Mean over takes, by canary and dimension."""
        means: dict[str, dict[str, float]] = {}
        for canary, takes in self.by_canary.items():
            values = {key: [s.judgements[key].value for s in takes] for key in takes[0].judgements}
            known = {key: [v for v in of_key if v is not None] for key, of_key in values.items()}
            means[canary] = {key: sum(v) / len(v) for key, v in known.items() if v}
        return means


def differences(logs: Sequence[RunLog], among: Collection[str] = ()) -> tuple[str, ...]:
    """The conditions in which logs differ, each with its values; of all, or of those named."""
    return condition_differences({log.run: log.conditions for log in logs}, among)


def condition_differences(
    conditions: Mapping[str, Mapping[str, str]], among: Collection[str] = ()
) -> tuple[str, ...]:
    """``differences`` of runs whose conditions are given by run."""
    texts = []
    names = dict.fromkeys(name for own in conditions.values() for name in own)
    for name in (name for name in names if not among or name in among):
        values = {run: own.get(name, "not recorded") for run, own in conditions.items()}
        if len(set(values.values())) > 1:
            texts.append(f"{name} differs: " + "; ".join(f"{run} {value}" for run, value in values.items()))
    return tuple(texts)


def voice_digest(voice: Path) -> str:
    """What the condition ``voice`` ends in where a log was judged with this file."""
    return hashlib.sha256(voice.read_bytes()).hexdigest()[:12] if voice.is_file() else "absent"
