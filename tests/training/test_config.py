"""Presets: what a TOML file may say, and what makes two runs the same."""

from pathlib import Path

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.config import TrainConfig, data_place, load_config, recipe, to_toml


@pytest.mark.parametrize("name", ["log-run1", "log-run2", "voice", "llama-3.1-8b"])
def test_a_shipped_preset_loads_and_its_data_is_there(name: str) -> None:
    config = load_config(CHECKOUT / "training" / "presets" / f"{name}.toml")
    assert Path(config.data).is_file()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("rnak = 8", "unknown key 'rnak'; did you mean 'rank'?"),
        ('rank = "8"', "rank is '8': Input should be a valid integer; rank: LoRA rank r"),
        ("rank = true", "rank is True"),
        ("rank = 0", "greater than or equal to 1"),
        ("dropout = 1.0", "share in [0, 1)"),
        ('collator = "magic"', "'seq2seq' or 'language_modeling'"),
        ("target_modules = []", "name one layer or more"),
        ('target_modules = [""]', "name one layer or more"),
        ('target_modules = "every"', "'all-linear'"),
        ("tier_weights = [1, 2, nan, 1]", "four numbers"),
        ("max_grad_norm = nan", "finite number"),
        ("weight_decay = inf", "finite number"),
        ("target_modules = [1]", "target_modules is"),
        ("learning_rate = 2.0", "e.g. 2e-4"),
        ("learning_rate = 0.0", "learning_rate is 0.0: Input should be greater than 0"),
        ("gradient_accumulation = 0", "greater than or equal to 1"),
        ('optimizer = "adam"', "'adamw_torch_fused', 'adamw_8bit' or 'paged_adamw_8bit'"),
        ('gradient_checkpointing = "sometimes"', "gradient_checkpointing is 'sometimes'"),
        *(
            (rf'{key} = "a\u0000b"', "has a null character")
            for key in ("data", "chat_template", "base", "revision", "parent")
        ),
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


@pytest.mark.parametrize(
    ("lines", "quantization"),
    [("", "none"), ('quantization = "nf4"', "nf4"), ('base = "OWNER/NAME"', "nf4")],
)
def test_the_embedded_base_is_trained_as_it_is_served_unless_the_preset_says_nf4(
    tmp_path: Path, lines: str, quantization: str
) -> None:
    (tmp_path / "p.toml").write_text(lines)
    assert load_config(tmp_path / "p.toml").quantization == quantization


def test_a_moved_file_keeps_the_recipe_and_another_rank_changes_it() -> None:
    config = TrainConfig()
    same = recipe(config.model_copy(update={"data": "elsewhere.jsonl"}), "d", "b")
    assert recipe(config, "d", "b") == same
    assert recipe(config.model_copy(update={"compile": True}), "d", "b") == same
    assert recipe(config.model_copy(update={"rank": 8}), "d", "b") != same
    assert recipe(config.model_copy(update={"optimizer": "adamw_8bit"}), "d", "b") != same
    assert recipe(config, "other data", "b") != same
    assert recipe(config, "d", "other base") != same


def test_another_chat_template_is_another_recipe_and_another_place_of_it_is_not(tmp_path: Path) -> None:
    for name, text in (("one.jinja", "{{ 1 }}"), ("moved.jinja", "{{ 1 }}"), ("two.jinja", "{{ 2 }}")):
        (tmp_path / name).write_text(text)
    one, moved, two = (
        recipe(TrainConfig(chat_template=str(tmp_path / name)), "d", "b")
        for name in ("one.jinja", "moved.jinja", "two.jinja")
    )
    assert one == moved != two


def test_how_memory_is_saved_leaves_the_recipe_alone_and_a_system_message_does_not() -> None:
    plain = recipe(TrainConfig(), "d", "b")
    assert recipe(TrainConfig(gradient_checkpointing=True), "d", "b") == plain
    assert recipe(TrainConfig(system="Be brief."), "d", "b") != plain


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("mine.jsonl", "{folder}/mine.jsonl"),
        ("sub/mine.jsonl", "{folder}/sub/mine.jsonl"),
        ("owner/letters", "hf://owner/letters"),
        ("owner/letters@v2", "hf://owner/letters@v2"),
        ("owner/letters:late@v2", "hf://owner/letters:late@v2"),
        ("hf://owner/letters@v2", "hf://owner/letters@v2"),
        ("there/already", "{folder}/there/already"),
        ("~nobody-of-that-name/x", "{folder}/~nobody-of-that-name/x"),
    ],
)
def test_data_is_a_path_from_the_preset_or_a_set_on_the_hub(tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / "there" / "already").mkdir(parents=True)
    assert data_place(name, tmp_path) == place.format(folder=tmp_path)
