"""Two processes under ``accelerate launch`` learn what one does at the same global batch."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Workspace
from training.runs import Run, read_run

pytestmark = pytest.mark.real

PRESET = """
base = "{base}"
quantization = "none"
target_modules = ["q_proj", "v_proj"]
rank = 8
learning_rate = 1e-3
epochs = 2
batch_size = {batch}
"""
LAUNCH = (
    *("accelerate", "launch", "--num_processes", "2", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),
)
# --multi_gpu is what starts several processes on one machine; without a GPU they talk over gloo.
DDP = (*LAUNCH, "--multi_gpu", "-m", "timbre", "train")
FSDP = (*LAUNCH, "--use_fsdp", str(Path(__file__).parent / "fsdp_on_gloo.py"), "bfloat16", "train")


@pytest.fixture(scope="module")
def train(workspace: Workspace, short_pairs: Path, tiny_base: Path) -> Callable[..., tuple[Run, str]]:
    """Trains on four short pairs, by a command that is given without its preset."""
    rows = short_pairs.read_text(encoding="utf-8").splitlines()
    few = workspace.home / "even.jsonl"
    few.write_text("\n".join([*rows[:4], *rows[-2:]]) + "\n", encoding="utf-8")

    def _train(name: str, batch: int, *command: str, **environment: str) -> tuple[Run, str]:
        preset = workspace.home / f"{name}.toml"
        preset.write_text(PRESET.format(base=tiny_base, batch=batch))
        done = workspace.run(*command, str(preset), "--data", str(few), "--name", name, **environment)
        assert done.returncode == 0, done.stderr[-3000:]
        run = read_run(name, workspace.home / "runs")
        assert run is not None
        return run, done.stderr

    return _train


@pytest.fixture(scope="module")
def alone(train: Callable[..., tuple[Run, str]]) -> Run:
    """The run of one process."""
    return train("alone", 2, "timbre", "train")[0]


def _losses(run: Run) -> list[float]:
    rows = (run.path / "metrics.jsonl").read_text().splitlines()
    return [row.get("loss", row.get("val_loss")) for row in map(json.loads, rows)]


@pytest.mark.parametrize(("kind", "command"), [("DDP", DDP), ("FSDP", FSDP)])
def test_two_processes_learn_what_one_does(
    train: Callable[..., tuple[Run, str]], alone: Run, kind: str, command: tuple[str, ...]
) -> None:
    import numpy as np
    from safetensors.numpy import load_file

    on_cpu = {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}
    together, stderr = train(f"together-{kind}", 1, *command, **on_cpu)
    assert _losses(together) == pytest.approx(_losses(alone), abs=1e-3)
    one, two = (load_file(run.adapter / "adapter_model.safetensors") for run in (alone, together))
    assert one.keys() == two.keys()
    learned = [np.concatenate([file[key].ravel() for key in one if "lora_B" in key]) for file in (one, two)]
    assert np.corrcoef(learned)[0, 1] > 0.999
    assert kind != "FSDP" or "trained by FSDP" in stderr
