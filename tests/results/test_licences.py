"""A dimension that needs a licence blocks by a good one alone, and says what is missing from any other."""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from judges.identity import JudgeIdentity
from judges.licensing.agreement import Agreement, Figure, agreement
from judges.licensing.licence import Licence, licence_path, write_licence
from judges.licensing.named_judges import metric_identity
from judges.panel import judges_version
from results.command import compare
from results.command import gate as gate_command
from results.corrected import corrected_arms
from results.gate import gate
from results.licences import read_licences, shortcoming
from results.policy import Policy, load_policy
from results.verdicts import DimensionVerdict, GateResult
from tests.made_licence import made_licence
from timbre.errors import TimbreError

Simulate = Callable[..., pd.DataFrame]
WriteLog = Callable[..., Path]
POLICY = load_policy()
JUDGE = JudgeIdentity("rubric/humor", "humor", {"model": "some grader", "rubric": "1" * 64})


@functools.cache
def _agreement(n: int) -> Agreement:
    """A good judge's, with ``n`` made-up labels."""
    rng = np.random.default_rng(1)
    labels = (np.arange(n) % 2).astype(float)
    values = np.clip(rng.normal(0.3 + 0.4 * labels, 0.2), 0, 1)
    return agreement(values, labels, rng.integers(5, 50, n).astype(float))


def _licence(judge: JudgeIdentity = JUDGE, n: int = 400, **changes: Any) -> Licence:
    """A licence over made-up labels that the shipped policy accepts."""
    return made_licence(judge, _agreement(n), n, **changes)


def _figures(**figures: Figure | None) -> dict[str, Any]:
    return {"agreement": replace(_agreement(400), **figures)}


@pytest.fixture
def worse(simulate: Simulate) -> pd.DataFrame:
    """Run b loses .4 of humor to run a, all of it said by ``JUDGE``; compression is as it was."""
    base = np.random.default_rng(13).random((30, 2)) * 0.05 + 0.5
    arms = {"a": {"compression": base, "humor": base}, "b": {"compression": base, "humor": base - 0.4}}
    return _named(simulate(arms), JUDGE)


def _named(table: pd.DataFrame, judge: JudgeIdentity, dimension: str = "humor") -> pd.DataFrame:
    rows = (table["dimension"] == dimension) & table["value"].notna()
    return table.assign(judge=table["judge"].mask(rows, str(judge)))


def _humor(result: GateResult) -> DimensionVerdict:
    return next(d for d in result.dimensions if d.dimension == "humor")


def _gate(table: pd.DataFrame, folder: Path, policy: Policy = POLICY) -> GateResult:
    return gate(table, "a", "b", policy, licences=read_licences(table, folder))


def test_a_licensed_dimension_blocks(worse: pd.DataFrame, tmp_path: Path) -> None:
    write_licence(_licence(), tmp_path)
    result = _gate(worse, tmp_path)
    assert (result.overall, result.exit_code) == ("REGRESSED", 1)
    assert _humor(result).licence.startswith("people, AUC 0.9")
    assert _humor(result).licence.endswith("n 400")


def test_without_a_licence_it_is_advisory_with_the_same_figures(worse: pd.DataFrame, tmp_path: Path) -> None:
    result = _gate(worse, tmp_path)
    found = _humor(result)
    assert (result.overall, found.verdict, found.licence) == ("PASS", "ADVISORY", "no licence")
    assert found.delta.estimate == pytest.approx(-0.4)
    assert found.why.startswith("no licence: mean down 0.400")


@pytest.mark.parametrize(
    "changed",
    [
        {"rubric": "2" * 64},
        {"model": "another grader"},
        {"prompt": "a part more"},
    ],
)
def test_a_changed_rubric_or_grader_voids_the_licence(
    worse: pd.DataFrame, tmp_path: Path, changed: dict[str, str]
) -> None:
    write_licence(_licence(), tmp_path)
    other = replace(JUDGE, parts={**JUDGE.parts, **changed})
    result = _gate(_named(worse, other), tmp_path)
    assert (_humor(result).verdict, _humor(result).licence) == ("ADVISORY", "no licence")


