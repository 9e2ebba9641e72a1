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
    ("text", "expected"),
    [
        (GATE, "dimensions: missing section"),
        (HUMOR, "gate: missing section"),
        (GATE + HUMOR + "margins = 1\n", "dimensions.humor.margins: unknown key"),
        (GATE + HUMOR.replace("0.1", "0"), "dimensions.humor.margin: 0 won't do"),
        (GATE + HUMOR.replace("0.1", '"wide"'), "dimensions.humor.margin: 'wide' won't do"),
        (GATE + HUMOR.replace("0.1", '"0 %"'), "dimensions.humor.margin: '0 %' won't do"),
        (GATE + HUMOR.replace("0.1", "true"), "dimensions.humor.margin: True won't do"),
        (GATE + HUMOR.replace("up", "down"), "dimensions.humor.direction: out of range; write 'up'"),
        (GATE + HUMOR.replace("hard = false", ""), "dimensions.humor.hard: missing key"),
        (GATE + HUMOR.replace("false", "1"), "dimensions.humor.hard: 1 won't do"),
        (GATE + HUMOR.replace("false", "true"), "give a hard dimension fault_at"),
        (GATE + HUMOR + "fault_at = 0.5\n", "give a hard dimension fault_at"),
        (GATE + HUMOR + 'goal = "more"\n', "dimensions.humor.goal: 'more' won't do"),
        (GATE + HUMOR + 'optional = "yes"\n', "dimensions.humor.optional: 'yes' won't do"),
        (GATE + HUMOR.replace("humor", "humour"), "dimensions.humour: unknown dimension"),
        (GATE + HUMOR.replace("humor", "words"), "dimensions.words: is a reported figure"),
        (GATE + 'allow = [["decoding"]]\n' + HUMOR, "gate.allow.0: ['decoding'] won't do"),
        (GATE.replace("8", "1") + HUMOR, "gate.min_canaries: 1 won't do"),
        (GATE + "extra = 1\n" + HUMOR, "gate.extra: unknown key"),
        (GATE + HUMOR + "needs_licence = true\n", "dimensions.humor.needs_licence: unknown key"),
        (GATE + HUMOR + 'licence = "no"\n', "dimensions.humor.licence: 'no' won't do; write \"needed\""),
        (GATE + HUMOR + 'licence = "not needed: "\n', "dimensions.humor.licence: 'not needed: ' won't do"),
        (GATE + HUMOR + "licence = false\n", "dimensions.humor.licence: False won't do"),
        (GATE + LICENCE.replace("people", "me") + HUMOR, "licence.labelled_by: 'me' won't do"),
        (GATE + LICENCE.replace('["canary answers"]', '"canary answers"') + HUMOR, "licence.domains: "),
        (GATE + LICENCE.replace('["canary answers"]', "[]") + HUMOR, "licence.domains: [] won't do"),
        (GATE + LICENCE.replace("0.7", "1") + HUMOR, "licence.min_auc: 1 won't do"),
        (GATE + LICENCE.replace("0.05", "5") + HUMOR, "licence.max_injection_flips: 5 won't do"),
        (GATE + LICENCE.replace("min_n = 100", "") + HUMOR, "licence.min_n: missing key"),
        (
            GATE + HUMOR + "[suites.smoke]\nmost_canaries = 12\nrules_out = 2\n",
            "suites.smoke.rules_out: 2 won't do",
        ),
        (GATE + "[extra]\n" + HUMOR, "extra: unknown section"),
        ("[gate\n", "not TOML"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_key(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(TimbreError) as caught:
        load_policy(path)
    assert expected in str(caught.value)


def test_a_small_suite_may_have_its_own_figure_for_what_a_pass_rules_out() -> None:
    asked = [("smoke", 12), ("smoke", 13), ("full", 12), (None, 12)]
    assert [load_policy().rules_out(*each) for each in asked] == [0.35, 0, 0, 0]


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
