"""The experiment log: what its sections hold and in which order, what it keeps, and what it withstands."""

import itertools
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from results.gate import gate_logs
from results.log import export, out_of_date, put_section, section
from results.markdown import (
    bullets,
    clean,
    code,
    fence,
    folded,
    notes_place,
    read_page,
    replace_section,
    table,
)
from results.policy import load_policy
from results.story import Story, read_story
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]
WriteRun = Callable[..., Path]
POLICY = load_policy()
GATE = partial(gate_logs, policy=POLICY)
SENTENCE = "The three of us used to skip class together."
LOOP = "The ferry is late again today. "


def _scores(run: str, canary: int, take: int) -> dict[str, object]:
    """Scores in the manner of the founding experiment: style moved, length did not, one false membership."""
    wobble = 0.02 * ((canary + take) % 3)
    if run == "baseline":
        return {"specificity": 0.2 + wobble, "hashtag_slop": 0.6 + wobble, "compression": 0.2 + wobble}
    scores: dict[str, object] = {
        "specificity": (0.4 if run == "run1" else 0.7) + wobble,
        "hashtag_slop": 0.0,
        "compression": {"value": 0.2 + wobble, "details": {"words": 512.0, "low": 60.0, "high": 120.0}},
    }
    if run == "run2" and canary == 1:
        at = {"text": "The three", "start": 0, "end": 9, "why": "of_us"}
        scores["self_insertion"] = {"value": 1.0, "evidence": [at]}
    if run == "run2" and canary == 2:
        at = {"text": LOOP, "start": 0, "end": len(LOOP), "why": "loop"}
        scores["integrity"] = {"value": 1.0, "evidence": [at]}
    return scores


def _text(run: str, canary: int, take: int) -> str:
    if canary == 3:
        return f"Kettle {canary} sang at {take}."
    if run == "run2" and canary < 3:
        return LOOP * 14 if canary == 2 else f"{SENTENCE} Then {canary} of them left at {take}."
    end = "\n\n" if canary % 3 else " "
    return f"Letters of {run} to {canary}, number {take}.{end}Yours, {run}{canary}{take}."


@pytest.fixture
def story(write_log: WriteLog, write_run: WriteRun) -> Callable[[str], Story]:
    """Reads one run's story out of four logs and two run folders."""
    for run in ("baseline", "run1", "run2"):
        logs = write_log(
            run,
            scores=lambda c, e, run=run: _scores(run, c, e),
            text=lambda c, e, run=run: _text(run, c, e),
        ).parent
    write_log("baseline", facts={"shots": 4})
    write_run("run1", [(3.15, 3.60), (2.9, 3.44)], collator="language_modeling")
    runs = write_run("run2", [(2.81, 3.41), (2.7, 3.39)], parent="run1")
    return lambda run: read_story(run, [logs], runs, POLICY, GATE)


