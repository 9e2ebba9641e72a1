"""Labels files: what they may hold, their scale, and every mistake with its line."""

from pathlib import Path

import pytest

from judges.licensing.labels import read_labels
from tests.made_labels import default_rows, write_labels
from timbre.errors import TimbreError

HEADER = "id,prompt,text,label"
OPTIONAL = "subjects,first_person_licensed,target_words"


@pytest.mark.parametrize(
    ("header", "row", "problem"),
    [
        ("id,text,label,prompts", None, ":1: no column 'prompt'"),
        (f"{HEADER},", None, ":1: column '' is unnamed or repeated"),
        (f"{HEADER},text", None, ":1: column 'text' is unnamed or repeated"),
        (HEADER, ["x", "p", "A text.", "funny"], ":42: label 'funny' is no number"),
        (HEADER, ["x", "p", "A text.", "nan"], ":42: label 'nan' is no number"),
        (HEADER, ["x", "p", "A text.", "inf"], ":42: label 'inf' is no number"),
        (HEADER, ["x", "p", "A text.", ""], ":42: label '' is no number"),
        (HEADER, ["x", "p", "A text."], ":42: label '' is no number"),
        (HEADER, ["x", "p", " \u200b ", "1"], ":42: text ' \\u200b ' is empty"),
        (HEADER, [" r7", "p", "A text.", "1"], ":42: id 'r7' is used twice"),
        (HEADER, [" ", "p", "A text.", "1"], ":42: id '' is empty"),
        (HEADER, ["x", "p", "A text.", "1", "2"], ":42: not CSV: 5 fields, not 4"),
        (f"{HEADER},{OPTIONAL}", ["x", "p", "T", "1", "", "", "about 40"], ":42: target_words 'about 40'"),
        (
            f"{HEADER},{OPTIONAL}",
            ["x", "p", "T", "1", "", "", "80-40"],
            ":42: target_words '80-40' is no band",
        ),
        (f"{HEADER},{OPTIONAL}", ["x", "p", "T", "1", "", "", "0-4"], ":42: target_words '0-4' is no band"),
        (f"{HEADER},{OPTIONAL}", ["x", "p", "T", "1", "", "so", ""], ":42: first_person_licensed 'so'"),
        (f"{HEADER},ann", ["x", "p", "T", "1", "maybe"], ":42: ann 'maybe' is no number"),
        (f"{HEADER},ann", ["x", "p", "T", "1", "7"], ":42: ann '7' is outside the scale 0-1"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(
    tmp_path: Path, header: str, row: list[object] | None, problem: str
) -> None:
    width = len(header.split(","))
    rows = [[*r, *[""] * (width - 4)] for r in default_rows()] + ([row] if row else [])
    with pytest.raises(TimbreError) as caught:
        read_labels(write_labels(tmp_path, rows, header))
    assert f"labels.csv{problem}" in str(caught.value)


def test_a_line_is_counted_past_texts_of_several_lines_and_blank_lines(tmp_path: Path) -> None:
    rows: list[list[object]] = [[f"r{i}", "p", "Two\nlines.", i % 2] for i in range(30)]
    rows.insert(3, [])
    assert len(read_labels(write_labels(tmp_path, rows)).answers) == 30
    for wrong, problem in ((["x", "p", "T", "?"], ":63: label"), (["x", "p", "T", 1, 2], ":63: not CSV")):
        with pytest.raises(TimbreError, match=rf"labels\.csv{problem}"):
            read_labels(write_labels(tmp_path, [*rows, wrong]))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "can't read it"),
        (b"", "labels.csv: empty; give the columns id"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'id,prompt,text,label\na,b,"open,1\n', ":2: not CSV: unexpected end of data"),
        (b"id,prompt,text,label\n", "labels.csv: 0 rows; label 20 or more"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(tmp_path: Path, data: bytes | None, problem: str) -> None:
    path = tmp_path / "labels.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(TimbreError) as caught:
        read_labels(path)
    assert problem in str(caught.value)


def test_too_few_rows_and_one_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="19 rows; label 20"):
        read_labels(write_labels(tmp_path, default_rows()[:19]))
    assert len(read_labels(write_labels(tmp_path, default_rows()[:20])).labels) == 20
    with pytest.raises(TimbreError, match="every label is 1"):
        read_labels(write_labels(tmp_path, [[*row[:3], 1] for row in default_rows()]))


def rated(*labels: float) -> list[list[object]]:
    return [[f"r{i}", "", f"Text {i}.", labels[i % len(labels)]] for i in range(40)]


@pytest.mark.parametrize(
    ("labels", "scale", "yes_from", "wanted"),
    [
        ((0, 1), None, None, ((0, 1), 0.5, True)),
        ((0, 0.5, 1), None, None, ((0, 1), 0.5, False)),
        ((0, 1), (0, 4), None, ((0, 4), 2, False)),
        ((0, 2.5), (0, 4), None, ((0, 4), 2, False)),
        ((1, 5), (1, 5), None, ((1, 5), 3, False)),
        ((1, 5), (1, 5), 5, ((1, 5), 5, False)),
        ((0, 2.5), None, None, "labels go from 0 to 2.5; declare the scale that raters had, such as --scale"),
        ((-1, 1), None, None, "labels go from -1 to 1"),
        ((0, 4.5), (0, 4), None, ":3: label '4.5' is outside the scale 0-4"),
        ((0.5, 2), (1, 4), None, ":2: label '0.5' is outside the scale 1-4"),
        (
            (0, 2),
            (0, 4),
            0,
            "--yes-from: 0 calls every label a yes, or none; name a label above 0 and up to 4",
        ),
        ((0, 2), (0, 4), 4.5, "--yes-from: 4.5"),
    ],
)
def test_the_scale_is_declared_and_not_that_of_the_sample(
    tmp_path: Path,
    labels: tuple[float, ...],
    scale: tuple[float, float] | None,
    yes_from: float | None,
    wanted: tuple[tuple[float, float], float, bool] | str,
) -> None:
    path = write_labels(tmp_path, rated(*labels))
    if isinstance(wanted, str):
        with pytest.raises(TimbreError) as caught:
            read_labels(path, scale, yes_from)
        assert wanted in str(caught.value)
    else:
        read = read_labels(path, scale, yes_from)
        assert (read.scale, read.yes_from, read.binary) == wanted
        assert read.is_yes.tolist() == [label >= wanted[1] for label in read.labels]


def test_one_more_extreme_label_changes_no_other_ones_yes(tmp_path: Path) -> None:
    before = read_labels(write_labels(tmp_path, rated(0, 1, 2.5)), (0, 4)).is_yes
    after = read_labels(write_labels(tmp_path, [*rated(0, 1, 2.5), ["x", "", "T", 4]]), (0, 4)).is_yes
    assert after[:-1].tolist() == before.tolist()


def test_further_columns_are_raters_and_those_of_a_canary_are_not(tmp_path: Path) -> None:
    rows = [
        [
            *row,
            row[3],
            "" if row[0] == "r3" else 0.5,
            "A. Watson; B. Crick;",
            "TRUE" if row[3] else "",
            "40 - 80",
        ]
        for row in default_rows()
    ]
    path = write_labels(tmp_path, rows, f"\ufeffid,prompt,text,label,ann,ben,{OPTIONAL}")
    labels = read_labels(path)
    first, second = labels.answers[:2]
    assert (labels.raters, labels.columns) == (("ann", "ben"), tuple(OPTIONAL.split(",")))
    assert labels.ratings.shape == (40, 2) and str(labels.ratings[3].tolist()) == "[1.0, nan]"
    assert (first.subjects, first.target_words) == (("A. Watson", "B. Crick"), (40, 80))
    assert (first.first_person_licensed, second.first_person_licensed) == (False, True)
    assert read_labels(write_labels(tmp_path)).ratings.shape == (40, 0)


def test_cells_stay_as_they_are(tmp_path: Path) -> None:
    rows = [*default_rows(), ["x", "", 'He said "NA", twice,\nand  left. ', 1]]
    answer = read_labels(write_labels(tmp_path, rows)).answers[-1]
    assert (answer.prompt, answer.text) == ("", 'He said "NA", twice,\nand  left. ')
