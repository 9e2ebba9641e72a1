"""How the answers of a run fail, counted and quoted: repetition first, then other broken answers, then the rest.

Broken answers go by their kind, then come answers that are the baseline's own, other hard faults, and the worst slop;
each with whole sentences of answers that the log prints.
"""

from dataclasses import dataclass

from judges.run_faults import run_faults
from judges.text import sentences
from judges.types import Evidence
from results.policy import Policy
from results.records import RunLog

SLOPPY = 0.5
"""Value of ``hashtag_slop`` from which an answer is quoted."""

QUOTES = 2
"""Sentences quoted a failure mode; its answers are counted."""

_LONGEST_QUOTE = 240
_FIRST_KINDS = ("loop", "echo", "cut_off", "same as the baseline", "same_text")
_KIND_WORDS = {
    "loop": "repetition",
    "echo": "echo of the prompt",
    "cut_off": "end in mid-sentence",
    "repeated": "a reply given before",
}
_CLAUSES = {
    "repetition": "repeat themselves",
    "echo of the prompt": "echo the prompt",
    "end in mid-sentence": "end in mid-sentence",
    "a reply given before": "give a reply twice",
    "same as the baseline": "are the baseline's, word for word",
}


@dataclass(frozen=True)
class Quote:
    """Whole sentences of one answer."""

    canary: str
    take: int  # from 1
    text: str


@dataclass(frozen=True)
class FailureMode:
    """One way in which answers fail."""

    name: str
    answers: int
    of: int  # answers looked at
    of_baseline: int | None  # the baseline's answers that fail so; None without a baseline
    quotes: tuple[Quote, ...]

    @property
    def clause(self) -> str:
        """What the answers do: ``3 of 15 answers repeat themselves``."""
        does = _CLAUSES.get(self.name, f"show {self.name.replace('_', ' ')}")
        return f"{self.answers} of {self.of} answers {does}"

    @property
    def sentence(self) -> str:
        """The same count beside the baseline's, and the quotes."""
        theirs = "" if self.of_baseline is None else f" (the baseline: {self.of_baseline})"
        quotes = "".join(f"; {q.canary}, take {q.take}: “{q.text}”" for q in self.quotes)
        return f"{self.name}: {self.answers} of {self.of} answers{theirs}{quotes}"


def failure_modes(log: RunLog, baseline: RunLog | None, policy: Policy) -> tuple[FailureMode, ...]:
    """The ways in which answers of a run fail, in the order of the module's rules."""
    own = _failures_of(log, policy)
    theirs = _failures_of(baseline, policy) if baseline else {}
    if baseline and (same := _same_as(log, baseline)):
        own["same as the baseline"] = same
    hard = [key for key, rule in policy.dimensions.items() if rule.hard and key != "integrity"]
    last = {key: at for at, key in enumerate((*hard, "hashtag_slop"), start=100)}
    first = {key: at for at, key in enumerate(_FIRST_KINDS)}
    order = sorted(own, key=lambda name: (first.get(name, last.get(name, 50)), name))
    return tuple(
        FailureMode(
            _KIND_WORDS.get(name, name),
            len(own[name]),
            len(log.samples),
            len(theirs.get(name, ())) if baseline and name != "same as the baseline" else None,
            tuple(q for q in own[name] if q.text)[:QUOTES],
        )
        for name in order
    )


def _failures_of(log: RunLog, policy: Policy) -> dict[str, list[Quote]]:
    """A quote an answer, by the kind of its fault, or by dimension where that is not ``integrity``."""
    found: dict[str, list[Quote]] = {}
    for key, rule in policy.dimensions.items():
        at = rule.fault_at if rule.hard else SLOPPY if key == "hashtag_slop" else None
        for sample in log.samples:
            judgement = sample.judgements[key]
            if at is None or (judgement.value or 0) < at or (rule.unlicensed_only and sample.licensed):
                continue
            kinds = {e.why: e for e in reversed(judgement.evidence)}
            kinds |= {} if kinds else {why: Evidence("", 0, 0, why) for why in judgement.details}
            if key != "integrity" or not kinds:
                kinds = {key: judgement.evidence[0] if judgement.evidence else Evidence("", 0, 0, key)}
            for name, evidence in kinds.items():
                quote = Quote(sample.canary, sample.epoch, sentence_around(sample.text, evidence))
                found.setdefault(name, []).append(quote)
    return found


def _same_as(log: RunLog, baseline: RunLog) -> list[Quote]:
    """A quote an answer that is the baseline's own to the same canary and take, word for word."""
    same = []
    for take in sorted({s.epoch for s in log.samples}):
        own, theirs = (
            {s.canary: s.text for s in each.samples if s.epoch == take} for each in (log, baseline)
        )
        for fault in run_faults(own, theirs):
            if fault.kind == "baseline_text":
                same += [
                    Quote(canary, take, sentence_around(own[canary], Evidence(own[canary], 0, 1, "")))
                    for canary in fault.ids
                ]
    return same


def sentence_around(text: str, evidence: Evidence) -> str:
    """The first sentence of ``text`` that the evidence touches, on one line; a very long one is cut."""
    if evidence.end <= evidence.start:
        return ""
    touched = (s for s in sentences(text) if s.start < evidence.end and evidence.start < s.end)
    first = next(touched, None)
    start, end = (first.start, first.end) if first else (evidence.start, evidence.end)
    line = " ".join(text[start:end].split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1].rstrip() + "…"
