"""The CI examples that ship: their shell lines are run as they stand, on stored logs, with a forge's client faked."""

import json
import os
import shutil
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
Shell = Callable[..., subprocess.CompletedProcess[str]]

GH = r"""#!/bin/bash
# GitHub's client with one comment of a person and one of its own; jq stands for the one that is built in.
echo "$@" >> calls
for at in $(seq $#); do
  case "${!at}" in
    --jq) next=$((at + 1)); jq -r "${!next}" comments.json; exit ;;
    body=@*) file=${!at#body=@} ;;
  esac
done
[ ! -e broken ] || exit 1
jq -n --rawfile body "$file" '[{id: 1, type: "User"}, {id: 42, type: "Bot"}]
  | map({id, user: {type}, body: $body})' > comments.json
"""
CURL = r"""#!/usr/bin/env python3
import json, pathlib, sys
with open("calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\n")
notes = pathlib.Path("comments.json")
for word in sys.argv:
    if word.startswith("body@"):
        body = pathlib.Path(word[5:]).read_text()
        notes.write_text(json.dumps([{"id": 7, "body": "hello"}, {"id": 42, "body": body}]))
        sys.exit()
print(notes.read_text())
"""
needs_jq = pytest.mark.skipif(
    shutil.which("jq") is None, reason="no jq, which GitHub's client has in it: install jq"
)


