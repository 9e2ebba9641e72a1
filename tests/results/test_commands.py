"""The commands of the results as a shell and a CI see them."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from results.commands import compare, export, gate, power, report, scores
from results.options import Sources, print_json
from results.policy import load_policy
from results.records import RunLog
from results.report_tables import flips_table
from results.terminal import show_gate
from tests.made_gate import made_result
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from timbre.stats import Interval

WriteLog = Callable[..., Path]
HEADER = "run,canary,epoch,dimension,value"
POLICY = """
[gate]
min_canaries = 12
max_unscored = 0.1
hard_alpha = 0.05
[dimensions.specificity]
margin = 0.1
direction = "up"
hard = false
licence = "not needed: a test"
"""
SCHEMA = json.loads((CHECKOUT / "docs" / "gate.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes a table of runs a and b on specificity, and returns the gate's arguments for it."""

    def write(candidate: float, canaries: int = 40) -> list[str]:
        rng = np.random.default_rng(1)
        lines = [HEADER]
        for canary in range(canaries):
            for run, level in (("a", 0.6), ("b", candidate)):
                for epoch in (1, 2):
                    lines.append(f"{run},c{canary},{epoch},specificity,{level + rng.normal(0, 0.05):.4f}")
        (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
        (tmp_path / "policy.toml").write_text(POLICY)
        files = ["--scores", str(tmp_path / "table.csv"), "--policy", str(tmp_path / "policy.toml")]
        return ["--baseline", "a", "--candidate", "b", *files]

    return write


@pytest.fixture
def logs(write_log: WriteLog) -> Callable[..., list[str]]:
    """Writes the logs of baseline and run2, and returns the gate's arguments for them."""

    def write(
        before: Mapping[str, float] | None = None, after: Mapping[str, float] | None = None
    ) -> list[str]:
        graded = {"humor": 0.5, "provocativeness": 0.5, "warmth": 0.5}
        folder = write_log("baseline", scores=lambda c, e: {**graded, **(before or {})}).parent
        write_log("run2", scores=lambda c, e: {**graded, **(after or {})})
        return ["--baseline", "baseline", "--candidate", "run2", "--logs", str(folder)]

    return write


def test_a_voice_that_is_not_there_is_told_whatever_the_policy_says(table: Callable[..., list[str]]) -> None:
    done = CliRunner().invoke(gate, [*table(0.6), "--voice", "nowhere.jsonl"])
    assert str(done.exception) == "nowhere.jsonl: no such file; give --voice a file of pairs"


def test_whoever_stops_reading_still_gets_the_files_and_the_exit_status(
    write_log: WriteLog, tmp_path: Path
) -> None:
    write_log("baseline")
    logs, junit = write_log("run2").parent, tmp_path / "gate.xml"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "timbre", "gate", "--baseline", "baseline", "--candidate", "run2"),
            *("--logs", str(logs), "--junit", str(junit)),
        ],
        cwd=CHECKOUT,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode in (0, 2), done.stderr
    assert junit.is_file()


def _gate(args: list[str]) -> Result:
    return CliRunner().invoke(gate, args)


def _status(done: Result) -> int:
    """The exit status, as ``timbre.cli.main`` takes it from a user's error too."""
    return done.exception.exit_code if isinstance(done.exception, TimbreError) else done.exit_code


