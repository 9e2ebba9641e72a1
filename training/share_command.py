"""``timbre merge`` and ``timbre push``: a run made ready for others."""

import json
from pathlib import Path

import click


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
    from training.merge import merge as merged
    from training.runs import find_run

    base = merged(find_run(name), target)
    if as_json:
        click.echo(json.dumps({"run": name, "path": str(base.path), "sha256": base.sha256}))
    else:
        click.echo(f"wrote {name} merged to {base.path} (sha256 {base.sha256[:12]})")


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--repo", required=True, metavar="OWNER/NAME", help="Repository on the hub.")
@click.option("--public", is_flag=True, help="Make a new repository public; it is private by default.")
@click.option("--yes", is_flag=True, help="Really send; without it this only says what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def push(name: str, repo: str, public: bool, yes: bool, as_json: bool) -> None:
    """Upload a run's adapter and card to the Hugging Face hub.

    Without --yes nothing is sent and no network is asked: you see the files, their sizes and the card.
    Pairs, losses and optimizer state stay here.

    \b
    timbre push run2 --repo me/run2
    timbre push run2 --repo me/run2 --yes
    """
    from training.push import pack, send
    from training.runs import find_run

    parcel = pack(find_run(name), repo, private=not public)
    commit = send(parcel) if yes else None
    if as_json:
        told = {"repo": repo, "private": parcel.private, "files": dict(parcel.files), "commit": commit}
        click.echo(json.dumps(told, indent=2))
        return
    for file, size in parcel.files:
        click.echo(f"{size:>12,}  {file}")
    if commit is None:
        click.echo((parcel.folder / "README.md").read_text(encoding="utf-8"))
        kind = "private" if parcel.private else "public"
        click.echo(f"dry run: nothing was sent to {repo} ({kind}); add --yes to send it")
    else:
        click.echo(f"sent to {commit}")
