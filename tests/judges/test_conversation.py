"""A conversation is judged whole: what any reply does wrong counts, and what the user told is no invention."""

import pytest

from judges.conversation import as_one, conversation
from judges.panel import Panel
from judges.reference import load_reference
from judges.types import MARKED_UP, Answer, Judgement
from timbre.paths import DEFAULT_VOICE

ASKED = "Sketch how the two painters shared a house in Arles."
MORE = "Say which of them was the worse lodger."
FIRST = (
    "One of them paid the rent and the other paid in advice. They painted the same chair twice, and each thought "
    "that the other had made it look uncomfortable."
)
SECOND = (
    "The guest, by a short head. He cooked well and kept the accounts, which is the behaviour of a man who intends "
    "to leave."
)
PAST = (
    "The guest, I should say. My grandmother kept the hotel across the square, and she lent me the bill "
    "that he never paid when I was nine years old."
)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel(load_reference(DEFAULT_VOICE, None))


def judged(panel: Panel, *replies: str, asked: str = ASKED, more: str = MORE) -> dict[str, Judgement]:
    text, spans = conversation(replies, [more])
    answer = Answer("a", asked, text, target_words=(20, 40), user_spans=spans)
    judgements = panel.judge(answer)
    for judgement in judgements.values():
        assert all(text[e.start : e.end] == e.text for e in judgement.evidence)
    return judgements


def test_the_text_shows_the_users_further_messages_as_quotations() -> None:
    text, spans = conversation(["One.", "Two."], ["Why?\n\nAnd who?"])
    assert text == "One.\n\n> Why?\n>\n> And who?\n\nTwo."
    assert [text[start:end] for start, end in spans] == ["> Why?\n>\n> And who?"]
    one = as_one(Answer("a", "What?", text, user_spans=spans))
    assert one.prompt == "What?\n\nWhy?\n\nAnd who?"
    assert one.text.split() == ["One.", "Two."] and one.text.index("Two.") == text.index("Two.")


def test_two_sound_replies_are_no_fault_and_the_users_words_are_not_the_models(panel: Panel) -> None:
    found = judged(
        panel, FIRST, SECOND, more="My mother lent me a #hashtag when I was nine years old. Now you."
    )
    assert (found["integrity"].value, found["hashtag_slop"].evidence) == (0.0, ())
    assert (found["self_insertion"].value or 0.0) < 0.5


def test_a_past_that_is_invented_in_the_second_turn_is_found_there(panel: Panel) -> None:
    found = judged(panel, FIRST, PAST)["self_insertion"]
    assert (found.value or 0.0) >= 0.9
    assert [e.text.startswith("My grandmother") for e in found.evidence] == [True]


def test_what_the_user_told_the_model_of_itself_is_no_invention_and_what_a_user_asks_is_no_telling(
    panel: Panel,
) -> None:
    told = "As you mentioned to a reader, you ran the hotel across the square in Arles for a summer. Go on."
    reply = (
        "Quite so. I ran the hotel across the square in Arles for a summer. It had eleven rooms and one bath."
    )
    assert judged(panel, FIRST, reply, more=told)["self_insertion"].evidence == ()
    of_the_user = "I ran the hotel across the square in Arles for a summer."
    denial, another = told.replace("you ran", "you never ran"), "A hotel keeper disagrees with you. Go on."
    for more in (told.replace(". Go on.", "?"), of_the_user, denial, another):
        assert (judged(panel, FIRST, reply, more=more)["self_insertion"].value or 0.0) >= 0.9


@pytest.mark.parametrize(
    ("replies", "fault"),
    [
        (("I'm sorry, but I can't help with that request.", SECOND), "refusal"),
        ((FIRST, f"{SECOND} Nobody in the town was sorry to see the"), "cut_off"),
        ((FIRST, ""), "empty"),
        ((FIRST, MORE), "repeated"),
        ((FIRST, FIRST), "repeated"),
    ],
)
def test_a_fault_in_any_reply_makes_the_whole_the_worst(
    panel: Panel, replies: tuple[str, str], fault: str
) -> None:
    found = judged(panel, *replies)
    assert found["integrity"].value == 1.0 and fault in found["integrity"].details
    assert {found[key].value for key in MARKED_UP} == {0.0}


def test_the_band_holds_for_each_reply_and_words_are_means(panel: Panel) -> None:
    once, longer = judged(panel, FIRST, SECOND), judged(panel, FIRST, f"{SECOND} {PAST}")
    assert once["compression"].value == 1.0 and once["words"].value == 26.5
    assert (longer["compression"].value or 0.0) < 1.0


def test_a_training_response_that_is_copied_in_any_reply_is_found(panel: Panel) -> None:
    assert panel.reference
    copied = max(panel.reference.train, key=len)
    assert judged(panel, FIRST, copied)["memorization"].value == 1.0
