"""How sure a grader was of each yes and no: read out of the log-probabilities of its reply's tokens.

A grader with more to say than yes or no separates texts that a bare answer ties (G-Eval, Liu et al. 2023,
https://arxiv.org/abs/2303.16634, takes the expected value for the same reason).
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

LEAST_MASS = 0.5
"""Least probability that yes and no must have together at the answer's token; below it the answer counts as
it stands."""

_STRING = r'"(?:[^"\\]|\\.)*"'
_TO_ANSWER = rf'\{{(?:[^{{}}"]|{_STRING})*?"answer"\s*:\s*"'
"""From the brace that opens a question's object to where its answer begins. A quotation mark inside a JSON
string has a backslash before it, so no quote can pass for an answer."""


@dataclass(frozen=True)
class TokenChoice:
    """One token of a reply, and what might have stood in its place.

    Attributes:
        token: The text that it stands for.
        top: Log-probability (nats) of the likeliest tokens there, by text, this one among them or not.
    """

    token: str
    top: Mapping[str, float]


def yes_probabilities(tokens: Sequence[TokenChoice], keys: Iterable[str]) -> dict[str, float]:
    """P(yes) / (P(yes) + P(no)) at the token where each question's answer begins.

    Args:
        tokens: The whole reply in order: JSON of ``{key: {"quote": ..., "answer": "yes"}}`` among whatever.
        keys: The questions.

    Returns:
        Values in [0, 1]; a key is left out whose answer isn't found exactly once, or whose yes and no have
        less than ``LEAST_MASS``.
    """
    text = "".join(t.token for t in tokens)
    starts = list(accumulate((len(t.token) for t in tokens), initial=0))
    found = {}
    for key in keys:
        places = [m.end() for m in re.finditer(rf'(?<!\\)"{re.escape(key)}"\s*:\s*{_TO_ANSWER}', text)]
        if len(places) != 1 or places[0] >= len(text):
            continue
        at = bisect_right(starts, places[0]) - 1
        probability = _yes(tokens[at], places[0] - starts[at])
        if probability is not None:
            found[key] = probability
    return found


def _yes(choice: TokenChoice, skipped: int) -> float | None:
    """Share of yes among the tokens that begin as this one does, ``skipped`` characters before the answer."""
    head = choice.token[:skipped]
    mass = {"yes": 0.0, "no": 0.0}
    for token, logprob in choice.top.items():
        if not token.startswith(head):
            continue
        word = re.match(r"[a-z]*", token[skipped:].lower())
        for answer in mass:
            if word and word[0] and answer.startswith(word[0]):
                mass[answer] += math.exp(logprob)
    both = mass["yes"] + mass["no"]
    return mass["yes"] / both if both >= LEAST_MASS else None
