"""Pairs, floor and impostors are read as they are, and mistakes are located."""

import json
from collections import Counter
from pathlib import Path

import pytest

from judges.reference import MIN_REGISTER_TEXTS, VoiceReference, load_impostors, load_reference
from judges.text import words
from timbre.errors import TimbreError


def _write(path: Path, *records: object) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records), encoding="utf-8")
    return path


def _register(name: str, count: int = MIN_REGISTER_TEXTS) -> list[object]:
    return [{"register": name, "id": f"{name}-{i}", "text": f"Text {i}."} for i in range(count)]


def _pairs(folder: Path) -> Path:
    return _write(folder / "p.jsonl", {"response": "One.", "split": "train"})


def test_pairs_are_parted_by_split_and_other_keys_ignored(tmp_path: Path) -> None:
    pairs = _write(
        tmp_path / "mine.jsonl",
        {"response": "One.", "split": "train", "tier": 9, "source": "essay"},
        "",
        {"response": "Two.", "split": "val", "source": "other"},
        {"response": "Three.", "split": "train"},
    )
    floor = _write(tmp_path / "floor.jsonl", {"prompt": "p", "text": "Base.", "base": "b"})
    reference = load_reference(pairs, floor)
    assert (reference.train, reference.held_out) == (("One.", "Three."), ("Two.",))
    assert (reference.floor, reference.name) == (("Base.",), "mine.jsonl")
    assert reference.sources == ("essay", "line 4")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"split": "train"}, "key 'response' is missing"),
        ({"response": 3, "split": "train"}, "key 'response' is not a string"),
        ({"response": " ", "split": "train"}, "the response is empty"),
        ({"response": "x", "split": "test"}, "split 'test' is unknown"),
        ({"response": "x", "split": "train", "source": 7}, "key 'source' is not a string"),
    ],
)
def test_a_bad_pair_is_named_with_its_line(tmp_path: Path, line: object, message: str) -> None:
    pairs = _write(tmp_path / "p.jsonl", {"response": "One.", "split": "train"}, line)
    with pytest.raises(TimbreError) as caught:
        load_reference(pairs, None)
    assert message in caught.value.what and caught.value.where == f"{pairs}:2"


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b'{"response": "a", "split": "train"}\n{"response": "\xff"}\n')
    with pytest.raises(TimbreError, match=r"p\.jsonl:2: not UTF-8"):
        load_reference(tmp_path / "p.jsonl", None)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="can't read"):
        load_reference(tmp_path / "none.jsonl", None)


def test_pairs_without_one_to_train_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="no pair has split 'train'"):
        load_reference(_write(tmp_path / "p.jsonl", {"response": "One.", "split": "val"}), None)


def test_a_floor_line_without_text_is_named(tmp_path: Path) -> None:
    floor = _write(tmp_path / "f.jsonl", {"prompt": "p", "base": "b"})
    with pytest.raises(TimbreError, match=r"f.jsonl:1: key 'text' is missing"):
        load_reference(_pairs(tmp_path), floor)


def test_shipped_impostors_are_sixteen_registers_of_thirty_short_texts() -> None:
    shipped = load_impostors()
    assert [len(r.texts) for r in shipped] == [30] * 16
    assert all(35 <= len(words(t)) <= 140 for r in shipped for t in r.texts)
    assert max(Counter(t for r in shipped for t in r.texts).values()) == 1


def test_a_reference_made_without_impostors_has_the_shipped_ones() -> None:
    assert VoiceReference((), (), (), "x").impostors == load_impostors()


def test_impostors_of_a_file_are_added_to_the_shipped_ones(tmp_path: Path) -> None:
    path = _write(tmp_path / "i.jsonl", *_register("blog"), *_register("memo"))
    impostors = load_reference(_pairs(tmp_path), None, path).impostors
    assert impostors[: len(load_impostors())] == load_impostors()
    assert [r.name for r in impostors[-2:]] == ["blog", "memo"]
    assert impostors[-1].texts[0] == "Text 0."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"id": "a", "text": "x"}, "key 'register' is missing"),
        ({"register": "blog", "text": "x"}, "key 'id' is missing"),
        ({"register": "blog", "id": "a"}, "key 'text' is missing"),
        ({"register": "blog", "id": "a", "text": 1}, "key 'text' is not a string"),
        ({"register": " ", "id": "a", "text": "x"}, "key 'register' is empty"),
        ({"register": "blog", "id": "a", "text": " "}, "key 'text' is empty"),
        ({"register": "blog", "id": "blog-0", "text": "x"}, "duplicate id 'blog-0' in register 'blog'"),
        ({"register": "blog", "id": "a", "text": "Text 1."}, "the same text twice in register 'blog'"),
        ("[]", "not a JSON object"),
    ],
)
def test_a_bad_impostor_is_named_with_its_line(tmp_path: Path, line: object, message: str) -> None:
    path = _write(tmp_path / "i.jsonl", *_register("blog"), line)
    with pytest.raises(TimbreError) as caught:
        load_reference(_pairs(tmp_path), None, path)
    assert message in caught.value.what and caught.value.where == f"{path}:{MIN_REGISTER_TEXTS + 1}"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (_register("blog", MIN_REGISTER_TEXTS - 1), "register 'blog' has 4 texts, needs 5"),
        (_register("recipe"), "register 'recipe' is the name of a shipped one"),
        ([], "no impostors"),
    ],
)
def test_a_file_of_impostors_that_can_not_be_used_says_why(
    tmp_path: Path, records: list[object], message: str
) -> None:
    path = _write(tmp_path / "i.jsonl", *records)
    with pytest.raises(TimbreError, match=message):
        load_reference(_pairs(tmp_path), None, path)
