"""A licence survives its file, and an edited, broken or borrowed file is refused."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judges.identity import JudgeIdentity
from judges.licensing.agreement import agreement
from judges.licensing.licence import (
    Licence,
    find_licence,
    licence_path,
    read_licence,
    write_licence,
)
from judges.licensing.raters import ceiling
from tests.made_licence import made_licence
from timbre.errors import TimbreError

JUDGE = JudgeIdentity("linear/humor", "humor", {"weights": "0" * 64})


@pytest.fixture
def licence() -> Licence:
    """A licence of real figures over made-up values, labels and two raters."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0.0, 1.0], 30)
    values = np.clip(rng.normal(0.3 + 0.4 * labels, 0.2), 0, 1)
    found = agreement(values, labels, rng.integers(5, 50, 60).astype(float))
    raters = np.stack([labels, np.where(rng.random(60) < 0.1, 1 - labels, labels)], axis=1)
    return made_licence(JUDGE, found, 60, ceiling=ceiling(raters), injection_flip_rate=0.02)


def test_a_licence_is_read_as_it_was_written(tmp_path: Path, licence: Licence) -> None:
    path = write_licence(licence, tmp_path / "new")
    assert path == licence_path(JUDGE.digest, tmp_path / "new")
    assert find_licence(str(JUDGE), tmp_path / "new") == licence
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_figures_that_are_not_defined_survive_too(tmp_path: Path, licence: Licence) -> None:
    bare = dataclasses.replace(
        licence,
        agreement=dataclasses.replace(licence.agreement, pearson=None),
        ceiling=None,
        injection_flip_rate=None,
    )
    assert read_licence(write_licence(bare, tmp_path)) == bare


def test_a_judge_without_a_file_has_no_licence(tmp_path: Path) -> None:
    assert find_licence(str(JUDGE), tmp_path) is None


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(JUDGE, parts={"weights": "f" * 64}),
        dataclasses.replace(JUDGE, parts={**JUDGE.parts, "reading": "1"}),
        dataclasses.replace(JUDGE, name="rubric/humor"),
        dataclasses.replace(JUDGE, dimension="warmth"),
    ],
)
def test_a_judge_that_changed_in_any_part_has_no_licence(
    tmp_path: Path, licence: Licence, changed: JudgeIdentity
) -> None:
    write_licence(licence, tmp_path)
    assert find_licence(str(changed), tmp_path) is None


Change = Callable[[dict[str, Any]], None]


def _set(key: str, value: object) -> Change:
    return lambda told: told.update({key: value})


def _lift_auc(told: dict[str, Any]) -> None:
    told["agreement"]["auc"]["low"] = 0.99
    told["agreement"]["auc"]["high"] = 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_lift_auc, "changed since it was written"),
        (_set("labelled_by", "model"), "changed since it was written"),
        (_set("domain", "anything"), "changed since it was written"),
        (_set("labelled_by", "nobody"), "labelled_by is unknown"),
        (_set("n", 6000), "the counts disagree"),
        (_set("injection_flip_rate", -1), "a flip rate is out of range"),
        (_set("schema_version", 2), "schema version 2"),
        (_set("extra", 1), "no licence"),
        (lambda told: told.pop("seal"), "no licence"),
        (lambda told: told.pop("agreement"), "no licence"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(
    tmp_path: Path, licence: Licence, change: Change, said: str
) -> None:
    path = write_licence(licence, tmp_path)
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(TimbreError) as caught:
        find_licence(str(JUDGE), tmp_path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"schema_version": 1', "[" * 100_000])
def test_a_file_that_is_no_licence_is_refused(tmp_path: Path, text: str) -> None:
    licence_path(JUDGE.digest, tmp_path).write_text(text)
    with pytest.raises(TimbreError, match="no licence"):
        find_licence(str(JUDGE), tmp_path)


def test_a_licence_under_another_judges_name_is_refused(tmp_path: Path, licence: Licence) -> None:
    other = JudgeIdentity("linear/humor", "humor", {"weights": "a" * 64})
    write_licence(licence, tmp_path).rename(licence_path(other.digest, tmp_path))
    with pytest.raises(TimbreError, match="another judge"):
        find_licence(str(other), tmp_path)


def test_a_judges_name_that_its_licence_does_not_have_is_refused(tmp_path: Path, licence: Licence) -> None:
    write_licence(licence, tmp_path)
    with pytest.raises(TimbreError, match="not 'lora/humor'"):
        find_licence(f"lora/humor@{JUDGE.digest}", tmp_path)


@pytest.mark.parametrize("judge", ["linear/humor", "@0123456789abcdef", "x@../../etc/passwd", "x@", "x@ABC"])
def test_what_names_no_judge_is_refused_before_a_file_is_looked_for(tmp_path: Path, judge: str) -> None:
    with pytest.raises(TimbreError):
        find_licence(judge, tmp_path)
