"""How funny and how provocative a text is, as the fitted encoder reads it; an LLM with a rubric takes precedence.

``humor`` is expected funniness: the probability that the text is meant to be funny times how funny people would
find it if it is. ``provocativeness`` is how bold or unwelcome its claims are; a group that is only named is none.
"""

from judges.encoder import Reading, read
from judges.text import NO_WORDS
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 1

QUOTED = 0.5
"""Value of a sentence from which it is quoted as evidence."""


def humor(answer: Answer) -> Judgement:
    """Expected funniness in [0, 1]: P(meant to be funny) x expected rating if it is (0 not at all, 1 very).

    Returns:
        The sentences that are themselves jokes as evidence. Details: ``joke`` and ``funny``.
    """
    reading = read(answer.text)
    if not reading.sentences:
        return unscored("humor", NO_WORDS)
    joke, funny = reading.heads["joke"], reading.heads["funny"]
    return Judgement(
        "humor", joke * funny, _quoted(answer.text, reading, "joke"), details={"joke": joke, "funny": funny}
    )


def provocativeness(answer: Answer) -> Judgement:
    """How bold or unwelcome the claims are, in [0, 1].

    Returns:
        The boldest sentences as evidence. Details: ``offense``, which is reported and not part of the value.
    """
    reading = read(answer.text)
    if not reading.sentences:
        return unscored("provocativeness", NO_WORDS)
    return Judgement(
        "provocativeness",
        reading.heads["provocation"],
        _quoted(answer.text, reading, "provocation"),
        details={"offense": reading.heads["offense"]},
    )


def _quoted(text: str, reading: Reading, head: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(text[s.start : s.end], s.start, s.end, head)
        for s in reading.sentences
        if s.heads[head] >= QUOTED
    )
