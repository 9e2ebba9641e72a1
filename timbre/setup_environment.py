"""Build or mend ``.venv`` from a lock: ``python3 -m timbre.setup_environment`` (``make setup`` runs it).

Standard library only. Does nothing when ``.venv`` is ready; says in one line why when it is not.
Two at once take turns; one that is cut off leaves no stamp, so the next one finishes its work.
"""

import argparse
import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from timbre import environment
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

_HINTS = (
    (
        "+cpu",
        "torch's CPU build is not on PyPI: set PIP_EXTRA_INDEX_URL to the address that PyTorch's own "
        "installation page shows for pip and CPU, and run make again",
    ),
    ("No space left on device", "make room (.venv takes about 4.5 GB), and run make again"),
    ("ensurepip", "install your system's venv package for this Python, and run make again"),
    (
        "No matching distribution",
        "see that pip's package sources answer and have wheels for this Python (the lock was run on 3.11: "
        "make PYTHON=python3.11), and run make again",
    ),
)
"""First match in pip's complaint wins: (text in an ERROR line or the tail, what to do)."""

_HASH_MISMATCH = re.compile(
    r"DO NOT MATCH THE HASHES.*?^ +(?P<package>\S+).*?^ +Got +(?P<got>[0-9a-f]{64})", re.MULTILINE | re.DOTALL
)
"""What pip says of a wheel that is not one of those that the lock names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Bring ``.venv`` to what its lock says; exit status 0, 2 (a user's mistake) or 130 (interrupted)."""
    parser = argparse.ArgumentParser(description="Build or mend .venv from its lock.")
    parser.add_argument("--accelerator", default="auto", help="cpu, nvidia or auto")
    parser.add_argument("--this-python", action="store_true", help="remake a .venv of another Python")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        set_up(CHECKOUT, arguments.accelerator, platform.python_version() if arguments.this_python else None)
    except TimbreError as error:
        print(f"timbre: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\ntimbre: set-up interrupted; run make again and it goes on from here", file=sys.stderr)
        return 130
    return 0


def set_up(root: Path, accelerator: str, python: str | None = None) -> None:
    """Do what ``environment.examine`` finds, and nothing when that is nothing.

    Raises:
        TimbreError: If a lock is malformed, the machine is of another kind, or pip fails.
    """
    lock = environment.choose_lock(root, accelerator)
    if environment.examine(root, lock, python).action == "none":
        return
    environment.check_platform()
    with _turn(root) as turn:
        if (finding := environment.examine(root, lock, python)).action != "none":
            _carry_out(finding, root, lock, turn.fileno())


def _carry_out(finding: environment.Finding, root: Path, lock: Path, turn: int) -> None:
    started = time.monotonic()
    venv, bin_python = root / ".venv", root / ".venv" / "bin" / "python"
    # Without its stamp the folder reads as half-made until the last line of this function.
    (venv / environment.STAMP).unlink(missing_ok=True)
    if finding.action == "complete" and not _pip_runs(bin_python):
        finding = environment.Finding("remake", "has a pip that does not run")
    doing = {"create": "making it", "complete": "completing it", "remake": "making it anew"}
    say(f".venv {finding.reason}: {doing[finding.action]} from locks/{lock.name}")

    installer = _Installer(root, turn)
    lines = environment.locked(lock)
    if finding.action != "complete":
        _remove(venv)
        # A link made in a virtual environment would point back into it, perhaps into this very one.
        base = getattr(sys, "_base_executable", sys.executable)
        installer.run("a bare .venv", [[base, "-m", "venv", str(venv)]])
        finding = environment.Finding(finding.action, finding.reason, tuple(lines.values()))
    for folder in finding.half:
        shutil.rmtree(folder)

    pip = [str(bin_python), "-I", "-m", "pip", "install", "--progress-bar=off", "--no-deps"]
    seeds = [lines[name] for name in sorted(environment.SEEDS) if lines[name] in finding.missing]
    if seeds:
        installer.run("pip and setuptools", [_wheels(pip, seeds, root / ".timbre" / "seeds.txt")])
    rest = [line for line in finding.missing if line not in seeds]
    site_packages = next((venv / "lib").glob("python3.*/site-packages"))
    installer.run(
        f"{len(rest)} packages",
        [
            [*_wheels(pip, lane, root / ".timbre" / f"lane-{at}.txt"), "--ignore-installed"]
            for at, lane in enumerate(environment.lanes(rest))
        ],
        lambda: _how_far(installer.fetched(), len(list(site_packages.glob("*.dist-info"))), len(lines)),
    )
    installer.run("timbre itself", [[*pip, "--no-build-isolation", "--quiet", "-e", str(root)]])

    missing, _ = environment.compare(lines, environment.installed(site_packages)[0])
    version = environment.interpreter_version(venv)
    if missing or version is None:
        raise TimbreError(
            "pip says it is done, but .venv lacks "
            + (", ".join(map(environment.pin, missing)) or "a Python that starts"),
            do="delete .venv and run make again",
        )
    unfinished = venv / f"{environment.STAMP}.part"
    unfinished.write_text(environment.digest(root, lock, version) + "\n", encoding="utf-8")
    unfinished.replace(venv / environment.STAMP)
    say(f".venv is ready: {len(lines)} packages, Python {version}, {time.monotonic() - started:.0f} s")


