"""The front door: what it lists, and what it says of a word that is no command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from timbre.cli import cli
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT


def timbre(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("comapre", "no command 'comapre'; did you mean `timbre compare`?"),
        ("reprot", "no command 'reprot'; did you mean `timbre report`?"),
        ("zzz", "no command 'zzz'; see `timbre --help`"),
    ],
)
def test_a_mistyped_command_is_one_line_with_the_near_one(typed: str, message: str) -> None:
    done = timbre(typed)
    assert isinstance(done.exception, TimbreError) and str(done.exception) == message


def test_help_lists_every_command_in_the_order_of_use_and_each_is_there() -> None:
    page = timbre("--help").output.partition("in the order of use:\n")[2]
    names = [line.split()[0] for line in page.splitlines() if line.strip()]
    assert [names.index(name) for name in ("augment", "train", "ask", "compare", "gate", "export")] == sorted(
        names.index(name) for name in ("augment", "train", "ask", "compare", "gate", "export")
    )
    assert all(timbre(name, "--help").exit_code == 0 for name in names)


def test_a_relative_folder_is_the_one_beside_where_the_command_began(tmp_path: Path) -> None:
    code = "import os, timbre.paths as p; os.chdir('/'); print(p.home(), p.runs_dir(), os.environ['TIMBRE_HOME'])"
    environment = {**os.environ, "TIMBRE_HOME": "mine", "TIMBRE_RUNS": "runs", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / name) for name in ("mine", "runs", "mine")]


def test_after_ctrl_c_nothing_waits_for_pythons_own_clean_up() -> None:
    script = """
import atexit, timbre.cli
def interrupted(**_): raise KeyboardInterrupt
timbre.cli.cli = interrupted
atexit.register(print, "cleaned up")
print("kept", end="")
timbre.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (130, "kept", "timbre: interrupted\n")
