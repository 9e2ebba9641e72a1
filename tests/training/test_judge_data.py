"""Labelled texts for a judge: what a file may hold, the line each refusal names, where answers are read."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre.errors import TimbreError
from training.judge import soft_label
from training.judge_data import build_examples, load_labelled, parse_questions, prompts, split_of

QUESTIONS = parse_questions(["Funny? = funny / 1", "How funny? = rating / 4"])
HEADER = "id,text,funny,rating,split\n"


class Letters:
    """A tokenizer with a token a character."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [ord(c) for c in text]


def write(tmp_path: Path, rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(header + rows, encoding="utf-8")
    return path


def test_labels_are_scaled_and_an_empty_one_is_no_label(tmp_path: Path) -> None:
    rows = load_labelled(write(tmp_path, "a,One.,1,3,train\nb,Two.,0,,val\n"), QUESTIONS)
    assert rows[0].targets == (1.0, 0.75)
    assert rows[1].targets[0] == 0.0 and math.isnan(rows[1].targets[1])
    assert [row.split for row in rows] == ["train", "val"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("a,One.,2,3,train\n", ":2: funny is '2'; give a number from 0 to 1"),
        ("a,One.,yes,3,train\n", ":2: funny is 'yes'"),
        ("a,One.,nan,3,train\n", ":2: funny is 'nan'"),
        ("a,One.,1,3,train\nb, ,1,3,train\n", ":3: the text is empty"),
        ("a,One.,1,3,train\na,Two.,1,3,train\n", ":3: id 'a' again (line 2)"),
        ("a,One.,1,3,test\n", ":2: split is 'test'"),
        ("a,One.,1\n", ":2: a field too many or too few"),
        ("a,One.,1,3,val\n", "no row to train on"),
        ("", "no row to train on"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, rows: str, complaint: str) -> None:
    with pytest.raises(TimbreError) as caught:
        load_labelled(write(tmp_path, rows), QUESTIONS)
    assert complaint in str(caught.value)


def test_a_missing_column_or_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="no column 'rating'"):
        load_labelled(write(tmp_path, "a,One.,1\n", "id,text,funny\n"), QUESTIONS)
    with pytest.raises(TimbreError, match="no such file"):
        load_labelled(tmp_path / "absent.csv", QUESTIONS)


@pytest.mark.parametrize("line", ["Funny?", "Funny? = funny", "= funny / 1", "Funny? = funny / 0", ""])
def test_a_malformed_question_is_refused(line: str) -> None:
    with pytest.raises(TimbreError, match="is no question"):
        parse_questions([line])


def test_an_id_stays_on_its_side_and_a_fifth_is_kept_aside() -> None:
    sides = [split_of(str(n)) for n in range(2000)]
    assert sides == [split_of(str(n)) for n in range(2000)]
    assert 340 < sides.count("val") < 460


def test_answers_are_read_at_the_last_token_of_each_question(tmp_path: Path) -> None:
    rows = load_labelled(write(tmp_path, "a,One.,1,3,train\n"), QUESTIONS)
    example = build_examples(rows, QUESTIONS, Letters(), 100, "labels.csv")[0]
    said = "".join(map(chr, example.input_ids))
    assert said == "One.\nFunny?\nHow funny?"
    assert [said[: p + 1] for p in example.positions] == prompts("One.", QUESTIONS)


def test_a_text_that_is_too_long_is_refused_not_cut(tmp_path: Path) -> None:
    rows = load_labelled(write(tmp_path, "a,One.,1,3,train\n"), QUESTIONS)
    with pytest.raises(TimbreError, match=r"labels.csv:2: 22 tokens"):
        build_examples(rows, QUESTIONS, Letters(), 20, "labels.csv")


@given(st.floats(0, 1))
def test_a_soft_label_is_a_distribution_that_peaks_at_the_nearest_digit(target: float) -> None:
    weights = soft_label(target)
    assert sum(weights) == pytest.approx(1)
    assert abs(weights.index(max(weights)) - 9 * target) <= 0.5 + 1e-9
    assert sum(d * w for d, w in enumerate(weights)) / 9 == pytest.approx(target, abs=0.07)
