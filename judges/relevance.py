"""Does an answer belong to its own prompt, or would it do as well under any other of the suite?

By cosine similarity of sentence embeddings of the untuned encoder. A prompt may come with facts that a good answer
respects (``Canary.facts``): these are a part of what the answer is compared with.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from judges.encoder import embedding
from judges.types import Answer, Judgement, unscored

VERSION = 3
# Difference of two cosines at which the odds are e to 1. Texts on one subject differ from texts on another by
# .2 to .6 (`benchmarks/relevance.py`).
SCALE = 0.05
MIN_PROMPTS = 8  # fewest other prompts to compare with


class Topics:
    """The prompts of a suite as points in the space of embeddings; embedded at the first use."""

    def __init__(self, facts_by_prompt: Mapping[str, Sequence[str]]) -> None:
        """Take each prompt with its facts, which may be none."""
        self._texts = {prompt: " ".join((prompt, *facts)) for prompt, facts in facts_by_prompt.items()}
        self._rows = {prompt: row for row, prompt in enumerate(self._texts)}

    def similarities(self, text: str, prompt: str) -> tuple[float, np.ndarray]:
        """Cosine of ``text`` with its own prompt, and with every other one, shape (others,)."""
        point = embedding(text)
        similarities = self._points @ point
        if prompt not in self._rows:
            return float(embedding(prompt) @ point), similarities
        own = self._rows[prompt]
        return float(similarities[own]), np.delete(similarities, own)

    @cached_property
    def _points(self) -> np.ndarray:
        """Embeddings of the prompts, shape (prompts, 384)."""
        return np.array([embedding(text) for text in self._texts.values()])


def relevance(answer: Answer, topics: Topics | None) -> Judgement:
    """Probability, in [0, 1], that the answer belongs to its prompt rather than to another of the suite.

    The mean over the other prompts of ``sigmoid((own - other) / SCALE)``, where own and other are cosines of the
    answer with the prompts: 1 for an answer to this prompt alone, about .5 for one dealt at random or for one that
    would do anywhere.

    Returns:
        Unscored with fewer than ``MIN_PROMPTS`` other prompts. Details: ``similarity`` and ``rank`` (1 is best).
    """
    if not answer.prompt.strip():
        return unscored("relevance", "no prompt to belong to")
    own, others = topics.similarities(answer.text, answer.prompt) if topics else (0.0, np.zeros(0))
    if len(others) < MIN_PROMPTS:
        return unscored("relevance", f"{len(others)} other prompts to compare with, needs {MIN_PROMPTS}")
    value = float(np.mean(1 / (1 + np.exp(-(own - others) / SCALE))))
    rank = 1 + int((others > own).sum())
    return Judgement("relevance", value, details={"similarity": own, "rank": float(rank)})
