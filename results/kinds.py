"""Scores by kind of canary: a run may be better on personal notes and worse on other people's stories."""

from collections.abc import Sequence

from results.arms import ArmScore, side_by_side
from results.policy import Policy
from results.table import ScoreTable


def by_kind(table: ScoreTable, runs: Sequence[str], policy: Policy) -> dict[str, tuple[ArmScore, ...]]:
    """``side_by_side`` within every kind of canary, by kind in alphabetical order.

    Few canaries of a kind give wide intervals; nothing here is corrected for looking at many kinds.

    Args:
        table: Scores of all the runs; a table without kinds (from CSV) gives one kind, the empty name.
        runs: The first is what the others are compared with.
        policy: Says which dimensions are hard.
    """
    return {str(kind): side_by_side(rows, runs, policy) for kind, rows in table.groupby("kind", sort=True)}
