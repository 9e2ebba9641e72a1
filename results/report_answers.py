"""Answers as HTML: one view a canary, with scores, evidence marked in place, loops folded and new words marked."""

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from judges.text import find_repeats
from judges.types import DIMENSIONS
from results.markdown import clean
from results.records import RunLog, Sample
from results.verdicts import number

SHOWN = ("integrity", "self_insertion", "memorization", "hashtag_slop")
"""Dimensions whose evidence is marked at first: faults that a reader wants to see in place."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class AnswerView:
    """One answer as the page shows it."""

    run: str
    cut: bool  # by the token limit
    words: int
    same: bool  # the first run's answer, word for word
    html: Markup  # the text with ``<mark>`` around evidence and ``<ins>`` around words that are new
    scores: tuple[
        tuple[str, str, str, str], ...
    ]  # dimension, value, gain over the first answer, better or worse
    evidence: tuple[str, ...]  # dimensions with evidence in it


@dataclass(frozen=True)
class CanaryView:
    """One canary with the answers of all runs, take by take."""

    canary: str
    kind: str
    prompt: str
    licensed: bool  # invites the writer's own life
    takes: tuple[
        tuple[int, tuple[AnswerView, ...]], ...
    ]  # take from 1, and its answers in the order of the runs

    @property
    def evidence(self) -> tuple[str, ...]:
        """Dimensions with evidence in any answer, in table order."""
        present = {key for _, answers in self.takes for a in answers for key in a.evidence}
        return tuple(key for key in DIMENSIONS if key in present)


def canary_views(logs: Sequence[RunLog]) -> tuple[CanaryView, ...]:
    """Every canary that any run answered; scores and new words are against the first answer of each take."""
    answered: dict[str, dict[int, list[tuple[str, Sample]]]] = {}
    for log in logs:
        for sample in log.samples:
            answered.setdefault(sample.canary, {}).setdefault(sample.epoch, []).append((log.run, sample))
    views = []
    for canary, by_take in sorted(answered.items()):
        first = next(iter(by_take.values()))[0][1]
        takes = tuple(
            (take, tuple(_view(run, sample, rows[0][1]) for run, sample in rows))
            for take, rows in sorted(by_take.items())
        )
        views.append(CanaryView(canary, first.kind, clean(first.prompt), first.licensed, takes))
    return tuple(views)


def _view(run: str, sample: Sample, first: Sample) -> AnswerView:
    faults = sample.judgements["integrity"].evidence  # a broken answer has them in every dimension marked up
    evidence = [
        (e.start, e.end, key, e.why)
        for key, judgement in sample.judgements.items()
        for e in judgement.evidence
        if 0 <= e.start < e.end <= len(sample.text) and (key == "integrity" or e not in faults)
    ]
    new = [] if sample is first else new_words(first.text, sample.text)
    return AnswerView(
        run,
        sample.truncated,
        len(sample.text.split()),
        sample is not first and sample.text.strip() == first.text.strip(),
        folded(sample.text, evidence, new),
        tuple(_scores(sample, first)),
        tuple(dict.fromkeys(key for *_, key, _ in evidence)),
    )


def _scores(sample: Sample, first: Sample) -> list[tuple[str, str, str, str]]:
    scores = []
    for key, judgement in sample.judgements.items():
        value, before = judgement.value, first.judgements[key].value
        if value is None or DIMENSIONS[key].judged_by == "count" or (DIMENSIONS[key].hard and not value):
            continue
        sign = 1 if DIMENSIONS[key].direction == "up" else -1
        gain = 0.0 if before is None or sample is first else sign * (value - before)
        shown = abs(gain) >= 0.005
        side = ("better" if gain > 0 else "worse") if shown else ""
        scores.append((key, number(value), f"{gain:+.2f}" if shown else "", side))
    return scores


def new_words(first: str, text: str) -> list[tuple[int, int]]:
    """Spans of ``text`` whose words ``first`` doesn't have there (word by word, difflib)."""
    places = list(_WORD.finditer(text))
    words = [match.group() for match in places]
    matcher = difflib.SequenceMatcher(None, first.split(), words, autojunk=False)
    return [
        (places[start].start(), places[stop - 1].end())
        for tag, _, _, start, stop in matcher.get_opcodes()
        if tag in ("insert", "replace") and stop > start
    ]


def folded(
    text: str, evidence: Sequence[tuple[int, int, str, str]], new: Sequence[tuple[int, int]]
) -> Markup:
    """``marked``, where what a loop repeats is folded behind its count."""
    made, at = Markup(""), 0
    for loop in find_repeats(text):
        made += marked(text, evidence, new, at, loop.end)
        again = marked(text, evidence, new, loop.end, loop.stop)
        made += Markup("<details><summary>… repeats {} times</summary>{}</details>").format(loop.count, again)
        at = loop.stop
    return made + marked(text, evidence, new, at, len(text))


def marked(
    text: str,
    evidence: Sequence[tuple[int, int, str, str]],
    new: Sequence[tuple[int, int]],
    start: int = 0,
    end: int | None = None,
) -> Markup:
    """A part of ``text`` escaped, cut wherever a span begins or ends, so that marks may overlap.

    Args:
        text: The whole answer.
        evidence: Spans with their dimension and what was found there.
        new: Spans of new words.
        start: Where the part begins.
        end: Where it ends; the end of the text if not given.
    """
    end = len(text) if end is None else end
    spans = [*((low, high) for low, high, _, _ in evidence), *new]
    cuts = sorted({start, end, *(at for span in spans for at in span if start < at < end)})
    made = Markup("")
    for low, high in itertools.pairwise(cuts):
        piece: Markup | str = clean(text[low:high])
        if any(a <= low and high <= b for a, b in new):
            piece = Markup("<ins>{}</ins>").format(piece)
        found = [(key, why) for a, b, key, why in evidence if a <= low and high <= b]
        if found:
            names = ", ".join(dict.fromkeys(f"{key}: {why}" for key, why in found))
            keys = " ".join(dict.fromkeys(key for key, _ in found))
            on = "on" if any(key in SHOWN for key, _ in found) else ""
            mark = '<mark class="{}" data-of="{}" title="{}">{}<span class="sr"> ({})</span></mark>'
            piece = Markup(mark).format(on, keys, names, piece, names)
        made += piece
    return made
