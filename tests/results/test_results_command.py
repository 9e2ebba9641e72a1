"""The commands as a shell and a CI see them."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from results.command import compare, gate
from results.export_command import export
from results.report_command import report
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]
HEADER = "run,canary,epoch,dimension,value"


def _table(folder: Path, candidate: float, canaries: int = 40) -> Path:
    rng = np.random.default_rng(1)
    lines = [HEADER]
    for c in range(canaries):
        for e in (1, 2):
            lines.append(f"a,c{c},{e},specificity,{0.6 + rng.normal(0, 0.05):.4f}")
            lines.append(f"b,c{c},{e},specificity,{candidate + rng.normal(0, 0.05):.4f}")
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("candidate", "status", "word"), [(0.6, 0, "PASS"), (0.3, 1, "REGRESSED"), (0.5, 2, "INCONCLUSIVE")]
)
def test_the_gate_exits_by_its_verdict(tmp_path: Path, candidate: float, status: int, word: str) -> None:
    table = _table(tmp_path, candidate)
    result = CliRunner().invoke(gate, ["--baseline", "a", "--candidate", "b", "--scores", str(table)])
    assert result.exit_code == status
    assert result.stdout.splitlines()[-1].startswith(f"{word}: b against a")


def test_a_gate_in_json_is_json_with_nothing_for_what_is_not_known(tmp_path: Path) -> None:
    args = ["--baseline", "a", "--candidate", "b", "--scores", str(_table(tmp_path, 0.6)), "--json"]
    told = json.loads(CliRunner().invoke(gate, args).stdout)
    assert (told["overall"], told["dimensions"][0]["dimension"]) == ("PASS", "specificity")


@pytest.mark.parametrize("args", [["--baseline", "a"], ["--nonsense"]])
def test_a_usage_error_of_the_gate_is_not_taken_for_inconclusive(args: list[str]) -> None:
    assert CliRunner().invoke(gate, args).exit_code == 3


def test_a_bad_table_exits_3_and_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "\na,c1,1,charm,0.5\n")
    result = CliRunner().invoke(gate, ["--baseline", "a", "--candidate", "b", "--scores", str(path)])
    assert isinstance(result.exception, TimbreError)
    assert result.exception.exit_code == 3
    assert "table.csv:2" in str(result.exception)


def test_a_gate_that_could_not_read_says_so_in_json_and_junit_too(tmp_path: Path) -> None:
    args = ["--baseline", "a", "--candidate", "b", "--logs", str(tmp_path / "none"), "--json"]
    result = CliRunner().invoke(gate, [*args, "--junit", str(tmp_path / "gate.xml")])
    told = json.loads(result.stdout)
    assert told["overall"] == "ERROR" and "none" in told["problems"][0]
    assert "none" in (tmp_path / "gate.xml").read_text()
    assert isinstance(result.exception, TimbreError) and result.exception.exit_code == 3


def test_a_place_that_junit_can_not_be_written_to_is_told_after_the_verdict(tmp_path: Path) -> None:
    args = ["--baseline", "a", "--candidate", "b", "--scores", str(_table(tmp_path, 0.6))]
    result = CliRunner().invoke(gate, [*args, "--junit", str(tmp_path)])
    assert isinstance(result.exception, TimbreError) and "--junit" in str(result.exception)
    assert "PASS: b against a" in result.stdout


def test_a_folder_of_licences_that_is_not_there_is_an_error(write_log: WriteLog, tmp_path: Path) -> None:
    write_log("baseline")
    args = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(write_log("run2").parent)]
    result = CliRunner().invoke(gate, [*args, "--licences", str(tmp_path / "none")])
    assert isinstance(result.exception, TimbreError) and "no such folder" in str(result.exception)


def test_a_bug_in_the_gate_is_not_taken_for_a_regression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("results.score_files.read_scores", broken)
    args = ["--baseline", "a", "--candidate", "b", "--scores", str(_table(tmp_path, 0.6))]
    assert CliRunner().invoke(gate, args).exit_code == 3


def test_an_unknown_run_in_a_table_is_an_error_on_stderr(tmp_path: Path) -> None:
    args = ["--baseline", "a", "--candidate", "zzz", "--scores", str(_table(tmp_path, 0.6))]
    result = CliRunner().invoke(gate, args)
    assert result.exit_code == 3
    assert "no scores of 'zzz'" in result.stderr


def test_the_gate_reads_logs_and_writes_junit(tmp_path: Path, write_log: WriteLog) -> None:
    rng = np.random.default_rng(2)
    folder = write_log("baseline", scores=lambda c, e: {"compression": 0.8 + rng.random() * 0.1}).parent
    write_log("run2", scores=lambda c, e: {"compression": 0.2 + rng.random() * 0.1})
    junit = tmp_path / "out" / "gate.xml"
    args = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(folder), "--junit", str(junit)]
    assert CliRunner().invoke(gate, args).exit_code == 1
    suite = ET.parse(junit).getroot()
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["compression"]
    assert (suite.get("failures"), suite.get("tests")) == ("1", str(len(suite.findall("testcase"))))


def test_the_gate_table_fits_no_terminal_and_is_not_wrapped(write_log: WriteLog) -> None:
    folder = write_log("baseline").parent
    write_log("run2")
    args = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(folder)]
    result = CliRunner().invoke(gate, args)
    assert result.exit_code == 2
    row = next(line for line in result.stdout.splitlines() if "memorization*" in line)
    assert "INCONCLUSIVE" in row
    assert "not needed: it counts" in row
    assert "…" not in result.stdout
    assert "\x1b" not in result.stdout


def test_compare_shows_any_number_of_runs(write_log: WriteLog) -> None:
    folder = write_log("baseline", scores=lambda c, e: {"compression": 0.2}).parent
    write_log("run1", scores=lambda c, e: {"compression": 0.3})
    write_log("run2", scores=lambda c, e: {"compression": 0.5})
    args = ["baseline", "run1", "run2", "--logs", str(folder), "--json"]
    told = json.loads(CliRunner().invoke(compare, args).stdout)
    rows = {s["run"]: s for s in told["scores"] if s["dimension"] == "compression"}
    assert rows["run2"]["delta"]["estimate"] == pytest.approx(0.3)
    assert rows["run1"]["n"] == 12
    assert rows["baseline"]["delta"]["estimate"] is None
    plain = CliRunner().invoke(compare, args[:-1]).stdout
    assert "run2 - baseline" in plain


def test_compare_says_when_runs_answered_under_other_conditions(write_log: WriteLog) -> None:
    folder = write_log("baseline").parent
    write_log("run2", facts={"base": "other"})
    plain = CliRunner().invoke(compare, ["baseline", "run2", "--logs", str(folder)]).stdout
    assert "not like with like: base differs" in plain


def test_an_unknown_run_of_compare_exits_2(write_log: WriteLog) -> None:
    folder = write_log("baseline").parent
    result = CliRunner().invoke(compare, ["baseline", "nope", "--logs", str(folder)])
    assert isinstance(result.exception, TimbreError)
    assert result.exception.exit_code == 2


def test_every_command_takes_json() -> None:
    assert all("--json" in CliRunner().invoke(c, ["--help"]).stdout for c in (compare, gate, export, report))
