"""Two processes under ``accelerate launch`` learn what one does at the same global batch."""

import json
from pathlib import Path

import pytest

from tests.conftest import Workspace

pytestmark = pytest.mark.real

PRESET = """
base = "{base}"
quantization = "none"
target_modules = ["q_proj", "v_proj"]
rank = 8
learning_rate = 1e-3
epochs = 2
"""


def _losses(workspace: Workspace, name: str) -> list[float]:
    rows = (workspace.home / "runs" / name / "metrics.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, rows) if "loss" in row]


def test_two_processes_give_the_losses_and_the_adapter_of_one(
    workspace: Workspace, short_pairs: Path, tiny_base: Path
) -> None:
    from safetensors.numpy import load_file

    rows = short_pairs.read_text(encoding="utf-8").splitlines()
    few = workspace.home / "even.jsonl"
    few.write_text("\n".join([*rows[:4], *rows[-2:]]) + "\n", encoding="utf-8")
    for name, batch in (("alone", 2), ("together", 1)):
        (workspace.home / f"{name}.toml").write_text(
            PRESET.format(base=tiny_base) + f"batch_size = {batch}\n"
        )
    train = ("--data", str(few), "--name")
    one = workspace.run("timbre", "train", str(workspace.home / "alone.toml"), *train, "alone")
    assert one.returncode == 0, one.stderr
    two = workspace.run(
        # --multi_gpu is what starts several processes on one machine; without a GPU they talk over gloo.
        *("accelerate", "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "training"),
        *(str(workspace.home / "together.toml"), *train, "together"),
        ACCELERATE_USE_CPU="true",
    )
    assert two.returncode == 0, two.stderr[-3000:]
    assert _losses(workspace, "together") == pytest.approx(_losses(workspace, "alone"), abs=1e-3)
    adapters = [
        load_file(workspace.home / "runs" / name / "adapter" / "adapter_model.safetensors")
        for name in ("alone", "together")
    ]
    assert max(float(abs(adapters[0][key] - adapters[1][key]).max()) for key in adapters[0]) < 1e-3
