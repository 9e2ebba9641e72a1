"""How the answers of a run fail, counted and quoted: repetition first, then other broken answers, then the rest.

Broken answers go by their kind, then come answers that are the baseline's own, other hard faults, and the worst slop;
each with whole sentences of answers that the log prints.
"""

from dataclasses import dataclass

from judges.run_faults import run_faults
from judges.text import sentences
from judges.types import Evidence
from results.policy import Policy
from results.records import RunLog, Sample
from results.verdicts import first_of, shortened

SLOPPY = 0.5  # value of ``hashtag_slop`` from which an answer is quoted
QUOTES = 2  # sentences quoted a failure mode; its answers are counted

_LONGEST_QUOTE = 240
_SAME = "same as the baseline"
_KINDS = {
    "loop": ("repetition", "repeat themselves"),
    "echo": ("echo of the prompt", "echo the prompt"),
    "cut_off": ("end in mid-sentence", "end in mid-sentence"),
    "aside": ("talk about the answer", "talk about the answer"),
    _SAME: (_SAME, "are the baseline's, word for word"),
    "same_text": ("same_text", "show same text"),
    "repeated": ("a reply given before", "give a reply twice"),
}
"""Names and clauses of kinds of faults; any other is called as it is."""


@dataclass(frozen=True)
class FailureMode:
    """One way in which answers fail."""

    name: str
    answers: int
    of: int  # answers looked at
    of_baseline: int | None  # the baseline's answers that fail so; None without a baseline
    does: str  # what the answers do, as a verb's phrase
    quotes: tuple[str, ...]  # whole sentences, each with its canary and take

    @property
    def clause(self) -> str:
        """What the answers do: ``3 of 15 answers repeat themselves``."""
        return f"{self.answers} of {self.of} answers {self.does}"

    @property
    def sentence(self) -> str:
        """The same count beside the baseline's, and the quotes."""
        theirs = "" if self.of_baseline is None else f" (the baseline: {self.of_baseline})"
        return "; ".join((f"{self.name}: {self.answers} of {self.of} answers{theirs}", *self.quotes))


def failure_modes(log: RunLog, baseline: RunLog | None, policy: Policy) -> tuple[FailureMode, ...]:
    """The ways in which answers of a run fail, in the order of the module's rules."""
    own = _failures_of(log, policy)
    theirs = _failures_of(baseline, policy) if baseline else {}
    if baseline and (same := _same_as(log, baseline)):
        own[_SAME] = same
    hard = [key for key, rule in policy.dimensions.items() if rule.hard and key != "integrity"]
    first, last = [kind for kind in _KINDS if kind != "repeated"], [*hard, "hashtag_slop"]
    order = [*first, *sorted(own.keys() - {*first, *last}), *last]
    modes = []
    for kind in (kind for kind in order if kind in own):
        name, does = _KINDS.get(kind, (kind, f"show {kind.replace('_', ' ')}"))
        of_baseline = len(theirs.get(kind, ())) if baseline and kind != _SAME else None
        quotes = tuple(filter(None, own[kind]))[:QUOTES]
        modes.append(FailureMode(name, len(own[kind]), len(log.samples), of_baseline, does, quotes))
    return tuple(modes)


def fault_quotes(log: RunLog, policy: Policy) -> tuple[str, ...]:
    """Sentences in which a run shows a hard fault: ``loop: c00, take 1: “…”``, at most ``QUOTES`` a kind."""
    soft = [key for key, rule in policy.dimensions.items() if not rule.hard]
    return tuple(
        f"{kind}: {line}"
        for kind, quotes in _failures_of(log, policy).items()
        if kind not in soft
        for line in first_of([quote for quote in quotes if quote], QUOTES)
    )


def _failures_of(log: RunLog, policy: Policy) -> dict[str, list[str]]:
    """A quote an answer, by the kind of its fault, or by dimension where that is not ``integrity``."""
    quotes: dict[str, list[str]] = {}
    for key, rule in policy.dimensions.items():
        at = rule.fault_at if rule.hard else SLOPPY if key == "hashtag_slop" else None
        for sample in log.samples:
            judgement = sample.judgements[key]
            if at is None or (judgement.value or 0) < at or (rule.unlicensed_only and sample.licensed):
                continue
            kinds: dict[str, Evidence | None] = {e.why: e for e in reversed(judgement.evidence)}
            kinds = kinds or dict.fromkeys(judgement.details)
            if key != "integrity" or not kinds:
                kinds = {key: next(iter(judgement.evidence), None)}
            for kind, evidence in kinds.items():
                quotes.setdefault(kind, []).append(_quote(sample, evidence))
    return quotes


def _same_as(log: RunLog, baseline: RunLog) -> list[str]:
    """A quote an answer that is the baseline's own to the same canary and take, word for word."""
    same = []
    for take in range(1, log.takes + 1):
        own, theirs = ({s.canary: s for s in each.samples if s.epoch == take} for each in (log, baseline))
        texts = ({canary: s.text for canary, s in side.items()} for side in (own, theirs))
        for fault in run_faults(*texts):
            if fault.kind == "baseline_text":
                same += [_quote(own[canary], Evidence("", 0, 1, "")) for canary in fault.ids]
    return same


def _quote(sample: Sample, evidence: Evidence | None) -> str:
    """The sentence that the evidence touches, with its canary and take; empty without any."""
    sentence = sentence_around(sample.text, evidence) if evidence else ""
    return f"{sample.canary}, take {sample.epoch}: “{sentence}”" if sentence else ""


def sentence_around(text: str, evidence: Evidence) -> str:
    """The first sentence of ``text`` that the evidence touches, on one line; a very long one is cut."""
    if evidence.end <= evidence.start:
        return ""
    touched = (s for s in sentences(text) if s.start < evidence.end and evidence.start < s.end)
    first = next(touched, evidence)
    line = " ".join(text[first.start : first.end].split())
    return shortened(line, _LONGEST_QUOTE)
