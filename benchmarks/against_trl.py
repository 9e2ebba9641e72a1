"""Timbre's training against TRL's SFTTrainer: the same model, data, precision, LoRA, batch and optimizer.

    .venv/bin/pip install --no-deps --target /tmp/trl trl
    PYTHONPATH=/tmp/trl .venv/bin/python benchmarks/against_trl.py                # a CPU: three rounds, one thread
    PYTHONPATH=/tmp/trl .venv/bin/python benchmarks/against_trl.py --card FOLDER  # a card: an 8B in nf4
    .venv/bin/python benchmarks/against_trl.py --pairs 24 500 2000 --steps 60     # Timbre alone: how it grows

Prompts are as long as responses. TRL is given a chat template that writes nothing after the last stop token:
under the base's own it learns the line end there too, a token that Timbre leaves out and that costs more than
the others. On a CPU the two take turns, each in a process of its own. Printed are samples/s after the first step,
seconds from the process's start to the beginning and the end of the first step, the peak resident memory, and the
mean training loss.

On a card the two take turns in one process, on a model of Llama-3.1-8B's shape with random weights that is written
to FOLDER on first use (16 GB), with Timbre's moments in 8 bits and its compiled model beside them. A row a shape of
batch: tokens/s without the first two steps, the peak of the card's memory, and the mean loss. The first round warms
up and is not printed. Before it the embedded base takes 216 steps of a pair, plain and compiled: seconds in all, and
of a step in the second half.
"""

import argparse
import gc
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
BATCH = 2
STOP = "'<|im_end|>' + '\n'"
STOP_UNLESS_LAST = "'<|im_end|>' + ('' if loop.last and message['role'] == 'assistant' else '\n')"
ARMS = ("timbre", "trl")
CARD_ARMS: dict[str, dict[str, Any]] = {
    "timbre": {},
    "adamw_8bit": {"optimizer": "adamw_8bit"},
    "compiled": {"compile": True},
    "trl": {},
}
"""On a card: what each arm's settings differ in; all but the last are Timbre's."""

SHAPES = ((1, 180, 12), (2, 340, 10), (8, 350, 8), (1, 2048, 8))
"""On a card: pairs in a batch, tokens of a pair, steps."""

