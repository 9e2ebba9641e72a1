"""The trainer, for voices (``training.voice``) and judges (``training.judge``) alike.

Reads top to bottom: load the base in nf4, add an adapter, train, keep every epoch's adapter, refuse a run
that learned nothing, give the folder its name. torch, transformers and peft are imported inside the
functions that use them, so that bad input is told before any of them loads.
"""

import logging
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from timbre.paths import runs_dir
from training import run_directory
from training.arguments import training_arguments
from training.base import Base
from training.checkpoints import disk_full_told, last_whole
from training.config import TrainConfig
from training.processes import first_goes_first, is_first, wait_for_all
from training.runs import SCHEMA_VERSION, WEIGHTS, Run, adapter_checksums, check_name, read_run, run_identity

# It advises a package of compiled kernels when it is imported; the arithmetic without is the same.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def compute_dtype() -> Any:
    """bfloat16 on a GPU; float32 on a CPU.

    Without AVX512-BF16 a CPU multiplies bfloat16 matrices in a scalar loop: a step of 230 tokens took 60 s
    and more on an AVX2 machine, and takes a few seconds in float32.
    """
    import torch

    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


def load_base(config: TrainConfig, base: Base) -> Any:
    """The base model, in nf4 where the preset says so.

    bitsandbytes' AVX512-BF16 path repacks ``Linear4bit`` weights in place at the first forward without
    gradients (an evaluation), after which every gradient is zero and no error is raised. It is switched
    off here, layer by layer.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils.logging import disable_progress_bar

    if not sys.stderr.isatty():
        disable_progress_bar()  # type: ignore[no-untyped-call]
    dtype = compute_dtype()
    quantization = None
    if config.quantization == "nf4":
        quantization = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    model = AutoModelForCausalLM.from_pretrained(
        base.path,
        dtype=dtype,
        quantization_config=quantization,
        device_map={"": 0} if torch.cuda.is_available() else {"": "cpu"},
    )
    if config.quantization == "nf4":
        from bitsandbytes.nn.modules import Linear4bit

        for module in model.modules():
            if isinstance(module, Linear4bit):
                module.support_avx512bf16_for_cpu = False
    model.config.use_cache = False
    return model


def add_adapter(config: TrainConfig, model: Any) -> Any:
    """The base with a fresh float32 LoRA: B is zero, so that step 0 is the base itself."""
    import torch
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=list(config.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, lora)
    except ValueError as error:
        raise TimbreError(
            f"the base has no such layers: {error}",
            where="target_modules",
            do="name the base's linear layers",
        ) from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return adapted


@dataclass(frozen=True)
class Task:
    """What sets one kind of run apart from another: what it is fed, and what run.json says of that.

    Attributes:
        base: The base model.
        lock: Content of data.lock.json.
        recipe: Digest of settings, data and base.
        train: Features of the training examples, as ``collator`` takes them.
        val: The same of the validation examples.
        collator: Makes the collator.
        facts: What run.json says beside what is said of every run.
        trainer: Gives the Trainer's class; None for transformers' own.
        arguments: Changes to ``training.arguments``.
        model_card: Whether the adapter gets the card of a voice.
    """

    base: Base
    lock: dict[str, Any]
    recipe: str
    train: Sequence[Any]
    val: Sequence[Any]
    collator: Callable[[], Any]
    facts: Mapping[str, Any]
    trainer: Callable[[], Any] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    model_card: bool = False


def run_task(
    plan: Callable[[TrainConfig], Task], config: TrainConfig, name: str, *, resume: bool, replace: bool
) -> Run:
    """Train one run; the whole of it is in ``runs/<name>/`` afterwards, or nothing is.

    Args:
        plan: Checks the data and says what to train.
        config: Resolved settings.
        name: The run's name.
        resume: Go on from the last finished epoch of an interrupted run with the same recipe.
        replace: Let a completed run of that name go once the new one is whole.

    Returns:
        The run; the one that is there already if its recipe is the same.

    Raises:
        TimbreError: bad data or settings, a name that is taken, or a run that learned nothing.
    """
    check_name(name)
    with run_directory.hold(name) if is_first() else nullcontext():
        task = plan(config)
        existing = read_run(name)
        if existing and existing.recipe == task.recipe:
            print(f"{name} is up to date (identity {existing.identity[:12]})", file=sys.stderr)
            return existing
        if existing and not replace:
            raise TimbreError(
                f"run {name!r} exists with other settings, data or base (recipe {existing.recipe[:12]}, "
                f"this would be {task.recipe[:12]})",
                do="choose another --name, or pass --replace",
            )
        with disk_full_told(name, runs_dir()):
            return _train(config, name, task, resume)


def _train(config: TrainConfig, name: str, task: Task, resume: bool) -> Run:
    import torch
    from transformers import PrinterCallback, Trainer, set_seed

    from training.callbacks import KeepEpochs, LearningGuard

    set_seed(config.seed)
    started = time.monotonic()
    resumable = resume and _same_recipe(name, task.recipe)
    partial = runs_dir() / f".{name}.partial"
    with first_goes_first():
        if is_first():
            run_directory.begin(name, config, task.lock, keep=resumable)
            (partial / "recipe").write_text(task.recipe)
    checkpoint = last_whole(partial)
    if resume and checkpoint is None:
        print("nothing to resume: training from the start", file=sys.stderr)

    base_model = load_base(config, task.base)
    # Rounding the base to nf4 takes half the time on all cores; steps are steadier on fewer.
    torch.set_num_threads(int(os.environ.get("TIMBRE_THREADS") or max(1, (os.cpu_count() or 2) // 2)))
    model = add_adapter(config, base_model)
    keeper = KeepEpochs(partial, name, started)
    trainer = (task.trainer() if task.trainer else Trainer)(
        model=model,
        args=training_arguments(config, partial, bool(task.val), task.arguments),
        train_dataset=task.train,
        eval_dataset=task.val or None,
        data_collator=task.collator(),
        callbacks=[keeper, LearningGuard(model)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    if is_first():
        _finish(config, name, task, partial, keeper.epochs(), time.monotonic() - started)
    wait_for_all()
    done = read_run(name)
    assert done is not None, "a finished run can be read"
    return done


def _finish(
    config: TrainConfig, name: str, task: Task, partial: Path, epochs: list[dict[str, Any]], wall_s: float
) -> None:
    """Write what is left to write, give the folder its name, and clear what was for resuming."""
    shutil.copytree(partial / epochs[-1]["adapter"], partial / "adapter", dirs_exist_ok=True)
    facts = _facts(config, name, task, epochs, wall_s)
    checksums = adapter_checksums(partial)
    facts["identity"] = run_identity(task.recipe, checksums[f"adapter/{WEIGHTS}"])
    facts["checksums"] = checksums
    if task.model_card:
        run_directory.write_model_card(partial / "adapter", name, config, facts)
    final = run_directory.finish(partial, name, facts)
    for leftover in [*final.glob("checkpoint-*")]:
        shutil.rmtree(leftover)
    (final / "recipe").unlink()


def _same_recipe(name: str, wanted: str) -> bool:
    """Whether the interrupted run of that name was this very run."""
    kept = runs_dir() / f".{name}.partial" / "recipe"
    if not kept.is_file():
        return False
    if kept.read_text() != wanted:
        raise TimbreError(
            f"the interrupted {name!r} had other settings, data or base",
            where="--resume",
            do="train without --resume to start anew",
        )
    return True


def _facts(
    config: TrainConfig, name: str, task: Task, epochs: list[dict[str, Any]], wall_s: float
) -> dict[str, Any]:
    """Content of run.json, but for its status (contract C5)."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "recipe": task.recipe,
        "parent": config.parent,
        "phase": config.phase,
        "base": task.base.name,
        "base_sha256": task.base.sha256,
        "lora": {"rank": config.rank, "alpha": config.alpha, "target_modules": list(config.target_modules)},
        "quantization": config.quantization,
        "compute_dtype": str(compute_dtype()).removeprefix("torch."),
        "seed": config.seed,
        "train_pairs": len(task.train),
        "val_pairs": len(task.val),
        "wall_s": round(wall_s, 1),
        "peak_mb": round(peak),
        "peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20)
        if torch.cuda.is_available()
        else None,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "epochs": epochs,
        **task.facts,
        **run_directory.environment(),
    }
