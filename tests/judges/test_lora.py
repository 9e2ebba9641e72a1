"""The LoRA judge's arithmetic: digits to values, windows to a judgement."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.digits import expected_digit
from judges.linear import load, windows
from judges.lora import lora_identity, lora_judgements
from judges.types import Answer

SERVED = {"base": "b", "adapter": "a", "questions": "q", "dtype": "float32"}
LONG = "The kettle resigned in writing. " * 30


def answered(text: str, value: float | None) -> list[dict[str, float | None]]:
    return [{"is_humor": value, "humor_rating": 0.5, "offense_rating": 0.2} for _ in windows(text)]


def test_the_expected_digit_is_the_mean_over_what_the_digits_have() -> None:
    logprobs = {"9": math.log(0.6), "0": math.log(0.2), " yes": math.log(0.2)}
    assert expected_digit(logprobs) == pytest.approx(0.75)


def test_an_answer_that_is_mostly_no_digit_has_no_value() -> None:
    assert expected_digit({"9": math.log(0.3), "the": math.log(0.7)}) is None
    assert expected_digit({}) is None


@given(st.lists(st.floats(0.001, 1), min_size=10, max_size=10))
def test_the_expected_digit_stays_between_nought_and_one(weights: list[float]) -> None:
    total = sum(weights)
    value = expected_digit({str(i): math.log(w / total) for i, w in enumerate(weights)})
    assert value is not None and 0 <= value <= 1


def test_the_lora_judge_counts_twice_in_the_mean_and_both_are_told() -> None:
    judged = lora_judgements(Answer("a", "", LONG), answered(LONG, 0.9), SERVED)["humor"]
    linear = load().predict([text for text, _, _ in windows(LONG)])["is_humor"].mean()
    assert judged.details["lora"] == pytest.approx(0.9)
    assert judged.details["linear"] == pytest.approx(linear)
    assert judged.value == pytest.approx((2 * 0.9 + linear) / 3)


def test_a_window_without_a_digit_leaves_the_dimension_unscored_and_says_how_many() -> None:
    rows = answered(LONG, 0.9)
    rows[0]["is_humor"] = None
    judged = lora_judgements(Answer("a", "", LONG), rows, SERVED)
    assert judged["humor"].value is None and f"1 of {len(rows)}" in str(judged["humor"].unscored)
    assert judged["provocativeness"].value is not None


def test_a_text_without_words_is_unscored() -> None:
    assert lora_judgements(Answer("a", "", "…"), [], SERVED)["humor"].value is None


@pytest.mark.parametrize("part", SERVED)
def test_whatever_the_answers_depend_on_makes_another_judge(part: str) -> None:
    assert lora_identity("humor", SERVED) != lora_identity("humor", {**SERVED, part: "other"})
    assert str(lora_identity("humor", SERVED)).startswith("lora/humor@")
