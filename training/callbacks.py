"""What is watched in training: each epoch's losses and adapter are kept; learning nothing is an error."""

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from timbre.errors import TimbreError
from training.checkpoints import keep_adapter
from training.processes import is_first

PROGRESS_SECONDS = 60
"""Between two lines that tell how far an epoch has come."""


class KeepEpochs(TrainerCallback):
    """Writes metrics.jsonl and ``epochs/<n>/``, and prints a line an epoch.

    Args:
        folder: The run's partial folder.
        name: The run's name, for the progress line.
        started: ``time.monotonic()`` at the start.
    """

    def __init__(self, folder: Path, name: str, started: float) -> None:
        self._folder = folder
        self._name = name
        self._started = started
        self._told = started
        self._from_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Drop what an interrupted epoch left in metrics.jsonl after its last checkpoint.

        The checkpoint's adapter is kept again: the interruption may have come between the two.
        """
        self._from_step = state.global_step
        if not is_first():
            return
        kept = [row for row in self._rows() if row["step"] <= state.global_step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        fresh = self._metrics.with_name("metrics.jsonl.tmp")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._metrics)
        if state.global_step:
            keep_adapter(self._folder, state.global_step, round(state.epoch))
        print(
            f"{self._name}: {state.max_steps} steps, {args.num_train_epochs} epochs",
            file=sys.stderr,
            flush=True,
        )

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """One row a step (loss over its supervised tokens) and one an evaluation (val_loss)."""
        if not is_first():
            return
        logs = logs or {}
        row: dict[str, Any] = {"step": state.global_step, "epoch": state.epoch}
        if "loss" in logs:
            row |= {k: float(logs[k]) for k in ("loss", "grad_norm", "learning_rate", "supervised_tokens")}
        elif "eval_loss" in logs:
            row["val_loss"] = float(logs["eval_loss"])
        else:
            return
        with self._metrics.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")
        now = time.monotonic()
        if "loss" in row and now - self._told >= PROGRESS_SECONDS:
            self._told = now
            each = (now - self._started) / max(1, state.global_step - self._from_step)
            left = each * (state.max_steps - state.global_step) / 60
            print(
                f"{self._name}: step {state.global_step}/{state.max_steps}  loss {row['loss']:.3f}  "
                f"about {left:.0f} min left",
                file=sys.stderr,
                flush=True,
            )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the adapter of the epoch that has just been saved, and say how it went."""
        if not is_first():
            return
        epoch = round(state.epoch)
        keep_adapter(self._folder, state.global_step, epoch)
        row = self.epochs()[-1]
        val = "none" if row["val_loss"] is None else f"{row['val_loss']:.3f}"
        print(
            f"{self._name}: epoch {epoch}/{args.num_train_epochs:g}  train loss {row['train_loss']:.3f}  "
            f"val loss {val}  grad norm {row['grad_norm']:.3f}  {time.monotonic() - self._started:.0f} s",
            file=sys.stderr,
            flush=True,
        )

    def epochs(self) -> list[dict[str, Any]]:
        """Rows of run.json: an epoch's losses over supervised tokens, mean gradient norm and adapter."""
        rows = self._rows()
        result = []
        for folder in sorted((self._folder / "epochs").glob("*"), key=lambda p: int(p.name)):
            epoch = int(folder.name)
            steps = [r for r in rows if "loss" in r and epoch - 1 < r["epoch"] <= epoch + 1e-9]
            vals = [r["val_loss"] for r in rows if "val_loss" in r and round(r["epoch"]) == epoch]
            result.append(
                {
                    "epoch": epoch,
                    "train_loss": sum(r["loss"] * r["supervised_tokens"] for r in steps)
                    / sum(r["supervised_tokens"] for r in steps),
                    "val_loss": vals[-1] if vals else None,
                    "grad_norm": sum(r["grad_norm"] for r in steps) / len(steps),
                    "adapter": f"epochs/{epoch}",
                }
            )
        return result

    @property
    def _metrics(self) -> Path:
        return self._folder / "metrics.jsonl"

    def _rows(self) -> list[dict[str, Any]]:
        if not self._metrics.is_file():
            return []
        lines = self._metrics.read_bytes().split(b"\n")
        # What stands behind the last line end was cut off as it was written.
        return [json.loads(line) for line in lines[:-1]]


class LearningGuard(TrainerCallback):
    """Stops a run whose gradients are zero or not numbers, or whose adapter stands still.

    bitsandbytes on CPU can lose every gradient without an error after an evaluation, and a run that
    learned nothing would then be served as if it had.

    Args:
        model: The PEFT model in training.

    Raises:
        TimbreError: at the step or epoch where it shows.
    """

    def __init__(self, model: Any) -> None:
        self._lora_b = [p for n, p in model.named_parameters() if "lora_B" in n and p.requires_grad]
        self._before: list[float] = []
        self._norms: list[float] = []

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remember where the adapter stood."""
        self._before = self._sums()
        self._norms = []

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """A loss or gradient that is no number stops the run at once."""
        for key in ("loss", "grad_norm"):
            if key in (logs or {}) and not math.isfinite(float((logs or {})[key])):
                raise TimbreError(
                    f"{key} is {(logs or {})[key]} at step {state.global_step}",
                    do="lower learning_rate, or look at the pairs with --show-masks",
                    exit_code=1,
                )
        if "grad_norm" in (logs or {}):
            self._norms.append(float((logs or {})["grad_norm"]))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Gradients all zero, or a lora_B that did not move, mean that nothing was learned."""
        if self._norms and max(self._norms) == 0.0:
            raise TimbreError(
                f"the run learns nothing: every gradient of epoch {round(state.epoch)} is zero",
                do="on a CPU this is bitsandbytes' AVX512-BF16 repacking: pin the locked version; "
                "also check with --show-masks that tokens are supervised",
                exit_code=1,
            )
        if self._sums() == self._before:
            raise TimbreError(
                f"the run learns nothing: no lora_B changed in epoch {round(state.epoch)}",
                do="check learning_rate and target_modules",
                exit_code=1,
            )

    def _sums(self) -> list[float]:
        return [float(p.detach().double().abs().sum()) for p in self._lora_b]
