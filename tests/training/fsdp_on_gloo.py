"""The command ``timbre`` under FSDP on CPUs. accelerate shards on cards alone: it is told that it has some.

accelerate launch --use_fsdp --num_processes 2 ... tests/training/fsdp_on_gloo.py float32 train PRESET --name NAME
"""

import sys

import torch
from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

from timbre.cli import main
from training import devices, model, qlora

if __name__ == "__main__":
    PartialState._prepare_backend = lambda *args, **kwargs: ("gloo", DistributedType.MULTI_GPU)
    torch.distributed.init_process_group("gloo")
    dtype = getattr(torch, sys.argv.pop(1))
    for module in (devices, model, qlora):
        setattr(module, "compute_dtype", lambda: dtype)  # noqa: B010 - each has imported it by name
    try:
        main()
    finally:
        print(f"trained by {AcceleratorState().distributed_type.value}", file=sys.stderr)
