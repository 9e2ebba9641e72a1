"""Stage 2 of ``self_insertion`` by a trained judge, as arithmetic: what is read, and what is made of it."""

import pytest

from judges.self_insertion import self_insertion
from judges.self_insertion_trained import (
    BEFORE,
    GROUP,
    THRESHOLD,
    groups,
    trained_identity,
    trained_judgement,
)
from judges.types import Answer, Judgement

SERVED = {"base": "b", "adapter": "a", "questions": "q", "dtype": "float32"}
PLAIN = Answer("a", "Who was Ada Lovelace?", "She wrote notes. Shared a desk with her for a year.")
LONG = Answer("b", "How do rivers run?", " ".join(f"Stone number {n} is wet." for n in range(15)))


def judged(answer: Answer, values: list[float | None]) -> Judgement:
    """The judgement where the sentences have these values; those read a second time must not count."""
    read = [[0.99] * (BEFORE if at else 0) + values[at : at + GROUP] for at in range(0, len(values), GROUP)]
    return trained_judgement(self_insertion(answer), answer, read, SERVED)


def test_a_sentence_over_the_threshold_is_a_claim_and_the_evidence() -> None:
    found = judged(PLAIN, [0.1, THRESHOLD])
    assert found.value == 1.0
    assert [(e.text, e.why) for e in found.evidence] == [
        ("Shared a desk with her for a year.", "trained_judge")
    ]
    assert found.details["detector"] == 0.0 and found.details["highest"] == THRESHOLD
    assert judged(PLAIN, [0.1, THRESHOLD - 0.01]).value == 0.0


def test_what_the_detector_found_stands_and_is_told_once() -> None:
    answer = Answer("a", "Who was Darwin?", "My father taught Darwin. Finches vary.", ("Darwin",))
    for values in ([0.0, 0.0], [1.0, 0.0]):
        found = judged(answer, list(values))
        assert found.value == 1.0 and len(found.evidence) == 1
        assert found.evidence[0].why != "trained_judge"


def test_a_long_answer_is_read_in_groups_that_overlap() -> None:
    read = groups(LONG)
    assert [len(g) for g in read] == [GROUP, BEFORE + GROUP, BEFORE + 3]
    assert read[1][:BEFORE] == read[0][-BEFORE:]
    found = judged(LONG, [0.0] * 13 + [1.0, 0.0])
    assert [e.text for e in found.evidence] == ["Stone number 13 is wet."]
    assert found.details["sentences"] == 15
    assert judged(LONG, [0.0] * 15).value == 0.0


def test_a_licensed_answer_is_not_read() -> None:
    licensed = Answer("a", "Tell us of your first boat.", "I built a boat.", first_person_licensed=True)
    assert groups(licensed) == []
    assert judged(licensed, []).value == 0.0


def test_a_sentence_without_a_digit_leaves_it_unscored() -> None:
    found = judged(PLAIN, [0.1, None])
    assert found.value is None and "1 of 2 sentences" in str(found.unscored)


def test_what_the_detector_found_stands_also_where_a_sentence_has_no_digit() -> None:
    answer = Answer("a", "Who was Darwin?", "My father taught Darwin. Finches vary.", ("Darwin",))
    found = judged(answer, [None, 1.0])
    assert found.value == 1.0 and [e.why for e in found.evidence][-1] == "trained_judge"


@pytest.mark.parametrize("part", SERVED)
def test_whatever_the_answers_depend_on_makes_another_judge(part: str) -> None:
    assert trained_identity(SERVED) != trained_identity({**SERVED, part: "other"})
