"""LoRA on a CPU by one product an adapter, in place of vLLM's own, which gathers the weights anew for every token.

vLLM's own also reads the last adapter's weights for a token of the base alone, where all ``--max-loras`` places
are taken: `docs/speed.md` has both figures. This file knows private parts of vLLM; with another version than
``WRITTEN_FOR`` vLLM's own is used. Imported by the server's processes alone.
"""

from typing import Any

import torch
import vllm
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms.cpu import CpuPlatform

WRITTEN_FOR = "0.32.0"


def use_grouped_loras() -> None:
    """Have this process's vLLM take ``GroupedLoras`` on a CPU."""
    if vllm.__version__.partition("+")[0] == WRITTEN_FOR:
        name = f"{__name__}.{GroupedLoras.__name__}"
        CpuPlatform.get_punica_wrapper = classmethod(lambda cls: name)  # type: ignore[method-assign, assignment]


class GroupedLoras(PunicaWrapperCPU):
    """The tokens of a step by adapter; those of the base alone are in no group."""

    groups: tuple[tuple[int, torch.Tensor], ...] = ()  # place of an adapter, and the rows of its tokens

    def update_metadata(self, *args: Any, **kwargs: Any) -> None:
        """Group the step's tokens."""
        super().update_metadata(*args, **kwargs)
        places = self.token_lora_indices
        self.groups = tuple((int(p), (places == p).nonzero()[:, 0]) for p in torch.unique(places) if p >= 0)

    def add_lora_linear(
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        lora_a_stacked: tuple[torch.Tensor, ...],
        lora_b_stacked: tuple[torch.Tensor, ...],
        scale: float,
        output_slices: tuple[int, ...],
        **kwargs: Any,
    ) -> None:
        """Add ``x @ A.T @ B.T * scale`` of each token's adapter to ``y``, in place; slice by slice of the outputs.

        Shapes: ``y`` (tokens, outputs), ``x`` (tokens, inputs), each A (adapters, 1, rank, inputs) and each B
        (adapters, 1, slice, rank).
        """
        y, x = y.view(-1, y.shape[-1]), x.view(-1, x.shape[-1])
        for place, rows in self.groups:
            own, start = x[rows], 0
            for a, b, size in zip(lora_a_stacked, lora_b_stacked, output_slices, strict=True):
                low = (own @ a[place, 0].T) * scale
                y[:, start : start + size].index_add_(0, rows, (low @ b[place, 0].T).to(y.dtype))
                start += size
