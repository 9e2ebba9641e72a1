"""The first hour, command by command: essays to pairs to a run, asked beside the base, evaluated and gated."""

import json
import shlex
from pathlib import Path

import pytest

from tests.conftest import Workspace
from training.runs import read_run

pytestmark = [pytest.mark.real, pytest.mark.one_server]

THINGS = ("ladder", "kettle", "gate", "spoon", "bench", "drain", "shelf", "lamp", "stair", "bell")
SHORT = ("--limit", "2", "-T", "max_tokens=16", "-T", "epochs=1", "--display", "plain")


def test_essays_become_a_run_that_is_asked_evaluated_and_gated(workspace: Workspace, tmp_path: Path) -> None:
    def step(*command: str, expected: tuple[int, ...] = (0,)) -> str:
        done = workspace.here(*command)
        assert done.exit_code in expected, (command, done.output[-2000:], done.exception)
        return done.stdout

    mine, essays, logs = tmp_path / "mine", tmp_path / "essays", str(tmp_path / "logs")
    essays.mkdir()
    for n, thing in enumerate(THINGS):
        text = f"The {thing} is older than the house by {n} years, and it has never once said so in company."
        (essays / f"{thing}.txt").write_text(text)
    advice = dict(line.split(": ", 1) for line in step("init", str(mine)).splitlines())
    augment, _ = advice["next"].split(", or ")
    train, evaluate = map(shlex.split, advice["then"].split(" && "))
    step(*shlex.split(augment.replace("ESSAYS", str(essays)))[1:])
    preset = mine / "preset.toml"
    preset.write_text(preset.read_text().replace("epochs = 6", "epochs = 1"))
    _, gate = map(shlex.split, step(*train[1:]).partition("next: ")[2].split(" && "))
    run = read_run("mine", workspace.home / "runs")
    assert run and run.train_pairs and run.val_pairs and run.train_pairs + run.val_pairs == len(THINGS)
    asked = step("ask", "mine,baseline", "What is a ladder for?", "--max-tokens", "6", "--json")
    assert [reply["run"] for reply in json.loads(asked)["replies"]] == ["mine", "baseline"]
    done = workspace.run(*evaluate, "--log-dir", logs, *SHORT)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    verdict = json.loads(step(*gate[1:], "--logs", logs, "--json", expected=(0, 1, 2)))
    assert verdict["overall"] in ("PASS", "REGRESSED", "INCONCLUSIVE")
