"""Counts, sentence variation, and four indices that need no download."""

import json
import re
from pathlib import Path

import pytest

from judges.readability import INDICES, readability
from judges.text import clean, sentences
from judges.types import Answer

NOTES = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "notes.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note["id"])
def test_the_indices_are_textstats(note: dict[str, str]) -> None:
    from textstat.backend import metrics

    told = ""
    for sentence in sentences(note["text"]):
        inner = re.sub(r"[.!?…]+", "", sentence.text).replace("\u2019", "'")
        told += " ".join(re.sub(r"[—\u2013/]|--", " ", inner).split()) + ". "
    judged = readability(Answer("a", "", note["text"]))
    assert [judged[key].value for key in INDICES] == pytest.approx(
        [
            metrics.automated_readability_index(told.strip()),
            metrics.coleman_liau_index(told.strip()),
            metrics.lix(told.strip()),
            metrics.rix(told.strip()),
        ]
    )


def test_words_and_sentences_are_counted_in_the_prose() -> None:
    found = readability(Answer("a", "", "# One two\nThree **four** five. #six\n- seven"))
    assert (found["words"].value, found["sentences"].value) == (6.0, 3.0)


@pytest.mark.parametrize(
    ("text", "words", "sentences"),
    [
        ("The gate shut.The hinge broke.The wind knocked and nobody was home.", 13, 3),
        ("The gate &amp; the hinge are &quot;fine&quot;, they say. It isn&#39;t so.", 11, 2),
        ("1. Bolt the gate.\n2. Oil the hinge.\n10. Count the keys twice.", 10, 3),
        ("<p>The gate stands open.</p><p>The goats have left.</p>", 8, 2),
        ("门关了。风来了。", 6, 2),
    ],
)
def test_words_and_sentences_are_right_in_odd_texts(text: str, words: int, sentences: int) -> None:
    found = readability(Answer("a", "", clean(text).text))
    assert (found["words"].value, found["sentences"].value) == (words, sentences)


def test_sentence_variation_is_the_spread_over_the_mean() -> None:
    even = readability(Answer("a", "", "One two three. Four five six."))
    uneven = readability(Answer("a", "", "One. Two three four five six seven."))
    assert even["sentence_cv"].value == 0.0
    assert uneven["sentence_cv"].value == pytest.approx(1.0102, abs=1e-3)


def test_one_sentence_has_no_variation_to_report() -> None:
    assert readability(Answer("a", "", "Only one sentence."))["sentence_cv"].unscored


def test_lix_and_rix_follow_their_formulas() -> None:
    found = readability(Answer("a", "", "Mr. Smith considered everything carefully. It cost 3.50 in all."))
    assert found["lix"].value == pytest.approx(5.0 + 30.0)
    assert found["rix"].value == pytest.approx(1.5)


def test_clipped_answers_have_no_index() -> None:
    found = readability(Answer("a", "", "Yes. Not so. Never."))
    assert found["words"].value == 4.0
    assert all(found[key].unscored for key in INDICES)


@pytest.mark.parametrize(
    ("text", "is_scored"),
    [
        ("一扇从不关上的门只是一个画框。", False),
        (
            "البوابة التي لا تغلق هنا.",
            False,
        ),
        (
            "Сосед каждое утро выносит часы.",
            True,
        ),
        ("Der alte Fährmann hat die Zeiten im Kopf.", True),
        ("The sign on the gate said 门关了, which helped.", True),
        ("Half 门关了风来 of it", False),
    ],
)
def test_an_index_is_for_alphabets(text: str, is_scored: bool) -> None:
    found = readability(Answer("a", "", text))
    assert {found[key].value is not None for key in INDICES} == {is_scored}
