"""One Inspect eval set of arms that differ in model or shots; they share the server, so none waits for another.

python -m timbre.eval_set LOGS '[{"suite": "full"}, null]' baseline run2 baseline+4shot
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

GRACE_S = 1.5
"""What a step has after Ctrl-C to keep what it finished."""

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
    "PYTHONUNBUFFERED": "1",
}
"""For the steps' environment: libraries keep their notices to themselves."""

QUARTERS = 4
"""Lines of progress an arm."""

_SHOTS = re.compile(r"(.+)\+([1-9][0-9]*)shot")


def arm_arguments(arm: str) -> tuple[str, int]:
    """Model and number of shots of an arm, as results name it."""
    match = _SHOTS.fullmatch(arm)
    return (match[1], int(match[2])) if match else (arm, 0)


def arm_name(facts: dict[str, Any]) -> str:
    """The arm of a log, from its ``metadata["timbre"]``."""
    return f"{facts['run']}+{facts['shots']}shot" if facts["shots"] else str(facts["run"])


def evaluate(
    arms: Sequence[str],
    logs: Path,
    *,
    canaries: Sequence[str] | None = None,
    stdout: IO[str] | None = None,
    **options: str | int,
) -> None:
    """Ask all arms the canaries in a process of its own; finished evals of the same version are kept.

    Args:
        arms: As results name them.
        logs: Folder of the eval set.
        canaries: Ids of those that are asked; None for all of the suite.
        stdout: Where progress goes.
        options: Of the task (``evals.voice.voice``).

    Raises:
        TimbreError: An eval failed.
    """
    run_step(
        ["timbre.eval_set", str(logs), json.dumps([options, canaries]), *arms], "the eval failed", stdout
    )


def run_step(module: Sequence[str], failure: str, stdout: IO[str] | None = None) -> None:
    """Run ``python -m module``; its memory is free again afterwards.

    Raises:
        TimbreError: It failed; the message is ``failure``.
    """
    # A server or run of this checkout is meant, whatever the caller's folder is.
    step = subprocess.Popen(
        [sys.executable, "-m", *module], cwd=CHECKOUT, env={**QUIET, **os.environ}, stdout=stdout
    )
    try:
        step.wait()
    except BaseException:  # a terminal's Ctrl-C reaches the step too
        with suppress(subprocess.TimeoutExpired):
            step.wait(GRACE_S)
        step.kill()
        raise
    if step.returncode:
        raise TimbreError(f"{failure} (exit status {step.returncode})", do="see above", exit_code=1)


def main(logs: str, settings: str, arms: list[str]) -> int:
    """The process of ``evaluate``; ``settings`` are its options and canaries, as JSON.

    Returns:
        0, or 1 where an eval failed.
    """
    from inspect_ai import eval_set

    from evals.inspect_internals import PrerequisiteError
    from evals.voice import voice

    options, canaries = json.loads(settings)
    try:
        tasks = [voice(model=model, shots=shots, **options) for model, shots in map(arm_arguments, arms)]
        _say_progress()  # Inspect announces every hook that is there before the first model
        succeeded, done = eval_set(
            tasks,
            log_dir=logs,
            log_dir_allow_dirty=True,
            retry_attempts=0,
            retry_immediate=False,
            display="none",
            sample_id=canaries,
            max_tasks=len(tasks),
        )
    except PrerequisiteError as error:
        print(f"timbre: {error}", file=sys.stderr)
        return 1
    for log in done:
        if log.error:
            arm = arm_name((log.eval.metadata or {})["timbre"])
            print(f"timbre: {arm}: {log.error.message}; {log.location}", file=sys.stderr)
    return 0 if succeeded else 1


def progress_line(arm: str, count: int, total: int, seconds: float) -> str:
    """What is said when the answer of that number is judged; empty but at the end of each quarter."""
    if count * QUARTERS // total == (count - 1) * QUARTERS // total:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{arm}: {count} of {total} answers judged, {minutes}:{rest:02d}"


def _say_progress() -> None:
    """Print a line at each quarter of an arm's answers, in place of Inspect's own display."""
    from inspect_ai.hooks import Hooks, SampleEnd, TaskStart, hooks

    began = time.monotonic()
    arms: dict[str, tuple[str, int]] = {}
    answered: dict[str, int] = {}

    @hooks(name="timbre_progress", description="A line at each quarter of an arm's answers.")
    class Progress(Hooks):
        async def on_task_start(self, data: TaskStart) -> None:
            total = len(data.spec.dataset.sample_ids or ()) * (data.spec.config.epochs or 1)
            arms[data.eval_id] = arm_name((data.spec.metadata or {})["timbre"]), total

        async def on_sample_end(self, data: SampleEnd) -> None:
            name, total = arms[data.eval_id]
            count = answered[data.eval_id] = answered.get(data.eval_id, 0) + 1
            if line := progress_line(name, count, total, time.monotonic() - began):
                print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
