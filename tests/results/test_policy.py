"""The policy's loader names the key that is wrong."""

from pathlib import Path

import pytest

from judges.types import DIMENSIONS
from results.policy import load_policy
from timbre.errors import TimbreError

GATE = "[gate]\nmin_canaries = 8\nmax_unscored = 0.1\nhard_alpha = 0.05\n"
LICENCE = """[licence]
labelled_by = "people"
domains = ["canary answers"]
min_n = 100
min_auc = 0.7
min_r = 0.35
max_yes_rate_gap = 0.1
max_injection_flips = 0.05
"""
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
        (GATE + 'allow = [["decoding"]]\n' + HUMOR, "gate.allow: out of range"),
        (GATE.replace("8", "1") + HUMOR, "gate.min_canaries: out of range"),
        (GATE + HUMOR + "needs_licence = true\n", "dimensions.humor.needs_licence: unknown key"),
        (
            GATE + HUMOR + 'licence = "no"\n',
            'dimensions.humor.licence: out of range; write "needed", or "not',
        ),
        (GATE + HUMOR + 'licence = "not needed: "\n', "dimensions.humor.licence: out of range"),
        (GATE + HUMOR + "licence = false\n", "dimensions.humor.licence: False is no text"),
        (GATE + LICENCE.replace("people", "me") + HUMOR, "licence.labelled_by: out of range"),
        (GATE + LICENCE.replace('["canary answers"]', '"canary answers"') + HUMOR, "is no list of texts"),
        (GATE + LICENCE.replace('["canary answers"]', "[]") + HUMOR, "licence.domains: out of range"),
        (GATE + LICENCE.replace("0.7", "1") + HUMOR, "licence.min_auc: out of range"),
        (GATE + LICENCE.replace("0.05", "5") + HUMOR, "licence.max_injection_flips: out of range"),
        (GATE + LICENCE.replace("min_n = 100", "") + HUMOR, "licence.min_n: missing key"),
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


def test_a_dimension_needs_a_licence_unless_the_policy_says_why_not(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    for line, needs_licence in (("", True), ("needed", True), ("not needed: it counts words", False)):
        path.write_text(GATE + HUMOR + (f'licence = "{line}"\n' if line else ""))
        assert load_policy(path).dimensions["humor"].needs_licence is needs_licence
    shipped = load_policy().dimensions
    assert all(shipped[key].needs_licence for key in ("humor", "provocativeness", "warmth"))


def test_a_policy_without_demands_on_licences_has_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(GATE + HUMOR)
    assert load_policy(path).licence == load_policy().licence
    path.write_text(GATE + LICENCE.replace("100", "5") + HUMOR)
    assert load_policy(path).licence.min_n == 5
