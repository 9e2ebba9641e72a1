"""One Inspect eval set of arms that differ in model or shots; they share the server, so none waits for another.

python -m timbre.eval_set LOGS baseline run2 baseline+4shot
python -m timbre.eval_set LOGS baseline run2 --canaries a-class,walden --takes 34
"""

import argparse
import re
import sys
import time
from typing import Any

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


def main(logs: str, arms: list[str], canaries: str | None = None, takes: int = 2) -> int:
    """Evaluate; finished evals of the same version are kept.

    Args:
        logs: Folder of the logs.
        arms: Who is asked.
        canaries: Ids of those that are asked, with commas; None for all of the suite.
        takes: Answers a canary.

    Returns:
        0, or 1 where an eval failed.
    """
    from inspect_ai import eval_set

    from evals.inspect_internals import PrerequisiteError
    from evals.voice import voice

    try:
        tasks = [voice(model=model, shots=shots, epochs=takes) for model, shots in map(arm_arguments, arms)]
        _say_progress()  # Inspect announces every hook that is there before the first model
        succeeded, done = eval_set(
            tasks,
            log_dir=logs,
            log_dir_allow_dirty=True,
            retry_attempts=0,
            retry_immediate=False,
            display="none",
            sample_id=canaries.split(",") if canaries else None,
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
    parser = argparse.ArgumentParser()
    parser.add_argument("logs")
    parser.add_argument("arms", nargs="+")
    parser.add_argument("--canaries")
    parser.add_argument("--takes", type=int, default=2)
    given = parser.parse_args()
    sys.exit(main(given.logs, given.arms, given.canaries, given.takes))
