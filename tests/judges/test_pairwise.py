"""How two answers are put to a grader, what counts as its reply, and who wins."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.pairwise import (
    PAIRWISE,
    Choice,
    Duel,
    pairwise_identity,
    pairwise_prompt,
    parse_choice,
    reference_texts,
    settle,
    settled_unasked,
)
from judges.rubric_file import load_rubric

HUMOR = load_rubric("humor")
DUEL = Duel("c1", 1, "run1", "run2", "On uncles.", "My uncle measured the coffin twice.", "Uncles are nice.")


def choice(better: str, quote: str = "") -> Choice:
    return Choice(better, quote)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("in_order", "swapped", "winner", "flipped"),
    [
        ("a", "b", "first", False),
        ("b", "a", "second", False),
        ("tie", "tie", "tie", False),
        ("a", "a", "tie", True),
        ("b", "b", "tie", True),
        ("a", "tie", "tie", True),
        ("tie", "a", "tie", True),
    ],
)
def test_a_text_wins_only_if_it_is_named_in_both_orders(
    in_order: str, swapped: str, winner: str, flipped: bool
) -> None:
    outcome = settle(DUEL, choice(in_order), choice(swapped))
    assert (outcome.winner, outcome.flipped) == (winner, flipped)


def test_a_grader_that_always_names_the_first_is_counted_as_such() -> None:
    outcome = settle(DUEL, choice("a"), choice("a"))
    assert (outcome.chose_a, outcome.chose_b) == (2, 0)


def test_an_order_without_a_reply_leaves_the_duel_unsettled() -> None:
    outcome = settle(DUEL, choice("a"), None)
    assert outcome.winner is None and outcome.unsettled


def test_quotes_are_kept_only_where_they_stand_in_the_winner() -> None:
    outcome = settle(DUEL, choice("a", "THE COFFIN twice"), choice("b", "Uncles are nice"))
    assert outcome.quotes == ("the coffin twice",)


@pytest.mark.parametrize(
    ("first", "second", "winner"), [(" \n", "x", None), ("x", "", None), ("a  b", "a b\n", "tie")]
)
def test_an_empty_answer_and_a_copy_are_settled_without_asking(
    first: str, second: str, winner: str | None
) -> None:
    outcome = settled_unasked(Duel("c", 1, "r", "s", "p", first, second))
    assert outcome is not None and outcome.winner == winner
    assert settled_unasked(DUEL) is None


@pytest.mark.parametrize("wrap", ["{}", "  {}\n", "```json\n{}\n```", "```\n{}\n```"])
def test_a_reply_is_one_object_bare_or_in_a_code_fence(wrap: str) -> None:
    reply = wrap.replace("{}", '{"quote": "q", "better": "b"}')
    assert parse_choice(reply) == Choice("b", "q")


@pytest.mark.parametrize(
    "reply",
    [
        *("", "a", '"a"', "{}", "[]", "null", "{" * 9000, "[" * 9000),
        'Text A says {"quote": "", "better": "a"}',
        '{"quote": "", "better": "a"}\n{"quote": "", "better": "b"}',
        '{"quote": "", "better": "a", "why": "so"}',
        '{"quote": "", "better": "A or B"}',
        '{"quote": 1, "better": "a"}',
        '{"quote": "", "better": ["a"]}',
        '{"better": "a"}',
    ],
)
def test_any_other_reply_is_none(reply: str) -> None:
    assert parse_choice(reply) is None


@given(st.text() | st.recursive(st.none() | st.text(), st.lists, max_leaves=5).map(json.dumps))
def test_no_reply_raises(reply: str) -> None:
    assert parse_choice(reply) is None or isinstance(parse_choice(reply), Choice)


@pytest.mark.parametrize("dimension", PAIRWISE)
def test_every_criterion_of_the_rubric_is_asked_the_weightiest_first(dimension: str) -> None:
    rubric = load_rubric(dimension)
    told = pairwise_prompt(rubric, "p", "one", "two")
    places = [told.index(i.question) for i in sorted(rubric.items, key=lambda i: -i.weight)]
    assert rubric.purpose in told and places == sorted(places)


def test_the_orders_differ_in_nothing_but_the_place_of_the_texts() -> None:
    one, two = (
        pairwise_prompt(HUMOR, "p", "first!", "second!"),
        pairwise_prompt(HUMOR, "p", "second!", "first!"),
    )
    fences = [next(line for line in told.splitlines() if line.startswith("=====DATA")) for told in (one, two)]
    exchanged = one.replace(fences[0], fences[1]).replace("first!", "\0").replace("second!", "first!")
    assert exchanged.replace("\0", "second!") == two


def test_the_writers_own_texts_are_shown_before_the_two() -> None:
    told = pairwise_prompt(load_rubric("voice_match"), "p", "one", "two", ["own text", "another of mine"])
    assert told.index("own text") < told.index("another of mine") < told.index("Text A:")


def test_reference_texts_are_few_spread_over_lengths_and_always_the_same() -> None:
    texts = ["x" * n for n in range(1, 41)]
    shown = reference_texts(texts)
    assert shown == reference_texts(texts[::-1] + texts) and len(shown) == 4
    assert len(shown[0]) <= 10 < len(shown[1]) <= 20 < len(shown[2]) <= 30 < len(shown[3])
    assert reference_texts(["b", "a"]) == ("a", "b")


def test_another_model_rubric_or_reference_is_another_judge() -> None:
    judges = {
        str(pairwise_identity(HUMOR, "m")),
        str(pairwise_identity(HUMOR, "n")),
        str(pairwise_identity(HUMOR, "m", ["own"])),
        str(pairwise_identity(load_rubric("provocativeness"), "m")),
    }
    assert len(judges) == 4 and str(pairwise_identity(HUMOR, "m")) in judges
