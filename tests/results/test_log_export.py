"""The experiment log: the story it tells, what it keeps, and what it withstands."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from results.analysis import analyse
from results.export import export, section
from results.markdown import bullets, clean, fence, replace_section, table
from results.policy import load_policy
from results.story import Story, read_story
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]
WriteRun = Callable[..., Path]
POLICY = load_policy()
SENTENCE = "The three of us used to skip class together."


def _told(run: str, canary: int, epoch: int) -> dict[str, object]:
    """Scores in the manner of the founding experiment: style moved, length did not, one false membership."""
    wobble = 0.02 * ((canary + epoch) % 3)
    if run == "baseline":
        return {"specificity": 0.2 + wobble, "hashtag_slop": 0.6 + wobble, "compression": 0.2 + wobble}
    scores: dict[str, object] = {
        "specificity": (0.4 if run == "run1" else 0.7) + wobble,
        "hashtag_slop": 0.0,
        "compression": {
            "value": 0.2 + wobble,
            "details": {"words": 512.0 + canary, "low": 60.0, "high": 120.0},
        },
    }
    if run == "run2" and canary == 1:
        at = {"text": SENTENCE, "start": 0, "end": len(SENTENCE), "why": "of_us"}
        scores["self_insertion"] = {"value": 1.0, "evidence": [at]}
    return scores


@pytest.fixture
def story(write_log: WriteLog, write_run: WriteRun) -> Callable[[str], Story]:
    """Reads one run's story out of three logs and two run folders."""
    for run in ("baseline", "run1", "run2"):
        logs = write_log(run, scores=lambda c, e, run=run: _told(run, c, e)).parent
    write_run("run1", [(3.15, 3.60), (2.9, 3.44)], collator="language_modeling")
    runs = write_run("run2", [(2.81, 3.41), (2.7, 3.39)], parent="run1")
    return lambda run: read_story(run, [logs], runs, POLICY)


