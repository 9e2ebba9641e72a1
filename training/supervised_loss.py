"""The loss of a voice, with logits at the supervised positions alone, and no padding on the way there.

The last layer is a fifth of a small model's work (SmolLM2-135M: 28 million of 135 million parameters), and a
masked token's logits are thrown away. Here hidden states are gathered where there is a label, and only those
are turned into logits: the same loss and gradients, less time and memory where prompts are long.
"""

from collections.abc import Callable
from typing import Any

from training.masks import IGNORED
from training.processes import launched
from training.unpadded import attend_by_segments, takes_segments, without_padding


def supervised_loss(model: Any, inputs: dict[str, Any], items: Any = None) -> Any:
    """Mean cross-entropy (nats) of the next token over supervised positions, as transformers computes it.

    Args:
        model: A PEFT model over a causal language model with ``.model`` and ``.lm_head``.
        inputs: ``input_ids``, ``attention_mask`` and ``labels``, each (pairs, tokens).
        items: Supervised tokens of the whole optimizer step, where it gathers several batches; else None.

    Returns:
        A scalar tensor.
    """
    from torch.nn.functional import cross_entropy, pad

    inner = model.get_base_model()
    fed = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
    if takes_segments(inner, targets.shape[1]):
        targets = targets[fed["attention_mask"].bool()][None]
        fed = without_padding(**fed)
    hidden = inner.model(**fed, use_cache=False).last_hidden_state
    learned = targets != IGNORED
    logits = inner.lm_head(hidden[learned]).float()
    total = cross_entropy(logits, targets[learned], reduction="sum")
    return total / (learned.sum() if items is None else items)


def voice_trainer(sampler: Callable[[], Any] = lambda: None) -> type:
    """A ``transformers.Trainer`` that trains and evaluates by ``supervised_loss``.

    Args:
        sampler: Makes the order of the pairs (``training.tiers.sampler``); None for the Trainer's own.
    """
    from transformers import Trainer

    class VoiceTrainer(Trainer):
        def __init__(self, model: Any, **given: Any) -> None:
            super().__init__(model, **given)
            attend_by_segments(model.get_base_model())

        def compute_loss(  # type: ignore[override]
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
        ) -> Any:
            # Several processes share gradients in their wrapper's own forward, which this would go around.
            if launched():
                return super().compute_loss(model, inputs, return_outputs, **kwargs)
            loss = supervised_loss(
                self.accelerator.unwrap_model(model), inputs, kwargs.get("num_items_in_batch")
            )
            return (loss, {}) if return_outputs else loss

        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            made = sampler()
            return made if made is not None else super()._get_train_sampler(*args, **kwargs)

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            import torch

            with torch.no_grad():
                loss = self.compute_loss(model, self._prepare_inputs(inputs))
            return loss.detach(), None, None

    return VoiceTrainer
