"""``timbre pairwise`` as a shell sees it, on stored logs."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

from results.duels import MATTERS, duels_between
from results.logs import read_logs
from results.records import differences
from timbre.errors import TimbreError
from timbre.pairwise_command import pairwise
from timbre.paths import DEFAULT_VOICE

WriteLog = Callable[..., Path]
VOICE = {"voice": f"voice.jsonl {hashlib.sha256(DEFAULT_VOICE.read_bytes()).hexdigest()[:12]}"}
QUESTIONS: list[str] = []
SAID: list[str] = []
"""What the grader says to whatever it is asked; empty for the longer text."""


def longer_wins(prompt: str) -> str:
    """A grader that names the longer of the two texts."""
    if SAID:
        return SAID[0]
    a, b = prompt.split("Text A:")[1].split("Text B:")
    a, b = (side.split("\n")[2] for side in (a, b))
    return json.dumps(
        {
            "quote": max(a, b, key=len),
            "better": "tie" if len(a) == len(b) else "a" if len(a) > len(b) else "b",
        }
    )


@pytest.fixture(autouse=True)
def grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for whichever model is named, and forbids any server."""
    QUESTIONS.clear()
    SAID.clear()
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))

    def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        QUESTIONS.append(messages[-1].text)
        output = ModelOutput.from_content("mock", longer_wins(messages[-1].text))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    def forbidden(*args: Any, **options: Any) -> None:
        raise AssertionError("a server was asked for")

    monkeypatch.setattr(
        "evals.pairwise.get_model",
        lambda name, **settings: get_model(name, custom_outputs=answer, **settings),
    )
    monkeypatch.setattr("evals.server.connect", forbidden)
    monkeypatch.setattr("evals.provider.connect", forbidden)


def call(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(pairwise, [*args, "--grader", "mockllm/long", "--logs", str(folder)])


@pytest.fixture
def logs(write_log: WriteLog) -> Path:
    """Three runs on eight canaries: the higher the number, the longer the answers."""
    for at, run in enumerate(("baseline", "run1", "run2")):
        path = write_log(
            run, canaries=8, text=lambda c, e, at=at: f"Answer {c} {e}" + " long" * at, facts=VOICE
        )
    return path.parent


def test_stored_answers_become_standings_without_any_generation(logs: Path) -> None:
    result = call(logs, "baseline", "run1", "run2", "--dimension", "humor", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (humor,) = told["dimensions"]
    scores = [s["score"]["estimate"] for s in humor["standings"]]
    assert (told["reference"], scores[0]) == ("baseline", 0.0) and scores == sorted(scores)
    assert [s["win_rate"]["estimate"] for s in humor["standings"]] == [None, 1.0, 1.0]
    assert humor["judge"].startswith("pairwise/humor@") and humor["order"]["flips"]["estimate"] == 0.0
    assert humor["quotes"]["run2"][0] == "Answer 0 1 long long"
    assert len(QUESTIONS) == 3 * 8 * 2 * 2


def test_a_second_call_asks_nothing(logs: Path) -> None:
    first = call(logs, "run1", "run2", "--json")
    asked = len(QUESTIONS)
    assert call(logs, "run1", "run2", "--json").stdout == first.stdout
    assert len(QUESTIONS) == asked == 3 * 8 * 2 * 2


def test_without_a_baseline_the_first_run_is_the_reference(logs: Path) -> None:
    result = call(logs, "run2", "run1", "--dimension", "humor")
    assert "win rate against run2" in result.stdout and "0 is run2" in result.stdout
    assert 'run2 won with: "Answer 0 1 long long"' in result.stdout


def test_likeness_is_asked_with_the_writers_own_texts_and_humor_without(logs: Path) -> None:
    call(logs, "run1", "run2", "--dimension", "voice_match", "--dimension", "humor")
    with_own = ["The writer's own text 1:" in question for question in QUESTIONS]
    assert with_own.count(True) == with_own.count(False) == len(QUESTIONS) / 2


def test_another_voice_than_the_runs_were_evaluated_with_is_refused(write_log: WriteLog) -> None:
    write_log("run1", facts={"voice": "mine.jsonl 0123456789ab"})
    path = write_log("run2", facts={"voice": "mine.jsonl 0123456789ab"})
    result = call(path.parent, "run1", "run2", "--dimension", "voice_match")
    assert isinstance(result.exception, TimbreError) and "mine.jsonl 0123456789ab" in str(result.exception)
    assert QUESTIONS == []


def test_one_run_alone_is_a_usage_error(logs: Path) -> None:
    result = call(logs, "run1")
    assert result.exit_code == 2 and "at least two runs" in result.stderr


def test_logs_of_a_changed_suite_are_refused(write_log: WriteLog) -> None:
    logs = read_logs([write_log("run1", canaries=2), write_log("run2", canaries=2)])
    reworded = tuple(dataclasses.replace(sample, prompt="Another.") for sample in logs[1].samples)
    with pytest.raises(TimbreError, match="'c00' asks run1 and run2 different things"):
        duels_between([logs[0], dataclasses.replace(logs[1], samples=reworded)])


def test_only_conditions_that_bear_on_the_answers_are_warned_of(write_log: WriteLog) -> None:
    one, other = {"judges": "1" * 64, "base": "x"}, {"judges": "2" * 64, "base": "y"}
    logs = read_logs([write_log("run1", facts=one), write_log("run2", facts=other)])
    assert [warning.split(" ")[0] for warning in differences(logs, MATTERS)] == ["base"]


def test_a_grader_that_gives_nothing_to_read_is_an_error_with_its_reason(logs: Path) -> None:
    SAID.append("I prefer A.")
    result = call(logs, "run1", "run2", "--dimension", "humor")
    assert isinstance(result.exception, TimbreError) and "not understood" in str(result.exception)
