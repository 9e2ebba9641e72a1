"""``timbre merge`` and ``push``: a run merged into its base, or its adapter on the Hugging Face hub.

torch loads inside ``merge`` alone.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from timbre.errors import TimbreError, visible
from timbre.files import read_bytes, writing
from training.adapters import checked_base
from training.base import Base, resolve_base, save_model, stored_dtype
from training.run_directory import TEMPLATE, card_of_adapter, how_to_use, model_card
from training.runs import Run, find_run

FILES = ("adapter_config.json", "adapter_model.safetensors")
"""What is sent beside the card and a chat template of the run's own. No pairs, no losses, no optimizer."""


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
    timbre merge run2 --gguf -o run2.gguf     (prints the Modelfile for Ollama)
    """
    run = find_run(name)
    facts = {"run": name, "path": str(target)}
    with writing(target):
        if as_gguf:
            write_merged_gguf(run, target)
            facts["modelfile"] = modelfile(run, target)
        else:
            facts["sha256"] = merged(run, target).sha256
    if as_json:
        click.echo(json.dumps(facts))
    else:
        digest = f" (sha256 {facts['sha256'][:12]})" if "sha256" in facts else ""
        click.echo(f"wrote {name} merged to {target}{digest}")
        for line in how_to_use(run, merged=True):
            click.echo(visible(line))
        if as_gguf:
            click.echo(f"Modelfile for Ollama, beside the file:\n\n{visible(facts['modelfile'])}")


def merged(run: Run, target: Path) -> Base:
    """Merge a run into its base as stored; the result is a base.

    Args:
        run: A completed run.
        target: Folder to write; it must not exist, or be empty. Written under another name and renamed.

    Raises:
        TimbreError: the folder is taken, or the base is not the one trained on.
        OSError: it can't be written; nothing is left behind.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TimbreError("is there already and not empty", where=str(target), do="name another folder")
    base = checked_base(run, verify=True)
    with _scratch(target) as partial:
        _write(run, base, partial)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    return resolve_base(str(target))


def write_merged_gguf(run: Run, target: Path) -> None:
    """Merge a run into its base, as one GGUF file, which must not exist; written under another name and renamed.

    Raises:
        TimbreError: as ``merged`` and ``training.gguf_file.write_gguf``; nothing is left behind.
    """
    from training.gguf_file import write_gguf

    if target.exists():
        raise TimbreError("is there already", where=str(target), do="name another file")
    with _scratch(target) as partial:
        folder = partial.with_name(f"{target.name}.merged")
        merged(run, folder)
        write_gguf(folder, partial, run.name)
        partial.rename(target)


def modelfile(run: Run, file: Path) -> str:
    """What Ollama makes a model of: the GGUF file, and the system message that the run was trained under."""
    return f"FROM ./{file.name}\n" + (f'SYSTEM """{run.system}"""\n' if run.system else "")


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A path of that name in a folder beside it, which goes whatever happens."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        yield Path(folder) / target.name


def _write(run: Run, base: Base, partial: Path) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    if not sys.stderr.isatty():
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    print(f"Merging {run.name} into {base.name}", file=sys.stderr, flush=True)
    kept = stored_dtype(base.path)
    # Added in float32 and rounded once: bfloat16 sums would lose small updates.
    model = AutoModelForCausalLM.from_pretrained(base.path, use_safetensors=True, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, str(run.adapter)).merge_and_unload()
    save_model(merged.to(getattr(torch, kept)), base.path, partial)
    if (run.path / TEMPLATE).is_file():
        shutil.copyfile(run.path / TEMPLATE, partial / TEMPLATE)
    what = f"The base with the LoRA adapter of Timbre's run `{run.name}` merged into its weights, in {kept}."
    card = model_card(run, "transformers", f"{run.name}, merged", what)
    (partial / "README.md").write_text(card, encoding="utf-8")


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
    files = packed(find_run(name), repo, base_id)
    commit = _send(files, repo, private=not public) if yes else None
    sizes = {file: len(content) for file, content in files.items()}
    if as_json:
        click.echo(
            json.dumps({"repo": repo, "private": not public, "files": sizes, "commit": commit}, indent=2)
        )
        return
    for file, size in sizes.items():
        click.echo(f"{size:>12,}  {file}")
    if commit is None:
        click.echo(visible(files["README.md"].decode("utf-8", "replace")))
        kind = "public" if public else "private"
        click.echo(f"dry run: nothing was sent to {repo} ({kind}); add --yes to send it")
    else:
        click.echo(f"sent to {commit}")


def packed(run: Run, repo: str, base_id: str | None) -> dict[str, bytes]:
    """What would be sent to ``repo`` (``OWNER/NAME``), by file name.

    ``base_id`` is the base's id on the hub, where the run doesn't record it.

    Raises:
        TimbreError: ``repo`` is no ``owner/name``, a file is missing, one epoch of a run is meant, or the base has
            no public id: nobody could load the adapter, and the base's path is this machine's.
    """
    if run.epoch is not None:
        raise TimbreError(
            f"{run.name!r} is one epoch, without a card of its own",
            where="RUN",
            do=f"push the run, or make a model of the epoch with `timbre merge {run.name} -o DIR`",
        )
    owner, slash, name = repo.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise TimbreError(f"{repo!r} is no repository", where="--repo", do="write OWNER/NAME")
    public = run.base_id or base_id
    if public is None:
        raise TimbreError(
            "the run's base is a local folder, and an adapter needs its base's public id",
            where=str(run.path / "run.json"),
            do="add --base-id OWNER/NAME",
        )
    files = {file: read_bytes(run.adapter / file) for file in FILES}
    config = json.loads(files["adapter_config.json"])
    config |= {"base_model_name_or_path": public, "revision": run.base_revision}
    files["adapter_config.json"] = (json.dumps(config, indent=2) + "\n").encode()
    if (run.path / TEMPLATE).is_file():
        files[TEMPLATE] = read_bytes(run.path / TEMPLATE)
    return {"README.md": card_of_adapter(run.model_copy(update={"base_id": public})).encode(), **files}


def _send(files: Mapping[str, bytes], repo: str, *, private: bool) -> str:
    """The address of the one commit with the files, in a repository that is made if there is none.

    Raises:
        TimbreError: no token, no right, or no network.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    api = HfApi()
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.create_commit(
            repo_id=repo,
            operations=[CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message="A LoRA adapter by Timbre",
        )
    except LocalTokenNotFoundError as error:
        raise TimbreError("no token for the hub", do="run `hf auth login`, or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise TimbreError(
            f"the hub refuses: {str(error).splitlines()[0]}", where=repo, do="check the token's rights"
        ) from error
    except OSError as error:
        raise TimbreError(
            f"the hub can't be reached ({type(error).__name__})", do="try again later"
        ) from error
    return str(done)
