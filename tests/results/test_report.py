"""The report as a file: nothing breaks out of it, nothing is fetched, every figure of a plot is text too."""

import base64
import hashlib
import html
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from results.commands import report
from results.markdown import clean
from results.report_answers import LONG, SHOWN, answer_html, marked
from results.report_plots import level_plots, loss_curves
from tests.made_run import made_run
from tests.results.conftest import log_writer, run_writer
from timbre.stats import NO_INTERVAL, Interval

WriteLog = Callable[..., Path]
ATTACK = "</div></script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A report of three runs, the last of them hostile and a change of the second."""
    folder = tmp_path_factory.mktemp("report")
    write_log, write_run = log_writer(folder), run_writer(folder)
    runs = write_run("run1", [(3.15, 3.60), (2.9, 3.5), (2.7, 3.44)], collator="language_modeling")
    write_run("run2", [(2.81, 3.41), (2.6, 3.4), (2.5, 3.39)], parent="run1")
    fault = {"value": 1.0, "evidence": [{"text": ATTACK[:6], "start": 0, "end": 6, "why": "<b>"}]}
    write_log("baseline", canaries=3)
    write_log("run1", canaries=3)
    write_log("run2", canaries=3, text=lambda c, e: ATTACK, scores=lambda c, e: {"self_insertion": fault})
    out = folder / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMBRE_RUNS", str(runs))
        done = CliRunner().invoke(report, ["--logs", str(folder / "logs"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    yield out.read_text()


def _visible(page: str) -> str:
    return re.sub("<(script|style)>.*?</\\1>", "", page, flags=re.DOTALL)


def test_a_hostile_answer_is_text(page: str) -> None:
    assert page.count("<script>") == 1 and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'data-why="self_insertion: &lt;b&gt;">' in page


def test_the_page_lets_only_its_own_script_run_and_nothing_be_fetched(page: str) -> None:
    policy = re.search('Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    given_policy = html.unescape(policy[1])
    for name in ("script", "style"):
        inline = re.search(f"<{name}>(.*?)</{name}>", page, re.DOTALL)
        assert inline
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in given_policy
    assert "default-src 'none'" in given_policy and "unsafe" not in given_policy
    assert not re.search(r"""\b(src|href)\s*=\s*["'](?!#)""", _visible(page))


def test_the_head_names_writer_suite_and_n(page: str) -> None:
    assert "Writer: <b>voice</b> · suite: <b>smoke</b> · n = 3 canaries in 2 takes" in page
    assert "<title>Timbre: run1, run2 in the voice of voice</title>" in page


def test_each_run_has_a_card_with_verdict_gain_and_loss(page: str) -> None:
    cards = re.findall(r'<article class="card (\w+)">(.*?)</article>', page, re.DOTALL)
    assert [word for word, _ in cards] == ["INCONCLUSIVE", "INCONCLUSIVE", "INCONCLUSIVE"]
    assert "<dt>Gained</dt><dd>nothing clear of 0</dd>" in cards[0][1]
    assert "<dt>Lost</dt><dd>relevance -0.90 [-0.90, -0.90]" in cards[1][1]
    assert all("Next: " in card and card.count("</strong> ") >= 4 for _, card in cards)


def test_runs_that_cant_be_compared_have_a_card_that_says_why(write_log: WriteLog, tmp_path: Path) -> None:
    write_log("baseline", canaries=3)
    logs = write_log("run2", canaries=3, scores=lambda c, e: {"integrity": None}).parent
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["--logs", str(logs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    card = re.search('<article class="card ERROR">(.*?)</article>', out.read_text(), re.DOTALL)
    assert card and "<p>run2 is not scored on integrity" in card[1]


def test_the_card_of_a_worse_run_leads_to_the_canary_that_lost_most(
    write_log: WriteLog, tmp_path: Path
) -> None:
    write_log("baseline")
    loss = {c: {"specificity": 0.3 - c / 100} for c in range(12)}
    logs = write_log("run2", scores=lambda c, e: loss[c]).parent
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["--logs", str(logs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    card = re.search('<article class="card REGRESSED">(.*?)</article>', out.read_text(), re.DOTALL)
    assert card and 'read <a href="#canary-c11">c11</a>, which lost most (specificity)' in card[1]


def test_a_run_is_held_against_its_parent_with_the_same_plot(page: str) -> None:
    part = page[page.index("run2 against its parent run1") :]
    assert "<title>run2, voice_match: -0.50 [-0.50, -0.50]</title>" in part
    assert "<table><caption>Faults: canaries that show one in any take" in part


def test_faults_are_counted_in_a_panel_of_their_own(page: str) -> None:
    panel = page[page.index("<caption>Faults") :]
    row = panel[panel.index('<th scope="row">integrity</th>') :]
    assert "<td>0 of 3</td><td>0 of 3</td>" in row[: row.index("</tr>")]


def test_what_differs_between_runs_stands_apart_from_what_is_the_same(page: str) -> None:
    different, same = page.index("<caption>Where the runs differ"), page.index("<caption>The same for all")
    assert different < page.index("<td>language_modeling</td><td>seq2seq</td>") < same
    assert same < page.index('<th scope="row">suite</th>')


def test_each_answer_has_its_scores_and_the_first_runs_answer_stands_once(page: str) -> None:
    assert '<li data-v="1">self_insertion 1.00 (&lt;b&gt;) <b class="worse">-1.00</b></li>' in page
    assert page.count('Word for word <a href="#c00-baseline-1">the answer of baseline</a>.') == 1


def test_every_cell_of_the_table_of_all_leads_to_an_answer(page: str) -> None:
    cells = page[page.index("<table id=") : page.index('<fieldset class="legend">')]
    links = re.findall(r'<td><a href="#([^"]+)"', cells)
    assert len(links) == 9 and all(f'<section id="{link}"' in page for link in links)


def test_runs_on_another_base_are_shown_with_their_base(write_log: WriteLog, tmp_path: Path) -> None:
    other = {"base": "models/merged", "base_sha256": "c" * 64}
    write_log("baseline", canaries=3)
    write_log("run2", canaries=3)
    write_log("baseline", canaries=3, created="2026-03-02T10:00:00+00:00", identity="c" * 64, facts=other)
    logs = write_log("run3", canaries=3, facts=other).parent
    out = tmp_path / "report.html"
    arms = ["baseline", "run2", "baseline@merged", "run3"]
    done = CliRunner().invoke(report, [*arms, "--logs", str(logs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert "<h1>run2, baseline@merged, run3 <small>against baseline</small></h1>" in text
    assert "<td>models/merged (cccccccccccc)</td>" in text and "Not like with like:" in text


def test_the_same_logs_give_the_same_bytes(write_log: WriteLog, tmp_path: Path) -> None:
    logs = write_log("baseline", canaries=2).parent
    pages = []
    for name in ("a.html", "b.html"):
        CliRunner().invoke(report, ["--logs", str(logs), "--out", str(tmp_path / name)])
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def _text(markup: str) -> str:
    return html.unescape(re.sub("<summary>.*?</summary>|<[^>]*>", "", markup))


@given(st.text(max_size=60), st.data())
def test_marks_leave_every_character_of_the_text(text: str, data: st.DataObject) -> None:
    spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda s: (min(s), max(s)))
    fitting = [s for s in data.draw(st.lists(spans, max_size=4)) if s[0] < s[1] <= len(text)]
    made = marked(text, [(*span, "hashtag_slop", "why") for span in fitting], 0, len(text))
    cuts = sorted({0, len(text), *(at for span in fitting for at in span)})
    assert _text(made) == "".join(clean(text[a:b]) for a, b in itertools.pairwise(cuts))


def test_evidence_of_two_dimensions_may_overlap() -> None:
    made = marked("one two three", [(0, 7, "humor", "joke"), (4, 13, "integrity", "loop")], 0, 13)
    assert made == (
        '<mark data-of="humor">one </mark><mark data-of="humor integrity" data-why="humor: joke">two</mark>'
        '<mark data-of="integrity" data-why="integrity: loop"> three</mark>'
    )


def test_what_a_loop_repeats_is_folded_behind_its_count() -> None:
    text = "It rains. " + "The ferry is late again. " * 5
    made = answer_html(text, [(10, 34, "integrity", "loop")])
    assert made.startswith("It rains. <mark")
    assert "<details><summary>… repeats 5 times</summary>" in made
    assert _text(made) == text


@pytest.mark.parametrize(("words", "folded"), [(LONG - 1, 0), (LONG, LONG - SHOWN)])
def test_a_long_answer_is_folded_behind_its_beginning(words: int, folded: int) -> None:
    text = " ".join(f"word{at}" for at in range(words))
    made = answer_html(text, [(0, len(text), "humor", "joke")])
    assert _text(made) == text
    assert made.count(f"<summary>… {folded} words more</summary>") == bool(folded)


@pytest.mark.parametrize(
    ("mean", "whiskers", "marks"),
    [
        (Interval(0.1, 0.0, 0.2), 1, 1),
        (Interval(0.1, float("nan"), float("nan")), 0, 1),  # one canary gives no interval
        (NO_INTERVAL, 0, 0),
    ],
)
def test_a_figure_is_drawn_as_far_as_it_is_known(mean: Interval, whiskers: int, marks: int) -> None:
    (svg,) = level_plots([([(0, "<b>", mean)], {})]).rows
    assert svg.count('class="whisker"') == whiskers
    assert svg.count("<title>&lt;b&gt;: 0.10") == marks
    assert "nan" not in svg and "<b>" not in svg


def test_means_stand_between_the_floor_and_the_writers() -> None:
    (svg,) = level_plots(
        [([(0, "baseline", Interval(0.5, 0.4, 0.6))], {"writer": 0.9, "other writers": 0.2})]
    ).rows
    assert "<title>baseline: 0.50 [0.40, 0.60]</title>" in svg
    assert '<line class="anchor" x1="87.6%"' in svg  # .9 of the way from 3 to 97 per cent
    assert "<title>writer 0.90</title>" in svg and "<title>other writers 0.20</title>" in svg


@pytest.mark.parametrize("losses", [[], [(3.0, None)], [(3.0, 3.0), (3.0, 3.0)], [(3.0, 3.5), (2.0, 3.4)]])
def test_any_losses_can_be_drawn(losses: list[tuple[float, float | None]]) -> None:
    svg = loss_curves([(1, made_run("run1", list(losses)))])
    assert svg.count("<title>run1, ") == sum(v is not None for pair in losses for v in pair)
    assert "nan" not in svg
