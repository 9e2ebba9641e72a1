"""The LoRA judge as arithmetic: what it is called, and one judgement out of the digits it answered.

Asking it needs a server, which is the caller's business (``evals.served_judge``). Its value is a mean of its
own, which counts twice, and the linear judge's, window by window: on texts that neither was fitted on it
agreed with people on how funny and how offensive they are better than either alone
(``judges/fitted/lora/README.md``).
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from judges.identity import JudgeIdentity
from judges.linear import Array, linear_identity, load, windows
from judges.plain_text import NO_WORDS
from judges.types import Answer, Evidence, Judgement, unscored

ADAPTER = Path(__file__).with_name("fitted") / "lora"

WEIGHT = 2 / 3
"""Share of the LoRA judge in the mean. On 988 training rows, with both judges fitted on the others, shares
of .6 to .8 agree with people equally well: no figure differs by more than .01.
"""

_COLUMNS = {"humor": "is_humor", "provocativeness": "offense_rating"}
DIMENSIONS = tuple(_COLUMNS)


def lora_identity(dimension: str, served: Mapping[str, str]) -> JudgeIdentity:
    """The weighted mean of LoRA and linear judge for ``humor`` or ``provocativeness``.

    Args:
        dimension: One of ``DIMENSIONS``.
        served: What the answers depend on: digests of the base and the adapter, the questions, the number
            type of the served weights.
    """
    reading = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    linear = str(linear_identity(dimension))
    return JudgeIdentity(f"lora/{dimension}", dimension, {**served, "linear": linear, "reading": reading})


def lora_judgements(
    answer: Answer, answered: Sequence[Mapping[str, float | None]], served: Mapping[str, str]
) -> dict[str, Judgement]:
    """Humor and provocativeness of one answer, each the mean over its windows.

    Args:
        answer: The text.
        answered: For each of ``judges.linear.windows(answer.text)`` the value by label column
            (``is_humor``, ``humor_rating``, ``offense_rating``), in [0, 1] or None.
        served: As for ``lora_identity``.

    Returns:
        Values in [0, 1]. Evidence is the window with the highest value. Details: ``windows``, ``lora`` and
        ``linear`` (the two means apart). Unscored where there are no words, or a window has no digit.
    """
    spans = windows(answer.text)
    if not spans:
        return {key: unscored(key, NO_WORDS) for key in DIMENSIONS}
    predicted = load().predict([text for text, _, _ in spans])
    return {key: _judgement(key, answer, spans, answered, predicted, served) for key in DIMENSIONS}


def _judgement(
    key: str,
    answer: Answer,
    spans: Sequence[tuple[str, int, int]],
    answered: Sequence[Mapping[str, float | None]],
    predicted: Mapping[str, Array],
    served: Mapping[str, str],
) -> Judgement:
    column = _COLUMNS[key]
    said = [window.get(column) for window in answered]
    missing = sum(value is None for value in said)
    if missing:
        return unscored(key, f"the LoRA judge named no digit for {missing} of {len(said)} windows")
    lora, linear = np.array(said, dtype=float), predicted[column]
    values = WEIGHT * lora + (1 - WEIGHT) * linear
    _, start, end = spans[int(values.argmax())]
    details = {
        "windows": float(len(spans)),
        "lora": float(lora.mean()),
        "linear": float(linear.mean()),
    }
    evidence = (Evidence(answer.text[start:end], start, end, "highest_window"),)
    judge = str(lora_identity(key, served))
    return Judgement(key, float(values.mean()), evidence, details=details, judge=judge)
