"""What a verdict rests on, canary by canary: which ones flipped, quotes of faults, takes passed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from judges.types import DIMENSIONS
from results.comparison import DimensionVerdict
from results.paired import Pair, canary_means
from results.policy import Policy
from results.records import RunLog, Sample
from results.statistics import TOLERANCE
from results.verdicts import Flip, PassRate, shortened

_LONGEST_QUOTE = 200
_FIRST_WORDS = 90
"""Characters of an answer shown beside a flip."""


def flips_of(verdicts: Sequence[DimensionVerdict], pairs: Mapping[str, Pair]) -> tuple[Flip, ...]:
    """The canaries that lost more than the margin or show a fault anew, of dimensions that can block."""
    flips = []
    for verdict in (v for v in verdicts if v.verdict != "ADVISORY"):
        key, pair = verdict.dimension, pairs[verdict.dimension]
        if verdict.hard:
            flips += [Flip(key, True, c, 1.0, asked_again=c in pair.asked_again) for c in pair.new_faults]
        else:
            lost = pair.gains[pair.gains < -(verdict.margin or 0)]
            flips += [Flip(key, False, str(c), round(-float(gain), 6)) for c, gain in lost.items()]
    return tuple(sorted(flips, key=lambda flip: (not flip.hard, -flip.loss, flip.dimension, flip.canary)))


def with_texts(flips: Sequence[Flip], baseline: RunLog, candidate: RunLog) -> tuple[Flip, ...]:
    """The same with the first words of both answers: of the take that shows the fault, else of the first."""
    takes: list[dict[str, list[Sample]]] = [{}, {}]
    for log, by_canary in zip((baseline, candidate), takes, strict=True):
        for s in log.samples:
            by_canary.setdefault(s.canary, []).append(s)

    def words(side: int, flip: Flip) -> str:
        samples = takes[side].get(flip.canary)
        if not samples:
            return ""
        better = 1 if DIMENSIONS[flip.dimension].direction == "up" else -1
        sign = -better if side else better
        shown = max(samples, key=lambda s: sign * (s.judgements[flip.dimension].value or 0.0))
        return shortened(" ".join(shown.text.split()), _FIRST_WORDS)

    return tuple(replace(flip, before=words(0, flip), after=words(1, flip)) for flip in flips)


def pass_rates(verdicts: Sequence[DimensionVerdict], pairs: Mapping[str, Pair]) -> Iterator[PassRate]:
    """How many takes of each canary the candidate passed, of dimensions that can block."""
    for verdict in verdicts:
        key, margin = verdict.dimension, verdict.margin
        if verdict.verdict == "ADVISORY" or margin is None:
            continue
        pair = pairs[key]
        scored = pair.after[pair.after["value"].notna()]
        if pair.fault_at is not None:
            passed = scored["value"] < pair.fault_at
        else:
            level = scored["canary"].map(canary_means(pair.before))
            scored, level = scored[level.notna()], level.dropna()
            sign = 1 if DIMENSIONS[key].direction == "up" else -1
            passed = sign * (scored["value"] - level) >= -margin - TOLERANCE
        for canary, takes in passed.groupby(scored["canary"], sort=True):
            yield PassRate(str(canary), key, len(takes), int(takes.sum()))


def fault_quotes(log: RunLog, policy: Policy, shown: int = 3) -> tuple[str, ...]:
    """Quotes of a run's hard faults, ``dimension on canary: "sentence"``, at most ``shown`` a dimension."""
    sentences: list[str] = []
    for key, rule in policy.dimensions.items():
        if rule.fault_at is None:
            continue
        quotes = [
            f'{key} on {s.canary}: "{shortened(" ".join(judgement.evidence[0].text.split()), _LONGEST_QUOTE)}"'
            for s in log.samples
            if (judgement := s.judgements[key]).evidence
            and (judgement.value or 0) >= rule.fault_at
            and not (rule.unlicensed_only and s.licensed)
        ]
        quotes = list(dict.fromkeys(quotes))
        sentences += quotes[:shown]
        sentences += [f"{key}: and {len(quotes) - shown} more"] if len(quotes) > shown else []
    return tuple(sentences)
