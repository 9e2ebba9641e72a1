"""The guard that stops a run which learns nothing, and what is kept of every epoch."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from timbre.errors import TimbreError
from training.watching import KeepEpochs, LearningGuard


class _Adapted(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lora_B = torch.nn.Parameter(torch.zeros(2, 2))


STATE = SimpleNamespace(global_step=3, epoch=1.0)


def test_an_epoch_of_zero_gradients_stops_the_run_and_says_why() -> None:
    guard = LearningGuard(_Adapted())
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 0.0, "learning_rate": 1e-4})
    with pytest.raises(TimbreError, match="every gradient of epoch 1 is zero"):
        guard.on_epoch_end(None, STATE, None)


def test_a_lora_b_that_stands_still_stops_the_run() -> None:
    guard = LearningGuard(_Adapted())
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 1.0, "learning_rate": 1e-4})
    with pytest.raises(TimbreError, match="no lora_B changed"):
        guard.on_epoch_end(None, STATE, None)


def test_a_gradient_that_is_no_number_stops_the_run_at_its_step() -> None:
    guard = LearningGuard(_Adapted())
    with pytest.raises(TimbreError, match="grad_norm is nan at step 3"):
        guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": float("nan")})


def test_a_run_that_learns_goes_on() -> None:
    model = _Adapted()
    guard = LearningGuard(model)
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 1.0, "learning_rate": 1e-4})
    model.lora_B.data += 0.1
    guard.on_epoch_end(None, STATE, None)


def test_a_resumed_run_has_the_losses_and_the_adapter_that_its_checkpoint_has(tmp_path: Path) -> None:
    logs: list[dict[str, float]] = [
        {"step": n, "epoch": n / 2, "loss": 4.0 - n, "grad_norm": 1.0, "learning_rate": 1e-4}
        | {"supervised_tokens": n}
        for n in (1, 2)
    ]
    logs += [{"step": 2, "epoch": 1.0, "eval_loss": 3.5}, {"step": 2, "epoch": 1.0, "train_runtime": 9.0}]
    checkpoint = tmp_path / "checkpoint-2"
    checkpoint.mkdir()
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        (checkpoint / file).write_text(file)
    keeper = KeepEpochs(tmp_path, "mine", 0.0)
    state = SimpleNamespace(global_step=2, epoch=1.0, max_steps=4, log_history=logs)
    keeper.on_train_begin(SimpleNamespace(num_train_epochs=2), state, None)
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row.get("val_loss", row.get("loss")) for row in rows] == [3.0, 2.0, 3.5]
    assert keeper.epochs == [
        {
            "epoch": 1,
            "train_loss": (3.0 * 1 + 2.0 * 2) / 3,
            "val_loss": 3.5,
            "grad_norm": 1.0,
            "adapter": "epochs/1",
        }
    ]
    assert (tmp_path / "epochs" / "1" / "adapter_model.safetensors").is_file()


def test_the_time_left_is_told_from_the_first_step_and_then_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 50.0, 60.0, 70.0, 200.0])
    monkeypatch.setattr("training.watching.time", SimpleNamespace(monotonic=lambda: next(clock)))
    keeper = KeepEpochs(tmp_path, "mine", 0.0)
    state = SimpleNamespace(global_step=0, max_steps=12)
    keeper.on_train_begin(None, state, None)
    for step in range(1, 5):
        state.global_step = step
        keeper.on_log(None, state, None, logs={"loss": 2.0})
    assert [line.partition("2.000  ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "about 9 min left  (by the first step, start-up and all)",
        "about 2 min left",
        "about 7 min left",
    ]


def test_an_epoch_of_warm_up_at_rate_0_is_not_held_against_the_run() -> None:
    guard = LearningGuard(_Adapted())
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 1.0, "learning_rate": 0.0})
    guard.on_epoch_end(None, STATE, None)


def test_an_overflow_in_float16_is_left_to_the_scaler() -> None:
    guard = LearningGuard(_Adapted())
    logs = {"loss": 2.0, "grad_norm": float("inf"), "learning_rate": 1e-4}
    guard.on_log(SimpleNamespace(fp16=True), STATE, None, logs=logs)
    with pytest.raises(TimbreError, match="grad_norm is inf"):
        guard.on_log(SimpleNamespace(fp16=False), STATE, None, logs=logs)
