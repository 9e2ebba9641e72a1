"""What is left, and what is said, where a file can't be written: a full disk, a place without the right to."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import kills
from timbre import cli
from timbre.errors import TimbreError
from timbre.files import write_whole

OLD = "what stood there before"


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond a page, as on a disk without room; pytest's own output neither."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_page_on_a_full_disk_keeps_what_it_had_and_leaves_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"
    page.write_text(OLD)
    with full_disk(), pytest.raises(TimbreError, match=r"LOG\.md: can't be written"):
        write_whole(page, "a sentence. " * 1000)
    assert page.read_text() == OLD and [*tmp_path.iterdir()] == [page]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/runs"), "/x/runs: can't be written (No space"),
        (OSError(errno.EROFS, "Read-only file system", "/x/runs"), "/x/runs: can't be written (Read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: can't be written (Permission"),
        (RuntimeError('IoError(Os { os error 28, "No space" })'), "a file can't be written (IoError"),
    ],
)
def test_a_command_without_room_or_right_to_write_says_so_in_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "cli", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.startswith(f"timbre: {line}") and told.count("\n") == 1


def test_an_error_that_is_no_ones_mistake_stays_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(cli, "cli", fails)
    with pytest.raises(KeyError):
        cli.main()


def _faults(job: kills.Job, home: Path) -> list[str]:
    """What is wrong after the job was killed at each of its writes."""
    job.reset()
    assert kills.in_child(job, home) == 0 and job.fault() == ""
    faults = []
    for write in range(1, int((home / "moments").read_text().split()[0]) + 1):
        job.reset()
        assert os.WIFSIGNALED(kills.in_child(job, home, write=write))
        faults.append(job.fault())
    return faults


def test_a_log_whose_export_is_killed_at_any_write_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    assert set(_faults(kills.export_job(tmp_path), tmp_path)) == {""}


def test_a_page_that_is_written_in_place_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "LOG.md"

    def in_place() -> None:
        page.write_text("half")
        with page.open("a") as file:
            file.write(" and half")

    assert set(_faults(kills.page_job(page, in_place, OLD), tmp_path)) == {
        "",
        "LOG.md is neither the old page nor the new one",
    }
