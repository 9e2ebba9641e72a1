"""What `make voice` asks, and says of the arm without training."""

import math
from pathlib import Path
from typing import Any

import pytest

from results.comparison import RunScore
from results.verdicts import GateResult
from tests.results.conftest import log_writer, run_writer
from timbre.eval_set import arm_arguments, progress_line
from timbre.stats import Interval
from timbre.voice import FEW_SHOT, Results, ask_again, few_shot_wins, show_results, write_pages

NOTHING = Interval(math.nan, math.nan, math.nan)


def _scores(**voice_match: float) -> list[RunScore]:
    """Means of voice_match, and of a dimension on which the few-shot arm is far ahead."""
    return [
        RunScore(run.replace("few", FEW_SHOT), key, 12, 0, Interval(mean, 0.0, 1.0), NOTHING, 12)
        for run, likeness in voice_match.items()
        for key, mean in (("voice_match", likeness), ("humor", 0.9 if run == "few" else 0.1))
    ]


def _made_logs(folder: Path, fault: int | None = None) -> Path:
    """Logs of all arms, where run2's second take of one canary has a fault."""
    write = log_writer(folder)
    write("baseline")
    write("baseline", facts={"shots": 4})
    write("run1")
    write("run2", scores=lambda canary, take: {"integrity": float((canary, take) == (fault, 2))})
    return folder / "logs"


@pytest.mark.parametrize(
    ("run1", "run2", "few", "wins", "best"),
    [(0.1, 0.2, 0.3, True, "run2"), (0.4, 0.2, 0.3, False, "run1"), (0.3, 0.2, 0.3, False, "run1")],
)
def test_the_few_shot_arm_wins_where_it_sounds_more_like_the_writer_than_every_run(
    run1: float, run2: float, few: float, wins: bool, best: str
) -> None:
    won, told = few_shot_wins(_scores(baseline=0.0, run1=run1, run2=run2, few=few))
    assert won is wins
    assert f"voice_match {few:.3f}" in told and f"({best}, " in told and ("not more" in told) is not wins


@pytest.mark.parametrize(
    ("arm", "model", "shots"),
    [("run2", "run2", 0), (FEW_SHOT, "baseline", 4), ("run2@3+12shot", "run2@3", 12)],
)
def test_an_arms_name_says_its_model_and_its_shots(arm: str, model: str, shots: int) -> None:
    assert arm_arguments(arm) == (model, shots)


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (
            3,
            [(["baseline", "run2"], ("c03",), 34)],
        ),
        (None, []),
    ],
)
def test_canaries_with_a_new_fault_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int | None, asked: list[Any]
) -> None:
    logs = _made_logs(tmp_path, fault)
    made: list[Any] = []
    monkeypatch.setattr(
        "timbre.voice.evaluate", lambda arms, logs, canaries, epochs: made.append((arms, canaries, epochs))
    )
    ask_again(Results.read(logs), logs)
    assert made == asked


def test_every_two_runs_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from results import gate

    logs, write_run = _made_logs(tmp_path), run_writer(tmp_path)
    write_run("run1", [(3.15, 3.6)])
    write_run("run2", [(2.81, 3.41)], parent="run1")
    compared: list[tuple[str, str]] = []

    def counted(table: Any, before: str, after: str, *more: Any) -> GateResult:
        compared.append((before, after))
        return decide(table, before, after, *more)

    decide = gate.gate
    monkeypatch.setattr(gate, "gate", counted)
    monkeypatch.setattr("timbre.voice.CHECKOUT", tmp_path)
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    results = Results.read(logs)
    show_results(results)
    for page in write_pages(results):
        assert "run2" in page.read_text(encoding="utf-8")
    assert sorted(compared) == [("baseline", "run1"), ("baseline", "run2"), ("run1", "run2")]


@pytest.mark.parametrize(("total", "spoken"), [(24, [6, 12, 18, 24]), (3, [1, 2, 3]), (7, [2, 4, 6, 7])])
def test_progress_is_said_at_the_end_of_each_quarter(total: int, spoken: list[int]) -> None:
    lines = {count: progress_line("run2", count, total, 65.2) for count in range(1, total + 1)}
    assert [count for count, line in lines.items() if line] == spoken
    assert lines[total] == f"run2: {total} of {total} answers judged, 1:05"
