"""What ``integrity`` hears from the encoder: salad, asides, and an end in mid-sentence."""

import csv
import random
from collections.abc import Callable, Sequence

import pytest

from judges.encoder import Reading, SentenceReading, read
from judges.integrity import integrity
from judges.text import clean, sentences, words
from judges.types import Answer
from tests.judges.faulty import NOTES, PROMPT, faults_of
from timbre.paths import CHECKOUT

LABELS = CHECKOUT / "judges" / "labels"


def _reading(text: str, asides: Sequence[float] = (), cut: float = 0.0, fluent: float = 1.0) -> Reading:
    """What the encoder might read: ``asides`` by sentence, all 0 where none are given, and ``cut`` in the last."""
    spans = sentences(text)
    by_sentence = zip(spans, asides or [0.0] * len(spans), strict=True)
    found = [
        SentenceReading(s.start, s.end, {"aside": p, "cut": cut * (s is spans[-1])}) for s, p in by_sentence
    ]
    return Reading({}, tuple(found), fluent)


def _shuffled(tokens: list[str]) -> list[str]:
    return random.Random(7).sample(tokens, len(tokens))


@pytest.mark.parametrize("reorder", [_shuffled, lambda tokens: tokens[::-1]], ids=["shuffled", "reversed"])
@pytest.mark.parametrize(
    "name", ["ferry", "clock", "teller", "essay", "rant", "report", "note_on_ai", "numbers"]
)
def test_words_out_of_order_are_salad(name: str, reorder: Callable[[list[str]], list[str]]) -> None:
    shown = " ".join(reorder([w.text for w in words(NOTES[name])])) + "."
    assert faults_of(NOTES[name], reading=read(NOTES[name])) == set()
    assert "salad" in faults_of(shown, reading=read(shown))


@pytest.mark.parametrize(("fluency", "faults"), [(0.31, set()), (0.29, {"salad"})])
def test_salad_is_what_the_encoder_finds_hardly_fluent(fluency: float, faults: set[str]) -> None:
    assert faults_of(NOTES["ferry"]) == set()
    assert faults_of(NOTES["ferry"], reading=_reading(NOTES["ferry"], fluent=fluency)) == faults


def test_a_fragment_must_be_odder() -> None:
    short, long = (" ".join(NOTES["ferry"].split()[:count]) + "." for count in (19, 20))
    for text, least in ((short, 0.1), (long, 0.3)):
        assert faults_of(text, reading=_reading(text, fluent=least + 0.01)) == set()
        assert faults_of(text, reading=_reading(text, fluent=least - 0.01)) == {"salad"}
    assert faults_of(short, reading=_reading(short, fluent=0.29)) == set()


def test_an_odd_order_of_words_is_none_where_the_encoder_reads_prose() -> None:
    toast = (
        "Here's to the pipe that held. Here's to the pipe that didn't, and to the carpet that knew first. "
        "Here's to the plumber, here's to his hourly rate, here's to the bucket and to all who emptied it."
    )
    assert integrity(Answer("a", "A toast.", toast), _reading(toast, fluent=0.6)).value == 0.0
    assert integrity(Answer("a", "A toast.", toast), _reading(toast, fluent=0.05)).value == 1.0


SPOKEN_OF = "A word on tin first. Tin melts before it glows, and cries when it is bent. It keeps soup."


@pytest.mark.parametrize(
    ("asides", "is_fault"),
    [
        ((0.995, 0.0, 0.0), True),  # it opens so
        ((0.985, 0.0, 0.0), False),
        ((0.0, 0.995, 0.0), True),  # it is mostly that
        ((0.0, 0.0, 0.995), False),  # a remark at its end is hashtag_slop's
        ((0.0, 0.985, 0.985), False),
    ],
)
def test_an_answer_that_opens_with_asides_or_is_made_of_them_is_none(
    asides: tuple[float, ...], is_fault: bool
) -> None:
    assert faults_of(SPOKEN_OF, reading=_reading(SPOKEN_OF, asides)) == ({"aside"} if is_fault else set())


def test_refusals_and_plans_in_fresh_words_are_found_and_notes_that_look_like_them_seldom() -> None:
    found: dict[str, list[bool]] = {}
    with (LABELS / "asides.csv").open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            if row["set"] == "test":
                faults = faults_of(row["text"], row["prompt"], read(clean(row["text"]).text))
                found.setdefault(row["kind"], []).append(bool(faults))
    rates = {kind: sum(hits) / len(hits) for kind, hits in found.items()}
    assert min(rates[kind] for kind in ("refusal", "asks_back", "plan")) > 0.6
    assert rates["plain"] == 0 and max(rates["suspect"], rates["odd"]) < 0.08


@pytest.mark.parametrize(
    ("text", "least"),
    [
        (
            "The bell rang at six, and the baker put out two lamps. Nobody in the street was awake to see the light",
            0.01,
        ),
        (
            "the bell rang at six and the baker put out two lamps. nobody in the street was awake to see the light",
            0.3,
        ),
    ],
)
def test_the_encoder_has_a_say_where_a_text_ends_without_a_mark(text: str, least: float) -> None:
    assert faults_of(text, reading=_reading(text, cut=least + 0.005)) == {"cut_off"}
    assert faults_of(text, reading=_reading(text, cut=least - 0.005)) == set()
    assert faults_of(f"{text}.", reading=_reading(f"{text}.", cut=1.0)) == set()


def test_every_aside_is_quoted_and_none_where_a_rule_found_a_fault() -> None:
    reading, refusal = _reading(SPOKEN_OF, (1.0, 1.0, 1.0)), "As an AI, I can't help with that."
    judged = integrity(Answer("a", PROMPT, SPOKEN_OF), reading)
    assert [e.text for e in judged.evidence] == [s.text for s in sentences(SPOKEN_OF)]
    assert faults_of(refusal, reading=_reading(refusal, (1.0,))) == {"refusal"}
