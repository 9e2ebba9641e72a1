"""Two processes under ``accelerate launch`` learn what one does at the same global batch."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.conftest import Workspace
from tests.training import fsdp_on_gloo
from tests.training.children import PATIENCE_S, launch, printed
from tests.training.conftest import write_pairs
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
# --multi_gpu is what starts several processes on one machine; without a GPU they talk over gloo.
DDP = (
    *("accelerate", "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "timbre"),
)
ON_CPU = {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}

Command = Callable[..., tuple[str, ...]]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home of these tests' own, with four pairs to train on."""
    space = Workspace(tmp_path_factory.mktemp("processes"))
    write_pairs(space.home, PAIRS)
    return space


@pytest.fixture(scope="module")
def command(space: Workspace, tiny_base: Path) -> Command:
    """The training of a run of that name."""

    def written(name: str, batch: int, quantization: str) -> tuple[str, ...]:
        preset = space.home / f"{name}.toml"
        preset.write_text(PRESET.format(base=tiny_base, batch=batch, quantization=quantization))
        return ("train", str(preset), "--name", name)

    return written


def _assert_same(space: Workspace, name: str, other: str) -> None:
    alone, together = (read_run(run, space.home / "runs") for run in (name, other))
    assert alone and together
    assert _losses(together) == pytest.approx(_losses(alone), abs=1e-3)
    one, two = (load_file(run.adapter / WEIGHTS) for run in (alone, together))
    assert one.keys() == two.keys()
    learned = [np.concatenate([file[key].ravel() for key in one if "lora_B" in key]) for file in (one, two)]
    assert np.corrcoef(learned)[0, 1] > 0.999


def _losses(run: Run) -> list[float]:
    rows = (run.path / "metrics.jsonl").read_text().splitlines()
    return [row.get("loss", row.get("val_loss")) for row in map(json.loads, rows)]


def test_two_processes_under_the_launcher_learn_in_nf4_what_one_does(
    space: Workspace, command: Command
) -> None:
    alone = space.here(*command("alone", 2, "nf4"))
    assert alone.exit_code == 0, alone.exception
    done = space.run(*DDP, *command("together", 1, "nf4"), **ON_CPU)
    assert done.returncode == 0, done.stderr[-3000:]
    _assert_same(space, "alone", "together")


def test_under_fsdp_they_do_so_too_and_go_on_after_a_kill(space: Workspace, command: Command) -> None:
    alone = space.here(*command("whole", 2, "none"))
    assert alone.exit_code == 0, alone.exception
    outputs = [space.home / "first", space.home / "second"]
    place: Any = {"environment": space.environment(), "outputs": outputs, "options": ["--use_fsdp"]}
    training = ("bfloat16", *command("killed", 1, "none"))
    processes = launch(fsdp_on_gloo.main, *training, **place)
    partial = space.home / "runs" / ".killed.partial"
    deadline = time.monotonic() + PATIENCE_S
    while not (partial / "epochs" / "1").is_dir():
        assert all(process.is_alive() for process in processes), "it ended before an epoch was saved"
        assert time.monotonic() < deadline, "no epoch in time"
        time.sleep(0.02)
    for process in processes:
        process.kill()
        process.join()
    assert partial.is_dir(), "the training ended before it could be killed"
    first, _ = printed(launch(fsdp_on_gloo.main, *training, "--resume", **place), outputs)
    assert "trained by FSDP" in first
    _assert_same(space, "whole", "killed")
