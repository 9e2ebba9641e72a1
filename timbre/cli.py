"""The ``timbre`` command: one click group whose commands live in the rooms they belong to.

A command's module is imported when it is called, so that ``timbre --help`` starts at once.
"""

import importlib
import sys

import click

from timbre import __version__
from timbre.errors import TimbreError, stop_writing

_COMMANDS = {
    "init": "training.commands:init",
    "import": "training.commands:import_data",
    "augment": "timbre.augment_command:augment",
    "data": "training.commands:data",
    "train": "training.commands:train",
    "runs": "training.run_commands:runs",
    "merge": "training.run_commands:merge",
    "push": "training.run_commands:push",
    "parity": "timbre.parity_command:parity",
    "epochs": "timbre.epochs_command:epochs",
    "serve": "evals.command:serve",
    "score": "judges.command:score",
    "label": "results.labelling.command:label",
    "calibrate": "timbre.calibrate_command:calibrate",
    "compare": "results.commands:compare",
    "pairwise": "timbre.pairwise_command:pairwise",
    "scores": "results.commands:scores",
    "power": "results.commands:power",
    "gate": "results.commands:gate",
    "export": "results.commands:export",
    "report": "results.commands:report",
    "stock": "results.stock_command:stock",
}


class _Rooms(click.Group):
    """Finds a command in its room by name (click's lazy-loading pattern)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="timbre")
def cli() -> None:
    """Did this fine-tuned voice get more like its writer, and did it get anything worse?

    \b
    timbre train training/presets/voice.toml --name run3     train an adapter
    inspect eval evals/voice.py --model baseline,run3        ask it the canaries
    timbre compare baseline run3                             look
    timbre pairwise baseline run3 --grader openai/gpt-5      ask a model which answers are better
    timbre power baseline run3                               how many canaries a verdict takes
    timbre gate --baseline baseline --candidate run3         decide (exit 0, 1, 2 or 3)
    timbre export run3                                       write LOG.md
    """


def main() -> None:
    """Run the command; a user's mistake is one line on stderr and its exit status."""
    try:
        status = cli(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except TimbreError as error:
        click.echo(f"timbre: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        stop_writing()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("timbre: interrupted", err=True)
        sys.exit(130)
