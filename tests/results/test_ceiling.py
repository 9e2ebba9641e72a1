"""The writer's own figures are those of texts that no run was trained on."""

import json

import pytest

from results.ceiling import ceiling
from timbre.paths import DEFAULT_VOICE


def test_the_ceiling_is_of_the_held_out_texts() -> None:
    rows = [json.loads(line) for line in DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()]
    words = {
        split: [len(row["response"].split()) for row in rows if row["split"] == split]
        for split in ("train", "val")
    }
    held_out, trained = (sum(words[split]) / len(words[split]) for split in ("val", "train"))
    assert abs(held_out - trained) > 4, "the two splits must differ for this test to mean anything"
    assert ceiling(DEFAULT_VOICE)["words"].estimate == pytest.approx(held_out, abs=2)
