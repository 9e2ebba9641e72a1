"""What a training is fed: pairs checked, labels built, and in which order and how often they come."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from timbre.errors import TimbreError
from training import run_directory
from training.base import Base, resolve_base
from training.config import TrainConfig, recipe
from training.devices import report
from training.masks import Example, build_example, thinks_first
from training.pairs import PairSet, check_lengths, read_pairs
from training.runs import Run


@dataclass(frozen=True)
class Sources:
    """What a run is made from, beside its settings."""

    data: PairSet
    base: Base


@dataclass(frozen=True)
class Prepared:
    """All that is known before the model loads."""

    base: Base
    tokenizer: Any  # a transformers tokenizer with the chat template trained with
    examples: tuple[Example, ...]  # in file order
    lock: dict[str, Any]  # content of data.lock.json
    recipe: str  # digest of settings, data and base

    def of(self, split: str) -> list[Example]:
        """The examples of one side of the split."""
        return [e for e in self.examples if e.pair.split == split]


def read_sources(config: TrainConfig) -> Sources:
    """Check the pairs and find the base; no tokenizer is loaded, so this is quick.

    Raises:
        TimbreError: a bad pair (file:line) or an unknown base.
    """
    return Sources(read_pairs(config.data), resolve_base(config.base, verify=True, revision=config.revision))


def is_current(run: Run, config: TrainConfig, sources: Sources) -> bool:
    """Whether a run was trained with these settings, on these pairs in this order, and on this base."""
    content = attrgetter("split", "tier", "source", "origin", "before", "prompt", "response")
    same_pairs = list(map(content, run.pairs)) == list(map(content, sources.data.pairs))
    return same_pairs and run.recipe == recipe(config, run.data.sha256, sources.base.sha256)


def prepare(config: TrainConfig, sources: Sources) -> Prepared:
    """Build the labels.

    Raises:
        TimbreError: a template that can't be masked, or a pair that is too long.
    """
    data, base = sources.data, sources.base
    tokenizer = load_tokenizer(config, base)
    examples = [build_example(pair, tokenizer, data.name, config.system) for pair in data.pairs]
    if thinks_first(tokenizer.decode(examples[0].learned)):
        report(
            "note: the chat template opens each response with an empty <think> block. It is learned with the "
            "response, since the template's generation prompt leaves it to the model"
        )
    check_lengths(examples, config.max_tokens, data.name)
    lock = run_directory.data_lock(examples, data.name, data.sha256)
    return Prepared(base, tokenizer, tuple(examples), lock, recipe(config, lock["sha256"], base.sha256))


def load_tokenizer(config: TrainConfig, base: Base) -> Any:
    """The base's tokenizer, with the preset's chat template if it names one.

    Raises:
        TimbreError: there is no chat template.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    if config.chat_template is not None:
        tokenizer.chat_template = config.template()
    if tokenizer.chat_template is None:
        raise TimbreError(
            f"base {base.name!r} has no chat template",
            where="base",
            do="add chat_template = FILE (Jinja) to the preset, or use an instruction-tuned base",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def make_collator(config: TrainConfig, tokenizer: Any, *, joined: bool = False) -> Any:
    """The collator that the preset names; the log's bug comes with a warning on every use.

    ``joined`` puts a batch's pairs into one row without padding, where the mask is kept.
    """
    from transformers import (
        DataCollatorForLanguageModeling,
        DataCollatorForSeq2Seq,
        DataCollatorWithFlattening,
    )

    if config.collator == "seq2seq" and joined:
        return DataCollatorWithFlattening()  # type: ignore[no-untyped-call]
    if config.collator == "seq2seq":
        return DataCollatorForSeq2Seq(tokenizer, padding=True)
    report(
        "warning: collator = 'language_modeling' overwrites the prompt mask and unlearns the stop token; "
        "it is here to reproduce an experiment, not to train a voice"
    )
    return DataCollatorForLanguageModeling(tokenizer, mlm=False)


def pairs_as_delivered(config: TrainConfig, prepared: Prepared) -> list[list[int]]:
    """Each example's labels as the preset's collator hands them to the loss, shape (tokens,)."""
    collator = make_collator(config, prepared.tokenizer)
    return [collator([e.features()])["labels"][0].tolist() for e in prepared.examples]


def sampler(config: TrainConfig, examples: Sequence[Example]) -> Any:
    """The order in which a DataLoader takes the examples; None for the Trainer's own, which shuffles.

    A tier's weight is that of each of its pairs: at [4, 2, 1, 1] a pair of tier 1 is drawn four times as often as
    one of tier 3, and an epoch stays as long as it is without weights. Each epoch's draw depends on the seed and the
    epoch alone, so that a resumed run draws what an uninterrupted one does.

    Raises:
        TimbreError: no pair is of a tier with a weight.
    """
    import torch

    def length(at: int) -> tuple[int, int]:
        return examples[at].supervised, examples[at].pair.line

    class TierSampler(torch.utils.data.Sampler[int]):
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __len__(self) -> int:
            return len(examples)

        def __iter__(self) -> Iterator[int]:
            generator = torch.Generator().manual_seed(config.seed + 1_000_003 * self.epoch)
            drawn = torch.multinomial(torch.tensor(chances), len(self), replacement=True, generator=generator)
            return iter(drawn.tolist())

    if config.order == "short_first":
        return sorted(range(len(examples)), key=length)
    if config.order == "tier_first":
        return sorted(range(len(examples)), key=lambda at: (examples[at].pair.tier, *length(at)))
    if not config.tier_weights:
        return None
    chances = [float(config.tier_weights[e.pair.tier - 1]) for e in examples]
    if not any(chances):
        raise TimbreError(
            "no training pair is of a tier with a weight", where="tier_weights", do="give its tier a weight"
        )
    return TierSampler()