SAME_ARGUMENTS = (
    *("output_dir", "num_train_epochs", "max_steps", "per_device_train_batch_size", "learning_rate"),
    *("lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "seed", "data_seed"),
    *("logging_steps", "save_strategy", "disable_tqdm", "use_cpu", "bf16", "fp16", "dataloader_pin_memory"),
)


def texts() -> list[str]:
    """The responses of the shipped voice."""
    from timbre.paths import DEFAULT_VOICE
    from training.pairs import load_pairs

    return [pair.response for pair in load_pairs(DEFAULT_VOICE)]


def pairs(count: int) -> list[tuple[str, str]]:
    """Prompt and response, each a response of the shipped voice: as long as one another on average."""
    voice = texts()
    return [(voice[(i + 1 + i // len(voice)) % len(voice)], voice[i % len(voice)]) for i in range(count)]


def pairs_of_length(count: int, tokens: int, tokenizer: Any) -> list[tuple[str, str]]:
    """Prompt and response that are about ``tokens`` long together, half of them each."""
    stream = tokenizer(" ".join(texts() * 40), add_special_tokens=False)["input_ids"]
    half = (tokens - 40) // 2  # the template's own
    starts = [(17 * i) % (len(stream) - 2 * half) for i in range(count)]
    return [
        (tokenizer.decode(stream[at : at + half]), tokenizer.decode(stream[at + half : at + 2 * half]))
        for at in starts
    ]


def trainer_of(
    arm: str, config: Any, model: Any, tokenizer: Any, rows: list[tuple[str, str]], folder: Path, steps: int
) -> Any:
    """A transformers Trainer of one arm, ready to train."""
    from transformers import PrinterCallback, set_seed

    from training.devices import largest, recomputes
    from training.model import add_adapter
    from training.qlora import training_arguments

    set_seed(config.seed)
    arguments = training_arguments(config, folder, False, save_strategy="no", max_steps=steps)
    if arm != "trl":
        from training.examples import make_collator
        from training.loss import VoiceTrainer, join_pairs
        from training.masks import build_example
        from training.types import Pair

        examples = [
            build_example(Pair(i, *row, 1, "s", "written", "train"), tokenizer, "pairs")
            for i, row in enumerate(rows, start=1)
        ]
        adapted = add_adapter(config, model)
        arguments.gradient_checkpointing = recomputes(config, adapted, largest(config, examples))
        made = VoiceTrainer(
            model=adapted,
            args=arguments,
            train_dataset=[e.features() for e in examples],
            data_collator=make_collator(config, tokenizer, joined=join_pairs(adapted)),
        )
    else:
        from datasets import Dataset  # type: ignore[import-untyped]
        from peft import LoraConfig
        from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found]

        model.set_attn_implementation("sdpa")
        assert STOP in tokenizer.chat_template, "the base's template is another"
        tokenizer.chat_template = tokenizer.chat_template.replace(STOP, STOP_UNLESS_LAST)
        conversations = [
            {
                "prompt": [{"role": "user", "content": prompt}],
                "completion": [{"role": "assistant", "content": response}],
            }
            for prompt, response in rows
        ]
        same = arguments.to_dict()
        made = SFTTrainer(
            model=model,
            args=SFTConfig(
                **{key: same[key] for key in SAME_ARGUMENTS},
                gradient_checkpointing=False,
                report_to=[],
                max_length=None,
            ),
            train_dataset=Dataset.from_list(conversations),
            processing_class=tokenizer,
            peft_config=LoraConfig(
                r=config.rank,
                lora_alpha=config.alpha,
                target_modules=config.target_modules,
                task_type="CAUSAL_LM",
            ),
        )
    made.remove_callback(PrinterCallback)
    return made


def timed(trainer: Any) -> tuple[list[float], list[float], list[float]]:
    """Train; when each step began and ended (monotonic seconds), and its loss."""
    import torch
    from transformers import TrainerCallback

    begun: list[float] = []
    ended: list[float] = []
    losses: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            begun.append(time.monotonic())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            ended.append(time.monotonic())

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            losses.extend([float(logs["loss"])] if "loss" in (logs or {}) else [])

    trainer.add_callback(Clock())
    trainer.train()
    return begun, ended, losses


def one(arm: str, count: int, steps: int) -> None:
    """Train one arm on the embedded base in this process and print its figures as JSON."""
    import torch
    from transformers import AutoTokenizer

    from training.base import EMBEDDED, resolve_base
    from training.config import TrainConfig
    from training.model import load_base

    config, base = TrainConfig(epochs=1, batch_size=BATCH), resolve_base(EMBEDDED)
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    model = load_base(config, base)
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(arm, config, model, tokenizer, pairs(count), Path(folder), steps)
        # As in training.qlora: the base is loaded on all cores.
        torch.set_num_threads(int(os.environ.get("TIMBRE_THREADS") or 1))
        begun, ended, losses = timed(trainer)
    figures = {
        "samples_s": BATCH * (len(ended) - 1) / (ended[-1] - ended[0]),
        "start_s": begun[0] - BEGAN,
        "first_step_s": ended[0] - BEGAN,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "loss": statistics.fmean(losses),
    }
    print(json.dumps(figures))


def measured(arm: str, count: int, steps: int) -> dict[str, float]:
    """``one`` in a process of its own."""
    command = [sys.executable, __file__, "--one", arm, "--pairs", str(count), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arm} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{arm:8} {count:5} pairs  " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)
    return figures


def random_8b(folder: Path) -> None:
    """Write a model of Llama-3.1-8B's shape with random weights and the embedded base's tokenizer."""
    import shutil

    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.base import EMBEDDED, resolve_base

    shape = LlamaConfig(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=131072,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(shape)  # type: ignore[no-untyped-call]
    torch.set_default_dtype(torch.float32)
    partial = folder.with_name(f"{folder.name}.partial")
    model.save_pretrained(partial, max_shard_size="4GB")
    source = resolve_base(EMBEDDED).path
    for file in (*source.glob("tokenizer*"), *source.glob("*.jinja"), *source.glob("special_tokens*")):
        shutil.copy(file, partial)
    partial.rename(folder)


def small(steps: int) -> None:
    """Train the embedded base as stored, plain and compiled, and print what the steps took."""
    from transformers import AutoTokenizer

    from training.base import EMBEDDED, resolve_base
    from training.config import TrainConfig
    from training.model import load_base

    base = resolve_base(EMBEDDED)
    for arm in ("timbre", "compiled"):
        config = TrainConfig(epochs=1, quantization="none", **CARD_ARMS[arm])
        tokenizer = AutoTokenizer.from_pretrained(base.path)
        with tempfile.TemporaryDirectory() as place:
            model = load_base(config, base)
            trainer = trainer_of(arm, config, model, tokenizer, pairs(steps), Path(place), steps)
            begun, ended, losses = timed(trainer)
        half = (ended[-1] - ended[steps // 2]) / (len(ended) - 1 - steps // 2)
        print(
            f"{arm:10} {EMBEDDED}, {steps} steps of one pair: {ended[-1] - begun[0]:.1f} s, {half:.3f} s a step "
            f"in the second half, loss {statistics.fmean(losses):.4f}",
            flush=True,
        )


def on_a_card(folder: Path, rounds: int) -> None:
    """Take turns on every shape in this process and print a row an arm and shape."""
    import torch
    from transformers import AutoTokenizer

    from training.base import Base
    from training.config import TrainConfig
    from training.model import load_base

    if not torch.cuda.is_available():
        sys.exit("skipped: no card")
    if not folder.is_dir():
        random_8b(folder)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    small(216)
    model = load_base(TrainConfig(), Base("8b", folder, ""))
    for batch, tokens, steps in SHAPES:
        for number in range(rounds + 1):
            for arm, settings in CARD_ARMS.items():
                config = TrainConfig(epochs=1, batch_size=batch, max_tokens=4096, **settings)
                tokenizer = AutoTokenizer.from_pretrained(folder)
                rows = pairs_of_length(batch * steps, tokens, tokenizer)
                gc.collect()
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                with tempfile.TemporaryDirectory() as place:
                    trainer = trainer_of(arm, config, model, tokenizer, rows, Path(place), steps)
                    _, ended, losses = timed(trainer)
                model = trainer.model.unload()
                rate = batch * tokens * (len(ended) - 2) / (ended[-1] - ended[1])
                peak = torch.cuda.max_memory_allocated() / 2**30
                if number:
                    print(
                        f"{arm:10} {batch} x {tokens:4}  {rate:8.0f} tokens/s  {peak:6.2f} GB  "
                        f"loss {statistics.fmean(losses):.4f}",
                        flush=True,
                    )
                del trainer


def main() -> None:
    """Take turns and print, or train one arm for the process that does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--one", choices=ARMS)
    parser.add_argument("--card", type=Path, metavar="FOLDER")
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
    if given.card:
        on_a_card(given.card, given.rounds)
        return
    rounds = [{arm: measured(arm, given.pairs[0], given.steps) for arm in ARMS} for _ in range(given.rounds)]
    for key in ("samples_s", "start_s", "first_step_s", "peak_mb"):
        ratios = sorted(r["timbre"][key] / r["trl"][key] for r in rounds)
        print(f"{key}: Timbre / TRL {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"loss: |difference| {max(abs(r['timbre']['loss'] - r['trl']['loss']) for r in rounds):.4f}")


if __name__ == "__main__":
    main()
