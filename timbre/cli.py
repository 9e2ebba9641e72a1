"""The ``timbre`` command: one click group whose commands live in the rooms they belong to.

A command's module is imported when it is called, so that ``timbre --help`` starts at once.
"""

import difflib
import importlib
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from timbre import __version__
from timbre.errors import TimbreError, stop_writing
from timbre.files import as_unwritable

_COMMANDS = {
    "init": ("training.commands:init", "begin a folder: preset, pairs, canaries"),
    "augment": ("timbre.augment_command:augment", "pairs out of essays"),
    "import": ("training.commands:import_data", "pairs out of a data set"),
    "data": ("training.commands:data", "look the pairs over"),
    "train": ("training.commands:train", "train a run"),
    "runs": ("timbre.runs_command:runs", "list, verify or compare runs"),
    "serve": ("evals.command:serve", "start, find or stop the server"),
    "ask": ("evals.ask_command:ask", "ask runs one prompt"),
    "epochs": ("timbre.epochs_command:epochs", "which epoch of a run to serve"),
    "parity": ("timbre.parity_command:parity", "is what is served what was trained"),
    "compare": ("results.commands:compare", "runs side by side"),
    "pairwise": ("timbre.pairwise_command:pairwise", "answers two by two, by a grader"),
    "power": ("results.commands:power", "how many canaries a verdict takes"),
    "gate": ("results.commands:gate", "PASS 0, REGRESSED 1, INCONCLUSIVE 2, ERROR 3"),
    "export": ("results.commands:export", "the run's section of LOG.md"),
    "report": ("results.commands:report", "one HTML page of all runs"),
    "scores": ("results.commands:scores", "the table of scores as a file"),
    "score": ("judges.command:score", "judge any text, without a server"),
    "label": ("results.labelling.command:label", "rate answers blind, for a licence"),
    "calibrate": ("timbre.calibrate_command:calibrate", "license a judge with labels"),
    "stock": ("results.commands:stock", "learn a base's stock phrases"),
    "merge": ("training.share:merge", "a run as a model of its own"),
    "push": ("training.share:push", "a run to the hub"),
}
"""Where a command is, and what it is for; in the order of use."""

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class _Rooms(click.Group):
    """Finds a command in its room by name (click's lazy-loading pattern)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            do = f"did you mean `timbre {near[0]}`?" if near else "see `timbre --help`"
            raise TimbreError(f"no command {args[0]!r}", do=do)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of use"):
            formatter.write_dl([(name, what) for name, (_, what) in _COMMANDS.items()])


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="timbre")
def cli() -> None:
    """Did this fine-tuned voice get more like its writer, and did it get anything worse?

    \b
    timbre augment essays/ -o mine.jsonl
    timbre train training/presets/voice.toml --name mine --data mine.jsonl
    timbre ask mine,baseline "What do you make of umbrellas?"
    inspect eval evals/voice.py --model baseline,mine
    timbre compare baseline mine
    timbre gate --baseline baseline --candidate mine
    timbre export mine
    """


def main() -> None:
    """Run the command; a user's mistake is one line on stderr and its exit status."""
    try:
        status = cli(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except TimbreError as error:
        click.echo(f"timbre: {error}", err=True)
        _leave(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        stop_writing()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("timbre: interrupted", err=True)
        _leave(INTERRUPTED)
    except Exception as error:
        unwritable = as_unwritable(error)
        if unwritable is None:
            raise
        click.echo(f"timbre: {unwritable}", err=True)
        sys.exit(unwritable.exit_code)


def _leave(status: int) -> NoReturn:
    """Exit; at once after Ctrl-C, since Python takes two seconds to clean up after torch."""
    if status == INTERRUPTED:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
