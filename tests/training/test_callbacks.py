"""The guard that stops a run which learns nothing."""

from types import SimpleNamespace

import pytest
import torch

from timbre.errors import TimbreError
from training.callbacks import LearningGuard


class _Adapted(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lora_B = torch.nn.Parameter(torch.zeros(2, 2))


STATE = SimpleNamespace(global_step=3, epoch=1.0)


def test_an_epoch_of_zero_gradients_stops_the_run_and_says_why() -> None:
    guard = LearningGuard(_Adapted())
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 0.0})
    with pytest.raises(TimbreError, match="every gradient of epoch 1 is zero"):
        guard.on_epoch_end(None, STATE, None)


def test_a_lora_b_that_stands_still_stops_the_run() -> None:
    guard = LearningGuard(_Adapted())
    guard.on_epoch_begin(None, STATE, None)
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 1.0})
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
    guard.on_log(None, STATE, None, logs={"loss": 2.0, "grad_norm": 1.0})
    model.lora_B.data += 0.1
    guard.on_epoch_end(None, STATE, None)
