"""Likeness lies between the base's floor and the writer's ceiling, whatever the length."""

import random
from dataclasses import replace

import pytest

from judges.reference import VoiceReference
from judges.types import Answer
from judges.voice_match import VoiceModel, voice_match


def _value(text: str, reference: VoiceReference) -> float:
    value = voice_match(Answer("a", "", text), reference).value
    assert value is not None
    return value


def test_the_writers_held_out_texts_are_near_one_and_the_bases_near_zero(
    reference: VoiceReference, assistant_texts: tuple[str, ...]
) -> None:
    assert min(_value(t, reference) for t in reference.held_out) > 0.6
    assert max(_value(t, reference) for t in assistant_texts) < 0.2


def test_a_long_text_is_worth_what_its_parts_are(
    reference: VoiceReference, assistant_texts: tuple[str, ...]
) -> None:
    parts = sum(_value(t, reference) for t in reference.held_out) / len(reference.held_out)
    assert _value(" ".join(reference.held_out), reference) == pytest.approx(parts, abs=0.15)
    assert _value(" ".join(assistant_texts * 4), reference) < 0.2


def test_noise_and_loops_do_not_pass_for_a_voice(reference: VoiceReference) -> None:
    letters = random.Random(0)
    noise = "".join(letters.choice("abcdefghijklmnopqrstuvwxyz     ") for _ in range(400))
    assert _value(noise, reference) < 0.1
    assert _value("the ham and " * 30, reference) < 0.1


def test_the_same_reference_gives_the_same_figures(reference: VoiceReference) -> None:
    first, second = VoiceModel(reference), VoiceModel(reference)
    assert first.contrast(reference.held_out[0], 40) == second.contrast(reference.held_out[0], 40)
    assert first.scale(20) == second.scale(20)


def test_no_text_of_the_floor_is_compared_with_itself(reference: VoiceReference) -> None:
    doubled = replace(reference, floor=reference.floor[:3])
    judged = voice_match(Answer("a", "", doubled.floor[0]), doubled)
    assert judged.details["raw"] < judged.details["floor"]


def test_a_reference_that_sounds_like_the_base_gives_no_scale(
    reference: VoiceReference, assistant_texts: tuple[str, ...]
) -> None:
    same = replace(reference, held_out=assistant_texts)
    judged = voice_match(Answer("a", "", reference.held_out[0]), same)
    assert judged.unscored == "the writer's held-out texts don't stand apart from the floor"


@pytest.mark.parametrize(
    ("part", "reason"), [("floor", "floor"), ("held_out", "held-out"), ("train", "training")]
)
def test_a_reference_without_a_part_says_which(part: str, reason: str, reference: VoiceReference) -> None:
    judged = voice_match(Answer("a", "", reference.held_out[0]), replace(reference, **{part: ()}))
    assert judged.unscored == f"0 {reason} texts, needs 2"


def test_a_few_words_have_no_voice(reference: VoiceReference) -> None:
    assert voice_match(Answer("a", "", "Nobody needs a goat."), reference).unscored == "fewer than 10 words"


def test_without_a_reference_it_is_unscored(reference: VoiceReference) -> None:
    assert voice_match(Answer("a", "", reference.held_out[0]), None).unscored