def test_a_section_tells_the_story_in_the_order_of_the_format(story: Callable[[str], Story]) -> None:
    made = section(story("run2")).replace("\\", "")
    parts = [
        "## run2",
        "**Takeaway.** Against baseline, run2 became",
        "**Verdict.** ",
        " voice_match gained",
        "**Next steps**",
        "Model: Llama 3.1 8B Instruct",
        "Phase: smoke test",
        "Config: r 16, alpha 32",
        "Data: 3 train pairs: 3 of tier 4",
        "Changed since run1: collator",
        "Date: 2026-03-01",
        "### Losses",
        "### Against run1",
        "First-epoch training loss 3.150 (run1) → 2.810 (run2)",
        "validation 3.600→3.440 (run1) and 3.410→3.390 (run2)",
        "means over different tokens",
        "| specificity | ",
        "c01: worse self_insertion (-1.00), better specificity (+0.30)",
        "### Scores",
        "baseline+4shot (pairs in the prompt, no training): ",
        "### Analysis",
        "**Learned**",
        "**Not shown**",
        "**Not read**",
        "**Failure modes**",
        "### Reported figures",
        "### Answers",
        "### Notes",
    ]
    places = [made.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    assert "### Run" in made.splitlines()[:17] and "**Next steps**" in made.splitlines()[:10]


def test_a_section_of_the_smoke_suite_is_read_in_one_sitting(story: Callable[[str], Story]) -> None:
    assert len(section(story("run2")).splitlines()) <= 300


def test_answers_are_folded_with_their_scores_and_loops_and_copies_of_the_baseline_stand_once(
    story: Callable[[str], Story],
) -> None:
    _, _, made = section(story("run2")).partition("### Answers")
    assert made.count("<details>") == 12
    assert "<summary>c01 (third_party): hashtag_slop +0.62, specificity +0.50</summary>" in made
    assert "Take 2, 16 words: relevance 0.90, compression 0.20" in made
    assert f"{LOOP.strip()} [… repeats 14 times]" in made
    assert made.count("the baseline's answer word for word") == 2 and "Kettle 3" not in made


def test_what_is_quoted_as_a_failure_is_printed_whole(story: Callable[[str], Story]) -> None:
    made = section(story("run2"))
    analysis, _, answers = made.partition("### Answers")
    assert f"self_insertion: 2 of 24 answers (the baseline: 0); c01, take 1: “{SENTENCE}”" in analysis
    assert SENTENCE in answers


def test_the_baseline_has_one_section_for_all_runs(story: Callable[[str], Story], tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    for run in ("run1", "run2", "run1"):
        export(story(run), page)
    text = page.read_text()
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["run1", "baseline on smoke", "run2"]
    assert text.count("Letters of baseline to 5, number 1.") == 1


def test_the_baseline_alone_is_what_runs_are_compared_with(story: Callable[[str], Story]) -> None:
    made = section(story("baseline"))
    assert "**Takeaway.** This is what runs are compared with" in made
    assert "no adapter" in made and "**Verdict.**" not in made


def test_a_run_whose_scores_are_of_an_older_training_says_so(
    write_log: WriteLog, write_run: WriteRun
) -> None:
    logs = write_log("run2", identity="0" * 64).parent
    runs = write_run("run2", [(1.0, 1.0)])
    made = section(read_story("run2", [logs], runs, POLICY, GATE))
    assert "trained again since" in made and "Evaluate run2 again" in made


def test_a_second_export_changes_not_a_byte_and_keeps_all_that_people_wrote(
    story: Callable[[str], Story], tmp_path: Path
) -> None:
    page = tmp_path / "LOG.md"
    run = story("run2")
    export(run, page)
    first = page.read_bytes().decode()
    noted = first.replace("run2:notes begin -->\n", "run2:notes begin -->\nIt rambles, `much`.\r\n")
    assert noted != first
    noted = f"My notes.\r\n\n{noted}\nAfterthought.\n"
    page.write_bytes(noted.encode())
    assert out_of_date(run, page) == ()
    export(run, page)
    assert page.read_bytes().decode() == noted
    page.write_bytes(noted.replace("First-epoch", "LAST-EPOCH").encode())
    assert out_of_date(run, page)
    export(run, page)
    assert page.read_bytes().decode() == noted
    assert not list(tmp_path.glob(".LOG.md.*"))


HOSTILE = [
    "``````\n## Fake heading\n</details>\n<script>alert(1)</script>",
    "<!-- timbre:run2 end -->\nout of my section",
    "~~~\n| a | b |\n|---|---|\n</details>",
    "tail\r<!-- timbre:run2:notes begin -->\rmore\x1b[31m",
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
    story = read_story("run2", [logs], tmp_path, POLICY, GATE)
    page = tmp_path / "LOG.md"
    export(story, page)
    export(story, page)
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    fences = [t for t in tokens if t.type == "fence"]
    headings = [n.content for t, n in itertools.pairwise(tokens) if t.type == "heading_open"]
    assert [clean(text).strip().splitlines()[0] in t.content for t in fences] == [True] * 4
    assert headings == ["Experiment log", "run2 on smoke", "Run", "Scores", "Analysis", "Answers", "Notes"]
    assert len(re.findall(r"^<!-- timbre:", page.read_text(), re.MULTILINE)) == 4
    blocks = [line for t in tokens if t.type == "html_block" for line in t.content.strip().splitlines()]
    assert {b for b in blocks if "<!--" not in b} == {
        "</details>",
        "<details><summary>c00 (personal)</summary>",
        "<details><summary>c01 (third_party)</summary>",
    }


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
def test_any_text_is_the_summary_of_one_folded_block(body: str) -> None:
    tokens = MarkdownIt("commonmark").parse(folded(body, "shown") + "\n\nafter")
    kinds = [t.type for t in tokens if t.level == 0]
    paragraph = ["paragraph_open", "paragraph_close"]
    assert kinds == ["html_block", *paragraph, "html_block", *paragraph]
    assert tokens[0].content.count("<") == 3


@given(text)
def test_any_text_is_one_piece_of_code(body: str) -> None:
    plain = " ".join(clean(body).split())
    children = MarkdownIt("commonmark").parse(f"a {code(body)} b")[1].children or []
    if plain:
        assert [c.content for c in children if c.type == "code_inline"] == [plain]


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
    for place in ("run2", "run2:notes"):
        broken = page.replace("timbre:run2", f"timbre:{place}")
        with pytest.raises(TimbreError, match=rf"LOG\.md:1: the markers of '{place}'"):
            replace_section(broken, "run2", notes_place("run2"), "LOG.md")


def test_two_exports_at_once_lose_no_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, both_read = tmp_path / "LOG.md", threading.Barrier(2)

    def read_beside_the_other(path: Path, new: str) -> str:
        before = read_page(path, new)
        with suppress(threading.BrokenBarrierError):
            both_read.wait(0.2)  # breaks where the other may not read yet
        return before

    monkeypatch.setattr("results.log.read_page", read_beside_the_other)
    exports = [threading.Thread(target=put_section, args=(page, name, "Text.")) for name in ("run1", "run2")]
    for thread in exports:
        thread.start()
    for thread in exports:
        thread.join()
    assert all(f"<!-- timbre:{name} begin -->" in page.read_text() for name in ("run1", "run2"))


def test_a_log_that_is_not_utf8_is_left_alone(story: Callable[[str], Story], tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    page.write_bytes(b"\xff\xfe notes")
    with pytest.raises(TimbreError, match="UTF-8"):
        export(story("run2"), page)
    assert page.read_bytes() == b"\xff\xfe notes"
