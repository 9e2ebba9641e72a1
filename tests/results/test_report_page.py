"""The report in a real browser: headless Chromium, driven by Playwright; skipped where there is none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from results.commands import report
from tests.made_browser import Opened, needs_browser, opened_page

WriteLog = Callable[..., Path]
WORDS = ("kettle", "ferry", "lamp", "winter", "bread", "river")
pytestmark = needs_browser


@pytest.fixture
def opened(
    write_log: WriteLog,
    write_run: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Opened]:
    """A report of two runs over six canaries, opened in the light scheme on a desktop."""
    monkeypatch.setenv("TIMBRE_RUNS", str(write_run("run2", [(2.81, 3.41), (2.6, 3.4)])))
    sentence = "We shared a desk."
    fault = {"value": 1.0, "evidence": [{"text": sentence, "start": 0, "end": len(sentence), "why": "of_us"}]}
    write_log("baseline", canaries=6)
    logs = write_log(
        "run2",
        canaries=6,
        text=lambda c, e: f"{sentence} Try {e} at {c}." + f" {WORDS[c]}" * 9,
        scores=lambda c, e: {"self_insertion": fault} if c == 1 else {},
    ).parent
    out = tmp_path / "report.html"
    assert CliRunner().invoke(report, ["--logs", str(logs), "--out", str(out)]).exit_code == 0
    with opened_page(out.as_uri()) as found:
        yield found


def test_it_opens_without_a_complaint_and_fetches_nothing_but_itself(opened: Opened) -> None:
    assert opened.complaints == []
    assert len(opened.requests) == 1 and opened.requests[0].startswith("file://")
    assert opened.page.locator("svg.plot").count() == 4


def test_a_click_turns_the_page_dark_and_the_plots_with_it(opened: Opened) -> None:
    page = opened.page
    colour = "getComputedStyle(document.querySelector('.plot text')).fill"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    assert page.evaluate(colour) != before
    assert opened.complaints == []


def test_the_filter_narrows_the_canaries_and_says_how_many_are_left(opened: Opened) -> None:
    page = opened.page
    page.select_option("#fault", "self_insertion")
    assert page.locator(".canary:visible").count() == 1
    assert page.inner_text("#count") == "1 of 6 shown"
    page.select_option("#fault", "")
    page.fill("#text", "try 2 at 4")
    assert page.locator(".canary:visible").count() == 1
    page.fill("#text", "")
    page.select_option("#kind", "personal")
    assert page.locator(".canary:visible").count() == 2


def test_canaries_are_ordered_by_what_they_lost_and_back(opened: Opened) -> None:
    page = opened.page
    first = "document.querySelector('.canary h3 a').textContent"
    page.select_option("#order", "self_insertion")
    assert page.evaluate(first) == "c01"
    page.select_option("#order", "")
    assert page.evaluate(first) == "c00"


def test_only_the_evidence_that_is_asked_for_is_marked(opened: Opened) -> None:
    page = opened.page
    page.locator("#order").scroll_into_view_if_needed()
    assert page.locator("mark.on").count() == 2
    page.evaluate("document.querySelector('#fault').append(new Option('relevance'))")
    page.select_option("#fault", "relevance")
    assert page.locator("mark.on").count() == 0


def test_the_page_is_whole_without_a_script(opened: Opened) -> None:
    context = opened.page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(opened.requests[0])
    assert page.locator(".canary").count() == 6 and page.locator("svg.plot").count() == 4
    assert page.locator("#filter:visible").count() == 0
    context.close()


def test_keys_move_between_canaries_and_into_the_search(opened: Opened) -> None:
    page = opened.page
    focused = "document.activeElement.querySelector('h3')?.textContent ?? document.activeElement.id"
    page.keyboard.press("j")
    first = page.evaluate(focused)
    page.keyboard.press("j")
    assert first.startswith("c00") and page.evaluate(focused) != first
    page.keyboard.press("k")
    assert page.evaluate(focused) == first
    page.keyboard.press("/")
    assert page.evaluate(focused) == "text"
    page.keyboard.type("jk")
    assert page.input_value("#text") == "jk"


def test_differences_are_marked_on_demand(opened: Opened) -> None:
    page = opened.page
    shown = "getComputedStyle(document.querySelector('ins')).borderBottomStyle"
    before = page.evaluate(shown)
    page.check("#diff")
    assert page.evaluate(shown) != before


def test_on_a_phone_nothing_sticks_out_sideways(opened: Opened) -> None:
    page = opened.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_control_has_a_name_and_every_table_a_caption(opened: Opened) -> None:
    page = opened.page
    controls = page.locator("button, input, select")
    for at in range(controls.count()):
        control = controls.nth(at)
        named = "e => (e.labels?.[0]?.textContent || e.textContent).trim()"
        assert control.evaluate(named)
    assert page.locator("table").count() == page.locator("table > caption").count()
