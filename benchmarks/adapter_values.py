"""A judge's adapter read in transformers: the same arithmetic as over the server, without one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import qlora
from training.base import resolve_base
from training.config import TrainConfig
from training.judge import answer_logits, digit_tokens

BATCH = 16


def load_adapter(config: TrainConfig, weights: Path) -> tuple[Any, Any]:
    """Base with adapter, and tokenizer."""
    from peft import PeftModel
    from transformers import AutoTokenizer

    base = resolve_base(config.base)
    model = PeftModel.from_pretrained(qlora.load_base(config, base), str(weights)).eval()
    return model, AutoTokenizer.from_pretrained(base.path)


def expected(model: Any, tokenizer: Any, asked: Sequence[Sequence[str]]) -> list[list[float]]:
    """Expected digit over 9 of each text at each place asked about; longest texts last.

    Args:
        model: Base with adapter.
        tokenizer: The base's.
        asked: Of each text what is read up to each place, as ``training.judge_data.prompts`` has it.
    """
    import torch

    digits = torch.arange(10) / 9.0
    order = sorted(range(len(asked)), key=lambda i: len(asked[i][-1]))
    values: list[list[float]] = [[] for _ in asked]
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        batch = dict(
            tokenizer([asked[i][-1] for i in rows], return_tensors="pt", padding=True, padding_side="right")
        )
        places = [[len(tokenizer.encode(p)) - 1 for p in asked[i]] for i in rows]
        most = max(map(len, places))
        batch["positions"] = torch.tensor([p + [0] * (most - len(p)) for p in places])
        with torch.no_grad():
            logits = answer_logits(model, batch)[..., digit_tokens(tokenizer)]
        for i, found, place in zip(rows, logits.softmax(-1) @ digits, places, strict=True):
            values[i] = found[: len(place)].tolist()
    return values
