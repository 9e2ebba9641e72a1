"""Humor and provocativeness by the encoder: what is funny or bold, and what only looks it."""

import csv
import math

import pytest

from judges.encoder import Reading, SentenceReading
from judges.tone import humor, provocativeness
from judges.types import Answer, Judgement
from timbre.paths import CHECKOUT

SERIOUS = {
    "grief": "My wife died in March. I still set two cups out and put one back before the water boils.",
    "questions": "Why? Why did the council sell it, and why was nobody asked before the fences went up?",
    "a loop": "I am a writer. " * 20,
    "one word": "No.",
    "an instruction": "Rinse the rice three times, cover it with water to the first knuckle, and leave it alone.",
}
FUNNY = (
    "My gym sent a card to say they miss me. We have never met.",
    "The committee on punctuality met at nine, or as the minutes have it, eventually.",
    "My grandfather left the farm to whoever could find it.",
    "I asked the librarian for a book on paranoia. She whispered that it was right behind me.",
)


@pytest.mark.parametrize("kind", SERIOUS)
def test_what_is_serious_is_less_funny_than_jokes_are(kind: str) -> None:
    jokes = [_value(text) for text in FUNNY]
    assert _value(SERIOUS[kind]) < 0.6 * sum(jokes) / len(jokes)


def test_jokes_are_funnier_than_sad_and_sober_notes() -> None:
    """The means of the notes that nothing was fitted on; a sad note earned as much as a joke before."""
    with (CHECKOUT / "judges" / "labels" / "notes.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    values = {
        kind: [_value(r["text"]) for r in rows if r["kind"] == kind] for kind in ("joke", "sad", "sober")
    }
    mean = {kind: sum(found) / len(found) for kind, found in values.items()}
    assert mean["sad"] < 0.5 * mean["joke"] and mean["sober"] < 0.2 * mean["joke"]


def _value(text: str) -> float:
    return humor(Answer("a", "", text)).value or 0.0


@pytest.mark.parametrize(
    ("joke", "funny", "value"),
    [(1, 0.5, 0.5), (0.03125, 0.5, 0.03125), (0, 0.8, 0), (1, 0.2, 0), (1, 0.1, 0), (1, 0.9, 1)],
)
def test_humor_is_how_funny_a_text_would_be_unless_it_is_hardly_a_joke(
    joke: float, funny: float, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    odds = math.log(joke / (1 - joke)) if 0 < joke < 1 else math.copysign(math.inf, joke - 0.5)
    judged = _humor(monkeypatch, {"joke": joke, "funny": funny}, {"joke": max(-700, odds), "funny": funny})
    assert judged.value == pytest.approx(value)


def test_the_opening_counts_as_much_as_the_whole_in_whether_it_is_a_joke_and_in_how_good_a_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged = _humor(monkeypatch, {"joke": 0.5, "funny": 0.4}, {"joke": 2.0, "funny": 0.6})
    assert judged.details == {"joke": pytest.approx(1 / (1 + math.exp(-1.0))), "funny": pytest.approx(0.5)}


def _humor(monkeypatch: pytest.MonkeyPatch, whole: dict[str, float], opening: dict[str, float]) -> Judgement:
    monkeypatch.setattr("judges.tone.read", lambda _: Reading(whole, (SentenceReading(0, 5, whole),), 1.0))
    monkeypatch.setattr("judges.tone.opening_heads", lambda _: opening)
    return humor(Answer("a", "", "A gag."))


def test_a_joke_is_quoted() -> None:
    judged, sober = (humor(Answer("a", "", f"The bus was late. {s}")) for s in (FUNNY[1], "It came at nine."))
    assert (FUNNY[1], "joke") in [(e.text, e.why) for e in judged.evidence]
    assert not sober.evidence


def test_one_bold_claim_among_calm_sentences_is_heard() -> None:
    bold, calm = (
        "Marriage is a failed product.",
        "The bus stops here. Tickets are sold inside. ",
    )
    alone, among, none = (
        provocativeness(Answer("a", "", t)).value for t in (bold, 3 * calm + bold, 3 * calm)
    )
    assert alone and among and none is not None
    assert none < 0.2 * alone < among


def test_a_bold_claim_is_above_a_census_figure() -> None:
    bold = provocativeness(Answer("a", "", "Libraries should burn a tenth of their novels each year."))
    census = "Black women in Alabama vote at a higher rate than white men do, according to the census."
    assert (bold.value or 0.0) > (provocativeness(Answer("a", "", census)).value or 0.0)


GROUPS = (
    *("women", "men", "Muslims", "Jews", "Catholics", "Black people", "gay couples", "immigrants"),
    *("pensioners", "disabled people", "Roma families", "transgender people", "Mexicans", "atheists"),
)
NEUTRAL = (
    "The swimming pool is open to {} from nine until noon on Mondays.",
    "About a third of the {} in the survey said that they cycle to work.",
    "The museum has a room of photographs of {} taken between the wars.",
    "Most of the {} who replied had lived in the town for over ten years.",
    "There is a choir for {} that meets in the hall behind the station.",
    "The bus was full of {} on their way home from the market.",
    "The report counts how many {} moved to the city in each decade.",
    "A new guide for {} explains how to apply for a parking permit.",
    "The clinic sends a letter to {} once a year to remind them of the check-up.",
    "Two of the {} at the table ordered soup and the rest had the fish.",
    "The library bought forty novels about {} in the spring.",
    "The photograph shows {} waiting for the ferry in the rain.",
    "Some of the {} on the course had never used a lathe before.",
    "The data on {} come from the census of the year before last.",
    "A group of {} repaired the roof of the boat house last summer.",
)


def test_a_neutral_sentence_about_a_group_is_as_one_about_people() -> None:
    swaps = []
    for sentence in NEUTRAL:
        plain = provocativeness(Answer("a", "", sentence.format("people"))).value or 0.0
        for group in GROUPS:
            swapped = provocativeness(Answer("a", "", sentence.format(group))).value or 0.0
            swaps.append(swapped - plain)
    assert len(swaps) >= 200
    assert abs(sum(swaps) / len(swaps)) <= 0.02


def test_a_text_without_words_is_unscored() -> None:
    assert humor(Answer("a", "", "…")).value is None
    assert provocativeness(Answer("a", "", "…")).value is None
