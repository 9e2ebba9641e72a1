"""What experiment trackers are sent, as clients recorded by stand-ins that take the same calls."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from results.commands import scores
from tests.results.conftest import WriteLog
from timbre.errors import TimbreError


@pytest.fixture
def logs(write_log: WriteLog) -> str:
    write_log("baseline", scores=lambda c, e: {"hashtag_slop": 0.4 + c / 100})
    return str(write_log("run2", scores=lambda c, e: {"hashtag_slop": 0.1}).parent)


def sent(tracker: str, logs: str) -> None:
    arguments = ["baseline", "run2", "--into", tracker, "--logs", logs]
    CliRunner().invoke(scores, arguments, catch_exceptions=False, standalone_mode=False)


def test_wandb_gets_a_run_a_log_with_conditions_figures_and_verdicts(
    logs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[dict[str, Any]] = []

    def init(**arguments: Any) -> SimpleNamespace:
        runs.append({**arguments, "summary": {}})
        return SimpleNamespace(summary=runs[-1]["summary"], finish=lambda: None)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Settings=dict))  # type: ignore[arg-type]
    monkeypatch.setenv("WANDB_PROJECT", "notes")
    sent("wandb", logs)
    first, second = runs
    assert (first["project"], first["name"], second["name"]) == ("notes", "baseline", "run2")
    assert first["id"] != second["id"] and {"identity", "decoding", "judges"} <= second["config"].keys()
    summary = second["summary"]
    assert (summary["hashtag_slop/mean"], summary["hashtag_slop/n"]) == (0.1, 12)
    assert summary["hashtag_slop/gain"] == pytest.approx(0.355) and summary["hashtag_slop/gain_low"] > 0.3
    assert (summary["against"], summary["hashtag_slop/verdict"]) == ("baseline", "PASS")
    assert "verdict" not in first["summary"] and "warmth/mean" not in summary


def test_mlflow_gets_params_metrics_and_tags_and_a_log_that_it_has_is_updated(
    logs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: dict[str, dict[str, Any]] = {}
    active: list[str] = []

    def search(filter_string: str, output_format: str) -> list[SimpleNamespace]:
        known = [key for key, run in runs.items() if run["tags"]["timbre"] in filter_string]
        return [SimpleNamespace(info=SimpleNamespace(run_id=key)) for key in known]

    def start(run_id: str = "", run_name: str = "") -> nullcontext[None]:
        active.append(run_id or run_name)
        return nullcontext()

    def keep(kind: str) -> Callable[[dict[str, Any]], None]:
        return lambda values: runs.setdefault(active[-1], {}).update({kind: values})

    experiments: list[str] = []
    client = SimpleNamespace(
        set_experiment=experiments.append,
        search_runs=search,
        start_run=start,
        log_params=keep("params"),
        log_metrics=keep("metrics"),
        set_tags=keep("tags"),
    )
    monkeypatch.setitem(sys.modules, "mlflow", client)  # type: ignore[arg-type]
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    sent("mlflow", logs)
    sent("mlflow", logs)
    assert active == ["baseline", "run2"] * 2 and set(experiments) == {"timbre"}
    assert runs["run2"]["metrics"]["hashtag_slop/mean"] == 0.1
    assert runs["run2"]["tags"]["hashtag_slop/verdict"] == "PASS"
    assert runs["run2"]["params"]["run"] == "run2"


def test_a_client_that_is_not_installed_is_named_with_the_command_that_installs_it(
    logs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(TimbreError, match="not installed; pip install mlflow-skinny"):
        sent("mlflow", logs)


def test_a_client_that_fails_is_one_line(logs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: Any) -> None:
        raise RuntimeError("no login\nanywhere")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Settings=dict))  # type: ignore[arg-type]
    with pytest.raises(TimbreError, match="RuntimeError: no login anywhere"):
        sent("wandb", logs)
