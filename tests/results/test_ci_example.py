"""The CI example that ships: its lines are run as they stand, on stored logs, as a CI would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from timbre.paths import CHECKOUT

WriteLog = Callable[..., Path]
WORKFLOW = CHECKOUT / ".github" / "workflows" / "voice.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The workflow as YAML reads it."""
    read: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return read


def _step(workflow: dict[str, Any], job: str, name: str) -> str:
    return str(next(step["run"] for step in workflow["jobs"][job]["steps"] if step.get("name") == name))


@pytest.fixture
def checkout(write_log: WriteLog, tmp_path: Path) -> Path:
    """A folder like a checkout: the environment where ``make setup`` puts it, and stored logs."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    write_log("baseline")
    write_log("run2", scores=lambda c, e: {"compression": 0.1 + 0.001 * c})
    return tmp_path


def _run(line: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "BASELINE": "baseline",
        "CANDIDATE": "run2",
        "GITHUB_STEP_SUMMARY": str(checkout / "summary.md"),
        "TIMBRE_HOME": str(checkout),
    }
    return subprocess.run(
        ["bash", "-e", "-c", line], cwd=checkout, env=env, capture_output=True, text=True, check=False
    )


def test_the_gate_of_the_stored_logs_blocks_and_leaves_its_files(
    workflow: dict[str, Any], checkout: Path
) -> None:
    done = _run(_step(workflow, "stored", "Gate"), checkout)
    assert done.returncode == 1, done.stderr
    assert '"overall": "REGRESSED"' in (checkout / "gate.json").read_text()
    assert ET.parse(checkout / "gate.xml").getroot().get("failures") == "1"
    assert "REGRESSED: run2 against baseline" in (checkout / "summary.md").read_text()


def test_the_check_of_the_log_fails_until_it_is_exported(workflow: dict[str, Any], checkout: Path) -> None:
    check = _step(workflow, "stored", "The log says what the runs say")
    assert _run(check, checkout).returncode == 1
    assert _run(".venv/bin/timbre export run2 --logs logs", checkout).returncode == 0
    assert _run(check, checkout).returncode == 0


def test_the_jobs_run_without_and_with_a_gpu(workflow: dict[str, Any]) -> None:
    assert workflow["jobs"]["stored"]["runs-on"] == "ubuntu-latest"
    assert "gpu" in workflow["jobs"]["fresh"]["runs-on"]
    assert "inspect eval-set evals/voice.py" in _step(workflow, "fresh", "Ask the canaries")
