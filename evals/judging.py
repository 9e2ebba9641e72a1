"""The judges in processes of their own, with one BLAS thread each: neither the event loop nor vLLM waits for them.

``judge`` is what the scorer calls. ``start_early`` starts this file as a module, which loads the encoders and fits
the voice while Inspect itself starts. The processes that judge are forked from it, so that one more takes
milliseconds; each takes requests from a connection and ends with it, so that none outlives the eval.
"""

import atexit
import gc
import hashlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from canaries.suite import load_suite
from evals.background import in_daemon
from judges.panel import Panel, judges_version
from judges.reference import VoiceReference, load_reference
from judges.types import Answer, Judgement
from judges.voice_match import separation_message
from timbre.errors import TimbreError
from timbre.files import read_bytes
from timbre.paths import CHECKOUT, DEFAULT_FLOOR
from training.runs import read_run

MAX_PROCESSES = min(4, os.cpu_count() or 1)

BACKLOG = 4
"""Waiting answers a process at which one more is forked."""

NICENESS = 5
"""The judges give way to a server on the same cores."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Several threads in BLAS cost three times the CPU time here and save none."""

ANY_ANSWER = Answer(
    "", "Any prompt?", "Any English text of ten words or more makes every judge load and fit."
)


@dataclass(frozen=True)
class TextFile:
    """A file of texts, read anew when it changes."""

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "TextFile":
        """The file as it is now.

        Raises:
            TimbreError: It can't be read.
        """
        return cls(str(path), hashlib.sha256(read_bytes(path)).hexdigest())

    def __str__(self) -> str:
        """For logs."""
        return f"{Path(self.path).name} {self.sha256[:12]}"


@dataclass(frozen=True)
class JudgedAgainst:
    """What answers are judged against; the same for all answers of one run to one suite."""

    voice: TextFile  # the writer's pairs
    suite: str  # its YAML file, or a shipped suite's name
    base_sha256: str  # identity of the base, whose learned phrases count as slop
    impostors: TextFile | None  # JSON Lines of further writers for voice_match, beside the shipped ones
    run: str  # what answered; its training responses may not be copied. Empty where it is no run

    @cached_property
    def judged_by(self) -> dict[str, str | None]:
        """For logs: which judges, and against whose texts."""
        return {
            "judges": judges_version(),
            "voice": str(self.voice),
            "impostors": str(self.impostors) if self.impostors else None,
        }


@dataclass(frozen=True)
class Judged:
    """One answer's judgements, with what ``voice_match`` found of its own worth."""

    judgements: Mapping[str, Judgement]
    separation: str  # how well it tells the writer apart
    advisory: str  # why the dimension is advisory; empty where it isn't


def judged_against(
    voice: Path, suite: str, base_sha256: str, impostors: Path | None, run: str
) -> JudgedAgainst:
    """The same with the files as they are now."""
    further = TextFile.of(impostors) if impostors else None
    return JudgedAgainst(TextFile.of(voice), suite, base_sha256, further, run)


_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("judging")


async def judge(answer: Answer, against: JudgedAgainst) -> Judged:
    """One answer on every dimension that needs no grader.

    Raises:
        TimbreError: A file of ``against`` is malformed.
    """
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(1)
        _limiter.set(limiter)
    waiting = limiter.statistics().tasks_waiting
    if waiting > BACKLOG * limiter.total_tokens and limiter.total_tokens < MAX_PROCESSES:
        limiter.total_tokens += 1
    async with limiter:
        return await in_daemon(lambda: _ask(answer, against))


# To processes that wait for an answer.
_idle: "queue.LifoQueue[Connection[Any, Any]]" = queue.LifoQueue()


@dataclass
class _Loaded:
    """The process that the judging ones are forked from, once it has loaded what all of them need."""

    process: "subprocess.Popen[bytes]"
    control: "Connection[Any, Any]"

    def fork(self) -> "Connection[Any, Any]":
        """A connection to a new judging process, which ends when it is closed."""
        ours, theirs = Pipe()
        with theirs:
            send_handle(self.control, theirs.fileno(), self.process.pid)
        return ours


