"""The loss of a voice: logits at supervised positions through the model's own forward, without padding.

A masked token's logits are thrown away, and the last layer is a fifth of a small model's work, so the model is asked
for logits where there is a label (``logits_to_keep``). Its own forward scales and caps them, stays inside autocast,
and shares gradients under DDP. Where every layer is plain attention, a batch's pairs stand one behind the other in a
single row and each attends to itself: padding and masks cost nothing.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from training.masks import IGNORED

UNPADDED = "timbre_unpadded"
"""Name under which transformers knows this attention."""

PLAIN_LAYERS = {"full_attention", "sliding_attention", "chunked_attention"}


def supervised_loss(model: Any, inputs: dict[str, Any], items: Any = None) -> Any:
    """Mean cross-entropy (nats) of the next token over supervised positions, as transformers computes it.

    Args:
        model: A causal language model; wrapped by PEFT and DDP, or not.
        inputs: ``input_ids``, ``attention_mask`` and ``labels``, each (pairs, tokens).
        items: Supervised tokens of the whole optimizer step, where it gathers several batches; else None.

    Returns:
        A scalar tensor.
    """
    from torch.nn.functional import cross_entropy, pad

    fed = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
    inner = unwrapped(model)
    if takes_unpadded(inner, targets.shape[1]):
        targets = targets[fed["attention_mask"].bool()][None]
        fed = without_padding(**fed)
    learned = targets != IGNORED
    if "logits_to_keep" in inspect.signature(inner.forward).parameters:
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


def voice_trainer(sampler: Callable[[], Any] = lambda: None) -> type:
    """A ``transformers.Trainer`` that trains and evaluates by ``supervised_loss``.

    Every supervised token weighs the same, in training and validation, whatever the batch size.

    Args:
        sampler: Makes the order of the pairs (``training.examples.sampler``); None for the Trainer's own.
    """
    import torch
    from transformers import Trainer

    class VoiceTrainer(Trainer):
        def __init__(self, model: Any, **given: Any) -> None:
            super().__init__(model, **given)
            self.model_accepts_loss_kwargs = True  # the loss divides by the step's tokens itself
            self._step_tokens = 0
            attend_unpadded(unwrapped(model))

        def compute_loss(  # type: ignore[override]
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
        ) -> Any:
            items = kwargs["num_items_in_batch"]
            self._step_tokens = int(items)
            # DDP averages gradients over processes, and ``items`` counts the tokens of all of them.
            loss = supervised_loss(model, inputs, items) * self.accelerator.num_processes
            return (loss, {}) if return_outputs else loss

        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            made = sampler()
            return made if made is not None else super()._get_train_sampler(*args, **kwargs)

        def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
            if "loss" in logs:
                logs["supervised_tokens"] = self._step_tokens
            super().log(logs, *args, **kwargs)

        def evaluate(self, eval_dataset: Any = None, *args: Any, **kwargs: Any) -> dict[str, float]:
            # Every process reads all rows, so that none waits for another in a sharded forward.
            rows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
            model = self.model_wrapped
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

    return VoiceTrainer


def attend_unpadded(model: Any) -> bool:
    """Have the model attend by segments where a forward is given them, and as before where it isn't.

    Left as it is where it attends by anything but SDPA, where a layer is anything but attention (a convolution or a
    recurrent state reaches over from one pair into the next), and where two pairs in one row are seen to mix.

    Args:
        model: A causal language model of transformers; changed in place.

    Returns:
        Whether batches are fed without padding from now on.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    config = model.config.get_text_config()
    plain = set(getattr(config, "layer_types", None) or ()) <= PLAIN_LAYERS
    if model.config._attn_implementation != "sdpa" or not plain:
        return False
    AttentionInterface.register(UNPADDED, _attention)
    AttentionMaskInterface.register(UNPADDED, _mask)
    model.set_attn_implementation(UNPADDED)
    if not _pairs_are_apart(model):
        model.set_attn_implementation("sdpa")
        return False
    return True


def _pairs_are_apart(model: Any) -> bool:
    """Whether two pairs in one row have the logits that they have in rows of their own."""
    import torch

    was_training = model.training
    model.eval()
    rows = torch.arange(10, 22, device=model.device).reshape(2, 6) % model.config.get_text_config().vocab_size
    mask = torch.ones_like(rows)
    try:
        with torch.no_grad():
            apart = model(input_ids=rows, attention_mask=mask, use_cache=False).logits
            joined = model(**without_padding(rows, mask), use_cache=False).logits
    except TypeError:  # a forward that takes no segments
        return False
    finally:
        model.train(was_training)
    bound = max(1e-3, 16 * torch.finfo(apart.dtype).eps) * apart.float().std()
    return bool((apart.flatten(0, 1) - joined[0]).abs().max() <= bound)


def takes_unpadded(model: Any, longest: int) -> bool:
    """Whether a batch of pairs of up to ``longest`` tokens is the same to the model without its padding.

    It is where ``attend_unpadded`` took hold, and no window hides what stands before.
    """
    config = model.config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    return model.config._attn_implementation == UNPADDED and all(not w or longest <= w for w in windows)


def without_padding(input_ids: Any, attention_mask: Any) -> dict[str, Any]:
    """What the model is given in place of a padded batch.

    Args:
        input_ids: Shape (pairs, tokens).
        attention_mask: 1 at tokens, 0 at padding behind them; the same shape.

    Returns:
        ``input_ids`` and ``position_ids``, shape (1, tokens that are no padding), and ``segments``: how many
        of them belong to each pair.
    """
    kept = attention_mask.bool()
    positions = kept.cumsum(1) - 1
    return {
        "input_ids": input_ids[kept][None],
        "position_ids": positions[kept][None],
        "segments": kept.sum(1).tolist(),
    }


def _attention(
    module: Any, query: Any, key: Any, value: Any, mask: Any, *, segments: Sequence[int] = (), **more: Any
) -> tuple[Any, None]:
    """SDPA of each segment by itself: (1, heads, tokens, width) in, (1, tokens, heads, width) out."""
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if not segments:
        return sdpa_attention_forward(module, query, key, value, mask, **more)
    parts = (states.split(list(segments), dim=2) for states in (query, key, value))
    seen = [sdpa_attention_forward(module, q, k, v, None, **more)[0] for q, k, v in zip(*parts, strict=True)]
    return torch.cat(seen, dim=1), None


def _mask(attention_mask: Any = None, **more: Any) -> Any:
    """SDPA's mask; None where there is no padding, so that each segment is causal by itself."""
    from transformers.masking_utils import sdpa_mask

    return None if attention_mask is None else sdpa_mask(attention_mask=attention_mask, **more)
