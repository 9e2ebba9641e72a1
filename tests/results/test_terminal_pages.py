"""Whole pages of the terminal at 80 and 120 columns, held to the files in ``pages/``.

A page that was meant to change is written anew, and looked at before it is committed:

    WRITE_PAGES=1 python -m pytest tests/results/test_terminal_pages.py
"""

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from timbre.cli import cli

PAGES = Path(__file__).parent / "pages"
COMMANDS = {
    "compare": ["compare", "baseline", "run1", "run2"],
    "compare-all": ["compare", "baseline", "run2", "--all"],
    "gate": ["gate", "--baseline", "baseline", "--candidate", "run2"],
    "runs": ["runs"],
    "runs-compare": ["runs", "--compare", "run1", "run2"],
    "scores": ["scores", "--out", "scores.csv"],
}


WORDS = ("kettle", "ferry", "lamp", "rope", "salt", "gull", "oar", "bell", "tar", "net", "tide", "sand")


def _letter(seed: str) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=30)) + "."


@pytest.fixture
def evaluated(
    write_log: Callable[..., Path],
    write_run: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Logs and folders of three runs: run2 is more specific, and looser with the length asked for."""

    def scores(run: str) -> Callable[[int, int], dict[str, float]]:
        step = ("baseline", "run1", "run2").index(run) / 10

        def of_answer(canary: int, take: int) -> dict[str, float]:
            wobble = 0.03 * ((canary * 7 + take) % 5)
            faults = {"integrity": float(run == "run2" and canary < 3)}
            counts = {"words": 90 + 10 * canary + 100 * step, "lix": 40 + canary, "rix": 4.0}
            return {
                "specificity": 0.3 + step + wobble,
                "compression": 0.5 - step + wobble,
                **faults,
                **counts,
            }

        return of_answer

    for run in ("baseline", "run1", "run2"):
        write_log(run, scores=scores(run), text=lambda c, e, run=run: _letter(f"{run} {c} {e}"))
    write_run("run1", [(3.15, 3.60), (2.9, 3.44)], collator="language_modeling")
    write_run("run2", [(2.81, 3.41)], parent="run1")
    monkeypatch.chdir(tmp_path)
    for name in ("TIMBRE_RUNS", "TIMBRE_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.usefixtures("evaluated")
def test_a_page_is_as_it_was_and_nothing_is_wider_than_the_terminal(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    page = re.sub(r"[^\S\n]+$", "", CliRunner().invoke(cli, COMMANDS[name]).output, flags=re.MULTILINE)
    file = PAGES / f"{name}-{columns}.txt"
    if os.environ.get("WRITE_PAGES"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(page, encoding="utf-8")
    assert page == file.read_text(encoding="utf-8")
    assert max(map(len, page.splitlines())) <= columns
