"""Which devices a training has, what fits on them, and who writes where several processes train together.

``accelerate launch`` starts the processes; the first alone touches files.
"""

import os
import sys
from typing import Any

from timbre.errors import TimbreError
from training.base import Base
from training.config import TrainConfig

BYTES_A_UNIT = 57
"""Kept for the backward pass a token, layer and unit of hidden width, without checkpointing: 226 KiB at 4,096
(saved tensors of a Llama-8B shape with LoRA on all linear layers under autocast)."""

BYTES_A_LOGIT = 10
"""The same of each supervised logit: 16 bits, its float32 copy and that copy's gradient."""

OVERHEAD_BYTES = 800_000_000
"""Of Python, torch and transformers on a CPU; of CUDA's context and buffers on a card."""

STORED_BYTES = 2
"""A weight of a base as published."""

NF4_SHARE = 0.35
"""Of the stored weights' size: embeddings and norms are not quantized (an 8B of 16 GB holds 5.3 GB)."""


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


def recomputes(config: TrainConfig, model: Any, longest: int) -> bool:
    """Whether activations are recomputed in the backward pass instead of kept.

    ``"auto"`` recomputes where those of a batch of the longest pairs would take more than 60 % of the free memory.
    """
    if config.gradient_checkpointing != "auto":
        return config.gradient_checkpointing
    wanted = activation_bytes(model.config.get_text_config(), config.batch_size * longest)
    return wanted > 0.6 * free_memory()


def activation_bytes(shape: Any, tokens: int) -> int:
    """Estimate of what a forward pass keeps for the backward one, by the model's configuration, in bytes."""
    layers: int = BYTES_A_UNIT * shape.hidden_size * shape.num_hidden_layers
    return tokens * (layers + BYTES_A_LOGIT * int(shape.vocab_size))


def needed_memory(config: TrainConfig, base: Base, longest: int) -> int:
    """Estimate of what a training holds, in bytes: weights, activations, and the libraries with their buffers.

    ``longest`` is the number of tokens of the longest pair.
    """
    from transformers import AutoConfig

    shape = AutoConfig.from_pretrained(base.path).get_text_config()
    stored = sum(file.stat().st_size for file in base.path.glob("*.safetensors"))
    as_held = NF4_SHARE if config.quantization == "nf4" else compute_dtype().itemsize / STORED_BYTES
    if is_sharded():
        as_held /= process_count()
    return int(as_held * stored) + activation_bytes(shape, config.batch_size * longest) + OVERHEAD_BYTES


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
