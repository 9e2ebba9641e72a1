"""``timbre runs``: what there is, whether it is whole, and in what two differ."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from training.runs import Run

_NO_SETTING = ("data", "parent", "phase", "base")


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
        raise TimbreError("--verify and --compare exclude each other", do="give one")
    chosen = [find_run(name) for name in names] if names else list_runs()
    if verifying:
        _verify(chosen, as_json)
    elif comparing:
        if len(chosen) != 2:
            named = ", ".join(run.name for run in chosen) or "none"
            raise TimbreError(
                f"it takes two runs, not {named}", where="--compare", do="name two: timbre runs --compare A B"
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
    checked = [verification(run) for run in chosen]
    if as_json:
        click.echo(json.dumps(checked, indent=2))
    for row in [] if as_json else checked:
        if not row["files"]:
            click.echo(f"{row['run']}: no checksums recorded (trained by an older version)")
        elif row["whole"]:
            click.echo(f"{row['run']}: {row['files']} adapters are as training wrote them")
        else:
            damage = [f"{name} changed" for name in row["changed"]] + [
                f"{name} is gone" for name in row["missing"]
            ]
            click.echo(f"{row['run']}: {'; '.join(damage)}")
    if not all(row["whole"] for row in checked):
        sys.exit(1)


def verification(run: "Run") -> dict[str, Any]:
    """Whether a run's adapters are still the files of its run.json: which are changed, and which are missing."""
    from training.runs import sha256_of

    missing = [name for name in run.checksums if not (run.path / name).is_file()]
    there = {name: digest for name, digest in run.checksums.items() if name not in missing}
    changed = [name for name, digest in there.items() if sha256_of(run.path / name) != digest]
    whole = not missing and not changed
    return {
        "run": run.name,
        "files": len(run.checksums),
        "changed": changed,
        "missing": missing,
        "whole": whole,
    }


def _compare(one: "Run", other: "Run", *, as_json: bool) -> None:
    from results.grid import Grid, stdout_console

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


def run_differences(one: "Run", other: "Run") -> list[tuple[str, str, str]]:
    """Rows ``(what, of one, of the other)`` where two runs differ: settings, data, base, losses by epoch."""
    rows = [("identity", one.identity[:12], other.identity[:12])] if one.identity != other.identity else []
    if one.base_sha256 != other.base_sha256:
        rows.append(("base", f"{one.base} {one.base_sha256[:12]}", f"{other.base} {other.base_sha256[:12]}"))
    for key in dict.fromkeys([*one.config, *other.config]):
        if key not in _NO_SETTING and one.config.get(key) != other.config.get(key):
            rows.append((key, _cell(one.config.get(key)), _cell(other.config.get(key))))
    for key in ("train_pairs", "val_pairs", "supervised_tokens", "wall_s", "peak_mb"):
        if getattr(one, key) != getattr(other, key):
            rows.append((key, _cell(getattr(one, key)), _cell(getattr(other, key))))
    for at in range(max(len(one.epochs), len(other.epochs))):
        before, after = _losses(one, at), _losses(other, at)
        if before != after:
            rows.append((f"epoch {at + 1}: train, validation", before, after))
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _losses(run: "Run", at: int) -> str:
    from training.runs import loss_text

    if at >= len(run.epochs):
        return "-"
    return f"{loss_text(run.epochs[at].train_loss)}, {loss_text(run.epochs[at].val_loss)}"
