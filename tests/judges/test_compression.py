"""Length against the band, and density."""

import pytest

from judges.compression import compression
from judges.types import Answer

VARIED = (
    "The ferry had been cancelled, so the landlady boiled two eggs and told me about her brother, who "
    "sold hearing aids in Lisbon until a customer married him. Outside it kept raining on the bicycles. "
)


def _value(text: str, band: tuple[int, int]) -> float:
    value = compression(Answer("a", "", text, target_words=band)).value
    assert value is not None
    return value


def test_an_answer_inside_its_band_is_worth_one() -> None:
    assert _value(VARIED, (30, 60)) == 1.0


def test_both_ends_of_the_band_are_inside_it() -> None:
    text = "one two three four five"
    assert _value(text, (5, 9)) == _value(text, (1, 5)) == 1.0


def test_a_ramble_of_five_hundred_words_for_a_short_note_is_clearly_low() -> None:
    ramble = " ".join(f"word{i}" for i in range(500))
    assert _value(ramble, (40, 120)) == pytest.approx(0.24)


def test_a_text_far_under_its_band_keeps_the_share_it_has() -> None:
    assert _value("one two three four five", (50, 90)) == pytest.approx(0.1)


def test_repetition_inside_the_band_costs_up_to_half() -> None:
    assert _value("again and " * 40, (60, 100)) == pytest.approx(0.5)


def test_density_does_not_fall_with_length_alone() -> None:
    tenfold = " ".join(" ".join(f"{w}{i}" for w in VARIED.split()) for i in range(10))
    assert _value(VARIED, (1, 999)) == _value(tenfold, (1, 999)) == 1.0


def test_the_words_beyond_the_band_are_the_evidence() -> None:
    judged = compression(Answer("a", "", "one two three four five six.", target_words=(2, 4)))
    assert [(e.text, e.why) for e in judged.evidence] == [("five six", "over_band")]


def test_without_a_band_it_is_unscored() -> None:
    assert compression(Answer("a", "", "Some words.")).unscored == "no word band given"
