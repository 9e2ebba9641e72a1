"""Two processes under ``accelerate launch`` learn what one does at the same global batch."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from tests.conftest import Workspace
from tests.training.conftest import write_pairs
from timbre.paths import CHECKOUT
from training.runs import WEIGHTS, Run, read_run

pytestmark = pytest.mark.real

PRESET = """
base = "{base}"
data = "pairs.jsonl"
quantization = "{quantization}"
target_modules = ["q_proj", "v_proj"]
rank = 8
learning_rate = 1e-3
epochs = 12
batch_size = {batch}
"""
PAIRS = {"soup": "train", "rain": "train", "stairs": "train", "lamps": "train", "keys": "val", "ink": "val"}
LAUNCH = (
    *("accelerate", "launch", "--num_processes", "2", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),
)
# --multi_gpu is what starts several processes on one machine; without a GPU they talk over gloo.
DDP = (*LAUNCH, "--multi_gpu", "-m", "timbre")
FSDP = (*LAUNCH, "--use_fsdp", str(Path(__file__).parent / "fsdp_on_gloo.py"), "bfloat16")

Train = Callable[..., tuple[Run, str]]
PATIENCE_S = 300


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Train:
    """Trains a run on four pairs, in this process or as a launcher's arguments."""
    space = Workspace(tmp_path_factory.mktemp("processes"))
    write_pairs(space.home, PAIRS)

    def trained(
        name: str, batch: int, quantization: str, launcher: tuple[str, ...] = (), *, killed: bool = False
    ) -> tuple[Run, str]:
        preset = space.home / f"{name}.toml"
        preset.write_text(PRESET.format(base=tiny_base, batch=batch, quantization=quantization))
        command = ("train", str(preset), "--name", name)
        on_cpu = {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}
        if killed:
            program = Path(sys.executable).parent / launcher[0]
            partial = space.home / "runs" / f".{name}.partial"
            _kill_in_training([str(program), *launcher[1:], *command], space.environment(**on_cpu), partial)
            command = (*command, "--resume")
        done = space.run(*launcher, *command, **on_cpu) if launcher else space.here(*command)
        run = read_run(name, space.home / "runs")
        assert run is not None, done.stderr[-3000:]
        return run, done.stderr

    return trained


def _kill_in_training(command: list[str], environment: dict[str, str], partial: Path) -> None:
    """Start a training and kill its launcher and processes outright once an epoch is saved."""
    launcher = psutil.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not (partial / "epochs" / "1").is_dir():
        assert launcher.poll() is None and time.monotonic() < deadline, "it ended before an epoch was saved"
        time.sleep(0.02)
    for process in (*launcher.children(recursive=True), launcher):
        process.kill()
    launcher.wait()
    assert partial.is_dir(), "the training ended before it could be killed"


def _losses(run: Run) -> list[float]:
    rows = (run.path / "metrics.jsonl").read_text().splitlines()
    return [row.get("loss", row.get("val_loss")) for row in map(json.loads, rows)]


@pytest.mark.parametrize(("kind", "launcher", "quantization"), [("DDP", DDP, "nf4"), ("FSDP", FSDP, "none")])
def test_two_processes_learn_what_one_does_and_under_fsdp_go_on_after_a_kill(
    train: Train, kind: str, launcher: tuple[str, ...], quantization: str
) -> None:
    alone, _ = train(f"alone-{kind}", 2, quantization)
    together, stderr = train(f"together-{kind}", 1, quantization, launcher, killed=kind == "FSDP")
    assert _losses(together) == pytest.approx(_losses(alone), abs=1e-3)
    one, two = (load_file(run.adapter / WEIGHTS) for run in (alone, together))
    assert one.keys() == two.keys()
    learned = [np.concatenate([file[key].ravel() for key in one if "lora_B" in key]) for file in (one, two)]
    assert np.corrcoef(learned)[0, 1] > 0.999
    assert kind != "FSDP" or "trained by FSDP" in stderr
