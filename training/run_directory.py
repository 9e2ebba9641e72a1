"""Writing a run: everything goes into ``runs/.<name>.partial`` and gets its name when it is whole."""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from timbre.errors import TimbreError
from timbre.files import write_whole
from timbre.paths import CHECKOUT, runs_dir
from training.base import PREFIX, Base
from training.config import TrainConfig, to_toml
from training.devices import device_name
from training.masks import Example
from training.runs import EpochRecord, Run, loss_text, read_json

TEMPLATE = "chat_template.jinja"
"""File of the chat template that a run was trained with, where it isn't the base's."""

_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers", "safetensors")


def data_lock(examples: Sequence[Example], name: str, file_sha256: str) -> dict[str, Any]:
    """What the run was fed: the file's digest and a row per pair, in file order.

    The rows carry the texts, so that memorization can be judged after the file has changed. ``sha256``
    is over the rows without line numbers: a moved or re-wrapped file is the same data. ``file_sha256`` is over the
    data as it was read.
    """
    rows = [
        {**asdict(e.pair), "tokens": len(e.input_ids), "supervised_tokens": e.supervised} for e in examples
    ]
    content = [{k: v for k, v in row.items() if k != "line" and (k, v) != ("before", ())} for row in rows]
    return {
        "sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        "file": name.rpartition("/")[2],
        "file_sha256": file_sha256,
        "pairs": rows,
    }


def hold(name: str) -> FileLock:
    """Take the run's name for this process.

    Raises:
        TimbreError: another process is training under that name; says which.
    """
    runs_dir().mkdir(parents=True, exist_ok=True)
    lock_file = runs_dir() / f".{name}.lock"
    lock = FileLock(lock_file)
    holder = lock_file.with_suffix(".pid")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = holder.read_text() if holder.is_file() else "unknown"
        raise TimbreError(
            f"run {name!r} is being trained by process {pid}", do="wait for it, or choose another --name"
        ) from None
    holder.write_text(str(os.getpid()))
    replaced = runs_dir() / f".{name}.replaced"
    if replaced.is_dir() and not (runs_dir() / name).exists():
        replaced.rename(runs_dir() / name)  # its process was killed between the two renames of ``finish``
    return lock


def begin(name: str, config: TrainConfig, lock: dict[str, Any], *, keep: bool) -> Path:
    """The partial folder with config and data lock in it; an earlier one is cleared unless kept to resume."""
    partial = runs_dir() / f".{name}.partial"
    if not keep:
        shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, exist_ok=True)
    if (template := config.template()) is not None:
        (partial / TEMPLATE).write_text(template, encoding="utf-8")
        config = config.model_copy(update={"chat_template": TEMPLATE})
    (partial / "config.toml").write_text(to_toml(config), encoding="utf-8")
    _write_json(partial / "data.lock.json", lock)
    return partial


def finish(partial: Path, name: str, facts: dict[str, Any]) -> Path:
    """Write run.json last and rename; a run of that name that was there before is replaced."""
    _write_json(partial / "run.json", {**facts, "status": "completed"})
    final = runs_dir() / name
    replaced = runs_dir() / f".{name}.replaced"
    shutil.rmtree(replaced, ignore_errors=True)
    if final.exists():
        final.rename(replaced)
    partial.rename(final)
    shutil.rmtree(replaced, ignore_errors=True)
    return final


def add_facts(run: Run, **facts: Any) -> None:
    """Write what was measured of a completed run into its run.json."""
    path = run.path / "run.json"
    _write_json(path, {**read_json(path), **facts})


def _write_json(path: Path, content: Any) -> None:
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def environment() -> dict[str, Any]:
    """Code version, package versions and hardware, for run.json."""
    import torch

    hardware = {
        "device": device_name(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }
    versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
    sha, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    git = {"sha": sha, "dirty": None if changes is None else bool(changes)}
    return {"git": git, "packages": versions, "hardware": hardware}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def name_base(adapter: Path, base: Base) -> None:
    """Have an adapter name its base by public id and commit, never by a path of this machine."""
    path = adapter / "adapter_config.json"
    names = {"base_model_name_or_path": base.hub_id or Path(base.name).name, "revision": base.revision}
    _write_json(path, {**read_json(path), **names})


_CARD = """---
library_name: {library}
base_model: {base}
tags: [lora, timbre]
---
# {title}

{what}

- base: `{base}`, revision {revision}, sha256 `{run.base_sha256}`
- identity: `{run.identity}`
- trained on {run.train_pairs} pairs of one writer: LoRA of rank {run.rank} on {modules}
- quantization in training: {quantization}; epochs: {epochs}; learning rate: {rate}; seed: {run.seed}
- last losses: train {train_loss}, validation {val_loss}

{use}It imitates a voice. It is not a source of facts, and least of all about the writer.
"""


def model_card(run: Run, library: str, title: str, what: str) -> str:
    """``README.md`` of what is made of a run.

    ``library`` loads the files (``library_name`` on the hub); ``what`` is a sentence on what they are.
    """
    last = run.epochs[-1] if run.epochs else EpochRecord(epoch=0)
    return _CARD.format(
        run=run,
        library=library,
        title=title,
        what=what,
        base=run.base_id or Path(run.base).name,
        revision=run.base_revision or "not recorded",
        modules=", ".join(run.target_modules),
        epochs=len(run.epochs),
        quantization=run.quantization
        + (", on a base rounded to nf4 before" if run.base.startswith(PREFIX) else ""),
        rate=run.config.get("learning_rate", "not recorded"),
        train_loss=loss_text(last.train_loss),
        val_loss=loss_text(last.val_loss),
        use="".join(f"{line}\n\n" for line in how_to_use(run, merged=library != "peft")),
    )


def card_of_adapter(run: Run) -> str:
    """The card of a run's adapter."""
    return model_card(run, "peft", run.name, "A LoRA adapter that Timbre trained.")


def how_to_use(run: Run, *, merged: bool) -> list[str]:
    """Paragraphs (Markdown) on how a run must be loaded and asked to be the model that was trained."""
    lines = []
    if run.system:
        message = textwrap.indent(run.system, "    ", lambda _: True)
        lines.append(f"It was trained under this system message; ask it under the same:\n\n{message}")
    if (run.path / TEMPLATE).is_file():
        lines.append(
            f"It was trained under a chat template of its own, `{TEMPLATE}`, in place of the base's."
        )
    apart = "which is another model (on SmolLM2-135M .61 nats a token apart)"  # docs/training.md
    on_nf4_base = run.base.startswith(PREFIX)
    if merged and run.quantization == "nf4" and not on_nf4_base:
        lines.append(f"It was trained on the base in nf4 and is merged into the base as stored, {apart}.")
    elif not merged and (run.quantization == "nf4" or on_nf4_base):
        lines.append(
            "It was trained on the base in nf4. Load the base so: `BitsAndBytesConfig(load_in_4bit=True, "
            'bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)`; without, it is on the base as published, '
            f"{apart}."
        )
    return lines
