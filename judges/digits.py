"""How a served judge's answer is read: one digit, as an expected value out of log-probabilities."""

from collections.abc import Mapping

import numpy as np

LIKELIEST = 20
"""Tokens whose log-probabilities are read at a question, the most that a server gives unasked."""

LEAST_MASS = 0.5
"""Least probability that the ten digits must have together; below it the judge didn't answer the question."""


def expected_digit(logprobs: Mapping[str, float]) -> float | None:
    """Expected digit over 9, from log-probabilities (nats) of the next token.

    Args:
        logprobs: By token text; what isn't one digit is left out of the mean.

    Returns:
        A value in [0, 1]; None where the digits have less than ``LEAST_MASS`` together.
    """
    found = [(int(t), float(np.exp(p))) for t, p in logprobs.items() if len(t) == 1 and t in "0123456789"]
    mass = sum(p for _, p in found)
    return sum(digit * p for digit, p in found) / mass / 9 if mass >= LEAST_MASS else None
