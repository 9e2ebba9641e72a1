"""The loss at supervised positions is the loss that transformers computes, and so are its gradients."""

from typing import Any

import pytest

from training.base import EMBEDDED, resolve_base
from training.masks import IGNORED
from training.supervised_loss import supervised_loss
from training.unpadded import attend_by_segments, takes_segments

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def model() -> Any:
    """The embedded base with a fresh adapter whose B is not zero, so that A has gradients too."""
    import torch

    from training.config import TrainConfig
    from training.qlora import add_adapter, load_base

    config = TrainConfig(quantization="none", rank=4, alpha=8, target_modules=("q_proj", "v_proj"))
    torch.manual_seed(1)
    made = add_adapter(config, load_base(config, resolve_base(EMBEDDED)))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return made.eval()


@pytest.fixture(scope="module")
def batch() -> dict[str, Any]:
    """Two padded pairs of which the second half is learned."""
    import torch

    ids = torch.randint(5, 40_000, (2, 24), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[1, 18:] = 0
    labels = ids.masked_fill(mask == 0, IGNORED)
    labels[:, :10] = IGNORED
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def test_it_is_the_loss_of_transformers_with_its_gradients(model: Any, batch: dict[str, Any]) -> None:
    theirs = model(**batch).loss
    wanted = _gradients(model, theirs)
    ours = supervised_loss(model, batch)
    found = _gradients(model, ours)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-5)
    assert found.keys() == wanted.keys() and len(found) > 100
    largest = max(float(g.abs().max()) for g in wanted.values())
    assert max(float((found[n] - wanted[n]).abs().max()) for n in wanted) < 1e-4 * largest


def test_over_a_step_of_several_batches_it_is_divided_by_all_their_tokens(
    model: Any, batch: dict[str, Any]
) -> None:
    learned = int((batch["labels"][:, 1:] != IGNORED).sum())
    one, half = supervised_loss(model, batch), supervised_loss(model, batch, 2 * learned)
    assert float(half.detach()) == pytest.approx(float(one.detach()) / 2, rel=1e-5)


def test_without_its_padding_a_batch_has_the_same_loss_and_gradients(
    model: Any, batch: dict[str, Any]
) -> None:
    padded = supervised_loss(model, batch)
    wanted = _gradients(model, padded)
    inner = model.get_base_model()
    attend_by_segments(inner)
    seen = []
    hook = inner.model.register_forward_pre_hook(lambda _m, _a, given: seen.append(given), with_kwargs=True)
    ours = supervised_loss(model, batch)
    hook.remove()
    found = _gradients(model, ours)
    assert seen[0]["input_ids"].shape == (1, 24 + 18) and seen[0]["segments"] == [24, 18]
    assert float(ours.detach()) == pytest.approx(float(padded.detach()), abs=1e-5)
    largest = max(float(g.abs().max()) for g in wanted.values())
    assert max(float((found[n] - wanted[n]).abs().max()) for n in wanted) < 1e-4 * largest


def test_a_batch_longer_than_the_sliding_window_keeps_its_padding(model: Any) -> None:
    inner = model.get_base_model()
    attend_by_segments(inner)
    assert takes_segments(inner, 5000)
    inner.config.sliding_window = 4096
    assert takes_segments(inner, 4096) and not takes_segments(inner, 4097)
    inner.config.sliding_window = None
