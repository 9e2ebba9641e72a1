"""A judge adapter through the real command and the real base: a few texts, one epoch."""

import json
from pathlib import Path

import pytest

from tests.conftest import Workspace
from training.runs import list_runs

pytestmark = pytest.mark.real

ROWS = """id,text,is_humor,humor_rating,offense_rating,split
a,I asked my cat for an opinion of my poems. She buried them.,1,3,0,train
b,The office is closed on Monday.,0,,0,train
c,My diet is going well: I have lost the will to weigh myself.,1,2,0.5,train
d,Rain is expected in the north by noon.,0,,0,train
e,Your uncle is a thief and your soup is worse.,0,,4,val
"""

SENTENCES = """id,prompt,text,claim,split
a,Who was Ida Crane?,She painted gulls.,0,train
a,,I mixed her greys.,1,train
b,How do tides work?,My boat taught me.,1,train
b,,The moon pulls.,0,train
c,What is a sonnet?,Fourteen lines.,0,val
"""


@pytest.fixture(scope="module")
def judge(workspace: Workspace) -> Path:
    """The folder of a judge trained on four texts."""
    (workspace.home / "labels.csv").write_text(ROWS, encoding="utf-8")
    preset = workspace.home / "judge.toml"
    shipped = Path("training/presets/judge.toml").read_text(encoding="utf-8")
    preset.write_text(shipped.replace("epochs = 2", "epochs = 1").replace("batch_size = 8", "batch_size = 2"))
    done = workspace.run(
        *("timbre", "train", str(preset), "--name", "judge", "--data", str(workspace.home / "labels.csv"))
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return workspace.home / "runs" / "judge"


def test_it_learns_from_its_labels_and_stores_no_text(judge: Path) -> None:
    facts = json.loads((judge / "run.json").read_text())
    assert facts["kind"] == "judge" and len(facts["questions"]) == 3
    epoch = facts["epochs"][0]
    assert epoch["grad_norm"] > 0 and epoch["val_loss"] is not None
    assert (judge / "adapter" / "adapter_model.safetensors").is_file()
    assert "poems" not in (judge / "data.lock.json").read_text()


def test_a_judge_of_sentences_learns_from_each_of_them(workspace: Workspace) -> None:
    (workspace.home / "claims.csv").write_text(SENTENCES, encoding="utf-8")
    preset = workspace.home / "claims.toml"
    shipped = Path("training/presets/self_insertion.toml").read_text(encoding="utf-8")
    preset.write_text(shipped.replace("batch_size = 8", "batch_size = 2"))
    done = workspace.run(
        *("timbre", "train", str(preset), "--name", "claims", "--data", str(workspace.home / "claims.csv"))
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = workspace.home / "runs" / "claims"
    lock = json.loads((run / "data.lock.json").read_text())
    assert [row["targets"] for row in lock["rows"]] == [[0, 1], [1, 0], [0], [1], [0]]
    epoch = json.loads((run / "run.json").read_text())["epochs"][0]
    assert epoch["grad_norm"] > 0 and epoch["val_loss"] is not None


def test_a_judge_is_no_run_to_evaluate(
    judge: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(workspace.home))
    assert "judge" not in [run.name for run in list_runs()]


def test_masks_of_a_judge_are_a_wrong_command(workspace: Workspace) -> None:
    done = workspace.run("timbre", "train", "training/presets/judge.toml", "--show-masks")
    assert done.returncode == 2 and "a judge has no masks" in done.stderr
