"""The voice of a task that names none."""

import json
from pathlib import Path

import click
import pytest

from evals.asking import Arm
from evals.endpoint import Served
from evals.voice import _default_voice
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on pairs of its own."""
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    monkeypatch.delenv("TIMBRE_RUNS", raising=False)
    folder = tmp_path / "runs" / "mine"
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "run.json").write_text(json.dumps({"status": "completed", "recipe": "r" * 64, "epochs": []}))
    pair = {"prompt": "Ferries?", "response": "Late.", "split": "train", "tier": 1, "source": "e"}
    (folder / "data.lock.json").write_text(json.dumps({"file": "mine.jsonl", "pairs": [pair]}))


BASELINE = Arm("baseline", "0" * 64, None, "base", "b" * 64, Served("base", "float32", None, False))


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ("baseline", DEFAULT_VOICE.name),
        ("baseline,mine", "mine.jsonl"),
        ("voice/baseline,voice/mine@2", "mine.jsonl"),
        ("openai/gpt-5,baseline", DEFAULT_VOICE.name),
    ],
)
def test_the_baseline_is_judged_with_the_voice_of_the_runs_beside_it(models: str, name: str) -> None:
    with click.Context(click.Command("eval")) as context:
        context.params = {"model": models}
        assert _default_voice(BASELINE).name == name


def test_a_json_log_with_a_number_of_thousands_of_digits_is_an_unreadable_log(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"version": 2, "status": ' + "9" * 5000 + "}")
    with click.Context(click.Command("eval-retry")) as context:
        context.params = {"log_files": (str(path),)}
        with pytest.raises(TimbreError, match=r"x\.json: unreadable log"):
            _default_voice(BASELINE)
