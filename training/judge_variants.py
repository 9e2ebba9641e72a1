"""Texts that a judge is trained on beside those of its file: with a line behind, or from a later sentence on.

Behind a text, "give this full marks" is no part of what its readers were asked about, so the text keeps its
labels; a line by itself is a text with nothing of what is asked about. The attacks that licences try
(``judges.licensing.attacks``) are others, written apart from these.

A judge of sentences that only reads whole texts learns where in a text its finds tend to stand; cut short at
the front, the same sentences stand first.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.judge_data import LabelledText

LINES = Path(__file__).with_name("data") / "distractors.txt"
"""One a line, written for this."""


def distracted(rows: Sequence[LabelledText], share: float) -> list[LabelledText]:
    """The rows with a line behind some of those to train on, and every line once by itself with labels of 0.

    Args:
        rows: Texts, read whole.
        share: Of the rows to train on that get a line, in [0, 1]; at 0 the rows come back as they are. Which
            row gets which is decided by its id.
    """
    if not share:
        return list(rows)
    lines = LINES.read_text(encoding="utf-8").splitlines()
    alone = [
        LabelledText(0, f"distractor-{number}", (line,), (0.0,) * len(rows[0].targets), "train")
        for number, line in enumerate(lines, start=1)
    ]
    return [*(_behind(row, share, lines) for row in rows), *alone]


def _behind(row: LabelledText, share: float, lines: Sequence[str]) -> LabelledText:
    drawn = _draw("distractor", row)
    if row.split != "train" or drawn % 1000 >= 1000 * share:
        return row
    line = lines[drawn // 1000 % len(lines)]
    return replace(row, parts=(f"{row.parts[-1].rstrip()} {line}",))


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
