"""What the report weighs and how fast it opens: four arms on ``smoke`` and three on ``full``.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/report_page.py [--keep FOLDER] [--times 5]

The answers are those of models that were labelled for the judges, each put to a canary and judged anew. First paint
and load are Chromium's own figures, which other work on the machine makes longer; the main thread's processor time
counts little of that. All are medians over so many openings of the file.
"""

import argparse
import csv
import hashlib
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from canaries.suite import load_suite
from judges.panel import Panel, judges_version
from judges.reference import load_reference
from judges.types import Answer
from results.gate import gate_logs
from results.policy import load_policy
from results.records import RunLog, Sample
from results.report import write_report
from timbre.paths import CHECKOUT, DEFAULT_FLOOR, DEFAULT_VOICE

TEXTS = CHECKOUT / "judges" / "labels" / "answers.csv"
TIMES = (
    "(() => { const n = performance.getEntriesByType('navigation')[0], p = performance.getEntriesByType('paint');\
 return [p.find((e) => e.name === 'first-contentful-paint').startTime, n.loadEventEnd]; })()"
)


def main() -> None:
    """Make the two pages, weigh them, open them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="folder to leave the pages in")
    parser.add_argument("--times", type=int, default=5, help="openings of each page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        for suite, arms, takes in (("smoke", 4, 2), ("full", 3, 1)):
            began = time.perf_counter()
            logs = made_logs(suite, arms, takes)
            judged = time.perf_counter()
            page = folder / f"{suite}.html"
            policy = load_policy()
            gate = partial(gate_logs, policy=policy)
            write_report(logs, policy, page, gate, runs=folder, voice=DEFAULT_VOICE)
            answers = sum(len(log.samples) for log in logs)
            print(
                f"{suite}, {arms} arms, {answers} answers: {page.stat().st_size / 1000:.0f} KB, judged in "
                f"{judged - began:.1f} s, written in {time.perf_counter() - judged:.1f} s"
            )
            paint, load, busy = opening_times(page, arguments.times)
            print(f"  first paint {paint:.0f} ms, load {load:.0f} ms, processor {busy:.0f} ms", flush=True)


def made_logs(suite: str, arms: int, takes: int) -> list[RunLog]:
    """Logs of a baseline and other runs, whose answers are labelled texts of models, one after another."""
    canaries = load_suite(suite).canaries
    panel = Panel(load_reference(DEFAULT_VOICE, DEFAULT_FLOOR), topics={c.prompt: c.facts for c in canaries})
    with TEXTS.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["by"] != "impostor"]
    digest = hashlib.sha256(DEFAULT_VOICE.read_bytes()).hexdigest()[:12]
    conditions = {"suite": suite, "voice": f"{DEFAULT_VOICE.name} {digest}", "judges": judges_version()[:12]}
    logs, given = [], iter(texts * (1 + arms * takes * len(canaries) // len(texts)))
    for name in ["baseline", *(f"run{at}" for at in range(1, arms))]:
        samples = []
        for canary in canaries:
            for take in range(1, takes + 1):
                text = next(given)
                answer = Answer(
                    *(canary.id, canary.prompt, text, tuple(canary.subjects), canary.first_person_licensed),
                    target_words=canary.target_words,
                )
                samples.append(
                    Sample(
                        *(canary.id, canary.kind, take, canary.prompt, text, False),
                        *(canary.first_person_licensed, panel.judge(answer)),
                        target_words=canary.target_words,
                    )
                )
        logs.append(RunLog(name, name, suite, conditions, "2026-01-01T00:00:00", "made", tuple(samples)))
    return logs


def opening_times(page: Path, times: int) -> tuple[float, float, float]:
    """Medians of first contentful paint, the end of the load event and the main thread's time, in milliseconds."""
    from playwright.sync_api import sync_playwright

    measured = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(times):
            tab = browser.new_page(viewport={"width": 390, "height": 844})
            session = tab.context.new_cdp_session(tab)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            tab.goto(page.as_uri())
            tab.wait_for_function("performance.getEntriesByType('paint').length > 1")
            metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
            measured.append((*tab.evaluate(TIMES), 1000 * metrics["TaskDuration"]))
            tab.close()
        browser.close()
    paint, load, busy = (statistics.median(column) for column in zip(*measured, strict=True))
    return paint, load, busy


if __name__ == "__main__":
    main()
