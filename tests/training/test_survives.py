"""A training that is killed outright goes on and ends where an uninterrupted one does."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Workspace
from timbre.paths import CHECKOUT
from training.watching import last_whole

pytestmark = pytest.mark.real

PRESET = """
base = "{base}"
quantization = "none"
target_modules = ["q_proj", "v_proj"]
rank = 8
learning_rate = 1e-3
dropout = 0.1
epochs = 20
"""
PATIENCE_S = 300


@pytest.fixture(scope="module")
def command(workspace: Workspace, short_pairs: Path, tiny_base: Path) -> list[str]:
    """A short training with dropout, so that the random state matters too; without the run's name."""
    rows = short_pairs.read_text(encoding="utf-8").splitlines()
    few = workspace.home / "few.jsonl"
    few.write_text("\n".join([*rows[:4], rows[-1]]) + "\n", encoding="utf-8")
    preset = workspace.home / "quick.toml"
    preset.write_text(PRESET.format(base=tiny_base))
    return ["timbre", "train", str(preset), "--data", str(few), "--name"]


def _start(workspace: Workspace, *command: str, largest_file: int = 0) -> "subprocess.Popen[str]":
    program = str(Path(sys.executable).parent / command[0])

    def prepare() -> None:
        # A test run in a shell's background inherits an ignored SIGINT, and so would its children.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.Popen(
        [program, *command[1:]],
        cwd=CHECKOUT,
        env=workspace.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def _wait_for_epoch(partial: Path, process: "subprocess.Popen[str]") -> None:
    """Until the first epoch is saved and a step of the second is done."""
    deadline = time.monotonic() + PATIENCE_S
    metrics = partial / "metrics.jsonl"
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training ended before it could be killed"
        rows = metrics.read_text().splitlines() if metrics.is_file() else []
        if (partial / "epochs" / "1").is_dir() and any(_step(row) > 4 for row in rows):
            return
        time.sleep(0.05)
    raise AssertionError("no epoch in time")


def _step(row: str) -> int:
    try:
        return int(json.loads(row)["step"])
    except ValueError:  # a line that is being written
        return 0


def test_kill_9_and_resume_end_with_the_adapter_of_an_uninterrupted_run(
    workspace: Workspace, command: list[str]
) -> None:
    from safetensors.numpy import load_file

    assert workspace.run(*command, "whole").returncode == 0
    partial = workspace.home / "runs" / ".killed.partial"
    process = _start(workspace, *command, "killed")
    _wait_for_epoch(partial, process)
    # Stopped, it can't end before the second training has seen that it is there.
    os.kill(process.pid, signal.SIGSTOP)

    second = workspace.run(*command, "killed")
    assert second.returncode == 2
    assert f"is being trained by process {process.pid}" in second.stderr

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (workspace.home / "runs" / "killed").exists()
    resumed = workspace.run(*command, "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    found = [
        load_file(workspace.home / "runs" / name / "adapter" / "adapter_model.safetensors")
        for name in ("whole", "killed")
    ]
    assert found[0].keys() == found[1].keys()
    assert max(float(abs(found[0][key] - found[1][key]).max()) for key in found[0]) < 5e-5
    losses = [
        [
            epoch["train_loss"]
            for epoch in json.loads((workspace.home / "runs" / name / "run.json").read_text())["epochs"]
        ]
        for name in ("whole", "killed")
    ]
    assert losses[0] == pytest.approx(losses[1], abs=5e-5)
    assert workspace.run("timbre", "runs", "killed", "--verify").returncode == 0


def test_ctrl_c_keeps_the_finished_epochs_and_says_how_to_go_on(
    workspace: Workspace, command: list[str]
) -> None:
    process = _start(workspace, *command, "stopped")
    _wait_for_epoch(workspace.home / "runs" / ".stopped.partial", process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "go on with the same command and --resume" in told and "Traceback" not in told
    assert (workspace.home / "runs" / ".stopped.partial" / "epochs" / "1").is_dir()


def test_a_full_disk_is_one_line_and_the_half_written_checkpoint_is_passed_over(
    workspace: Workspace, command: list[str]
) -> None:
    """A limit on the size of files lets the adapter be written and not the optimizer's state."""
    partial = workspace.home / "runs" / ".full.partial"
    process = _start(workspace, *command, "full", largest_file=12_000)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, told
    assert "no room left to write 'full'" in told and "--resume" in told and "Traceback" not in told
    assert [*partial.glob("checkpoint-*/adapter_model.safetensors")]
    assert last_whole(partial) is None
    resumed = workspace.run(*command, "full", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "nothing to resume" in resumed.stderr
    assert not [*(workspace.home / "runs" / "full").glob("checkpoint-*")]


def test_kill_9_at_random_moments_leaves_nothing_half_written(workspace: Workspace) -> None:
    """A slice of the benchmark's fifty: training, conversion to nf4, export and gate."""
    environment = {**workspace.environment(), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "benchmarks" / "kills.py"), "4", "--seed", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["kills"] == 4
