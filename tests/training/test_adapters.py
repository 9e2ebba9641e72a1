"""A stranger's adapter is refused, with the file and the reason, before anything loads it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from timbre.errors import TimbreError
from training.adapters import check_adapter
from training.base import Base
from training.runs import LoraRecord, Run, adapter_checksums

LAYER = "model.layers.0.self_attn.q_proj"
CONFIG = {
    **{"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "r": 2, "lora_alpha": 4},
    **{"target_modules": ["q_proj"], "base_model_name_or_path": "me/tiny", "revision": None},
    **{"init_lora_weights": True, "modules_to_save": None, "use_dora": False, "rank_pattern": {}},
}


def weights(rank: int = 2, down: int = 8, up: int = 6, layer: str = LAYER) -> dict[str, Any]:
    """An adapter of one layer that has ``down`` inputs and ``up`` outputs."""
    name = f"base_model.model.{layer}"
    return {
        f"{name}.lora_A.weight": np.ones((rank, down), dtype=np.float32),
        f"{name}.lora_B.weight": np.ones((up, rank), dtype=np.float32),
    }


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base of one layer with 8 inputs and 6 outputs."""
    (tmp_path / "base").mkdir()
    tensors = {f"{LAYER}.weight": np.ones((6, 8), dtype=np.float16), "model.norm.weight": np.ones(8)}
    save_file(tensors, tmp_path / "base" / "model.safetensors")
    return Base("tiny", tmp_path / "base", "b" * 64, "me/tiny")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Run]:
    """Makes a run of one adapter; ``config`` takes the place of single settings."""

    def made(config: dict[str, Any] | None = None, tensors: dict[str, Any] | None = None) -> Run:
        folder = tmp_path / "run2" / "adapter"
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
        save_file(tensors or weights(), folder / "adapter_model.safetensors")
        return Run(
            name="run2",
            path=folder.parent,
            identity="a" * 64,
            base="tiny",
            base_id="me/tiny",
            lora=LoraRecord(rank=2, alpha=4, target_modules=("q_proj",)),
            checksums=adapter_checksums(folder.parent),
        )

    return made


def test_a_plain_adapter_of_this_base_is_taken(make: Callable[..., Run], base: Base) -> None:
    check_adapter(make(), base)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
        ({"auto_mapping": {"base_model_class": "M", "parent_library": "evil"}}, "auto_mapping"),
        ({"megatron_config": {}, "megatron_core": "evil.core"}, "megatron_core"),
        ({"modules_to_save": ["../../x"]}, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"exclude_modules": "(a+)+$"}, "exclude_modules"),
        ({"a_setting_of_tomorrow": "x"}, "a_setting_of_tomorrow"),
        ({"peft_type": "IA3"}, "peft_type"),
        ({"base_model_name_or_path": "../../etc"}, "base_model_name_or_path"),
        ({"base_model_name_or_path": "other/base"}, "base_model_name_or_path"),
        ({"r": 1_000_000_000}, "r is"),
        ({"r": 4}, "r is"),
        ({"r": True}, "r is"),
        ({"lora_alpha": 1e30}, "lora_alpha"),
        ({"lora_alpha": 8}, "lora_alpha is 8, and the run records 4"),
        ({"use_rslora": True}, "use_rslora"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": ["k_proj"]}, "target_modules"),
    ],
)
def test_a_setting_that_is_no_plain_lora_of_this_run_is_refused_by_name(
    make: Callable[..., Run], base: Base, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TimbreError, match=rf"adapter_config\.json: {reason}"):
        check_adapter(make(config), base)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (weights(rank=4), "for rank 2"),
        (weights(down=16), r"base's \(6, 8\)"),
        (weights(layer="model.layers.9.self_attn.q_proj") | weights(), "no layer"),
        (weights(layer="model.layers.0.self_attn.k_proj"), "none of the run's target_modules"),
        ({"lm_head.weight": np.ones((4, 4))}, "no LoRA matrix"),
        (dict([*weights().items()][:1]), r"and \(0, 0\)"),
    ],
)
def test_weights_that_do_not_fit_the_base_or_the_record_are_refused(
    make: Callable[..., Run], base: Base, tensors: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TimbreError, match=rf"adapter_model\.safetensors: .*{reason}"):
        check_adapter(make(tensors=tensors), base)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_of_weights_is_refused(make: Callable[..., Run], base: Base, kept: int) -> None:
    run = make()
    path = run.adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(TimbreError, match="no whole safetensors file"):
        check_adapter(run, base)


def test_other_weights_than_the_run_records_are_refused(make: Callable[..., Run], base: Base) -> None:
    run = make()
    save_file({k: v * 2 for k, v in weights().items()}, run.adapter / "adapter_model.safetensors")
    with pytest.raises(TimbreError, match="not the weights that"):
        check_adapter(run, base)


class Planted:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.bin", "x/new_embeddings.pt", "evil.py"])
def test_a_planted_pickle_or_program_is_refused_and_never_opened(
    make: Callable[..., Run], base: Base, tmp_path: Path, name: str
) -> None:
    import pickle

    run = make()
    (run.adapter / name).parent.mkdir(exist_ok=True)
    (run.adapter / name).write_bytes(pickle.dumps(Planted(tmp_path / "opened")))
    with pytest.raises(TimbreError, match="does not belong to an adapter"):
        check_adapter(run, base)
    assert not (tmp_path / "opened").exists()


def test_a_link_out_of_the_folder_is_refused(make: Callable[..., Run], base: Base, tmp_path: Path) -> None:
    run = make()
    card = run.adapter / "README.md"
    card.symlink_to("/etc/passwd")
    with pytest.raises(TimbreError, match=r"README\.md: does not belong"):
        check_adapter(run, base)
