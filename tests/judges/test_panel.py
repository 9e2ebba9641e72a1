"""Every dimension is answered for any text, with exact evidence or a reason."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.panel import Panel, judges_version
from judges.reference import VoiceReference
from judges.types import DIMENSIONS, Answer

TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            [
                *("Anna", "both of us", "my brother", "#tag", "@who", "🚀", "not just a", "but", "3.5", "€4"),
                *("**Bold:**", "\n", "\n# ", ". ", "“", "”", "`", "```", "our", "Ellul", "\u200b", "ß", "ŉ"),
            ]
        ),
        max_size=40,
    ).map(" ".join),
)


@pytest.fixture(scope="session")
def panel(reference: VoiceReference) -> Panel:
    return Panel(reference, ["A further response that the run was trained on, about a heron."])


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.one_of(st.none(), st.tuples(st.integers(1, 60), st.integers(60, 200))))
def test_any_text_gets_every_dimension_in_range_with_exact_evidence(
    panel: Panel, text: str, band: tuple[int, int] | None
) -> None:
    judged = panel.judge(Answer("a", "Tell of Ellul.", text, subjects=("Ellul",), target_words=band))
    assert list(judged) == list(DIMENSIONS)
    for key, judgement in judged.items():
        assert judgement.dimension == key
        if judgement.value is not None:
            assert math.isfinite(judgement.value)
            if DIMENSIONS[key].unit == "share":
                assert 0.0 <= judgement.value <= 1.0
        assert [e.start for e in judgement.evidence] == sorted(e.start for e in judgement.evidence)
        for evidence in judgement.evidence:
            assert 0 <= evidence.start < evidence.end <= len(text)
            assert text[evidence.start : evidence.end] == evidence.text


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b"])
def test_an_empty_answer_is_unscored_everywhere(panel: Panel, text: str) -> None:
    judged = panel.judge(Answer("a", "q", text, target_words=(10, 20)))
    assert {j.unscored for j in judged.values()} == {"empty answer"}


def test_warmth_says_that_there_is_no_grader(panel: Panel, reference: VoiceReference) -> None:
    judged = panel.judge(Answer("a", "q", reference.held_out[0]))
    without = [key for key, j in judged.items() if (j.unscored or "").startswith("no grader: ")]
    assert without == ["warmth"]


def test_a_panel_without_a_reference_still_guards_the_responses_it_is_given() -> None:
    panel = Panel(None, ["Eleven herons stood on the roof of the bank and nobody rang."])
    judged = panel.judge(Answer("a", "q", "Eleven herons stood on the roof of the bank."))
    assert (judged["memorization"].value or 0) > 0.5
    assert judged["voice_match"].unscored


def test_the_version_is_a_digest_that_stays_the_same() -> None:
    first = judges_version()
    judges_version.cache_clear()
    assert judges_version() == first and len(first) == 64
