"""People rate answers in a real browser, and what they said lets a dimension block."""

import csv
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from judges import panel
from judges.types import Answer, JudgeIdentity, Judgement
from results.commands import gate
from results.labelling.command import label
from tests.made_browser import needs_browser, opened_page
from timbre.calibrate_command import calibrate

WriteLog = Callable[..., Path]
JUDGE = JudgeIdentity("encoder/humor", "humor", 7)
LOOP = "The kettle sings on the stove. "


@pytest.fixture(autouse=True)
def _judge_of_goats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A panel of one judge, to which goats are funny, and a home of its own."""

    def judged(answer: Answer) -> Judgement:
        return Judgement("humor", 0.9 if "goat" in answer.text else 0.1)

    monkeypatch.setattr(panel, "judge_identities", lambda: {"humor": JUDGE})
    monkeypatch.setattr(panel, "panel_judge", lambda key: judged)
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))


@pytest.fixture
def logs(write_log: WriteLog) -> Path:
    """Thirty canaries answered twice: by the baseline mostly with goats, by run2 mostly without."""

    def write(run: str, has_goat: Callable[[int], bool]) -> Path:
        return write_log(
            run,
            canaries=30,
            text=lambda c, e: f"A {'goat' if has_goat(c) else 'lamp'} of {run[::-1]} number {c}, take {e}.",
            scores=lambda c, e: {"humor": {"value": 0.9 if has_goat(c) else 0.1, "judge": str(JUDGE)}},
        )

    write("baseline", lambda c: c % 10 > 0)
    return write("run2", lambda c: c % 10 == 1).parent


@contextmanager
def labelling(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> Iterator[str]:
    """The address of the page that ``timbre label`` serves in a thread; at the end it has finished."""
    address, ready, done = [], threading.Event(), []

    def announced(given: str) -> None:
        address.append(given)
        ready.set()

    monkeypatch.setattr("results.labelling.command._announce", announced)

    def run() -> None:
        done.append(CliRunner().invoke(label, [str(arg) for arg in args]))
        ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    assert address, done[0].output
    try:
        yield address[0]
    finally:
        with suppress(httpx.ConnectError):
            httpx.post(address[0] + "finish")
        thread.join()
    assert done[0].exit_code == 0, done[0].output


def press_for_goats(page: Any) -> None:
    page.keyboard.press("4" if "goat" in page.inner_text("article") else "0")


@needs_browser
def test_a_hundred_keys_are_a_licence_and_the_dimension_blocks(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = ["--baseline", "baseline", "--candidate", "run2", "--logs", str(logs), "--json"]
    licences = tmp_path / "licences"
    licences.mkdir()

    def humor() -> dict[str, Any]:
        decided = json.loads(CliRunner().invoke(gate, [*sides, "--licences", str(licences)]).stdout)
        return next(d for d in decided["dimensions"] if d["dimension"] == "humor")

    assert humor()["verdict"] == "ADVISORY"
    args = ("run2", "baseline", "--dimension", "humor", "--logs", logs, "--rater", "ann")
    with labelling(monkeypatch, *args) as address, opened_page(address) as opened:
        page = opened.page
        for name in ("run2", "baseline"):
            assert name not in page.content()
        while page.is_visible("article"):
            press_for_goats(page)
        assert page.inner_text("#place") == "All 100 texts are rated."
        assert "as many as a licence asks for" in page.inner_text("#status")
        assert "Of 10 shown twice, 10 got the same label again." in page.inner_text("#texts")
        page.click("#finish")
        page.wait_for_selector("#status", state="detached")
        assert opened.complaints == [] and all(r.startswith(address) for r in opened.requests)
    table = tmp_path / "results" / "labels" / "humor.csv"
    given = ["humor", str(table), "--scale", "0-4", "--labelled-by", "people", "--domain", "canary answers"]
    licensed = CliRunner().invoke(calibrate, [*given, "--out", str(licences)])
    assert licensed.exit_code == 0 and "does not accept" not in licensed.output, licensed.output
    assert humor()["verdict"] == "REGRESSED"
    assert humor()["licence"].startswith("people, r ")


@needs_browser
def test_a_second_start_goes_on_and_a_key_is_taken_back(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("run2", "--dimension", "humor", "--logs", logs, "--rater", "ann", "--texts", "12")
    with labelling(monkeypatch, *args) as address, opened_page(address) as opened:
        for _ in range(5):
            press_for_goats(opened.page)
        before = opened.page.inner_text("article")
        opened.page.keyboard.press("2")
        opened.page.keyboard.press("u")
        assert opened.page.inner_text("article") == before
        opened.page.wait_for_load_state("networkidle")
    with labelling(monkeypatch, *args) as address, opened_page(address) as opened:
        assert opened.page.inner_text("article") == before
        assert opened.page.inner_text("#status").startswith("5 of 12 texts")
    rows = (tmp_path / "results" / "labels" / "humor.csv").read_text().splitlines()
    assert len(rows) == 6 and rows[0] == "id,prompt,text,label,ann"


@needs_browser
def test_the_second_time_a_pair_is_shown_its_sides_are_swapped(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("run2", "baseline", "--dimension", "humor", "--logs", logs, "--pairs", "--texts", "12")
    seen: dict[frozenset[str], list[str]] = {}
    with labelling(monkeypatch, *args, "--rater", "ann") as address, opened_page(address) as opened:
        while opened.page.is_visible("article"):
            left, right = opened.page.locator("article div").all_inner_texts()
            seen.setdefault(frozenset((left, right)), []).append(left)
            goats = ("goat" in left, "goat" in right)
            key = {(True, False): "ArrowLeft", (False, True): "ArrowRight"}.get(goats, "=")
            opened.page.keyboard.press(key)
    twice = [lefts for lefts in seen.values() if len(lefts) == 2]
    assert len(twice) == 2 and all(first != second for first, second in twice)
    rows = list(csv.DictReader((tmp_path / "results" / "labels" / "humor-pairs.csv").open()))
    label_of = {(True, False): "1", (False, True): "0"}
    for row in rows:
        goats = ("goat" in row["text"], "goat" in row["other_text"])
        assert row["label"] == row["ann"] == label_of.get(goats, "0.5")


@needs_browser
def test_an_offline_page_keeps_labels_and_gives_them_out(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_file = tmp_path / "rate.html"
    args = ["run2", "--dimension", "humor", "--logs", str(logs), "--texts", "12", "--rater", "ann"]
    written = CliRunner().invoke(label, [*args, "--out", str(page_file)])
    assert "--import humor.ann.json" in written.output
    with opened_page(page_file.as_uri()) as opened:
        page = opened.page
        for _ in range(3):
            press_for_goats(page)
        page.reload()
        assert page.inner_text("#status").startswith("3 of 12 texts")
        press_for_goats(page)
        page.reload()
        assert page.inner_text("#status").startswith("4 of 12 texts")
        with page.expect_popup() as popup:
            page.evaluate("void open(location.href, '_blank', 'noopener')")
        other_tab = popup.value
        other_tab.get_by_text("4 of 12 texts").wait_for()
        press_for_goats(page)
        other_tab.get_by_text("5 of 12 texts").wait_for()
        other_tab.close()
        page.fill("#name", "ben")
        page.press("#name", "Tab")
        assert page.inner_text("#status").startswith("0 of 12 texts")
        while page.is_visible("article"):
            press_for_goats(page)
        with page.expect_download() as download:
            page.click("#finish")
        download.value.save_as(tmp_path / download.value.suggested_filename)
        assert opened.complaints == [] and {r.partition(":")[0] for r in opened.requests} <= {"file", "blob"}
    imported = ["--dimension", "humor", "--import", str(tmp_path / "humor.ben.json")]
    done = CliRunner().invoke(label, imported)
    assert (
        done.exit_code == 0 and "- ben: 12 rated" in done.output and "of 2 shown twice, 2 got" in done.output
    )


@needs_browser
def test_on_a_phone_nothing_sticks_out_and_every_control_has_a_name(
    write_log: WriteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = write_log("run2", text=lambda c, e: f"{c}<b>{e}</b> " + LOOP * 14)
    args = ("run2", "--dimension", "humor", "--logs", logs.parent, "--rater", "ann")
    with (
        labelling(monkeypatch, *args) as address,
        opened_page(address, viewport={"width": 390, "height": 800}) as opened,
    ):
        page = opened.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.inner_text("article summary").endswith("… repeats 14 times")
        assert "<b>" in page.inner_text("article") and page.locator("article b").count() == 0
        named = "e => (e.labels?.[0]?.textContent || e.textContent || e.ariaLabel).trim()"
        assert all(control.evaluate(named) for control in page.locator("button, input, progress").all())
        page.locator("#answers button").nth(4).click()
        assert page.inner_text("#status").startswith("1 of 24 texts, 1 yes; 99 more, 9 more yes, 10 more no")


def test_without_the_key_or_under_another_hosts_name_every_request_is_refused(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("run2", "--dimension", "humor", "--logs", logs, "--rater", "ann", "--texts", "12")
    with labelling(monkeypatch, *args) as address:
        root = address.rsplit("/", 2)[0] + "/"
        for path in ("", "rate", "wrong-key/", "wrong-key/rate"):
            assert httpx.get(root + path).status_code == httpx.post(root + path).status_code == 403
        assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 400
        shown = httpx.get(address)
        assert shown.status_code == 200 and "default-src 'none'" in shown.headers["Content-Security-Policy"]
        for label_given in ("{", {"id": "x", "again": False, "value": 1}, {"id": 1}):
            assert httpx.post(address + "rate", json=label_given).status_code == 400


def test_a_killed_command_loses_nothing_and_an_interrupted_one_says_what_comes_next(
    logs: Path, tmp_path: Path
) -> None:
    """Real processes: one is killed after a label, and the one after it is stopped with Ctrl-C."""
    args = ("run2", "--dimension", "warmth", "--logs", str(logs), "--rater", "ann", "--texts", "12")
    command = [sys.executable, "-m", "timbre", "label", *args]

    def started() -> tuple[subprocess.Popen[str], str, dict[str, Any]]:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stderr
        address = next(m[1] for line in process.stderr if (m := re.search(r"(http\S+)", line)))
        html = httpx.get(address).text
        return process, address, json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', html)[1])  # type: ignore[index]

    process, address, data = started()
    first, again = data["steps"][0]
    assert httpx.post(address + "rate", json={"id": first, "again": again, "value": 3}).text == "kept"
    process.kill()
    process.communicate()
    with (tmp_path / "results" / "labels" / "warmth.ann.jsonl").open("a") as file:
        file.write('{"id": "half a li')
    process, address, data = started()
    assert data["done"] == [[0, 3.0]]
    httpx.post(address + "rate", json={"id": data["steps"][1][0], "again": False, "value": 0})
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 0 and "the same command goes on" in err and "Traceback" not in err
    assert "ann: 2 rated, 1 yes" in out
    assert f"timbre calibrate rubric/warmth {tmp_path}/results/labels/warmth.csv --labelled-by people" in out
