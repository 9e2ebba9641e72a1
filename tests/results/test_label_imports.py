"""Labels that people gave in other tools, in files as their exporters write them, and edits in Inspect logs."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from judges.licensing.labels import read_labels
from results.labelling.command import label
from timbre.errors import TimbreError

ARGILLA = (
    "id,status,_server_id,prompt,text,humor.responses,humor.responses.users,humor.responses.status,humor.suggestion",
    """r{n},completed,s{n},Note {n}.,"Text {n}, and more.","[{a}, {b}]","['ann', 'ben']","""
    """"['submitted', 'submitted']",1""",
)
NUMPY = (
    ARGILLA[0],
    "r{n},completed,s{n},Note {n}.,Text {n}.,[{a} {b}],['ann' 'ben'],['submitted' 'submitted'],1",
)
LABEL_STUDIO = (
    '"annotation_id","annotator","created_at","humor","id","lead_time","prompt","text","updated_at"',
    '{n}1,"ann","2026","[{{""rating"": {a}}}]",{n},2.5,"Note {n}.","Text {n}.","2026"\n'
    '{n}2,"ben","2026","{b}",{n},2.5,"Note {n}.","Text {n}.","2026"',
)
TRACES = (
    "id,name,input,output,humor",
    '''t{n},voice,"[{{""role"": ""user"", ""content"": ""Note {n}.""}}]","{{""content"": ""Text {n}.""}}","[{a}]"''',
)
SCORES = (
    "id,traceId,source,name,dataType,value,stringValue,comment,observationId,authorUserName",
    "{n}a,t{n},ANNOTATION,humor,NUMERIC,{a},,,,ann\n{n}b,t{n},ANNOTATION,humor,NUMERIC,{b},,,,ben\n"
    "{n}c,t{n},EVAL,humor,NUMERIC,3,,,,",
)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))


def export(folder: Path, name: str, form: tuple[str, str]) -> list[str]:
    """Thirty texts that ann rated 0 to 4 in turn, and ben one lower but for 0."""
    rows = [form[1].format(n=n, a=n % 5, b=max(0, n % 5 - 1)) for n in range(30)]
    path = folder / name
    path.write_text("\n".join((form[0], *rows)) + "\n", encoding="utf-8")
    return ["--import", str(path)]


def imported(*args: str) -> Result:
    return CliRunner().invoke(label, ["--dimension", "humor", *args])


@pytest.mark.parametrize(
    "forms",
    [(ARGILLA,), (NUMPY,), (LABEL_STUDIO,), (TRACES, SCORES), (SCORES, TRACES)],
    ids=["argilla", "argilla by numpy", "label studio", "langfuse", "langfuse, scores first"],
)
def test_an_export_becomes_labels_with_a_column_a_rater(
    forms: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    out = tmp_path / "labels.csv"
    files = [arg for at, form in enumerate(forms) for arg in export(tmp_path, f"{at}.csv", form)]
    done = imported(*files, "-o", str(out))
    assert done.exit_code == 0, done.output
    assert "--scale 0-4" in done.output and "n 30, under 100" in done.output
    read = read_labels(out, (0, 4))
    assert (len(read.answers), read.raters) == (30, ("ann", "ben"))
    for row in csv.DictReader(out.open()):
        n = int(row["prompt"].removeprefix("Note ").rstrip("."))
        assert row["text"].startswith(f"Text {n}")
        assert float(row["ann"]) == n % 5 and float(row["ben"]) == max(0, n % 5 - 1)
        assert float(row["label"]) == (float(row["ann"]) + float(row["ben"])) / 2


def test_a_draft_or_an_empty_label_is_none(tmp_path: Path) -> None:
    drafts = (ARGILLA[0], ARGILLA[1].replace("'submitted', 'submitted'", "'submitted', 'draft'"))
    out = tmp_path / "labels.csv"
    assert imported(*export(tmp_path, "a.csv", drafts), "-o", str(out)).exit_code == 0
    assert read_labels(out, (0, 4)).raters == ("ann",)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (("id,score", "{n},{a},more"), "no export that is known, by its columns: id, score"),
        ((ARGILLA[0].replace("humor", "fun"), ARGILLA[1]), "name the question with --question"),
        ((LABEL_STUDIO[0], LABEL_STUDIO[1].replace("{b}", "so so")), "label 'so so' is no number"),
        (SCORES, "no text of 't0'; give the export of the traces"),
        (
            (LABEL_STUDIO[0].replace('"text"', '"essay"'), LABEL_STUDIO[1]),
            "name the text's column text or output",
        ),
        (TRACES, "who gave the scores isn't in it; give the export of the scores too"),
    ],
)
def test_what_is_no_export_or_lacks_something_is_one_line(
    form: tuple[str, str], problem: str, tmp_path: Path
) -> None:
    error = imported(*export(tmp_path, "x.csv", form)).exception
    assert isinstance(error, TimbreError) and problem in str(error)


def test_scores_that_people_edited_in_a_log_are_labels(
    write_log: Callable[..., Path], tmp_path: Path
) -> None:
    from inspect_ai.log import ProvenanceData, edit_score, read_eval_log, write_eval_log
    from inspect_ai.scorer import ScoreEdit

    path = write_log("run2", canaries=24, epochs=1)
    args = ["run2", "--from-logs", "--logs", str(path)]
    assert "nobody edited humor" in str(imported(*args).exception)
    log = read_eval_log(str(path))
    ann, ben = ProvenanceData(author="ann"), ProvenanceData(author="ben")
    for at, sample in enumerate(log.samples or ()):
        scores = dict(sample.scores["voice"].value)  # type: ignore[index, arg-type]
        edit_score(
            log, sample.id, "voice", ScoreEdit(value={**scores, "humor": at % 2}, provenance=ann), False
        )
        edit_score(log, sample.id, "humor", ScoreEdit(value=at % 2, provenance=ben), False)
    write_eval_log(log, str(path))
    out = tmp_path / "labels.csv"
    done = imported(*args, "-o", str(out))
    assert done.exit_code == 0, done.output
    read = read_labels(out)
    assert read.raters == ("ann", "ben") and (read.ratings[:, 0] == read.ratings[:, 1]).all()
    assert sum(read.is_yes) == 12


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ((), "name the runs whose answers are rated"),
        (("run2", "--import", "x.csv"), "--import names no runs"),
        (("run2", "--pairs"), "--pairs compares two runs or more"),
        (("run2", "--from-logs", "--out", "x.html"), "give one of --import, --from-logs and --out"),
    ],
)
def test_options_that_make_no_sense_are_refused(args: tuple[str, ...], problem: str) -> None:
    done = imported(*args)
    assert done.exit_code == 2 and problem in done.output
