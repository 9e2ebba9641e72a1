"""The losses of log-run1 and log-run2: as each collator counts them, and over the response alone.

    .venv/bin/python benchmarks/collators.py

Needs runs run1 and run2 (``make voice`` trains them). For the base and every kept epoch it prints, over
the training and the validation pairs, the mean loss per supervised token (nats) under both label sets,
so that the two runs can be compared on one scale, and shows the masks of one pair under both.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from timbre.paths import CHECKOUT
from training.config import load_config
from training.examples import pairs_as_delivered, prepare, read_sources
from training.masks import IGNORED, Example, show_masks
from training.model import load_base
from training.runs import find_run

PRESETS = {"run1": "log-run1.toml", "run2": "log-run2.toml"}


def mean_loss(model: Any, examples: Sequence[Example], labels: Sequence[Sequence[int]]) -> float:
    """Mean over the supervised tokens of all examples (nats), as ``run.json`` has it."""
    import torch

    total, tokens = 0.0, 0
    with torch.no_grad():
        for example, wanted in zip(examples, labels, strict=True):
            supervised = sum(label != IGNORED for label in wanted)
            batch = {"input_ids": torch.tensor([example.input_ids]), "labels": torch.tensor([wanted])}
            total += supervised * float(model(**batch).loss)
            tokens += supervised
    return total / tokens if tokens else math.nan


def main() -> None:
    """Measure and print."""
    from peft import PeftModel

    configs = {run: load_config(CHECKOUT / "training" / "presets" / file) for run, file in PRESETS.items()}
    prepared = prepare(configs["run2"], read_sources(configs["run2"]))
    one = [e for e in prepared.examples if e.pair.split == "train"][:1]
    as_delivered = {run: pairs_as_delivered(config, prepared) for run, config in configs.items()}
    for run, labels in as_delivered.items():
        print(f"{run}: the first training pair as its collator delivers it")
        index = prepared.examples.index(one[0])
        print(show_masks(one, [labels[index]], prepared.tokenizer))
    print(f"{'run':6} {'epoch':>5} {'split':6} {'all tokens but stop':>20} {'response and stop':>18}")
    for run in PRESETS:
        found = find_run(run)
        adapters: list[tuple[int, Path | None]] = [(0, None)]
        adapters += [(e.epoch, found.path / e.adapter) for e in found.epochs]
        base = load_base(configs[run], prepared.base)
        for epoch, adapter in adapters:
            model = base if adapter is None else PeftModel.from_pretrained(base, str(adapter))
            model.eval()
            for split in ("train", "val"):
                rows = [i for i, e in enumerate(prepared.examples) if e.pair.split == split]
                examples = [prepared.examples[i] for i in rows]
                losses = [
                    mean_loss(model, examples, [as_delivered[counted][i] for i in rows])
                    for counted in ("run1", "run2")
                ]
                print(f"{run:6} {epoch:5} {split:6} {losses[0]:20.3f} {losses[1]:18.3f}", flush=True)
            if adapter is not None:
                base = model.unload()


if __name__ == "__main__":
    main()
