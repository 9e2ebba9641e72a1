"""``timbre calibrate``: what it writes, what it refuses, and what it says before anybody rates a text."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from judges import panel
from judges.licensing.licence import find_licence, licence_path, read_licence
from judges.types import Answer, JudgeIdentity, Judgement
from tests.made_labels import default_rows, write_labels
from timbre.calibrate_command import calibrate
from timbre.errors import TimbreError

IDENTITY = JudgeIdentity("encoder/humor", "humor", 7)


@pytest.fixture(autouse=True)
def _judge_of_goats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel of one judge, to which goats are funny."""

    def judged(answer: Answer) -> Judgement:
        return Judgement("humor", 0.9 if "goat" in answer.text else 0.1)

    monkeypatch.setattr(panel, "judge_identities", lambda: {"humor": IDENTITY})
    monkeypatch.setattr(panel, "panel_judge", lambda key: judged)


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(calibrate, [str(arg) for arg in args])


def test_a_licence_is_written_and_found_by_the_judges_name(tmp_path: Path) -> None:
    folder = tmp_path / "licences"
    labels = write_labels(tmp_path)
    done = run("humor", labels, "--labelled-by", "people", "--out", folder, "--domain", "canary answers")
    assert done.exit_code == 0, done.output
    licence = find_licence(str(IDENTITY), folder)
    assert licence is not None and (licence.n, licence.domain) == (40, "canary answers")
    assert f"wrote {licence_path(IDENTITY.digest, folder)}" in done.stdout
    assert "sensitivity" in done.stdout
    assert "the shipped policy does not accept it: n 40, under 100" in done.stderr
    assert "a grader may do better with the same labels: rubric/humor" in done.stderr


def test_all_shortfalls_are_named_before_and_after_measuring(tmp_path: Path) -> None:
    labels = write_labels(tmp_path)
    done = run("humor", labels, "--labelled-by", "model", "--out", tmp_path, "--json")
    shortfalls = ["labelled by a model", "domain 'not stated'", "n 40, under 100"]
    content = json.loads(done.stdout)
    assert content["shortfalls"] == shortfalls and content["digest"] == IDENTITY.digest
    for problem in shortfalls:
        assert f"the shipped policy will not accept these labels: {problem}" in done.stderr
        assert f"the shipped policy does not accept it: {problem}" in done.stderr
    assert read_licence(Path(content["path"])).labelled_by == "model"


def test_the_scale_is_an_option_and_must_be_declared(tmp_path: Path) -> None:
    labels = write_labels(tmp_path, [[*row[:3], 2.5 * int(str(row[3]))] for row in default_rows()])
    args = ("humor", labels, "--labelled-by", "people", "--out", tmp_path)
    undeclared = run(*args)
    assert isinstance(undeclared.exception, TimbreError) and "--scale 0-4" in str(undeclared.exception)
    assert run(*args, "--scale", "0-4", "--yes-from", "2.5").exit_code == 0
    licence = find_licence(str(IDENTITY), tmp_path)
    assert licence is not None and (licence.scale, licence.yes_from, licence.label_kind) == (
        (0, 4),
        2.5,
        "ratings",
    )


def test_a_weaker_licence_is_refused_before_anything_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("humor", write_labels(tmp_path), "--out", tmp_path, "--labelled-by")
    assert run(*args, "people").exit_code == 0
    monkeypatch.setattr(panel, "panel_judge", lambda key: _unasked)
    refused = run(*args, "model")
    assert isinstance(refused.exception, TimbreError)
    assert "labelled by a model and not by people; " in str(refused.exception)
    assert "give --replace" in str(refused.exception)
    monkeypatch.setattr(
        panel, "panel_judge", lambda key: lambda a: Judgement("humor", float("goat" in a.text))
    )
    assert run(*args, "model", "--replace").exit_code == 0
    licence = find_licence(str(IDENTITY), tmp_path)
    assert licence is not None and licence.labelled_by == "model"


def _unasked(answer: Answer) -> Judgement:
    raise AssertionError("judged before it was known that the licence may be stored")


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (
            ("humor",),
            ("labelled by people", "at least 100 of them", "95 % interval above 0.7", "5 % of attacks"),
        ),
        (("rubric/warmth",), ("the kind 'canary answers'", "within 10 points")),
        (("pairwise/humor",), ("every n counts pairs: compare as many",)),
        (("confirm/self_insertion",), ("goes by the column subjects and first_person_licensed",)),
        (("compression",), ("a licence of compression is not needed: it counts", "column target_words")),
        (("words",), ("words is not in the policy",)),
    ],
)
def test_what_a_licence_needs_is_told_without_labels(args: tuple[str, ...], lines: tuple[str, ...]) -> None:
    done = run(*args, "--needs")
    assert done.exit_code == 0 and all(line in done.stdout for line in lines), done.output


def test_what_labels_lack_is_told_without_a_judge(tmp_path: Path) -> None:
    labels = write_labels(tmp_path, [[f"r{i}", f"P{i}", "Text.", int(i < 4)] for i in range(100)])
    assert "no column subjects" in run("self_insertion", labels, "--needs").stdout
    lacks = run("pairwise/humor", labels, "--needs").stdout
    for problem in (
        "4 pairs, of different prompts: the grader is shown no request",
        "n 4, under 100",
        "of one kind, under 10",
        "domain 'not stated'",
    ):
        assert problem in lacks
    single = run("humor", labels, "--needs", "--domain", "Canary answers").stdout
    assert "4 of one kind, under 10" in single and "domain" not in single.partition("turn it")[2]
    enough = write_labels(tmp_path, [[f"r{i}", "", "Text.", i % 2] for i in range(100)])
    assert "can give such a licence" in run("humor", enough, "--needs", "--domain", "canary answers").stdout


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("humor",), "give LABELS.csv and --labelled-by, or --needs"),
        (("humor", "labels.csv"), "give LABELS.csv and --labelled-by, or --needs"),
        (("rubric/humor", "x.csv", "--labelled-by", "people"), "asks a grader: name one with --grader"),
        (("humor", "x.csv", "--labelled-by", "people", "--grader", "g"), "humor asks no grader"),
        (("humor", "x.csv", "--labelled-by", "people", "--logprobs"), "it has no --logprobs"),
        (
            ("pairwise/humor", "x.csv", "--labelled-by", "people", "--grader", "g", "--cut", "0.3"),
            "has no --cut",
        ),
        *((("humor", "x.csv", "--cut", cut), "Invalid value for '--cut'") for cut in ("0", "1", "x")),
        *(
            (("humor", "x.csv", "--scale", s), f"'{s}' is no scale: write such as 0-4")
            for s in ("4", "4-0", "1-1")
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(args: tuple[str, ...], problem: str) -> None:
    done = run(*args)
    assert done.exit_code == 2 and problem in done.output.replace("\n", " ")


def test_a_judge_or_dimension_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    for args in (("hummor", "--needs"), ("hummor", write_labels(tmp_path), "--labelled-by", "people")):
        error = run(*args).exception
        assert isinstance(error, TimbreError) and "use one of" in str(error)
