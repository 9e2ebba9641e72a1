"""Runs side by side as a section of the experiment log: two bases, tuned and not, are just four names."""

from collections.abc import Sequence

from judges.types import DIMENSIONS
from results.arms import ArmScore
from results.markdown import bullets, inline, table
from results.records import RunLog
from results.terminal import interval


def section_name(runs: Sequence[str]) -> str:
    """Name of the section's markers: of these runs in this order."""
    return "compare:" + ",".join(runs)


def arms_section(logs: Sequence[RunLog], scores: Sequence[ArmScore], warnings: Sequence[str]) -> str:
    """Each arm with its base, the table of means and of deltas to the first, and what else differs.

    Args:
        logs: Of the arms, in order; the first is what the others are compared with.
        scores: Of ``results.arms.side_by_side``.
        warnings: Conditions in which the logs differ.
    """
    names = [log.run for log in logs]
    arms = table(
        ("arm", "base", "identity", "answers"),
        [(log.run, log.conditions["base"], log.identity[:12], str(len(log.samples))) for log in logs],
    )
    means, deltas = [], []
    for key in dict.fromkeys(score.dimension for score in scores):
        of_key = {score.run: score for score in scores if score.dimension == key}
        starred = key + ("*" if DIMENSIONS[key].hard else "")
        means.append((starred, str(of_key[names[0]].n), *(interval(of_key[run].mean) for run in names)))
        deltas.append((starred, *(interval(of_key[run].delta, signed=True) for run in names[1:])))
    against = [f"{run} - {names[0]}" for run in names[1:]]
    parts = [
        f"## {inline(', '.join(names))} side by side",
        f"Evaluated on {inline(logs[0].conditions['suite'])}.",
        arms,
        "### Means",
        table(("dimension", "n", *map(inline, names)), means),
        "### Paired differences",
        table(("dimension", *map(inline, against)), deltas),
        "n counts canaries; mean with 95 % CI; \\* is hard: the rate of canaries with the fault.",
    ]
    if warnings:
        parts.append("Not like with like:\n\n" + bullets(warnings))
    return "\n\n".join(parts)
