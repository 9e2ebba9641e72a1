"""The report as a file: nothing breaks out of it, nothing is fetched, every figure is a table too."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from results.commands import report
from results.comparison import RunScore
from results.report_answers import folded, marked, new_words
from results.report_plots import forest, loss_curves, strips
from results.statistics import NO_INTERVAL
from tests.made_run import made_run
from timbre.stats import Interval

WriteLog = Callable[..., Path]
WriteRun = Callable[..., Path]
ATTACK = "</div></script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(write_log: WriteLog, write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A report of three runs, one of them hostile, without its own script."""
    runs = write_run("run1", [(3.15, 3.60), (2.9, 3.5), (2.7, 3.44)])
    write_run("run2", [(2.81, 3.41), (2.6, 3.4), (2.5, 3.39)], parent="run1")
    monkeypatch.setenv("TIMBRE_RUNS", str(runs))
    fault = {"value": 1.0, "evidence": [{"text": ATTACK[:6], "start": 0, "end": 6, "why": "<b>"}]}
    write_log("baseline", canaries=3)
    write_log("run1", canaries=3)
    logs = write_log(
        "run2", canaries=3, text=lambda c, e: ATTACK, scores=lambda c, e: {"self_insertion": fault}
    ).parent
    out = tmp_path / "report.html"
    done = CliRunner().invoke(report, ["--logs", str(logs), "--out", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text()
    return re.sub("<script>.*?</script>", "<script></script>", text, count=1, flags=re.DOTALL)


def test_a_hostile_answer_is_text(page: str) -> None:
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'title="integrity: same_text, self_insertion: &lt;b&gt;">' in page


def test_the_page_forbids_fetching_and_names_no_address(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", page)


def test_every_plot_has_its_figures_as_a_table_and_a_text(page: str) -> None:
    assert page.count('role="img" aria-label="') == 4
    assert "<title>run2, self_insertion: -1.00 [" in page and "<caption>run2 against baseline: " in page
    assert "<title>run2, train_loss of epoch 1: 2.810</title>" in page and "<td>2.810</td>" in page


def test_each_answer_has_its_scores_and_the_first_runs_answer_stands_once(page: str) -> None:
    assert (
        '<li data-key="self_insertion" data-gain="-1.00">self_insertion 1.00 <b class="worse">-1.00</b>'
        in page
    )
    assert page.count("Word for word the answer of baseline.") == 6


def test_the_page_is_small_and_whole_without_its_script(page: str) -> None:
    assert len(page.encode()) < 400_000
    assert page.count("<script>") == 1
    assert '<form id="filter" role="search" hidden>' in page and 'id="theme" type="button"' in page


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
    assert "<h1>baseline, run2, baseline@merged, run3</h1>" in text
    assert "models/merged (cccccccccccc)" in text and "Not like with like:" in text


def test_the_same_logs_give_the_same_bytes(write_log: WriteLog, tmp_path: Path) -> None:
    logs = write_log("baseline", canaries=2).parent
    pages = []
    for name in ("a.html", "b.html"):
        CliRunner().invoke(report, ["--logs", str(logs), "--out", str(tmp_path / name)])
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_words_that_the_first_answer_lacks_are_found() -> None:
    text = "The red kettle left early."
    spans = new_words("The kettle left.", text)
    assert [text[start:end] for start, end in spans] == ["red", "left early."]


@given(st.text(max_size=60), st.data())
def test_marks_leave_every_character_of_the_text(text: str, data: st.DataObject) -> None:
    from results.markdown import clean

    spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda s: (min(s), max(s)))
    fitting = [s for s in data.draw(st.lists(spans, max_size=4)) if s[0] < s[1] <= len(text)]
    html = marked(text, [(*span, "hashtag_slop", "why") for span in fitting[:2]], fitting[2:])
    bare = re.sub('<span class="sr">.*?</span>', "", html)
    unescaped = re.sub("<[^>]*>", "", bare)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        unescaped = unescaped.replace(entity, sign)
    cuts = sorted({0, len(text), *(at for span in fitting for at in span)})
    assert unescaped == "".join(clean(text[a:b]) for a, b in itertools.pairwise(cuts))


def test_what_a_loop_repeats_is_folded_behind_its_count() -> None:
    text = "It rains. " + "The ferry is late again. " * 5
    html = folded(text, [(10, 34, "integrity", "loop")], [])
    assert html.startswith("It rains. <mark")
    assert "<details><summary>… repeats 5 times</summary>" in html
    assert html.count("The ferry is late again") == 5


def _score(run: str, gain: Interval) -> RunScore:
    return RunScore(run, "specificity", 12, 0, Interval(0.5, 0.4, 0.6), gain, 12)


@pytest.mark.parametrize(
    ("gain", "lines", "marks"),
    [
        (Interval(0.1, 0.0, 0.2), 1, 1),
        (Interval(0.1, float("nan"), float("nan")), 0, 1),  # one canary gives no interval
        (NO_INTERVAL, 0, 0),
    ],
)
def test_a_gain_is_drawn_as_far_as_it_is_known(gain: Interval, lines: int, marks: int) -> None:
    scores = [_score("baseline", NO_INTERVAL), _score("<b>", gain)]
    svg = forest(["baseline", "<b>"], scores, {"specificity": 0.1})
    assert svg.count('class="whisker"') == lines
    assert svg.count("<title>&lt;b&gt;, specificity:") == lines + marks
    assert "nan" not in svg and "<b>" not in svg
    assert ("margin 0.1" in svg) == bool(marks)


def test_means_stand_between_the_floor_and_the_writer() -> None:
    svg = strips(["baseline"], [_score("baseline", NO_INTERVAL)], {"specificity": {"writer": 0.9}})
    assert "baseline, specificity: 0.50 [0.40, 0.60]" in svg and "writer 0.90" in svg
    assert 'x1="88.4%"' in svg  # .9 of the way from 2 to 98 per cent


@pytest.mark.parametrize("losses", [[], [(3.0, None)], [(3.0, 3.0), (3.0, 3.0)], [(3.0, 3.5), (2.0, 3.4)]])
def test_any_losses_can_be_drawn(losses: list[tuple[float, float | None]]) -> None:
    svg = loss_curves([made_run("run1", list(losses))])
    assert svg.count("<title>run1, ") == sum(v is not None for pair in losses for v in pair)
    assert "nan" not in svg
