"""Copied passages are found, whatever was done to them, and habit is not copying."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.memorization import FULL_PASSAGE, MIN_PASSAGE, SEED, MemorizationIndex, memorization
from judges.text import clean
from judges.types import Answer

DATA = Path(__file__).parent / "data"
NOTES = {n["id"]: n["text"] for n in map(json.loads, (DATA / "notes.jsonl").read_text().splitlines())}
CHINESE = next(
    t["text"]
    for t in map(json.loads, (DATA / "other_languages.jsonl").read_text().splitlines())
    if t["language"] == "Chinese"
)
SOURCE = "Nobody in the house has ever used the second staircase, which leads to a wall with a clock on it."
INDEX = MemorizationIndex(["An unrelated note about goats and their lawyers in town.", SOURCE], "voice.jsonl")
FAULT = 0.5
WORDS = st.lists(st.sampled_from("abcd"), max_size=40)


def _value(text: str, *responses: str) -> float:
    value = memorization(Answer("a", "", clean(text).text), MemorizationIndex(responses)).value
    assert value is not None
    return value


def _numbered(first: int, last: int) -> str:
    return " ".join(f"w{i}" for i in range(first, last))


def test_a_copied_passage_is_quoted_and_its_source_named() -> None:
    text = "I said it: nobody in the HOUSE has, ever, used the second lift."
    judged = memorization(Answer("a", "", text), INDEX)
    assert [(e.text, e.why) for e in judged.evidence] == [
        ("nobody in the HOUSE has, ever, used the second", "copied from voice.jsonl response 2")
    ]
    assert judged.value == pytest.approx(9 / 13)


@pytest.mark.parametrize("every", [5, 6, 8, 10, 12, 15, 20])
@pytest.mark.parametrize("name", ["ferry", "teller", "rant", "unicode"])
def test_a_copy_with_every_nth_word_changed_is_a_fault(name: str, every: int) -> None:
    changed = ["blorp" if i % every == 0 else w for i, w in enumerate(NOTES[name].split(), start=1)]
    assert _value(" ".join(changed), *NOTES.values()) >= 0.7


@pytest.mark.parametrize(
    ("response", "text", "value"),
    [
        (SOURCE, SOURCE.upper(), 1.0),
        (SOURCE, SOURCE.replace("the", "the\xad").replace("house", "ho\u200buse"), 1.0),
        (NOTES["unicode"], unicodedata.normalize("NFD", NOTES["unicode"]), 1.0),
        (unicodedata.normalize("NFD", NOTES["unicode"]), NOTES["unicode"], 1.0),
        (NOTES["sorry"], NOTES["sorry"].replace("'", "\u2019"), 1.0),
        (CHINESE, CHINESE, 1.0),
        (CHINESE, CHINESE.replace("\uff0c", "").replace("的", "之"), 27.5 / 30),
        (CHINESE, "巷口的修鞋匠来了\uff0c我们都很高兴\uff0c大家一起吃饭。", 0.0),
        (CHINESE, "他说晴天的鞋子自己会走路\uff0c我们不信他的话。", 6 / 13),
        ("that is not what I meant", f"{NOTES['diary']} That is not what I meant.", 6 / 13),
        ("that is not what I meant", "That is not what I meant.", 6 / 13),
        ("that is really not what I meant", f"{NOTES['diary']} That is really not what I meant.", 7 / 13),
        (_numbered(0, 60), f"{'own words ' * 100}{_numbered(0, 30)}{' more words' * 100}", 1.0),
        (_numbered(0, 60), f"{'own words ' * 100}{_numbered(0, 15)}{' more words' * 100}", 0.5),
        (_numbered(0, 60), _numbered(0, 5), 0.0),
        (_numbered(0, 60), f"{_numbered(0, 4)} a b {_numbered(6, 10)}", 8 / 13),
        (_numbered(0, 60), f"{_numbered(0, 4)} a b c {_numbered(7, 11)}", 0.0),
        (_numbered(0, 60), f"{_numbered(0, 4)} {_numbered(6, 10)}", 8 / 13),
        (_numbered(0, 60), f"{_numbered(0, 4)} {_numbered(7, 11)}", 0.0),
        (_numbered(0, 60), f"{_numbered(0, 3)} a {_numbered(4, 7)} b {_numbered(8, 11)} c", 0.0),
        (_numbered(0, 60), f"{_numbered(8, 16)} x y z {_numbered(40, 48)} x y z {_numbered(24, 32)}", 0.8),
    ],
)
def test_values(response: str, text: str, value: float) -> None:
    assert _value(text, response) == pytest.approx(value)


def test_scattered_copies_count_together() -> None:
    text = f"{_numbered(8, 16)} x y z {_numbered(40, 48)} x y z {_numbered(24, 32)}"
    judged = memorization(Answer("a", "", text), MemorizationIndex([_numbered(0, 60)]))
    assert [e.text for e in judged.evidence] == [_numbered(8, 16), _numbered(40, 48), _numbered(24, 32)]
    assert judged.details == {"answer_words": 30.0, "passage_words": 8.0, "coverage": pytest.approx(0.8)}


def test_different_notes_share_nothing() -> None:
    for name, text in NOTES.items():
        assert _value(text, *(other for n, other in NOTES.items() if n != name)) == 0.0


def test_words_that_stand_everywhere_begin_no_passage() -> None:
    common = "at the end of the day there was"
    assert _value(f"{common} soup", *[f"{common} w{i}" for i in range(64)]) == pytest.approx(8 / 13)
    assert _value(f"{common} soup", *[f"{common} w{i}" for i in range(65)]) == 0.0


def test_without_training_responses_it_is_unscored() -> None:
    assert memorization(Answer("a", "", "Some words."), None).unscored
    assert memorization(Answer("a", "", "Some words."), MemorizationIndex([])).unscored


@given(WORDS, st.lists(WORDS, max_size=4))
def test_every_run_that_comparing_everything_finds_is_in_a_passage(
    tokens: list[str], sources: list[list[str]]
) -> None:
    index = MemorizationIndex([" ".join(s) for s in sources])
    covered = {i for p in index.passages(tuple(tokens)) for i in range(p.start, p.end)}
    for source in sources:
        for i in range(len(tokens)):
            for j in range(len(source)):
                n = 0
                while i + n < len(tokens) and j + n < len(source) and tokens[i + n] == source[j + n]:
                    n += 1
                if n >= MIN_PASSAGE:
                    assert covered.issuperset(range(i, i + n))


def test_thirty_words_are_the_most_that_is_asked() -> None:
    assert (SEED, MIN_PASSAGE, FULL_PASSAGE) == (4, 6, 30)


def test_a_long_answer_of_one_phrase_is_compared() -> None:
    assert _value("the cat sat on it. " * 20_000, "the cat sat on it. " * 1_000) <= 1.0
