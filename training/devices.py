"""Which devices a training has, what fits on them, and who writes where several processes train together.

``accelerate launch`` starts the processes; the first alone touches files.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from training.base import Base, stored_dtype
from training.config import TrainConfig
from training.masks import Example

BYTES_A_UNIT = {2: 57, 4: 74}
"""By the compute type's bytes: kept for the backward pass a token, layer and unit of hidden width, without
checkpointing: 226 KiB at 4,096 (saved tensors of a Llama-8B shape with LoRA on all linear layers under autocast);
of the embedded base in float32. With checkpointing it is one number of that type (4.1 bytes in float32)."""

BYTES_A_LOGIT = 10
"""The same of each supervised logit: 16 bits, its float32 copy and that copy's gradient."""

OVERHEAD_BYTES = 800_000_000
"""Of Python, torch and transformers on a CPU; of CUDA's context and buffers on a card."""

NF4_BYTES = 0.7
"""A weight in nf4: embeddings and norms are not quantized (an 8B holds 5.3 GB)."""


@dataclass(frozen=True)
class Lengths:
    """What the largest pair of a training may have, in tokens."""

    longest: int  # prompt and response
    learned: int  # supervised: these have logits


def largest(config: TrainConfig, examples: Sequence[Example]) -> Lengths:
    """Length of the longest pair, and the most tokens that are learned of one."""
    longest = max(len(e.input_ids) for e in examples)
    all_learned = config.collator == "language_modeling"
    return Lengths(longest, longest if all_learned else max(e.supervised for e in examples))


