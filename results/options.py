"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

Command = Callable[..., None]

logs_option = click.option(
    "--logs",
    "places",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Folder of Inspect logs, or a log; may be given again.  [default: logs/]",
)


def reading_logs(function: Command) -> Command:
    """What every command has that reads the logs of runs: where they are, of which suite, and ``--json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout."),
        click.option("--suite", help="Canary suite to read logs of; else the latest that the runs share."),
        logs_option,
    ):
        function = option(function)
    return function


def rules(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say what counts."""
    for option in (
        click.option(
            "--licences",
            type=click.Path(path_type=Path),
            help="Folder of judges' licences.  [default: judges/licences]",
        ),
        click.option(
            "--policy",
            "policy_file",
            type=click.Path(path_type=Path),
            help="Margins in TOML.  [default: results/policy.toml]",
        ),
    ):
        function = option(function)
    return function
