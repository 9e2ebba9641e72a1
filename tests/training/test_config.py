"""Presets: what a TOML file may say, and what makes two runs the same."""

import dataclasses
from pathlib import Path

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.config import TrainConfig, load_config, recipe, to_toml


@pytest.mark.parametrize("name", ["log-run1", "log-run2", "voice", "llama-3.1-8b"])
def test_a_shipped_preset_loads_and_its_data_is_there(name: str) -> None:
    config = load_config(CHECKOUT / "training" / "presets" / f"{name}.toml")
    assert Path(config.data).is_file()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("rnak = 8", "unknown key 'rnak'"),
        ('rank = "8"', "give a int"),
        ("rank = true", "give a int"),
        ("rank = 0", "use 1 or more"),
        ("dropout = 1.0", "share in [0, 1)"),
        ('collator = "magic"', "use one of seq2seq"),
        ("target_modules = []", "name one layer or more"),
        ('target_modules = [""]', "name one layer or more"),
        ("tier_weights = [1, 2, nan, 1]", "four numbers"),
        ("max_grad_norm = nan", "use e.g. 1.0"),
        ("weight_decay = inf", "use 0 or more"),
        ("target_modules = [1]", "list of strings"),
        ("learning_rate = 2.0", "use e.g. 2e-4"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text(f"epochs = 2\n{line}\n")
    with pytest.raises(TimbreError) as caught:
        load_config(preset)
    assert f"{preset}:2" in str(caught.value) and complaint in str(caught.value)


def test_resolved_settings_read_back_as_they_were(tmp_path: Path) -> None:
    config = TrainConfig(data=str(tmp_path / "d.jsonl"), rank=8, target_modules=("q_proj",), parent="run1")
    (tmp_path / "c.toml").write_text(to_toml(config))
    assert load_config(tmp_path / "c.toml") == config


def test_a_moved_file_keeps_the_recipe_and_another_rank_changes_it() -> None:
    config = TrainConfig()
    same = recipe(dataclasses.replace(config, data="elsewhere.jsonl"), "d", "b")
    assert recipe(config, "d", "b") == same
    assert recipe(dataclasses.replace(config, rank=8), "d", "b") != same
    assert recipe(config, "other data", "b") != same
    assert recipe(config, "d", "other base") != same
