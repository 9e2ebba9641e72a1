"""The command ``timbre`` under FSDP on CPUs. accelerate shards on cards alone: it is told that it has some.

accelerate launch --use_fsdp --num_processes 2 ... tests/training/fsdp_on_gloo.py float32 train PRESET --name NAME
"""

import sys

import torch
from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

from timbre import cli
from training import devices, model


def main(dtype: str, *arguments: str) -> None:
    """The command, in that number type."""
    PartialState._prepare_backend = lambda *args, **kwargs: ("gloo", DistributedType.MULTI_GPU)
    torch.distributed.init_process_group("gloo")
    # The model has imported it by name.
    devices.compute_dtype = model.compute_dtype = lambda: getattr(torch, dtype)
    sys.argv = ["timbre", *arguments]
    try:
        cli.main()
    finally:
        print(f"trained by {AcceleratorState().distributed_type.value}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
