"""What a hard dimension's verdict rests on: the sentences in which the candidate shows the fault."""

from collections.abc import Iterator

from results.policy import Policy
from results.records import RunLog

SHOWN = 3
"""Sentences quoted a dimension; the log and the report have them all."""

LONGEST = 200


def fault_evidence(candidate: RunLog, policy: Policy) -> tuple[str, ...]:
    """Quotes of the candidate's faults, ``dimension on canary: "sentence"``, ``SHOWN`` a dimension."""
    found: list[str] = []
    for key, rule in policy.dimensions.items():
        if rule.hard and rule.fault_at is not None:
            quotes = list(dict.fromkeys(_quotes(candidate, key, rule.fault_at, rule.unlicensed_only)))
            found += quotes[:SHOWN]
            if len(quotes) > SHOWN:
                found.append(f"{key}: and {len(quotes) - SHOWN} more")
    return tuple(found)


def licensed_claims(log: RunLog) -> tuple[str, ...]:
    """Quotes of the claims of a past that a licensing prompt covers, ``SHOWN`` of them."""
    quotes = [
        f'self_insertion on {sample.canary}: "{_shortened(e.text)}"'
        for sample in log.samples
        if sample.licensed
        for e in sample.judgements["self_insertion"].evidence
    ]
    more = [f"self_insertion: and {len(quotes) - SHOWN} more"] if len(quotes) > SHOWN else []
    return (*quotes[:SHOWN], *more)


def _quotes(log: RunLog, key: str, fault_at: float, unlicensed_only: bool) -> Iterator[str]:
    for sample in log.samples:
        judgement = sample.judgements[key]
        if judgement.value is None or judgement.value < fault_at or (unlicensed_only and sample.licensed):
            continue
        for evidence in judgement.evidence[:1]:
            yield f'{key} on {sample.canary}: "{_shortened(evidence.text)}"'


def _shortened(quote: str) -> str:
    line = " ".join(quote.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
