"""The faster operations on a CPU beside vLLM's own."""

from types import SimpleNamespace

import pytest
import torch
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.platforms import current_platform
from vllm.platforms.cpu import CpuPlatform
from vllm.v1.engine import utils as engine
from vllm.v1.executor import multiproc_executor
from vllm.v1.sample.ops import topk_topp_sampler

from evals.vllm_on_cpu import (
    CANDIDATES,
    GroupedLoras,
    apply_top_k_top_p,
    norm,
    use_faster_operations,
    vllms_own_top_k_top_p,
)

PLACES = (0, 0, 0, -1, -1, 3, 3, 1)  # of each token's adapter among four; -1 is the base
SLICES = (6, 2)


def _added(
    wrapper: type[PunicaWrapperCPU], dtype: torch.dtype, is_prefill: bool, is_logits: bool
) -> torch.Tensor:
    torch.manual_seed(5)
    mapping = SimpleNamespace(
        index_mapping=tuple(place + 1 for place in PLACES),
        prompt_mapping=tuple(place + 1 for place in PLACES),
        is_prefill=is_prefill,
    )
    loras = wrapper(16, 16, "cpu")
    loras.update_metadata(mapping, [1, 2, 3, 4], 4, 100)
    x, y = torch.randn(len(PLACES), 5).to(dtype), torch.zeros(len(PLACES), sum(SLICES), dtype=dtype)
    a = tuple(torch.randn(4, 1, 3, 5).to(dtype) for _ in SLICES)
    b = tuple(torch.randn(4, 1, size, 3).to(dtype) for size in SLICES)
    if is_logits:
        loras.add_lora_logits(y, x, a[0], torch.cat(b, 2), 1.5)
    else:
        loras.add_lora_linear(y, x, a, b, 1.5, SLICES)
    return y


@pytest.mark.parametrize(("is_prefill", "is_logits"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_tokens_of_adapters_get_what_vllms_own_gives_and_the_bases_nothing(
    dtype: torch.dtype, tolerance: float, is_prefill: bool, is_logits: bool
) -> None:
    ours, theirs = (
        _added(wrapper, dtype, is_prefill, is_logits) for wrapper in (GroupedLoras, PunicaWrapperCPU)
    )
    adapted = torch.tensor(PLACES) >= 0
    assert torch.allclose(ours[adapted], theirs[adapted], atol=tolerance, rtol=tolerance)
    assert ours[adapted].abs().amin(1).min() > 0 and not ours[~adapted].any()


# Shares of a vocabulary's logits that give few, some and nearly all tokens; the last needs more than are looked at.
SPREADS = (8.0, 3.0, 0.5)


def _logits() -> torch.Tensor:
    torch.manual_seed(7)
    return torch.cat([torch.randn(3, 4 * CANDIDATES) * spread for spread in SPREADS])


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.0])
def test_top_p_keeps_what_a_sort_of_all_tokens_keeps(share: float) -> None:
    p = torch.full((9,), share)
    ours, theirs = (f(_logits(), None, p) for f in (apply_top_k_top_p, vllms_own_top_k_top_p))
    assert torch.equal(ours, theirs)
    kept = theirs.isfinite().sum(-1)
    assert kept.min() >= 1 and (share < 0.95 or kept.max() > CANDIDATES)


def test_of_tokens_that_are_equally_likely_top_p_keeps_as_many_as_a_sort_does() -> None:
    p, logits = torch.full((9,), 0.9), _logits().bfloat16().float()
    ours, theirs = (f(logits.clone(), None, p) for f in (apply_top_k_top_p, vllms_own_top_k_top_p))
    assert torch.equal(ours.sort().values, theirs.sort().values)


def test_each_request_has_its_own_top_p_and_a_top_k_is_vllms_own() -> None:
    p, k = torch.tensor([0.1, 1.0, 0.9] * 3), torch.full((9,), 5)
    assert torch.equal(apply_top_k_top_p(_logits(), None, p), vllms_own_top_k_top_p(_logits(), None, p))
    assert torch.equal(apply_top_k_top_p(_logits(), k, p), vllms_own_top_k_top_p(_logits(), k, p))
    assert torch.equal(apply_top_k_top_p(_logits(), None, None), _logits())


@pytest.mark.parametrize(("is_plain", "width"), [(True, 64), (False, 64), (True, 12)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_a_norm_is_the_native_one_with_and_without_a_residual(
    dtype: torch.dtype, tolerance: float, is_plain: bool, width: int
) -> None:
    current_platform.import_kernels()
    with set_current_vllm_config(VllmConfig()):
        layer = RMSNorm(width, dtype=dtype)
    torch.manual_seed(3)
    layer.weight.data = torch.randn(width).to(dtype)
    x, residual = (torch.randn(width, 5).to(dtype).T for _ in range(2))
    if is_plain:
        x, residual = x.contiguous(), residual.contiguous()
    native, native_sum = layer.forward_native(x.clone(), residual.clone())
    assert torch.allclose(norm(layer, x), layer.forward_native(x), atol=tolerance, rtol=tolerance)
    ours, our_sum = norm(layer, x.clone(), residual.clone())
    assert torch.allclose(ours, native, atol=tolerance, rtol=tolerance)
    assert torch.equal(our_sum, native_sum)


def test_a_servers_processes_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk_topp_sampler, "apply_top_k_top_p", vllms_own_top_k_top_p)
    monkeypatch.setattr(RMSNorm, "forward_cpu", RMSNorm.forward_native)
    monkeypatch.setattr(CpuPlatform, "get_punica_wrapper", CpuPlatform.get_punica_wrapper)
    for module in (engine, multiproc_executor):
        monkeypatch.setattr(module, "get_mp_context", lambda: None)
    monkeypatch.setenv("LD_PRELOAD", "/lib/libiomp5.so")
    use_faster_operations()
    assert topk_topp_sampler.apply_top_k_top_p is apply_top_k_top_p and RMSNorm.forward_cpu is norm
    assert CpuPlatform.get_punica_wrapper() == "evals.vllm_on_cpu.GroupedLoras"
    assert engine.get_mp_context().get_start_method() == "fork"
    assert multiproc_executor.get_mp_context().get_start_method() == "fork"
