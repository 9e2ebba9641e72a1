"""How a run is trained, in the terms of ``transformers.TrainingArguments``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.config import TrainConfig


def training_arguments(config: TrainConfig, partial: Path, has_val: bool, changes: Mapping[str, Any]) -> Any:
    """The Trainer's arguments for a run in ``partial``.

    Args:
        config: Resolved settings.
        partial: The run's folder until it is whole.
        has_val: Whether there are validation pairs to evaluate after every epoch.
        changes: What the task wants otherwise.
    """
    import torch
    from transformers import TrainingArguments

    arguments: dict[str, Any] = dict(
        output_dir=str(partial),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=1,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.scheduler,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="epoch" if has_val else "no",
        save_strategy="epoch",
        save_total_limit=1,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        dataloader_pin_memory=False,
    )
    return TrainingArguments(**{**arguments, **changes})
