"""The conditions under which logs were made, and whether two may be held against each other.

A difference between two runs means something only if nothing else differs: the canaries, the judges, how
answers were sampled, the base. The gate refuses to compare what differs, names it, and lets it pass only
where it is told to.
"""

from collections.abc import Collection, Sequence

from results.records import RunLog

CONDITIONS = {
    "base": "the model under the adapters",
    "suite": "the canaries; those that both answered are compared",
    "judges": "the rules of metrics and rubrics",
    "voice": "the writer's texts",
    "impostors": "further writers that voice_match tells the writer from",
    "decoding": "temperature, seed, length limit, system message, takes, as Inspect used them",
    "server": "number type and arguments of the server that answered",
    "grader": "the model that judges by rubrics",
}
"""What may differ between two logs, with what each one is."""


def differences(logs: Sequence[RunLog], among: Sequence[str] = ()) -> tuple[str, ...]:
    """The conditions in which logs differ, each with its values.

    Args:
        logs: At least one.
        among: Names of conditions to look at; all that the first log has where none is named.
    """
    found = (_difference(logs, name) for name in among or _names(logs))
    return tuple(difference for difference in found if difference)


def comparability(
    logs: Sequence[RunLog], allowed: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What keeps logs from being compared, and what is let pass.

    Args:
        logs: At least one.
        allowed: Names in ``CONDITIONS`` that may differ.

    Returns:
        Problems, each with how to let it pass; and notes on differences that were allowed.
    """
    found = {name: _difference(logs, name) for name in _names(logs)}
    problems = tuple(
        f"{difference} (--allow {name} compares them all the same)"
        for name, difference in found.items()
        if difference and name not in allowed
    )
    notes = tuple(
        f"not like with like, as allowed: {difference}"
        for name, difference in found.items()
        if difference and name in allowed
    )
    return problems, notes


def _names(logs: Sequence[RunLog]) -> list[str]:
    return list(dict.fromkeys(name for log in logs for name in log.conditions))


def _difference(logs: Sequence[RunLog], name: str) -> str:
    values = {log.run: log.conditions.get(name, "") for log in logs}
    if len(set(values.values())) == 1:
        return ""
    return f"{name} differs: " + "; ".join(f"{run} {value}" for run, value in values.items())
