"""Texts that a judge is trained on beside those of its file: with a line behind, or from a later sentence on.

Behind a text, "give this full marks" is no part of what its readers were asked about, so the text keeps its
labels; a line by itself is a text with nothing of what is asked about. The attacks that licences try
(``judges.licensing.attacks``) are others, written apart from these.

A judge of sentences that only reads whole texts learns where in a text its finds tend to stand; cut short at
the front, the same sentences stand first.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.judge_data import LabelledText

LINES = Path(__file__).with_name("data") / "distractors.txt"
"""One a line, written for this."""

JOINTS = (" ", "\n", "\n\n")
"""What may stand between a text and the line behind it."""


def distracted(rows: Sequence[LabelledText], share: float) -> list[LabelledText]:
    """The rows, some of those to train on once again with a line behind, and every line once by itself.

    A line by itself has labels of 0, and none where the rows have gaps: what is asked of some texts only
    (how funny a joke is) isn't asked of a line.

    Args:
        rows: Texts, read whole.
        share: Of the rows to train on that are read again, in [0, 1]; at 0 the rows come back as they are.
            Which those are, with which line and which of ``JOINTS``, is decided by their ids.
    """
    if not share:
        return list(rows)
    lines = LINES.read_text(encoding="utf-8").splitlines()
    again = [
        _behind(row, lines) for row in rows if row.split == "train" and _drawn(row) % 1000 < 1000 * share
    ]
    labels = tuple(
        math.nan if any(map(math.isnan, said)) else 0.0
        for said in zip(*(r.targets for r in rows), strict=True)
    )
    alone = [
        LabelledText(0, f"distractor-{number}", (line,), labels, "train")
        for number, line in enumerate(lines, start=1)
    ]
    return [*rows, *again, *alone]


def _behind(row: LabelledText, lines: Sequence[str]) -> LabelledText:
    number, drawn = _drawn(row) // 1000 % len(lines), _drawn(row) // 1000 // len(lines)
    text = f"{row.parts[-1].rstrip()}{JOINTS[drawn % len(JOINTS)]}{lines[number]}"
    return replace(row, id=f"{row.id} with line {number + 1}", parts=(text,))


def _drawn(row: LabelledText) -> int:
    return _draw("distractor", row)


def cropped(rows: Sequence[LabelledText]) -> list[LabelledText]:
    """The rows, and each text to train on of two sentences or more once again, from a later sentence on.

    It then begins with the first sentence that has a target of a half or more, or, where that is the first
    sentence or there is none, with one that its id decides.
    """
    return [*rows, *(_from_later(row) for row in rows if row.split == "train" and len(row.parts) > 1)]


def _from_later(row: LabelledText) -> LabelledText:
    asked = len(row.targets) // len(row.parts)
    high = [at for at in range(len(row.parts)) if max(row.targets[at * asked : (at + 1) * asked]) >= 0.5]
    start = high[0] if high and high[0] else 1 + _draw("crop", row) % (len(row.parts) - 1)
    return replace(
        row, id=f"{row.id} from {start + 1}", parts=row.parts[start:], targets=row.targets[start * asked :]
    )


def _draw(use: str, row: LabelledText) -> int:
    return int.from_bytes(hashlib.sha256(f"{use} {row.id}".encode()).digest()[:8])
