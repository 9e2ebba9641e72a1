"""Whose pairs runs are judged with where nobody says."""

from pathlib import Path

import pytest

from tests.made_run import made_run
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE
from training.own_voice import kept_voice, voice_of
from training.pairs import load_pairs
from training.runs import DataLock, Run
from training.types import Pair

SHIPPED = [pair.response for pair in load_pairs(DEFAULT_VOICE) if pair.split == "train"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the test's own for what is kept."""
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    return tmp_path


def run_on(name: str, responses: list[str], file: str = "mine.jsonl") -> Run:
    run = made_run(name, [(1.0, 1.0)])
    pairs = [
        Pair(prompt=f"ask {at}", response=text, split="train", source=f"essay {at}")
        for at, text in enumerate(responses)
    ]
    held_out = Pair(prompt="ask more", response="Held out.", split="val", source="essay v")
    run.__dict__["data"] = DataLock(file=file, pairs=(*pairs, held_out))
    return run


@pytest.mark.parametrize("responses", [[], [""], SHIPPED[:3], SHIPPED])
def test_a_run_on_shipped_pairs_or_on_none_recorded_has_the_shipped_voice(responses: list[str]) -> None:
    assert voice_of([run_on("run1", responses)]) == voice_of([]) == DEFAULT_VOICE


def test_a_run_on_other_pairs_has_its_own_which_are_kept_once_under_the_name_that_logs_give() -> None:
    path = voice_of([run_on("mine", ["The ferry was late.", "So was I."])])
    assert [(p.response, p.split) for p in load_pairs(path)] == [
        ("The ferry was late.", "train"),
        ("So was I.", "train"),
        ("Held out.", "val"),
    ]
    assert path.name == "mine.jsonl" and path == voice_of(
        [run_on("again", ["The ferry was late.", "So was I."])]
    )
    assert kept_voice(f"mine.jsonl {path.parent.name}") == path
    assert kept_voice("mine.jsonl 0123456789ab") is None and kept_voice("") is None


def test_of_runs_on_a_growing_set_the_largest_holds_for_all() -> None:
    small, large = (
        run_on("mine1", ["The ferry was late."]),
        run_on("mine2", ["The ferry was late.", "So was I."]),
    )
    assert voice_of([small, large]) == voice_of([large])


def test_runs_of_two_writers_are_refused_until_the_voice_is_named() -> None:
    with pytest.raises(TimbreError, match=r"mine of mine.jsonl, other of b.jsonl\); .*-T voice=FILE"):
        voice_of([run_on("mine", ["The ferry was late."]), run_on("other", ["Soup."], "b.jsonl")])