@pytest.mark.parametrize(
    ("candidate", "status", "word"), [(0.6, 0, "PASS"), (0.3, 1, "REGRESSED"), (0.5, 2, "INCONCLUSIVE")]
)
def test_the_gate_exits_by_its_verdict_and_says_it_last(
    table: Callable[..., list[str]], candidate: float, status: int, word: str
) -> None:
    done = _gate(table(candidate))
    assert done.exit_code == status
    assert done.stdout.splitlines()[-1].startswith(f"{word}: b against a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--candidate": None}, "Missing option"),
        ({"--nonsense": ""}, "No such option"),
        ({"--allow": "weather"}, "weather"),
        ({"--logs": "logs"}, "takes the place"),
        ({"--scores": None, "--candidate": "a"}, "both baseline and candidate"),
        ({"--scores": None, "--logs": "nowhere"}, "nowhere"),
        ({"--scores": "nowhere.csv"}, "can't read it"),
        ({"--scores": "bad.csv"}, "bad.csv:2"),
        ({"--policy": "nowhere.toml"}, "no such policy"),
        ({"--candidate": "zzz"}, "no scores of 'zzz'"),
        ({"--junit": "."}, "can't be written"),
        ({"--markdown": "."}, "can't be written"),
    ],
    ids=str,
)
def test_every_failure_of_the_gate_exits_3_and_says_why(
    table: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str | None],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(HEADER + "\na,c1,1,charm,0.5\n")
    given = table(0.6)
    options: dict[str, str | None] = {**dict(zip(given[::2], given[1::2], strict=True)), **change}
    args = [part for name, value in options.items() if value is not None for part in (name, value) if part]
    done = _gate(args)
    assert _status(done) == 3
    assert message in done.stderr + str(done.exception)


def test_a_bug_in_the_gate_is_not_taken_for_a_regression(
    table: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("results.table.read_scores", broken)
    done = _gate(table(0.6))
    assert done.exit_code == 3 and "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("candidate", [0.6, 0.3, 0.5])
def test_the_json_of_a_table_fits_its_schema(table: Callable[..., list[str]], candidate: float) -> None:
    answer = json.loads(_gate([*table(candidate), "--json"]).stdout)
    jsonschema.validate(answer, SCHEMA)
    assert answer["dimensions"][0]["dimension"] == "specificity"


def test_the_json_of_logs_has_flips_with_both_answers_and_takes_passed(
    logs: Callable[..., list[str]],
) -> None:
    answer = json.loads(_gate([*logs({"compression": 0.8}, {"compression": 0.2}), "--json"]).stdout)
    jsonschema.validate(answer, SCHEMA)
    flip = next(flip for flip in answer["flips"] if flip["dimension"] == "compression")
    assert flip["before"].startswith("An answer to") and flip["after"].startswith("An answer to")
    assert flip["loss"] == pytest.approx(0.6)
    takes = [
        (rate["takes"], rate["passed"]) for rate in answer["pass_rates"] if rate["dimension"] == "compression"
    ]
    assert takes == [(2, 0)] * 12


@pytest.mark.parametrize("change", [{"more": 1}, {"overall": "FINE"}, {"flips": [{"canary": "c"}]}])
def test_the_schema_refuses_what_it_does_not_describe(
    table: Callable[..., list[str]], change: dict[str, Any]
) -> None:
    answer = json.loads(_gate([*table(0.6), "--json"]).stdout)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**answer, **change}, SCHEMA)


def test_a_gate_that_could_not_read_says_so_in_every_file(tmp_path: Path) -> None:
    files = ["--junit", str(tmp_path / "out" / "gate.xml"), "--markdown", str(tmp_path / "out" / "gate.md")]
    done = _gate(["--baseline", "a", "--candidate", "b", "--logs", str(tmp_path / "none"), "--json", *files])
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert _status(done) == 3
    assert answer["overall"] == "ERROR" and "none" in answer["problems"][0]
    assert "none" in (tmp_path / "out" / "gate.xml").read_text()
    assert "ERROR: b against a" in (tmp_path / "out" / "gate.md").read_text()


def test_a_regression_on_logs_reaches_junit_and_the_comment(
    logs: Callable[..., list[str]], tmp_path: Path
) -> None:
    files = ["--junit", str(tmp_path / "gate.xml"), "--markdown", str(tmp_path / "gate.md")]
    done = _gate([*logs({"compression": 0.8}, {"compression": 0.2}), *files])
    assert done.exit_code == 1
    suite = ET.parse(tmp_path / "gate.xml").getroot()
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["compression"]
    assert "compression on c00, lost 0.60: “An answer to 0, try 1.”" in (tmp_path / "gate.md").read_text()


