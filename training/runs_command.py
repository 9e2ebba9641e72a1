"""``timbre runs``: what there is, whether it is whole, how two differ. No torch."""

import dataclasses
import json
import sys
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
    found = [find_run(name) for name in names] if names else list_runs()
    if verifying:
        _verify(found, as_json)
    elif comparing:
        if len(found) != 2:
            raise TimbreError(
                f"{len(found)} runs to compare", where="--compare", do="name two: timbre runs --compare A B"
            )
        _compare(found, as_json)
    else:
        _list(found, as_json, with_baseline=not names)


def _list(found: "list[Run]", as_json: bool, *, with_baseline: bool) -> None:
    from training.base import default_base
    from training.runs import BASELINE, loss_text

    if as_json:
        json.dump([{**run.facts, "identity": run.identity} for run in found], sys.stdout, indent=2)
        click.echo()
        return
    if with_baseline:
        click.echo(f"{BASELINE:<16} {'':12}  base {default_base()}, no adapter")
    for run in found:
        click.echo(
            f"{run.name:<16} {run.identity[:12]}  base {run.base}, r {run.rank}, "
            f"{len(run.epochs)} epochs, {run.train_pairs} pairs, "
            f"train loss {loss_text(run.epochs[-1].train_loss)}"
        )


def _verify(found: "list[Run]", as_json: bool) -> None:
    from training.runs import verify

    checked = [verify(run) for run in found]
    if as_json:
        json.dump([{**dataclasses.asdict(v), "whole": v.whole} for v in checked], sys.stdout, indent=2)
        click.echo()
    for v in [] if as_json else checked:
        if not v.files:
            click.echo(f"{v.run}: no checksums recorded (trained by an older version)")
        elif v.whole:
            click.echo(f"{v.run}: {v.files} adapters are as training wrote them")
        else:
            told = [f"{name} changed" for name in v.changed] + [f"{name} is gone" for name in v.missing]
            click.echo(f"{v.run}: {'; '.join(told)}")
    if not all(v.whole for v in checked):
        sys.exit(1)


def _compare(found: "list[Run]", as_json: bool) -> None:
    from training.runs import run_differences

    rows = run_differences(*found)
    names = [run.name for run in found]
    if as_json:
        told = [{"what": what, names[0]: one, names[1]: other} for what, one, other in rows]
        json.dump(told, sys.stdout, indent=2)
        click.echo()
        return
    if not rows:
        click.echo(f"{names[0]} and {names[1]} are the same")
    table = [("", *names), *rows] if rows else []
    widths = [max((len(row[at]) for row in table), default=0) for at in range(2)]
    for what, one, other in table:
        click.echo(f"{what:<{widths[0]}}  {one:<{widths[1]}}  {other}")
