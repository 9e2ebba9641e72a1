"""The report as a file: nothing breaks out of it, nothing is fetched, every figure is a table too."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from results.report_answers import marked, new_words
from results.report_command import report

WriteLog = Callable[..., Path]
WriteRun = Callable[..., Path]
ATTACK = "</div></script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(write_log: WriteLog, write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A report of three runs, one of them hostile, without Plotly's own script."""
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
    longest = max(re.findall("<script>.*?</script>", text, re.DOTALL), key=len)
    return text.replace(longest, "")


def test_a_hostile_answer_is_text(page: str) -> None:
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<mark title="self_insertion: &lt;b&gt;">' in page


def test_the_page_forbids_fetching_and_names_no_address(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", page)


def test_every_plot_has_its_figures_as_a_table_and_a_text(page: str) -> None:
    assert [found for found in ("plot-forest", "plot-strips", "plot-losses") if found not in page] == []
    assert page.count('role="img" aria-label="') == 3
    assert "<caption>run2 against baseline</caption>" in page
    assert "<td>2.810</td><td>3.410</td>" in page


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
    html = marked(text, [(*span, "why") for span in fitting[:2]], fitting[2:])
    bare = re.sub('<span class="sr">.*?</span>', "", html)
    unescaped = re.sub("<[^>]*>", "", bare)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        unescaped = unescaped.replace(entity, sign)
    cuts = sorted({0, len(text), *(at for span in fitting for at in span)})
    assert unescaped == "".join(clean(text[a:b]) for a, b in itertools.pairwise(cuts))
