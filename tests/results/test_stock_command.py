"""``timbre stock`` learns from the baseline's log."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from results.commands import stock

WriteLog = Callable[..., Path]


@pytest.fixture(autouse=True)
def a_small_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A human count that knows one rare word, so that no test needs wordfreq."""
    monkeypatch.setattr(
        "judges.stock_learning.human_share", lambda word: 1e-6 if word == "tapestry" else 2e-2
    )


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """Pairs of a writer, one of them held out."""
    path = tmp_path / "voice.jsonl"
    rows = [
        {"prompt": "Tell.", "response": "That was it.", "split": "train"},
        {"prompt": "Keep back.", "response": "No.", "split": "val"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _run(folder: Path, voice: Path, *args: object) -> Result:
    options = ["--voice", str(voice), "--out", str(folder / "lists"), *map(str, args)]
    return CliRunner().invoke(stock, options)


def test_the_newest_log_of_the_baseline_gives_a_list_under_its_identity(
    tmp_path: Path, voice: Path, write_log: WriteLog
) -> None:
    write_log("baseline", identity="ab" * 32, text=lambda c, e: f"Such a tapestry. That was {c}.")
    write_log("run2", text=lambda c, e: "Nothing of the kind.")
    told = json.loads(_run(tmp_path, voice, "--logs", tmp_path / "logs", "--json").stdout)
    stored = json.loads((tmp_path / "lists" / ("ab" * 8 + ".json")).read_text())
    assert (stored["base"], stored["base_sha256"], stored["texts"]) == ("smollm2", "ab" * 32, 24)
    assert [p["text"] for p in stored["phrases"]] == ["such a tapestry"]
    assert [p["text"] for p in told["phrases"]] == ["such a tapestry"]


def test_answers_to_the_held_out_prompts_are_not_learned_from(
    tmp_path: Path, voice: Path, write_log: WriteLog
) -> None:
    voice.write_text(voice.read_text().replace("Keep back.", "Write about 3."))
    write_log("baseline", text=lambda c, e: "Such a tapestry.")
    result = _run(tmp_path, voice, "--logs", tmp_path / "logs", "--json")
    assert json.loads(result.stdout)["texts"] == 22


def test_the_table_names_the_phrase_and_the_file(tmp_path: Path, voice: Path, write_log: WriteLog) -> None:
    write_log("baseline", text=lambda c, e: "Such a tapestry.")
    result = _run(tmp_path, voice, "--logs", tmp_path / "logs")
    assert "such a tapestry" in result.stdout
    assert str(tmp_path / "lists") in result.stderr


def test_without_a_log_of_the_baseline_it_says_so(tmp_path: Path, voice: Path, write_log: WriteLog) -> None:
    write_log("run2")
    result = _run(tmp_path, voice, "--logs", tmp_path / "logs")
    assert "no log of run 'baseline'" in str(result.exception)
