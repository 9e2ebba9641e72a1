"""A run as a model of its own: adapter and base merged into one folder of safetensors.

    timbre merge run2 -o models/run2-merged

The folder is a base like any other, for ``TIMBRE_BASE``, ``base = "…"`` in a preset, vLLM or transformers.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from timbre.errors import TimbreError
from training.base import Base, resolve_base
from training.config import load_config
from training.runs import Run, base_of

_CARD = """---
library_name: transformers
base_model: {base}
tags: [lora, merged, timbre]
---
# {name}, merged

The base `{base}` (sha256 `{base_sha256}`) with the LoRA adapter of Timbre's run `{name}`
(identity `{identity}`) merged into its weights, in {dtype}. Trained on {pairs} pairs of one
writer, the base held in {quantization}.

It imitates a voice. It is not a source of facts, and least of all about the writer.
"""


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
    base = base_of(run, verify=True)
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
    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, str(run.adapter)).merge_and_unload()
    merged.to(getattr(torch, kept)).save_pretrained(partial)
    AutoTokenizer.from_pretrained(base.path, local_files_only=True).save_pretrained(partial)
    for name in ("chat_template.jinja", "generation_config.json", "tokenizer.model"):
        if (base.path / name).is_file() and not (partial / name).is_file():
            shutil.copyfile(base.path / name, partial / name)
    card = _CARD.format(
        name=run.name,
        base=run.base,
        base_sha256=run.base_sha256,
        identity=run.identity,
        dtype=kept,
        pairs=run.train_pairs,
        quantization=load_config(run.path / "config.toml").quantization,
    )
    (partial / "README.md").write_text(card, encoding="utf-8")
