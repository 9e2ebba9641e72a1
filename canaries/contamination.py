"""Refuses canaries that the training text has already answered.

A canary measures what a run carries over to prompts that it has not seen. It is spoilt by a trained prompt
that asks the same, by a run of words that stands in both, and by a subject of its own that the trained text
speaks of. The first three compare wording; the fourth compares names.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from canaries.types import Canary, Suite
from timbre.errors import TimbreError

RUN_WORDS = 8
"""Words in a row, the same on both sides, that count as copied."""

RUN_CONTENT_WORDS = 2
"""Of those, the least that must not be frame: "write a short note in the first person" is shared by many."""

NEAR_DUPLICATE = 0.5
"""Least Jaccard index of two prompts' content grams at which they ask the same (see ``content_grams``).

Measured: of the 16,290 pairs among the shipped canaries, all different questions, the most alike reach 0.22;
one question put in another frame, order or inflection gave 0.50 to 1.00.
"""

SHOWN = 3
"""Overlaps that the error spells out; the rest is counted."""

_GRAM = 3

_FRAME_WORDS = """
a an and any anybody anyone are as at be been but by can could did do does for from had has have he her
his how i if in into is it its just me more most my no not of off on once one only or our out own put she
should so some somebody someone something such than that the their them then there these they this to too
up us was we were what when where which who whom whose why will with without would you your yours
yourself

