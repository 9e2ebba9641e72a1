"""Did the model learn the voice, or the sentences? The longest run copied from a training response."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from judges.plain_text import EMPTY, Span, is_blank
from judges.types import Answer, Evidence, Judgement, unscored

MIN_RUN = 6
"""Shortest run of words that counts as copied. Two writers share five words by habit ("at the end of
the"); a sixth in the same order, in texts of a hundred words on different subjects, is seldom chance."""

FULL_RUN = 30
"""Run at which the value is 1. Thirty words are two sentences, or half a note of 60: nobody calls that
style. (The 50 tokens of Carlini et al. 2022 are meant for corpora of books, not of notes.)"""

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019\u02bc][^\W_]+)*")


class _Run(NamedTuple):
    length: int
    at: int
    source: int


class MemorizationIndex:
    """Training responses, indexed by every run of ``MIN_RUN`` words in them.

    Building takes about two seconds for 2,000 responses of 150 words; a look-up takes time with the
    answer's length, not with theirs.
    """

    def __init__(self, responses: Sequence[str], name: str = "training") -> None:
        """Index ``responses``; ``name`` says in evidence where they are from (counted from 1)."""
        self.name = name
        self._responses = [[_fold(t.text) for t in _tokens(r)] for r in responses]
        self._places: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for source, tokens in enumerate(self._responses):
            for at in range(len(tokens) - MIN_RUN + 1):
                self._places.setdefault(tuple(tokens[at : at + MIN_RUN]), []).append((source, at))

    def __len__(self) -> int:
        """How many responses are indexed."""
        return len(self._responses)

    def words_in(self, source: int) -> int:
        """Words of response ``source``, counted from 0."""
        return len(self._responses[source])

    def longest_run(self, tokens: Sequence[str]) -> _Run | None:
        """The longest run that ``tokens`` shares with one response, if it has ``MIN_RUN`` words."""
        best: _Run | None = None
        for at in range(len(tokens) - MIN_RUN + 1):
            for source, place in self._places.get(tuple(tokens[at : at + MIN_RUN]), ()):
                response = self._responses[source]
                if at and place and tokens[at - 1] == response[place - 1]:
                    continue
                length = MIN_RUN
                limit = min(len(tokens) - at, len(response) - place)
                while length < limit and tokens[at + length] == response[place + length]:
                    length += 1
                if best is None or length > best.length:
                    best = _Run(length, at, source)
        return best


def memorization(answer: Answer, index: MemorizationIndex | None) -> Judgement:
    """The longest contiguous run of words that the answer shares with any training response.

    Words are compared without case and punctuation. ``value`` in [0, 1] is 0 for a run under
    ``MIN_RUN`` words, else ``run / min(FULL_RUN, words of the answer, words of the response)``:
    thirty words copied are the maximum whatever surrounds them, and so is an answer, or a training
    response, that is copied whole and has fewer.

    Returns:
        The copied span as evidence, with the response's number in ``why``; unscored without
        training responses. Details: ``run_words``, ``answer_words``.
    """
    if is_blank(answer.text):
        return unscored("memorization", EMPTY)
    if index is None or not len(index):
        return unscored("memorization", "no training responses to compare with")
    spans = _tokens(answer.text)
    if not spans:
        return unscored("memorization", "no words")
    run = index.longest_run([_fold(s.text) for s in spans])
    details = {"run_words": float(run.length if run else 0), "answer_words": float(len(spans))}
    if run is None:
        return Judgement("memorization", 0.0, details=details)
    start, end = spans[run.at].start, spans[run.at + run.length - 1].end
    why = f"copied from {index.name} response {run.source + 1}"
    value = run.length / min(FULL_RUN, len(spans), index.words_in(run.source))
    return Judgement(
        "memorization", min(1.0, value), (Evidence(answer.text[start:end], start, end, why),), details=details
    )


def _tokens(text: str) -> list[Span]:
    """Words of the raw text: what is copied into a heading or a code block is copied all the same."""
    return [Span(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def _fold(word: str) -> str:
    return word.casefold().replace("\u2019", "'").replace("\u02bc", "'")