def compute_dtype() -> Any:
    """bfloat16 on a GPU that has it, float16 on one that hasn't; float32 on a CPU.

    Without AVX512-BF16 a CPU multiplies bfloat16 matrices in a scalar loop: a step of 230 tokens took 60 s
    and more on an AVX2 machine, and takes a few seconds in float32.
    """
    import torch

    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def use_threads() -> None:
    """Give torch ``TIMBRE_THREADS`` threads; half of the machine's without it.

    Raises:
        TimbreError: it is no number of 1 or more.
    """
    import torch

    given = os.environ.get("TIMBRE_THREADS") or str(max(1, (os.cpu_count() or 2) // 2))
    if not (given.isascii() and given.isdigit() and int(given) > 0):
        raise TimbreError(f"{given!r} is no number of threads", where="TIMBRE_THREADS", do="give 1 or more")
    torch.set_num_threads(int(given))


def device_map() -> dict[str, Any]:
    """Where the whole model goes: to the GPU of this process, or to the CPU, from where FSDP takes its shards."""
    import torch

    return {"": local_rank() if torch.cuda.is_available() and not is_sharded() else "cpu"}


def device_name() -> str:
    """The GPU's name, or ``cpu``."""
    import torch

    return torch.cuda.get_device_name(local_rank()) if torch.cuda.is_available() else "cpu"


def recomputes(config: TrainConfig, model: Any, lengths: Lengths) -> bool:
    """Whether activations are recomputed in the backward pass instead of kept.

    ``"auto"`` recomputes where those of a batch of the longest pairs would take more than 60 % of the free memory.
    """
    if config.gradient_checkpointing != "auto":
        return config.gradient_checkpointing
    return activation_bytes(config, model.config.get_text_config(), lengths) > 0.6 * free_memory()


def activation_bytes(config: TrainConfig, shape: Any, lengths: Lengths) -> int:
    """Estimate of what the forward pass of a batch of the largest pairs keeps for the backward one, in bytes.

    With ``gradient_checkpointing = true`` each layer's input is kept, and of one layer at a time the rest.
    """
    size = compute_dtype().itemsize
    unit = BYTES_A_UNIT[size] * shape.num_hidden_layers
    if config.gradient_checkpointing is True:
        unit = BYTES_A_UNIT[size] + size * shape.num_hidden_layers
    of_pair = lengths.longest * unit * shape.hidden_size + lengths.learned * BYTES_A_LOGIT * shape.vocab_size
    return int(config.batch_size * of_pair)


def needed_memory(config: TrainConfig, base: Base, lengths: Lengths) -> int:
    """Estimate of what a training holds, in bytes: weights, activations, and the libraries with their buffers.

    ``gradient_checkpointing = "auto"`` is counted as not recomputing, which is what it does where there is room.
    """
    import torch
    from transformers import AutoConfig

    shape = AutoConfig.from_pretrained(base.path).get_text_config()
    stored = sum(file.stat().st_size for file in base.path.glob("*.safetensors"))
    weights = stored / getattr(torch, stored_dtype(base.path)).itemsize
    held = weights * (NF4_BYTES if config.quantization == "nf4" else compute_dtype().itemsize)
    if is_sharded():
        held /= process_count()
    return int(held) + activation_bytes(config, shape, lengths) + OVERHEAD_BYTES


def free_memory() -> int:
    """Bytes that are free on this process's card, or in the machine's memory."""
    import psutil
    import torch

    on_gpu = torch.cuda.is_available()
    return int(torch.cuda.mem_get_info(local_rank())[0] if on_gpu else psutil.virtual_memory().available)


def make_room(needed: int) -> None:
    """End this checkout's idle servers where fewer bytes are free than needed, and name those in use."""
    if needed <= (free := free_memory()):
        return
    from evals.server import end_idle

    shortage = f"the training takes about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free"
    for record in end_idle(shortage):
        report(
            f"note: {shortage}; the server of {record.base} at {record.url} is in use: wait for whoever uses it, "
            "or end it with `timbre serve --stop`"
        )


def what_fits(config: TrainConfig, base: Base, lengths: Lengths) -> str:
    """The largest smaller batch that by estimate fits into what is free or this process's own; else the smallest."""
    import psutil
    import torch

    own = torch.cuda.memory_reserved() if torch.cuda.is_available() else psutil.Process().memory_info().rss
    room, needed, size = free_memory() + own, 0, 1
    for size in [config.batch_size // 2**n for n in range(1, config.batch_size.bit_length())] or [1]:
        smaller = config.model_copy(update={"batch_size": size, "gradient_checkpointing": True})
        needed = needed_memory(smaller, base, lengths)
        if needed <= room:
            break
    return (
        f"by estimate {'even ' if needed > room else ''}batch_size = {size} with gradient_checkpointing = true "
        f"takes about {needed / 1e9:.1f} GB, and there are {room / 1e9:.1f}"
    )


def others_on_cards() -> str:
    """The four largest other processes on the machine's cards, as nvidia-smi names them; empty without any."""
    import torch

    if not (torch.cuda.is_available() and shutil.which("nvidia-smi")):
        return ""
    query = ("--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits")
    try:
        said = subprocess.run(["nvidia-smi", *query], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    rows = [[part.strip() for part in line.split(",")] for line in said.stdout.splitlines()]
    others = [row for row in rows if len(row) >= 3 and row[0] != str(os.getpid())]
    others.sort(key=lambda row: -int(row[-1]) if row[-1].isdigit() else 0)
    return ", ".join(f"{Path(row[1]).name} (process {row[0]}, {row[-1]} MiB)" for row in others[:4])


def process_count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_sharded() -> bool:
    """Whether FSDP splits the model among the processes."""
    return process_count() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def is_first() -> bool:
    """Whether this is the process that writes: the only one, or the one of rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def report(line: str) -> None:
    """Print a line to stderr, once for all processes."""
    if is_first():
        print(line, file=sys.stderr, flush=True)


def local_rank() -> int:
    """Number of this process on its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def processes() -> Any:
    """accelerate's view of the processes that train together, of which there may be one: who waits for whom."""
    import torch
    from accelerate import PartialState  # type: ignore[import-untyped]

    return PartialState(cpu=not torch.cuda.is_available())
