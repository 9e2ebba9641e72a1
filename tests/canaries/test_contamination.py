"""A canary that the training text has already answered is refused, and both sides are named."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from canaries.contamination import TrainedText, check_contamination, content_grams, likeness
from canaries.suite import load_suite
from canaries.types import Canary, Suite
from timbre.errors import TimbreError

OPERA = "Should the state go on paying for grand opera when nobody under fifty sits in the stalls?"


def suite(prompt: str = OPERA, *subjects: str) -> Suite:
    canary = Canary("the-canary", "hot_take", (prompt,), subjects, False, (), (30, 90))
    return Suite("mine", Path("mine.yaml"), "0" * 64, (canary,))


def pair(
    prompt: str = "What use is a bicycle bell?", response: str = "None, but it is polite."
) -> TrainedText:
    return TrainedText("pairs.jsonl:7", prompt, response)


def refusal(asked: Suite, *trained: TrainedText) -> str:
    with pytest.raises(TimbreError) as caught:
        check_contamination(asked, trained)
    return str(caught.value)


def test_clean_text_passes_in_silence() -> None:
    check_contamination(suite(OPERA, "Maria Callas"), [pair()])


@pytest.mark.parametrize("trained", [OPERA, "And does ballet fare any better with the young than opera?"])
def test_the_opening_and_every_further_message_of_a_conversation_are_compared(trained: str) -> None:
    canary = replace(suite().canaries[0], turns=(OPERA, f"I see. {trained}"))
    refusal(replace(suite(), canaries=(canary,)), pair(trained))


def test_both_sides_and_the_suite_are_named() -> None:
    told = refusal(suite(), pair(OPERA))
    assert told.startswith("mine.yaml: 1 overlap ")
    assert "canary 'the-canary' and pairs.jsonl:7 have the same prompt" in told


@pytest.mark.parametrize(
    "prompt", [OPERA.upper(), OPERA.replace(" ", "\n  "), f"«{OPERA.rstrip('?')}»…", OPERA.replace("o", "ó")]
)
def test_case_spacing_punctuation_and_accents_make_no_new_prompt(prompt: str) -> None:
    assert "have the same prompt" in refusal(suite(), pair(prompt))


@pytest.mark.parametrize(
    ("prompt", "other"),
    [
        (
            "Write a short note on being beaten at chess by a child.",
            "Tell me about a child who beats you at chess",
        ),
        (
            "Explain the offside rule as a theory of private property.",
            "Explain offside as theory of property",
        ),
        ("Why do dogs like people more than cats do?", "Do cats like people more than dogs?"),
        ("What do you make of opera?", "What do you make of operas?"),
        (
            "Write a short personal note on class: the one you come from and the one you are taken for.",
            "Write something brief on classes, the one you came from and the one you're taken for.",
        ),
    ],
)
def test_a_prompt_in_another_frame_order_or_inflection_is_a_near_duplicate(prompt: str, other: str) -> None:
    assert "nearly the same prompt" in refusal(suite(prompt), pair(other))


@pytest.mark.parametrize(
    "frame",
    [
        "Write a short note about {}.",
        "Tell me a short story about {} in one paragraph.",
        "Write a short personal note in the first person, in under 100 words, about {}.",
    ],
)
def test_a_shared_frame_around_different_topics_is_no_overlap(frame: str) -> None:
    check_contamination(suite(frame.format("your mother")), [pair(frame.format("bicycles"))])


def test_likeness_of_prompts_with_one_frame_rests_on_their_topics() -> None:
    a, b = (content_grams(f"Write a short note about {topic}") for topic in ("opera", "taxes"))
    assert likeness(a, b) == 0.0
    assert likeness(a, a) == 1.0


@pytest.mark.parametrize("side", ["prompt", "response"])
def test_eight_words_in_a_row_are_an_overlap_on_either_side(side: str) -> None:
    text = "They asked who would pay for grand opera when nobody under fifty sits there, and meant me."
    long = "Bicycles, harbours, tin roofs, mustard, the price of gravel and other solid comforts. " + text
    told = refusal(suite(), pair(**{side: long}))
    assert f'share the words "for grand opera when nobody under fifty sits" (its {side})' in told


def test_seven_words_in_a_row_are_none() -> None:
    check_contamination(suite(), [pair(response="For grand opera when nobody under fifty stands.")])


@pytest.mark.parametrize("side", ["prompt", "response"])
def test_a_subject_named_on_either_side_is_an_overlap(side: str) -> None:
    told = refusal(suite(OPERA, "Maria Callas"), pair(**{side: "I once saw MARIA CALLAS\u2019s shoes."}))
    assert f"both speak of Maria Callas (its {side})" in told


@pytest.mark.parametrize(
    ("subject", "response"),
    [
        ("Maria Callas", "Maria phoned. Callas did not."),
        ("Ann Lee", "Joann Leeds sent a postcard."),
        ("Bath", "I had a bath in it."),
        ("the taxpayer", "Nobody asks the taxpayer."),
    ],
)
def test_part_of_a_name_or_a_common_noun_is_no_mention(subject: str, response: str) -> None:
    check_contamination(suite(OPERA, subject), [pair(response=response)])


@pytest.mark.parametrize(
    ("subject", "response"), [("Bath", "We left Bath."), ("The Hague", "Rainy, the Hague.")]
)
def test_a_one_word_name_counts_with_its_capital(subject: str, response: str) -> None:
    assert f"both speak of {subject}" in refusal(suite(OPERA, subject), pair(response=response))


def test_an_accent_left_out_does_not_hide_a_name() -> None:
    assert "Gödel" in refusal(suite(OPERA, "Kurt Gödel"), pair(response="Kurt Godel starved."))


def test_the_first_three_overlaps_are_told_and_the_rest_counted() -> None:
    told = refusal(suite(), *(TrainedText(f"pairs.jsonl:{n}", OPERA, "No.") for n in range(1, 9)))
    assert "8 overlaps" in told
    assert "pairs.jsonl:3" in told
    assert "pairs.jsonl:4" not in told
    assert "; and 5 more" in told
    assert "\n" not in told


def test_a_pair_is_told_once_however_many_ways_it_overlaps() -> None:
    told = refusal(suite(OPERA, "Maria Callas"), pair(OPERA, f"Maria Callas! {OPERA}"))
    assert told.startswith("mine.yaml: 1 overlap ")


def test_the_full_suite_against_five_times_the_pairs_takes_about_five_times_as_long() -> None:
    words = ["tin", "gravel", "bell", "mustard", "harbour", "rope", "and", "the", "of", "a", "with", "under"]
    trained = [
        TrainedText(f"pairs.jsonl:{n}", f"What of {words[n % 6]} {n}?", " ".join(words[n % 7 :] * 20))
        for n in range(2000)
    ]
    suite, seconds = load_suite("full"), []
    for pairs in (trained[:10], trained[:400], trained):
        start = time.process_time()
        check_contamination(suite, pairs)
        seconds.append(time.process_time() - start)
    assert seconds[2] < 12 * seconds[1]
