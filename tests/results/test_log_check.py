"""``timbre export --check``, and runs side by side as a section of the log."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from results.commands import compare, export

WriteLog = Callable[..., Path]


@pytest.fixture
def logs(write_log: WriteLog) -> Path:
    write_log("baseline")
    return write_log("run2").parent


def _export(logs: Path, page: Path, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(export, ["run2", "--logs", str(logs), "--log", str(page), *more])
    return done.exit_code, done.output


def test_a_log_that_was_just_written_passes_the_check(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    _export(logs, page)
    assert _export(logs, page, "--check") == (0, f"{page} is what the runs show\n")


def test_notes_beside_a_section_do_not_fail_the_check(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    _export(logs, page)
    page.write_text("My own thoughts.\n\n" + page.read_text() + "\nAnd an afterthought.\n")
    assert _export(logs, page, "--check")[0] == 0


def test_a_figure_changed_by_hand_fails_the_check_and_is_shown(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    _export(logs, page)
    changed = page.read_text().replace("| compression | 12 |", "| compression | 99 |")
    assert changed != page.read_text()
    page.write_text(changed)
    status, told = _export(logs, page, "--check")
    assert status == 1
    assert "-| compression | 99 |" in told and "`timbre export run2`" in told
    assert page.read_text() == changed


def test_a_log_that_lacks_the_run_fails_the_check_and_stays_absent(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    assert _export(logs, page, "--check")[0] == 1
    assert not page.exists()


def test_a_new_eval_makes_the_log_out_of_date(logs: Path, write_log: WriteLog, tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    _export(logs, page)
    write_log("run2", created="2026-03-02T10:00:00+00:00", text=lambda canary, epoch: "Something new.")
    assert _export(logs, page, "--check")[0] == 1


def test_two_bases_tuned_and_not_stand_in_one_table_and_one_section(
    write_log: WriteLog, tmp_path: Path
) -> None:
    other = {"base": "models/merged", "base_sha256": "c" * 64}
    write_log("baseline")
    write_log("run2")
    write_log("baseline", created="2026-03-02T10:00:00+00:00", identity="c" * 64, facts=other)
    logs = write_log("run3", facts=other).parent
    page = tmp_path / "LOG.md"
    arms = ("baseline", "run2", "baseline@merged", "run3")
    for _ in range(2):
        done = CliRunner().invoke(compare, [*arms, "--logs", str(logs), "--log", str(page)])
        assert done.exit_code == 0, done.output
    assert all(name in done.output for name in arms)
    assert "…" not in done.output, "a cell was cut short"
    text = page.read_text()
    assert text.count("side by side") == 1
    assert "| baseline@merged | models/merged (cccccccccccc) |" in text
    assert "base differs" in text
