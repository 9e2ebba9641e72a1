"""What makes a run the run it is: the order of its data, and the base with its template."""

from pathlib import Path

import pytest

from timbre.errors import TimbreError
from training.base import resolve_base
from training.config import TrainConfig, recipe
from training.masks import Example
from training.run_directory import data_lock
from training.runs import LoraRecord, Run, base_of
from training.types import Pair


def _recipe_of(order: list[str], path: Path) -> str:
    examples = [
        Example(
            Pair(line, f"On {word}?", f"{word}, mostly.", 1, word, "written", "train"),
            (1, 2, 3),
            (-100, 2, 3),
        )
        for line, word in enumerate(order, start=1)
    ]
    path.write_text("\n".join(order))
    return recipe(TrainConfig(), data_lock(examples, str(path), "0" * 64)["sha256"], "b" * 64)


def test_the_same_pairs_in_another_order_are_another_run(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    first = _recipe_of(["kettles", "trains"], file)
    assert _recipe_of(["trains", "kettles"], file) != first
    assert _recipe_of(["kettles", "trains"], tmp_path / "moved.jsonl") == first


@pytest.mark.parametrize("changed", ["chat_template.jinja", "tokenizer.json", "model.safetensors"])
def test_a_run_is_not_served_on_a_base_whose_files_have_changed(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "models"))
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("chat_template.jinja", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text(f"what {name} was")
    base = resolve_base(str(folder))
    run = Run(
        name="mine",
        path=tmp_path / "mine",
        identity="a" * 64,
        base=str(folder),
        base_sha256=base.sha256,
        lora=LoraRecord(rank=16),
    )
    assert base_of(run) == base
    (folder / changed).write_text(f"what {changed} is, after training")
    with pytest.raises(TimbreError, match="'mine' was trained on base"):
        base_of(run)
