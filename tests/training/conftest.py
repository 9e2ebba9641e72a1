"""A random two-layer base with the embedded base's tokenizer and a run on it, where the model is not the point."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kills import make_base
from training import qlora
from training.config import TrainConfig
from training.runs import Run

NOTES = ("gates", "hinges", "keys", "rain")
SETTINGS = {"epochs": 2, "system": "Be brief.", "batch_size": 2, "gradient_accumulation": 2}


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the base."""
    return make_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training pairs and one for validation."""
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {
            "prompt": f"A note on {word}.",
            "response": f"Some {word} are late, and the others are {word} too.",
            "tier": 1,
            "source": word,
            "split": "val" if word == "rain" else "train",
        }
        for word in NOTES
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_pairs(folder: Path, splits: Mapping[str, str]) -> None:
    """Write ``pairs.jsonl`` with a short pair about each thing, on its side of the split."""
    rows = [
        {"prompt": f"A line on {thing}?", "response": f"The {thing} came back late.", "split": split}
        for thing, split in splits.items()
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def config_of(base: Path, data: Path, **changes: Any) -> TrainConfig:
    """One epoch at a rate that moves the adapter."""
    settings = {"epochs": 1, "rank": 2, "quantization": "none", "learning_rate": 1e-2}
    return TrainConfig(base=str(base), data=str(data), **{**settings, **changes})


@pytest.fixture(scope="session")
def run(tiny_base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs with a system message, trained in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMBRE_RUNS", str(tmp_path_factory.mktemp("runs")))
        return qlora.train_voice(config_of(tiny_base, data, **SETTINGS), "mine")
