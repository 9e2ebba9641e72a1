"""What is watched in training: losses and adapters are kept by epoch; a run that learns nothing stops.

A process can be killed, or its disk be full, while a checkpoint is written. transformers writes a
checkpoint's ``trainer_state.json`` last and removes the checkpoint before only after that, so one of the
two is always whole.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from timbre.errors import TimbreError
from timbre.files import is_full_disk, write_whole
from training.devices import is_first, others_on_cards, report
from training.runs import loss_text

PROGRESS_SECONDS = 60
"""Between two lines that say how far an epoch has come."""

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class KeepEpochs(TrainerCallback):
    """Keeps each epoch's adapter, losses and metrics.jsonl, and prints how far the training has come.

    Losses are read from the Trainer's own history, which a checkpoint holds: a resumed run has those of the epochs
    before it, and none of the epoch that was interrupted. ``folder`` is the run's partial one, ``started`` the
    ``time.monotonic()`` at the start.
    """

    def __init__(self, folder: Path, name: str, started: float) -> None:
        self.epochs: list[dict[str, Any]] = []  # rows of run.json
        self._folder, self._name = folder, name
        self._started = self._last_line = started
        self._from_step, self._timed_from = 0, started

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The checkpoint's epoch is kept again: the interruption may have come between the two."""
        self._from_step, self._timed_from = state.global_step, time.monotonic()
        if is_first() and state.global_step:
            self._keep(state)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """A line after the first step and the second, and then one a minute.

        The first step has start-up in it: its estimate says so, and later ones are of the steps after it.
        """
        now, done = time.monotonic(), state.global_step - self._from_step
        due = done <= 2 or now - self._last_line >= PROGRESS_SECONDS
        if not is_first() or "loss" not in (logs or {}) or not due:
            return
        left = (now - self._timed_from) / max(1, done - 1) * (state.max_steps - state.global_step)
        by = "  (by the first step, start-up and all)" if done == 1 else ""
        self._last_line, self._timed_from = now, now if done == 1 else self._timed_from
        loss = float((logs or {})["loss"])
        report(
            f"{self._name}: step {state.global_step}/{state.max_steps}  loss {loss:.3f}  {_minutes(left)} left{by}"
        )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the epoch that has just been saved, and print how it went."""
        if not is_first():
            return
        self._keep(state)
        row = self.epochs[-1]
        report(
            f"{self._name}: epoch {row['epoch']}/{args.num_train_epochs:g}  train loss {row['train_loss']:.3f}  "
            f"val loss {loss_text(row['val_loss'])}  grad norm {row['grad_norm'] or 0:.3f}  "
            f"{time.monotonic() - self._started:.0f} s"
        )

    def _keep(self, state: Any) -> None:
        keep_adapter(self._folder, state.global_step, round(state.epoch))
        rows = [row for logs in state.log_history if (row := _metrics(logs))]
        write_whole(self._folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        self.epochs = [_epoch_record(epoch, rows) for epoch in range(1, round(state.epoch) + 1)]


def _metrics(logs: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row of metrics.jsonl: a step's loss over its supervised tokens, or an evaluation's; None for other logs."""
    row = {"step": logs["step"], "epoch": logs["epoch"]}
    if "loss" in logs:
        return row | {key: logs[key] for key in ("loss", "grad_norm", "learning_rate", "supervised_tokens")}
    return row | {"val_loss": logs["eval_loss"]} if "eval_loss" in logs else None


