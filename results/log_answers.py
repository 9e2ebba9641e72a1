"""Every answer of a run for the log: folded by canary, with its scores, in a fence that no text breaks out of."""

import re
from collections.abc import Mapping
from itertools import groupby

from judges.text import fold_repeats
from judges.types import DIMENSIONS, FAULT_AT
from results.markdown import clean, fence, folded, inline
from results.records import RunLog, Sample
from results.story import Story
from results.verdicts import number
from training.runs import BASELINE


def answers(story: Story) -> str:
    """A folded block for each canary: the prompt, and every take with its scores."""
    log, baseline = story.log, story.baseline
    keys = _shown_dimensions(story)
    own, theirs = canary_means(log), canary_means(baseline) if baseline else {}
    known = {(s.canary, s.epoch): s.text.strip() for s in baseline.samples} if baseline else {}
    intro, blocks = "", []
    if baseline:
        intro = (
            f"Beside each canary its gain over the baseline, takes averaged. {inline(BASELINE)}'s own answers are in "
            f"the section “{inline(baseline.run)} on {inline(baseline.suite)}”.\n\n"
        )
    for canary, group in groupby(log.samples, key=lambda s: s.canary):
        takes = list(group)
        gains = _gains(own[canary], theirs.get(canary, {}), keys)
        lines = [f"Asked: {inline(takes[0].prompt)}\\"]
        for sample in takes:
            is_same = known.get((canary, sample.epoch)) == sample.text.strip()
            caption = _caption(sample, keys, is_same)
            last = sample is takes[-1]
            lines += [caption + ("" if last else "\\")] if is_same else [caption, fence(_shortened(sample))]
        blocks.append(folded(f"{canary} ({takes[0].kind}){f': {gains}' if gains else ''}", "\n".join(lines)))
    return intro + "\n".join(blocks)


def canary_means(log: RunLog) -> Mapping[str, Mapping[str, float]]:
    """Mean over takes, by canary and dimension."""
    values: dict[str, dict[str, list[float]]] = {}
    for s in log.samples:
        of_canary = values.setdefault(s.canary, {})
        for key, judgement in s.judgements.items():
            if judgement.value is not None:
                of_canary.setdefault(key, []).append(judgement.value)
    return {c: {k: sum(v) / len(v) for k, v in row.items()} for c, row in values.items()}


def _shown_dimensions(story: Story) -> list[str]:
    """The soft dimensions that may block; of a run alone, those that need no licence."""
    rules = {key: rule for key, rule in story.policy.dimensions.items() if not rule.hard}
    if story.result is None or not story.result.dimensions:
        return [key for key, rule in rules.items() if not rule.needs_licence]
    return [d.dimension for d in story.result.dimensions if d.dimension in rules and d.verdict != "ADVISORY"]


def _gains(own: Mapping[str, float], theirs: Mapping[str, float], keys: list[str]) -> str:
    gains = {key: signed(gain_of(key, own.get(key), theirs.get(key))) for key in keys}
    return ", ".join(f"{key} {gain}" for key, gain in gains.items() if gain)


def gain_of(key: str, value: float | None, before: float | None) -> float:
    """The difference with the sign that makes more better; 0 without both."""
    if value is None or before is None:
        return 0.0
    return value - before if DIMENSIONS[key].direction == "up" else before - value


def signed(gain: float) -> str:
    """A gain with its sign; empty where there is none to speak of."""
    return f"{gain:+.2f}" if abs(gain) >= 0.005 else ""


def _caption(sample: Sample, keys: list[str], is_same: bool) -> str:
    """Take, words, scores and faults of one answer, on one line."""
    figures = [
        f"{key} {number(value)}" for key in keys if (value := sample.judgements[key].value) is not None
    ]
    faults = [
        f"{key} ({', '.join(sorted({e.why for e in judgement.evidence})) or 'fault'})"
        for key, judgement in sample.judgements.items()
        if DIMENSIONS[key].hard and (judgement.value or 0) >= FAULT_AT
    ]
    text = f"Take {sample.epoch}, {len(clean(sample.text).split())} words"
    text += ", cut off by the limit" if sample.truncated else ""
    text += ", the baseline's answer word for word" if is_same else ""
    text += f": {', '.join(figures)}" if figures else ""
    return inline(text + (f"; fault: {', '.join(faults)}" if faults else ""))


def _shortened(sample: Sample) -> str:
    """The answer without blank lines; where it was judged to loop, what repeats stands once, with its count."""
    text = re.sub(r"\n\s*\n", "\n", sample.text.strip())
    if not any(e.why in ("loop", "same_text") for e in sample.judgements["integrity"].evidence):
        return text
    return fold_repeats(text)