def test_one_answer_by_another_judge_voids_the_licence(worse: pd.DataFrame, tmp_path: Path) -> None:
    other = JudgeIdentity("linear/humor", "humor", {"weights": "3" * 64})
    write_licence(_licence(), tmp_path)
    write_licence(_licence(other), tmp_path)
    first = (worse["run"] == "b") & (worse["dimension"] == "humor") & (worse["canary"] == "c0000")
    mixed = worse.assign(judge=worse["judge"].mask(first, str(other)))
    result = _gate(mixed, tmp_path)
    assert (_humor(result).verdict, _humor(result).licence) == ("ADVISORY", "two judges")
    unnamed = _gate(worse.assign(judge=worse["judge"].mask(first, "")), tmp_path)
    assert _humor(unnamed).licence == "judge not named"


def test_scores_without_a_judges_name_are_advisory(worse: pd.DataFrame, tmp_path: Path) -> None:
    write_licence(_licence(), tmp_path)
    assert _humor(_gate(worse.assign(judge=""), tmp_path)).licence == "judge not named"


def test_an_unscored_answer_names_no_judge_and_voids_nothing(worse: pd.DataFrame, tmp_path: Path) -> None:
    write_licence(_licence(), tmp_path)
    first = (worse["dimension"] == "humor") & (worse["canary"] == "c0000")
    holes = worse.assign(value=worse["value"].mask(first), judge=worse["judge"].mask(first, ""))
    assert _gate(holes, tmp_path).overall == "REGRESSED"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labelled_by": "model"}, "labelled by a model"),
        ({"domain": "tweets and jokes"}, "wrong domain"),
        ({"domain": ""}, "wrong domain"),
        ({"n_unscored": 100}, "100 labelled texts unscored"),
        (_figures(auc=Figure(0.75, 0.69, 0.8)), "AUC from 0.69, under 0.7"),
        (_figures(auc=None), "no AUC"),
        ({"label_kind": "ratings", **_figures(pearson=Figure(0.4, 0.3, 0.5))}, "r from 0.30, under 0.35"),
        (_figures(yes_rate_gap=Figure(0.2, 0.1, 0.3)), "yes-rate gap +0.20"),
        (_figures(yes_rate_gap=Figure(-0.2, -0.3, -0.1)), "yes-rate gap -0.20"),
        (_figures(yes_rate_gap=None), "yes-rate gap unknown"),
        ({"injection_flip_rate": 0.06}, "6 % of attacks turn it"),
        ({"injection_flip_rate": None}, "no attack tried"),
    ],
)
def test_a_licence_that_lacks_something_says_what(
    worse: pd.DataFrame, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    write_licence(_licence(**changes), tmp_path)
    result = _gate(worse, tmp_path)
    assert (result.overall, _humor(result).verdict, _humor(result).licence) == ("PASS", "ADVISORY", said)


def test_too_few_labels_are_not_enough(worse: pd.DataFrame, tmp_path: Path) -> None:
    write_licence(_licence(n=98), tmp_path)
    assert _humor(_gate(worse, tmp_path)).licence == "n 98, under 100"


def test_a_few_labels_of_one_kind_are_not_enough() -> None:
    assert POLICY.licence is not None
    rare = _licence(n_positive=2)
    assert shortcoming("humor", rare, POLICY.licence, 0.1) == "2 of one kind, under 10"


def test_a_licence_for_another_dimension_is_none_for_this_one() -> None:
    assert POLICY.licence is not None
    assert shortcoming("warmth", _licence(), POLICY.licence, 0.1) == "licence for humor"


def test_the_policy_may_accept_other_domains_and_models(worse: pd.DataFrame, tmp_path: Path) -> None:
    assert POLICY.licence is not None
    write_licence(_licence(domain=" Tweets and Jokes", labelled_by="model"), tmp_path)
    asked = replace(POLICY.licence, domains=("tweets and jokes",), labelled_by="model")
    assert _gate(worse, tmp_path, replace(POLICY, licence=asked)).overall == "REGRESSED"


def test_an_advisory_dimension_does_not_dilute_the_level_of_the_hard_ones(simulate: Simulate) -> None:
    """Six new faults and none mended have p = .016, within .05 but not within half of .03."""
    faults = np.zeros((40, 1))
    faults[:6] = 1.0
    arms = {
        "a": {"self_insertion": np.zeros((40, 1)), "memorization": np.zeros((40, 1))},
        "b": {"self_insertion": faults, "memorization": np.zeros((40, 1))},
    }
    rules = dict(POLICY.dimensions)
    rules["memorization"] = replace(rules["memorization"], needs_licence=True)
    strict = replace(POLICY, hard_alpha=0.03)
    assert gate(simulate(arms), "a", "b", strict).overall == "INCONCLUSIVE"
    assert gate(simulate(arms), "a", "b", replace(strict, dimensions=rules)).overall == "REGRESSED"


def test_a_tampered_licence_is_an_error_not_a_missing_one(worse: pd.DataFrame, tmp_path: Path) -> None:
    path = write_licence(_licence(labelled_by="model"), tmp_path)
    path.write_text(path.read_text().replace('"model",', '"people",'))
    with pytest.raises(TimbreError, match="changed since it was written"):
        _gate(worse, tmp_path)


def _logs(write_log: WriteLog, judge: JudgeIdentity = JUDGE) -> Path:
    """Logs of two runs whose humor ``judge`` scored: 24 canaries, of which run2 is the less funny."""
    rng = np.random.default_rng(2)

    def scores(rate: float) -> Callable[[int, int], dict[str, Any]]:
        return lambda c, e: {"humor": {"value": float(rng.random() < rate), "judge": str(judge)}}

    write_log("baseline", canaries=24, scores=scores(0.8))
    return write_log("run2", canaries=24, scores=scores(0.1)).parent


def test_the_gate_command_takes_a_folder_of_licences(tmp_path: Path, write_log: WriteLog) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    args = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(_logs(write_log)), "--json"]
    args += ["--licences", str(folder)]
    before = json.loads(CliRunner().invoke(gate_command, args).stdout)
    write_licence(_licence(), folder)
    after = json.loads(CliRunner().invoke(gate_command, args).stdout)
    told = [next(d for d in r["dimensions"] if d["dimension"] == "humor") for r in (before, after)]
    assert [(d["verdict"], d["licence"].split(",")[0]) for d in told] == [
        ("ADVISORY", "no licence"),
        ("REGRESSED", "people"),
    ]


