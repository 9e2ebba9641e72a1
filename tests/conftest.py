"""Real parts that tests share: the embedded base, and in one worker the trained run and the vLLM server.

Runs, logs and server notes go to a temporary TIMBRE_HOME; the converted base stays in the checkout's
``models/``, since converting it takes a minute.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from evals import vllm_command
from timbre.cli import cli
from timbre.paths import CHECKOUT, models_dir

RUN = "tiny"
TRAINED_PAIRS, TRAINED_EPOCHS = 6, 3


def pytest_configure() -> None:
    """What is printed into a pipe has no width; readline, in pytest-xdist's own process, gives its workers one."""
    os.environ.pop("COLUMNS", None)


settings.register_profile("any machine", deadline=None)  # a busy one takes its time
settings.load_profile("any machine")


class ByFile(LoadScopeScheduling):
    """pytest-xdist: a file's tests run in one worker; those of all files marked ``one_server`` too."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "one_server" if _needs_the_server(path) else path


@cache
def _needs_the_server(path: str) -> bool:
    return "mark.one_server" in (CHECKOUT / path).read_text(encoding="utf-8")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """One worker holds the one server and the one trained run, and what a file's tests share is made once."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that need the server come first, since together they take longest; then other real ones."""
    items.sort(
        key=lambda item: (not item.get_closest_marker("one_server"), not item.get_closest_marker("real"))
    )


@dataclass(frozen=True)
class Workspace:
    """A TIMBRE_HOME of its own, and the commands run in it."""

    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """The caller's environment, pointed here; one thread each for torch and vLLM, as a busy machine wants it."""
        cores = vllm_command.environment("")["VLLM_CPU_OMP_THREADS_BIND"].split(",")
        here = {
            "TIMBRE_HOME": str(self.home),
            "TIMBRE_MODELS": str(models_dir()),
            "TIMBRE_THREADS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": cores[-1],
            "INSPECT_LOG_DIR": str(self.home / "logs"),
        }
        return {**os.environ, **here, **more}

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment (``timbre``, ``inspect``) from the checkout, as a user types it."""
        program = str(Path(sys.executable).parent / command[0])
        return subprocess.run(
            [program, *command[1:]],
            cwd=CHECKOUT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def here(self, *arguments: str) -> Result:
        """``timbre`` in this process, where the process is not the point: its libraries are loaded once."""
        return CliRunner(env=self.environment()).invoke(cli, arguments)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The worker's workspace; whatever server it started is stopped at the end."""
    space = Workspace(tmp_path_factory.mktemp("home"))
    yield space
    space.run("timbre", "serve", "--stop")


@pytest.fixture(scope="session")
def short_pairs(workspace: Workspace) -> Path:
    """The shortest shipped training pairs and two validation pairs: real text, few tokens."""
    shipped = (CHECKOUT / "training" / "data" / "voice.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted(shipped, key=len)
    train = [row for row in rows if json.loads(row)["split"] == "train"][:TRAINED_PAIRS]
    val = [row for row in rows if json.loads(row)["split"] == "val"][:2]
    path = workspace.home / "short.jsonl"
    path.write_text("\n".join([*train, *val]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(workspace: Workspace, short_pairs: Path) -> Path:
    """The folder of a real nf4 run with the ``voice`` preset in fewer steps, trained by the real command."""
    preset = workspace.home / "nf4.toml"
    shipped = (CHECKOUT / "training" / "presets" / "voice.toml").read_text()
    fewer = shipped.replace("epochs = 6", f"epochs = {TRAINED_EPOCHS}").replace("= 2e-4", "= 1e-3")
    preset.write_text(f'{fewer}quantization = "nf4"\n')
    done = workspace.run("timbre", "train", str(preset), "--name", RUN, "--data", str(short_pairs))
    assert done.returncode == 0, done.stderr[-2000:]
    return workspace.home / "runs" / RUN