def _yaml(*parts: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(CHECKOUT.joinpath(*parts).read_text(encoding="utf-8"))
    return read


WORKFLOW = _yaml(".github", "workflows", "voice.yml")
ACTION = _yaml(".github", "actions", "voice-gate", "action.yml")
GITLAB = _yaml(".gitlab", "voice-gate.yml")["voice-gate"]


def _step(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(step for step in steps if step.get("name") == name)


def _action(name: str) -> str:
    return str(_step(ACTION["runs"]["steps"], name)["run"])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like a checkout after a gate, with the environment where ``make setup`` puts it."""
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "comments.json").write_text("[]")
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "gate.md").write_text("<!-- voice-gate 0123456789ab -->\n### first\n")
    return tmp_path


@pytest.fixture
def logs(checkout: Path, write_log: WriteLog) -> None:
    """Logs in that folder, of a run that lost much."""
    graded = {"humor": 0.5, "provocativeness": 0.5, "warmth": 0.5}
    write_log("baseline", scores=lambda c, e: {**graded, "compression": 0.8})
    write_log("run2", scores=lambda c, e: {**graded, "compression": 0.1 + 0.001 * c})


@pytest.fixture
def shell(checkout: Path) -> Shell:
    """Runs a step's lines as GitHub does, with the fakes of ``gh`` and ``curl`` before all else."""
    for name, script in (("gh", GH), ("curl", CURL)):
        path = checkout / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def run(lines: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            **{"BASELINE": "baseline", "CANDIDATE": "run2", "LOGS": "logs", "ARGUMENTS": "", "OUT": "gate"},
            **{"TIMBRE": ".venv/bin/timbre", "TIMBRE_HOME": str(checkout), "PYTHONPATH": str(CHECKOUT)},
            **{"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_REPOSITORY": "a/b"},
            "PATH": f"{checkout / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            **variables,
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines]
        return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.usefixtures("logs")
def test_the_action_gates_and_passes_the_verdict_on(checkout: Path, shell: Shell) -> None:
    done = shell(_action("Gate"))
    assert done.returncode == 0, done.stderr
    assert (checkout / "output").read_text() == "status=1\nverdict=REGRESSED\n"
    assert json.loads((checkout / "gate" / "gate.json").read_text())["overall"] == "REGRESSED"
    assert ET.parse(checkout / "gate" / "gate.xml").getroot().get("failures") == "1"
    assert (checkout / "summary.md").read_text().strip() == (
        checkout / "gate" / "gate.md"
    ).read_text().strip()


@pytest.mark.usefixtures("logs")
def test_the_action_passes_further_arguments_on_and_reports_what_can_not_be_gated(
    checkout: Path, shell: Shell
) -> None:
    done = shell(_action("Gate"), ARGUMENTS="--suite nowhere")
    assert done.returncode == 0, done.stderr
    assert (checkout / "output").read_text() == "status=3\nverdict=ERROR\n"
    assert "nowhere" in (checkout / "gate" / "gate.md").read_text()


@pytest.mark.parametrize(
    ("status", "inconclusive", "expected"),
    [("0", "fail", 0), ("1", "warn", 1), ("2", "fail", 2), ("2", "warn", 0), ("3", "warn", 3)],
)
def test_the_action_ends_as_the_gate_did(shell: Shell, status: str, inconclusive: str, expected: int) -> None:
    assert shell(_action("Verdict"), STATUS=status, INCONCLUSIVE=inconclusive).returncode == expected


@needs_jq
def test_the_action_writes_one_comment_and_then_updates_its_own(checkout: Path, shell: Shell) -> None:
    assert shell(_action("Comment"), PULL_REQUEST="12").returncode == 0
    assert shell(_action("Comment"), PULL_REQUEST="12").returncode == 0
    writes = [line for line in (checkout / "calls").read_text().splitlines() if "body=" in line]
    assert writes == [
        "api --silent --method POST repos/a/b/issues/12/comments -F body=@gate/gate.md",
        "api --silent --method PATCH repos/a/b/issues/comments/42 -F body=@gate/gate.md",
    ]


@needs_jq
def test_a_comment_that_can_not_be_written_is_a_warning(checkout: Path, shell: Shell) -> None:
    (checkout / "broken").touch()
    done = shell(_action("Comment"), PULL_REQUEST="12")
    assert done.returncode == 0 and done.stdout.startswith("::warning")


def test_the_workflow_gives_the_action_only_what_it_takes() -> None:
    for job, machine in (("stored", "ubuntu-latest"), ("fresh", "gpu")):
        assert machine in WORKFLOW["jobs"][job]["runs-on"]
        step = _step(WORKFLOW["jobs"][job]["steps"], "Gate")
        assert (CHECKOUT / step["uses"] / "action.yml").is_file()
        assert step["with"].keys() <= ACTION["inputs"].keys()
    assert WORKFLOW["permissions"]["pull-requests"] == "write"


@pytest.mark.usefixtures("logs")
def test_the_check_of_the_log_fails_until_it_is_exported(shell: Shell) -> None:
    check = _step(WORKFLOW["jobs"]["stored"]["steps"], "The log says what the runs say")["run"]
    assert shell(check).returncode == 1
    assert shell(".venv/bin/timbre export run2 --logs logs").returncode == 0
    assert shell(check).returncode == 0


@pytest.mark.usefixtures("logs")
def test_the_gitlab_job_exits_by_the_verdict_and_leaves_what_it_collects(
    checkout: Path, shell: Shell
) -> None:
    done = shell("\n".join(GITLAB["script"]))
    assert done.returncode == 1, done.stderr
    assert (checkout / GITLAB["artifacts"]["reports"]["junit"]).is_file()
    assert (checkout / "gate" / "gate.md").read_text().startswith("<!-- voice-gate ")
    assert GITLAB["allow_failure"] == {"exit_codes": 2}


@pytest.mark.parametrize(("token", "writes"), [("", []), ("secret", ["POST", "PUT"])])
def test_the_gitlab_job_writes_one_note_and_then_updates_it(
    checkout: Path, shell: Shell, token: str, writes: list[str]
) -> None:
    names = {"CI_API_V4_URL": "https://x/api/v4", "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "12"}
    for _ in range(2):
        done = shell("\n".join(GITLAB["after_script"]), VOICE_GATE_TOKEN=token, **names)
        assert done.returncode == 0, done.stderr
    calls = (checkout / "calls").read_text().splitlines() if token else []
    notes = "https://x/api/v4/projects/5/merge_requests/12/notes"
    sent = [line.split() for line in calls if "body@" in line]
    assert [words[words.index("--request") + 1] for words in sent] == writes
    assert [words[-1] for words in sent] == [notes, f"{notes}/42"][: len(writes)]
