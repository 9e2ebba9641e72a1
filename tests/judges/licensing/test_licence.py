"""A licence survives its file, a weaker one doesn't replace it, and an edited or borrowed file is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judges.licensing.licence import (
    Basis,
    find_licence,
    licence_page,
    licence_path,
    read_licence,
    weaker_because,
    write_licence,
)
from judges.types import JudgeIdentity
from tests.made_licence import good_agreement, made_licence
from timbre.errors import TimbreError
from timbre.stats import Interval

JUDGE = JudgeIdentity("encoder/humor", "humor", 1, {"weights": "0" * 64})
LICENCE = made_licence(JUDGE, raters=2, rater_agreement=Interval(0.7, 0.6, 0.8), injection_flip_rate=0.02)


def test_a_licence_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write_licence(LICENCE, tmp_path / "new")
    assert path == licence_path(JUDGE.digest, tmp_path / "new")
    assert find_licence(str(JUDGE), tmp_path / "new") == LICENCE
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_figures_that_are_not_defined_survive_too(tmp_path: Path) -> None:
    bare = made_licence(
        JUDGE, replace(good_agreement(400), pearson=None), injection_flip_rate=None, labels_sha256="2" * 64
    )
    assert read_licence(write_licence(bare, tmp_path)) == bare


@pytest.mark.parametrize(
    "changed",
    [
        replace(JUDGE, parts={"weights": "f" * 64}),
        replace(JUDGE, parts={**JUDGE.parts, "grader": "1"}),
        replace(JUDGE, version=2),
        replace(JUDGE, name="rubric/humor"),
        replace(JUDGE, dimension="warmth"),
    ],
)
def test_a_judge_that_changed_in_any_part_has_no_licence(tmp_path: Path, changed: JudgeIdentity) -> None:
    write_licence(LICENCE, tmp_path)
    assert find_licence(str(JUDGE), tmp_path) and find_licence(str(changed), tmp_path) is None


BASIS = Basis("people", "canary answers", 100, "1" * 64)


@pytest.mark.parametrize(
    ("new", "stored", "reasons"),
    [
        (BASIS, BASIS, ()),
        (BASIS._replace(n=90), BASIS, ()),
        (BASIS._replace(n=100, labels_sha256="2"), BASIS, ()),
        (BASIS._replace(n=99, labels_sha256="2"), BASIS, ("its n is 99 and not 100",)),
        (BASIS._replace(domain=" Canary Answers"), BASIS, ()),
        (BASIS._replace(domain="tweets"), BASIS, ("its domain is 'tweets' and not 'canary answers'",)),
        (BASIS, BASIS._replace(labelled_by="model"), ()),
        (BASIS._replace(labelled_by="model"), BASIS, ("it is labelled by a model and not by people",)),
        (
            Basis("model", "jokes", 20, "2"),
            BASIS,
            (
                "it is labelled by a model and not by people",
                "its n is 20 and not 100",
                "its domain is 'jokes' and not 'canary answers'",
            ),
        ),
    ],
)
def test_a_licence_is_weaker_by_its_labels_alone(new: Basis, stored: Basis, reasons: tuple[str, ...]) -> None:
    assert weaker_because(new, stored) == reasons


def test_a_weaker_licence_replaces_a_better_one_only_by_force(tmp_path: Path) -> None:
    weaker = made_licence(JUDGE, good_agreement(200), labelled_by="model", labels_sha256="2" * 64)
    write_licence(LICENCE, tmp_path)
    with pytest.raises(TimbreError, match="labelled by a model and not by people; its n is 200"):
        write_licence(weaker, tmp_path)
    assert find_licence(str(JUDGE), tmp_path) == LICENCE
    write_licence(weaker, tmp_path, replace=True)
    assert find_licence(str(JUDGE), tmp_path) == weaker
    write_licence(LICENCE, tmp_path)
    assert find_licence(str(JUDGE), tmp_path) == LICENCE


Change = Callable[[dict[str, Any]], None]


def _set(*path: str, to: object) -> Change:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_set("agreement", "auc", "low", to=0.5), "changed since it was written"),
        (_set("labelled_by", to="model"), "changed since it was written"),
        (_set("domain", to="anything"), "changed since it was written"),
        (_set("labelled_by", to="nobody"), "labelled_by: Input should be 'people' or 'model'"),
        (_set("n", to=6000), "the counts disagree"),
        (_set("n_positive", to=1), "the counts disagree"),
        (_set("n_unscored", to=-1), "n_unscored: Input should be greater"),
        (_set("agreement", "confusion", "true_no", to=-1), "a count is below 0"),
        (_set("agreement", "auc", "high", to=1.1), "a figure is out of range"),
        (_set("agreement", "auc", "low", to=0.999), "a figure is out of range"),
        (_set("rater_agreement", "estimate", to=1.1), "a figure is out of range"),
        (_set("dimension", to="hummor"), "the dimension is unknown"),
        (_set("yes_from", to=0), "yes_from is not on the scale"),
        (_set("cut_off", to=1), "cut_off: Input should be less than 1"),
        (_set("injection_flip_rate", to=-1), "injection_flip_rate: Input should be greater"),
        (_set("position_bias", to=1.5), "position_bias: Input should be less"),
        (_set("labels_sha256", to="x"), "labels_sha256: String should match"),
        (_set("schema_version", to=1), "schema_version: Input should be 2"),
        (_set("extra", to=1), "extra: Extra inputs"),
        (lambda content: content.pop("seal"), "no licence ('seal')"),
        (lambda content: content.pop("agreement"), "agreement: Field required"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path, change: Change, problem: str) -> None:
    path = write_licence(LICENCE, tmp_path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(TimbreError) as caught:
        find_licence(str(JUDGE), tmp_path)
    assert problem in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"schema_version": 1', "[" * 100_000])
def test_a_file_that_is_no_licence_is_refused_and_can_be_replaced(tmp_path: Path, text: str) -> None:
    licence_path(JUDGE.digest, tmp_path).write_text(text)
    with pytest.raises(TimbreError, match="no licence"):
        find_licence(str(JUDGE), tmp_path)
    with pytest.raises(TimbreError, match="no licence"):
        write_licence(LICENCE, tmp_path)
    assert read_licence(write_licence(LICENCE, tmp_path, replace=True)) == LICENCE


def test_a_licence_under_another_judges_name_is_refused(tmp_path: Path) -> None:
    other = replace(JUDGE, parts={"weights": "a" * 64})
    with pytest.raises(TimbreError, match="not 'lora/humor'"):
        write_licence(LICENCE, tmp_path)
        find_licence(f"lora/humor@{JUDGE.digest}", tmp_path)
    licence_path(JUDGE.digest, tmp_path).rename(licence_path(other.digest, tmp_path))
    with pytest.raises(TimbreError, match="another judge"):
        find_licence(str(other), tmp_path)


@pytest.mark.parametrize("judge", ["encoder/humor", "@0123456789abcdef", "x@../../etc/passwd", "x@", "x@ABC"])
def test_what_names_no_judge_is_refused_before_a_file_is_looked_for(tmp_path: Path, judge: str) -> None:
    with pytest.raises(TimbreError):
        find_licence(judge, tmp_path)


def test_a_folder_that_can_not_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TimbreError, match=r"can't be written .*choose another place"):
        write_licence(LICENCE, tmp_path / "file" / "licences")


def test_the_page_has_a_line_a_figure() -> None:
    page = licence_page(
        made_licence(JUDGE, position_bias=0.25, injection_flip_rate=None, scale=(0, 4), yes_from=2)
    )
    lines = {line[:18].strip(): line[18:].strip() for line in page.splitlines()[2:]}
    assert f"{JUDGE}: humor, canary answers, labelled by people" in page
    assert "n 400, 200 labelled yes (from 2 on the scale 0-4)" in page
    assert lines["AUC"].startswith("0.9") and lines["position bias"] == "0.250"
    assert lines["injection flips"] == "not defined by these rows" and not any(
        "raters" in name for name in lines
    )
    assert "r of 2 raters       0.700  [0.600, 0.800]" in licence_page(LICENCE)
