"""Tiers as sampling weights, short pairs first, and what of it enters a run's recipe."""

from pathlib import Path
from typing import Any

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.config import TrainConfig, load_config, recipe, to_toml
from training.examples import sampler
from training.masks import IGNORED, Example
from training.types import Pair

PRESET = CHECKOUT / "training" / "presets" / "voice.toml"


def _example(line: int, tier: int, length: int) -> Example:
    pair = Pair(line, "p", "r", tier, f"s{line}", "written", "train")
    return Example(pair, (1,) * (length + 1), (IGNORED, *(2,) * length))


EXAMPLES = [_example(1, 2, 30), _example(2, 1, 50), _example(3, 4, 10), _example(4, 1, 20)]


@pytest.mark.parametrize(("order", "lines"), [("short_first", [3, 4, 1, 2]), ("tier_first", [4, 2, 1, 3])])
def test_short_first_is_by_length_and_tier_first_by_tier_and_then_length(
    order: Any, lines: list[int]
) -> None:
    assert [EXAMPLES[at].pair.line for at in sampler(TrainConfig(order=order), EXAMPLES)] == lines


def test_a_pair_is_drawn_as_often_as_its_tier_weighs() -> None:
    config = TrainConfig(tier_weights=(4.0, 2.0, 1.0, 0.0), seed=1)
    drawn = [at % 4 for at in sampler(config, EXAMPLES * 1000)]
    assert drawn.count(2) == 0
    assert drawn.count(1) / drawn.count(0) == pytest.approx(2, rel=0.15)


def test_each_epoch_draws_anew_and_a_resumed_one_the_same() -> None:
    config = TrainConfig(tier_weights=(1.0, 1.0, 1.0, 1.0), seed=3)
    first, second = (sampler(config, EXAMPLES * 12) for _ in range(2))
    one = list(first)
    first.set_epoch(1)
    second.set_epoch(1)
    assert list(first) == list(second) != one


def test_pairs_without_an_order_are_shuffled_by_the_trainer() -> None:
    assert sampler(TrainConfig(), EXAMPLES) is None


def test_what_is_not_set_leaves_the_recipe_alone_and_what_is_changes_it() -> None:
    config = load_config(PRESET)
    plain = recipe(config, "data", "base")
    assert recipe(config.model_copy(update={"order": "short_first"}), "data", "base") != plain
    assert recipe(config.model_copy(update={"tier_weights": (4.0, 2.0, 1.0, 1.0)}), "data", "base") != plain
    assert recipe(config, "other order of the data", "base") != plain


def test_weights_are_one_line_of_a_preset_and_survive_it(tmp_path: Path) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text("tier_weights = [4, 2, 1, 1]\n")
    config = load_config(preset)
    assert config.tier_weights == (4.0, 2.0, 1.0, 1.0)
    preset.write_text(to_toml(config))
    assert load_config(preset).tier_weights == config.tier_weights


@pytest.mark.parametrize("line", ["tier_weights = [1, 2]", "tier_weights = [0, 0, 0, 0]", 'order = "random"'])
def test_a_wrong_setting_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    preset = tmp_path / "p.toml"
    preset.write_text(f"rank = 8\n{line}\n")
    with pytest.raises(TimbreError, match=r"p\.toml:2"):
        load_config(preset)


def test_weights_and_an_order_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="drawn by weight have no order"):
        TrainConfig(tier_weights=(1.0, 1.0, 1.0, 1.0), order="short_first")


def test_weights_that_leave_no_pair_are_refused() -> None:
    with pytest.raises(TimbreError, match="no training pair"):
        sampler(TrainConfig(tier_weights=(1.0, 1.0, 1.0, 0.0)), EXAMPLES[2:3])
