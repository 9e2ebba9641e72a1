"""``timbre init``: a folder that trains and evaluates as it stands, and essays on their way into it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import load_suite
from timbre.augment_command import augment
from timbre.errors import TimbreError
from training.commands import init, train
from training.config import load_config
from training.pairs import read_pairs
from training.runs import find_run


def test_what_it_writes_loads_and_its_canaries_are_not_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert CliRunner().invoke(init, [str(folder)]).exit_code == 0
    pairs = read_pairs(load_config(folder / "preset.toml").data)
    assert {pair.split for pair in pairs.pairs} == {"train", "val"} and not pairs.notes
    trained = [TrainedText(str(p.line), p.prompt, p.response) for p in pairs.pairs]
    check_contamination(load_suite(folder / "canaries.yaml"), trained)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    done = CliRunner().invoke(init, [str(tmp_path)])
    assert isinstance(done.exception, TimbreError) and "not empty" in str(done.exception)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_essays_become_pairs_and_pairs_a_run_with_the_next_command(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "models"))
    folder, essays = tmp_path / "mine", tmp_path / "essays"
    essays.mkdir()
    for n, thing in enumerate(("ladder", "kettle", "gate", "spoon", "bench", "drain")):
        text = f"The {thing} is older than the house by {n} years, and it has never once said so in company."
        (essays / f"{thing}.txt").write_text(text)
    CliRunner().invoke(init, [str(folder)])
    made = CliRunner().invoke(augment, [str(essays), "-o", str(folder / "mine.jsonl"), "--val-share", "0.4"])
    assert made.exit_code == 0, made.output
    preset = folder / "preset.toml"
    settings = (
        f"base = {json.dumps(str(tiny_base))}\nquantization = 'none'\nepochs = 1\nlearning_rate = 1e-2\n"
    )
    preset.write_text(f"data = 'mine.jsonl'\n{settings}")
    done = CliRunner().invoke(train, [str(preset), "--name", "mine"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "next: inspect eval evals/voice.py --model baseline,mine" in done.output
    run = find_run("mine")
    assert run.train_pairs and run.val_pairs and run.train_pairs + run.val_pairs == 6
