"""``python -m training PRESET --name NAME``: ``timbre train``, as ``accelerate launch -m training`` calls it.

accelerate launch --multi_gpu --num_processes 2 -m training training/presets/voice.toml --name run3

On a machine without a GPU set ACCELERATE_USE_CPU=true; the processes then talk over gloo.
"""

import sys

import click

from timbre.errors import TimbreError
from training.commands import train

if __name__ == "__main__":
    try:
        sys.exit(train(standalone_mode=False) or 0)
    except TimbreError as error:
        click.echo(f"timbre: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