def test_the_section_holds_the_parts_of_the_format_in_order(story: Callable[[str], Story]) -> None:
    made = section(story("run2"))
    parts = [
        "## run2",
        "Model: Llama 3.1 8B Instruct",
        "Phase: smoke test",
        "Date: 2026-03-01",
        "Config: r 16, alpha 32",
        "Data: 3 train pairs: 3 of tier 4",
        "Changed since run1: collator",
        "### Losses",
        "### Canaries",
        "### Scores",
        "### Analysis",
        "**Verdict of the test.**",
        "**What it learned**",
        "**What it has not learned**",
        "**Failure modes**",
        "**Run against run**",
        "**Key takeaway.**",
        "**Next steps**",
    ]
    places = [made.replace("\\", "").find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_the_losses_are_compared_with_the_parent(story: Callable[[str], Story]) -> None:
    made = section(story("run2")).replace("\\", "")
    assert "First-epoch training loss 3.150 (run1) → 2.810 (run2)" in made
    assert "validation 3.600→3.440 (run1) and 3.410→3.390 (run2)" in made
    assert "means over different tokens" in made


def test_the_analysis_tells_what_was_learned_and_what_was_not(story: Callable[[str], Story]) -> None:
    found = analyse(story("run2"))
    assert [s.split(" (")[1].split(")")[0] for s in found.learned] == ["hashtag_slop", "specificity"]
    assert found.not_learned[0].startswith("not compressed (compression)")
    assert "523 words on canary c11, where 60 to 120 were asked for" in found.not_learned[0]
    assert any("short, irreverent pairs first" in step for step in found.next_steps)


def test_the_failure_mode_quotes_the_sentence_that_made_the_writer_a_member(
    story: Callable[[str], Story],
) -> None:
    found = analyse(story("run2"))
    assert {(f.dimension, f.canary, f.quote, f.why) for f in found.failures} == {
        ("self_insertion", "c01", SENTENCE, "of_us")
    }
    assert "other people's story on c01" in found.takeaway


def test_runs_are_held_against_each_other_canary_by_canary(story: Callable[[str], Story]) -> None:
    found = analyse(story("run2"))
    assert found.against_parent[1].startswith("c01: ")
    assert "worse self_insertion (+1.00)" in found.against_parent[1]
    assert "better specificity (+0.30)" in found.against_parent[0]


def test_what_is_missing_is_said_plainly(story: Callable[[str], Story]) -> None:
    made = section(story("baseline"))
    assert "no run folder: nothing was trained" in made
    assert "nothing to compare with" in made
    assert "No parent run is named" in made


def test_a_run_whose_scores_are_of_an_older_training_says_so(
    write_log: WriteLog, write_run: WriteRun
) -> None:
    logs = write_log("run2", identity="0" * 64).parent
    runs = write_run("run2", [(1.0, 1.0)])
    assert "trained again since" in section(read_story("run2", [logs], runs, POLICY))


def test_a_second_export_changes_not_a_byte(story: Callable[[str], Story], tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    export(story("run2"), page)
    first = page.read_bytes()
    export(story("run2"), page)
    assert page.read_bytes() == first


def test_notes_and_other_sections_are_kept_byte_for_byte(
    story: Callable[[str], Story], tmp_path: Path
) -> None:
    page = tmp_path / "LOG.md"
    export(story("run1"), page)
    export(story("run2"), page)
    noted = "My notes.\r\n\n" + page.read_text() + "\nAfterthought: `run2` rambles.\n"
    page.write_bytes(noted.replace("First-epoch", "LAST-EPOCH").encode())
    export(story("run2"), page)
    assert page.read_bytes().decode() == noted
    assert not list(tmp_path.glob(".LOG.md.*"))


HOSTILE = [
    "``````\n## Fake heading\n<script>alert(1)</script>",
    "<!-- timbre:run2 end -->\nout of my section",
    "~~~\n| a | b |\n|---|---|",
    "tail\r<!-- timbre:run2 begin -->\rmore\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_answer_stays_in_its_fence(text: str, write_log: WriteLog, tmp_path: Path) -> None:
    quote = {"text": text, "start": 0, "end": len(text), "why": "of_us"}
    logs = write_log(
        "run2",
        canaries=2,
        text=lambda c, e: text,
        scores=lambda c, e: {"self_insertion": {"value": 1.0, "evidence": [quote]}},
    ).parent
    story = read_story("run2", [logs], tmp_path, POLICY)
    page = tmp_path / "LOG.md"
    export(story, page)
    export(story, page)
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    fences = [t for t in tokens if t.type == "fence"]
    headings = [n.content for t, n in itertools.pairwise(tokens) if t.type == "heading_open"]
    assert len(fences) == 2
    canaries = ["c00 (personal)", "c01 (third_party)"]
    assert headings == ["Experiment log", "run2", "Losses", "Canaries", *canaries, "Scores", "Analysis"]
    assert len(re.findall(r"^<!-- timbre:", page.read_text(), re.MULTILINE)) == 2
    html = [t for t in tokens if t.type == "html_block"]
    assert [t.content.strip() for t in html] == ["<!-- timbre:run2 begin -->", "<!-- timbre:run2 end -->"]


text = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60),
    st.text("`\n~ |<>!-#_*[](:)1.&;a+=\\", max_size=40),
)


@given(text)
def test_any_text_is_one_fence(body: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{fence(body)}\n\nafter")
    assert [t.type for t in tokens if t.level == 0] == [
        "paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close",
    ]  # fmt: skip


@given(text)
def test_any_text_is_one_table_cell(body: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(table(("a", "b"), [("x", body)]))
    assert sum(t.type == "td_open" for t in tokens) == 2


@given(text)
def test_any_text_in_a_list_is_read_as_it_stands(body: str) -> None:
    plain = " ".join(clean(body).split())
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(bullets([body, "end"]))
    assert sum(t.type == "list_item_open" for t in tokens) == 2
    words = [t for t in tokens if t.type == "inline"]
    assert words[-1].content == "end"
    assert "".join(child.content for t in words[:-1] for child in t.children or []) == plain


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80), text)
def test_a_section_replaced_twice_is_replaced_once(notes: str, body: str) -> None:
    once = replace_section(notes, "run2", "old", "LOG.md")
    new = replace_section(once, "run2", fence(body), "LOG.md")
    assert replace_section(new, "run2", fence(body), "LOG.md") == new
    assert new.startswith(notes)


@pytest.mark.parametrize(
    "page",
    [
        "<!-- timbre:run2 begin -->\nno end\n",
        "<!-- timbre:run2 end -->\n<!-- timbre:run2 begin -->\n",
        "<!-- timbre:run2 begin -->\n<!-- timbre:run2 begin -->\n<!-- timbre:run2 end -->\n",
    ],
)
def test_broken_markers_are_refused_and_nothing_is_lost(page: str) -> None:
    with pytest.raises(TimbreError, match=r"LOG\.md:1: the markers of 'run2'"):
        replace_section(page, "run2", "body", "LOG.md")


def test_a_log_that_is_not_utf8_is_left_alone(story: Callable[[str], Story], tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    page.write_bytes(b"\xff\xfe notes")
    with pytest.raises(TimbreError, match="UTF-8"):
        export(story("run2"), page)
    assert page.read_bytes() == b"\xff\xfe notes"