def _epoch_record(epoch: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An epoch's losses over supervised tokens, mean gradient norm and adapter, as run.json has them."""
    steps = [r for r in rows if "loss" in r and epoch - 1 < r["epoch"] <= epoch + 1e-9]
    vals = [r["val_loss"] for r in rows if "val_loss" in r and round(r["epoch"]) == epoch]
    tokens = sum(r["supervised_tokens"] for r in steps)
    norms = [r["grad_norm"] for r in steps if math.isfinite(r["grad_norm"])]
    return {
        "epoch": epoch,
        "train_loss": sum(r["loss"] * r["supervised_tokens"] for r in steps) / tokens,
        "val_loss": vals[-1] if vals else None,
        "grad_norm": sum(norms) / len(norms) if norms else None,
        "adapter": f"epochs/{epoch}",
    }


def _minutes(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


class LearningGuard(TrainerCallback):
    """Stops a run whose gradients are zero or not numbers, or whose adapter stands still.

    bitsandbytes on CPU can lose every gradient without an error after an evaluation, and a run that
    learned nothing would then be served as if it had. An epoch whose every step had a rate of 0, as the
    first step of a warm-up has, can't have moved and is not judged.

    Raises:
        TimbreError: at the step or epoch where it shows.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._before, self._norms, self._rates = list[float](), list[float](), list[float]()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remember where the adapter stood."""
        self._before, self._norms, self._rates = self._sums(), [], []

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """A loss or gradient that is no number stops the run at once."""
        logs = logs or {}
        # In float16 the scaler leaves out a step whose gradients overflow, and goes on at a smaller scale.
        for key in ("loss",) if getattr(args, "fp16", False) else ("loss", "grad_norm"):
            if key in logs and not math.isfinite(float(logs[key])):
                raise TimbreError(
                    f"{key} is {logs[key]} at step {state.global_step}",
                    do="lower learning_rate, or look at the pairs with --show-masks",
                    exit_code=1,
                )
        if "grad_norm" in logs:
            self._norms.append(float(logs["grad_norm"]))
            self._rates.append(float(logs["learning_rate"]))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Gradients all zero, or a lora_B that did not move, mean that nothing was learned."""
        epoch = round(state.epoch)
        if self._norms and max(self._norms) == 0.0:
            raise TimbreError(
                f"the run learns nothing: every gradient of epoch {epoch} is zero",
                do="on a CPU this is bitsandbytes' AVX512-BF16 repacking: pin the locked version; "
                "also check with --show-masks that tokens are supervised",
                exit_code=1,
            )
        if self._rates and max(self._rates) == 0.0:
            return
        if self._sums() == self._before:
            raise TimbreError(
                f"the run learns nothing: no lora_B changed in epoch {epoch}",
                do="check learning_rate and target_modules",
                exit_code=1,
            )

    def _sums(self) -> list[float]:
        # Asked anew each time, since FSDP puts sharded parameters in place of those that it is given.
        named = self._model.named_parameters()
        sums = [p.detach().double().abs().sum() for n, p in named if "lora_B" in n and p.requires_grad]
        return [float(s.full_tensor() if hasattr(s, "full_tensor") else s) for s in sums]


def last_whole(partial: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None where there is none."""
    for folder in sorted(
        partial.glob("checkpoint-*"), key=lambda p: int(p.name.partition("-")[2]), reverse=True
    ):
        with suppress(OSError, ValueError):
            json.loads((folder / "trainer_state.json").read_bytes())
            return folder
    return None


def keep_adapter(partial: Path, step: int, epoch: int) -> None:
    """Copy the adapter of the checkpoint at that optimizer step to ``epochs/<epoch>/``."""
    target = partial / "epochs" / str(epoch)
    target.mkdir(parents=True, exist_ok=True)
    for file in _ADAPTER_FILES:
        shutil.copyfile(partial / f"checkpoint-{step}" / file, target / file)


@contextmanager
def exhaustion_reported(name: str, folder: Path, fits: Callable[[], str]) -> Iterator[None]:
    """Report a full disk, or a card without memory, in one line with what to change; runs are kept in ``folder``.

    ``fits`` says what would fit into memory.

    Raises:
        TimbreError: a file could not be written for want of room, or memory ran out.
    """
    try:
        yield
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator: can't allocate" in str(error):
            from evals.server_record import running

            servers = ", ".join(f"{record.base} (process {record.pid})" for _, record in running())
            raise TimbreError(
                f"out of memory while training {name!r} ({str(error).splitlines()[0][:200]})",
                do="set gradient_checkpointing = true, a smaller batch_size with more gradient_accumulation, or a "
                f"smaller max_tokens; {fits()}"
                + (f"; on the cards are {others}" if (others := others_on_cards()) else "")
                + (f"; `timbre serve --stop` ends the server of {servers}" if servers else ""),
                exit_code=1,
            ) from error
        if not is_full_disk(error):
            raise
        raise TimbreError(
            f"no room left to write {name!r} ({error}); its finished epochs are kept",
            where=str(folder),
            do="free some space, then go on with the same command and --resume",
            exit_code=1,
        ) from error
