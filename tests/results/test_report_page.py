"""The report in a real browser: headless Chromium, driven by Playwright; skipped where there is none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from results.commands import report
from tests.made_browser import Opened, chromium, needs_browser, open_tab
from tests.results.conftest import log_writer, run_writer

WORDS = ("kettle", "ferry", "lamp", "winter", "bread", "river")
GAINS = (0.1, 0.0, -0.2, 0.2, -0.1, 0.3)
"""Of the second run in specificity, by canary."""
pytestmark = needs_browser


@pytest.fixture(scope="module")
def open_report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Opened]]:
    """Opens a report of three runs over six canaries in a tab of its own."""
    folder = tmp_path_factory.mktemp("page")
    write_log, write_run = log_writer(folder), run_writer(folder)
    write_run("run1", [(3.15, 3.60), (2.9, 3.5)])
    runs = write_run("run2", [(2.81, 3.41), (2.6, 3.4)], parent="run1")
    sentence = "We shared a desk."
    fault = {"value": 1.0, "evidence": [{"text": sentence, "start": 0, "end": len(sentence), "why": "of_us"}]}
    joke = {"value": 0.9, "evidence": [{"text": "shared", "start": 3, "end": 9, "why": "joke"}]}
    write_log("baseline", canaries=6)
    write_log("run1", canaries=6, text=lambda c, e: f"Answer {e} to {c}: {WORDS[c]}.")
    write_log(
        "run2",
        canaries=6,
        text=lambda c, e: f"{sentence} Try {e} at {c}." + f" {WORDS[c]}" * 9,
        scores=lambda c, e: (
            {"self_insertion": fault} if c == 1 else {"humor": joke, "specificity": 0.5 + GAINS[c]}
        ),
    )
    out = folder / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMBRE_RUNS", str(runs))
        done = CliRunner().invoke(report, ["--logs", str(folder / "logs"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    with chromium() as browser:
        yield lambda fragment="", **options: open_tab(browser, out.as_uri() + fragment, **options)


@pytest.fixture
def opened(open_report: Callable[..., Opened]) -> Iterator[Opened]:
    """The report on a desktop; a complaint of the browser fails the test."""
    tab = open_report()
    yield tab
    tab.page.close()
    assert tab.complaints == []


@pytest.fixture
def page(opened: Opened) -> Any:
    """Its page."""
    return opened.page


def _names(page: Any) -> list[str]:
    return [str(name) for name in page.locator(".canary h3 a").all_text_contents()]


def test_it_fetches_nothing_but_itself(opened: Opened) -> None:
    assert len(opened.requests) == 1 and opened.requests[0].startswith("file://")


def test_it_is_whole_without_a_script(open_report: Callable[..., Opened]) -> None:
    page = open_report("#c02-run2-2", java_script_enabled=False).page
    assert page.locator(".card:visible").count() == 3
    assert page.locator(".canary:visible").count() == 6 and page.locator(".plot:visible").count() > 30
    assert page.locator("#bar:visible, #theme:visible").count() == 0
    assert page.locator("#c02-run2-2").is_visible()
    page.close()


def test_a_click_turns_the_page_dark_and_the_plots_with_it(page: Any) -> None:
    colour = "getComputedStyle(document.querySelector('.plot text')).fill"
    before = page.evaluate(colour)
    assert page.inner_text("#theme") == "Dark"
    page.click("#theme")
    assert page.inner_text("#theme") == "Light" and page.evaluate(colour) != before


def test_the_filter_narrows_table_and_answers_and_says_how_many_are_left(page: Any) -> None:
    page.fill("#text", "try 2 at 4")
    assert page.locator(".canary:visible").count() == page.locator("#heat tbody tr:visible").count() == 1
    assert page.inner_text("#count") == "1 of 6 canaries"
    assert page.evaluate("CSS.highlights.get('hit').size") == 1
    page.fill("#text", "")
    page.select_option("#kind", "personal")
    assert page.locator(".canary:visible").count() == 2


def test_a_heading_sorts_table_and_answers_by_the_gain_of_its_run(page: Any) -> None:
    page.select_option("#dimension", "specificity")
    page.click("#heat th:nth-child(4) button")
    assert _names(page) == ["c02", "c04", "c01", "c00", "c03", "c05"]
    assert page.get_attribute("#heat th:nth-child(4)", "aria-sort") == "ascending"
    page.click("#heat th:nth-child(4) button")
    assert _names(page)[0] == "c05"
    page.click("#heat th:nth-child(1) button")
    assert _names(page) == [f"c0{at}" for at in range(6)]


def test_cells_show_value_and_gain_of_the_dimension_that_is_chosen(page: Any) -> None:
    cell = "#heat tbody tr:nth-child(1) td:nth-child(4) a"
    assert page.inner_text(cell) == "0.50"
    page.select_option("#dimension", "specificity")
    assert page.inner_text(cell) == "0.60 +0.10"
    assert page.get_attribute(cell, "class") == "up1"


def test_gains_are_over_the_run_that_is_chosen(page: Any) -> None:
    page.select_option("#dimension", "specificity")
    page.select_option("#against", "2")
    assert page.inner_text("#heat tbody tr:nth-child(1) td:nth-child(2) a") == "0.50 -0.10"
    chip = page.locator("#c00-baseline-1 .chips li", has_text="specificity")
    assert chip.text_content() == "specificity 0.50 -0.10"


def test_the_link_of_a_cell_leads_to_the_answer(page: Any) -> None:
    page.click("#heat tbody tr:nth-child(6) td:nth-child(4) a")
    assert page.evaluate("location.hash") == "#c05-run2-1"
    top = page.evaluate("document.getElementById('c05-run2-1').getBoundingClientRect().top")
    assert 0 <= top < 900


def test_an_address_opens_the_take_that_it_names(open_report: Callable[..., Opened]) -> None:
    page = open_report("#c02-run2-2").page
    assert page.locator("#c02-run2-2").is_visible() and not page.locator("#c02-run2-1").is_visible()
    page.close()


def test_takes_are_switched_by_keyboard(page: Any) -> None:
    page.focus("#canary-c00 .tabs input")
    page.keyboard.press("ArrowRight")
    assert page.locator("#c00-run2-2").is_visible() and not page.locator("#c00-run2-1").is_visible()
    assert not page.locator("#c01-run2-2").is_visible()


def test_evidence_of_each_dimension_is_switched_by_keyboard(page: Any) -> None:
    colour = "getComputedStyle(document.querySelector('#c00-run2-1 mark[data-of~=humor]')).backgroundColor"
    clear = page.evaluate(colour)
    page.focus("#show-humor")
    page.keyboard.press("Space")
    assert page.evaluate(colour) != clear
    reason = "getComputedStyle(document.querySelector('#c00-run2-1 mark[data-why]'), '::after').content"
    assert "data-why" in page.evaluate(reason) or "humor: joke" in page.evaluate(reason)


def test_differences_from_the_chosen_run_are_underlined_beside_the_evidence(page: Any) -> None:
    page.check("#differences")
    count = "CSS.highlights.get('new').size"
    against_baseline = page.evaluate(count)
    marks = page.locator("mark").count()
    page.select_option("#against", "1")
    assert against_baseline > 0 and page.evaluate(count) != against_baseline
    assert page.locator("mark").count() == marks
    page.uncheck("#differences")
    assert page.evaluate(count) == 0


def test_keys_move_between_canaries_and_into_the_search(page: Any) -> None:
    focused = "document.activeElement.querySelector('h3')?.textContent ?? document.activeElement.id"
    page.keyboard.press("j")
    first = page.evaluate(focused)
    page.keyboard.press("j")
    assert first.startswith("c00") and page.evaluate(focused) != first
    page.keyboard.press("k")
    assert page.evaluate(focused) == first
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.input_value("#text") == "jk"


def test_on_a_phone_nothing_sticks_out_sideways(open_report: Callable[..., Opened]) -> None:
    page = open_report(viewport={"width": 390, "height": 844}).page
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_print_shows_every_take(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.locator("#c00-run2-1").is_visible() and page.locator("#c00-run2-2").is_visible()
    assert not page.locator("#bar").is_visible()


def test_every_control_has_a_name_and_every_table_a_caption(page: Any) -> None:
    unnamed = """[...document.querySelectorAll('button, input, select')]
        .filter((e) => !(e.labels?.[0]?.textContent || e.textContent).trim()).length"""
    assert page.evaluate(unnamed) == 0
    assert page.locator("table").count() == page.locator("table > caption").count()
