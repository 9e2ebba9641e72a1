"""A judge adapter: a LoRA that answers fixed questions about a text, each with one digit.

    timbre train training/presets/judge.toml --name judge --data labelled.csv

A text, or each of its sentences, is followed by the questions; the token after each is a digit, and the
judge's value is the expected digit over 9. Labels are soft: a normal density around the label over the ten
digits (HL-Gauss: Imani and White 2018; Farebrother et al. 2024), so that near misses cost less than far
ones. Logits are computed at the questions alone.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from training.base import resolve_base
from training.config import TrainConfig, identity
from training.judge_data import JudgeExample, build_examples, load_labelled, parse_questions
from training.judge_variants import cropped, distracted
from training.qlora import Task, run_task
from training.runs import Run

DIGITS = "0123456789"
SPREAD = 0.75
"""Standard deviation of a soft label, in digits."""


def soft_label(target: float) -> list[float]:
    """Probabilities of the ten digits for a target in [0, 1]: a normal density around 9 * target."""
    weights = [math.exp(-0.5 * ((digit - 9 * target) / SPREAD) ** 2) for digit in range(10)]
    total = sum(weights)
    return [w / total for w in weights]


def digit_tokens(tokenizer: Any) -> list[int]:
    """Token of each digit.

    Raises:
        TimbreError: The tokenizer has none of its own for one.
    """
    ids = [tokenizer.encode(digit, add_special_tokens=False) for digit in DIGITS]
    if any(len(one) != 1 for one in ids):
        raise TimbreError("the tokenizer has no token of its own for a digit", where="base")
    return [one[0] for one in ids]


def collate(features: Sequence[dict[str, Any]], pad: int) -> dict[str, Any]:
    """A batch padded on the right; ``labels`` are soft, (texts, answers, 10), NaN where there is none."""
    import torch

    longest = max(len(f["input_ids"]) for f in features)
    ids = [f["input_ids"] + [pad] * (longest - len(f["input_ids"])) for f in features]
    mask = [[1] * len(f["input_ids"]) + [0] * (longest - len(f["input_ids"])) for f in features]
    most = max(len(f["positions"]) for f in features)
    targets = [[*f["labels"], *[math.nan] * (most - len(f["labels"]))] for f in features]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "positions": torch.tensor([f["positions"] + [0] * (most - len(f["positions"])) for f in features]),
        "labels": torch.tensor(
            [[soft_label(t) if t == t else [math.nan] * 10 for t in row] for row in targets]
        ),
    }


def answer_logits(model: Any, batch: dict[str, Any]) -> Any:
    """Logits of the token after each question, shape (texts, answers, vocabulary)."""
    import torch

    inner = model.get_base_model()
    hidden = inner.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
    ).last_hidden_state
    rows = torch.arange(hidden.shape[0], device=hidden.device)[:, None]
    return inner.lm_head(hidden[rows, batch["positions"]]).float()


def judge_trainer(digits: Sequence[int]) -> type:
    """A ``transformers.Trainer`` whose loss is the cross-entropy with soft labels, mean over answers."""
    from transformers import Trainer

    class JudgeTrainer(Trainer):
        def compute_loss(  # type: ignore[override]
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
        ) -> Any:
            logits = answer_logits(model, inputs)
            labels = inputs["labels"]
            labelled = ~labels[..., 0].isnan()
            log_p = logits[labelled].log_softmax(-1)[:, list(digits)]
            loss = -(labels[labelled] * log_p).sum(-1).mean()
            return (loss, logits) if return_outputs else loss

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            import torch

            with torch.no_grad():
                loss = self.compute_loss(model, self._prepare_inputs(inputs))
            return loss.detach(), None, None

    return JudgeTrainer


def train_judge(config: TrainConfig, name: str, *, resume: bool = False, replace: bool = False) -> Run:
    """Train a judge, from a preset with ``questions``; see ``training.qlora.run_task``."""
    return run_task(_judge, config, name, resume=resume, replace=replace)


def _judge(config: TrainConfig) -> Task:
    path = Path(config.data)
    questions = parse_questions(config.questions)
    rows = distracted(load_labelled(path, questions, config.unit), config.distractors)
    rows = cropped(rows) if config.crops else rows
    base = resolve_base(config.base, verify=True)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    examples = build_examples(rows, questions, tokenizer, config.max_tokens, str(path))
    lock = _lock(examples, path)
    digits = digit_tokens(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return Task(
        base,
        lock,
        identity(config, lock["sha256"], base.sha256),
        [e.features() for e in examples if e.row.split == "train"],
        [e.features() for e in examples if e.row.split == "val"],
        lambda: lambda features: collate(features, pad),
        {"kind": "judge", "questions": list(config.questions)},
        trainer=lambda: judge_trainer(digits),
        arguments={
            "train_sampling_strategy": "group_by_length",
            "length_column_name": "length",
            "per_device_eval_batch_size": config.batch_size,
        },
    )


def _lock(examples: Sequence[JudgeExample], path: Path) -> dict[str, Any]:
    """What the judge was fed, as digests: the texts themselves stay where they are."""
    rows = [
        {
            "id": e.row.id,
            "split": e.row.split,
            "text_sha256": e.row.digest,
            "targets": [t if t == t else None for t in e.row.targets],
        }
        for e in examples
    ]
    return {
        "sha256": hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest(),
        "file": path.name,
        "rows": rows,
    }
