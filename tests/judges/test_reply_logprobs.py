"""Expected values out of a grader's token probabilities."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.reply_logprobs import TokenChoice, yes_probabilities
from judges.rubric import load_rubric, parse_reply
from judges.types import Answer

RUBRIC = load_rubric("humor")
ANSWER = Answer("a", "A note on uncles.", "My uncle measured the coffin twice.")


def tokens(pieces: list[str], doubts: dict[int, dict[str, float]]) -> list[TokenChoice]:
    """Tokens that were certain, but for those with probabilities of their own by text."""
    return [
        TokenChoice(piece, {t: math.log(p) for t, p in doubts.get(at, {piece: 1.0}).items()})
        for at, piece in enumerate(pieces)
    ]


def test_the_probability_is_that_of_yes_among_yes_and_no() -> None:
    said = tokens(
        ['{"turn": {"quote": "no", "answer": "', "yes", '"}}'], {1: {"yes": 0.6, "no": 0.2, "so": 0.1}}
    )
    assert yes_probabilities(said, ["turn"]) == {"turn": pytest.approx(0.75)}


def test_an_answer_in_the_middle_of_a_token_is_found() -> None:
    said = tokens(
        ['{"turn":', '{"quote":"","answer', '":"yes', '"}}'],
        {2: {'":"yes': 0.5, '":"no': 0.5, '": "no': 0.0001}},
    )
    assert yes_probabilities(said, ["turn"]) == {"turn": pytest.approx(0.5)}


def test_an_answer_in_several_tokens_counts_by_its_first() -> None:
    said = tokens(['{"turn": {"answer": "', "y", "es", '"}}'], {1: {"y": 0.3, "n": 0.6}})
    assert yes_probabilities(said, ["turn"]) == {"turn": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    "pieces",
    [
        ['{"turn": {"answer": "', "yes", '"}, "turn": {"answer": "yes"}}'],  # which of the two?
        ['{"turn": "', "yes", '"}'],
        ['{"turn": {"quote": "\\"answer\\": \\"', "yes", '\\""}}'],  # only quoted
        ['{"other": {"answer": "', "yes", '"}}'],
        ['{"turn": {"answer": "'],
        [],
    ],
)
def test_an_answer_that_is_not_found_once_has_no_probability(pieces: list[str]) -> None:
    assert yes_probabilities(tokens(pieces, {}), ["turn"]) == {}


def test_a_token_that_is_hardly_yes_or_no_has_none() -> None:
    said = tokens(
        ['{"turn": {"answer": "', "yes", '"}}'], {1: {"yes": 0.3, "no": 0.1, "maybe": 0.5, '"': 0.1}}
    )
    assert yes_probabilities(said, ["turn"]) == {}


@given(st.lists(st.text(), max_size=6), st.text())
def test_any_tokens_give_probabilities_or_nothing(pieces: list[str], key: str) -> None:
    assert all(0 <= p <= 1 for p in yes_probabilities(tokens(pieces, {}), [key]).values())


@given(st.lists(st.floats(0.001, 0.999), min_size=5, max_size=5))
def test_the_value_is_the_expected_weight(chances: list[float]) -> None:
    pieces, doubts = ["{"], {}
    for at, (item, p) in enumerate(zip(RUBRIC.items, chances, strict=True)):
        pieces.append(f'"{item.key}": {{"quote": "", "answer": "')
        doubts[len(pieces)] = {"yes": p, "no": 1 - p}
        pieces += ["yes" if p > 0.5 else "no", '"}' + ("," if at < 4 else "}")]
    reply = "".join(pieces)
    json.loads(reply)
    judged = parse_reply(RUBRIC, reply, ANSWER, tokens(pieces, doubts))
    weights = [item.weight for item in RUBRIC.items]
    assert judged.value == pytest.approx(
        sum(w * p for w, p in zip(weights, chances, strict=True)) / sum(weights)
    )
    assert judged.details["items_by_probability"] == 5


def test_without_probabilities_the_answers_count_as_they_stand() -> None:
    reply = json.dumps({i.key: {"quote": "", "answer": "yes"} for i in RUBRIC.items})
    assert parse_reply(RUBRIC, reply, ANSWER).value == 1.0
    assert "items_by_probability" not in parse_reply(RUBRIC, reply, ANSWER).details
