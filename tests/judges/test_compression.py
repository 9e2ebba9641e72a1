"""Length against the band, and density."""

import json
from pathlib import Path

import pytest

from judges.compression import WINDOW, compression
from judges.types import Answer

NOTES = [json.loads(n) for n in (Path(__file__).parent / "data" / "notes.jsonl").read_text().splitlines()]
VARIED = (
    "The ferry had been cancelled, so the landlady boiled two eggs and told me about her brother, who "
    "sold hearing aids in Lisbon until a customer married him. Outside it kept raining on the bicycles. "
)


def _value(text: str, band: tuple[int, int]) -> float:
    value = compression(Answer("a", "", text, target_words=band)).value
    assert value is not None
    return value


def _words(distinct: int, count: int) -> str:
    """``count`` words of which every run of fifty holds ``distinct`` different ones."""
    return " ".join(f"word{i % WINDOW if i % WINDOW < distinct else 0}" for i in range(count))


@pytest.mark.parametrize(
    ("text", "band", "value"),
    [
        (VARIED, (30, 60), 1.0),
        ("one two three four five", (5, 9), 1.0),
        ("one two three four five", (1, 5), 1.0),
        ("one two three four five", (50, 90), 0.1),
        (" ".join(f"word{i}" for i in range(500)), (40, 120), 0.24),
        (" ".join(" ".join(f"{w}{i}" for w in VARIED.split()) for i in range(10)), (1, 999), 1.0),
        ("the " * 80, (40, 120), 0.0),
        ("again and " * 40, (60, 100), 0.0),
        ("门是给风用的" * 9, (40, 120), 0.0),
        (_words(30, 50), (40, 120), 1.0),
        (_words(28, 50), (40, 120), 0.8667),
        (_words(23, 100), (40, 120), 0.5333),
        (_words(16, 100), (40, 120), 0.0667),
        (_words(15, 100), (40, 120), 0.0),
        ("", (1, 9), None),
    ],
)
def test_the_value_is_band_times_density(text: str, band: tuple[int, int], value: float | None) -> None:
    judged = compression(Answer("a", "", text, target_words=band))
    assert judged.value == (value if value is None else pytest.approx(value, abs=1e-4))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note["id"])
def test_notes_that_people_would_write_are_dense(note: dict[str, str]) -> None:
    expected = {"refrain": 2 / 3, "circling": 0.0, "stuck": 0.0}.get(note["id"], 1.0)
    assert _value(note["text"], (1, 999)) == pytest.approx(expected, abs=1e-3)


def test_an_honest_note_too_long_beats_mere_repetition_in_the_band() -> None:
    notes = " ".join(n["text"] for n in NOTES[:9])
    assert _value(notes, (40, 120)) > 0.3 > 0.01 > _value("the " * 80, (40, 120))


def test_density_only_falls_as_words_come_back() -> None:
    values = [_value(_words(distinct, 100), (1, 999)) for distinct in range(1, WINDOW + 1)]
    assert values == sorted(values)


def test_words_beyond_the_band_and_the_most_repetitive_window_are_the_evidence() -> None:
    judged = compression(Answer("a", "", "one two three four five six.", target_words=(2, 4)))
    assert [(e.text, e.why) for e in judged.evidence] == [("five six", "over_band")]
    text = " ".join(f"word{i}" for i in range(60)) + " so" * 70
    judged = compression(Answer("a", "", text, target_words=(1, 999)))
    assert [(e.text, e.why) for e in judged.evidence] == [(" ".join(["so"] * WINDOW), "repetition")]


def test_without_a_band_it_is_unscored() -> None:
    assert compression(Answer("a", "", "Some words.")).unscored == "no word band given"
