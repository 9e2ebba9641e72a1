"""Did the model learn the voice, or the sentences? Passages shared with a training response."""

from collections.abc import Sequence
from dataclasses import dataclass

from judges.text import Span, all_words, clean, folded_words, is_unspaced
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 2
# Words in the same order that may be part of a passage. With one word in five changed, four are left between.
SEED = 4
GAP = 2  # changed, added or left out words that a passage may hold between two shared runs, on either side
# Shared words from which a passage counts. Two writers share five by habit ("at the end of the").
MIN_PASSAGE = 6
# Shared words at which the value is 1. Thirty words are two sentences, or half a note of 60: nobody calls that
# style. (The 50 tokens of Carlini et al. 2022 are meant for corpora of books, not of notes.)
FULL_PASSAGE = 30
# Words that the shorter text counts at least, so that six common ones ("that is not what I meant"), even if
# they are a whole response, stay under one half, which is a fault.
SHORT_TEXT = 13
UNSPACED_WEIGHT = 0.5  # words that a character counts in a script without spaces; most Chinese words have two
MAX_PLACES = 64  # places in all responses from which a run of `SEED` words is common and begins no passage


@dataclass
class _Passage:
    """Shared words of an answer and one response, ``answer[start:end]`` with the gaps."""

    source: int
    start: int
    end: int
    place: int  # one past its last word in the response
    weight: float  # shared words, a character of a script without spaces counting less


class MemorizationIndex:
    """Training responses, indexed by every run of ``SEED`` words in them.

    Building takes about two seconds for 2,000 responses of 150 words; a look-up takes time with the
    answer's length, not with theirs.
    """

    def __init__(self, responses: Sequence[str], name: str = "training") -> None:
        """Index ``responses``; ``name`` says in evidence where they are from (counted from 1)."""
        self.name = name
        self._responses = [folded_words(clean(r).text) for r in responses]
        self.weights = [sum(map(_weight, response)) for response in self._responses]  # words of each
        self._places: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for source, tokens in enumerate(self._responses):
            for at in range(len(tokens) - SEED + 1):
                self._places.setdefault(tokens[at : at + SEED], []).append((source, at))

    def passages(self, tokens: tuple[str, ...]) -> list[_Passage]:
        """Every passage of at least ``MIN_PASSAGE`` words that ``tokens`` shares with a response."""
        found: dict[int, list[_Passage]] = {}
        reached: dict[tuple[int, int], int] = {}
        for at in range(len(tokens) - SEED + 1):
            places = self._places.get(tokens[at : at + SEED], ())
            for source, place in places if len(places) <= MAX_PLACES else ():
                if at < reached.get((source, at - place), 0):
                    continue
                response = self._responses[source]
                limit = min(len(tokens) - at, len(response) - place)
                rest = range(SEED, limit)
                length = next((n for n in rest if tokens[at + n] != response[place + n]), limit)
                reached[source, at - place] = at + length
                weight = sum(map(_weight, tokens[at : at + length]))
                _join(found.setdefault(source, []), _Passage(source, at, at + length, place + length, weight))
        return [p for passages in found.values() for p in passages if p.weight >= MIN_PASSAGE]


def _join(passages: list[_Passage], run: _Passage) -> None:
    """Add a run to the passage of its response that ends shortly before it, or as a new one."""
    begins = run.place - (run.end - run.start)
    for passage in passages[-MAX_PLACES:]:
        if 0 <= run.start - passage.end <= GAP and 0 <= begins - passage.place <= GAP:
            passage.end, passage.place = run.end, run.place
            passage.weight += run.weight
            return
    passages.append(run)


def memorization(answer: Answer, index: MemorizationIndex | None) -> Judgement:
    """How much of the answer is a training response's: its longest shared passage, or all passages together.

    Words are compared without case, accents and punctuation. A passage is runs of at least ``SEED`` shared words with
    at most ``GAP`` others between them, so that a copy with every fifth word changed is one. ``value`` in [0, 1] is
    the greater of

    - the longest passage's words over ``min(FULL_PASSAGE, words of the answer, words of the response)``, the last
      two counting ``SHORT_TEXT`` at least;
    - the share of the answer's words in passages of any response, for ``SHORT_TEXT`` words or more.

    Returns:
        The longest passage as evidence, or all where together they count more, with the response's number in ``why``;
        unscored without training responses. Details: ``passage_words``, ``coverage``, ``answer_words``.
    """
    if index is None or not index.weights:
        return unscored("memorization", "no training responses to compare with")
    spans = all_words(answer.text)
    if not spans:
        return unscored("memorization", "no words")
    tokens = folded_words(answer.text)
    passages = index.passages(tokens)
    total = sum(map(_weight, tokens))
    if not passages:
        details = {"answer_words": total, "passage_words": 0.0, "coverage": 0.0}
        return Judgement("memorization", 0.0, details=details)

    def share(passage: _Passage) -> float:
        whole = min(max(SHORT_TEXT, total), max(SHORT_TEXT, index.weights[passage.source]))
        return min(1.0, passage.weight / min(FULL_PASSAGE, whole))

    longest = max(passages, key=lambda p: (share(p), p.weight))
    apart = _best_apart(passages)
    coverage = min(1.0, sum(p.weight for p in apart) / max(SHORT_TEXT, total))
    details = {"answer_words": total, "passage_words": longest.weight, "coverage": coverage}
    shown = [longest] if share(longest) >= coverage else apart
    evidence = tuple(_evidence(answer.text, spans, p, index.name) for p in shown)
    return Judgement("memorization", max(share(longest), coverage), evidence, details=details)


def _best_apart(passages: list[_Passage]) -> list[_Passage]:
    """The heaviest passages that don't overlap, in their order."""
    kept: list[_Passage] = []
    taken: set[int] = set()
    for passage in sorted(passages, key=lambda p: -p.weight):
        if taken.isdisjoint(range(passage.start, passage.end)):
            kept.append(passage)
            taken.update(range(passage.start, passage.end))
    return sorted(kept, key=lambda p: p.start)


def _evidence(text: str, spans: Sequence[Span], passage: _Passage, name: str) -> Evidence:
    start, end = spans[passage.start].start, spans[passage.end - 1].end
    return Evidence(text[start:end], start, end, f"copied from {name} response {passage.source + 1}")


def _weight(token: str) -> float:
    return UNSPACED_WEIGHT if is_unspaced(token) else 1.0
