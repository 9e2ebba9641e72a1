"""Concrete details are told from capital letters, and counted once."""

import pytest

from judges.specificity import specificity
from judges.types import Answer


def _found(text: str, prompt: str = "") -> list[tuple[str, str]]:
    return [(e.text, e.why) for e in specificity(Answer("a", prompt, text)).evidence]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("She met Jacques Ellul once.", ("Jacques Ellul", "name")),
        ("Jacques Ellul was tired.", ("Jacques Ellul", "name")),
        ("The Guardian was dull.", ("Guardian", "name")),
        ("It cost $4.50 then.", ("$4.50", "money")),
        ("It cost 300 euros then.", ("300 euros", "money")),
        ("We left on 3 May 2021 early.", ("3 May 2021", "date")),
        ("It began in the 1990s somewhere.", ("1990s", "date")),
        ("We waited forty-two minutes.", ("forty-two", "number")),
        ("Some 40% of them left.", ("40%", "number")),
        ("He dropped the kettle again.", ("kettle", "thing")),
    ],
)
def test_a_detail_is_found_and_named(text: str, detail: tuple[str, str]) -> None:
    assert _found(text) == [detail]


@pytest.mark.parametrize(
    "text",
    [
        "Leadership matters. Growth follows. Everyone wins.",
        "# The Power Of Dreams\n- **Key Insight:** Leadership matters.",
        "I think I'm right, and I say so.",
        'He said: "Never again." And so it was.',
        "THIS IS REALLY HUGE for all of us.",
        "One might say that we may march on.",
    ],
)
def test_capitals_without_a_name_are_no_detail(text: str) -> None:
    assert _found(text) == []


def test_a_detail_counts_at_its_first_mention_alone() -> None:
    found = _found("We saw Anna. Later Anna left, and Anna's dog too.")
    assert found == [("Anna", "name"), ("dog", "thing")]


def test_what_the_prompt_already_said_is_no_detail() -> None:
    judged = specificity(
        Answer("a", "Who was Jacques Ellul?", "I admire Jacques Ellul. He taught in Bordeaux.")
    )
    assert [e.text for e in judged.evidence] == ["Bordeaux"]
    assert judged.details["echoed"] == 1.0


def test_a_specific_note_outscores_a_vague_one_of_the_same_length() -> None:
    vague = "We learned so much on this journey and we are grateful for everyone who was there with us."
    exact = "In March 2019 Radka fined the mayor of Ostwick 40 euros for a goat in the town library again."
    values = [specificity(Answer("a", "", text)).value or 0.0 for text in (vague, exact)]
    assert values[0] < 0.1 and values[1] > 0.6
