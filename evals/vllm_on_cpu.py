"""vLLM on a CPU with less work: LoRA, top-p without a sort, norms in one kernel, and a start that loads it once.

vLLM's own LoRA gathers the weights anew for every token, and gives a token of the base alone the last adapter's where
all ``--max-loras`` places are taken. Its top-p sorts the whole vocabulary for every token, which takes half of a
step. Its norms are ten operations of PyTorch, though the CPU build has a kernel. `docs/speed.md` has the figures.
Its engine and worker are processes that import all of it again, one after another, where a fork has it already. This
file knows private parts of vLLM ``vllm_command.WRITTEN_FOR``; the server's processes alone import it.
"""

import multiprocessing
import os
from typing import Any

import torch
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.platforms.cpu import CpuPlatform
from vllm.v1.engine import utils as engine
from vllm.v1.executor import multiproc_executor
from vllm.v1.sample.ops import topk_topp_sampler

CANDIDATES = 512
"""Most likely tokens among which those that top-p keeps are looked for; where they aren't enough, all are sorted."""

VECTOR = 16
"""Numbers that the kernel of a norm takes at once, at most."""

vllms_own_top_k_top_p = topk_topp_sampler.apply_top_k_top_p


def use_faster_operations() -> None:
    """Have the vLLM of this process, and of its forks, work so.

    vLLM spawns, since forks hang where the parent has used GNU's OpenMP; libiomp begins anew in a fork.
    """
    if "libiomp" in os.environ.get("LD_PRELOAD", ""):
        for module in (engine, multiproc_executor):
            module.get_mp_context = lambda: multiprocessing.get_context("fork")  # type: ignore[attr-defined]
    loras = f"{__name__}.{GroupedLoras.__name__}"
    CpuPlatform.get_punica_wrapper = classmethod(lambda cls: loras)  # type: ignore[method-assign, assignment]
    topk_topp_sampler.apply_top_k_top_p = apply_top_k_top_p
    RMSNorm.forward_cpu = norm  # type: ignore[method-assign, assignment]


def norm(
    self: RMSNorm, x: torch.Tensor, residual: torch.Tensor | None = None
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """``RMSNorm.forward_native`` in one kernel, beside a residual in place.

    The kernel knows no strides, one type, and widths of whole vectors.
    """
    given = [x, self.weight.data, *([] if residual is None else [residual])]
    is_plain = all(t.dtype == x.dtype and t.is_contiguous() for t in given) and x.shape[-1] % VECTOR == 0
    if not is_plain or self.variance_size_override is not None:
        return self.forward_native(x, residual)
    if residual is None:
        normed = torch.empty_like(x)
        torch.ops._C.rms_norm(normed, x, self.weight.data, self.variance_epsilon)
        return normed
    torch.ops._C.fused_add_rms_norm(x, residual, self.weight.data, self.variance_epsilon)
    return x, residual


def apply_top_k_top_p(logits: torch.Tensor, k: torch.Tensor | None, p: torch.Tensor | None) -> torch.Tensor:
    """``logits`` with -inf for every token but the fewest likely ones whose probability is ``p`` together.

    Shapes: ``logits`` (requests, vocabulary), changed in place perhaps; ``k`` and ``p`` (requests,). With a ``k``
    vLLM's own does it.
    """
    if p is None or k is not None or logits.shape[-1] < CANDIDATES:
        return vllms_own_top_k_top_p(logits, k, p)
    likely, tokens = logits.topk(CANDIDATES, dim=-1)
    share = (likely - logits.logsumexp(-1, keepdim=True)).exp()
    more_likely = share.cumsum(-1) - share  # probability of all tokens above each
    kept = likely.masked_fill(more_likely >= p[:, None], -torch.inf)
    found = torch.full_like(logits, -torch.inf).scatter_(-1, tokens, kept)
    everything = p >= 1
    found[everything] = logits[everything]
    spread = (share.sum(-1) < p) & ~everything
    if spread.any():
        found[spread] = vllms_own_top_k_top_p(logits[spread], None, p[spread])
    return found


Groups = tuple[tuple[int, torch.Tensor], ...]
"""The places of the adapters in use, each with a column that is true for its tokens."""


def _groups(places: torch.Tensor) -> Groups:
    """By the place of each token's adapter; the base's is -1."""
    return tuple((int(p), (places == p)[:, None]) for p in torch.unique(places) if p >= 0)


def _add(
    y: torch.Tensor, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float, groups: Groups
) -> None:
    x = x.view(-1, x.shape[-1])
    for place, is_own in groups:
        y.addmm_((x @ a[place, 0].T) * is_own * scale, b[place, 0].T)


class GroupedLoras(PunicaWrapperCPU):
    """One product an adapter over all tokens of a step, those of others and of the base alone as zeros."""

    groups: Groups = ()  # of the tokens
    sampled: Groups = ()  # of the tokens that logits are computed for

    def update_metadata(self, *args: Any, **kwargs: Any) -> None:
        """Find the adapters of the step's tokens."""
        super().update_metadata(*args, **kwargs)
        self.groups, self.sampled = _groups(self.token_lora_indices), _groups(self.sampler_indices)

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
        y, start = y.view(-1, y.shape[-1]), 0
        for a, b, size in zip(lora_a_stacked, lora_b_stacked, output_slices, strict=True):
            _add(y[:, start : start + size], x, a, b, scale, self.groups)
            start += size

    def add_lora_logits(
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        lora_a_stacked: torch.Tensor,
        lora_b_stacked: torch.Tensor,
        scale: float,
        **kwargs: Any,
    ) -> None:
        """The same for the layer that gives the logits, whose outputs are one slice."""
        _add(y.view(-1, y.shape[-1]), x, lora_a_stacked, lora_b_stacked, scale, self.sampled)
