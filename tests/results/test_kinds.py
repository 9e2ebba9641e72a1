"""Scores by kind of canary, and false alarms where the first person is licensed."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from results.command import compare
from results.false_alarms import false_alarms
from results.logs import read_logs
from results.policy import load_policy

WriteLog = Callable[..., Path]


def test_a_gain_on_one_kind_alone_is_shown_on_that_kind_alone(write_log: WriteLog) -> None:
    write_log("baseline")
    better = {"compression": 0.9}
    logs = write_log("run2", scores=lambda c, e: better if c % 4 == 0 else {}).parent
    done = CliRunner().invoke(compare, ["baseline", "run2", "--logs", str(logs), "--by-kind", "--json"])
    kinds = json.loads(done.stdout)["by_kind"]
    deltas = {
        kind: next(s for s in scores if s["run"] == "run2" and s["dimension"] == "compression")
        for kind, scores in kinds.items()
    }
    assert set(deltas) == {"personal", "third_party"}
    assert deltas["personal"]["n"] == 3 and deltas["third_party"]["n"] == 9
    assert deltas["personal"]["delta"]["estimate"] > 0.4
    assert deltas["third_party"]["delta"]["estimate"] == 0


def test_the_kinds_are_printed_under_their_names(write_log: WriteLog) -> None:
    write_log("baseline")
    logs = write_log("run2").parent
    done = CliRunner().invoke(compare, ["baseline", "run2", "--logs", str(logs), "--by-kind"])
    assert "Only canaries of kind third_party:" in done.output


def test_what_the_detector_flags_under_a_licence_is_counted_as_its_own_mistake(write_log: WriteLog) -> None:
    fault = {"self_insertion": 1.0}
    path = write_log("run2", scores=lambda c, e: fault if c in (0, 1) else {})
    (found,) = false_alarms(read_logs((path,)), load_policy())
    assert (found.flagged, found.answers) == (2, 6)
    assert found.told == (
        "run2: 2 of 6 answers to licensed canaries flagged, 0 with a claim that the licence covers"
    )


def test_a_claim_that_the_licence_covers_is_counted_and_is_no_alarm(write_log: WriteLog) -> None:
    told = {"self_insertion": {"value": 0.0, "details": {"spans": 0.0, "licensed_spans": 2.0}}}
    path = write_log("run2", scores=lambda c, e: told if c == 4 else {})
    (found,) = false_alarms(read_logs((path,)), load_policy())
    assert (found.flagged, found.passed, found.answers) == (0, 2, 6)


def test_a_suite_without_licensed_canaries_says_so(write_log: WriteLog) -> None:
    path = write_log("run2", licensed=lambda canary: False)
    (found,) = false_alarms(read_logs((path,)), load_policy())
    assert found.told == "run2: no canary licenses the first person"
