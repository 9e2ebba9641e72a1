"""Answers as HTML: one view a canary, with scores, evidence marked in place, loops and long answers folded."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from judges.text import find_repeats
from judges.types import DIMENSIONS, FAULT_AT, Evidence, Judgement
from results.markdown import clean
from results.records import RunLog, Sample

LONG, SHOWN = 200, 120  # words from which an answer is folded, and words that are shown of it then

Span = tuple[int, int, str, str]
"""Evidence: first character, one past the last, dimension, and what was found there."""


@dataclass(frozen=True)
class AnswerView:
    """One answer as the page shows it."""

    run: str
    sample: Sample
    id: str  # its place in the page
    same: "AnswerView | None"  # an earlier answer to this canary that is the same, word for word
    html: Markup  # the text with ``<mark>`` around evidence
    evidence: frozenset[str]  # dimensions with evidence in it


@dataclass(frozen=True)
class CanaryView:
    """One canary with the answers of all runs, take by take."""

    id: str
    sample: Sample  # an answer to it
    takes: tuple[tuple[int, tuple[AnswerView, ...]], ...]  # number from 1, and answers in the order of runs
    links: Mapping[str, str]  # by run, the id of its first answer


def canary_views(logs: Sequence[RunLog]) -> tuple[CanaryView, ...]:
    """Every canary that any run answered, by name."""
    answers: dict[str, dict[int, dict[str, Sample]]] = {}
    for log in logs:
        for sample in log.samples:
            answers.setdefault(sample.canary, {}).setdefault(sample.epoch, {})[log.run] = sample
    views = []
    for canary, by_take in sorted(answers.items()):
        known: dict[str, AnswerView] = {}
        takes = []
        for take, samples in sorted(by_take.items()):
            takes.append((take, tuple(_view(run, sample, known) for run, sample in samples.items())))
        links = {answer.run: answer.id for _, of_take in reversed(takes) for answer in of_take}
        views.append(CanaryView(_id(canary), takes[0][1][0].sample, tuple(takes), links))
    return tuple(views)


def _view(run: str, sample: Sample, known: dict[str, AnswerView]) -> AnswerView:
    """The view of one answer; ``known`` are the earlier ones by their text, to which it is added."""
    faults = sample.judgements["integrity"].evidence  # a broken answer has them in every dimension marked up
    evidence = [
        (e.start, e.end, key, e.why)
        for key, judgement in sample.judgements.items()
        for e in judgement.evidence
        if 0 <= e.start < e.end <= len(sample.text) and (key == "integrity" or e not in faults)
    ]
    view = AnswerView(
        run,
        sample,
        _id(sample.canary, run, str(sample.epoch)),
        known.get(sample.text.strip()),
        answer_html(sample.text, evidence),
        frozenset(key for *_, key, _ in evidence),
    )
    known.setdefault(sample.text.strip(), view)
    return view


def is_void(judgement: Judgement, faults: Sequence[Evidence]) -> bool:
    """Whether a score is not shown: no fault, or worst because the answer is broken, which stands beside it."""
    key, value = judgement.dimension, judgement.value or 0
    follows = key != "integrity" and bool(faults) and judgement.evidence == faults
    return follows or (DIMENSIONS[key].hard and value < FAULT_AT)


def plain(value: float | None) -> str:
    """A value as the page's script reads it."""
    return "-" if value is None else f"{value:.3g}"


def _id(*parts: str) -> str:
    """An id of the page, as it can stand in an address."""
    return re.sub(r"[^\w.+@-]+", "_", "-".join(parts))


def answer_html(text: str, evidence: Sequence[Span]) -> Markup:
    """The marked text; what a loop repeats stands once with its count, and of a long answer the beginning."""
    repeats = find_repeats(text)
    words = [
        m.end() for m in re.finditer(r"\S+", text) if not any(r.end < m.end() <= r.stop for r in repeats)
    ]
    if len(words) < LONG:
        return _folded_loops(text, evidence, 0, len(text))
    cut = words[SHOWN - 1]
    rest = Markup("<details><summary>… {} words more</summary>{}</details>")
    return _folded_loops(text, evidence, 0, cut) + rest.format(
        len(words) - SHOWN, _folded_loops(text, evidence, cut, len(text))
    )


def _folded_loops(text: str, evidence: Sequence[Span], start: int, end: int) -> Markup:
    """A part of the text; a loop that begins in it is folded."""
    made, at = Markup(""), start
    for loop in find_repeats(text):
        if start < loop.end <= end:
            made += marked(text, evidence, at, loop.end)
            again = marked(text, evidence, loop.end, loop.stop)
            made += Markup("<details><summary>… repeats {} times</summary>{}</details>").format(
                loop.times, again
            )
            at = loop.stop
    return made + marked(text, evidence, at, end)


def marked(text: str, evidence: Sequence[Span], start: int, end: int) -> Markup:
    """A part of ``text`` escaped, cut wherever evidence begins or ends, so that marks may overlap.

    The last piece of each span says what was found; the style sheet shows it.
    """
    cuts = sorted({start, end, *(at for low, high, *_ in evidence for at in (low, high) if start < at < end)})
    made = Markup("")
    for low, high in itertools.pairwise(cuts):
        here = [span for span in evidence if span[0] <= low and high <= span[1]]
        if not here:
            made += clean(text[low:high])
            continue
        keys = " ".join(dict.fromkeys(key for _, _, key, _ in here))
        whys = "; ".join(dict.fromkeys(f"{key}: {why}" for _, stop, key, why in here if stop == high))
        reason = Markup(' data-why="{}"').format(whys) if whys else ""
        made += Markup('<mark data-of="{}"{}>{}</mark>').format(keys, reason, clean(text[low:high]))
    return made
