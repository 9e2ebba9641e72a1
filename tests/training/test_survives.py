"""A training that is killed outright goes on and ends where an uninterrupted one does."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.conftest import Workspace
from tests.training.children import PATIENCE_S, start, timbre
from tests.training.conftest import write_pairs
from timbre.paths import CHECKOUT
from training.runs import WEIGHTS, read_run
from training.watching import last_whole

pytestmark = pytest.mark.real

PRESET = """
base = "{base}"
data = "pairs.jsonl"
quantization = "none"
target_modules = ["q_proj", "v_proj"]
rank = 8
learning_rate = 1e-3
dropout = 0.1
epochs = 20
"""
PAIRS = {"soup": "train", "rain": "train", "stairs": "train", "lamps": "train", "keys": "val"}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home of these tests' own."""
    return Workspace(tmp_path_factory.mktemp("survivors"))


@pytest.fixture(scope="module")
def command(space: Workspace, tiny_base: Path) -> list[str]:
    """A short training with dropout, so that the random state matters too; without the run's name."""
    write_pairs(space.home, PAIRS)
    preset = space.home / "quick.toml"
    preset.write_text(PRESET.format(base=tiny_base))
    return ["train", str(preset), "--name"]


def _start(space: Workspace, *arguments: str, largest_file: int = 0) -> BaseProcess:
    place = {"environment": space.environment(), "output": space.home / "output"}
    return start(timbre, *arguments, **place, largest_file=largest_file)


def _ended(space: Workspace, process: BaseProcess) -> str:
    """What the process has printed when it has ended."""
    process.join(PATIENCE_S)
    return (space.home / "output").read_text()


def _wait_for_epochs(partial: Path, process: BaseProcess) -> None:
    """Until two epochs are saved."""
    deadline = time.monotonic() + PATIENCE_S
    while not (partial / "epochs" / "2").is_dir():
        assert process.is_alive(), "the training ended before it could be killed"
        assert time.monotonic() < deadline, "no epoch in time"
        time.sleep(0.02)


def _weights_and_losses(space: Workspace, name: str) -> tuple[dict[str, Any], list[float | None]]:
    run = read_run(name, space.home / "runs")
    assert run is not None
    return load_file(run.adapter / WEIGHTS), [epoch.train_loss for epoch in run.epochs]


def test_kill_9_and_resume_end_with_the_adapter_of_an_uninterrupted_run(
    space: Workspace, command: list[str]
) -> None:
    process = _start(space, *command, "killed")
    _wait_for_epochs(space.home / "runs" / ".killed.partial", process)
    # Stopped, it can't end before the second training has seen that it is there.
    os.kill(process.pid or 0, signal.SIGSTOP)
    second = space.here(*command, "killed")
    assert f"is being trained by process {process.pid}" in str(second.exception)

    process.kill()
    process.join()
    assert not (space.home / "runs" / "killed").exists()
    for name, *more in (("killed", "--resume"), ("whole",)):
        done = space.here(*command, name, *more)
        assert done.exit_code == 0, done.exception
    (one, losses), (other, other_losses) = (_weights_and_losses(space, name) for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    assert max(float(abs(one[key] - other[key]).max()) for key in one) < 5e-5
    assert losses == pytest.approx(other_losses, abs=5e-5)
    assert space.here("runs", "killed", "--verify").exit_code == 0


def test_ctrl_c_keeps_the_finished_epochs_and_says_how_to_go_on(space: Workspace, command: list[str]) -> None:
    process = _start(space, *command, "stopped")
    partial = space.home / "runs" / ".stopped.partial"
    _wait_for_epochs(partial, process)
    os.kill(process.pid or 0, signal.SIGINT)
    message = _ended(space, process)
    assert process.exitcode == 130
    assert "go on with the same command and --resume" in message and "Traceback" not in message
    assert (partial / "epochs" / "1").is_dir()


def test_a_full_disk_is_one_line_and_the_half_written_checkpoint_is_passed_over(
    space: Workspace, command: list[str]
) -> None:
    """A limit on the size of files lets the adapter be written and not the optimizer's state."""
    partial = space.home / "runs" / ".full.partial"
    process = _start(space, *command, "full", largest_file=12_000)
    message = _ended(space, process)
    assert process.exitcode == 1, message
    assert "no room left to write 'full'" in message and "--resume" in message and "Traceback" not in message
    assert [*partial.glob("checkpoint-*/adapter_model.safetensors")]
    assert last_whole(partial) is None
    resumed = space.here(*command, "full", "--resume")
    assert resumed.exit_code == 0, resumed.exception
    assert "nothing to resume" in resumed.stderr
    assert not [*(space.home / "runs" / "full").glob("checkpoint-*")]


def test_kill_9_at_random_moments_leaves_nothing_half_written(space: Workspace) -> None:
    """A slice of the benchmark's fifty: training, conversion to nf4, export and gate."""
    jobs = ("training", "conversion", "export", "gate")
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "benchmarks" / "kills.py"), "4", "--seed", "2", "--only", *jobs],
        env={**space.environment(), "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["kills"] == 4
