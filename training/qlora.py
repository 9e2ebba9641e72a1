"""The recipe, top to bottom: load the base in nf4, add an adapter, train, keep every epoch, name the folder.

timbre train training/presets/voice.toml --name run3

torch, transformers and peft are imported inside the functions that use them, so that bad input is refused before any
of them loads.
"""

import hashlib
import math
import resource
import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError, visible
from timbre.paths import runs_dir
from training import devices, run_directory
from training.config import TrainConfig
from training.devices import is_first, report
from training.examples import Prepared, is_current, make_collator, prepare, read_sources, sampler
from training.runs import WEIGHTS, Run, adapter_checksums, check_name, counted, read_run, run_identity

SHOWN_TOKENS = 40
"""Most tokens of the answers that are shown at the end."""


def train_voice(config: TrainConfig, name: str, *, resume: bool = False, replace: bool = False) -> Run:
    """Train one run; the whole of it is in ``runs/<name>/`` afterwards, or nothing is.

    Args:
        config: Resolved settings.
        name: The run's name; one that is there already with the same recipe is returned as it is.
        resume: Go on from the last finished epoch of an interrupted run with the same recipe.
        replace: Let a completed run of that name go once the new one is whole.

    Raises:
        TimbreError: bad data or settings, a name that is taken, or a run that learned nothing.
    """
    check_name(name)
    with run_directory.hold(name) if is_first() else nullcontext():
        sources = read_sources(config)
        existing = read_run(name)
        if existing and is_current(existing, config, sources):
            report(f"{name} is up to date (identity {existing.identity[:12]})")
            return existing
        if existing and not replace:
            raise TimbreError(
                f"run {name!r} exists with other settings, data or base (recipe {existing.recipe[:12]})",
                do="choose another --name, or pass --replace",
            )
        if is_first():
            from training.data_report import data_lines

            report("\n".join(data_lines(sources.data)))
        prepared = prepare(config, sources)
        from training.watching import exhaustion_reported

        lengths = devices.largest(config, prepared.of("train"))
        with exhaustion_reported(name, runs_dir(), lambda: devices.what_fits(config, prepared.base, lengths)):
            return _train(config, name, prepared, resume)


