"""Counts and readability figures, reported as they are: what is right is what the writer does.

textstat 0.7.13 takes seconds to import (it pulls in nltk), so it is imported on first use. Of its
figures only ARI, Coleman-Liau, LIX and RIX are used: every other one counts syllables and
downloads data to do so.
"""

import re
import statistics
from collections.abc import Callable, Mapping

from judges.plain_text import EMPTY, NO_WORDS, Span, is_blank, sentences, words
from judges.types import Answer, Judgement, unscored

COUNTS = ("words", "sentences", "sentence_cv")
INDICES = ("ari", "coleman_liau", "lix", "rix")


def readability(answer: Answer) -> dict[str, Judgement]:
    """Every reported figure of one answer, keyed by dimension, in table order.

    - ``words``, ``sentences``: counts in the prose, without Markdown, code, links and hashtags.
    - ``sentence_cv``: sample standard deviation of sentence lengths in words over their mean
      (0 for even, above 1 for very uneven); unscored under two sentences.
    - ``ari``, ``coleman_liau`` (US school grades; below 0 for baby talk), ``lix``, ``rix`` (indices
      from 0): textstat's, on the same prose. textstat takes no sentence of one or two words for
      a sentence, so the four are unscored where there is no longer one, and a text with
      many clipped sentences reads as harder than it is: compare with the writer's own figure.
    """
    if is_blank(answer.text):
        return {key: unscored(key, EMPTY) for key in (*COUNTS, *INDICES)}
    found = words(answer.text)
    if not found:
        return {key: unscored(key, NO_WORDS) for key in (*COUNTS, *INDICES)}
    lengths = [_words_in(sentence, found) for sentence in sentences(answer.text)]
    return {
        "words": Judgement("words", float(len(found))),
        "sentences": Judgement("sentences", float(len(lengths))),
        "sentence_cv": _sentence_cv(lengths),
        **_indices(answer.text, lengths),
    }


def _words_in(sentence: Span, found: tuple[Span, ...]) -> int:
    return sum(sentence.start <= word.start < sentence.end for word in found)


def _sentence_cv(lengths: list[int]) -> Judgement:
    if len(lengths) < 2:
        return unscored("sentence_cv", "fewer than two sentences")
    mean = statistics.fmean(lengths)
    spread = statistics.stdev(lengths)
    return Judgement("sentence_cv", spread / mean, details={"mean_words": mean, "sd_words": spread})


def _indices(text: str, lengths: list[int]) -> dict[str, Judgement]:
    formulas = _formulas()
    prepared = _for_textstat(text)
    if max(lengths) <= 2 or not re.search(r"\w", prepared):
        return {key: unscored(key, "no sentence of three words or more") for key in INDICES}
    return {key: Judgement(key, float(formulas[key](prepared))) for key in INDICES}


def _formulas() -> Mapping[str, Callable[[str], float]]:
    from textstat.backend import metrics

    return {
        "ari": metrics.automated_readability_index,
        "coleman_liau": metrics.coleman_liau_index,
        "lix": metrics.lix,
        "rix": metrics.rix,
    }


def _for_textstat(text: str) -> str:
    """The sentences as textstat must be told them.

    It ends a sentence at every full stop, in "3.5" and "Dr." too, and it joins the words on either
    side of an unspaced dash; so inner stops are dropped, dashes spaced, and each sentence ends in
    one full stop.
    """
    told = []
    for sentence in sentences(text):
        inner = re.sub(r"[.!?…]+", "", sentence.text).replace("\u2019", "'")
        told.append(" ".join(re.sub(r"[—\u2013/]|--", " ", inner).split()) + ".")
    return " ".join(told)
