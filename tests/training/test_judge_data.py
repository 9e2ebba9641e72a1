"""Labelled texts for the encoder: what is read, what is left out, what is kept aside."""

import csv
import json
from pathlib import Path

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.judge_data import (
    JudgeExample,
    corrupted,
    load_examples,
    swapped_groups,
)


def _csv(path: Path, header: str, *rows: tuple[object, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header.split(","), *rows])


def test_a_joke_has_a_rating_and_another_text_has_none(tmp_path: Path) -> None:
    header = "id,text,is_humor,humor_rating,humor_controversy,offense_rating"
    rows = (("1", "A horse walks in.", 1, 3.0, 0, 0.5), ("2", "It rained.", 0, "", "", 0.0))
    _csv(tmp_path / "humor" / "labelled.csv", header, *rows)
    joke, other = load_examples(tmp_path, own=tmp_path)
    assert joke.targets == {"joke": 1.0, "funny": 0.75, "offense": 0.1, "fluent": 1.0}
    assert other.targets == {"joke": 0.0, "offense": 0.0, "fluent": 1.0}


def test_a_headline_and_its_edits_are_on_one_side_of_the_split(tmp_path: Path) -> None:
    rows = [(f"u{i}", f"Edit {i}", 0, 2, "unfunned", "o1") for i in range(20)]
    _csv(tmp_path / "humor" / "unfun_satire_headlines.csv", "id,text,label,n,kind,pair", *rows)
    assert len({e.is_kept_aside for e in load_examples(tmp_path, own=tmp_path)}) == 1


def test_a_joke_and_its_serious_twin_are_on_one_side_of_the_split() -> None:
    path = CHECKOUT / "training" / "data" / "tone.jsonl"
    side = {e.id: e.is_kept_aside for e in load_examples(None) if e.source == path.name}
    sides: dict[tuple[bool, int], set[bool]] = {}
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if row["pair"]:
            sides.setdefault((row["kind"] in ("bold", "blandof"), row["pair"]), set()).add(side[row["id"]])
    assert len(sides) >= 180 and all(len(found) == 1 for found in sides.values())


def test_a_text_whose_prompt_lends_the_first_person_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "training" / "data" / "claims.jsonl"
    path.parent.mkdir(parents=True)
    records = [
        {"id": "a", "prompt": "A note on tin.", "sentences": [{"text": "I mined it.", "claim": 1}]},
        {"id": "b", "prompt": "Write a letter as Galileo.", "sentences": [{"text": "I saw it.", "claim": 0}]},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    examples = load_examples(None, own=tmp_path)
    assert [(e.id, e.sentences) for e in examples] == [("a", ((0, 11, 1.0),))]


def test_one_row_in_five_is_kept_aside_and_always_the_same() -> None:
    examples = [JudgeExample(str(i), "s", "text") for i in range(1000)]
    kept = [e.id for e in examples if e.is_kept_aside]
    assert 150 < len(kept) < 250 and kept[:3] == ["0", "1", "14"]


def test_a_folder_without_a_known_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="no labelled set in it"):
        load_examples(tmp_path)


def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    _csv(tmp_path / "humor" / "labelled.csv", "id,words", ("1", "x"))
    with pytest.raises(TimbreError, match=r"labelled\.csv"):
        load_examples(tmp_path, own=tmp_path)


def test_texts_that_are_no_prose_are_made_alike_from_the_same_seed() -> None:
    text = "The lamp on the landing has burned since nobody could find the switch behind the old clock."
    examples = [JudgeExample("a", "s", text)]
    made = corrupted(examples, 40, 7)
    assert made == corrupted(examples, 40, 7) != corrupted(examples, 40, 8)
    assert all(m.targets["fluent"] == 0.0 and m.text != examples[0].text for m in made)
    assert 0 < sum("joke" in m.targets for m in made) < 40  # a loop is no joke; shuffled words may be


def test_a_named_group_is_neither_bold_nor_offensive() -> None:
    swaps = swapped_groups()
    assert len(swaps) >= 180 and {s.targets["provocation"] for s in swaps} == {0.0}


def test_the_shipped_texts_are_all_read() -> None:
    sources = {e.source for e in load_examples(None)}
    assert sources == {"tone.jsonl", "claims.jsonl", "self_insertion.csv", "impostors.jsonl", "answers.csv"}
