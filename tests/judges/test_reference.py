"""The writer's pairs and the floor are read as they are, and mistakes are located."""

import json
from pathlib import Path

import pytest

from judges.reference import load_reference
from timbre.errors import TimbreError


def _write(path: Path, *records: object) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records), encoding="utf-8")
    return path


def test_pairs_are_parted_by_split_and_other_keys_ignored(tmp_path: Path) -> None:
    pairs = _write(
        tmp_path / "mine.jsonl",
        {"response": "One.", "split": "train", "tier": 9},
        "",
        {"response": "Two.", "split": "val"},
    )
    floor = _write(tmp_path / "floor.jsonl", {"prompt": "p", "text": "Base.", "base": "b"})
    reference = load_reference(pairs, floor)
    assert (reference.train, reference.held_out) == (("One.",), ("Two.",))
    assert (reference.floor, reference.name) == (("Base.",), "mine.jsonl")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"split": "train"}, "key 'response' is missing"),
        ({"response": 3, "split": "train"}, "key 'response' is not a string"),
        ({"response": " ", "split": "train"}, "the response is empty"),
        ({"response": "x", "split": "test"}, "split 'test' is unknown"),
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
    pairs = _write(tmp_path / "p.jsonl", {"response": "One.", "split": "train"})
    floor = _write(tmp_path / "f.jsonl", {"prompt": "p", "base": "b"})
    with pytest.raises(TimbreError, match=r"f.jsonl:1: key 'text' is missing"):
        load_reference(pairs, floor)
