"""Labelled texts for a judge: what a file may hold, the line each refusal names, where answers are read."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.licensing.attacks import ATTACKS
from timbre.errors import TimbreError
from training.judge import collate, soft_label
from training.judge_data import build_examples, load_labelled, parse_questions, prompts, split_of
from training.judge_variants import JOINTS, LINES, cropped, distracted

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
    with pytest.raises(TimbreError, match="No such file"):
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
    assert [said[: p + 1] for p in example.positions] == prompts(["One."], QUESTIONS)


def test_sentences_of_one_text_are_read_in_order_behind_their_request(tmp_path: Path) -> None:
    questions = parse_questions(["Own? = claim / 1"])
    header = "id,prompt,text,claim,split\n"
    rows = "a,Who was he?,He sang.,0,train\na,,I played.,1,train\nb,And she?,She drew.,0,val\n"
    texts = load_labelled(write(tmp_path, rows, header), questions, "sentence")
    assert [(t.line, t.parts, t.targets, t.request) for t in texts] == [
        (2, ("He sang.", "I played."), (0.0, 1.0), "Who was he?"),
        (4, ("She drew.",), (0.0,), "And she?"),
    ]
    example = build_examples(texts, questions, Letters(), 100, "labels.csv")[0]
    said = "".join(map(chr, example.input_ids))
    assert said == "Who was he?\n\nHe sang.\nOwn?\nI played.\nOwn?"
    assert [said[p - 3 : p + 1] for p in example.positions] == ["Own?", "Own?"]


def test_sentences_of_one_text_stand_together(tmp_path: Path) -> None:
    rows = "a,He sang.,0,train\nb,She drew.,0,train\na,I played.,1,train\n"
    with pytest.raises(TimbreError, match=r":4: id 'a' again \(line 2\)"):
        load_labelled(
            write(tmp_path, rows, "id,text,claim,split\n"), parse_questions(["Own? = claim / 1"]), "sentence"
        )


def test_texts_with_fewer_answers_are_filled_up_with_none() -> None:
    one = {"input_ids": [1, 2], "positions": [1], "labels": [1.0]}
    two = {"input_ids": [1, 2, 3], "positions": [1, 2], "labels": [0.0, 1.0]}
    batch = collate([one, two], pad=0)
    assert batch["positions"].tolist() == [[1, 0], [1, 2]]
    assert batch["labels"][..., 0].isnan().tolist() == [[False, True], [False, False]]


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


def test_a_share_of_the_training_texts_is_read_again_with_a_line_behind(tmp_path: Path) -> None:
    written = (f"{n},Text {n}.,1,3,{'val' if n % 4 == 0 else 'train'}\n" for n in range(400))
    rows = load_labelled(write(tmp_path, "".join(written)), QUESTIONS)
    found = distracted(rows, 0.25)
    lines = LINES.read_text(encoding="utf-8").splitlines()
    again, alone = found[400 : -len(lines)], found[-len(lines) :]
    assert found[:400] == rows and 50 < len(again) < 100
    clean = {row.line: row for row in rows}
    behind = [row.parts[0].removeprefix(clean[row.line].parts[0]) for row in again]
    assert {text.removesuffix(text.lstrip()) for text in behind} == set(JOINTS)
    assert all(text.lstrip() in lines for text in behind)
    assert all(row.targets == clean[row.line].targets and row.split == "train" for row in again)
    assert [(row.parts[0], row.targets) for row in alone] == [(line, (0.0, 0.0)) for line in lines]
    assert len({row.id for row in found}) == len(found)
    assert distracted(rows, 0.0) == rows


def test_a_line_by_itself_is_not_asked_what_some_texts_are_not(tmp_path: Path) -> None:
    rows = load_labelled(write(tmp_path, "a,One.,1,3,train\nb,Two.,0,,train\n"), QUESTIONS)
    funny, rating = distracted(rows, 0.5)[-1].targets
    assert funny == 0 and math.isnan(rating)


def test_no_line_behind_a_training_text_is_an_attack_that_licences_try() -> None:
    def words(text: str) -> set[str]:
        return set(re.findall(r"[a-z]+", text.lower()))

    for line in LINES.read_text(encoding="utf-8").splitlines():
        for attack in ATTACKS:
            shared = len(words(line) & words(attack)) / max(1, len(words(line) | words(attack)))
            assert shared < 0.5, (line, attack)


def test_a_text_is_read_again_from_its_first_find_on(tmp_path: Path) -> None:
    rows = (
        "a,,Stone.,0,train\na,,I swam.,1,train\na,,Sand.,0,train\n"
        "b,,I ran.,1,train\nb,,Sun.,0,train\nc,,Rain.,0,train\nd,,One.,0,val\nd,,Two.,0,val\n"
    )
    header, questions = "id,prompt,text,claim,split\n", parse_questions(["Own? = claim / 1"])
    texts = load_labelled(write(tmp_path, rows, header), questions, "sentence")
    found = cropped(texts)
    assert found[:4] == texts
    assert [(t.id, t.parts, t.targets) for t in found[4:]] == [
        ("a from 2", ("I swam.", "Sand."), (1.0, 0.0)),
        ("b from 2", ("Sun.",), (0.0,)),
    ]
