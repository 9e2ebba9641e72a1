"""A batch without its padding: all pairs one behind the other in a single row, each seeing only itself.

Padding costs what a token costs, in every matrix of the model, and a mask makes attention compute the half
that is masked. Here attention takes each pair by itself, causal and without a mask.
"""

from collections.abc import Sequence
from typing import Any

NAME = "timbre_unpadded"
"""As ``transformers`` knows this attention."""


def attend_by_segments(model: Any) -> None:
    """Have the model attend by ``segments`` where a forward is given them, and as before where it isn't.

    Nothing where it attends by anything but SDPA.

    Args:
        model: A causal language model of transformers; changed in place.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, _attention)
        AttentionMaskInterface.register(NAME, _mask)
        model.set_attn_implementation(NAME)


def takes_segments(model: Any, longest: int) -> bool:
    """Whether a batch of pairs of up to ``longest`` tokens is the same to the model without its padding.

    It is where ``attend_by_segments`` took hold, and no sliding window hides what stands before.
    """
    window = getattr(model.config, "sliding_window", None)
    return model.config._attn_implementation == NAME and (window is None or longest <= window)


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
