"""The encoder's fit, end to end on a few texts: it learns them, and judges read what it stored."""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from judges import encoder
from tests.conftest import Workspace
from tests.training.children import launch, printed, timbre
from timbre.errors import TimbreError
from training import judge
from training.commands import train
from training.config import JudgeConfig, read_preset
from training.judge import pretrained_folder
from training.judge_data import JudgeExample
from training.opening import fit_opening

JOKES = [
    JudgeExample(f"j{i}", "tone.jsonl", f"My {x} left me for a ladder.", {"joke": 1.0, "funny": 0.3 + i / 20})
    for i, x in enumerate(("cat", "dentist", "landlord", "horse", "tailor", "plumber", "barber", "grocer"))
]
NOTES = [
    JudgeExample(f"n{i}", "tone.jsonl", f"The {x} opens at nine.", {"joke": 0.0})
    for i, x in enumerate(("bank", "school", "clinic", "library", "bakery", "museum", "market", "office"))
]


@pytest.mark.real
def test_a_fitted_encoder_is_stored_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "load_examples", lambda people: [*JOKES, *NOTES])
    monkeypatch.setattr(judge, "swapped_groups", lambda: [])
    monkeypatch.setattr(JudgeExample, "is_kept_aside", False)
    preset = tmp_path / "judge.toml"
    preset.write_text('kind = "judge"\nbatch_size = 8\ncorrupted = 0\nwarmup_share = 0.0\n', encoding="utf-8")
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path))
    done = CliRunner().invoke(train, [str(preset), "--name", "small"])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "small"
    card = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    assert card["texts"] == {"tone.jsonl": 16}
    shutil.copy(encoder.FITTED / "tokenizer.json", folder)
    monkeypatch.setattr(encoder, "FITTED", folder)
    for cached in (encoder._load, encoder.read):
        cached.cache_clear()
    try:
        joke, note = (encoder.read(e.text).heads["joke"] for e in (JOKES[0], NOTES[0]))
    finally:
        for cached in (encoder._load, encoder.read):
            cached.cache_clear()
    assert joke > note


def fit_beside_another(folder: Path, *arguments: str) -> None:
    """The command on the encoder in ``folder`` and one in forty of the project's texts; keeps what it ends with."""
    load, fitted = judge.load_examples, judge._fitted

    def kept(*given: Any) -> tuple[Any, int]:
        model, steps = fitted(*given)
        save_file(model.state_dict(), folder / f"{os.environ['RANK']}.safetensors")
        return model, steps

    judge.pretrained_folder = lambda: folder
    judge.load_examples = lambda people: load(people)[::40]
    judge._fitted = kept
    timbre(*arguments)


