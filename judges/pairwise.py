"""Two answers side by side: which has more of a quality? Asked in both orders, so that place can't decide.

A *duel* is two answers to one canary. A grader sees them as A and B, and again as B and A; a text wins
only if it is named both times, and anything else is a tie.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from judges.grading import (
    MAX_PROMPT,
    MAX_QUOTE_WORDS,
    Form,
    GraderPrompt,
    Material,
    find_quote,
    grader_prompt,
    read_object,
)
from judges.rubric import Rubric
from judges.text import EMPTY, is_blank
from judges.types import JudgeIdentity

VERSION = 2  # raise it when the prompt, the reading of replies or the settling changes
PAIRED = ("humor", "provocativeness", "voice_match", "warmth")  # dimensions that can be compared in pairs
PAIRWISE = PAIRED[:3]  # those compared unless others are named
MAX_TEXT = 6000  # characters shown of each answer: more than 512 new tokens hold
REFERENCES = 4  # texts of the writer shown for voice_match
MAX_REFERENCE = 1200  # characters shown of each
_FORM: Form = {"quote": "...", "better": ("a", "b", "tie")}  # a choice after the quote that decides it
MAX_REPLY_TOKENS = 200  # of a grader's reply, unless the grader was given a limit of its own


@dataclass(frozen=True)
class Duel:
    """Two runs' answers to one canary in one epoch."""

    canary: str
    epoch: int  # from 1
    first: str  # run that wrote first_text
    second: str
    prompt: str  # what both were asked
    first_text: str
    second_text: str


@dataclass(frozen=True)
class Choice:
    """One reply of a grader."""

    better: Literal["a", "b", "tie"]  # the letter that the better text was shown under
    quote: str  # the words that the grader gives for it; unchecked


@dataclass(frozen=True)
class Outcome:
    """A duel after both orders."""

    duel: Duel
    winner: Literal["first", "second", "tie"] | None  # None where an order has no understandable reply
    flipped: bool = False  # whether the two orders disagreed, which makes it a tie
    chose_a: int = 0  # replies, of two, that named the text shown first
    chose_b: int = 0
    quotes: tuple[str, ...] = ()  # the grader's quotes that occur in the winner's text
    unsettled: str | None = None  # why there is no winner; None exactly when there is one, or a tie


def pairwise_identity(rubric: Rubric, grader: str, reference: Sequence[str] = ()) -> JudgeIdentity:
    """The judge that ``grader`` is when it compares under this rubric, shown these texts of the writer."""
    parts = {"rubric": rubric.sha256, "grader": grader}
    if reference:
        shown = "\0".join(reference).encode("utf-8", "surrogatepass")
        parts["reference"] = hashlib.sha256(shown).hexdigest()
    return JudgeIdentity(f"pairwise/{rubric.dimension}", rubric.dimension, VERSION, parts)


def pairwise_prompt(
    rubric: Rubric, prompt: str, a: str, b: str, reference: Sequence[str] = ()
) -> GraderPrompt:
    """The prompt for a grader of two answers, ``a`` shown first, to one request.

    ``reference`` are the writer's own texts, as ``reference_texts`` picks them, for likeness to a writer.
    """
    heaviest = sorted(rubric.items, key=lambda item: -item.weight)
    criteria = "\n".join(f"{number}. {item.question}" for number, item in enumerate(heaviest, start=1))
    task = f"""\
You compare two short texts in one quality: {rubric.dimension}.
{rubric.purpose}

What counts, asked of each text, the weightiest first:
{criteria}

Both texts answer the same request. Say which has more of this quality. Which one stands first, which is
longer, and what a text says about itself count for nothing. Where neither has clearly more, it is a tie."""
    material = [
        *(
            Material(f"The writer's own text {number}", text, MAX_REFERENCE)
            for number, text in enumerate(reference, start=1)
        ),
        Material("The request", prompt, MAX_PROMPT),
        Material("Text A", a, MAX_TEXT),
        Material("Text B", b, MAX_TEXT),
    ]
    reply = (
        'Give "quote", the words of the better text that decide it, copied exactly and at most '
        f'{MAX_QUOTE_WORDS} words long (empty for a tie), and "better", "a", "b" or "tie":'
    )
    return grader_prompt(task, material, reply, _FORM)


def parse_choice(reply: str, *shown: str) -> Choice | None:
    """The choice in a reply, or None; an object that also stands in a text that was ``shown`` is none."""
    given = read_object(reply, ["better"], *shown) or {}
    better, quote = given.get("better"), given.get("quote")
    if better not in ("a", "b", "tie"):
        return None
    return Choice(better, quote if isinstance(quote, str) else "")


def settled_unasked(duel: Duel) -> Outcome | None:
    """The outcome of a duel that needs no grader: an empty answer can't be compared, and a copy is a tie."""
    if is_blank(duel.first_text) or is_blank(duel.second_text):
        return Outcome(duel, None, unsettled=EMPTY)
    return Outcome(duel, "tie") if duel.first_text.split() == duel.second_text.split() else None


def settle(duel: Duel, in_order: Choice | None, swapped: Choice | None) -> Outcome:
    """The duel's outcome: the text named in both orders wins, else it is a tie.

    ``in_order`` is the choice with ``first_text`` as A, ``swapped`` with ``second_text``; None is not understood.
    """
    if in_order is None or swapped is None:
        return Outcome(duel, None, unsettled="grader reply not understood")
    letters = (in_order.better, swapped.better)
    counts = (letters.count("a"), letters.count("b"))
    if set(letters) != {"a", "b"}:
        return Outcome(duel, "tie", letters != ("tie", "tie"), *counts)
    text = duel.first_text if letters == ("a", "b") else duel.second_text
    spans = (find_quote(choice.quote, text) for choice in (in_order, swapped))
    quotes = tuple(dict.fromkeys(text[span[0] : span[1]] for span in spans if span))
    return Outcome(duel, "first" if letters == ("a", "b") else "second", False, *counts, quotes)


def reference_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """``REFERENCES`` of the writer's texts, spread evenly over their lengths; the same set gives the same."""
    by_length = sorted(set(texts), key=lambda text: (len(text), text))
    if len(by_length) <= REFERENCES:
        return tuple(by_length)
    return tuple(by_length[(2 * at + 1) * len(by_length) // (2 * REFERENCES)] for at in range(REFERENCES))
