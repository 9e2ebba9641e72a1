"""Pairs to masked examples to a QLoRA adapter in ``runs/<name>/``.

timbre train training/presets/voice.toml --name run3
"""

import hashlib

from training.config import TrainConfig
from training.loss import voice_trainer
from training.prepare import make_collator, prepare
from training.qlora import Task, run_task
from training.runs import Run
from training.tiers import ordered, sampler, sampling_weights


def train_voice(config: TrainConfig, name: str, *, resume: bool = False, replace: bool = False) -> Run:
    """Train a voice; see ``training.qlora.run_task``."""
    return run_task(_voice, config, name, resume=resume, replace=replace)


def _voice(config: TrainConfig) -> Task:
    prepared = prepare(config)
    train_set = ordered(prepared.of("train"), config.order)
    chances = sampling_weights(train_set, config.tier_weights)
    tokenizer = (prepared.base.path / "tokenizer.json").read_bytes()
    return Task(
        prepared.base,
        prepared.lock,
        prepared.recipe,
        [e.features() for e in train_set],
        [e.features() for e in prepared.of("val")],
        lambda: make_collator(config, prepared.tokenizer),
        {
            "tokenizer_sha256": hashlib.sha256(tokenizer).hexdigest(),
            "template_sha256": hashlib.sha256(prepared.tokenizer.chat_template.encode()).hexdigest(),
            "collator": config.collator,
            "supervised_tokens": sum(e.supervised for e in train_set),
        },
        trainer=lambda: voice_trainer(lambda: sampler(chances, config.order, len(train_set), config.seed)),
        model_card=True,
    )
