"""What ships must go together: no canary overlaps a shipped training pair."""

import pytest

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import load_suite
from timbre.paths import CHECKOUT
from training.pairs import load_pairs


@pytest.mark.parametrize("suite", ["smoke", "full"])
@pytest.mark.parametrize("data", ["voice", "smoke"])
def test_no_canary_overlaps_a_shipped_pair(suite: str, data: str) -> None:
    path = CHECKOUT / "training" / "data" / f"{data}.jsonl"
    texts = [TrainedText(f"{path}:{p.line}", p.prompt, p.response) for p in load_pairs(path)]
    check_contamination(load_suite(suite), texts)
