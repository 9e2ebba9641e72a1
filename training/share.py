"""A run made ready for others: merged into its base, or its adapter on the Hugging Face hub."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from timbre.errors import TimbreError
from training.adapters import checked_base
from training.base import Base, copy_rest, resolve_base
from training.run_directory import model_card
from training.runs import Run

FILES = ("README.md", "adapter_config.json", "adapter_model.safetensors")
"""What is sent: the adapter and its card. No pairs, no losses, no optimizer."""


def merge(run: Run, target: Path) -> Base:
    """Merge a run into its base as stored.

    Args:
        run: A completed run.
        target: Folder to write; it must not exist, or be empty. Written under another name and renamed.

    Returns:
        The merged model, as a base.

    Raises:
        TimbreError: the folder is taken, the base is not the one trained on, or the disk is full.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TimbreError("is there already and not empty", where=str(target), do="name another folder")
    base = checked_base(run, verify=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(run, base, partial)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TimbreError(
            f"can't be written ({error.strerror or error})", where=str(target), do="make room or name another"
        ) from error
    return resolve_base(str(target))


def merge_gguf(run: Run, target: Path) -> Path:
    """Merge a run into its base, as one GGUF file.

    Args:
        run: A completed run.
        target: File to write; it must not exist. Written under another name and renamed.

    Returns:
        ``target``.

    Raises:
        TimbreError: as ``merge`` and ``training.gguf_file.write_gguf``; nothing is left behind.
    """
    from training.gguf_file import write_gguf

    if target.exists():
        raise TimbreError("is there already", where=str(target), do="name another file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        folder, partial = Path(scratch) / "merged", Path(scratch) / target.name
        merge(run, folder)
        try:
            write_gguf(folder, partial, run.name)
        except OSError as error:
            raise TimbreError(
                f"can't be written ({error.strerror or error})", where=str(target), do="make room"
            ) from error
        partial.rename(target)
    return target


def _write(run: Run, base: Base, partial: Path) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    if not sys.stderr.isatty():
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    print(f"Merging {run.name} into {base.name}", file=sys.stderr, flush=True)
    stored = json.loads((base.path / "config.json").read_text(encoding="utf-8"))
    kept = str(stored.get("dtype") or stored.get("torch_dtype") or "float32")
    # Added in float32 and rounded once: bfloat16 sums would lose small updates.
    model = AutoModelForCausalLM.from_pretrained(base.path, use_safetensors=True, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, str(run.adapter)).merge_and_unload()
    merged.to(getattr(torch, kept)).save_pretrained(partial)
    AutoTokenizer.from_pretrained(base.path, local_files_only=True).save_pretrained(partial)
    copy_rest(base.path, partial)
    if (run.path / "chat_template.jinja").is_file():
        shutil.copyfile(run.path / "chat_template.jinja", partial / "chat_template.jinja")
    what = f"The base with the LoRA adapter of Timbre's run `{run.name}` merged into its weights, in {kept}."
    card = model_card(run, "transformers", f"{run.name}, merged", what)
    (partial / "README.md").write_text(card, encoding="utf-8")


@dataclass(frozen=True)
class Parcel:
    """What is sent where."""

    repo: str  # owner/name on the hub
    private: bool
    files: Mapping[str, bytes]  # by name


def pack(run: Run, repo: str, private: bool, base_id: str | None = None) -> Parcel:
    """Put together what would be sent; nothing is.

    Args:
        run: A completed run.
        repo: ``OWNER/NAME`` to send to.
        private: Whether a new repository is private.
        base_id: The base's id on the hub, where the run doesn't record it.

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
    missing = [file for file in FILES if not (run.adapter / file).is_file()]
    if missing:
        raise TimbreError(f"{missing[0]} is missing", where=str(run.adapter), do="train the run again")
    files = {file: (run.adapter / file).read_bytes() for file in FILES}
    config = json.loads(files["adapter_config.json"])
    config |= {"base_model_name_or_path": public, "revision": run.base_revision}
    files["adapter_config.json"] = (json.dumps(config, indent=2) + "\n").encode()
    card = files["README.md"].decode("utf-8")
    files["README.md"] = card.replace(
        f"base_model: {Path(run.base).name}\n", f"base_model: {public}\n"
    ).encode()
    return Parcel(repo, private, files)


def send(parcel: Parcel) -> str:
    """Make the repository if there is none and upload the files in one commit.

    Returns:
        The commit's address.

    Raises:
        TimbreError: no token, no right, or no network.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    api = HfApi()
    try:
        api.create_repo(parcel.repo, private=parcel.private, exist_ok=True)
        done = api.create_commit(
            repo_id=parcel.repo,
            operations=[CommitOperationAdd(name, content) for name, content in parcel.files.items()],
            commit_message="A LoRA adapter by Timbre",
        )
    except LocalTokenNotFoundError as error:
        raise TimbreError("no token for the hub", do="run `hf auth login`, or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise TimbreError(
            f"the hub refuses: {str(error).splitlines()[0]}", where=parcel.repo, do="check the token's rights"
        ) from error
    except OSError as error:
        raise TimbreError(
            f"the hub can't be reached ({type(error).__name__})", do="try again later"
        ) from error
    return str(done)
