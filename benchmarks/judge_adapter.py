"""Agreement of a trained judge adapter with people on rows it was not trained on.

    .venv/bin/python benchmarks/judge_adapter.py          # the one in judges/fitted/lora/
    .venv/bin/timbre train training/presets/judge.toml --name judge --data LABELS.csv
    .venv/bin/python benchmarks/judge_adapter.py judge    # a run

Beside it, on the same rows: the base asked the same questions with no training, the linear judge fitted
on the same training rows, and the mean of adapter and linear judge in which the adapter counts twice, as
``judges.lora`` has it. 95 % bootstrap intervals.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from humor_labels import agreement, held_out, read_labels
from linear_judges import fitted

from judges.linear import TARGETS, Array
from judges.lora import WEIGHT
from timbre.paths import CHECKOUT
from training import qlora
from training.base import resolve_base
from training.config import load_config
from training.judge import answer_logits, digit_tokens
from training.judge_data import parse_questions, prompts
from training.runs import find_run

BATCH = 16

SHIPPED = CHECKOUT / "judges" / "fitted" / "lora"


def expected(model: Any, tokenizer: Any, texts: Sequence[str], questions: Any) -> Array:
    """Expected digit over 9 for each text and question, shape (texts, questions); longest texts last."""
    import torch

    digits = torch.arange(10) / 9.0
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    values = np.zeros((len(texts), len(questions)))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        asked = [prompts(texts[i], questions) for i in rows]
        batch = dict(
            tokenizer([a[-1] for a in asked], return_tensors="pt", padding=True, padding_side="right")
        )
        batch["positions"] = torch.tensor([[len(tokenizer.encode(p)) - 1 for p in a] for a in asked])
        with torch.no_grad():
            logits = answer_logits(model, batch)[..., digit_tokens(tokenizer)]
        values[rows] = (logits.softmax(-1) @ digits).numpy()
    return values


def main() -> None:
    """Measure and print."""
    from peft import PeftModel
    from transformers import AutoTokenizer

    labels = read_labels()
    settings, weights = SHIPPED, SHIPPED
    if len(sys.argv) > 1:
        run = find_run(sys.argv[1])
        settings, weights = run.path, run.adapter
    config = load_config(settings / "config.toml")
    questions = parse_questions(config.questions)
    base = resolve_base(config.base)
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    train, test = held_out(labels)
    unseen = labels.of(test)
    model = PeftModel.from_pretrained(qlora.load_base(config, base), str(weights)).eval()
    adapter = expected(model, tokenizer, unseen.texts, questions)
    with model.disable_adapter():
        untrained = expected(model, tokenizer, unseen.texts, questions)
    linear = fitted(labels.of(train)).predict(unseen.texts)
    columns = [q.column for q in questions]
    judges = {
        "base, untrained": dict(zip(columns, untrained.T, strict=True)),
        "linear": linear,
        "adapter": dict(zip(columns, adapter.T, strict=True)),
        "weighted mean": {
            t: WEIGHT * adapter[:, columns.index(t)] + (1 - WEIGHT) * linear[t] for t in TARGETS
        },
    }
    for name, values in judges.items():
        for figure, told in agreement(unseen, **values).items():
            print(f"{name:16} n {len(test)}  {figure:16} {told}")


if __name__ == "__main__":
    main()
