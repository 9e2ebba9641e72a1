"""Agreement of a trained judge adapter with labels it was not fitted on: people's, and a model's of answers.

    .venv/bin/python benchmarks/judge_adapter.py          # the one in judges/fitted/lora/
    .venv/bin/timbre train training/presets/judge.toml --name judge --data LABELS.csv
    .venv/bin/python benchmarks/judge_adapter.py judge    # a run

On the labelled answers to canaries (``judges/labels/``, a model's labels), and, where they are at hand, on
the tweets and jokes kept aside. Beside it, on the latter: the base asked the same questions with no training,
the linear judge fitted on the same training rows, and the mean of adapter and linear judge in which the
adapter counts twice, as ``judges.lora`` has it. 95 % bootstrap intervals.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from adapter_values import expected, load_adapter
from humor_labels import agreement, held_out, interval, read_labels
from linear_judges import fitted

from judges.licensing.label_file import read_labels as read_answers
from judges.linear import TARGETS, windows
from judges.lora import DIMENSIONS, WEIGHT, lora_judgements
from timbre.paths import CHECKOUT
from training.config import load_config
from training.judge_data import Question, parse_questions, prompts
from training.runs import find_run

SHIPPED = CHECKOUT / "judges" / "fitted" / "lora"


def on_canaries(model: Any, tokenizer: Any, questions: Sequence[Question]) -> None:
    """Print the AUC of a label of 1 or more on the answers to canaries."""
    from sklearn.metrics import roc_auc_score

    labels = {key: read_answers(CHECKOUT / "judges" / "labels" / f"{key}.csv") for key in DIMENSIONS}
    answers = labels["humor"].answers  # every file labels the same ones
    shown = [[text for text, _, _ in windows(answer.text)] for answer in answers]
    asked = [prompts([text], questions) for texts in shown for text in texts]
    columns = [q.column for q in questions]
    said = (dict(zip(columns, values, strict=True)) for values in expected(model, tokenizer, asked))
    both = [
        lora_judgements(a, [next(said) for _ in texts], {}) for a, texts in zip(answers, shown, strict=True)
    ]
    for dimension, read in labels.items():
        assert [a.text for a in read.answers] == [a.text for a in answers], (
            f"{dimension} labels other answers"
        )
        judged = [judgements[dimension] for judgements in both]
        truth = read.labels >= 1
        for name, values in (
            ("adapter", np.array([j.details["lora"] for j in judged])),
            ("linear", np.array([j.details["linear"] for j in judged])),
            ("weighted mean", np.array([j.value for j in judged], dtype=float)),
        ):
            auc = interval(lambda rows, v=values, t=truth: float(roc_auc_score(t[rows], v[rows])), len(truth))
            print(f"{name:16} canary answers, {int(truth.sum())} of {len(truth)}: {dimension}, AUC {auc}")


def main() -> None:
    """Measure and print."""
    settings, weights = SHIPPED, SHIPPED
    if len(sys.argv) > 1:
        run = find_run(sys.argv[1])
        settings, weights = run.path, run.adapter
    config = load_config(settings / "config.toml")
    questions = parse_questions(config.questions)
    model, tokenizer = load_adapter(config, weights)
    on_canaries(model, tokenizer, questions)
    labels = read_labels()
    train, test = held_out(labels)
    unseen = labels.of(test)
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
