"""Marks of assistant prose are found, and what only looks like them is not."""

import pytest

from judges.slop import hashtag_slop
from judges.types import Answer


def _marks(text: str) -> list[tuple[str, str]]:
    return [(e.text, e.why) for e in hashtag_slop(Answer("a", "", text)).evidence]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("We did it. #TeamWork", ("#TeamWork", "hashtag")),
        ("Thanks to @jane_doe for this.", ("@jane_doe", "handle")),
        ("Launch day 🚀🚀 🔥 at last", ("🚀🚀 🔥", "emoji")),
        ("## Lessons Learned\nA few.", ("## Lessons Learned", "title")),
        ("- **Be bold:** go on.", ("- **Be bold:**", "title")),
        ("In today\u2019s fast-paced world we run.", ("In today\u2019s fast-paced world", "stock_phrase")),
        ("It is A  Testament to\nher.", ("A  Testament to", "stock_phrase")),
        ("It's not just a job, it's a calling.", ("It's not just a job, it's", "not_x_but_y")),
        (
            "Leadership isn't about titles. It's about people.",
            ("isn't about titles. It's about", "not_x_but_y"),
        ),
        ("We not only grow but thrive.", ("not only grow but", "not_x_but_y")),
        ("This was not a failure but a lesson.", ("not a failure but a", "not_x_but_y")),
    ],
)
def test_a_mark_is_found_where_it_stands(text: str, mark: tuple[str, str]) -> None:
    assert _marks(text) == [mark]


@pytest.mark.parametrize(
    "text",
    [
        "I write C# and F# for a living.",
        "We came in at #1, they at #2nd, see issue #4711.",
        "The wall is #ff8800 now.",
        "Write to me@example.org or see https://example.org/page#part.",
        "Install @scope/package first.",
        "```\n#include <x> @decorator 🚀\n```\nThat is all.",
        "Use `#pragma` and `@property` here.",
        "He did not sleep but he worked.",
        "The hotel was not cheap. It was raining.",
        "I saw **nothing** of interest.",
    ],
)
def test_what_only_looks_like_a_mark_is_left_alone(text: str) -> None:
    judged = hashtag_slop(Answer("a", "", text))
    assert (judged.value, judged.evidence) == (0.0, ())


def test_overlapping_marks_count_once() -> None:
    assert len(_marks("**Key takeaway:** rest.")) == 1


def test_more_marks_in_the_same_words_are_worse_and_stay_below_one() -> None:
    values = [hashtag_slop(Answer("a", "", "word " * 100 + "#tag " * n)).value for n in (0, 1, 5, 50)]
    assert values == sorted(values) and values[0] == 0.0 and values[-1] <= 1.0
    assert values[1] < 0.45 < 0.9 < values[2]


def test_one_hashtag_under_a_short_note_is_not_the_maximum() -> None:
    assert hashtag_slop(Answer("a", "", "See you all there. #party")).value == pytest.approx(0.632, abs=0.01)
