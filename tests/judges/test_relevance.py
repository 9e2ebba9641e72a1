"""Relevance: the answer's own prompt among the others."""

import pytest

from judges.relevance import MIN_PROMPTS, Topics, relevance
from judges.types import Answer

ANSWERS = {
    "Explain why bread goes stale.": "Staleness is not dryness. The starch in the crumb sets again as it cools.",
    "A note on lighthouses.": "The keeper climbed two hundred steps to wipe salt from the lamp.",
    "What happened to the village post office?": "It closed in March, and stamps are now sold beside the ham.",
    "Write about a chess opening.": "The Sicilian gives up the centre pawn for a half-open file.",
    "How do you sharpen a knife?": "Hold the blade at fifteen degrees to the stone and count the strokes.",
    "A few words on the moon landing.": "Two men walked on it while the third went round, alone.",
    "Describe a thunderstorm.": "The sky went green, then the gutters ran over and the lights failed.",
    "Should children learn Latin?": "Dead languages teach grammar to the living, once the tears are dry.",
    "A short note on dentists.": "The drill is smaller than it sounds, and so is the tooth.",
    "What is inflation?": "The same coin buys less bread each year, and everybody blames the baker.",
}
TOPICS = Topics(dict.fromkeys(ANSWERS, ()))


@pytest.mark.parametrize("prompt", ANSWERS)
def test_an_answer_ranks_first_or_second_under_its_own_prompt(prompt: str) -> None:
    judged = relevance(Answer("a", prompt, ANSWERS[prompt]), TOPICS)
    assert judged.details["rank"] <= 2.0
    assert judged.value is not None and judged.value > 0.75


def test_its_scale_is_what_it_was() -> None:
    judged = relevance(Answer("a", "A note on lighthouses.", ANSWERS["A note on lighthouses."]), TOPICS)
    assert judged.value == pytest.approx(0.83, abs=0.03)
    assert judged.details["similarity"] == pytest.approx(0.18, abs=0.03)


def test_answers_dealt_to_other_prompts_are_near_chance() -> None:
    prompts, texts = list(ANSWERS), list(ANSWERS.values())
    values = [
        relevance(Answer("a", prompt, texts[(i + shift) % len(texts)]), TOPICS).value or 0.0
        for i, prompt in enumerate(prompts)
        for shift in range(1, len(texts))
    ]
    assert 0.35 < sum(values) / len(values) < 0.6


def test_it_is_unscored_with_too_few_other_prompts() -> None:
    few = Topics(dict.fromkeys(list(ANSWERS)[:MIN_PROMPTS], ()))
    judged = relevance(Answer("a", next(iter(ANSWERS)), "Bread."), few)
    assert judged.value is None and judged.unscored == "7 other prompts to compare with, needs 8"
    assert relevance(Answer("a", "q", "Bread."), None).value is None
    one_more = relevance(Answer("a", "another prompt", "Bread."), few)
    assert one_more.value is not None
