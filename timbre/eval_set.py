"""One Inspect eval set of arms that differ in model or shots; they share the server, so none waits for another.

python -m timbre.eval_set LOGS baseline run2 baseline+4shot
"""

import re
import sys

_SHOTS = re.compile(r"(.+)\+([1-9][0-9]*)shot")


def arm_arguments(arm: str) -> tuple[str, int]:
    """Model and number of shots of an arm, as results name it."""
    match = _SHOTS.fullmatch(arm)
    return (match[1], int(match[2])) if match else (arm, 0)


def main(logs: str, arms: list[str]) -> int:
    """Evaluate; finished evals of the same version are kept.

    Returns:
        0, or 1 where an eval failed.
    """
    from inspect_ai import eval_set

    from evals.inspect_internals import PrerequisiteError
    from evals.voice import voice

    try:
        tasks = [voice(model=model, shots=shots) for model, shots in map(arm_arguments, arms)]
        succeeded, _ = eval_set(
            tasks,
            log_dir=logs,
            log_dir_allow_dirty=True,
            retry_attempts=0,
            retry_immediate=False,
            display="plain",
            max_tasks=len(tasks),
        )
    except PrerequisiteError as error:
        print(f"timbre: {error}", file=sys.stderr)
        return 1
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
