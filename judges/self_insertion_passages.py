"""Which sentences of an answer are put to the graders of ``self_insertion``: the flagged ones, and others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from judges.segments import Span, own_words, sentence_spans
from judges.types import Answer, Evidence

MAX_FLAGGED = 6
"""Flagged sentences asked about; of more, as many at random, and then the detector's value stands."""

SAMPLED = 4
"""Unflagged sentences asked about; answers of the embedded base to the smoke suite have ten at the median."""


@dataclass(frozen=True)
class Passage:
    """A sentence that is asked about: ``answer.text[start:end]``.

    Attributes:
        start: First character.
        end: One past the last.
        flagged: Whether the detector found a claim in it; the grader isn't told.
    """

    start: int
    end: int
    flagged: bool


@dataclass(frozen=True)
class Inquiry:
    """What is asked of one answer.

    Attributes:
        passages: In order of appearance.
        flagged: Sentences that the detector flagged, asked about or not.
        unflagged: The others, those without a letter left out.
    """

    passages: tuple[Passage, ...]
    flagged: int
    unflagged: int


def inquiry(answer: Answer, found: Sequence[Evidence]) -> Inquiry:
    """The sentences to ask about; the same of the same canary and answer.

    Args:
        answer: Whose text it is.
        found: The detector's evidence.
    """
    spans = sentences_of(answer)
    flagged = [s for s in spans if any(e.start < s[1] and s[0] < e.end for e in found)]
    others = [s for s in spans if s not in flagged]
    seed = hashlib.sha256("\0".join((answer.id, answer.prompt, answer.text)).encode("utf-8", "surrogatepass"))
    random = Random(seed.digest())
    asked = {span: True for span in random.sample(flagged, min(MAX_FLAGGED, len(flagged)))}
    asked |= {span: False for span in random.sample(others, min(SAMPLED, len(others)))}
    passages = tuple(Passage(*span, held) for span, held in sorted(asked.items()))
    return Inquiry(passages, len(flagged), len(others))


def sentences_of(answer: Answer) -> list[Span]:
    """Its sentences, without outer spaces; those without a letter are left out."""
    return [
        _trimmed(answer.text, start, end)
        for start, end in sentence_spans(own_words(answer.text, answer.subjects))
        if any(c.isalpha() for c in answer.text[start:end])
    ]


def _trimmed(text: str, start: int, end: int) -> Span:
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())
