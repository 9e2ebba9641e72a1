"""A real nf4 training through the real command: what it learned, kept and wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RUN, TRAINED_EPOCHS, TRAINED_PAIRS, Workspace
from timbre.errors import TimbreError

pytestmark = [pytest.mark.real, pytest.mark.one_server]


@pytest.fixture
def facts(trained: Path) -> dict[str, Any]:
    """Content of run.json."""
    found: dict[str, Any] = json.loads((trained / "run.json").read_text())
    return found


def test_the_voice_preset_lowers_its_training_loss_by_a_third(facts: dict[str, Any]) -> None:
    first, last = facts["epochs"][0]["train_loss"], facts["epochs"][-1]["train_loss"]
    assert last <= first * 2 / 3


def test_every_epoch_has_gradients_also_after_an_evaluation(facts: dict[str, Any]) -> None:
    assert len(facts["epochs"]) == TRAINED_EPOCHS
    assert all(epoch["grad_norm"] > 0 and epoch["val_loss"] is not None for epoch in facts["epochs"])


def test_the_run_keeps_a_different_adapter_for_every_epoch(trained: Path, facts: dict[str, Any]) -> None:
    files = [trained / epoch["adapter"] / "adapter_model.safetensors" for epoch in facts["epochs"]]
    assert len({file.read_bytes() for file in files}) == len(files)


def test_the_served_adapter_is_the_last_epochs_and_has_a_model_card(trained: Path) -> None:
    served = (trained / "adapter" / "adapter_model.safetensors").read_bytes()
    assert served == (trained / "epochs" / str(TRAINED_EPOCHS) / "adapter_model.safetensors").read_bytes()
    assert (trained / "adapter" / "README.md").is_file()


def test_the_run_folder_holds_what_the_contract_names_and_no_leftovers(trained: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {
        "run.json",
        "config.toml",
        "data.lock.json",
        "metrics.jsonl",
        "adapter",
        "epochs",
    }


def test_supervised_tokens_are_those_of_the_training_pairs(trained: Path, facts: dict[str, Any]) -> None:
    rows = json.loads((trained / "data.lock.json").read_text())["pairs"]
    train = [row for row in rows if row["split"] == "train"]
    assert len(train) == TRAINED_PAIRS
    assert facts["supervised_tokens"] == sum(row["supervised_tokens"] for row in train)


def test_the_same_training_again_finds_the_run_up_to_date(
    trained: Path, workspace: Workspace, short_pairs: Path
) -> None:
    before = (trained / "run.json").read_bytes()
    preset = str(workspace.home / "nf4.toml")
    done = workspace.here("train", preset, "--name", RUN, "--data", str(short_pairs))
    assert done.exit_code == 0
    assert "up to date" in done.stderr
    assert (trained / "run.json").read_bytes() == before


def test_other_data_under_a_taken_name_is_refused(trained: Path, workspace: Workspace) -> None:
    done = workspace.here("train", "training/presets/voice.toml", "--name", RUN)
    assert isinstance(done.exception, TimbreError) and "--replace" in str(done.exception)


def test_a_bad_pair_is_told_with_its_line_before_a_model_loads(workspace: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "A", "response": "", "tier": 1, "source": "s", "origin": "written"}\n')
    done = workspace.run(
        "timbre", "train", "training/presets/voice.toml", "--name", "bad", "--data", str(bad)
    )
    assert done.returncode == 2
    assert f"{bad}:1" in done.stderr
    assert not (workspace.home / "runs" / "bad").exists()