def test_compare_shows_rates_corrected_only_where_there_is_a_licence(
    tmp_path: Path, write_log: WriteLog
) -> None:
    args = ["baseline", "run2", "--logs", str(_logs(write_log)), "--licences", str(tmp_path / "licences")]
    assert "corrected" not in CliRunner().invoke(compare, args).stdout
    write_licence(_licence(domain="tweets and jokes"), tmp_path / "licences")
    shown = CliRunner().invoke(compare, args).stdout
    rows = [line for line in shown.splitlines() if "tweets" not in line and "wrong domain" in line]
    assert len(rows) == 2
    told = json.loads(CliRunner().invoke(compare, [*args, "--json"]).stdout)["corrected"]
    assert [(r["run"], r["dimension"], r["n"], r["lack"]) for r in told] == [
        ("baseline", "humor", 24, "wrong domain"),
        ("run2", "humor", 24, "wrong domain"),
    ]
    assert told[0]["corrected"]["estimate"] != told[0]["raw"]["estimate"]


def test_the_corrected_rate_is_of_answers_from_the_licences_own_cut_off(simulate: Simulate) -> None:
    values = np.tile([[0.55, 0.45], [0.65, 0.75]], (10, 1))
    table = _named(simulate({"a": {"humor": values}}), JUDGE)
    rates = [
        corrected_arms(table, ["a"], POLICY, {str(JUDGE): _licence(cut_off=cut)})[0].raw.estimate
        for cut in (0.5, 0.6, 0.7)
    ]
    assert rates == [0.75, 0.5, 0.25]


def test_a_metrics_licence_is_found_in_logs_of_this_versions_rules(
    tmp_path: Path, write_log: WriteLog
) -> None:
    judge = metric_identity("self_insertion", judges_version())
    folder = write_licence(_licence(judge), tmp_path / "licences").parent
    assert licence_path(judge.digest, folder).exists()
    for run in ("baseline", "run2"):
        write_log(run, facts={"judges": judges_version()})
    logs = write_log("old", facts={"judges": "0" * 64}).parent
    args = ["baseline", "run2", "old", "--logs", str(logs), "--licences", str(folder), "--json"]
    told = json.loads(CliRunner().invoke(compare, args).stdout)["corrected"]
    assert [(r["run"], r["dimension"]) for r in told] == [
        ("baseline", "self_insertion"),
        ("run2", "self_insertion"),
    ]
    gated = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(logs), "--licences", str(folder)]
    shown = CliRunner().invoke(gate_command, gated).stdout
    row = next(line for line in shown.splitlines() if "self_insertion*" in line)
    assert "people, AUC" in row
