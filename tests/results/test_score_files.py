"""Score tables out of the logs: as files that the gate reads back, and in the logs' own metadata."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai.log import read_eval_log

from results.commands import gate, power, scores
from results.gate import gate_scores
from results.logs import read_logs
from results.policy import DEFAULT_POLICY, load_policy
from results.table import conditions_of, read_scores, score_table, write_scores
from results.trackers import KEY
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]


@pytest.fixture
def logs(write_log: WriteLog) -> Path:
    write_log("baseline")
    return write_log("run2", scores=lambda canary, epoch: {"compression": 0.1 + 0.001 * canary}).parent


def test_parquet_gives_back_the_very_table(logs: Path, tmp_path: Path) -> None:
    table = score_table(read_logs((logs,)))
    write_scores(table, tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(read_scores(tmp_path / "s.parquet"), table)


def test_csv_gives_back_every_value_and_what_is_unscored(logs: Path, tmp_path: Path) -> None:
    table = score_table(read_logs((logs,)))
    write_scores(table, tmp_path / "s.csv")
    back = read_scores(tmp_path / "s.csv")
    columns = ["run", "canary", "epoch", "dimension", "value"]
    pd.testing.assert_frame_equal(back[columns], table[columns])
    assert list(back["unscored"] != "") == list(table["unscored"] != "")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_gate_decides_the_same_on_a_file_as_on_the_logs(logs: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"s.{suffix}"
    done = CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    asked = ["--baseline", "baseline", "--candidate", "run2"]
    on_file = CliRunner().invoke(gate, [*asked, "--scores", str(out)])
    on_logs = CliRunner().invoke(gate, [*asked, "--logs", str(logs)])
    assert on_file.exit_code == on_logs.exit_code == 1


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_fault_where_the_first_person_is_licensed_is_none_in_a_file_either(
    write_log: WriteLog, tmp_path: Path, suffix: str
) -> None:
    write_log("baseline", canaries=40)
    logs = write_log("run2", canaries=40, scores=lambda c, e: {"self_insertion": float(c % 4 == 0)}).parent
    out = tmp_path / f"s.{suffix}"
    CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(out)])
    asked = ["--baseline", "baseline", "--candidate", "run2", "--scores", str(out), "--json"]
    told = json.loads(CliRunner().invoke(gate, asked).stdout)
    found = {d["dimension"]: d for d in told["dimensions"]}["self_insertion"]
    assert found["n"] == 30 and found["verdict"] != "REGRESSED"


def test_a_table_that_names_its_judges_is_asked_for_their_licences(
    write_log: WriteLog, tmp_path: Path
) -> None:
    judged = {"value": 0.6, "judge": "rubric/humor@0123456789abcdef"}
    write_log("baseline", scores=lambda c, e: {"humor": judged})
    logs = write_log("run2", scores=lambda c, e: {"humor": {**judged, "value": 0.1 + 0.01 * c}}).parent
    verdicts = {}
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"s.{suffix}"
        CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(out)])
        asked = ["--baseline", "baseline", "--candidate", "run2", "--scores", str(out), "--json"]
        told = json.loads(CliRunner().invoke(gate, asked).stdout)
        verdicts[suffix] = {d["dimension"]: d["verdict"] for d in told["dimensions"]}["humor"]
        assert any("names no judges" in note for note in told["notes"]) == (suffix == "csv")
    assert verdicts == {"csv": "REGRESSED", "parquet": "ADVISORY"}


def test_a_pinned_baseline_is_looked_for_in_a_file_too(logs: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    shipped = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(shipped.replace("# [baseline]", "[baseline]").replace("# identity", "identity"))
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"s.{suffix}"
        CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(out)])
        asked = ["--baseline", "baseline", "--candidate", "run2", "--scores", str(out)]
        refused = CliRunner().invoke(gate, [*asked, "--policy", str(policy)])
        assert refused.exit_code == 3 and "pins the baseline's identity" in refused.output


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_runs_asked_under_other_conditions_are_not_compared_by_way_of_a_file(
    write_log: WriteLog, tmp_path: Path, suffix: str
) -> None:
    write_log("baseline")
    logs, out = write_log("run2", decoding={"temperature": 0.0}).parent, tmp_path / f"s.{suffix}"
    CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(out)])
    asked = ["--baseline", "baseline", "--candidate", "run2", "--scores", str(out), "--json"]
    decision = json.loads(CliRunner().invoke(gate, asked).stdout)
    warned = json.loads(CliRunner().invoke(power, ["--scores", str(out), "--json"]).stdout)["warnings"]
    if suffix == "csv":  # has no column for them (C3)
        assert any("names no conditions" in note for note in decision["notes"]) and not warned
        return
    assert decision["overall"] == "ERROR" and decision["problems"][0].startswith("decoding differs: baseline")
    assert warned[0].startswith("decoding differs") and "temperature 0.0" in warned[0]
    on_logs = CliRunner().invoke(power, ["--logs", str(logs)])
    assert "not like with like: decoding differs" in on_logs.output


def test_a_run_put_together_from_two_logs_is_refused(write_log: WriteLog) -> None:
    logs = [read_logs((write_log("run2", decoding={"seed": seed}),))[0] for seed in (1, 2)]
    with pytest.raises(TimbreError, match="the rows of run2 are of 2 logs"):
        conditions_of(pd.concat(map(score_table, [logs[:1], logs[1:]])), ["run2"])


def test_a_file_of_the_smoke_suite_has_its_figure_and_no_other_suite_passes_for_it(
    logs: Path, tmp_path: Path
) -> None:
    write_scores(score_table(read_logs((logs,))), tmp_path / "s.parquet")
    table, policy = read_scores(tmp_path / "s.parquet"), load_policy()
    assert gate_scores(table, "baseline", "run2", policy).suite == "smoke"
    on_full = gate_scores(table, "baseline", "run2", policy.model_copy(update={"suite": "full"}))
    assert on_full.problems == ("the policy asks for the suite full, and that of the runs is smoke",)


def test_a_file_of_another_kind_is_refused(logs: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(scores, ["--logs", str(logs), "--out", str(tmp_path / "s.xlsx")])
    assert isinstance(done.exception, TimbreError) and ".csv or .parquet" in str(done.exception)


def test_broken_parquet_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "s.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(TimbreError, match="not Parquet"):
        read_scores(tmp_path / "s.parquet")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("value", lambda column: column.astype(str)),
        ("value", lambda column: column.where(column.index > 0, math.inf)),
        ("canary", lambda column: list(range(len(column)))),
        ("unscored", lambda column: column.where(column != "", None)),
        ("epoch", lambda column: column - 2),
        ("licensed", lambda column: column.astype(str)),
    ],
)
def test_parquet_with_columns_of_another_kind_is_refused(
    logs: Path, tmp_path: Path, column: str, values: Callable[[Any], Any]
) -> None:
    table = score_table(read_logs((logs,)))
    path = tmp_path / "scores.parquet"
    table.assign(**{column: values(table[column])}).to_parquet(path)
    with pytest.raises(TimbreError) as caught:
        read_scores(path)
    assert str(path) in str(caught.value)


def test_a_row_given_twice_is_refused(logs: Path, tmp_path: Path) -> None:
    table = score_table(read_logs((logs,)))
    write_scores(pd.concat([table, table.iloc[:1]]), tmp_path / "s.parquet")
    with pytest.raises(TimbreError, match="is there twice"):
        read_scores(tmp_path / "s.parquet")


def test_the_table_goes_into_the_logs_once_and_leaves_the_answers_alone(logs: Path) -> None:
    before = read_logs((logs,))
    first = CliRunner().invoke(scores, ["baseline", "run2", "--logs", str(logs), "--into-logs"])
    assert first.exit_code == 0 and "2 of 2 logs" in first.output
    log = read_eval_log(before[1].path)
    told = log.metadata[KEY]
    assert told["against"] == "baseline"
    assert told["dimensions"]["compression"]["n"] == 12
    assert told["dimensions"]["compression"]["gain_high"] < 0
    assert told["dimensions"]["warmth"]["mean"] is None
    assert [log.samples for log in read_logs((logs,))] == [log.samples for log in before]
    again = CliRunner().invoke(scores, ["baseline", "run2", "--logs", str(logs), "--into-logs"])
    assert "0 of 2 logs" in again.output