@pytest.mark.real
def test_two_processes_fit_one_encoder_and_the_first_writes_it(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    small, models = tmp_path / "small", tmp_path / "models"
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
    BertModel(config, add_pooling_layer=False).save_pretrained(small)
    shutil.copy(encoder.FITTED / "tokenizer.json", small)
    preset = tmp_path / "judge.toml"
    preset.write_text('kind = "judge"\ncorrupted = 8\n', encoding="utf-8")
    command = (fit_beside_another, small, "train", str(preset), "--name", "both")
    environment = Workspace(tmp_path).environment(TIMBRE_MODELS=str(models))
    outputs = [tmp_path / "first", tmp_path / "second"]
    first, second = printed(launch(*command, environment=environment, outputs=outputs), outputs)
    start, stored = load_file(small / "model.safetensors"), load_file(models / "both" / "weights.safetensors")
    for rank in "01":
        ended = load_file(small / f"{rank}.safetensors")
        assert ended.keys() == stored.keys()
        assert all((ended[name] == stored[name]).all() for name in stored)
    assert any((stored[f"encoder.{name}"] != weight).any() for name, weight in start.items())
    assert {file.name for file in models.rglob("*")} == {
        *("both", "encoder.json", "encoder.onnx", "opening.json", "weights.safetensors")
    }
    card = json.loads((models / "both" / "encoder.json").read_text(encoding="utf-8"))
    assert f"{card['steps']} steps" in first and "copy its files" in first
    assert "texts of" not in second and "both:" not in second


def _small_judge() -> Any:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(5)
    config = BertConfig(vocab_size=99, hidden_size=16, num_hidden_layers=3, num_attention_heads=2)
    return judge._Judge(BertModel(config, add_pooling_layer=False), dropout=0.0).eval()


def test_a_sentence_is_held_against_the_label_of_its_own_head() -> None:
    import torch

    def loss(*spans: tuple[int, int, int, float], any_claim: float = math.nan) -> float:
        unknown = [math.nan] * len(judge.TEXT_HEADS)
        items = [{"ids": [1, 2, 3, 4], "targets": unknown, "spans": list(spans), "any_claim": any_claim}]
        with torch.no_grad():
            return float(model(**judge._collated(items)))

    model = _small_judge()
    with torch.no_grad():
        model.heads.bias[-3:] = torch.tensor([4.0, -4.0, 0.0])  # surely a claim, surely no aside
    claim, aside = range(2)
    assert loss((0, 4, claim, 1.0)) < 0.1 < 3 < loss((0, 4, claim, 0.0))
    assert loss((0, 4, aside, 0.0)) < 0.1 < 3 < loss((0, 4, aside, 1.0))
    assert loss((0, 2, aside, 0.0), (2, 4, aside, math.nan)) == pytest.approx(loss((0, 2, aside, 0.0)))
    claimed = loss((0, 2, claim, math.nan), (2, 4, aside, 0.0), any_claim=1.0)
    assert claimed < 0.2, "no aside is taken for the likeliest claim"


def test_frozen_layers_keep_their_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = _small_judge()
    start.encoder.save_pretrained(tmp_path)
    monkeypatch.setattr(judge, "pretrained_folder", lambda: tmp_path)
    items = [
        {
            "ids": [1, i, 2],
            "source": "x",
            "targets": [1.0] * len(judge.TEXT_HEADS),
            "spans": [],
            "any_claim": math.nan,
        }
        for i in range(3, 11)
    ]
    fitted, _ = judge._fitted(JudgeConfig(batch_size=4, frozen_layers=2, average=0.0), items)
    moved = {
        name.split(".")[2] if "layer" in name else name.split(".")[0]
        for name, weight in fitted.encoder.state_dict().items()
        if (weight != start.encoder.state_dict()[name]).any()
    }
    assert moved == {"2"}


def test_the_linear_heads_follow_their_labels() -> None:
    jokes = (
        "I asked the lift how it was. It has its ups and downs.",
        "My cat has a diary. It says: me, me, me.",
    )
    sober = ("The minutes of May were read and signed.", "The pump was replaced on the second of June.")
    rated = [JudgeExample(t, "x", t, {"joke": 1.0, "funny": 0.9 if t == jokes[0] else 0.3}) for t in jokes]
    fit = [*rated, *(JudgeExample(t, "x", t, {"joke": 0.0}) for t in sober)]
    heads = fit_opening(fit, {})

    def value(name: str, text: str) -> float:
        return float(encoder.embedding(text) @ heads[name]["weight"] + heads[name]["bias"])

    assert min(value("joke", t) for t in jokes) > max(value("joke", t) for t in sober)
    assert value("funny", jokes[0]) > value("funny", jokes[1])
    assert sum(value("funny", t) for t in jokes) == pytest.approx(1.2, abs=0.01), "stretched about the mean"


def test_fsdp_is_refused_for_an_encoder_that_fits_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ACCELERATE_USE_FSDP", "true"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with pytest.raises(TimbreError, match="--use_fsdp: FSDP can't share out the encoder"):
        judge.fit_judge(JudgeConfig(), None, tmp_path)


def test_the_published_weights_are_those_that_the_project_names() -> None:
    assert (pretrained_folder() / "tokenizer.json").read_bytes() == (
        encoder.FITTED / "tokenizer.json"
    ).read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rank = 3", "judge.toml:2: unknown key 'rank'"),
        (
            "batch_size = 0",
            "batch_size is 0: Input should be greater than or equal to 1; batch_size: Texts in a step",
        ),
        ("learning_rate = 'fast'", "learning_rate is 'fast'"),
        ("seed = ", "not TOML"),
    ],
)
def test_a_preset_with_a_mistake_is_refused_by_key(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "judge.toml"
    path.write_text(f'kind = "judge"\n{line}\n', encoding="utf-8")
    with pytest.raises(TimbreError, match=message):
        read_preset(path, JudgeConfig)


def test_the_shipped_preset_is_the_one_that_the_card_names() -> None:
    card = json.loads((encoder.FITTED / "encoder.json").read_text(encoding="utf-8"))
    path = Path(judge.__file__).parent / "presets" / "judge.toml"
    shipped = read_preset(path, JudgeConfig)
    stored = JudgeConfig(**card["config"])
    changed = {name: getattr(shipped, name) for name in ("start", "frozen_layers", "seed")}
    assert shipped == stored.model_copy(update=changed)


def test_a_judge_has_no_masks_and_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "judge.toml"
    path.write_text('kind = "judge"\n', encoding="utf-8")
    for args, message in ((["--show-masks"], "a judge has no masks"), ([], "the judge has no name")):
        done = CliRunner().invoke(train, [str(path), *args])
        assert isinstance(done.exception, TimbreError) and message in str(done.exception)
