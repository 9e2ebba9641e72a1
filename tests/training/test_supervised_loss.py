"""The loss at supervised positions is the loss that transformers computes, and so are its gradients."""

from typing import Any

import pytest

from training.base import EMBEDDED, resolve_base
from training.masks import IGNORED
from training.supervised_loss import supervised_loss

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
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)
    assert found.keys() == wanted.keys() and len(found) > 100
    largest = max(float(g.abs().max()) for g in wanted.values())
    assert max(float((found[n] - wanted[n]).abs().max()) for n in wanted) < 1e-4 * largest


def test_over_a_step_of_several_batches_it_is_divided_by_all_their_tokens(
    model: Any, batch: dict[str, Any]
) -> None:
    learned = int((batch["labels"][:, 1:] != IGNORED).sum())
    one, half = supervised_loss(model, batch), supervised_loss(model, batch, 2 * learned)
    assert float(half) == pytest.approx(float(one) / 2, rel=1e-5)
