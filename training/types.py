"""The shape of a training pair and of what a run leaves behind; light enough for any process to import."""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "val"]
Origin = Literal["written", "extracted", "footnote"]


@dataclass(frozen=True)
class Pair:
    """One training example.

    Attributes:
        line: Line in its JSONL file, from 1.
        prompt: What the writer was, or might have been, asked.
        response: What the writer wrote.
        tier: 1 (most like the writer at their best) to 4.
        source: The essay or note it comes from; one source stays on one side of the split.
        origin: ``written`` for this purpose, ``extracted`` from an essay, or made of a ``footnote``.
        split: ``train`` or ``val``.
    """

    line: int
    prompt: str
    response: str
    tier: int
    source: str
    origin: Origin
    split: Split
