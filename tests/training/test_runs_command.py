"""``timbre runs``: what there is, whether it is whole, in what two differ; and what a push would send."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from timbre.runs_command import runs
from training.commands import train
from training.runs import (
    adapter_checksums,
    check_name,
    counted,
    find_run,
    list_runs,
    read_run,
    run_identity,
    sha256_of,
)
from training.share import packed, push

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a run folder as training leaves it, with made-up weights."""
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))

    def make(
        name: str,
        *,
        rank: int = 8,
        loss: float = 2.0,
        recorded: bool = True,
        base_id: str | None = "me/tiny",
        **more: Any,
    ) -> Path:
        folder = tmp_path / name
        for place in ("adapter", "epochs/1"):
            (folder / place).mkdir(parents=True)
            (folder / place / "adapter_model.safetensors").write_bytes(name.encode())
        (folder / "adapter" / "adapter_config.json").write_text(
            json.dumps({"r": 8, "base_model_name_or_path": "/home/somebody/bases/tiny"})
        )
        (folder / "config.toml").write_text(f'rank = {rank}\nphase = "{name}"\n')
        (folder / "optimizer.pt").write_bytes(b"secret")
        facts: dict[str, Any] = {
            "status": "completed",
            "recipe": "r" * 64,
            "base": "/home/somebody/bases/tiny",
            "base_id": base_id,
            "base_revision": "c" * 40 if base_id else None,
            "base_sha256": "b" * 64,
            "lora": {"rank": rank, "target_modules": ["q_proj"]},
            "train_pairs": 3,
            "epochs": [
                {"epoch": 1, "train_loss": loss, "val_loss": None, "grad_norm": 1.0, "adapter": "epochs/1"}
            ],
            **more,
        }
        if recorded:
            facts["checksums"] = adapter_checksums(folder)
        (folder / "run.json").write_text(json.dumps(facts))
        return folder

    return make


def test_a_run_as_it_was_written_verifies(write: Write) -> None:
    write("run1")
    done = CliRunner().invoke(runs, ["--verify"])
    assert (done.exit_code, done.output) == (0, "run1: 2 adapters are as training wrote them\n")


def test_a_flipped_byte_and_a_missing_file_are_named(write: Write) -> None:
    folder = write("run1")
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"run2")
    (folder / "epochs" / "1" / "adapter_model.safetensors").unlink()
    done = CliRunner().invoke(runs, ["run1", "--verify"])
    assert done.exit_code == 1
    assert "adapter/adapter_model.safetensors changed" in done.output
    assert "epochs/1/adapter_model.safetensors is gone" in done.output


def test_a_run_without_checksums_is_said_to_have_none(write: Write) -> None:
    write("run1", recorded=False)
    done = CliRunner().invoke(runs, ["--verify"])
    assert done.exit_code == 0 and "no checksums recorded" in done.output


def test_two_runs_are_shown_by_what_differs_and_nothing_else(write: Write) -> None:
    write("run1")
    write("run2", rank=16, loss=1.5)
    done = CliRunner().invoke(runs, ["--compare", "run1", "run2", "--json"])
    rows = {row["what"]: (row["run1"], row["run2"]) for row in json.loads(done.output)}
    assert len(set(rows.pop("identity"))) == 2
    assert rows == {
        "rank": ("8", "16"),
        "epoch 1: train, validation": ("2.000, -", "1.500, -"),
    }


def test_one_run_can_not_be_compared(write: Write) -> None:
    write("run1")
    done = CliRunner().invoke(runs, ["--compare", "run1"])
    assert isinstance(done.exception, TimbreError) and "name two" in str(done.exception)


def test_a_push_without_yes_sends_nothing_and_shows_what_it_would(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a dry run asked the hub")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", forbidden)
    write("run1")
    done = CliRunner().invoke(push, ["run1", "--repo", "me/run1"])
    assert done.exit_code == 0, done.output
    assert "adapter_model.safetensors" in done.output and "# run1" in done.output
    assert "dry run: nothing was sent to me/run1 (private)" in done.output


def test_a_push_sends_the_adapter_and_its_card_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(
        "huggingface_hub.HfApi.create_repo", lambda self, repo, **kw: sent.update(kw, repo=repo)
    )

    monkeypatch.setattr(
        "huggingface_hub.HfApi.create_commit", lambda self, **kw: sent.update(kw) or "commit 1"
    )
    write("run1")
    done = CliRunner().invoke(push, ["run1", "--repo", "me/run1", "--yes"])
    assert done.exit_code == 0 and "sent to commit 1" in done.output
    assert sent["repo"] == "me/run1" and sent["private"] is True
    content = {operation.path_in_repo: operation.path_or_fileobj for operation in sent["operations"]}
    assert list(content) == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    assert not any(b"somebody" in part for part in content.values())
    config = json.loads(content["adapter_config.json"])
    assert config == {"r": 8, "base_model_name_or_path": "me/tiny", "revision": "c" * 40}
    assert b"base_model: me/tiny\n" in content["README.md"]


