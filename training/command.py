"""``timbre train``."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from timbre.errors import TimbreError


@click.command()
@click.argument("preset", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the run, e.g. run2; its folder is runs/NAME.")
@click.option("--data", type=click.Path(path_type=Path), help="Pairs (JSONL) to use; for a judge, a folder.")
@click.option(
    "--show-masks",
    is_flag=True,
    help="Print every pair with its supervised tokens in [brackets]; without --name, stop there.",
)
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch of an interrupted run.")
@click.option("--replace", is_flag=True, help="Let a run of that name with other settings go.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json to stdout at the end.")
def train(
    preset: Path,
    name: str | None,
    data: Path | None,
    show_masks: bool,
    resume: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Train a LoRA adapter on PRESET, a TOML file of settings, or fit the judges' encoder.

    \b
    timbre train training/presets/voice.toml --name run3
    timbre train training/presets/log-run1.toml --show-masks
    timbre train my.toml --name run4 --data essays.jsonl
    timbre train training/presets/judge.toml --name judge --data FOLDER   (sets labelled by people)

    Nothing is written under the run's name until the run is whole. Training the same settings on the
    same data and base again finds the run up to date and does no work.
    """
    from training.config import is_judge, load_config

    if is_judge(preset):
        _train_judge(preset, name, data, show_masks)
        return
    config = load_config(preset)
    if data is not None:
        config = dataclasses.replace(config, data=str(data.resolve()))
    if name is None and not show_masks:
        raise TimbreError("the run has no name", where="--name", do="add e.g. --name run2")
    if show_masks:
        from training.masks import show_masks as render
        from training.prepare import pairs_as_delivered, prepare

        prepared = prepare(config)
        labels = pairs_as_delivered(config, prepared)
        click.echo(render(prepared.examples, labels, prepared.tokenizer), nl=False)
    if name is None:
        return
    from training.data_command import data_line
    from training.runs import loss_text
    from training.voice import train_voice

    click.echo(data_line(Path(config.data)), err=True)
    try:
        run = train_voice(config, name, resume=resume, replace=replace)
    except KeyboardInterrupt:
        raise TimbreError(
            f"interrupted; the finished epochs of {name!r} are kept",
            do="go on with the same command and --resume",
            exit_code=130,
        ) from None
    if as_json:
        json.dump(dict(run.facts), sys.stdout, indent=2)
        click.echo()
    else:
        losses = [loss_text(epoch.train_loss) for epoch in run.epochs]
        click.echo(
            f"{run.name}: {len(losses)} epochs, train loss {losses[0]} -> {losses[-1]}, "
            f"identity {run.identity[:12]}, {run.path}"
        )


def _train_judge(preset: Path, name: str | None, data: Path | None, show_masks: bool) -> None:
    """Fit the encoder into ``models/NAME``; what is there already stays until the new one is whole."""
    if show_masks:
        raise TimbreError("a judge has no masks", where="--show-masks", do="use it with a voice's preset")
    if name is None:
        raise TimbreError("the judge has no name", where="--name", do="add e.g. --name judge")
    from timbre.paths import models_dir
    from training.judge import fit_judge, load_judge_config

    folder = models_dir() / name
    try:
        fit_judge(
            load_judge_config(preset), data, folder, lambda line: click.echo(f"{name}: {line}", err=True)
        )
    except KeyboardInterrupt:
        raise TimbreError(
            "interrupted; nothing was written", do="start it again with the same command", exit_code=130
        ) from None
    click.echo(f"{name}: {folder}; copy its files to judges/fitted/ to judge with it")
