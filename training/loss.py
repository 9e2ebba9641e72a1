"""The loss of a voice: logits at supervised positions through the model's own forward.

A masked token's logits are thrown away, and the last layer is a fifth of a small model's work, so the model is asked
for logits where there is a label (``logits_to_keep``). Its own forward scales and caps them, stays inside autocast,
and shares gradients under DDP.
"""

import inspect
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch.nn.functional import cross_entropy, pad
from transformers import AttentionInterface, AttentionMaskInterface, Trainer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from training.masks import IGNORED

ATTENTION = {"full_attention", "sliding_attention"}
"""Kinds of layer in which one pair can be kept from seeing another in its row."""

BY_PAIR = "timbre_by_pair"
"""Name under which transformers knows ``_attention``."""


def supervised_loss(model: Any, inputs: dict[str, Any], items: Any = None) -> Any:
    """Mean cross-entropy (nats) of the next token over supervised positions, as transformers computes it.

    Args:
        model: A causal language model; wrapped by PEFT and DDP, or not.
        inputs: ``input_ids`` and ``labels``, with ``attention_mask`` each (pairs, tokens), or with ``position_ids``
            each (1, tokens of all pairs).
        items: Supervised tokens of the whole optimizer step, where it gathers several batches; else None.

    Returns:
        A scalar tensor.
    """
    fed = _fed(inputs)
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
    learned = targets != IGNORED
    if "logits_to_keep" in inspect.signature(unwrapped(model).forward).parameters:
        columns = learned.any(0).nonzero()[:, 0]
        targets, learned = targets[:, columns], learned[:, columns]
        fed["logits_to_keep"] = columns
    logits = model(**fed, use_cache=False).logits
    total = cross_entropy(logits[learned].float(), targets[learned], reduction="sum")
    return total / (learned.sum() if items is None else items)


def unwrapped(model: Any) -> Any:
    """The transformers model inside DDP and PEFT."""
    inner = getattr(model, "module", model)
    return inner.get_base_model() if hasattr(inner, "get_base_model") else inner


class VoiceTrainer(Trainer):
    """Trains and evaluates by ``supervised_loss``: every supervised token weighs the same, whatever the batch size.

    ``order`` is a sampler of the pairs (``training.examples.sampler``), or None for the Trainer's own.
    """

    def __init__(self, model: Any, order: Any = None, **given: Any) -> None:
        super().__init__(model, **given)
        self.model_accepts_loss_kwargs = True  # the loss divides by the step's tokens itself
        self._order, self._step_tokens = order, 0

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        items = kwargs["num_items_in_batch"]
        self._step_tokens = int(items)
        # DDP averages gradients over processes, and ``items`` counts the tokens of all of them.
        loss = supervised_loss(model, inputs, items) * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        return self._order if self._order is not None else super()._get_train_sampler(*args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs:
            logs["supervised_tokens"] = self._step_tokens
        super().log(logs, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        # Every process reads all rows, so that none waits for another in a sharded forward.
        model, rows = self.model_wrapped, cast(Any, self.eval_dataset)
        model.eval()
        total, tokens = 0.0, 0
        with torch.no_grad(), self.compute_loss_context_manager():
            for row in rows:
                batch = self._prepare_inputs(self.data_collator([row]))
                learned = int((batch["labels"][:, 1:] != IGNORED).sum())
                total += float(supervised_loss(model, batch)) * learned
                tokens += learned
        model.train()
        metrics = {"eval_loss": total / tokens}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def join_pairs(model: Any) -> bool:
    """Have the model attend pair by pair where several stand in one row, by positions that begin anew.

    A convolution or a recurrent state reaches over from one pair into the next, and some models take no positions: so
    two pairs in one row must have the logits of rows of their own, or all is left as it is.

    Args:
        model: A causal language model of transformers; changed in place.

    Returns:
        Whether pairs may stand in one row from now on.
    """
    config, before = model.config.get_text_config(), model.config._attn_implementation
    if not set(getattr(config, "layer_types", None) or ()) <= ATTENTION:
        return False
    if before == "sdpa":
        AttentionInterface.register(BY_PAIR, _attention)
        AttentionMaskInterface.register(BY_PAIR, sdpa_mask)
        model.set_attn_implementation(BY_PAIR)
    was_training = model.training
    model.eval()
    rows = torch.arange(10, 22, device=model.device).reshape(2, 6) % config.vocab_size
    row = {"input_ids": rows.reshape(1, 12), "position_ids": torch.arange(12, device=model.device)[None] % 6}
    try:
        with torch.no_grad():
            apart = model(input_ids=rows, use_cache=False).logits
            joined = model(**_fed(row), use_cache=False).logits
        bound = max(1e-3, 16 * torch.finfo(apart.dtype).eps) * apart.float().std()
        same = bool((apart.flatten(0, 1) - joined[0]).abs().max() <= bound)
    except TypeError:
        same = False
    model.train(was_training)
    if not same:
        model.set_attn_implementation(before)
    return same


def _fed(inputs: dict[str, Any]) -> dict[str, Any]:
    """What the model is given; ``segments`` are the lengths of the pairs in one row."""
    fed = {key: value for key, value in inputs.items() if key != "labels"}
    if "position_ids" in fed:
        starts = (fed["position_ids"][0] == 0).nonzero()[:, 0].tolist()
        fed["segments"] = [end - start for start, end in pairwise([*starts, fed["position_ids"].shape[1]])]
    return fed


def _attention(
    module: Any, query: Any, key: Any, value: Any, mask: Any, *, segments: Sequence[int] = (), **more: Any
) -> tuple[Any, Any]:
    """SDPA of each pair by itself; under the mask of the whole row where a window is shorter than a pair."""
    if not segments or max(segments) > (more.get("sliding_window") or math.inf):
        return sdpa_attention_forward(module, query, key, value, mask, **more)
    parts = (states.split(list(segments), dim=2) for states in (query, key, value))
    seen = [sdpa_attention_forward(module, q, k, v, None, **more)[0] for q, k, v in zip(*parts, strict=True)]
    return torch.cat(seen, dim=1), None
