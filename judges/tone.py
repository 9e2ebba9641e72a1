"""How funny and how provocative a text is, as the encoders read it; an LLM with a rubric takes precedence.

``humor`` is expected funniness: how surely the text is meant to be funny times how funny people would find it if it
is. Both are means of what the fitted encoder reads in the whole text and a linear head in the opening's embedding by
the published one, since each errs in its own way. ``provocativeness`` is how bold or unwelcome its boldest claims
are; a group that is only named is none.
"""

import math

from judges.encoder import Reading, opening_heads, read
from judges.text import NO_WORDS
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 5
# Power of the probability of a joke. With 1 the value follows the doubt of the encoder, with .5 a string of
# questions earns half of a joke's; chosen on one half of the rows of `benchmarks/encoder.py`.
DOUBT = 0.8
# Ratings that are 0 and 1 of the scale; nine in ten mean ratings of jokes are between .31 and .79.
DULL, HILARIOUS = 0.2, 0.8
# Sentences whose mean is a text's boldness: one claim among calm sentences is heard, and length earns nothing.
BOLDEST = 2
# The opening's share in the log-odds of a joke. With .3 the AUC of jokes is .002 lower, and that of jokes against sad
# notes .01 higher.
OPENING = 0.5
CERTAIN = 1e-5  # least doubt of the encoder that counts: it is surer than it is right
QUOTED = 0.5  # value of a sentence from which it is quoted as evidence


def humor(answer: Answer) -> Judgement:
    """Expected funniness in [0, 1]: ``joke ** DOUBT`` times ``funny`` on the scale of DULL to HILARIOUS.

    Returns:
        The sentences that are themselves jokes as evidence. Details: ``joke``, the probability that the text is
        meant to be funny, and ``funny``, the expected rating if it is.
    """
    reading = read(answer.text)
    if not reading.sentences:
        return unscored("humor", NO_WORDS)
    opening = opening_heads(answer.text)
    odds = (1 - OPENING) * _log_odds(reading.heads["joke"]) + OPENING * opening["joke"]
    joke, funny = 1 / (1 + math.exp(-odds)), (reading.heads["funny"] + opening["funny"]) / 2
    fun = min(1.0, max(0.0, (funny - DULL) / (HILARIOUS - DULL)))
    evidence = _quoted(answer.text, reading, "joke")
    return Judgement("humor", joke**DOUBT * fun, evidence, details={"joke": joke, "funny": funny})


def provocativeness(answer: Answer) -> Judgement:
    """How bold or unwelcome the ``BOLDEST`` claims are on average, in [0, 1].

    Returns:
        Bold sentences as evidence. Details: ``offense``, which is reported and not part of the value.
    """
    reading = read(answer.text)
    if not reading.sentences:
        return unscored("provocativeness", NO_WORDS)
    boldest = sorted(s.heads["provocation"] for s in reading.sentences)[-BOLDEST:]
    return Judgement(
        "provocativeness",
        sum(boldest) / len(boldest),
        _quoted(answer.text, reading, "provocation"),
        details={"offense": reading.heads["offense"]},
    )


def _log_odds(p: float) -> float:
    p = min(max(p, CERTAIN), 1 - CERTAIN)
    return math.log(p / (1 - p))


def _quoted(text: str, reading: Reading, head: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(text[s.start : s.end], s.start, s.end, head)
        for s in reading.sentences
        if s.heads[head] >= QUOTED
    )
