"""Labels files: what they may hold, and every mistake with its line."""

from pathlib import Path

import pytest

from judges.licensing.label_file import read_labels
from tests.made_labels import WriteLabels, default_rows
from timbre.errors import TimbreError


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("id,text,label", None, "labels.csv:1: no column 'prompt'"),
        ("id,prompt,text,label,", None, "labels.csv:1: column '' is unnamed"),
        ("id,prompt,text,label,text", None, "labels.csv:1: column 'text' is unnamed or repeated"),
        ("id,prompt,text,label", ["x", "p", "A text.", "funny"], "labels.csv:42: label 'funny' is no number"),
        ("id,prompt,text,label", ["x", "p", "A text.", "nan"], "labels.csv:42: label 'nan' is no number"),
        ("id,prompt,text,label", ["x", "p", " \n ", "1"], "labels.csv:42: empty text"),
        ("id,prompt,text,label", ["r7", "p", "A text.", "1"], "labels.csv:42: id 'r7' again, first at"),
        ("id,prompt,text,label", ["", "p", "A text.", "1"], "labels.csv:42: empty id"),
        ("id,prompt,text,label", ["x", "p", "A text."], "labels.csv:42: 3 fields, not 4"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(
    write_labels: WriteLabels, header: str, row: list[object] | None, said: str
) -> None:
    rows = default_rows() if row is None else [*default_rows(), row]
    with pytest.raises(TimbreError) as caught:
        read_labels(write_labels(rows, header))
    assert said in str(caught.value)


def test_a_line_is_counted_past_texts_of_several_lines(write_labels: WriteLabels) -> None:
    rows = [[f"r{i}", "p", "Two\nlines.", i % 2] for i in range(30)]
    rows[25][3] = "?"
    with pytest.raises(TimbreError, match=r"labels\.csv:52: label"):
        read_labels(write_labels(rows))


def test_a_rating_that_is_no_number_is_named_by_its_rater(write_labels: WriteLabels) -> None:
    rows = [[*row, "maybe" if row[0] == "r3" else 1] for row in default_rows()]
    with pytest.raises(TimbreError, match=r"labels\.csv:5: ann 'maybe' is no number"):
        read_labels(write_labels(rows, "id,prompt,text,label,ann"))


def test_too_few_rows_and_one_class_are_refused(write_labels: WriteLabels) -> None:
    with pytest.raises(TimbreError, match="19 rows; label 20"):
        read_labels(write_labels(default_rows()[:19]))
    with pytest.raises(TimbreError, match="one class only"):
        read_labels(write_labels([[*row[:3], 1] for row in default_rows()]))


def test_a_file_that_is_no_csv_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    with pytest.raises(TimbreError, match="can't read it"):
        read_labels(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TimbreError, match="not UTF-8"):
        read_labels(path)
    path.write_text('id,prompt,text,label\na,b,"open,1\n')
    with pytest.raises(TimbreError, match=r"labels\.csv:2: not CSV"):
        read_labels(path)


def test_what_a_canary_tells_may_be_told_in_columns(write_labels: WriteLabels) -> None:
    rows = [
        [*row, "A. Watson; B. Crick", "true" if i else "", "40-80"] for i, row in enumerate(default_rows())
    ]
    labels = read_labels(
        write_labels(rows, "id,prompt,text,label,subjects,first_person_licensed,target_words")
    )
    first, second = labels.answers[:2]
    assert labels.raters == ()
    assert (first.subjects, first.target_words) == (("A. Watson", "B. Crick"), (40, 80))
    assert (first.first_person_licensed, second.first_person_licensed) == (False, True)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("target_words", "about 40", "labels.csv:42: target_words 'about 40' is no band"),
        ("target_words", "80-40", "labels.csv:42: target_words '80-40' is no band"),
        ("first_person_licensed", "perhaps", "labels.csv:42: first_person_licensed 'perhaps'"),
    ],
)
def test_a_wrong_cell_of_those_is_named_by_its_line(
    write_labels: WriteLabels, column: str, cell: str, said: str
) -> None:
    rows = [[*row, ""] for row in default_rows()] + [["x", "p", "A text.", "1", cell]]
    with pytest.raises(TimbreError) as caught:
        read_labels(write_labels(rows, f"id,prompt,text,label,{column}"))
    assert said in str(caught.value)
