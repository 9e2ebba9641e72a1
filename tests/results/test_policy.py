"""The policy's loader names the key that is wrong."""

from pathlib import Path

import pytest

from judges.types import DIMENSIONS
from results.policy import load_policy
from timbre.errors import TimbreError

GATE = "[gate]\nmin_canaries = 8\nmax_unscored = 0.1\nhard_alpha = 0.05\n"
HUMOR = '[dimensions.humor]\nmargin = 0.1\ndirection = "up"\nhard = false\n'


def test_the_shipped_policy_covers_every_judged_dimension() -> None:
    judged = {key for key, d in DIMENSIONS.items() if d.direction != "band"}
    policy = load_policy()
    assert set(policy.dimensions) == judged
    assert {k for k, p in policy.dimensions.items() if p.hard} == {k for k in judged if DIMENSIONS[k].hard}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GATE, "dimensions: no dimension"),
        (HUMOR, "gate: missing section"),
        (GATE + HUMOR + "margins = 1\n", "dimensions.humor.margins: unknown key"),
        (GATE + HUMOR.replace("0.1", "0"), "dimensions.humor.margin: out of range"),
        (GATE + HUMOR.replace("0.1", '"wide"'), "dimensions.humor.margin: 'wide' is no number"),
        (GATE + HUMOR.replace("0.1", "true"), "dimensions.humor.margin: True is no number"),
        (GATE + HUMOR.replace("up", "down"), "dimensions.humor.direction: out of range; write 'up'"),
        (GATE + HUMOR.replace("hard = false", ""), "dimensions.humor.hard: missing key"),
        (GATE + HUMOR.replace("false", "1"), "dimensions.humor.hard: 1 is no true or false"),
        (GATE + HUMOR + "fault_at = 0.5\n", "dimensions.humor.fault_at: out of range"),
        (GATE + HUMOR.replace("humor", "humour"), "dimensions.humour: unknown dimension"),
        (GATE + HUMOR.replace("humor", "words"), "dimensions.words: is a reported figure"),
        (GATE.replace("8", "1") + HUMOR, "gate.min_canaries: out of range"),
        (GATE + "[extra]\n" + HUMOR, "extra: unknown section"),
        ("[gate\n", "not TOML"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(TimbreError) as caught:
        load_policy(path)
    assert said in str(caught.value)
