"""Timbre's training against TRL's SFTTrainer: the same model, data, precision, LoRA, batch and optimizer.

    .venv/bin/pip install --no-deps --target /tmp/trl trl
    PYTHONPATH=/tmp/trl .venv/bin/python benchmarks/against_trl.py        # three rounds, one thread
    .venv/bin/python benchmarks/against_trl.py --pairs 24 500 2000 --steps 60   # Timbre alone: how it grows

Prompts are as long as responses. TRL is given a chat template that writes nothing after the last stop token:
under the base's own it learns the line end there too, a token that Timbre leaves out and that costs more than
the others. The two take turns, each in a process of its own, so that what else the
machine does falls on both. Printed are samples/s after the first step, seconds from the process's start to
the beginning and the end of the first step, the peak resident memory, and the mean training loss.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
EPOCHS, BATCH = 1, 2
STOP = "'<|im_end|>' + '\n'"
STOP_UNLESS_LAST = "'<|im_end|>' + ('' if loop.last and message['role'] == 'assistant' else '\n')"
ARMS = ("timbre", "trl")


def settings() -> Any:
    """The shipped preset's LoRA on all linear layers, nf4."""
    from training.config import TrainConfig

    return TrainConfig(epochs=EPOCHS, batch_size=BATCH)


def pairs(count: int) -> list[tuple[str, str]]:
    """Prompt and response, each a response of the shipped voice: as long as one another on average."""
    from timbre.paths import DEFAULT_VOICE
    from training.pairs import load_pairs

    texts = [pair.response for pair in load_pairs(DEFAULT_VOICE)]
    return [(texts[(i + 1 + i // len(texts)) % len(texts)], texts[i % len(texts)]) for i in range(count)]


def trainer_of(arm: str, count: int, folder: Path, steps: int) -> Any:
    """A transformers Trainer of one arm, ready to train."""
    from transformers import AutoTokenizer, PrinterCallback, set_seed

    from training.base import EMBEDDED, resolve_base
    from training.qlora import add_adapter, load_base, training_arguments

    config, base = settings(), resolve_base(EMBEDDED)
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    model = load_base(config, base)
    set_seed(config.seed)
    changes = {"save_strategy": "no", "max_steps": steps}
    if arm == "timbre":
        from training.examples import make_collator
        from training.loss import voice_trainer
        from training.masks import build_example
        from training.types import Pair

        examples = [
            build_example(Pair(i, *pair, 1, "s", "written", "train"), tokenizer, "pairs").features()
            for i, pair in enumerate(pairs(count), start=1)
        ]
        arguments = training_arguments(config, folder, False, **changes)
        made = voice_trainer()(
            model=add_adapter(config, model),
            args=arguments,
            train_dataset=examples,
            data_collator=make_collator(config, tokenizer),
        )
    else:
        from datasets import Dataset
        from peft import LoraConfig
        from trl import SFTConfig, SFTTrainer

        assert STOP in tokenizer.chat_template, "the base's template is another"
        tokenizer.chat_template = tokenizer.chat_template.replace(STOP, STOP_UNLESS_LAST)
        rows = [
            {
                "prompt": [{"role": "user", "content": prompt}],
                "completion": [{"role": "assistant", "content": response}],
            }
            for prompt, response in pairs(count)
        ]
        same = training_arguments(config, folder, False, **changes).to_dict()
        kept = {
            key: same[key]
            for key in (
                *(
                    "output_dir",
                    "num_train_epochs",
                    "max_steps",
                    "per_device_train_batch_size",
                    "learning_rate",
                ),
                *("lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "seed", "data_seed"),
                *(
                    "logging_steps",
                    "save_strategy",
                    "disable_tqdm",
                    "use_cpu",
                    "bf16",
                    "dataloader_pin_memory",
                ),
            )
        }
        arguments = SFTConfig(**kept, gradient_checkpointing=False, report_to=[], max_length=None)
        lora = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            target_modules=config.target_modules,
            task_type="CAUSAL_LM",
        )
        made = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=lora,
        )
    made.remove_callback(PrinterCallback)
    return made


def one(arm: str, count: int, steps: int) -> None:
    """Train one arm in this process and print its figures as JSON."""
    import torch
    from transformers import TrainerCallback

    begun: list[float] = []
    ends: list[float] = []
    losses: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            begun.append(time.monotonic())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.monotonic())

        def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **__: Any) -> None:
            losses.extend([float(logs["loss"])] if "loss" in (logs or {}) else [])

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(arm, count, Path(folder), steps)
        # As in training.qlora: the base is loaded on all cores.
        torch.set_num_threads(int(os.environ.get("TIMBRE_THREADS") or 1))
        trainer.add_callback(Clock())
        trainer.train()
    found = {
        "samples_s": BATCH * (len(ends) - 1) / (ends[-1] - ends[0]),
        "start_s": begun[0] - BEGAN,
        "first_step_s": ends[0] - BEGAN,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "loss": statistics.fmean(losses),
    }
    print(json.dumps(found))


def measured(arm: str, count: int, steps: int) -> dict[str, float]:
    """``one`` in a process of its own."""
    command = [sys.executable, __file__, "--one", arm, "--pairs", str(count), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arm} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{arm:8} {count:5} pairs  " + "  ".join(f"{k} {v:.3f}" for k, v in found.items()), flush=True)
    return found


def main() -> None:
    """Take turns and print, or train one arm for the process that does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--one", choices=ARMS)
    parser.add_argument("--pairs", type=int, nargs="+", default=[24])
    parser.add_argument("--steps", type=int, default=-1, help="end after so many; else after the epoch")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.pairs[0], given.steps)
        return
    if len(given.pairs) > 1:
        for count in given.pairs:
            measured("timbre", count, given.steps)
        return
    try:
        import trl
    except ImportError:
        sys.exit("skipped: TRL is not installed; see the top of this file")
    print(f"TRL {trl.__version__}, {given.rounds} rounds")
    rounds = [{arm: measured(arm, given.pairs[0], given.steps) for arm in ARMS} for _ in range(given.rounds)]
    for key in ("samples_s", "start_s", "first_step_s", "peak_mb"):
        ratios = sorted(r["timbre"][key] / r["trl"][key] for r in rounds)
        print(f"{key}: Timbre / TRL {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"loss: |difference| {max(abs(r['timbre']['loss'] - r['trl']['loss']) for r in rounds):.4f}")


if __name__ == "__main__":
    main()
