"""Stage 2 of ``self_insertion`` by a trained judge: a LoRA read behind every sentence of an answer.

Asking it needs a server, which is the caller's business (``evals.served_judge``); this is the arithmetic. It
was fitted on sentences written and labelled for the purpose (``training/data/self_insertion.csv``), each read
after the request and what stands before it (``judges/fitted/lora_self_insertion/README.md``).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from judges.identity import JudgeIdentity
from judges.self_insertion_passages import sentences_of
from judges.types import Answer, Evidence, Judgement, unscored

KEY = "self_insertion"
ADAPTER = Path(__file__).with_name("fitted") / "lora_self_insertion"

WHY = "trained_judge"
"""Rule name of evidence that the trained judge found and no rule did."""

GROUP, BEFORE = 6, 2
"""Sentences asked about at a time, and sentences of the group before that are read with them."""

MAX_SHOWN, MAX_REQUEST = 600, 1000
"""Characters of a sentence, and of the request, that are read."""

THRESHOLD = 0.85
"""Least value of a sentence that is held to be a claim: of steps of .05, the lowest at which the trained
judge alone was right in 19 of 20 texts that it flagged of the fold ``blind-a``
(``benchmarks/self_insertion.py``).
"""


def trained_identity(served: Mapping[str, str]) -> JudgeIdentity:
    """Detector and trained judge together.

    Args:
        served: What the answers depend on: digests of the base and the adapter, the question, the number
            type of the served weights.
    """
    return JudgeIdentity(f"lora/{KEY}", KEY, {**served, "reading": _reading()})


@lru_cache(maxsize=1)
def _reading() -> str:
    """Digest of the rules, and of how sentences are parted and read: one for all answers of a process."""
    room = Path(__file__).parent
    sources = [*sorted(room.glob("self_insertion*.py")), room / "segments.py"]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


def groups(answer: Answer) -> list[list[str]]:
    """What is read at a time: neighbouring sentences of an answer, as many as in the texts it was fitted on.

    A group but the first begins with ``BEFORE`` sentences of the one before it, so that who is who stays
    known. Nothing is read where the request licenses the first person.
    """
    if answer.first_person_licensed:
        return []
    shown = [answer.text[start:end][:MAX_SHOWN] for start, end in sentences_of(answer)]
    return [shown[max(0, at - BEFORE) : at + GROUP] for at in range(0, len(shown), GROUP)]


def trained_judgement(
    detected: Judgement, answer: Answer, read: Sequence[Sequence[float | None]], served: Mapping[str, str]
) -> Judgement:
    """``self_insertion`` after the trained judge has read.

    Args:
        detected: The detector's judgement.
        answer: The text.
        read: For each sentence of each of ``groups(answer)`` how surely it is a claim, in [0, 1] or None.
        served: As for ``trained_identity``.

    Returns:
        Value 1.0 where the detector or the trained judge found a claim, else 0.0. Evidence: the detector's,
        and the sentences that the trained judge found beside them. Details, beside the detector's:
        ``detector`` (its value), ``sentences`` read, ``highest`` value of one. Unscored where a sentence has
        no value, unless the detector found a claim: that stands.
    """
    said = [value for at, values in enumerate(read) for value in (values[BEFORE:] if at else values)]
    missing = sum(value is None for value in said)
    if missing and detected.value != 1.0:
        return unscored(KEY, f"the trained judge named no digit for {missing} of {len(said)} sentences")
    values = [0.0 if value is None else value for value in said]
    found = tuple(
        Evidence(answer.text[start:end], start, end, WHY)
        for (start, end), value in zip(sentences_of(answer) if said else [], values, strict=True)
        if value >= THRESHOLD and not any(e.start < end and start < e.end for e in detected.evidence)
    )
    return replace(
        detected,
        value=1.0 if found else detected.value,
        evidence=tuple(sorted((*detected.evidence, *found), key=lambda e: (e.start, e.end))),
        details={
            **detected.details,
            "detector": float(detected.value or 0.0),
            "sentences": float(len(said)),
            "highest": max(values, default=0.0),
        },
        judge=str(trained_identity(served)),
    )