about account add answer argue ask brief briefly came come compose defend describe discuss draft essay
explain few first give keep length less let letter line lines long make maximum message minimum note
offer opinion paragraph paragraphs people person personal piece please post prompt reader reply respond
response say sentence sentences short shortly small story take taken takes tell text under using voice
word words write writer writing two three four five six seven eight nine ten twenty fifty sixty eighty
hundred
"""
_FRAME = frozenset(_FRAME_WORDS.split())
"""Words that say how to answer rather than what about, and the small words between them."""


@dataclass(frozen=True)
class TrainedText:
    """One training pair, as far as a canary can collide with it.

    Attributes:
        where: What to call it in an error (``training/data/voice.jsonl:12``).
        prompt: The trained prompt.
        response: The trained response.
    """

    where: str
    prompt: str
    response: str


@dataclass(frozen=True)
class _Read:
    """One text as words: ``cased`` as they stand, ``words`` without case."""

    cased: tuple[str, ...]
    words: tuple[str, ...]


def check_contamination(suite: Suite, trained: Sequence[TrainedText]) -> None:
    """Passes in silence if no canary of the suite overlaps the trained text.

    An overlap is, in this order (a canary and a pair are reported once, for the first that holds):

    - the same prompt but for case, accents, punctuation and spacing;
    - a prompt with a content likeness of at least ``NEAR_DUPLICATE``;
    - ``RUN_WORDS`` words in a row of the canary's prompt, in the trained prompt or response;
    - a subject of the canary named in full in either. A surname alone is no match: too many share one.

    The prompt of a conversation is its first message, and all its messages together.

    Args:
        suite: The canaries that are to be asked.
        trained: Every pair that is to be trained on, validation pairs included.

    Raises:
        TimbreError: Naming the canary, its file and the trained text for the first ``SHOWN`` overlaps,
            and how many more there are.
    """
    finders = _Finders(suite.canaries)
    overlaps = [
        f"canary {canary.id!r} and {text.where} {why}"
        for text in trained
        for canary, why in finders.overlaps(text)
    ]
    if not overlaps:
        return
    more = f"; and {len(overlaps) - SHOWN} more" if len(overlaps) > SHOWN else ""
    count = "1 overlap" if len(overlaps) == 1 else f"{len(overlaps)} overlaps"
    raise TimbreError(
        f"{count} with the training text: {'; '.join(overlaps[:SHOWN])}{more}",
        where=str(suite.path),
        do="change or remove one side of each",
    )


def prompt_key(prompt: str) -> str:
    """A prompt without case, accents, punctuation and spacing: two prompts with one key ask the same."""
    return " ".join(_read(prompt).words)


def content_grams(prompt: str) -> frozenset[str]:
    """The character 3-grams of a prompt's content words, each word padded with a space on both sides.

    Whole prompts make a poor measure: two requests in one long frame ("Write a short note in the first
    person about ...") share most of their characters and ask different things. So the words of the frame
    are left out. Grams within words forgive an inflection; a set of them forgives another order. A prompt
    that is all frame keeps its words.
    """
    words = _read(prompt).words
    content = [w for w in words if not _is_frame(w) and not w.isdigit()] or list(words)
    return frozenset(gram for word in content for gram in _grams(f" {word} "))


def likeness(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard index of two sets in [0, 1]; 0 when both are empty."""
    return len(a & b) / len(a | b) if a or b else 0.0


class _Finders:
    """The suite turned inside out: a trained text meets only canaries that share something with it."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        self._canaries = canaries
        self._keys: dict[str, list[int]] = defaultdict(list)
        self._asked: list[tuple[int, int]] = []  # of each prompt the canary and the number of content grams
        self._by_gram: dict[str, list[int]] = defaultdict(list)
        self._by_run: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_name: dict[str, list[tuple[int, str, tuple[str, ...]]]] = defaultdict(list)
        for index, canary in enumerate(canaries):
            for prompt in dict.fromkeys((canary.turns[0], canary.prompt)):
                self._keys[prompt_key(prompt)].append(index)
                grams = content_grams(prompt)
                for gram in grams:
                    self._by_gram[gram].append(len(self._asked))
                self._asked.append((index, len(grams)))
            for run in _runs(_read(canary.prompt).words):
                if sum(not _is_frame(word) for word in run) >= RUN_CONTENT_WORDS:
                    self._by_run[run].append(index)
            for subject in canary.subjects:
                name = _name(subject)
                if name:
                    self._by_name[name[0].casefold()].append((index, subject, name))

    def overlaps(self, text: TrainedText) -> Iterator[tuple[Canary, str]]:
        """Each canary that overlaps ``text``, in file order, with the first reason."""
        reasons: dict[int, str] = {}
        for index, why in self._reasons(text):
            reasons.setdefault(index, why)
        for index in sorted(reasons):
            yield self._canaries[index], reasons[index]

    def _reasons(self, text: TrainedText) -> Iterator[tuple[int, str]]:
        prompt, response = _read(text.prompt), _read(text.response)
        for index in self._keys.get(" ".join(prompt.words), ()):
            yield index, "have the same prompt"
        for index, value in self._near(content_grams(text.prompt)):
            yield index, f"have nearly the same prompt (likeness {value:.2f}, limit {NEAR_DUPLICATE})"
        for side, part in (("prompt", prompt), ("response", response)):
            for run in _runs(part.words):
                for index in self._by_run.get(run, ()):
                    yield index, f'share the words "{" ".join(run)}" (its {side})'
        for side, part in (("prompt", prompt), ("response", response)):
            for index, subject in self._named(part):
                yield index, f"both speak of {subject} (its {side})"

    def _near(self, grams: frozenset[str]) -> Iterator[tuple[int, float]]:
        shared = Counter(index for gram in grams for index in self._by_gram.get(gram, ()))
        for at, common in shared.items():
            index, size = self._asked[at]
            value = common / (len(grams) + size - common)
            if value >= NEAR_DUPLICATE:
                yield index, value

    def _named(self, part: _Read) -> Iterator[tuple[int, str]]:
        for at, word in enumerate(part.words):
            for index, subject, name in self._by_name.get(word, ()):
                if _stands_at(part, at, name):
                    yield index, subject


def _stands_at(part: _Read, at: int, name: tuple[str, ...]) -> bool:
    # A one-word name may be an ordinary word without its capital: "bath" is no mention of Bath.
    if len(name) == 1:
        return part.cased[at][:1].isupper()
    return part.words[at : at + len(name)] == tuple(word.casefold() for word in name)


def _name(subject: str) -> tuple[str, ...]:
    """The words of a proper name without its article; none for a common noun, which is no person."""
    if not any(character.isupper() for character in subject):
        return ()
    words = _read(subject).cased
    return words[1:] if len(words) > 1 and words[0].casefold() in ("the", "a", "an") else words


def _is_frame(word: str) -> bool:
    return word.partition("'")[0] in _FRAME  # "you're" is as empty as "you"


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1))


def _read(text: str) -> _Read:
    """``text`` as words, without accents, punctuation and possessive endings."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    bare = plain if plain.isascii() else "".join(c for c in plain if not unicodedata.combining(c))
    found = re.findall(r"\w+(?:'\w+)*", bare)
    cased = tuple(word[:-2] if word.endswith(("'s", "'S")) else word for word in found)
    return _Read(cased, tuple(word.casefold() for word in cased))


def _grams(word: str) -> Iterable[str]:
    return (word[i : i + _GRAM] for i in range(max(1, len(word) - _GRAM + 1)))
