"""What may be compared with what, and what the gate says where it may not."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from canaries.suite import load_suite
from results.commands import gate as command
from results.gate import gate_logs
from results.logs import read_logs
from results.policy import DEFAULT_POLICY, Pin, Policy, load_policy
from results.records import CONDITIONS
from results.verdicts import FULL_SUITE, next_step

WriteLog = Callable[..., Path]
POLICY = load_policy()

DIFFERENT = {
    "base": {"base": "llama", "base_sha256": "c" * 64},
    "suite": {"suite_sha256": "9" * 64},
    "judges": {"judges": "9" * 64},
    "impostors": {"impostors": "others.jsonl 0123456789ab"},
    "voice": {"voice": "another"},
    "server": {"server": {"dtype": "float32", "args": "--quantization fp8"}},
    "grader": {"grader": "openai/gpt-5"},
}


def _pair(write_log: WriteLog, **facts: object) -> Path:
    write_log("baseline")
    return write_log("run2", facts=facts).parent


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name != "decoding"])
def test_what_differs_is_refused_by_name_and_let_pass_where_allowed(write_log: WriteLog, name: str) -> None:
    logs = _pair(write_log, **DIFFERENT[name])
    asked = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(logs), "--json"]
    refused = CliRunner().invoke(command, asked)
    assert refused.exit_code == 3
    problem = json.loads(refused.stdout)["problems"][0]
    assert problem.startswith(f"{name} differs: baseline ") and f"--allow {name}" in problem
    allowed = CliRunner().invoke(command, [*asked, "--allow", name])
    assert allowed.exit_code in (0, 1, 2), allowed.output
    assert any(f"as allowed: {name} differs" in note for note in json.loads(allowed.stdout)["notes"])


def test_an_outside_server_of_another_model_is_another_server(write_log: WriteLog) -> None:
    outside = {"dtype": "unknown", "args": None, "url_is_outside": True}
    write_log("baseline", facts={"server": {**outside, "model": "base"}})
    logs = write_log("run2", facts={"server": {**outside, "model": "another"}}).parent
    result = gate_logs(*read_logs((logs,), ("baseline", "run2")), POLICY)
    assert [problem.split(":")[0] for problem in result.problems] == ["server differs"]


def test_a_policy_may_allow_too(write_log: WriteLog) -> None:
    before, after = read_logs((_pair(write_log, **DIFFERENT["base"]),), ("baseline", "run2"))
    assert gate_logs(before, after, POLICY).overall == "ERROR"
    assert gate_logs(before, after, POLICY.model_copy(update={"allow": ("base",)})).overall != "ERROR"


def test_of_two_suites_only_the_canaries_that_both_answered_are_compared(write_log: WriteLog) -> None:
    write_log("baseline", canaries=12)
    path = write_log("run2", canaries=20, facts=DIFFERENT["suite"])
    before, after = read_logs((path.parent,), ("baseline", "run2"))
    result = gate_logs(before, after, POLICY, allowed=("suite",))
    assert result.dimensions[0].n == 12
    assert any("8 canaries left out" in note for note in result.notes)


def test_prompts_that_changed_under_one_id_are_not_paired(write_log: WriteLog) -> None:
    before, after = read_logs((_pair(write_log, **DIFFERENT["suite"]),), ("baseline", "run2"))
    other = tuple(
        dataclasses.replace(s, prompt="Another question.") if s.canary >= "c10" else s for s in after.samples
    )
    result = gate_logs(before, dataclasses.replace(after, samples=other), POLICY, allowed=("suite",))
    assert result.dimensions[0].n == 10
    assert any("2 canaries left out" in note for note in result.notes)


def test_suites_that_hardly_share_a_canary_are_not_compared(write_log: WriteLog) -> None:
    write_log("baseline", canaries=12)
    path = write_log("run2", canaries=25, facts=DIFFERENT["suite"])
    result = gate_logs(*read_logs((path.parent,), ("baseline", "run2")), POLICY, allowed=("suite",))
    assert result.problems == ("only 12 of 25 canaries asked both the same prompt",)


@pytest.mark.parametrize("named", [(), ("--suite", "smoke")])
def test_without_the_suite_that_the_policy_asks_for_there_is_no_verdict(
    write_log: WriteLog, tmp_path: Path, named: tuple[str, ...]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(DEFAULT_POLICY.read_text().replace("# suite = ", "suite = "))
    logs = _pair(write_log)
    asked = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(logs), "--policy", str(policy)]
    refused = CliRunner().invoke(command, [*asked, *named])
    assert 3 in (refused.exit_code, getattr(refused.exception, "exit_code", None))
    expected = "asks for the suite full, and that of the runs is smoke" if named else "no log of suite 'full'"
    assert expected in f"{refused.output}{refused.exception}"
    for run in ("baseline", "run2"):
        write_log(run, facts={"suite": "full"}, created="2026-02-01T10:00:00+00:00")
    assert json.loads(CliRunner().invoke(command, [*asked, "--json"]).stdout)["suite"] == "full"


def _pinned(identity: str) -> Policy:
    return POLICY.model_copy(update={"baseline": Pin(identity=identity)})


def test_another_baseline_than_the_pinned_one_is_an_error(write_log: WriteLog) -> None:
    before, after = read_logs((_pair(write_log),), ("baseline", "run2"))
    assert gate_logs(before, after, _pinned("b" * 12)).overall != "ERROR"
    refused = gate_logs(before, after, _pinned("0" * 12))
    assert (
        refused.overall == "ERROR" and "pins the baseline's identity to 000000000000" in refused.problems[0]
    )


def test_a_hard_fault_is_quoted_in_table_junit_and_summary(
    write_log: WriteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "We were all there, <b>she</b> and I | for years."
    fault = {"value": 1.0, "evidence": [{"text": sentence, "start": 0, "end": len(sentence), "why": "of_us"}]}
    write_log("baseline")
    logs = write_log(
        "run2", scores=lambda canary, epoch: {"memorization": fault}, text=lambda canary, epoch: sentence
    ).parent
    page, junit = tmp_path / "summary.md", tmp_path / "gate.xml"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    asked = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(logs), "--junit", str(junit)]
    done = CliRunner().invoke(command, asked)
    assert done.exit_code == 1
    assert (
        "- evidence: memorization: c00, take 1: “We were" in done.stdout
        and "memorization: and 22 more" in done.stdout
    )
    assert "We were all there" in junit.read_text()
    summary = page.read_text()
    assert "### Voice gate: ❌ REGRESSED: run2 against baseline" in summary
    assert "\\<b\\>she" in summary and "I \\| for years" in summary


ASKED_AGAIN = "--sample-id c03 --epochs 34"
FAULT = {"scores": lambda canary, epoch: {"memorization": float((canary, epoch) == (3, 1))}}
ON_MINE = {"facts": {"suite": "mine"}, "suite_file": "own suites/mine.yaml"}


@pytest.mark.parametrize(
    ("run", "both", "candidate", "steps"),
    [
        (
            "run2",
            ON_MINE,
            {},
            ["about 99: the full suite has 177: inspect", "--model baseline,run2 -T suite=full"],
        ),
        ("run2", ON_MINE, FAULT, [f"--model baseline,run2 -T suite='own suites/mine.yaml' {ASKED_AGAIN}"]),
        (
            "run2+3shot",
            {},
            {**FAULT, "facts": {"shots": 3}},
            [
                f"--model baseline -T suite=smoke {ASKED_AGAIN} && ",
                f"--model run2 -T suite=smoke -T shots=3 {ASKED_AGAIN}",
            ],
        ),
        (
            "run2",
            {"facts": {"suite": "full"}},
            {},
            ["about 99: the full suite's 177 are too few, so write a suite of your own."],
        ),
    ],
)
def test_inconclusive_gives_a_command_that_works_and_would_settle_it(
    write_log: WriteLog, run: str, both: dict[str, Any], candidate: dict[str, Any], steps: list[str]
) -> None:
    write_log("baseline", **both)
    logs = write_log("run2", **both | candidate).parent
    result = gate_logs(*read_logs((logs,), ("baseline", run)), POLICY)
    assert result.overall == "INCONCLUSIVE"
    assert all(step in str(next_step(result)) for step in steps), str(next_step(result))


def test_the_full_suite_has_as_many_canaries_as_the_gate_says() -> None:
    assert len(load_suite("full").canaries) == FULL_SUITE


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ('[baseline]\nidentity = "xyz"', "baseline.identity: 'xyz' won't do"),
        ("[baseline]\nname = 1", "baseline.identity: missing key"),
        ("[baselines]\n", "unknown section"),
    ],
)
def test_a_wrong_pin_is_refused_with_its_key(tmp_path: Path, section: str, expected: str) -> None:
    from timbre.errors import TimbreError

    policy = tmp_path / "policy.toml"
    policy.write_text(DEFAULT_POLICY.read_text() + "\n" + section + "\n")
    with pytest.raises(TimbreError, match=expected):
        load_policy(policy)
