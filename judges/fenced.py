"""Texts that others wrote, as data in a grader's prompt: cut, cleaned, behind a fence they can't close."""

import hashlib
import re

from judges.quotes import without_controls

_TURN = re.compile(r"<(?=\S)|\[(?=/?[A-Z_]{3,}\])")
"""Where a chat template's own marks begin: ``<|im_end|>``, ``</s>``, ``<end_of_turn>``, ``[INST]``."""

_FENCE = re.compile(r"={3,}(?=\s*DATA)", re.IGNORECASE)


def as_data(text: str, limit: int) -> str:
    """``text`` as a grader may be shown it.

    Control and invisible characters are gone. The marks by which chat templates part their turns are
    broken by a space, since a tokenizer would read them in a text as it reads its own; so are lines
    that look like a fence. Past ``limit`` characters the middle is left out, and its length told.
    """
    clean = _FENCE.sub("= ", _TURN.sub(lambda mark: mark[0] + " ", without_controls(text))).strip()
    if len(clean) <= limit:
        return clean
    half = limit // 2
    return f"{clean[:half]}\n[{len(clean) - 2 * half} characters left out]\n{clean[-half:]}"


def fence(*held: str) -> str:
    """A line that stands in none of ``held``, made from their digest: the same texts give the same line."""
    together = "\n".join(held)
    digest = hashlib.sha256(together.encode("utf-8", "surrogatepass")).hexdigest()
    while digest[:16] in together:
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return f"=====DATA-{digest[:16]}====="
