"""The judges in processes of their own, with one BLAS thread each: neither the event loop nor vLLM waits for them.

``judge`` is what the scorer calls. A process is this file run as a module; it takes pickled requests from its
standard input and ends with it, so that it never outlives the eval. ``start_early`` starts the first one, which fits
the voice while Inspect itself starts; more are started only where answers queue up.
"""

import atexit
import hashlib
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.lowlevel

from canaries.suite import load_suite
from evals.background import in_daemon
from judges.panel import Panel, judges_version
from judges.reference import VoiceReference, load_reference
from judges.types import Answer, Judgement
from judges.voice_match import separation_message
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, DEFAULT_FLOOR
from training.runs import read_run

MAX_PROCESSES = min(4, os.cpu_count() or 1)

BACKLOG = 32
"""Waiting answers a process at which one more is started."""

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
        try:
            return cls(str(path), hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            raise TimbreError(
                f"can't be read ({error.strerror})", where=str(path), do="name another file"
            ) from None

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


_idle: "queue.LifoQueue[subprocess.Popen[bytes]]" = queue.LifoQueue()


def start_early(against: JudgedAgainst) -> None:
    """Have a process load and fit what it needs before the first answer, where none is there yet.

    What is wrong with a file of ``against`` is raised by ``judge``.
    """
    if _idle.empty():
        process = _start()
        assert process.stdin
        pickle.dump((None, against), process.stdin)
        process.stdin.flush()
        _idle.put(process)


def _ask(answer: Answer, against: JudgedAgainst, attempts: int = 2) -> Judged:
    """Have an idle process judge, or a new one; another one, where the first is killed."""
    try:
        process = _idle.get_nowait()
    except queue.Empty:
        process = _start()
    assert process.stdin and process.stdout
    try:
        pickle.dump((answer, against), process.stdin)
        process.stdin.flush()
        reply = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        process.kill()
        if attempts > 1:
            return _ask(answer, against, attempts - 1)
        raise TimbreError(
            "a judging process died", where=str(answer.id), do="see its message above, and evaluate again"
        ) from error
    _idle.put(process)
    if isinstance(reply, BaseException):
        raise reply
    assert isinstance(reply, Judged)
    return reply


def _start() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "evals.judging"],
        cwd=CHECKOUT,
        env={**os.environ, **ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C in the terminal is the eval's
    )
    atexit.register(process.kill)
    return process


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


def _serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Judge what comes until nothing comes any more; a request without an answer is prepared for, without a reply."""
    while True:
        try:
            answer, against = pickle.load(requests)
        except EOFError:
            return
        if answer is None:
            with suppress(TimbreError):
                _judged(ANY_ANSWER, against)
            continue
        reply: Any
        try:
            reply = _judged(answer, against)
        except Exception as error:  # raised again where the answer is awaited
            reply = error
        pickle.dump(reply, replies)
        replies.flush()


def main() -> None:
    """Serve the parent process."""
    os.nice(NICENESS)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not write into the replies
    _serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    from evals import judging  # what is pickled here must be known under the module's own name

    judging.main()