def test_the_terminal_shows_the_worst_flips_the_missing_answers_and_the_goal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_gate(made_result())
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("5 of 7 flips, worst first") for line in lines)
    shown = [line.split()[0] for line in lines if line.startswith("c0")]
    assert shown == ["c00", "c01", "c02", "c03", "c04"]
    assert "- answers missing, counted as the worst: 2 in compression" in lines
    assert "- advisory, can't block: humor (no licence)" in lines
    row = next(line for line in lines if line.startswith("specificity"))
    assert row.split()[-1] == "0.18" and not any(line.startswith("words") for line in lines)
    assert lines[-1].endswith("voice_match gained +0.12 [0.05, 0.20]: a gain is proven.")


def test_flips_of_a_table_without_texts_have_no_empty_columns() -> None:
    assert flips_table(made_result(), 5).headings == ("canary", "dimension", "loss", "baseline", "run2")
    assert flips_table(made_result(text=""), 5).headings == ("canary", "dimension", "loss")


def test_the_writers_own_figures_are_read_where_a_margin_is_a_share_of_the_way_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("results.ceiling.ceiling", lambda voice: {"specificity": Interval(0.8, 0.7, 0.9)})
    voice, policies = tmp_path / "mine.jsonl", []
    voice.write_text("{}")
    for margin in ("0.1", '"25 %"'):
        (tmp_path / "policy.toml").write_text(POLICY.replace("0.1\ndirection", f"{margin}\ndirection"))
        policies.append(load_policy(tmp_path / "policy.toml"))
    sources = Sources((), None, None, None, voice)
    digest = hashlib.sha256(b"{}").hexdigest()[:12]
    own, other = (
        RunLog("run2", "2" * 64, "smoke", {"voice": name}, "2026-03-01", "run2.eval", ())
        for name in (f"mine.jsonl {digest}", "shipped.jsonl 0123456789ab")
    )
    assert sources.ceilings(policies[0], other) is None
    assert sources.ceilings(policies[1], own) == {"specificity": 0.8}
    with pytest.raises(TimbreError, match="run2 was judged with the voice shipped"):
        sources.ceilings(policies[1], other)


def test_compare_shows_means_and_gains_of_any_number_of_runs(write_log: WriteLog) -> None:
    folder = write_log("baseline", scores=lambda c, e: {"hashtag_slop": 0.5}).parent
    write_log("run1", scores=lambda c, e: {"hashtag_slop": 0.4})
    write_log("run2", scores=lambda c, e: {"hashtag_slop": 0.2})
    args = ["baseline", "run1", "run2", "--logs", str(folder)]
    answer = json.loads(CliRunner().invoke(compare, [*args, "--json"]).stdout)
    rows = {s["run"]: s for s in answer["scores"] if s["dimension"] == "hashtag_slop"}
    assert rows["run2"]["gain"]["estimate"] == pytest.approx(0.3)
    assert (rows["run1"]["n"], rows["baseline"]["gain"]["estimate"]) == (12, None)
    page = CliRunner().invoke(compare, args).stdout
    assert "Gain over baseline" in page and "+0.30 [0.30, 0.30]" in page


@pytest.mark.parametrize(
    ("confirmed", "missed", "recall"),
    [
        (1, 2, "0.60 [0.31, 0.84] (2 missed"),
        (1, 0, "1.00 [0.46, 1.00] (0"),
        (0, 0, "nobody found a claim (0"),
    ],
)
def test_compare_estimates_the_detectors_recall_from_the_sentences_that_graders_were_asked_about(
    write_log: WriteLog, confirmed: int, missed: int, recall: str
) -> None:
    """Half of the flagged sentences were asked about, and half of the 96 that are not flagged."""

    def judged(canary: int, take: int) -> dict[str, object]:
        flagged = {
            "flagged": 2,
            "flagged_asked": 1,
            "confirmed": confirmed if canary < 3 and take == 1 else 0,
        }
        found = 1 if canary < missed and take == 1 else 0
        details = {**flagged, "unflagged": 4, "sampled": 2, "sampled_faults": found}
        return {"self_insertion": {"value": 0.0, "details": details}}

    folder = write_log("run2", scores=judged).parent
    page = CliRunner().invoke(compare, ["run2", "--logs", str(folder)]).stdout
    assert f"Estimated recall of self_insertion in run2: {recall}" in page


