"""Rubric files, and the judgement that is made of graders' replies."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.grading import TokenChoice
from judges.rubric import (
    VERSION,
    load_rubric,
    parse_reply,
    parse_rubric,
    pooled,
    rubric_identity,
    rubric_prompt,
)
from judges.types import DIMENSIONS, Answer, Evidence, Judgement, unscored
from timbre.errors import TimbreError

RUBRIC = load_rubric("humor")
WEIGHTS = {item.key: item.weight for item in RUBRIC.items}
ANSWER = Answer(
    "a", "A note on uncles.", "My uncle measured  the coffin “twice”.\nHe'd been sold a Wardrobe."
)
GOOD = "# x\n\nAbout.\n\n" + "".join(f"## k{c} (weight 1)\nIs it?\n- yes: a\n- no: b\n\n" for c in "abcd")


def reply(**quotes: str) -> str:
    """A yes with a quote to each item named, a no to the others."""
    return json.dumps(
        {k: {"quote": quotes.get(k, ""), "answer": "yes" if k in quotes else "no"} for k in WEIGHTS}
    )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_the_version_is_raised_when_what_is_asked_or_made_of_replies_changes() -> None:
    value = parse_reply(RUBRIC, reply(turn="my uncle", exact_words="no such words"), ANSWER).value
    assert (VERSION, digest(rubric_prompt(RUBRIC, ANSWER).text), value) == (
        2,
        "65e00dbfd33f",
        pytest.approx(4 / 9),
    )


@pytest.mark.parametrize("dimension", [k for k, d in DIMENSIONS.items() if d.judged_by == "grader"])
def test_every_graded_dimension_has_a_rubric_of_four_to_six_items(dimension: str) -> None:
    rubric = load_rubric(dimension)
    assert rubric.dimension == dimension and 4 <= len(rubric.items) <= 6 and len(rubric.sha256) == 64


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (GOOD.replace("kb (weight 1)", "kb (weight 0)"), r"x\.md:10: malformed rubric item"),
        (GOOD.replace("kb (weight 1)", "kb (weight)"), r"x\.md:10: malformed rubric item"),
        (GOOD.replace("kb", "ka"), r"x\.md:10: malformed rubric item"),
        (GOOD.replace("Is it?", "It is.", 1), r"x\.md:5: malformed rubric item"),
        (GOOD.replace("# x", "# y"), r"x\.md: malformed rubric; write '# x', its purpose, and 4 to 6 items"),
        (GOOD.replace("About.", ""), "malformed rubric;"),
        (GOOD.partition("## kb")[0], "malformed rubric;"),
    ],
)
def test_a_malformed_rubric_is_named_with_its_line(changed: str, problem: str) -> None:
    assert len(parse_rubric(GOOD.replace("\n", "\r\n").encode(), "x", "x.md").items) == 4
    with pytest.raises(TimbreError, match=problem):
        parse_rubric(changed.encode(), "x", "x.md")


def test_a_dimension_without_a_rubric_lists_those_there_are() -> None:
    with pytest.raises(TimbreError, match="humor, provocativeness, voice_match, warmth"):
        load_rubric("compression")


def test_the_prompt_asks_every_question_and_the_schema_wants_every_answer() -> None:
    prompt, schema = rubric_prompt(RUBRIC, ANSWER)
    for item in RUBRIC.items:
        assert all(text in prompt for text in (RUBRIC.purpose, item.question, item.yes, item.no))
    assert schema["required"] == list(WEIGHTS) == list(json.loads(prompt.rstrip().rsplit("\n", 1)[-1]))
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("answers", "value", "evidence", "made_up"),
    [
        ({}, 0.0, [], 0),
        ({"turn": ""}, WEIGHTS["turn"], [], 0),
        ({"turn": "THE COFFIN 'twice'"}, WEIGHTS["turn"], [], 1),
        (
            {"turn": 'the coffin "twice"', "deadpan": "my uncle"},
            WEIGHTS["turn"] + WEIGHTS["deadpan"],
            [("My uncle", "deadpan"), ("the coffin “twice", "turn")],
            0,
        ),
        (dict.fromkeys(WEIGHTS, ""), sum(WEIGHTS.values()), [], 0),
    ],
)
def test_the_value_is_the_weight_answered_yes_and_quotes_that_are_there_are_evidence(
    answers: dict[str, str], value: float, evidence: list[tuple[str, str]], made_up: int
) -> None:
    judged = parse_reply(RUBRIC, reply(**answers), ANSWER)
    assert judged.value == pytest.approx(value / sum(WEIGHTS.values()))
    assert [(e.text, e.why) for e in judged.evidence] == evidence
    assert judged.details == {
        "items_yes": len(answers),
        "items": len(WEIGHTS),
        "quotes_not_found": made_up,
    }


@pytest.mark.parametrize(
    ("given_reply", "problem"),
    [
        ("I'd give it 9 of 10.", "not one JSON object"),
        (reply()[:-30], "not one JSON object"),
        (reply(turn="") + reply(), "not one JSON object"),
        (json.dumps({k: {"answer": "yes"} for k in list(WEIGHTS)[1:]}), "no yes or no for 'turn'"),
        (reply().replace('"no"', '"maybe"', 1), "no yes or no for 'turn'"),
    ],
)
def test_a_reply_that_is_not_understood_is_unscored_and_never_zero(given_reply: str, problem: str) -> None:
    judged = parse_reply(RUBRIC, given_reply, ANSWER)
    assert (judged.unscored or "").startswith(f"grader reply not understood: {problem}")


def test_a_reply_copied_from_the_text_is_no_answer_and_an_empty_text_has_none() -> None:
    assert parse_reply(RUBRIC, reply(turn=""), Answer("a", "", reply(turn=""))).unscored
    assert parse_reply(RUBRIC, reply(turn=""), Answer("a", "", " ")).unscored == "empty answer"


@given(st.text() | st.recursive(st.none() | st.text(), st.lists, max_leaves=5).map(json.dumps), st.text())
def test_no_reply_raises_and_every_quote_is_exact(given_reply: str, text: str) -> None:
    for one in (given_reply, reply(turn=given_reply)):
        judged = parse_reply(RUBRIC, one, Answer("a", "", text))
        assert judged.value is None or 0.0 <= judged.value <= 1.0
        assert all(text[e.start : e.end] == e.text != "" for e in judged.evidence)


def test_an_item_counts_by_the_probability_of_its_yes() -> None:
    pieces = reply(turn="").partition('"yes"')
    doubtful = [TokenChoice(pieces[0] + '"', {}), TokenChoice("yes", {"yes": -1.386294, "no": -0.287682})]
    judged = parse_reply(RUBRIC, "".join(pieces), ANSWER, [*doubtful, TokenChoice(f'"{pieces[2]}', {})])
    assert judged.value == pytest.approx(0.25 * WEIGHTS["turn"] / sum(WEIGHTS.values()), abs=1e-6)
    assert judged.details["items_by_probability"] == 1


def test_another_rubric_or_grader_is_another_judge_and_the_order_of_graders_is_none() -> None:
    judges = [rubric_identity(RUBRIC, "a", "b"), rubric_identity(RUBRIC, "b", "a")]
    others = [rubric_identity(RUBRIC, "a"), rubric_identity(load_rubric("warmth"), "a", "b")]
    assert judges[0] == judges[1] and len({str(j) for j in (*judges, *others)}) == 3
    assert (judges[0].name, judges[0].version, set(judges[0].parts)) == (
        "rubric/humor",
        VERSION,
        {"rubric", "grader"},
    )


def test_a_panel_of_graders_is_pooled() -> None:
    span = Evidence("My uncle", 0, 8, "turn")
    one = Judgement("humor", 1.0, (span,), details={"items_yes": 5.0})
    two = Judgement("humor", 0.5, (span, Evidence("He'd", 40, 44, "turn")), details={"items_yes": 2.0})
    silent = unscored("humor", "no reply")
    assert pooled("humor", {"one": one}) is one
    both = pooled("humor", {"one": one, "two": two, "silent": silent})
    assert (both.value, [e.start for e in both.evidence]) == (0.75, [0, 40])
    assert both.details == {
        "items_yes": 3.5,
        "value of one": 1.0,
        "value of two": 0.5,
        "graders": 3.0,
        "answered": 2.0,
        "range": 0.5,
    }
    assert pooled("humor", {"a": silent, "b": silent}).unscored == "a: no reply; b: no reply"
