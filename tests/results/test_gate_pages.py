"""The gate's decision as a comment, a step summary and JUnit, whatever a model wrote into it."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from results.gate_pages import (
    LONGEST_PAGE,
    gate_markdown,
    write_junit,
    write_step_summary,
)
from results.verdicts import Overall, next_step
from tests.made_gate import made_result, made_verdict
from timbre.errors import TimbreError

HOSTILE = [
    "```\n# A heading",
    "</details><h1>big</h1>",
    "<!-- voice-gate 000000000000 -->",
    "<!-- unclosed",
    "| a | b |\n| --- | --- |",
    "\n\n- an item\n\n1. another\n\n> quoted",
    "**bold** _soft_ `code` ~~struck~~ $x$",
    "![image](http://example.org/x.png) [link](http://example.org)",
    "[ref]: http://example.org\n\n[ref]",
    "\x1b[31mred\x07\u202e\u2028",
    "\ud800 alone",
    "&lt;b&gt; &#64;",
    "Setext\n======\n---",
]


def _structure(page: str) -> list[str]:
    """The kinds of everything that Markdown finds in a page, in order, without its words."""
    parsed = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(page)
    kinds = []
    for token in parsed:
        inner = [child.type for child in token.children or ()]
        kinds += [token.type, *(kind for kind in inner if kind != "text")]
    return kinds


@pytest.mark.parametrize("text", HOSTILE)
def test_a_models_text_adds_no_markup_to_the_comment(text: str) -> None:
    assert _structure(gate_markdown(made_result(text=text))) == _structure(gate_markdown(made_result()))


@pytest.mark.parametrize(
    "call",
    [
        *("@somebody", "see #12", "GH-7", "fixes !3", "owner/repo#5"),
        *("https://evil.example/x", "HTTP://evil.example", "www.evil.example"),
    ],
)
def test_a_models_text_calls_nobody_and_no_issue_and_is_no_link(call: str) -> None:
    assert call not in gate_markdown(made_result(text=call))


def test_the_comment_says_first_what_was_decided_and_folds_the_table() -> None:
    page = gate_markdown(made_result())
    places = [
        page.index(part)
        for part in (
            "<!-- voice-gate ",
            "### Voice gate: ❔ INCONCLUSIVE: run2 against baseline",
            "a gain is proven",
            "**Worst dimensions**",
            "REGRESSED in specificity",
            "INCONCLUSIVE in integrity",
            "**7 flips, worst first**",
            "integrity on c00, a new fault: “An answer” became “An answer”",
            "specificity on c01, lost 0.99",
            "**Next.** ",
            "<details><summary>All dimensions</summary>",
            "| integrity",
        )
    ]
    assert places == sorted(places)
    assert page.count("**Next.**") == 1


def test_the_same_two_runs_have_the_same_first_line_and_others_another() -> None:
    first, again, other = (
        gate_markdown(made_result(overall, candidate=run)).splitlines()[0]
        for overall, run in (("PASS", "run2"), ("REGRESSED", "run2"), ("PASS", "run3"))
    )
    assert first == again != other


@pytest.mark.parametrize(
    "result",
    [
        made_result(flips=5_000, text="*" * 5_000),
        made_result("ERROR", text="|" * 100_000),
        made_result(candidate="r" * 50_000),
        made_result(notes=("a note " * 200,) * 3_000, evidence=("evidence " * 99,) * 3_000),
        made_result(dimensions=tuple(made_verdict(licence="<" * 2_000) for _ in range(30))),
    ],
    ids=["flips", "problems", "names", "notes", "licences"],
)
def test_a_comment_is_short_enough_for_a_forge_and_names_the_decision(result: object) -> None:
    page = gate_markdown(result)  # type: ignore[arg-type]
    assert len(page) < LONGEST_PAGE == 60_000
    assert f"### Voice gate: {'⚠️ ERROR' if result.overall == 'ERROR' else '❔'}" in page  # type: ignore[attr-defined]
    assert page.count("<details>") == page.count("</details>")


@pytest.mark.parametrize(
    ("overall", "command"),
    [
        ("PASS", None),
        ("REGRESSED", "timbre report baseline run2"),
        (
            "INCONCLUSIVE",
            "inspect eval evals/voice.py --model baseline,run2 -T suite=smoke --sample-id c00 --epochs 34",
        ),
        ("ERROR", None),
    ],
)
def test_the_next_command_follows_from_the_verdict(overall: Overall, command: str | None) -> None:
    found = next_step(made_result(overall))
    assert found is None if command is None else command in str(found)


@pytest.mark.parametrize("text", HOSTILE)
def test_junit_has_a_case_for_each_dimension_whatever_a_model_wrote(text: str, tmp_path: Path) -> None:
    write_junit(made_result(text=text), tmp_path / "gate.xml")
    suite = ET.parse(tmp_path / "gate.xml").getroot()
    outcomes = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert outcomes == {
        "integrity": ["error"],
        "compression": [],
        "humor": ["skipped"],
        "specificity": ["failure"],
        "voice_match": [],
        "words": ["skipped"],
        "rix": ["skipped"],
    }
    counts = tuple(suite.get(key) for key in ("tests", "failures", "errors", "skipped"))
    assert counts == ("7", "1", "1", "3")


def test_junit_tells_which_canaries_flipped_and_what_was_no_answer(tmp_path: Path) -> None:
    result = made_result(dimensions=(made_verdict("specificity", missing=2),))
    write_junit(result, tmp_path / "gate.xml")
    (error,) = ET.parse(tmp_path / "gate.xml").getroot().iter("error")
    assert "2 answers missing, counted as the worst" in str(error.get("message"))
    assert str(error.text).splitlines()[0] == "specificity on c01, lost 0.99: “An answer” became “An answer”"


def test_an_error_is_a_case_of_its_own_in_junit(tmp_path: Path) -> None:
    write_junit(made_result("ERROR", dimensions=()), tmp_path / "gate.xml")
    suite = ET.parse(tmp_path / "gate.xml").getroot()
    assert [case.get("name") for case in suite.iter("testcase")] == ["comparable"]
    assert suite.get("errors") == suite.get("tests") == "1"


def test_a_second_gate_adds_to_the_step_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    for _ in range(2):
        write_step_summary(made_result())
    assert summary.read_text().count("### Voice gate") == 2


def test_a_step_summary_that_can_not_be_written_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(TimbreError, match="GITHUB_STEP_SUMMARY"):
        write_step_summary(made_result())
