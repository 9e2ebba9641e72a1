"""The matching base: a base's weights as nf4 training sees them, stored so that a server can load them.

    base = "nf4:smollm2-135m-instruct"

Training in nf4 holds the base in 4 bits, and a server that loads the weights as stored serves the adapter on
another model than it was trained on. A base named ``nf4:NAME`` is NAME with every linear layer rounded to
nf4 and back: trained on with ``quantization = "none"`` it is served exactly as trained, with
``quantization = "nf4"`` to within a second rounding. It takes as much room as NAME does.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbre.paths import models_dir

if TYPE_CHECKING:
    from training.base import Base

PREFIX = "nf4:"
_COPIED = ("generation_config.json", "chat_template.jinja", "tokenizer.model")


def nf4_folder(source: "Base") -> Path:
    """The folder of ``source`` rounded to nf4; written on first use, under a lock, whole or not at all."""
    from filelock import FileLock

    target = models_dir() / f"nf4-{source.sha256[:12]}"
    models_dir().mkdir(parents=True, exist_ok=True)
    with FileLock(models_dir() / f".{target.name}.lock"):
        if not (target / "base.json").is_file():
            _write(source, target)
    return target


def _write(source: "Base", target: Path) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn.modules import Linear4bit
    from safetensors.torch import save_file
    from transformers import AutoTokenizer

    from training.base import hash_folder
    from training.config import TrainConfig
    from training.qlora import load_base

    print(f"Rounding {source.name} to nf4 and back (once)", file=sys.stderr, flush=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model = load_base(TrainConfig(base=source.name, quantization="nf4"), source)
    weights = model.state_dict()
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            for key in [key for key in weights if key.startswith(f"{name}.weight")]:
                del weights[key]
            packed: Any = module.weight
            weights[f"{name}.weight"] = dequantize_4bit(packed.data, packed.quant_state)
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    # float32 holds a value of nf4 times its scale exactly, bfloat16 would round it again.
    kept = {name: tensor.float().contiguous().cpu() for name, tensor in weights.items()}
    save_file(kept, partial / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source.path / "config.json").read_text(encoding="utf-8"))
    (partial / "config.json").write_text(json.dumps({**config, "dtype": "float32"}, indent=2) + "\n")
    AutoTokenizer.from_pretrained(source.path, local_files_only=True).save_pretrained(partial)
    for name in _COPIED:
        if (source.path / name).is_file():
            shutil.copyfile(source.path / name, partial / name)
    manifest = {
        "name": f"{PREFIX}{source.name}",
        "source_sha256": source.sha256,
        "sha256": hash_folder(partial),
    }
    (partial / "base.json").write_text(json.dumps(manifest, indent=2) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
