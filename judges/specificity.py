"""Does a text say what nobody else's would: particulars of people, places, things and events?

The fitted encoder rates each sentence as people rated sentences of tweets and reviews; a capital letter or a digit
alone earns nothing. Names, numbers and dates in the rated sentences are quoted as evidence.
"""

import re
from bisect import bisect_left

from judges.encoder import read
from judges.text import NO_WORDS, words
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 3
QUOTED = 0.5  # rating of a sentence from which its details are quoted

_DETAIL = re.compile(
    r"(?P<number>(?<![^\W_])[$€£]?\d+(?:[.,:/]\d+)*\s?%?)"
    r"|(?P<name>(?<=[\w,;)] )[A-Z][\w'-]+(?: (?:of |de |van |von )?[A-Z][\w'-]+)*)"
)
_NO_NAME = frozenset(["I", "I'm", "I've", "I'd", "I'll", "OK"])


def specificity(answer: Answer) -> Judgement:
    """Mean rating of the sentences, weighed by their words, in [0, 1]; 0 generic, 1 full of particulars.

    Returns:
        Names and numbers in sentences rated ``QUOTED`` or more as evidence, and such a sentence whole where it
        has neither. Details: ``most``, the highest rating.
    """
    reading = read(answer.text)
    if not reading.sentences:
        return unscored("specificity", NO_WORDS)
    starts = [w.start for w in words(answer.text)]
    ratings = [s.heads["specificity"] for s in reading.sentences]
    lengths = [max(1, bisect_left(starts, s.end) - bisect_left(starts, s.start)) for s in reading.sentences]
    value = sum(r * n for r, n in zip(ratings, lengths, strict=True)) / sum(lengths)
    specific = [s for s, rating in zip(reading.sentences, ratings, strict=True) if rating >= QUOTED]
    evidence = [e for s in specific for e in _quoted(answer.text, s.start, s.end)]
    return Judgement("specificity", value, tuple(evidence), details={"most": max(ratings)})


def _quoted(text: str, start: int, end: int) -> list[Evidence]:
    details = [
        Evidence(m.group(), m.start(), m.end(), str(m.lastgroup))
        for m in _DETAIL.finditer(text, start, end)
        if m.group() not in _NO_NAME
    ]
    return details or [Evidence(text[start:end], start, end, "sentence")]
