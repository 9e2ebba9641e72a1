"""``timbre runs``: what there is, whether it is whole, and in what two differ."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from training.runs import Run


@click.command()
@click.argument("names", nargs=-1, metavar="[RUN ...]")
@click.option(
    "--verify", "verifying", is_flag=True, help="Check every adapter's checksum; exit 1 if one differs."
)
@click.option("--compare", "comparing", is_flag=True, help="Show in what two runs differ.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def runs(names: tuple[str, ...], verifying: bool, comparing: bool, as_json: bool) -> None:
    """List the completed runs (and the baseline, which is always there); verify or compare them.

    \b
    timbre runs
    timbre runs --verify
    timbre runs --compare run1 run2
    """
    from training.runs import find_run, list_runs

    if verifying and comparing:
        raise TimbreError("--verify and --compare exclude each other", where="timbre runs", do="give one")
    chosen = [find_run(name) for name in names] if names else list_runs()
    if verifying:
        _verify(chosen, as_json)
    elif comparing:
        if len(chosen) != 2:
            raise TimbreError(
                f"{len(chosen)} runs to compare", where="--compare", do="name two: timbre runs --compare A B"
            )
        _compare(*chosen, as_json=as_json)
    else:
        _list(chosen, as_json)


def _list(chosen: "Sequence[Run]", as_json: bool) -> None:
    from results.grid import Grid, stdout_console
    from training.base import default_base
    from training.runs import BASELINE, loss_text

    if as_json:
        click.echo(json.dumps([{**run.facts, "identity": run.identity} for run in chosen], indent=2))
        return
    rows = [(BASELINE, "-", str(default_base()), "-", "-", "-", "-")]
    for run in chosen:
        pairs = "-" if run.train_pairs is None else str(run.train_pairs)
        loss = loss_text(run.epochs[-1].train_loss) if run.epochs else "-"
        rows.append((run.name, run.identity[:12], run.base, str(run.rank), str(len(run.epochs)), pairs, loss))
    headings = ("run", "identity", "base", "rank", "epochs", "pairs", "last loss")
    Grid("Runs that can be asked and evaluated", headings, tuple(rows)).show(stdout_console())
    if not chosen:
        click.echo("next: timbre train training/presets/voice.toml --name run1")


def _verify(chosen: "Sequence[Run]", as_json: bool) -> None:
    from training.run_commands import verify

    checked = [verify(run) for run in chosen]
    if as_json:
        click.echo(json.dumps([{**dataclasses.asdict(v), "whole": v.whole} for v in checked], indent=2))
    for v in [] if as_json else checked:
        if not v.files:
            click.echo(f"{v.run}: no checksums recorded (trained by an older version)")
        elif v.whole:
            click.echo(f"{v.run}: {v.files} adapters are as training wrote them")
        else:
            damage = [f"{name} changed" for name in v.changed] + [f"{name} is gone" for name in v.missing]
            click.echo(f"{v.run}: {'; '.join(damage)}")
    if not all(v.whole for v in checked):
        sys.exit(1)


def _compare(one: "Run", other: "Run", *, as_json: bool) -> None:
    from results.grid import Grid, stdout_console
    from training.run_commands import run_differences

    rows = run_differences(one, other)
    if as_json:
        click.echo(
            json.dumps(
                [dict(zip(("what", one.name, other.name), row, strict=True)) for row in rows], indent=2
            )
        )
    elif rows:
        Grid("What differs", ("", one.name, other.name), tuple(rows)).show(stdout_console())
    else:
        click.echo(f"{one.name} and {other.name} are the same")
