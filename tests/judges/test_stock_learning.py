"""A base's planted habits are learned and marked where they stand; what people and the writer say is not."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges import stock_learning
from judges.stock_learning import (
    PromptedText,
    StockList,
    counted,
    learn,
    spans,
    store,
    stored_list,
)
from judges.text import words
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

SHIPPED_BASE = "e170c743f0f41508cd25332c4e757b684a78c816304a549d2186a819293a7d97"

_SUBJECTS = ["kettle", "ladder", "goat", "piano", "ferry", "trombone", "waffle", "lantern"]
_RARE = {"tapestry": 4e-6, "endeavour": 3e-6, "humbly": 1e-6, "kettle": 3e-6, "seldom": 8e-6}


def human(word: str) -> float:
    """A made-up count: a few rare words, the rest as common as "of"."""
    return _RARE.get(word, 2e-2)


def _base(sentence: str, *, prompts: int = len(_SUBJECTS), repeats: int = 1) -> list[PromptedText]:
    """Answers on different subjects; the first ``prompts`` of them hold ``sentence``."""
    return [
        PromptedText(f"Write about a {thing}.", f"The {thing} is old. " * 20 + (sentence + " ") * repeats)
        if i < prompts
        else PromptedText(f"Write about a {thing}.", f"The {thing} is old. " * 20)
        for i, thing in enumerate(_SUBJECTS)
    ]


def _learn(base: list[PromptedText], writer: tuple[str, ...] = ("We go out and come in.",)) -> StockList:
    return learn(base, writer, human, base="made-up", base_sha256="a" * 64)


def _phrases(base: list[PromptedText], writer: tuple[str, ...] = ("We go out and come in.",)) -> set[str]:
    return {p.text for p in _learn(base, writer).phrases}


def test_a_planted_phrase_is_learned_in_its_longest_form() -> None:
    found = _phrases(_base("A rich tapestry of it all."))
    assert "rich tapestry of it" in found
    assert "tapestry" not in found


def test_common_words_and_phrases_of_them_are_not_learned() -> None:
    assert _phrases(_base("That is how it is and we all know that.")) == set()


def test_no_phrase_is_longer_than_four_words() -> None:
    found = _phrases(_base("We humbly endeavour to weave a rich tapestry of it all."))
    assert found and max(len(p.split()) for p in found) == 4


def test_one_answer_going_round_in_a_loop_teaches_nothing() -> None:
    assert _phrases(_base("A rich tapestry.", prompts=2, repeats=50)) == set()


def test_many_answers_to_the_same_few_prompts_are_no_habit() -> None:
    assert _phrases(_base("A rich tapestry.", prompts=2) * 5) == set()
    assert _phrases(_base("A rich tapestry.", prompts=3) * 5) == {"a rich tapestry"}


@pytest.mark.parametrize(("asked", "learned"), [("Often or seldom?", set()), ("How often?", {"seldom"})])
def test_a_word_of_the_prompt_is_an_echo_and_not_a_habit(asked: str, learned: set[str]) -> None:
    answers = [PromptedText(f"{asked} Number {i}.", "Seldom. It is so.") for i in range(8)]
    assert _phrases(answers, ("It is so.",)) == learned


def test_what_the_writer_says_as_often_is_not_stock() -> None:
    base = _base("A rich tapestry.")
    assert _phrases(base, ("We go out.",)) == {"a rich tapestry"}
    assert _phrases(base, ("A rich tapestry hangs there. We go out and come in.",)) == set()


def test_a_writer_of_many_words_who_said_it_once_does_not_clear_the_base_of_it() -> None:
    long = ("We go out and come in again. " * 30_000, "A rich tapestry.")
    assert "a rich tapestry" in _phrases(_base("A rich tapestry. " * 2), long)


def test_a_list_learned_beside_one_writer_spares_what_another_says() -> None:
    learned = _learn(_base("A rich tapestry."))
    assert counted(learned, ()) == {"a rich tapestry"}
    assert counted(learned, ("She sold me a rich tapestry.",)) == set()


def test_a_list_counts_for_its_own_base_only(tmp_path: Path) -> None:
    store(_learn(_base("A rich tapestry.")), tmp_path)
    assert counted(stored_list("a" * 64, tmp_path), ()) == {"a rich tapestry"}
    for other in ("b" * 64, "a" * 16 + "b" * 48):
        assert counted(stored_list(other, tmp_path), ()) == set()


def test_the_figures_are_raw_counts_and_rates() -> None:
    base = _base("A rich tapestry.", repeats=2)
    learned = _learn(base)
    (phrase,) = learned.phrases
    total = 8 * (20 * 4 + 2 * 3)
    assert (learned.texts, learned.words) == (8, total)
    assert (phrase.prompts, phrase.answers, phrase.count) == (8, 8, 16)
    assert phrase.per_100_words == pytest.approx(100 * 16 / total, abs=1e-4)
    assert phrase.z_human > learned.threshold


def test_an_unknown_word_has_the_least_share_and_the_prior_is_recorded() -> None:
    learned = learn(
        _base("A tapestry."), (), lambda w: 0.0 if w == "tapestry" else 0.1, base="b", base_sha256=""
    )
    (phrase,) = learned.phrases
    assert (phrase.human, learned.prior) == (1e-8, 2000)


@pytest.mark.parametrize(
    ("habit", "share", "is_learned"),
    [
        ("view", 0.0010, True),
        ("view", 0.0016, False),
        ("rich view", 0.008, True),
        ("rich view", 0.010, False),
    ],
)
def test_a_habit_must_be_many_times_as_frequent_as_with_people(
    habit: str, share: float, is_learned: bool
) -> None:
    answers = [
        PromptedText(f"p{i}", f"We all go out and come in again. {habit if i % 4 == 0 else ''}")
        for i in range(400)
    ]
    learned = learn(
        answers, (), lambda w: share if w in habit.split() else 0.9, base="b", base_sha256="0" * 64
    )
    assert (habit in {p.text for p in learned.phrases}) == is_learned


def test_more_prompts_make_a_phrase_more_certain() -> None:
    few, many = (_learn(_base("A rich tapestry.", prompts=n)).phrases[0] for n in (4, 8))
    assert many.z_human > few.z_human
    assert many.z_writer > few.z_writer


def test_no_words_to_learn_from_is_a_users_mistake() -> None:
    with pytest.raises(TimbreError, match="no words"):
        _learn([PromptedText("q", "...")])


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("I\u2019m HERE to help.", ["I\u2019m HERE to help"]),
        ("Yes: here to, help you all.", ["here to, help you"]),
        ("I'm here. To help.", []),
        ("I'm here\n\nto help.", []),
        ("So `here to help` is code.", []),
        ("```\nhere to help\n```\nThat is all.", []),
        ("\U0001f600 Caf\u00e9 cafe\u0301 x", ["Caf\u00e9 cafe\u0301"]),
        ("Stra\u00dfe, nowhere", ["Stra\u00dfe"]),
        ("where to helping", []),
        ("", []),
        ("\u200b", []),
    ],
)
def test_phrases_are_marked_where_they_stand(text: str, marked: list[str]) -> None:
    stock = {"i'm here to help", "here to help", "to help you", "cafe cafe", "strasse"}
    assert [text[start:end] for start, end in spans(text, stock)] == marked


def test_phrases_that_share_a_word_are_one_stretch_and_neighbours_are_two() -> None:
    stock = {"here to help", "help you with", "any task"}
    text = "He is here to help you with any task."
    assert [text[a:b] for a, b in spans(text, stock)] == ["here to help you with", "any task"]


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from(["a", "b", "c", "é", ".", "\n", ",", "**b**", "#a", "`a`", "\u200b"]), max_size=40
    )
)
def test_spans_are_in_order_apart_and_inside_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    found = spans(text, {"a", "a b", "b c a", "é"})
    edges = [edge for span in found for edge in span]
    assert edges == sorted(edges) and all(0 <= a < b <= len(text) for a, b in found)


def test_a_stored_list_is_read_back_as_it_was(tmp_path: Path) -> None:
    learned = _learn(_base("A rich tapestry, humbly."))
    path = store(learned, tmp_path)
    assert path.name == "a" * 16 + ".json"
    assert stored_list("a" * 64, tmp_path) == learned
    path.write_text(json.dumps({"base": "x", "phrases": [{"text": "y"}]}))
    with pytest.raises(TimbreError, match="not a list of stock phrases"):
        stored_list("a" * 64, tmp_path)
    assert store(learned, tmp_path) == path, "what can't be read is replaced"


def test_a_list_from_fewer_answers_replaces_none_from_more(tmp_path: Path) -> None:
    learned = _learn(_base("A rich tapestry, humbly."))
    path = store(learned, tmp_path)
    with pytest.raises(
        TimbreError, match=f"learned from {learned.texts} answers, more than these 1; give --out"
    ):
        store(dataclasses.replace(learned, texts=1), tmp_path)
    assert stored_list("a" * 64, tmp_path) == learned
    store(dataclasses.replace(learned, texts=learned.texts + 1), tmp_path)
    assert json.loads(path.read_text())["texts"] == learned.texts + 1


def _lines(path: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (CHECKOUT / path).read_text(encoding="utf-8").splitlines()]


def test_the_shipped_list_marks_unseen_answers_of_its_base_and_spares_the_writers_unseen_texts() -> None:
    pairs, floor = _lines("training/data/voice.jsonl"), _lines("judges/data/floor.jsonl")
    unseen = {pair["prompt"]: pair["response"] for pair in pairs if pair["split"] == "val"}
    writer_texts = [pair["response"] for pair in pairs if pair["split"] == "train"]
    stock = counted(stored_list(SHIPPED_BASE), writer_texts)
    base, writer = (
        100 * sum(len(spans(text, stock)) for text in texts) / sum(len(words(text)) for text in texts)
        for texts in ([row["text"] for row in floor if row["prompt"] in unseen], list(unseen.values()))
    )
    assert base > 0.5
    assert writer < base / 4


def test_the_human_count_knows_rare_from_common_and_both_kinds_of_apostrophe() -> None:
    pytest.importorskip("wordfreq", reason="comes with the lock; learning alone needs it")
    assert stock_learning.human_share("the") > 100 * stock_learning.human_share("tapestry") > 0
    assert stock_learning.human_share("i'm") > 1e-4
