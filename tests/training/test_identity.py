"""What makes a run the run it is: the order of its data, and the base with its template."""

import json
from pathlib import Path

import pytest

from timbre.errors import TimbreError
from training.base import base_identity, resolve_base
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


def test_a_run_is_asked_on_the_commit_of_its_base_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "models"))
    commit, asked = "c" * 40, []
    _folder(tmp_path / commit, config="{}")

    def from_hub(name: str, revision: str | None) -> Path:
        asked.append((name, revision))
        return tmp_path / commit

    monkeypatch.setattr("training.base._from_hub", from_hub)
    base = resolve_base("me/tiny")
    run = Run(name="mine", path=tmp_path, identity="a", base="me/tiny", base_sha256=base.sha256)
    base_of(run.model_copy(update={"base_revision": base.revision}))
    assert asked == [("me/tiny", None), ("me/tiny", commit)]


def _folder(path: Path, *, config: str, template: str = "{{ messages }}", inside: bool = False) -> Path:
    """A base's files, its template in a file of its own or inside tokenizer_config.json."""
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "tokenizer.json").write_text("{}")
    (path / "config.json").write_text(config)
    tokenizer = {"eos_token": "<|im_end|>", **({"chat_template": template} if inside else {})}
    (path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    if not inside:
        (path / "chat_template.jinja").write_text(template)
    return path


def test_a_base_is_the_same_under_two_spellings_of_its_config(tmp_path: Path) -> None:
    new = _folder(tmp_path / "new", config='{"rope_parameters": {"rope_theta": 1e5}, "dtype": "bfloat16"}')
    old = _folder(tmp_path / "old", config='{"rope_theta": 100000.0, "torch_dtype": "bfloat16"}', inside=True)
    assert base_identity(new) == base_identity(old)


def test_other_weights_another_tokenizer_or_template_are_another_base(tmp_path: Path) -> None:
    same, template = (_folder(tmp_path / name, config="{}") for name in ("same", "template"))
    weights, tokenizer = (_folder(tmp_path / name, config="{}") for name in ("weights", "tokenizer"))
    (template / "chat_template.jinja").write_text("{{ messages[0] }}")
    (weights / "model.safetensors").write_bytes(b"others")
    (tokenizer / "tokenizer.json").write_text('{"a": 1}')
    identities = {base_identity(folder) for folder in (same, template, weights, tokenizer)}
    assert len(identities) == 4