def _wheels(pip: Sequence[str], lines: Sequence[str], requirements: Path) -> list[str]:
    """The command that installs the wheels of lock lines, each only if its hash is in the line.

    pip reads hashes from a file alone, so the lines are written to ``requirements``.
    """
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [*pip, "--no-compile", "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]


class _Installer:
    """Runs pip processes side by side, shows how far they are, and explains a failure.

    Args:
        root: The checkout; the processes' output is kept in ``.timbre/setup-<lane>.log``.
        turn: File descriptor of the set-up lock. The children inherit it, so that the lock stays
            taken while one of them still writes, even if this process is killed.
    """

    def __init__(self, root: Path, turn: int) -> None:
        self._logs = root / ".timbre"
        for old in self._logs.glob("setup-*.log"):
            old.unlink()
        self._turn = turn
        self._started = time.monotonic()

    def run(
        self, what: str, commands: Sequence[Sequence[str]], progress: Callable[[], str] | None = None
    ) -> None:
        """Run ``commands`` at the same time and wait for them.

        Raises:
            TimbreError: If one of them fails; the others are stopped first.
        """
        environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        logs = [self._logs / f"setup-{lane}.log" for lane in range(len(commands))]
        children: list[subprocess.Popen[bytes]] = []
        try:
            for command, log in zip(commands, logs, strict=True):
                with log.open("wb") as out:
                    children.append(
                        subprocess.Popen(
                            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ,
                            pass_fds=(self._turn,),
                        )
                    )  # fmt: skip
            self._wait(children, progress)
        finally:
            for child in children:
                if child.poll() is None:
                    child.terminate()
                    child.wait()
        for child, log in zip(children, logs, strict=True):
            # Negative: stopped by the lines above, because a sibling failed.
            if child.returncode > 0 or (child.returncode and len(children) == 1):
                raise _failure(what, log)

    def fetched(self) -> int:
        """How many packages the running pip processes have got hold of."""
        said = "".join(log.read_text(errors="replace") for log in self._logs.glob("setup-*.log"))
        return len(re.findall("^(?:Collecting|Processing) ", said, re.MULTILINE))

    def _wait(self, children: Sequence[subprocess.Popen[bytes]], progress: Callable[[], str] | None) -> None:
        told = time.monotonic()
        # Every child is polled each round: one that failed ends the wait however long its siblings would run.
        while None in (states := [child.poll() for child in children]):
            if any(states):
                return
            time.sleep(0.1)
            if progress and time.monotonic() - told >= 10:
                told = time.monotonic()
                say(f"  {progress()}, {told - self._started:.0f} s")


def _how_far(fetched: int, placed: int, of: int) -> str:
    if placed <= len(environment.SEEDS):  # pip fetches everything before it puts the rest in place
        return f"{fetched} packages fetched"
    return f"{placed} of {of} packages in place"


def _failure(what: str, log: Path) -> TimbreError:
    """Show the tail of pip's log, without the lines that are only noise, and say what to do."""
    noise = ("is ignored: it is", "[notice]", "Looking in ")
    lines = [
        line[:300]
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not any(word in line for word in noise)
    ]
    for line in lines[-12:]:
        print(f"  | {line}", file=sys.stderr)
    if refused := _HASH_MISMATCH.search("\n".join(lines)):
        return TimbreError(
            f"{refused['package']} has sha256 {refused['got']}, which its line in the lock does not name",
            where=str(log),
            do="use Python 3.11, 3.12 or 3.13, and package sources that serve PyPI's and PyTorch's own files; "
            "only if you trust this file, add its hash to the line; then run make again",
        )
    complaint = "\n".join([line for line in lines if "ERROR" in line] or lines[-12:])
    do = next((hint for text, hint in _HINTS if text in complaint), None)
    return TimbreError(
        f"set-up stopped at {what}",
        where=str(log),
        do=do
        or "mend what the lines above name (package sources are pip's own settings), and run make again",
    )


def _turn(root: Path) -> TextIO:
    """An open file that holds the set-up lock until it, and every child's copy of it, is closed."""
    (root / ".timbre").mkdir(exist_ok=True)
    file = (root / ".timbre" / "setup.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of this checkout to end")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _pip_runs(bin_python: Path) -> bool:
    return (
        subprocess.run([str(bin_python), "-I", "-m", "pip", "--version"], capture_output=True).returncode == 0
    )


def _remove(venv: Path) -> None:
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    elif venv.exists():
        # The interpreter goes first: a removal that is cut off must not read as a .venv worth completing.
        (venv / "bin" / "python").unlink(missing_ok=True)
        shutil.rmtree(venv)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def say(line: str) -> None:
    """One line of progress, shown at once also when the output is a pipe."""
    print(f"timbre: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