def test_a_run_on_a_local_base_is_pushed_under_the_id_that_its_owner_gives(write: Write) -> None:
    write("run1", base_id=None)
    done = CliRunner().invoke(push, ["run1", "--repo", "me/run1"])
    assert isinstance(done.exception, TimbreError) and "--base-id OWNER/NAME" in str(done.exception)
    done = CliRunner().invoke(push, ["run1", "--repo", "me/run1", "--base-id", "org/tiny"])
    assert done.exit_code == 0 and "base_model: org/tiny" in done.output


@pytest.mark.parametrize(
    ("base", "quantization", "in_nf4"),
    [("me/tiny", "none", False), ("me/tiny", "nf4", True), ("nf4:me/tiny", "none", True)],
)
def test_the_card_of_a_push_says_how_the_run_is_loaded_and_asked(
    base: str, quantization: str, in_nf4: bool, write: Write
) -> None:
    folder = write("run1", base=base, quantization=quantization, system="You are Ann.\n``` Be brief.")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    files = packed(find_run("run1"), "me/run1", None)
    card = files["README.md"].decode()
    assert files["chat_template.jinja"] == b"{{ messages }}" and "`chat_template.jinja`" in card
    assert "\n\n    You are Ann.\n    ``` Be brief.\n\n" in card
    assert ("load_in_4bit=True" in card) is in_nf4


def test_without_a_token_it_says_how_to_get_one(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalTokenNotFoundError

    def refuse(*_: Any, **__: Any) -> None:
        raise LocalTokenNotFoundError("none")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", refuse)
    write("run1")
    done = CliRunner().invoke(push, ["run1", "--repo", "me/run1", "--yes"])
    assert isinstance(done.exception, TimbreError) and "HF_TOKEN" in str(done.exception)


def test_a_repository_without_owner_is_refused(write: Write) -> None:
    write("run1")
    done = CliRunner().invoke(push, ["run1", "--repo", "run1"])
    assert isinstance(done.exception, TimbreError) and "OWNER/NAME" in str(done.exception)


def test_the_same_recipe_trained_into_other_weights_is_another_run(write: Write) -> None:
    folder = write("run1")
    before = find_run("run1")
    for place in ("adapter", "epochs/1"):
        (folder / place / "adapter_model.safetensors").write_bytes(b"trained again")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "checksums": adapter_checksums(folder)}))
    after = find_run("run1")
    assert before.recipe == after.recipe
    assert before.identity != after.identity and before.served_name != after.served_name
    assert find_run("run1@1").identity != before.identity


def test_a_run_without_checksums_is_identified_by_the_weights_that_are_there(write: Write) -> None:
    folder = write("run1", recorded=False)
    weights = sha256_of(folder / "adapter" / "adapter_model.safetensors")
    assert find_run("run1").identity == run_identity("r" * 64, weights)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": [{"epoch": "first"}]}, "epochs.0.epoch"),
        ({"checksums": [1]}, "checksums"),
    ],
)
def test_a_run_record_of_another_shape_is_one_line_with_its_file(
    write: Write, change: dict[str, Any], named: str
) -> None:
    folder = write("run1")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, **change}))
    with pytest.raises(TimbreError, match=rf"run\.json: unexpected shape: {named}"):
        find_run("run1")


def test_half_a_character_in_a_record_is_read(write: Write) -> None:
    folder = write("run1")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "recipe": "\ud800"}))
    assert find_run("run1").recipe == "\ud800"


def test_reading_runs_needs_no_heavy_library() -> None:
    code = "import sys, training.runs; sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0


HOSTILE_NAMES = [
    "../run1",
    "/etc",
    "..",
    ".",
    "",
    "a/b",
    "a\0b",
    "-rf",
    ".hidden",
    "a\nb",
    "a b",
    "x" * 65,
    "\u202ea",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_is_no_plain_file_name_names_no_run(write: Write, tmp_path: Path, name: str) -> None:
    (write("run1") / "run.json").parent.rename(tmp_path / "elsewhere")
    assert read_run(name) is None
    with pytest.raises(TimbreError, match="no run"):
        find_run(name)
    with pytest.raises(TimbreError, match="can't name a run"):
        check_name(name)
    fit = CliRunner().invoke(train, ["training/presets/judge.toml", "--name", name])
    assert "can't name a run" in str(fit.exception)


def test_a_folder_whose_name_no_run_may_have_is_not_listed(write: Write, tmp_path: Path) -> None:
    write("run1").rename(tmp_path / "run 1\x1b[2J")
    assert list_runs() == []


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "epoch", "1 epoch"), (3, "epoch", "3 epochs"), (2, "canary", "2 canaries"), (0, "pair", "0 pairs")],
)
def test_one_of_a_thing_is_not_said_in_the_plural(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
