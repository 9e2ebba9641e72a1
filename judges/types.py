"""The whole contract of a judge on one page: what goes in, what comes out, which dimensions there are."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down", "band"]


@dataclass(frozen=True)
class Dimension:
    """One thing that is judged."""

    key: str  # name in every table ("humor")
    direction: Direction  # up: more is better, down: less is; band: reported beside the writer's own figure
    hard: bool  # a regression fails on evidence and is never traded against another gain
    unit: str  # "share" for a value in [0, 1], else the unit of a reported figure
    judged_by: Literal["metric", "grader", "count"]  # grader: an LLM with a rubric; count: reported

    @property
    def is_judged(self) -> bool:
        """Whether more or less of it is better; False for a reported figure."""
        return self.direction != "band"


# Every dimension in table order; every sample gets every key.
DIMENSIONS: Mapping[str, Dimension] = {
    d.key: d
    for d in (
        Dimension("integrity", "down", True, "share", "metric"),
        Dimension("relevance", "up", False, "share", "metric"),
        Dimension("compression", "up", False, "share", "metric"),
        Dimension("humor", "up", False, "share", "grader"),
        Dimension("provocativeness", "up", False, "share", "grader"),
        Dimension("self_insertion", "down", True, "share", "metric"),
        Dimension("hashtag_slop", "down", False, "share", "metric"),
        Dimension("specificity", "up", False, "share", "metric"),
        Dimension("warmth", "up", False, "share", "grader"),
        Dimension("voice_match", "up", False, "share", "metric"),
        Dimension("memorization", "down", True, "share", "metric"),
        Dimension("words", "band", False, "words", "count"),
        Dimension("sentences", "band", False, "sentences", "count"),
        Dimension("sentence_cv", "band", False, "ratio", "count"),
        Dimension("ari", "band", False, "grade", "count"),
        Dimension("coleman_liau", "band", False, "grade", "count"),
        Dimension("lix", "band", False, "index", "count"),
        Dimension("rix", "band", False, "index", "count"),
    )
}

# Dimensions on which an answer with a fault scores 0 (contract C4).
MARKED_UP = tuple(key for key, dimension in DIMENSIONS.items() if dimension.direction == "up")
FAULT_AT = 0.5  # value of a hard dimension from which an answer shows the fault


@dataclass(frozen=True)
class Answer:
    """One text to be judged, with what its prompt licensed."""

    id: str  # canary id, or any name for the text
    prompt: str
    text: str
    subjects: tuple[str, ...] = ()  # third parties that the prompt is about, as it names them
    first_person_licensed: bool = False  # the prompt invites the teller's own past; else that is an invention
    target_words: tuple[int, int] | None = None  # inclusive band of words asked for, if any
    user_spans: tuple[tuple[int, int], ...] = ()  # of ``text``: the user's further messages in a conversation


@dataclass(frozen=True)
class Evidence:
    """A span of the answer that a value rests on: ``answer.text[start:end] == text``."""

    text: str
    start: int  # first character, from 0
    end: int  # one past the last
    why: str  # short name of the rule or rubric item that found it ("of_us", "hashtag")


@dataclass(frozen=True)
class Judgement:
    """What one judge says of one answer: a value, or the reason why there is none."""

    dimension: str  # key in DIMENSIONS
    value: float | None  # in [0, 1] for unit "share", else in the dimension's unit; None: unscored
    evidence: tuple[Evidence, ...] = ()  # in order of appearance
    unscored: str | None = None  # why there is no value; None exactly when there is one
    details: Mapping[str, float] = field(default_factory=dict)  # the figures behind the value
    judge: str = ""  # str of the JudgeIdentity that gave the value

    def __post_init__(self) -> None:
        if (self.value is None) == (self.unscored is None):
            raise ValueError(f"{self.dimension}: give either a value or a reason for none")


@dataclass(frozen=True)
class JudgeIdentity:
    """Which judge gave a value: all that the value depends on, and nothing else (contract C6)."""

    name: str  # "specificity", "encoder/humor", "rubric/warmth"
    dimension: str  # key in DIMENSIONS
    version: int  # the VERSION beside the judge's constants
    parts: Mapping[str, str] = field(default_factory=dict)  # sha256 of weights or rubric, the grader's name

    @property
    def digest(self) -> str:
        """First 16 hex digits of the sha256 over all fields; a judge that changes in any has another."""
        fields = [self.name, self.dimension, self.version, dict(self.parts)]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


def unscored(dimension: str, reason: str) -> Judgement:
    """A judgement without a value, for ``reason``; never a zero in disguise."""
    return Judgement(dimension, None, unscored=reason)
