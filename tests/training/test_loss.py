"""The loss is each family's own loss, with its gradients, with padding, without it, and at masked positions."""

from typing import Any

import pytest
import torch

from training.config import TrainConfig
from training.examples import make_collator
from training.loss import VoiceTrainer, join_pairs, supervised_loss
from training.masks import IGNORED
from training.model import add_adapter

SMALL = dict(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
GPT = dict(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2)
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": SMALL,
    "qwen2": SMALL,
    "qwen3": SMALL,
    "mistral": SMALL,
    "gemma2": {**SMALL, "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 8},
    "gemma3_text": {**SMALL, "query_pre_attn_scalar": 8},
    "granite": {**SMALL, "logits_scaling": 4.0, "embedding_multiplier": 2.0},
    "cohere": {**SMALL, "logit_scale": 0.25},
    "phi3": SMALL,
    "gpt2": GPT,
    "gpt_neox": SMALL,
}


def tiny(family: str, settings: dict[str, Any]) -> Any:
    """A random model of two layers whose logits are far from flat."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "conv" not in name:
                parameter.mul_(12)
    return model.eval()


@pytest.fixture
def batch() -> dict[str, Any]:
    """Three padded pairs of which a part is learned."""
    ids = torch.randint(5, 60, (3, 20), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    for row, length in enumerate((20, 14, 9)):
        mask[row, length:] = 0
    labels = ids.masked_fill(mask == 0, IGNORED)
    for row, prompt in enumerate((10, 4, 6)):
        labels[row, :prompt] = IGNORED
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def joined(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch's pairs in one row, as the training's own collator puts them."""
    lengths = batch["attention_mask"].sum(1).tolist()
    rows = [{key: batch[key][row, :length].tolist() for key in batch} for row, length in enumerate(lengths)]
    collate = make_collator(TrainConfig(), None, joined=True)
    return dict(collate(rows))


def _gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def _assert_same(model: Any, ours: Any, theirs: Any) -> None:
    wanted, computed = _gradients(model, theirs), _gradients(model, ours)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-4)
    assert computed.keys() == wanted.keys() and wanted
    largest = max(float(g.abs().max()) for g in wanted.values())
    assert max(float((computed[n] - wanted[n]).abs().max()) for n in wanted) < 1e-4 * largest


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("padding", ["padded", "unpadded"])
def test_it_is_the_models_own_loss_with_its_gradients(
    family: str, padding: str, batch: dict[str, Any]
) -> None:
    model = tiny(family, FAMILIES[family])
    theirs = model(**batch).loss
    assert join_pairs(model)
    _assert_same(model, supervised_loss(model, batch if padding == "padded" else joined(batch)), theirs)


def test_a_model_with_convolutions_keeps_its_padding(batch: dict[str, Any]) -> None:
    model = tiny("lfm2", {**SMALL, "layer_types": ["conv", "full_attention"], "block_multiple_of": 8})
    theirs = model(**batch).loss
    assert not join_pairs(model)
    _assert_same(model, supervised_loss(model, batch), theirs)


def test_pairs_in_one_row_longer_than_the_sliding_window_keep_their_own_windows(
    batch: dict[str, Any],
) -> None:
    model = tiny("mistral", {**SMALL, "sliding_window": 12})
    _assert_same(model, supervised_loss(model, joined(batch)), model(**batch).loss)


def test_logits_are_computed_where_there_is_a_label_and_nowhere_else(batch: dict[str, Any]) -> None:
    model = tiny("llama", SMALL)
    shapes = []
    hook = model.lm_head.register_forward_hook(lambda _m, _a, out: shapes.append(tuple(out.shape)))
    supervised_loss(model, joined(batch))
    hook.remove()
    assert shapes == [(1, int((batch["labels"] != IGNORED).sum()), 64)]


def test_over_a_step_of_several_batches_it_is_divided_by_all_their_tokens(batch: dict[str, Any]) -> None:
    model = tiny("llama", SMALL)
    learned = int((batch["labels"][:, 1:] != IGNORED).sum())
    one, half = supervised_loss(model, batch), supervised_loss(model, batch, 2 * learned)
    assert float(half.detach()) == pytest.approx(float(one.detach()) / 2, rel=1e-5)


def test_a_pair_in_a_row_of_several_sees_no_other(batch: dict[str, Any]) -> None:
    model = tiny("qwen2", SMALL)
    fed = {key: value for key, value in joined(batch).items() if key != "labels"}
    assert fed["input_ids"].shape == (1, 20 + 14 + 9)
    changed = {**fed, "input_ids": fed["input_ids"].clone()}
    changed["input_ids"][0, :20] = 7
    with torch.no_grad():
        before, after = (model(**row, use_cache=False).logits for row in (fed, changed))
    assert torch.equal(before[0, 20:], after[0, 20:]) and not torch.equal(before[0, :20], after[0, :20])


def test_the_adapters_products_are_inside_autocast(batch: dict[str, Any]) -> None:
    config = TrainConfig(quantization="none", rank=4, alpha=8, target_modules=("q_proj",))
    model = add_adapter(config, tiny("llama", SMALL))
    kinds = []
    layer = next(m for n, m in model.named_modules() if n.endswith("lora_A.default"))
    hook = layer.register_forward_hook(lambda _m, _a, out: kinds.append(out.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = supervised_loss(model, batch)
    hook.remove()
    assert kinds == [torch.bfloat16] and loss.dtype == torch.float32


def test_validation_loss_is_a_mean_over_tokens_and_not_over_pairs(
    batch: dict[str, Any], tmp_path: Any
) -> None:
    from transformers import TrainingArguments

    model = tiny("llama", SMALL)
    wanted = float(model(**batch).loss.detach())
    rows = [{key: value[row] for key, value in batch.items()} for row in range(3)]
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[], remove_unused_columns=False)
    stack = lambda some: {key: torch.stack([row[key] for row in some]) for key in some[0]}  # noqa: E731
    trainer = VoiceTrainer(model=model, args=arguments, eval_dataset=rows, data_collator=stack)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(wanted, abs=1e-4)
