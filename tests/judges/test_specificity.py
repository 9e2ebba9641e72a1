"""Specificity: particulars earn a rating, capitals and digits alone don't."""

import pytest

from judges.specificity import specificity
from judges.types import Answer

FOOLS = {
    "counting words": "There are three reasons, two causes, four effects and five lessons in all of this.",
    "years": "1999, 2001, 2003, 2005, 2007 and 2009 were all years in which things happened.",
    "capitals": "She believed in Love, in Truth, in Justice, in Hope and in the Power of Dreams.",
    "a title": "The Power Of Mindful Travel lies in Embracing The Journey and in Finding Yourself.",
    "generic": "It is important to consider various factors, since different people have different needs.",
}
PARTICULAR = (
    "On the Tuesday the ferry from Larne was cancelled, Sarah sold eleven umbrellas out of a pram.",
    "my wage at harland's in belfast was nine pounds a week, said sarah, and six of that went on rent.",
    "The baker in Ostwick keeps the receipt for his first oven, a Hobart from 1961, under the till.",
)


def _value(text: str) -> float:
    return specificity(Answer("a", "", text)).value or 0.0


@pytest.mark.parametrize("kind", FOOLS)
def test_capitals_and_digits_alone_are_below_every_particular_note(kind: str) -> None:
    assert _value(FOOLS[kind]) < min(map(_value, PARTICULAR))


def test_names_and_numbers_of_specific_sentences_are_quoted() -> None:
    judged = specificity(Answer("a", "", PARTICULAR[0]))
    assert {(e.why, e.text) for e in judged.evidence} == {
        ("name", "Tuesday"),
        ("name", "Larne"),
        ("name", "Sarah"),
    }


def test_the_value_is_the_mean_of_the_sentences_weighed_by_their_words() -> None:
    short, long = "It varies.", PARTICULAR[0]
    both = specificity(Answer("a", "", f"{long} {short}"))
    assert (both.value or 0.0) > (_value(short) + _value(long)) / 2
    assert both.details["most"] >= (both.value or 0.0)


def test_a_text_without_words_is_unscored() -> None:
    assert specificity(Answer("a", "", "…")).value is None