_loaded: list[_Loaded] = []  # the latest last
_loading = threading.Lock()


def start_early(against: JudgedAgainst) -> None:
    """Have the judges load and fit before the first answer; where they already do, nothing happens.

    What is wrong with a file of ``against`` is raised by ``judge``.
    """
    with _loading:
        if not _loaded or _loaded[-1].process.poll() is not None:
            _loaded.append(_load(against))


def _load(against: JudgedAgainst) -> _Loaded:
    control, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "evals.judging", str(theirs.fileno())],
            cwd=CHECKOUT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # a Ctrl-C in the terminal is the eval's
        )
    atexit.register(process.kill)
    with suppress(BrokenPipeError):
        control.send(against)
    return _Loaded(process, control)


def _connected(against: JudgedAgainst) -> "tuple[Connection[Any, Any], bool]":
    """A connection to an idle process, or else to a new one; and whether it is new."""
    try:
        return _idle.get_nowait(), False
    except queue.Empty:
        start_early(against)
        return _loaded[-1].fork(), True


def _ask(answer: Answer, against: JudgedAgainst) -> Judged:
    """Have an idle process judge, or a new one; another one where it is killed, and a second new one at most."""
    failed = 0
    while True:
        is_new = True  # also where no connection comes about
        try:
            connection, is_new = _connected(against)
            connection.send((answer, against))
            reply = connection.recv()
            break
        except (OSError, EOFError) as error:
            failed += is_new
            if failed > 1:
                do = "see its message above, and evaluate again"
                raise TimbreError("a judging process died", where=str(answer.id), do=do) from error
    _idle.put(connection)
    if isinstance(reply, BaseException):
        raise reply
    assert isinstance(reply, Judged)
    return reply


@lru_cache(maxsize=8)
def panel(against: JudgedAgainst) -> Panel:
    """The judges for one run: what it was trained on may not be copied, beside the writer's own pairs."""
    trained = read_run(against.run.partition("@")[0])  # an epoch was trained on what its run was
    return Panel(
        _reference(against.voice, against.impostors),
        [response for _, response in trained.training_pairs()] if trained else [],
        {canary.prompt: canary.facts for canary in load_suite(against.suite).canaries},
        against.base_sha256,
    )


@lru_cache(maxsize=8)
def _reference(voice: TextFile, impostors: TextFile | None) -> VoiceReference:
    return load_reference(Path(voice.path), DEFAULT_FLOOR, Path(impostors.path) if impostors else None)


def _judged(answer: Answer, against: JudgedAgainst) -> Judged:
    judges = panel(against)
    assert judges.reference is not None
    judgements = judges.judge(answer)
    return Judged(judgements, *separation_message(judges.reference))


def _serve(connection: "Connection[Any, Any]") -> None:
    """Judge what comes, until the eval ends or hangs up."""
    while True:
        answer, against = connection.recv()
        try:
            connection.send(_judged(answer, against))
        except Exception as error:  # raised again where the answer is awaited
            connection.send(error)


def main() -> None:
    """Load the judges, then fork a judging process for each connection that comes, until the eval ends."""
    os.nice(NICENESS)
    os.dup2(2, 1)  # a library that prints must not write on Inspect's screen
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a forked process ended
    control: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(TimbreError, EOFError):  # raised with the first answer; the eval has ended
        _judged(ANY_ANSWER, control.recv())
    gc.freeze()
    with suppress(EOFError):
        while True:
            connection: Connection[Any, Any] = Connection(recv_handle(control))
            if os.fork() == 0:
                control.close()
                with suppress(EOFError, OSError), connection:
                    _serve(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    from evals import judging  # what is pickled here must be known under the module's own name

    judging.main()
