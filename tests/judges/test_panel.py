"""Every dimension is answered for any text, with exact evidence or a reason."""

import hashlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges import encoder
from judges.panel import ENGLISH_ONLY, Panel, judge_identities, judges_version
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


SUBJECTS = ("tea", "rain", "iron", "bread", "glass", "salt", "wool", "oak")
PROMPTS = ("Tell of Ellul.", "q", *(f"A note on the subject of {subject}." for subject in SUBJECTS))


@pytest.fixture(scope="session")
def panel(reference: VoiceReference) -> Panel:
    responses = ["A further response that the run was trained on, about a heron."]
    return Panel(reference, responses, {prompt: () for prompt in PROMPTS})


@settings(max_examples=60)
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


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "<think>A note, then.</think>"])
def test_an_empty_answer_is_a_fault_and_worst_on_all_that_is_marked_up(panel: Panel, text: str) -> None:
    judged = panel.judge(Answer("a", "q", text, target_words=(10, 20)))
    assert judged["integrity"].value == 1.0
    for key, dimension in DIMENSIONS.items():
        if dimension.direction == "up":
            assert judged[key].value == 0.0
        elif key != "integrity":
            assert judged[key].unscored == "empty answer"


GOOD = (
    "The kettle in the hall has outlived two secretaries and one flood. It is descaled on the first Monday of "
    "each month by whoever lost the vote, and the minutes record the weight of what came out."
)


def test_an_answer_with_a_fault_is_worst_on_all_that_is_marked_up_and_says_why(panel: Panel) -> None:
    judged = panel.judge(Answer("a", "q", f"{GOOD} [Your Name]", target_words=(10, 60)))
    fault = judged["integrity"]
    assert fault.value == 1.0 and [e.why for e in fault.evidence] == ["placeholder"]
    for key, dimension in DIMENSIONS.items():
        if dimension.direction == "up":
            assert judged[key].value == 0.0 and judged[key].evidence == fault.evidence
    assert judged["self_insertion"].value is not None and judged["memorization"].value == 0.0


def test_a_sound_answer_keeps_its_values(panel: Panel) -> None:
    judged = panel.judge(Answer("a", "q", GOOD, target_words=(10, 60)))
    assert judged["integrity"].value == 0.0 and judged["compression"].value == 1.0


def test_evidence_is_quoted_from_the_answer_as_it_was_given(panel: Panel) -> None:
    typeset = GOOD.replace("kettle", "ket\u00adtle")
    given = f"<think>Short, then.</think>{typeset} #t\u00e9a &amp; #scones"
    tags = [e for e in panel.judge(Answer("a", "q", given))["hashtag_slop"].evidence if e.why == "hashtag"]
    assert [e.text for e in tags] == ["#t\u00e9a", "#scones"]
    assert all(given[e.start : e.end] == e.text for e in tags)


def test_what_is_fitted_on_english_says_that_a_text_is_in_another_language(panel: Panel) -> None:
    prompt = "Schreibe eine kurze Notiz \u00fcber den Bahnhof und die Leute, die dort arbeiten."
    text = (
        "Der Bahnhof hat zwei Gleise und einen W\u00e4rter, der beide nicht mag. Er fegt jeden Morgen den Steig "
        "und schreibt auf, was er gefunden hat. Meistens ist es ein Handschuh, selten ein Paar."
    )
    judged = panel.judge(Answer("a", prompt, text))
    assert judged["integrity"].value == 0.0
    for key in ENGLISH_ONLY:
        assert judged[key].unscored == "written in German"
    assert judged["memorization"].value == 0.0 and judged["words"].value is not None


def test_warmth_says_that_there_is_no_grader(panel: Panel, reference: VoiceReference) -> None:
    judged = panel.judge(Answer("a", "q", reference.held_out[0]))
    without = [key for key, j in judged.items() if (j.unscored or "").startswith("no grader: ")]
    assert without == ["warmth"]


def test_a_panel_without_a_reference_still_guards_the_responses_it_is_given() -> None:
    panel = Panel(None, ["Eleven herons stood on the roof of the bank and nobody rang."])
    judged = panel.judge(Answer("a", "q", "Eleven herons stood on the roof of the bank."))
    assert (judged["memorization"].value or 0) > 0.5
    assert judged["voice_match"].unscored


def test_every_value_names_its_judge_by_an_integer_and_its_weights(panel: Panel) -> None:
    judged = panel.judge(Answer("a", "q", GOOD))
    assert set(judge_identities()) == set(DIMENSIONS) - {"warmth"}
    for key, identity in judge_identities().items():
        assert judged[key].judge == str(identity)
        assert identity.version >= 1 and ("weights" in identity.parts) == identity.name.startswith("encoder/")
    assert len(judges_version()) == 64


def test_the_identity_of_humor_names_the_linear_heads_that_it_reads_too() -> None:
    heads = hashlib.sha256((encoder.FITTED / f"{encoder.OPENING}.json").read_bytes()).hexdigest()
    assert heads in judge_identities()["humor"].parts["weights"]
