"""How a canary is asked."""

from evals.solver import few_shot
from training.types import Pair


def pair(line: int, tier: int, response: str, split: str = "train") -> Pair:
    return Pair(line, f"ask {line}", response, tier, f"s{line}", "written", split)  # type: ignore[arg-type]


def test_shots_are_the_best_tier_first_then_the_shortest_and_never_held_out() -> None:
    pairs = (pair(1, 2, "x"), pair(2, 1, "longer"), pair(3, 1, "short"), pair(4, 1, "y", "val"))
    assert [m.text for m in few_shot(pairs, 2)] == ["ask 3", "short", "ask 2", "longer"]


def test_no_shots_are_no_turns() -> None:
    assert few_shot((pair(1, 1, "x"),), 0) == []