def test_compare_names_conditions_that_differ(write_log: WriteLog) -> None:
    folder = write_log("baseline").parent
    write_log("run2", facts={"base": "other"})
    page = CliRunner().invoke(compare, ["baseline", "run2", "--logs", str(folder)]).stdout
    assert "not like with like: base differs" in page


def test_compare_writes_a_section_once_into_a_log(write_log: WriteLog, tmp_path: Path) -> None:
    folder = write_log("baseline").parent
    write_log("run2")
    page = tmp_path / "LOG.md"
    for _ in range(2):
        done = CliRunner().invoke(compare, ["baseline", "run2", "--logs", str(folder), "--log", str(page)])
        assert done.exit_code == 0, done.output
    assert page.read_text().count("## baseline, run2 side by side") == 1


def test_power_names_what_each_dimension_of_the_policy_needs(write_log: WriteLog) -> None:
    write_log("baseline")
    path = write_log("run2", scores=lambda canary, epoch: {"compression": 0.3 + 0.02 * canary})
    done = CliRunner().invoke(power, ["--logs", str(path.parent)])
    assert done.exit_code == 0, done.output
    assert "self_insertion*" in done.output
    answer = json.loads(CliRunner().invoke(power, ["--logs", str(path.parent), "--json"]).output)
    assert answer["runs"] == ["baseline", "run2"]
    needed = max(d["to_pass"] for d in answer["dimensions"] if d["may_block"] and d["to_pass"])
    assert f"needs about {needed} canaries" in done.output
    assert "passes on all that can block needs" in done.output and "no number of canaries" not in done.output
    assert "On smoke it may pass with fewer: there it rules out only losses of more than 0.35" in done.output


def test_power_promises_no_pass_where_faults_were_seen_in_one_run_alone(write_log: WriteLog) -> None:
    write_log("baseline")
    path = write_log("run2", scores=lambda canary, epoch: {"integrity": float((canary, epoch) == (3, 1))})
    page = CliRunner().invoke(power, ["--logs", str(path.parent)]).stdout
    assert "integrity: no number of canaries can be named to pass: some show a fault in one run alone" in page
    assert "A gate that passes on what has a number needs about" in page


@pytest.mark.parametrize(
    ("command", "args", "message"),
    [
        (power, ["baseline"], "name two runs"),
        (power, ["baseline", "nope"], "nope"),
        (compare, ["baseline", "nope"], "nope"),
        (scores, ["baseline"], "nowhere to write to"),
        (compare, ["baseline", "--licences", "nowhere"], "no such folder"),
    ],
    ids=str,
)
def test_a_users_mistake_is_one_error_that_exits_2(
    write_log: WriteLog, command: Any, args: list[str], message: str
) -> None:
    folder = write_log("baseline").parent
    done = CliRunner().invoke(command, [*args, "--logs", str(folder)])
    assert isinstance(done.exception, TimbreError) and message in str(done.exception)
    assert done.exception.exit_code == 2


def test_a_run_that_a_table_lacks_is_named(table: Callable[..., list[str]]) -> None:
    done = CliRunner().invoke(power, ["a", "x", *table(0.6)[4:]])
    assert isinstance(done.exception, TimbreError) and "'x'" in str(done.exception)


def test_json_holds_what_is_no_number_and_no_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"nan": float("nan"), "infinite": [float("inf")], "text": "é \ud800"})
    assert json.loads(capsys.readouterr().out) == {"nan": None, "infinite": [None], "text": "é \ud800"}


def test_every_command_takes_json() -> None:
    commands = (compare, export, gate, power, report, scores)
    assert all("--json" in CliRunner().invoke(command, ["--help"]).stdout for command in commands)
