"""Whether a run is whole, in what two differ, and ``timbre merge`` and ``push``, which share one.

torch loads inside ``merge`` alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from timbre.errors import visible
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
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _losses(run: Run, at: int) -> str:
    if at >= len(run.epochs):
        return "-"
    return f"{loss_text(run.epochs[at].train_loss)}, {loss_text(run.epochs[at].val_loss)}"


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "-o", "--out", "target", type=click.Path(path_type=Path), required=True, help="Folder or file to write."
)
@click.option("--gguf", "as_gguf", is_flag=True, help="Write one GGUF file, for llama.cpp and Ollama.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def merge(name: str, target: Path, as_gguf: bool, as_json: bool) -> None:
    """Merge a run into its base: a folder of safetensors that needs no adapter, or one GGUF file.

    The folder is a base like any other, for vLLM, transformers, a preset's `base`, or a comparison of two
    bases. The sums are made in float32 and stored in the base's own number type, in the GGUF file too.

    \b
    timbre merge run2 -o models/run2-merged
    TIMBRE_BASE=models/run2-merged inspect eval evals/voice.py --model baseline
    timbre merge run2 --gguf -o run2.gguf && echo "FROM ./run2.gguf" > Modelfile && ollama create run2
    """
    from training.runs import find_run
    from training.share import merge as merged
    from training.share import merge_gguf

    run = find_run(name)
    facts = {"run": name, "path": str(target)}
    if as_gguf:
        merge_gguf(run, target)
    else:
        facts["sha256"] = merged(run, target).sha256
    if as_json:
        click.echo(json.dumps(facts))
    else:
        digest = f" (sha256 {facts['sha256'][:12]})" if "sha256" in facts else ""
        click.echo(f"wrote {name} merged to {target}{digest}")


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
