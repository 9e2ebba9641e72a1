"""Asking a grader of pairs: what is kept, what is asked again, what a failure leaves."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from evals.graders import Grader
from evals.pairwise import ask_duels, open_grader
from judges.pairwise import Duel, Outcome
from judges.rubric import load_rubric
from timbre.errors import TimbreError

MakeGrader = Callable[..., Any]
HUMOR = load_rubric("humor")
DUELS = [
    Duel(f"c{at}", 1, "run1", "run2", f"Question {at}?", f"A dull text {at}.", f"A GOOD text {at}.")
    for at in range(6)
]


def says(better: str) -> str:
    return json.dumps({"quote": "", "better": better})


def the_good_one(prompt: str) -> str:
    """Names the text with GOOD in it, wherever it is shown."""
    return says("a" if "GOOD" in prompt.split("Text B:")[0] else "b")


def ask(grader: Any, duels: list[Duel] = DUELS, **options: Any) -> list[Outcome]:
    return asyncio.run(ask_duels(Grader.of(grader.model), HUMOR, duels, **options))[1]


def test_the_better_text_wins_in_whatever_place_it_is_shown(make_grader: MakeGrader) -> None:
    grader = make_grader(the_good_one)
    assert [o.winner for o in ask(grader)] == ["second"] * 6
    assert len(grader.prompts) == 12


def test_a_grader_that_goes_by_place_gives_ties(make_grader: MakeGrader) -> None:
    outcomes = ask(make_grader(lambda prompt: says("a")))
    assert all(o.winner == "tie" and o.flipped and o.chose_a == 2 for o in outcomes)


def test_a_second_call_asks_nothing(make_grader: MakeGrader) -> None:
    grader = make_grader(the_good_one)
    first = ask(grader)
    assert ask(grader) == first
    assert len(grader.prompts) == 12


def test_the_order_of_the_runs_makes_no_new_question(make_grader: MakeGrader) -> None:
    grader = make_grader(the_good_one)
    ask(grader)
    swapped = [Duel(d.canary, 1, "run2", "run1", d.prompt, d.second_text, d.first_text) for d in DUELS]
    assert [o.winner for o in ask(grader, swapped)] == ["first"] * 6
    assert len(grader.prompts) == 12


def test_another_grader_and_another_reference_are_asked(make_grader: MakeGrader) -> None:
    first, second = make_grader(the_good_one, "one"), make_grader(the_good_one, "two")
    ask(first)
    ask(second)
    ask(second, reference=["The writer's own."])
    assert (len(first.prompts), len(second.prompts)) == (12, 24)


class Interrupted(BaseException):
    """Ends the asking as Ctrl-C does, but through its own task: asyncio lets KeyboardInterrupt out of any."""


def test_after_an_interruption_only_what_is_missing_is_asked(make_grader: MakeGrader) -> None:
    patience = [5]

    def until_interrupted(prompt: str) -> str:
        patience[0] -= 1
        if patience[0] < 0:
            raise Interrupted
        return the_good_one(prompt)

    grader = make_grader(until_interrupted)
    with pytest.raises(BaseException) as caught:
        ask(grader)
    assert not isinstance(caught.value, Exception)
    asked = len(grader.prompts)
    patience[0] = 100
    assert [o.winner for o in ask(grader)] == ["second"] * 6
    assert len(grader.prompts) - asked == 12 - 5


def test_a_reply_not_understood_leaves_its_duel_unsettled(make_grader: MakeGrader) -> None:
    grader = make_grader(lambda prompt: "Text A." if "Question 3" in prompt else the_good_one(prompt))
    outcomes = ask(grader)
    assert [o.winner for o in outcomes].count(None) == 1 and outcomes[3].unsettled


def test_a_call_that_fails_leaves_its_duel_unsettled_and_the_others_go_on(make_grader: MakeGrader) -> None:
    def fails_on_three(prompt: str) -> str:
        if "Question 3" in prompt:
            raise ValueError("too long")
        return the_good_one(prompt)

    outcomes = ask(make_grader(fails_on_three))
    assert outcomes[3].unsettled == "ValueError: too long"
    assert [o.winner for o in outcomes].count("second") == 5


def test_a_grader_whose_first_call_fails_is_asked_no_more(make_grader: MakeGrader) -> None:
    def refuses(prompt: str) -> str:
        raise PermissionError("wrong key")

    grader = make_grader(refuses)
    with pytest.raises(TimbreError, match="mockllm/grader: the grader failed: PermissionError: wrong key"):
        ask(grader)
    assert len(grader.prompts) == 1


def test_empty_answers_and_copies_are_not_asked(make_grader: MakeGrader) -> None:
    grader = make_grader(the_good_one)
    outcomes = ask(
        grader, [Duel("c", 1, "a", "b", "p", "", "x"), Duel("d", 1, "a", "b", "p", "same", "same ")]
    )
    assert [o.winner for o in outcomes] == [None, "tie"] and grader.prompts == []


def test_whoever_waits_hears_of_every_duel(make_grader: MakeGrader) -> None:
    def fails_on_three(prompt: str) -> str:
        if "Question 3" in prompt:
            raise ValueError("too long")
        return the_good_one(prompt)

    heard: list[None] = []
    duels = [*DUELS, Duel("d", 1, "a", "b", "p", "same", "same ")]
    assert len(ask(make_grader(fails_on_three), duels, on_item=lambda: heard.append(None))) == len(heard)


def test_without_the_cache_everything_is_asked_anew(make_grader: MakeGrader) -> None:
    grader = make_grader(the_good_one)
    for _ in range(2):
        ask(grader, use_cache=False)
    assert len(grader.prompts) == 24


def test_an_unknown_grader_is_a_users_error() -> None:
    with pytest.raises(TimbreError, match="can't open the grader"):
        open_grader("nowhere/nothing")
