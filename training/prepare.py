"""All that is decided before a model loads: pairs checked, base found, labels built, identity known."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from training import run_directory
from training.base import Base, resolve_base
from training.config import TrainConfig, recipe
from training.masks import Example, build_example
from training.pairs import check_lengths, load_pairs


@dataclass(frozen=True)
class Prepared:
    """All that is known before the model loads.

    Attributes:
        base: The base model.
        tokenizer: Its tokenizer.
        examples: Labelled pairs, in file order.
        lock: Content of data.lock.json.
        recipe: Digest of settings, data and base.
    """

    base: Base
    tokenizer: Any
    examples: tuple[Example, ...]
    lock: dict[str, Any]
    recipe: str

    def of(self, split: str) -> list[Example]:
        """The examples of one side of the split."""
        return [e for e in self.examples if e.pair.split == split]


def prepare(config: TrainConfig) -> Prepared:
    """Check the pairs, find the base, build the labels.

    Raises:
        TimbreError: a bad pair (file:line), an unknown base, or a template that can't be masked.
    """
    path = Path(config.data)
    pairs = load_pairs(path)
    base = resolve_base(config.base, verify=True)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    if tokenizer.chat_template is None:
        raise TimbreError(
            f"base {base.name!r} has no chat template", where="base", do="use an instruction-tuned base"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    examples = {pair.line: build_example(pair, tokenizer, str(path)) for pair in pairs}
    check_lengths(pairs, lambda pair: len(examples[pair.line].input_ids), config.max_tokens, path)
    lock = run_directory.data_lock(list(examples.values()), path)
    return Prepared(
        base, tokenizer, tuple(examples.values()), lock, recipe(config, lock["sha256"], base.sha256)
    )


def make_collator(config: TrainConfig, tokenizer: Any) -> Any:
    """The collator that the preset names; the log's bug comes with a warning on every use."""
    from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq

    if config.collator == "seq2seq":
        return DataCollatorForSeq2Seq(tokenizer, padding=True)
    print(
        "warning: collator = 'language_modeling' overwrites the prompt mask and unlearns the stop token; "
        "it is here to reproduce an experiment, not to train a voice",
        file=sys.stderr,
    )
    return DataCollatorForLanguageModeling(tokenizer, mlm=False)


def pairs_as_delivered(config: TrainConfig, prepared: Prepared) -> list[list[int]]:
    """Each example's labels as the preset's collator hands them to the loss, shape (tokens,)."""
    collator = make_collator(config, prepared.tokenizer)
    return [collator([e.features()])["labels"][0].tolist() for e in prepared.examples]
