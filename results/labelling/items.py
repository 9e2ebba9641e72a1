"""What is rated: answers out of logs, or pairs of them, blind and in an order that each rater has for itself.

An id is a digest of the texts, so it names no run, and logs that hold the same answer twice show it once. Sorted
by such ids, texts are in random order: the first N of them are the sample that every rater gets.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from judges.rubric import RUBRICS, load_rubric
from judges.text import find_repeats, is_blank
from judges.types import DIMENSIONS, Answer
from results.duels import duels_between
from results.records import RunLog, Sample

EVERY = 10  # of the texts each tenth is shown twice
LATER = 7  # how many other texts come in between, at least, unless too few are left

_QUESTIONS = {
    "integrity": "Is this no proper answer: empty, a refusal, a loop, word salad, another language, cut off?",
    "relevance": "Does the answer belong to this prompt, and not to some other one?",
    "compression": "Is the answer as brief as was asked, with nothing said twice?",
    "self_insertion": "Does the writer make itself part of somebody else's story, or invent a past of its own?",
    "hashtag_slop": "How much is hashtags, emoji, bold titles, stock phrases, not-this-but-that?",
    "specificity": "How concrete is it: things, numbers and names that make a difference?",
    "memorization": "Is a passage copied from the training texts?",
}


@dataclass(frozen=True)
class Item(Answer):
    """A text to rate, as judges take it, or two to choose between."""

    other_text: str = ""  # of a pair

    @classmethod
    def of(cls, prompt: str, text: str, other_text: str = "", **of_canary: Any) -> Self:
        """The item of some texts, with an id that is the same for the same texts."""
        digest = _digest("\0".join((prompt, text, other_text) if other_text else (prompt, text)))
        return cls(digest[:16], prompt, text, other_text=other_text, **of_canary)


@dataclass(frozen=True)
class Scale:
    """Which labels there are."""

    values: tuple[float, ...]
    names: tuple[str, ...]  # what each means
    yes_from: float

    @property
    def option(self) -> str:
        """As ``timbre calibrate`` takes it; empty for yes and no, and for pairs."""
        least, most = min(self.values), max(self.values)
        return "" if (least, most) == (0, 1) else f" --scale {least:g}-{most:g}"


@dataclass(frozen=True)
class Session:
    """What one rater is shown."""

    dimension: str
    pairs: bool  # whether two texts are shown at a time
    rater: str
    items: Mapping[str, Item]  # by id
    asked: int  # rated texts, or decided pairs, that a licence needs
    of_each: int  # of yes and of no

    @property
    def name(self) -> str:
        """As files of labels are called."""
        return session_name(self.dimension, self.pairs)

    @property
    def steps(self) -> list[tuple[str, bool]]:
        """Ids in this rater's order, each tenth of them twice; with whether it is shown for the second time."""
        order = sorted(self.items, key=lambda i: _digest(f"{self.rater}\0{i}"))
        again: dict[int, list[str]] = {}
        made: list[tuple[str, bool]] = []
        for at, shown in enumerate(order):
            if at % EVERY == 0 and at + 1 < len(order):
                again.setdefault(min(at + LATER, len(order) - 1), []).append(shown)
            made += [(shown, False), *((repeated, True) for repeated in again.get(at, ()))]
        return made

    @property
    def question(self) -> str:
        """What raters are asked: the purpose of the dimension's rubric where it has one."""
        has_rubric = (RUBRICS / f"{self.dimension}.md").is_file()
        asked = load_rubric(self.dimension).purpose if has_rubric else _QUESTIONS[self.dimension]
        return asked + (" Which of the two has more of it?" if self.pairs else "")


def session_name(dimension: str, pairs: bool) -> str:
    """``humor``, or ``humor-pairs``."""
    return f"{dimension}-pairs" if pairs else dimension


def scale_of(dimension: str, pairs: bool) -> Scale:
    """0 to 4 for a quality, yes or no for a fault, and who wins for a pair."""
    if pairs:
        return Scale((1, 0.5, 0), ("the first", "neither", "the second"), 1)
    if DIMENSIONS[dimension].hard:
        return Scale((0, 1), ("no", "yes"), 1)
    return Scale((0, 1, 2, 3, 4), ("not at all", "hardly", "somewhat", "clearly", "very"), 2)


def item_of(sample: Sample) -> Item:
    """An answer without its run."""
    return Item.of(
        _encodable(sample.prompt),
        _encodable(sample.text),
        subjects=sample.subjects,
        first_person_licensed=sample.licensed,
        target_words=sample.target_words,
    )


def text_items(logs: Iterable[RunLog]) -> list[Item]:
    """Every answer that isn't empty, once."""
    items = (item_of(s) for log in logs for s in log.samples if not is_blank(s.text))
    return list({item.id: item for item in items}.values())


def pair_items(logs: Sequence[RunLog]) -> list[Item]:
    """Every two runs' answers to one canary and take, each pair once; a digest says which is called first.

    Raises:
        TimbreError: two runs share no canary, or were asked different things under one id.
    """
    items: dict[str, Item] = {}
    for duel in duels_between(logs):
        one, other = sorted(map(_encodable, (duel.first_text, duel.second_text)), key=_digest)
        if one.split() != other.split() and not (is_blank(one) or is_blank(other)):
            item = Item.of(_encodable(duel.prompt), one, other)
            items.setdefault(item.id, item)
    return list(items.values())


def chosen(items: Iterable[Item], rated: Mapping[str, Item], n: int) -> dict[str, Item]:
    """The ``n`` texts of a session by id, or more where more are rated: these, then a random draw of ``items``.

    A rated text stays even where the logs no longer have it.
    """
    drawn = sorted((i for i in items if i.id not in rated), key=lambda item: item.id)
    return {**rated, **{item.id: item for item in drawn[: max(0, n - len(rated))]}}


def segments(text: str) -> list[tuple[str, int]]:
    """The text in parts; a part with a number above 0 says again what stands before it, so many times in all."""
    parts, at = [], 0
    for loop in find_repeats(text):
        parts += [(text[at : loop.end], 0), (text[loop.end : loop.stop], loop.times)]
        at = loop.stop
    return [part for part in (*parts, (text[at:], 0)) if part[0]]


def _encodable(text: str) -> str:
    """``text`` with a question mark in place of a lone surrogate, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
