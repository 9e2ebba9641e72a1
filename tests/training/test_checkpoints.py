"""Which checkpoint an interrupted run goes on from."""

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from timbre.errors import TimbreError
from training import devices, run_directory
from training.base import Base
from training.config import TrainConfig
from training.watching import exhaustion_reported, keep_adapter, last_whole


def _checkpoint(partial: Path, step: int, state: str | None) -> Path:
    folder = partial / f"checkpoint-{step}"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_text(f"weights of step {step}")
    if state is not None:
        (folder / "trainer_state.json").write_text(state)
    return folder


@pytest.mark.parametrize("cut_off", [None, "", '{"global_step": 1'])
def test_a_checkpoint_cut_off_while_written_is_passed_over(tmp_path: Path, cut_off: str | None) -> None:
    whole = _checkpoint(tmp_path, 9, json.dumps({"global_step": 9}))
    _checkpoint(tmp_path, 10, cut_off)
    assert last_whole(tmp_path) == whole


def test_the_latest_whole_checkpoint_is_by_step_not_by_name(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 9, "{}")
    assert last_whole(tmp_path) == tmp_path / "checkpoint-9"
    later = _checkpoint(tmp_path, 10, "{}")
    assert last_whole(tmp_path) == later


def test_no_checkpoint(tmp_path: Path) -> None:
    assert last_whole(tmp_path) is None


def test_an_epochs_adapter_replaces_half_a_copy(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 4, "{}")
    half = tmp_path / "epochs" / "1"
    half.mkdir(parents=True)
    (half / "adapter_model.safetensors").write_text("wei")
    keep_adapter(tmp_path, 4, 1)
    assert (half / "adapter_model.safetensors").read_text() == "weights of step 4"
    assert (half / "adapter_config.json").is_file()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file"),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_no_room_is_told_with_what_to_do(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(TimbreError, match="no room left to write 'mine'") as told,
        exhaustion_reported("mine", tmp_path, str),
    ):
        raise error
    assert "--resume" in str(told.value)


def test_no_room_is_seen_behind_the_error_of_closing_the_file(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="no room left"), exhaustion_reported("mine", tmp_path, str):
        try:
            raise RuntimeError("basic_ios::clear: iostream error")
        finally:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 11264 vs 11156")


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), exhaustion_reported("mine", tmp_path, str):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_memory_that_runs_out_is_one_line_with_the_settings_to_change_and_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from evals import server_record

    server = server_record.Record(8123, "big-base", "a" * 64, "bfloat16", 16, (), pid=42)
    monkeypatch.setattr(server_record, "running", lambda: [(tmp_path, server)])
    (tmp_path / "nvidia-smi").write_text(
        f"#!/bin/sh\necho '{os.getpid()}, python, 70000'; echo '7, /opt/a, b, 900'; echo '812, /usr/bin/x, 40960'\n"
    )
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(TimbreError) as caught, exhaustion_reported("mine", tmp_path, lambda: "2 GB fit"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
    message = str(caught.value)
    assert "Tried to allocate 2.00 GiB" in message and "\n" not in message
    assert "gradient_checkpointing = true" in message and "smaller max_tokens; 2 GB fit; " in message
    assert "on the cards are x (process 812, 40960 MiB), a (process 7, 900 MiB);" in message
    assert message.endswith("the server of big-base (process 42)")


@pytest.mark.parametrize(
    ("batch_size", "gb", "advice"),
    [
        (8, 100, "by estimate batch_size = 4 with gradient_checkpointing = true takes about"),
        (8, 1.2, "by estimate batch_size = 2 "),
        (3, 0.5, "by estimate even batch_size = 1 "),
        (1, 100, "by estimate batch_size = 1 "),
    ],
)
def test_the_largest_smaller_batch_that_fits_is_named(
    batch_size: int, gb: float, advice: str, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=200_000_000))
    monkeypatch.setattr("psutil.Process", lambda: own)
    monkeypatch.setattr(devices, "free_memory", lambda: int(gb * 1e9) - 200_000_000)
    config = TrainConfig(quantization="none", batch_size=batch_size)
    # A pair's learned tokens have logits of .17 GB, and .8 GB are the libraries'.
    advised = devices.what_fits(config, Base("tiny", tiny_base, ""), devices.Lengths(4096, 4096))
    assert advised.startswith(advice)


def test_a_run_whose_replacing_was_cut_between_two_renames_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    (tmp_path / "runs" / ".mine.replaced").mkdir(parents=True)
    (tmp_path / "runs" / ".mine.partial").mkdir()
    run_directory.hold("mine").release()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()) == [
        ".mine.partial",
        "mine",
    ]
