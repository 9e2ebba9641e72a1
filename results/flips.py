"""What a verdict rests on, canary by canary: which ones flipped, quotes of faults, takes passed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from judges.types import DIMENSIONS
from results.comparison import DimensionVerdict, canary_faults, canary_gains, canary_means
from results.policy import Policy
from results.records import RunLog
from results.statistics import TOLERANCE
from results.verdicts import Flip, PassRate

_LONGEST_QUOTE = 200
_FIRST_WORDS = 90
"""Characters of an answer shown beside a flip."""

Sides = Mapping[str, Sequence[pd.DataFrame]]
"""By dimension, the baseline's and the candidate's rows."""


def flips_of(verdicts: Sequence[DimensionVerdict], sides: Sides, policy: Policy) -> tuple[Flip, ...]:
    """The canaries that lost more than the margin or show a fault anew, of dimensions that can block."""
    found = []
    for verdict in (v for v in verdicts if v.verdict != "ADVISORY"):
        key, (before, after) = verdict.dimension, sides[verdict.dimension]
        rule = policy.dimensions[key]
        if rule.fault_at is not None:
            faults = canary_faults(before, after, rule.fault_at)
            anew = faults.index[faults["after"] & ~faults["before"]]
            found += [Flip(key, True, str(canary), 1.0) for canary in anew]
        else:
            gains = canary_gains(before, after, key)
            lost = gains[gains < -(verdict.margin or 0)]
            found += [Flip(key, False, str(c), round(-float(gain), 6)) for c, gain in lost.items()]
    return tuple(sorted(found, key=lambda flip: (not flip.hard, -flip.loss, flip.dimension, flip.canary)))


def with_texts(flips: Sequence[Flip], baseline: RunLog, candidate: RunLog) -> tuple[Flip, ...]:
    """The same with the first words of both answers: of the take that shows the fault, else of the first."""
    takes: list[dict[str, list[tuple[dict[str, float | None], str]]]] = []
    for log in (baseline, candidate):
        by_canary: dict[str, list[tuple[dict[str, float | None], str]]] = {}
        for s in log.samples:
            by_canary.setdefault(s.canary, []).append(({k: j.value for k, j in s.judgements.items()}, s.text))
        takes.append(by_canary)

    def words(side: int, flip: Flip, sign: int) -> str:
        answers = takes[side].get(flip.canary)
        if not answers:
            return ""
        if DIMENSIONS[flip.dimension].direction == "up":
            sign = -sign
        _, text = max(answers, key=lambda a: sign * (a[0].get(flip.dimension) or 0.0))
        return _shortened(text, _FIRST_WORDS)

    return tuple(replace(flip, before=words(0, flip, -1), after=words(1, flip, 1)) for flip in flips)


def pass_rates(verdicts: Sequence[DimensionVerdict], sides: Sides, policy: Policy) -> Iterator[PassRate]:
    """How many takes of each canary the candidate passed, of dimensions that can block."""
    for verdict in verdicts:
        key, margin = verdict.dimension, verdict.margin
        if verdict.verdict == "ADVISORY" or margin is None:
            continue
        before, after = sides[key]
        scored = after[after["value"].notna()]
        rule = policy.dimensions[key]
        if rule.fault_at is not None:
            passed = scored["value"] < rule.fault_at
        else:
            level = scored["canary"].map(canary_means(before))
            scored, level = scored[level.notna()], level.dropna()
            sign = 1 if DIMENSIONS[key].direction == "up" else -1
            passed = sign * (scored["value"] - level) >= -margin - TOLERANCE
        for canary, takes in passed.groupby(scored["canary"], sort=True):
            yield PassRate(str(canary), key, len(takes), int(takes.sum()))


def fault_quotes(log: RunLog, policy: Policy, shown: int = 3) -> tuple[str, ...]:
    """Quotes of a run's hard faults, ``dimension on canary: "sentence"``, at most ``shown`` a dimension."""
    found: list[str] = []
    for key, rule in policy.dimensions.items():
        if not rule.hard or rule.fault_at is None:
            continue
        quotes = [
            f'{key} on {sample.canary}: "{_shortened(judgement.evidence[0].text, _LONGEST_QUOTE)}"'
            for sample in log.samples
            if (judgement := sample.judgements[key]).evidence
            and (judgement.value or 0) >= rule.fault_at
            and not (rule.unlicensed_only and sample.licensed)
        ]
        quotes = list(dict.fromkeys(quotes))
        found += quotes[:shown]
        found += [f"{key}: and {len(quotes) - shown} more"] if len(quotes) > shown else []
    return tuple(found)


def _shortened(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
