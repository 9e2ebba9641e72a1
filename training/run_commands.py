"""``timbre runs``, ``merge`` and ``push``: what there is, whether it is whole, how two differ, and sharing it.

torch loads inside ``merge`` alone.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from timbre.errors import TimbreError, visible
from training.runs import Run, loss_text, sha256_of

_NO_SETTING = ("data", "parent", "phase", "base")


@dataclass(frozen=True)
class Verification:
    """Whether a run's adapters are still the files that training wrote."""

    run: str
    files: int  # adapters with a recorded checksum; 0 for a run that has none
    changed: tuple[str, ...]  # relative to the run's folder
    missing: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Nothing recorded is changed or gone."""
        return not self.changed and not self.missing


def verify(run: Run) -> Verification:
    """Compare a run's adapters with the checksums in its run.json."""
    missing = tuple(name for name in run.checksums if not (run.path / name).is_file())
    changed = tuple(
        name
        for name, digest in run.checksums.items()
        if name not in missing and sha256_of(run.path / name) != digest
    )
    return Verification(run.name, len(run.checksums), changed, missing)


def run_differences(one: Run, other: Run) -> list[tuple[str, str, str]]:
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
    return visible(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _losses(run: Run, at: int) -> str:
    if at >= len(run.epochs):
        return "-"
    return f"{loss_text(run.epochs[at].train_loss)}, {loss_text(run.epochs[at].val_loss)}"


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
        _compare(chosen, as_json)
    else:
        _list(chosen, as_json, with_baseline=not names)


def _list(chosen: "Sequence[Run]", as_json: bool, *, with_baseline: bool) -> None:
    from training.base import default_base
    from training.runs import BASELINE, loss_text

    if as_json:
        click.echo(json.dumps([{**run.facts, "identity": run.identity} for run in chosen], indent=2))
        return
    if with_baseline:
        click.echo(f"{BASELINE:<16} {'':12}  base {default_base()}, no adapter")
    for run in chosen:
        click.echo(
            f"{run.name:<16} {run.identity[:12]}  base {visible(run.base)}, r {run.rank}, "
            f"{len(run.epochs)} epochs, {run.train_pairs} pairs, "
            f"train loss {loss_text(run.epochs[-1].train_loss)}"
        )


def _verify(chosen: "Sequence[Run]", as_json: bool) -> None:
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


def _compare(chosen: "Sequence[Run]", as_json: bool) -> None:
    rows = run_differences(*chosen)
    names = [run.name for run in chosen]
    if as_json:
        records = [{"what": what, names[0]: one, names[1]: other} for what, one, other in rows]
        click.echo(json.dumps(records, indent=2))
        return
    if not rows:
        click.echo(f"{names[0]} and {names[1]} are the same")
    table: list[Any] = [("", *names), *rows] if rows else []
    widths = [max((len(row[at]) for row in table), default=0) for at in range(2)]
    for what, one, other in table:
        click.echo(f"{what:<{widths[0]}}  {one:<{widths[1]}}  {other}")


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "-o", "--out", "target", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def merge(name: str, target: Path, as_json: bool) -> None:
    """Merge a run into its base: a folder of safetensors that needs no adapter.

    The folder is a base like any other, for vLLM, transformers, a preset's `base`, or a comparison of two
    bases. The sums are made in float32 and stored in the base's own number type.

    \b
    timbre merge run2 -o models/run2-merged
    TIMBRE_BASE=models/run2-merged inspect eval evals/voice.py --model baseline
    """
    from training.runs import find_run
    from training.share import merge as merged

    base = merged(find_run(name), target)
    if as_json:
        click.echo(json.dumps({"run": name, "path": str(base.path), "sha256": base.sha256}))
    else:
        click.echo(f"wrote {name} merged to {base.path} (sha256 {base.sha256[:12]})")


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--repo", required=True, metavar="OWNER/NAME", help="Repository on the hub.")
@click.option(
    "--base-id", metavar="OWNER/NAME", help="The base's id on the hub, for a run on a local folder."
)
@click.option("--public", is_flag=True, help="Make a new repository public; it is private by default.")
@click.option("--yes", is_flag=True, help="Really send; without it this only says what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def push(name: str, repo: str, base_id: str | None, public: bool, yes: bool, as_json: bool) -> None:
    """Upload a run's adapter and card to the Hugging Face hub.

    Without --yes nothing is sent and no network is asked: you see the files, their sizes and the card.
    Pairs, losses and optimizer state stay here, and so does every path of this machine.

    \b
    timbre push run2 --repo me/run2
    timbre push run2 --repo me/run2 --yes
    """
    from training.runs import find_run
    from training.share import pack, send

    parcel = pack(find_run(name), repo, private=not public, base_id=base_id)
    commit = send(parcel) if yes else None
    sizes = {file: len(content) for file, content in parcel.files.items()}
    if as_json:
        click.echo(
            json.dumps({"repo": repo, "private": parcel.private, "files": sizes, "commit": commit}, indent=2)
        )
        return
    for file, size in sizes.items():
        click.echo(f"{size:>12,}  {file}")
    if commit is None:
        click.echo(visible(parcel.files["README.md"].decode("utf-8", "replace")))
        kind = "private" if parcel.private else "public"
        click.echo(f"dry run: nothing was sent to {repo} ({kind}); add --yes to send it")
    else:
        click.echo(f"sent to {commit}")
