"""Agreement of a trained judge adapter with people on rows it was not trained on.

    .venv/bin/python benchmarks/judge_adapter.py          # the one in judges/fitted/lora/
    .venv/bin/timbre train training/presets/judge.toml --name judge --data LABELS.csv
    .venv/bin/python benchmarks/judge_adapter.py judge    # a run

Beside it, on the same rows: the base asked the same questions with no training, the linear judge fitted
on the same training rows, and the mean of adapter and linear judge in which the adapter counts twice, as
``judges.lora`` has it. 95 % bootstrap intervals.
"""

import sys

import numpy as np
from adapter_values import expected, load_adapter
from humor_labels import agreement, held_out, read_labels
from linear_judges import fitted

from judges.linear import TARGETS
from judges.lora import WEIGHT
from timbre.paths import CHECKOUT
from training.config import load_config
from training.judge_data import parse_questions, prompts
from training.runs import find_run

SHIPPED = CHECKOUT / "judges" / "fitted" / "lora"


def main() -> None:
    """Measure and print."""
    labels = read_labels()
    settings, weights = SHIPPED, SHIPPED
    if len(sys.argv) > 1:
        run = find_run(sys.argv[1])
        settings, weights = run.path, run.adapter
    config = load_config(settings / "config.toml")
    questions = parse_questions(config.questions)
    train, test = held_out(labels)
    unseen = labels.of(test)
    model, tokenizer = load_adapter(config, weights)
    asked = [prompts([text], questions) for text in unseen.texts]
    adapter = np.array(expected(model, tokenizer, asked))
    with model.disable_adapter():
        untrained = np.array(expected(model, tokenizer, asked))
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
