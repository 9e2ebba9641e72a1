"""The front door: what it lists, and what it says of a word that is no command."""

import pytest
from click.testing import CliRunner, Result

from timbre.cli import cli
from timbre.errors import TimbreError


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