def _train(config: TrainConfig, name: str, prepared: Prepared, resume: bool) -> Run:
    from transformers import PrinterCallback, set_seed

    from training.loss import VoiceTrainer, join_pairs
    from training.model import adapted_layers, add_adapter, load_base
    from training.watching import KeepEpochs, LearningGuard, last_whole

    set_seed(config.seed)
    started = time.monotonic()
    train, val = prepared.of("train"), prepared.of("val")
    order, steps = sampler(config, train), check_steps(config, len(train))
    resumable = resume and _same_recipe(name, prepared.recipe)
    lengths = devices.largest(config, train)
    with devices.processes().main_process_first():
        if is_first():
            devices.make_room(devices.needed_memory(config, prepared.base, lengths))
    base_model = load_base(config, prepared.base)
    # Rounding the base to nf4 takes half the time on all cores; steps are steadier on fewer.
    devices.use_threads()
    model = add_adapter(config, base_model)
    partial = runs_dir() / f".{name}.partial"
    with devices.processes().main_process_first():
        if is_first():
            run_directory.begin(name, config, prepared.lock, keep=resumable)
            (partial / "recipe").write_text(prepared.recipe)
    checkpoint = last_whole(partial)
    if resume and checkpoint is None:
        report("nothing to resume: training from the start")
    recompute = devices.recomputes(config, model, lengths)
    settled = config.model_copy(update={"gradient_checkpointing": recompute})
    needed = devices.needed_memory(settled, prepared.base, lengths)
    report(
        f"{name}: {len(train)} training and {len(val)} validation pairs, "
        f"{sum(len(e.input_ids) for e in train):,} tokens an epoch "
        f"({sum(e.supervised for e in train):,} learned, the longest pair has {lengths.longest}), "
        f"{counted(config.epochs, 'epoch')}, {counted(steps, 'step')}, about {needed / 1e9:.1f} GB "
        f"on {devices.device_name()}"
        + (", recomputing activations" if recompute else "")
        + "; the time is estimated after the first step"
    )
    keeper = KeepEpochs(partial, name, started)
    trainer = VoiceTrainer(
        model,
        order,
        args=training_arguments(config, partial, bool(val), gradient_checkpointing=recompute),
        train_dataset=[e.features() for e in train],
        eval_dataset=[e.features() for e in val] or None,
        data_collator=make_collator(config, prepared.tokenizer, joined=join_pairs(base_model)),
        callbacks=[keeper, LearningGuard(model)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    if is_first():
        modules = sorted({name.rpartition(".")[2] for name in adapted_layers(model)})
        _finish(config, name, prepared, modules, partial, keeper.epochs, time.monotonic() - started)
        if val and devices.process_count() == 1:
            try:
                _show_answers(name, model, prepared, config.system)
            except (KeyboardInterrupt, MemoryError, RuntimeError) as error:
                report(f"{name} is whole; its answer is left out ({type(error).__name__})")
    devices.processes().wait_for_everyone()
    done = read_run(name)
    assert done is not None, "a finished run can be read"
    return done


def _show_answers(name: str, model: Any, prepared: Prepared, system: str | None) -> None:
    """Print one validation prompt with the answers of base and run, so that a first look needs no server."""
    import torch

    tokenizer = prepared.tokenizer
    pair = min((e.pair for e in prepared.of("val")), key=lambda p: len(p.prompt))
    fed = tokenizer.apply_chat_template(
        pair.turns(system)[:-1], add_generation_prompt=True, return_tensors="pt", return_dict=True
    ).to(model.device)
    model.eval()
    report(f"{name}: {visible(pair.prompt)}")
    for who, adapter in (("baseline", model.disable_adapter()), (name, nullcontext())):
        with torch.no_grad(), adapter:
            ids = model.generate(
                **fed, max_new_tokens=SHOWN_TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
        made = ids[0, fed["input_ids"].shape[1] :]
        answer = tokenizer.decode(made, skip_special_tokens=True)
        is_cut = len(made) == SHOWN_TOKENS and int(made[-1]) not in tokenizer.all_special_ids
        report(f"  {who:<10} {visible(' '.join(answer.split()))}{' …' if is_cut else ''}")


def check_steps(config: TrainConfig, train_pairs: int) -> int:
    """Optimizer steps of the whole training.

    Raises:
        TimbreError: the rate is 0 at every one of them.
    """
    passes = math.ceil(train_pairs / config.batch_size / devices.process_count())
    steps = math.ceil(passes / config.gradient_accumulation) * config.epochs
    if config.warmup_steps and steps == 1:
        raise TimbreError(
            "nothing would be learned: the training has 1 step, and the first of warmup_steps = "
            f"{config.warmup_steps} has a rate of 0",
            where="warmup_steps",
            do="set warmup_steps = 0, or more epochs",
        )
    if config.warmup_steps >= steps:
        reached = config.learning_rate * (steps - 1) / config.warmup_steps
        report(
            f"note: warmup_steps = {config.warmup_steps} is no less than the training's {steps} steps: the rate "
            f"ends at {reached:.2g} and never reaches learning_rate = {config.learning_rate:g}"
        )
    return steps


def training_arguments(config: TrainConfig, partial: Path, has_val: bool, **changes: Any) -> Any:
    """The Trainer's arguments for a run in ``partial``; ``changes`` take the place of these."""
    import torch
    from transformers import TrainingArguments

    dtype = devices.compute_dtype()
    arguments: dict[str, Any] = dict(
        output_dir=str(partial),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        optim=config.optimizer,
        torch_compile=config.compile,
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
        bf16=dtype == torch.bfloat16,
        fp16=dtype == torch.float16,
        dataloader_pin_memory=False,
        fsdp=True if devices.is_sharded() else None,
        # The first process's weights are shared out: what the others hold depends on the launcher's settings.
        fsdp_config={"cpu_ram_efficient_loading": True} if devices.is_sharded() else None,
    )
    return TrainingArguments(**{**arguments, **changes})


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


def _finish(
    config: TrainConfig,
    name: str,
    prepared: Prepared,
    modules: list[str],
    partial: Path,
    epochs: list[dict[str, Any]],
    wall_s: float,
) -> None:
    """Write what is left to write, give the folder its name, and clear what was for resuming."""
    import torch

    for folder in sorted((partial / "epochs").iterdir()):
        run_directory.name_base(folder, prepared.base)
    shutil.copytree(partial / epochs[-1]["adapter"], partial / "adapter", dirs_exist_ok=True)
    checksums = adapter_checksums(partial)
    facts = {
        "schema_version": 2,
        "name": name,
        "recipe": prepared.recipe,
        "identity": run_identity(prepared.recipe, checksums[f"adapter/{WEIGHTS}"]),
        "base": prepared.base.name,
        "base_id": prepared.base.hub_id,
        "base_revision": prepared.base.revision,
        "base_sha256": prepared.base.sha256,
        "tokenizer_sha256": hashlib.sha256((prepared.base.path / "tokenizer.json").read_bytes()).hexdigest(),
        "template_sha256": hashlib.sha256(prepared.tokenizer.chat_template.encode()).hexdigest(),
        "lora": {"rank": config.rank, "alpha": config.alpha, "target_modules": modules},
        **config.model_dump(include={"parent", "phase", "quantization", "collator", "system", "seed"}),
        "compute_dtype": str(devices.compute_dtype()).removeprefix("torch."),
        "supervised_tokens": sum(e.supervised for e in prepared.of("train")),
        "train_pairs": len(prepared.of("train")),
        "val_pairs": len(prepared.of("val")),
        "wall_s": round(wall_s, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20) or None,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "epochs": epochs,
        "checksums": checksums,
        **run_directory.environment(),
    }
    run = Run.model_validate({**facts, "path": partial})
    card = run_directory.card_of_adapter(run)
    (partial / "adapter" / "README.md").write_text(card, encoding="utf-8")
    final = run_directory.finish(partial, name, facts)
    for leftover in final.glob("checkpoint-*"):
        shutil.rmtree(leftover)
    (final / "recipe").unlink()
