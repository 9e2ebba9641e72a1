"""Copied runs are found, whatever their case, and habit is not copying."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.memorization import FULL_RUN, MIN_RUN, MemorizationIndex, memorization
from judges.types import Answer

SOURCE = "Nobody in the house has ever used the second staircase, which leads to a wall with a clock on it."
INDEX = MemorizationIndex(["An unrelated note about goats and their lawyers in town.", SOURCE], "voice.jsonl")
WORDS = st.lists(st.sampled_from("abcd"), max_size=40)


def test_a_copied_run_is_quoted_and_its_source_named() -> None:
    text = "I said it: nobody in the HOUSE has, ever, used the second lift."
    judged = memorization(Answer("a", "", text), INDEX)
    assert [(e.text, e.why) for e in judged.evidence] == [
        ("nobody in the HOUSE has, ever, used the second", "copied from voice.jsonl response 2")
    ]
    assert judged.value == pytest.approx(9 / 13)


def test_a_response_copied_whole_is_the_maximum() -> None:
    assert memorization(Answer("a", "", SOURCE.upper()), INDEX).value == 1.0


def test_a_run_of_five_words_is_habit() -> None:
    judged = memorization(Answer("a", "", "He has ever used the second lift"), INDEX)
    assert (judged.value, judged.evidence) == (0.0, ())


def test_thirty_copied_words_are_the_maximum_in_any_length() -> None:
    long = " ".join(f"w{i}" for i in range(60))
    copied = " ".join(f"w{i}" for i in range(FULL_RUN))
    answer = "own words " * 100 + copied + " more words" * 100
    assert memorization(Answer("a", "", answer), MemorizationIndex([long])).value == 1.0


def test_without_training_responses_it_is_unscored() -> None:
    assert memorization(Answer("a", "", "Some words."), None).unscored
    assert memorization(Answer("a", "", "Some words."), MemorizationIndex([])).unscored


@given(WORDS, st.lists(WORDS, max_size=4))
def test_the_index_finds_the_same_run_as_comparing_everything(
    tokens: list[str], sources: list[list[str]]
) -> None:
    longest = 0
    for source in sources:
        for i in range(len(tokens)):
            for j in range(len(source)):
                n = 0
                while i + n < len(tokens) and j + n < len(source) and tokens[i + n] == source[j + n]:
                    n += 1
                longest = max(longest, n)
    run = MemorizationIndex([" ".join(s) for s in sources]).longest_run(tokens)
    assert (run.length if run else 0) == (longest if longest >= MIN_RUN else 0)
