"""Labelled texts for the encoder: what is read, what is left out, what is kept aside."""

import csv
import json
import math
from pathlib import Path

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.judge_data import (
    JudgeExample,
    corrupted,
    framed,
    load_examples,
    stopped,
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
    assert [(e.id, e.sentences) for e in examples] == [("a", {"claim": ((0, 11, 1.0),)})]


@pytest.mark.parametrize(
    ("kind", "aside", "labels"),
    [
        ("refusal", True, [1, 1, 1]),
        ("letters", False, [0, 0, 0]),
        ("plan_then_note", ["Something on tin."], [1, 0, 0]),
        ("plan_then_note", "first", [1, None, 0]),
        ("note_then_comment", "last", [0, None, 1]),
        ("nonsense", False, []),
    ],
)
def test_an_aside_is_labelled_by_sentence(
    tmp_path: Path, kind: str, aside: bool | str | list[str], labels: list[float | None]
) -> None:
    path = tmp_path / "training" / "data" / "asides.jsonl"
    path.parent.mkdir(parents=True)
    record = {"id": "a", "kind": kind, "text": "Something on tin. It melts early. It cries.", "aside": aside}
    path.write_text(json.dumps(record), encoding="utf-8")
    (example,) = load_examples(None, own=tmp_path)
    assert example.targets == {"fluent": float(kind != "nonsense")}
    assert [
        None if math.isnan(label) else label for _, _, label in example.sentences.get("aside", ())
    ] == labels


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


def test_a_text_is_cut_off_in_a_sentence_or_whole_without_its_mark() -> None:
    text = "The lamp on the landing has burned for years. Nobody could find the switch behind the old clock."
    made = stopped([JudgeExample("a", "s", text), JudgeExample("b", "s", "No mark")], 20, 7)
    assert made == stopped([JudgeExample("a", "s", text)], 20, 7)
    for whole, cut in zip(made[::2], made[1::2], strict=True):
        assert whole.text == text[:-1] and text.startswith(cut.text) and len(cut.text) < len(text) - 6
        for example, label in ((whole, 0.0), (cut, 1.0)):
            ((start, end, is_cut),) = example.sentences["cut"]
            assert end == len(example.text) and is_cut == label
            assert start in (0, text.index("Nobody"))
    assert len({m.text for m in made}) > 10


def test_a_joke_among_sober_sentences_stays_one() -> None:
    joke = JudgeExample("j", "humor/labelled.csv", "My lift has ups and downs.", {"joke": 1.0, "funny": 0.5})
    sober = JudgeExample("s", "tone.jsonl", "The bank opens at nine. It shuts at four.", {"joke": 0.0})
    made = framed([joke, sober], 20, 7)
    assert made == framed([joke, sober], 20, 7)
    for example, source in zip(made, (sober, joke) * 10, strict=True):
        assert example.targets == source.targets
        rest = example.text.replace(source.text, "", 1)
        assert rest != example.text and rest.strip() and "lift" not in rest
    assert framed([joke], 20, 7) == framed([sober], 20, 7) == []


def test_a_named_group_is_neither_bold_nor_offensive() -> None:
    swaps = swapped_groups()
    assert len(swaps) >= 180 and {s.targets["provocation"] for s in swaps} == {0.0}


def test_the_shipped_texts_are_all_read() -> None:
    sources = {e.source for e in load_examples(None)}
    own = (
        "tone.jsonl",
        "asides.jsonl",
        "claims.jsonl",
        "self_insertion.csv",
        "impostors.jsonl",
        "answers.csv",
    )
    assert sources == set(own)
