"""Prose, words and sentences keep their offsets into the original."""

from hypothesis import given
from hypothesis import strategies as st

from judges.plain_text import is_blank, plain_text, prose, sentences, titles, words

MARKDOWN = st.text(
    alphabet=st.sampled_from(list("ab A1.!?\"'*_#@`~>-|[]()<>\n\t:=é\u2019—🚀\u200b$%/&")), max_size=120
)


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
    assert plain_text(text) == "Why me ?\nIt is very odd , see this .\none\ntwo"


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
