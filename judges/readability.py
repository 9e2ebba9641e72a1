"""Counts and readability figures, reported as they are: what is right is what the writer does.

ARI, Coleman-Liau, LIX and RIX are textstat 0.7.13's figures on the project's own sentences, to the last digit
(a test compares them); textstat itself takes seconds to import, since it pulls in nltk.
"""

import re
import statistics

from judges.text import NO_WORDS, Span, sentence_lengths, sentences, words
from judges.types import Answer, Judgement, unscored

VERSION = 2
COUNTS = ("words", "sentences", "sentence_cv")
INDICES = ("ari", "coleman_liau", "lix", "rix")
CLIPPED = 2  # words up to which textstat takes no sentence for one
LONG_WORD = 7  # letters of a long word, in LIX and RIX
# Share of letters in a script that the indices were made for (Latin, Greek, Cyrillic); they count letters a
# word, which in Chinese or Arabic says nothing about ease.
ALPHABETIC = 0.7
NOT_ALPHABETIC = "no readability index for this script"


def readability(answer: Answer) -> dict[str, Judgement]:
    """Every reported figure of one answer, keyed by dimension, in table order, of its prose alone.

    - ``sentence_cv``: sample standard deviation of sentence lengths in words over their mean
      (0 for even, above 1 for very uneven); unscored under two sentences.
    - ``ari``, ``coleman_liau`` (US school grades; below 0 for baby talk), ``lix``, ``rix`` (indices from 0):
      textstat takes no sentence of one or two words for one, so the four are unscored where there is no longer one,
      and a text with many clipped sentences reads as harder than it is.
    """
    found = words(answer.text)
    if not found:
        return {key: unscored(key, NO_WORDS) for key in (*COUNTS, *INDICES)}
    lengths = sentence_lengths(answer.text)
    return {
        "words": Judgement("words", float(len(found))),
        "sentences": Judgement("sentences", float(len(lengths))),
        "sentence_cv": _sentence_cv(lengths),
        **_indices(sentences(answer.text)),
    }


def _sentence_cv(lengths: list[int]) -> Judgement:
    if len(lengths) < 2:
        return unscored("sentence_cv", "fewer than two sentences")
    mean = statistics.fmean(lengths)
    spread = statistics.stdev(lengths)
    return Judgement("sentence_cv", spread / mean, details={"mean_words": mean, "sd_words": spread})


def _indices(parts: tuple[Span, ...]) -> dict[str, Judgement]:
    letters = [c for s in parts for c in s.text if c.isalpha()]
    if sum(c < "\u0530" or "\u1e00" <= c < "\u2000" for c in letters) < ALPHABETIC * len(letters):
        return {key: unscored(key, NOT_ALPHABETIC) for key in INDICES}
    plain = [_without_inner_stops(s.text) for s in parts]
    tokens = [re.sub(r"[^\w\s]", "", p).split() for p in plain]
    counted = sum(len(t) > CLIPPED for t in tokens)
    if not counted:
        return {key: unscored(key, "no sentence of three words or more") for key in INDICES}
    every = [t for sentence in tokens for t in sentence]
    characters = sum(len("".join(p.split())) + 1 for p in plain)  # textstat counts marks, full stops too
    long_words = sum(len(t) >= LONG_WORD for t in every)
    a_word = 1 / len(every)
    figures = {
        "ari": 4.71 * characters * a_word + 0.5 * len(every) / counted - 21.43,
        "coleman_liau": 5.8 * sum(map(len, every)) * a_word - 29.6 * counted * a_word - 15.8,
        "lix": len(every) / counted + 100 * long_words * a_word,
        "rix": long_words / counted,
    }
    return {key: Judgement(key, figures[key]) for key in INDICES}


def _without_inner_stops(sentence: str) -> str:
    """``sentence`` without its full stops, "3.5" and "Dr." too, and with dashes between words spaced."""
    return " ".join(re.sub(r"[\u2014\u2013/]|--", " ", re.sub(r"[.!?\u2026]+", "", sentence)).split())
