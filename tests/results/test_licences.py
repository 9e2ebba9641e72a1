"""A dimension that needs a licence blocks by a good one alone, and says all that any other one lacks."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from judges.licensing.licence import LICENCES, Licence, write_licence
from judges.types import JudgeIdentity
from results.commands import compare
from results.commands import gate as gate_command
from results.comparison import DimensionVerdict
from results.corrected_rates import corrected_rates
from results.gate import gate
from results.licences import Basis, demands, read_licences, shortfalls
from results.policy import DimensionPolicy, Policy, load_policy
from results.verdicts import GateResult
from tests.made_licence import good_agreement, made_licence, with_all_optional
from timbre.errors import TimbreError
from timbre.stats import Interval

Simulate = Callable[..., pd.DataFrame]
WriteLog = Callable[..., Path]
POLICY = with_all_optional(load_policy())
JUDGE = JudgeIdentity("rubric/humor", "humor", 1, {"grader": "some grader", "rubric": "1" * 64})
OTHER = JudgeIdentity("encoder/humor", "humor", 1)
GOOD = Interval(0.8, 0.75, 0.85)
RARE = replace(good_agreement(108, 12), auc=GOOD, pearson=GOOD, yes_rate_gap=Interval(0.0, 0.0, 0.0))


def licence(judge: JudgeIdentity = JUDGE, n: int = 400, **changes: Any) -> Licence:
    """A licence over made-up labels that the shipped policy accepts."""
    return made_licence(judge, good_agreement(n), **changes)


def figures(**changed: Interval | None) -> dict[str, Any]:
    return {"figures": replace(good_agreement(400), **changed)}


def with_policy(**changed: Any) -> Policy:
    licence = POLICY.licence.model_copy(update=changed)
    return POLICY.model_copy(update={"licence": licence})


@pytest.fixture
def worse(simulate: Simulate) -> pd.DataFrame:
    """Run b loses .4 of humor to run a, all of it judged by ``JUDGE``; compression is as it was."""
    base = np.random.default_rng(13).random((30, 2)) * 0.05 + 0.5
    runs = {"a": {"compression": base, "humor": base}, "b": {"compression": base, "humor": base - 0.4}}
    return named(simulate(runs), JUDGE)


def named(table: pd.DataFrame, judge: JudgeIdentity, dimension: str = "humor") -> pd.DataFrame:
    rows = (table["dimension"] == dimension) & table["value"].notna()
    return table.assign(judge=table["judge"].mask(rows, str(judge)))


def verdict(result: GateResult, key: str = "humor") -> DimensionVerdict:
    return next(d for d in result.dimensions if d.dimension == key)


def gated(table: pd.DataFrame, folder: Path, policy: Policy = POLICY) -> GateResult:
    return gate(table, "a", "b", policy, Basis(read_licences(table, folder)))


def test_a_licensed_dimension_blocks(worse: pd.DataFrame, tmp_path: Path) -> None:
    write_licence(licence(), tmp_path)
    result = gated(worse, tmp_path)
    assert (result.overall, result.exit_code) == ("REGRESSED", 1)
    assert verdict(result).licence == "people, AUC 0.93, n 400"
    assert verdict(result, "compression").licence.startswith("not needed: it counts words")


def test_without_a_licence_it_is_advisory_with_the_same_figures(worse: pd.DataFrame, tmp_path: Path) -> None:
    result = gated(worse, tmp_path)
    humor = verdict(result)
    assert (result.overall, humor.verdict, humor.licence) == ("PASS", "ADVISORY", "no licence")
    assert humor.gain.estimate == pytest.approx(-0.4)
    assert humor.why.startswith("no licence: gain -0.400")


@pytest.mark.parametrize(
    "changed",
    [{"version": 2}, {"parts": {**JUDGE.parts, "rubric": "2"}}, {"parts": {**JUDGE.parts, "grader": "g"}}],
)
def test_a_changed_judge_has_no_licence(worse: pd.DataFrame, tmp_path: Path, changed: dict[str, Any]) -> None:
    write_licence(licence(), tmp_path)
    result = gated(named(worse, replace(JUDGE, **changed)), tmp_path)
    assert (verdict(result).verdict, verdict(result).licence) == ("ADVISORY", "no licence")


@pytest.mark.parametrize(
    ("other", "text"), [(str(OTHER), "2 judges"), ("", "judge not named"), (None, "people, AUC 0.93, n 400")]
)
def test_one_answer_by_another_judge_voids_the_licence(
    worse: pd.DataFrame, tmp_path: Path, other: str | None, text: str
) -> None:
    """An answer without a value has no judge, and voids nothing."""
    write_licence(licence(), tmp_path)
    write_licence(licence(OTHER), tmp_path)
    first = (worse["dimension"] == "humor") & (worse["canary"] == "c0000")
    first &= (worse["run"] == "b") if other is not None else True
    mixed = worse.assign(judge=worse["judge"].mask(first, other or ""))
    if other is None:
        mixed = mixed.assign(value=mixed["value"].mask(first))
    humor = verdict(gated(mixed, tmp_path))
    assert (humor.verdict == "ADVISORY", humor.licence) == (other is not None, text)


@pytest.mark.parametrize(
    ("changes", "policy", "lacks"),
    [
        ({}, POLICY, ()),
        ({"labelled_by": "model"}, POLICY, ("labelled by a model",)),
        ({"labelled_by": "model"}, with_policy(labelled_by="model"), ()),
        ({"labelled_by": "people"}, with_policy(labelled_by="model"), ()),
        ({"domain": "tweets"}, POLICY, ("domain 'tweets'",)),
        ({"domain": " Tweets"}, with_policy(domains=("jokes", "tweets ")), ()),
        ({"n": 100}, POLICY, ()),
        ({"n": 98}, POLICY, ("n 98, under 100",)),
        ({"n": 98}, with_policy(min_n=98), ()),
        ({"n_unscored": 44}, POLICY, ()),
        ({"n_unscored": 45}, POLICY, ("45 labelled texts unscored",)),
        ({"figures": good_agreement(100, 10)}, POLICY, ()),
        ({"figures": RARE}, POLICY, ("9 of one kind, under 10",)),
        ({"figures": RARE, "label_kind": "ratings"}, POLICY, ()),
        (figures(auc=Interval(0.75, 0.7, 0.8)), POLICY, ()),
        (figures(auc=Interval(0.75, 0.69, 0.8)), POLICY, ("AUC from 0.69, under 0.7",)),
        (figures(auc=None), POLICY, ("no AUC",)),
        (figures(auc=None) | {"label_kind": "ratings"}, POLICY, ()),
        (figures(pearson=Interval(0.4, 0.3, 0.5)), POLICY, ()),
        (
            figures(pearson=Interval(0.4, 0.3, 0.5)) | {"label_kind": "ratings"},
            POLICY,
            ("r from 0.30, under 0.35",),
        ),
        (figures(yes_rate_gap=Interval(0.1, 0.1, 0.3)), POLICY, ()),
        (figures(yes_rate_gap=Interval(0.2, 0.1, 0.3)), POLICY, ("yes-rate gap +0.20",)),
        (figures(yes_rate_gap=Interval(-0.2, -0.3, -0.1)), POLICY, ("yes-rate gap -0.20",)),
        (figures(yes_rate_gap=None), POLICY, ("yes-rate gap unknown",)),
        ({"injection_flip_rate": 0.05}, POLICY, ()),
        ({"injection_flip_rate": 0.06}, POLICY, ("6 % of attacks turn it",)),
        ({"injection_flip_rate": None}, POLICY, ("no attack tried",)),
        (
            {"domain": "", "labelled_by": "model", "injection_flip_rate": 0.5, "n": 50},
            POLICY,
            ("labelled by a model", "domain ''", "n 50, under 100", "50 % of attacks turn it"),
        ),
    ],
)
def test_a_licence_says_all_that_it_lacks(
    worse: pd.DataFrame, tmp_path: Path, changes: dict[str, Any], policy: Policy, lacks: tuple[str, ...]
) -> None:
    given = dict(changes)
    made = made_licence(JUDGE, given.pop("figures", None) or good_agreement(given.pop("n", 400)), **given)
    assert shortfalls("humor", made, policy) == lacks
    humor = verdict(gated(worse, write_licence(made, tmp_path).parent, policy))
    assert humor.verdict == ("ADVISORY" if lacks else "REGRESSED")
    assert humor.licence == "; ".join(lacks) if lacks else humor.licence.startswith(made.labelled_by)


def test_a_licence_for_another_dimension_is_none_for_this_one() -> None:
    assert shortfalls("warmth", licence(), POLICY) == ("it is for humor",)


def test_what_is_asked_is_told_by_the_policys_own_figures() -> None:
    asked = " ".join(demands("humor", with_policy(labelled_by="model", min_n=70, min_auc=0.8, min_r=0.4)))
    assert all(
        text in asked for text in ("people or a model", "least 70", "above 0.8", "above 0.4", "at least 10")
    )
    assert "labelled by people" in demands("humor", POLICY)
    assert demands("memorization", POLICY)[0].startswith("a licence of memorization is not needed: it counts")


def test_a_dimension_needs_a_licence_or_a_reason(worse: pd.DataFrame, tmp_path: Path) -> None:
    rule = DimensionPolicy(margin=0.1, direction="up", hard=False)
    for text, may_block in ((rule.licence, False), ("not needed: it counts goats", True)):
        rules = {**POLICY.dimensions, "humor": rule.model_copy(update={"licence": text})}
        humor = verdict(gated(worse, tmp_path, POLICY.model_copy(update={"dimensions": rules})))
        assert humor.verdict == ("REGRESSED" if may_block else "ADVISORY")
        assert humor.licence == (text if may_block else "no licence")


def test_an_advisory_dimension_does_not_dilute_the_level_of_the_hard_ones(simulate: Simulate) -> None:
    """Six new faults and none mended have p = .016, within .05 but not within half of .03."""
    faults = np.zeros((40, 1))
    faults[:6] = 1.0
    none = np.zeros((40, 1))
    runs = {
        "a": {"self_insertion": none, "memorization": none},
        "b": {"self_insertion": none, "memorization": faults},
    }
    for licence_text, overall in (("not needed: for the test", "INCONCLUSIVE"), ("needed", "REGRESSED")):
        rule = POLICY.dimensions["self_insertion"].model_copy(update={"licence": licence_text})
        rules = {**POLICY.dimensions, "self_insertion": rule}
        strict = POLICY.model_copy(update={"hard_alpha": 0.03, "dimensions": rules})
        assert gate(simulate(runs), "a", "b", strict).overall == overall


def test_a_tampered_licence_or_a_wrong_folder_is_an_error(worse: pd.DataFrame, tmp_path: Path) -> None:
    path = write_licence(licence(labelled_by="model"), tmp_path)
    path.write_text(path.read_text().replace('"model",', '"people",'))
    with pytest.raises(TimbreError, match="changed since it was written"):
        gated(worse, tmp_path)
    with pytest.raises(TimbreError, match="no such folder"):
        gated(worse, tmp_path / "none")
    assert read_licences(worse, LICENCES) == {}


def write_logs(write_log: WriteLog) -> Path:
    """Logs of two runs whose humor ``JUDGE`` scored: 24 canaries, of which run2 is the less funny."""
    rng = np.random.default_rng(2)

    def scores(rate: float) -> Callable[[int, int], dict[str, Any]]:
        return lambda c, e: {"humor": {"value": float(rng.random() < rate), "judge": str(JUDGE)}}

    write_log("baseline", canaries=24, scores=scores(0.8))
    return write_log("run2", canaries=24, scores=scores(0.1)).parent


def test_the_gate_command_takes_a_folder_of_licences(tmp_path: Path, write_log: WriteLog) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    logs = str(write_logs(write_log))
    args = [
        "--baseline",
        "baseline",
        "--candidate",
        "run2",
        "--logs",
        logs,
        "--licences",
        str(folder),
        "--json",
    ]
    before = json.loads(CliRunner().invoke(gate_command, args).stdout)
    write_licence(licence(), folder)
    after = json.loads(CliRunner().invoke(gate_command, args).stdout)
    humor = [next(d for d in r["dimensions"] if d["dimension"] == "humor") for r in (before, after)]
    assert [(d["verdict"], d["licence"]) for d in humor] == [
        ("ADVISORY", "no licence"),
        ("REGRESSED", "people, AUC 0.93, n 400"),
    ]


def test_compare_shows_rates_corrected_only_where_there_is_a_licence(
    tmp_path: Path, write_log: WriteLog
) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    args = ["baseline", "run2", "--logs", str(write_logs(write_log)), "--licences", str(folder)]
    assert "corrected" not in CliRunner().invoke(compare, args).stdout
    write_licence(licence(domain="tweets", labelled_by="model"), folder)
    shown = CliRunner().invoke(compare, args).stdout
    lack = "labelled by a model; domain 'tweets'"
    assert sum(lack in line for line in shown.splitlines()) == 2
    rows = json.loads(CliRunner().invoke(compare, [*args, "--json"]).stdout)["corrected"]
    assert [(r["run"], r["dimension"], r["n"], r["lack"]) for r in rows] == [
        ("baseline", "humor", 24, lack),
        ("run2", "humor", 24, lack),
    ]
    assert rows[0]["corrected"]["estimate"] != rows[0]["raw"]["estimate"]


def test_the_corrected_rate_is_of_answers_from_the_licences_own_cut_off(simulate: Simulate) -> None:
    values = np.tile([[0.55, 0.45], [0.65, 0.75]], (10, 1))
    table = named(simulate({"a": {"humor": values}}), JUDGE)
    rates = [
        corrected_rates(table, ["a"], POLICY, {str(JUDGE): licence(cut_off=cut)})[0].raw.estimate
        for cut in (0.5, 0.6, 0.7)
    ]
    assert rates == [0.75, 0.5, 0.25]
