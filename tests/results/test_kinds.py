"""Scores by kind of canary."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from results.command import compare
from results.evidence import fault_evidence, licensed_claims
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


def test_claims_that_a_licence_covers_are_quoted_and_no_fault(write_log: WriteLog) -> None:
    span = {"start": 0, "end": 1, "why": "licensed"}
    quotes = [{"text": f"I  grew up at number {n}.", **span} for n in range(2)]
    judged = {"self_insertion": {"value": 0.0, "evidence": quotes}}
    path = write_log("run2", scores=lambda c, e: judged if c in (0, 1, 4) else {})
    (log,) = read_logs((path,))
    claimed = [s for s in log.samples if s.judgements["self_insertion"].evidence]
    licensed = [s for s in claimed if s.licensed]
    assert 0 < len(licensed) < len(claimed)
    found = licensed_claims(log)
    assert found[0] == f'self_insertion on {licensed[0].canary}: "I grew up at number 0."'
    assert found[3] == f"self_insertion: and {2 * len(licensed) - 3} more"
    assert fault_evidence(log, load_policy()) == ()
