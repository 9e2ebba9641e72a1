"""Prose, words and sentences keep their offsets into the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.text import (
    all_words,
    clean,
    fold,
    fold_repeats,
    is_blank,
    normalized,
    prose,
    sentences,
    titles,
    words,
)

MARKDOWN = st.text(
    alphabet=st.sampled_from(list("ab A1.!?\"'*_#@`~>-|[]()<>\n\t:=é\u2019—🚀\u200b$%/&")), max_size=120
)

DIRTY = st.lists(
    st.sampled_from(
        [
            "&amp;",
            "&#39;",
            "&nope;",
            "e\u0301",
            "\u0327",
            "\xad",
            "\u200b",
            "\r\n",
            "\xa0",
            "\ud800",
            "\x00",
            "a\u2019b",
            "<think>",
            "</think>",
            "\u1112\u1161\u11ab",
            "x",
            " ",
            "\u212b",
            "\u200d",
            "&",
            "#39;",
        ]
    ),
    max_size=30,
).map("".join)


def _sentences(text: str) -> list[str]:
    return [" ".join(s.text.split()) for s in sentences(text)]


@given(st.one_of(st.text(max_size=200), MARKDOWN))
def test_every_span_points_at_its_own_place_in_any_text(text: str) -> None:
    shown = prose(text)
    assert len(shown) == len(text)
    for span in (*words(text), *sentences(text)):
        assert shown[span.start : span.end] == span.text
    for title in titles(text):
        assert text[title.start : title.end].strip()


@given(st.one_of(st.text(max_size=200), MARKDOWN))
def test_prose_only_hides_and_never_adds(text: str) -> None:
    assert all(new == old or new in " \n" for old, new in zip(text, prose(text), strict=True))


@given(st.one_of(st.text(max_size=200), MARKDOWN))
def test_every_word_belongs_to_exactly_one_sentence(text: str) -> None:
    for word in words(text):
        assert sum(s.start <= word.start < s.end for s in sentences(text)) == 1


def test_markdown_is_taken_off_and_its_words_stay() -> None:
    text = "## Why *me*?\n\nIt is **very** [odd](http://x.org/a#b), see `this`.\n- one\n- two"
    blocks = [" ".join(block.split()) for block in prose(text).split("\n")]
    assert [b for b in blocks if b] == ["Why me ?", "It is very odd , see this .", "one", "two"]


def test_hashtags_urls_and_code_blocks_are_no_words() -> None:
    text = "Out now #newbook https://x.org/y\n\n```python\nprint('hello')\n```\n"
    assert [w.text for w in words(text)] == ["Out", "now"]


def test_an_answer_wholly_inside_a_fence_is_prose() -> None:
    assert [w.text for w in words("```\nA short note.\n```")] == ["A", "short", "note"]


def test_contractions_hyphens_and_decimals_are_one_word_each() -> None:
    assert [w.text for w in words("Don\u2019t re-read 3.5 of 1,000 at 5 p.m. please")] == [
        *("Don\u2019t", "re-read", "3.5", "of", "1,000", "at", "5", "p.m", "please")
    ]


def test_titles_initials_and_decimals_do_not_end_a_sentence() -> None:
    assert _sentences("Dr. No met J. R. Hartley, e.g. at 3.5 km. He left.") == [
        *("Dr. No met J. R. Hartley, e.g. at 3.5 km.", "He left.")
    ]


def test_a_quotation_before_a_small_letter_does_not_end_a_sentence() -> None:
    assert _sentences('"Why?" she asked... and left. Nobody knew!') == [
        *('"Why?" she asked... and left.', "Nobody knew!")
    ]


def test_list_items_are_sentences_and_wrapped_lines_are_not() -> None:
    assert _sentences("A line that\ngoes on.\n- one\n- two") == ["A line that goes on.", "one", "two"]


def test_a_text_without_a_visible_character_is_blank() -> None:
    assert is_blank(" \n\u200b\ufeff\t")
    assert not is_blank(".")


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("it&#39;s &quot;fine&quot; &amp; &nope; a&nbsp;b", 'it\'s "fine" & &nope; a b'),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("gr\xadea\u200bt\ufeff\x00", "great"),
        ("don\u2019t \u2018go\u2019 \u201cnow\u201d", "don't \u2018go\u2019 \u201cnow\u201d"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\ud800", "\ufffd"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("<think>\nA plan. #tag\n</think>\n\nA note.", "A note."),
        ("<THINKING>a</THINKING>A <think>b</think> note.", "A note."),
        ("Reasoning without its first tag.\n</think>\nA note.", "A note."),
        ("<think>Never closed", "<think>Never closed"),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("wo\u200crd", "word"),
    ],
)
def test_a_text_is_cleaned(given_text: str, expected: str) -> None:
    assert clean(given_text).text == expected


@given(st.one_of(st.text(max_size=200), MARKDOWN, DIRTY))
def test_clean_texts_stay_as_they_are_and_map_back_in_order(text: str) -> None:
    cleaned = clean(text)
    at = 0
    for i in range(len(cleaned.text)):
        start, end = cleaned.original(i, i + 1)
        assert 0 <= start < end <= len(text) and start >= at
        if text[start:end] == cleaned.text[i]:
            at = end
    assert not any(c in "\x00\xad\u200b" or "\ud800" <= c <= "\udfff" for c in cleaned.text)


@pytest.mark.parametrize(
    "text",
    ["a &amp; b", "a\r\n\r\nb\rc", "a\xa0b\u2009c", "a\xad\u200bb", "cafe\u0301", "\u201cNo\u201d, 'no'"],
)
def test_training_reads_the_same_dirt_as_the_judges(text: str) -> None:
    assert normalized(text) == clean(text).text


@pytest.mark.parametrize("text", ["don\u2019t", "<think>Hm.</think>\n\nYes.", "half \ud83d"])
def test_training_keeps_the_writers_apostrophes_thoughts_and_faults(text: str) -> None:
    assert normalized(text) == text != clean(text).text


def test_a_span_of_the_clean_text_is_found_in_the_original() -> None:
    text = "<think>hm</think> He isn&#39;t at the cafe\u0301\xad bar."
    cleaned = clean(text)
    found = [text[slice(*cleaned.original(w.start, w.end))] for w in words(cleaned.text)]
    assert found == ["He", "isn&#39;t", "at", "the", "cafe\u0301", "bar"]
    whole = cleaned.text.index("isn't"), cleaned.text.index(" bar")
    assert text[slice(*cleaned.original(*whole))] == "isn&#39;t at the cafe\u0301"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("\u95e8\u662f\u7ed9\u98ce\u7528\u7684\u3002", 6),
        ("\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902", 2),
        ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", 2),
        ("\u0e17\u0e35\u0e48", 1),
        ("\u30ab\u30fc\u30c9", 2),
        ("\u0628\u064e\u0627\u0628", 1),
        ("{{Infobox |height=3 m}} The gate", 2),
        ("&amp; the gate", 2),
    ],
)
def test_words_are_counted_in_any_script(text: str, count: int) -> None:
    assert len(words(text)) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The gate shut.The hinge broke!Then it rained.",
            ["The gate shut.", "The hinge broke!", "Then it rained."],
        ),
        ("We use v3.5.2 of Node.js. No. 5 is alive.", ["We use v3.5.2 of Node.js.", "No. 5 is alive."]),
        (
            "\u95e8\u5173\u4e86\u3002\u98ce\u6765\u4e86\uff01",
            ["\u95e8\u5173\u4e86\u3002", "\u98ce\u6765\u4e86\uff01"],
        ),
        ("<li>Bolt it</li><li>oil it</li>", ["Bolt it", "oil it"]),
        (
            "\u0939\u093e\u0901\u0964 \u0928\u0939\u0940\u0902\u0964",
            ["\u0939\u093e\u0901\u0964", "\u0928\u0939\u0940\u0902\u0964"],
        ),
    ],
)
def test_sentences_end_in_any_script_and_without_a_space(text: str, expected: list[str]) -> None:
    assert _sentences(text) == expected


def test_words_fold_alike_whatever_their_case_accents_and_marks() -> None:
    assert {fold(w) for w in ("Isn\u2019t", "isn't", "ISN\u02bcT")} == {"isn't"}
    assert {fold(w) for w in ("Cafe\u0301", "caf\u00e9", "cafe", "\uff43\uff41\uff46\uff45")} == {"cafe"}


def test_all_words_reads_markup_too() -> None:
    assert [w.text for w in all_words("`run` #tag [a](b)")] == ["run", "tag", "a", "b"]


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "`a", "e\u0301\u0327", "&", "a.", "[", "<p>", "1.", "{{"]
)
def test_a_megabyte_of_anything_is_read(piece: str) -> None:
    text = clean(piece * (200_000 // len(piece))).text
    assert len(prose(text)) == len(text)
    sentences(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("So. " + "The ferry is late. " * 14 + "End.", "So. The ferry is late. [… repeats 14 times] End."),
        ("no, no, and no again, no, no, and no again", "no, no, and no again, no, no, and no again"),
        ("Two lines\nof verse.\n\n" * 3, "Two lines\nof verse. [… repeats 3 times]\n\n"),
        ("", ""),
    ],
)
def test_a_passage_that_comes_three_times_in_a_row_is_folded(text: str, folded: str) -> None:
    assert fold_repeats(text) == folded
