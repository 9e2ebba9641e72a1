"""Answers as HTML: one view a canary, with scores, evidence marked in place, loops and long answers folded."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from judges.text import find_repeats
from judges.types import DIMENSIONS, FAULT_AT
from results.markdown import clean
from results.records import RunLog, Sample
from results.verdicts import gain_of, number, signed

FAULTS = ("integrity", "self_insertion", "memorization", "hashtag_slop")
"""Dimensions whose evidence is marked at first: faults that a reader wants to see in place."""

LONG, SHOWN = 200, 120
"""Words from which an answer is folded, and words that are shown of it then."""

STEPS = (0.05, 0.15, 0.3)
"""Gains from which a cell of the table of all canaries has a stronger shade."""

Span = tuple[int, int, str, str]
"""Evidence: first character, one past the last, dimension, and what was found there."""


@dataclass(frozen=True)
class Chip:
    """One score of an answer."""

    key: str
    text: str
    value: str  # as the script reads it
    gain: str  # over the first run's answer, with its sign; empty where there is none to speak of
    void: bool  # not shown: no fault, or worst because the answer is broken, which stands beside it

    @property
    def side(self) -> str:
        """The class of the gain."""
        return "better" if self.gain.startswith("+") else "worse"


@dataclass(frozen=True)
class AnswerView:
    """One answer as the page shows it."""

    id: str  # its place in the page
    run: str
    length: str  # its words, and the band that was asked for
    cut: bool  # by the token limit
    same: "AnswerView | None"  # an earlier answer to this canary that is the same, word for word
    html: Markup  # the text with ``<mark>`` around evidence
    chips: tuple[Chip, ...]
    evidence: frozenset[str]  # dimensions with evidence in it


@dataclass(frozen=True)
class Cell:
    """A canary's answers by one run, in the table of all; takes are averaged."""

    link: str  # id of the first answer
    values: tuple[str, ...]  # as the script reads them, in the order of the dimensions asked for
    text: str  # the first of them
    gain: str  # its gain over the first run's, with its sign
    colour: str  # the class that shades the gain


@dataclass(frozen=True)
class CanaryView:
    """One canary with the answers of all runs, take by take."""

    id: str
    canary: str
    kind: str
    prompt: str
    licensed: bool  # invites the writer's own life
    takes: tuple[tuple[int, tuple[AnswerView, ...]], ...]  # number from 1, and answers in the order of runs
    cells: tuple[Cell | None, ...]  # in the order of the runs; None for a run that was not asked


def canary_views(logs: Sequence[RunLog], keys: Sequence[str]) -> tuple[CanaryView, ...]:
    """Every canary that any run answered, by name; gains are over the first run's answer of the same take.

    Args:
        logs: One a run.
        keys: Dimensions of the cells' values.
    """
    answers: dict[str, dict[int, dict[str, Sample]]] = {}
    for log in logs:
        for sample in log.samples:
            answers.setdefault(sample.canary, {}).setdefault(sample.epoch, {})[log.run] = sample
    views = []
    for canary, by_take in sorted(answers.items()):
        known: dict[str, AnswerView] = {}
        takes = []
        for take, samples in sorted(by_take.items()):
            first = samples.get(logs[0].run)
            views_of_take = [_view(run, sample, first, known) for run, sample in samples.items()]
            takes.append((take, tuple(views_of_take)))
        links = {a.run: a.id for _, views_of_take in reversed(takes) for a in views_of_take}
        of_runs = [log.canary_means.get(canary, {}) if log.run in links else None for log in logs]
        cells = [
            None if own is None else _cell(links[log.run], own, of_runs[0] if at else None, keys)
            for at, (log, own) in enumerate(zip(logs, of_runs, strict=True))
        ]
        sample = next(iter(next(iter(by_take.values())).values()))
        views.append(
            CanaryView(
                *(_id(canary), canary, sample.kind, clean(sample.prompt), sample.licensed),
                *(tuple(takes), tuple(cells)),
            )
        )
    return tuple(views)


def _cell(
    link: str, own: Mapping[str, float], first: Mapping[str, float] | None, keys: Sequence[str]
) -> Cell:
    values, key = tuple(_plain(own.get(key)) for key in keys), keys[0]
    gain = gain_of(key, own.get(key), first.get(key) if first else None)
    step = sum(abs(gain) >= least for least in STEPS)
    colour = f"{'up' if gain > 0 else 'down'}{step}" if step else ""
    return Cell(link, values, number(own.get(key, float("nan"))), signed(gain), colour)


def _view(run: str, sample: Sample, first: Sample | None, known: dict[str, AnswerView]) -> AnswerView:
    """The view of one answer; ``known`` are the earlier ones by their text, to which it is added."""
    faults = sample.judgements["integrity"].evidence  # a broken answer has them in every dimension marked up
    evidence = [
        (e.start, e.end, key, e.why)
        for key, judgement in sample.judgements.items()
        for e in judgement.evidence
        if 0 <= e.start < e.end <= len(sample.text) and (key == "integrity" or e not in faults)
    ]
    band = " of {} to {}".format(*sample.target_words) if sample.target_words else ""
    view = AnswerView(
        id=_id(sample.canary, run, str(sample.epoch)),
        run=run,
        length=f"{len(sample.text.split())} words{band}",
        cut=sample.truncated,
        same=known.get(sample.text.strip()),
        html=answer_html(sample.text, evidence),
        chips=tuple(_chips(sample, first)),
        evidence=frozenset(key for *_, key, _ in evidence),
    )
    known.setdefault(sample.text.strip(), view)
    return view


def _chips(sample: Sample, first: Sample | None) -> list[Chip]:
    chips = []
    faults = sample.judgements["integrity"].evidence
    for key, judgement in sample.judgements.items():
        value = judgement.value
        if value is None or DIMENSIONS[key].judged_by == "count":
            continue
        before = first.judgements[key].value if first and first is not sample else None
        text, is_hard = number(value), DIMENSIONS[key].hard
        if is_hard and judgement.evidence:
            text += f" ({', '.join(dict.fromkeys(e.why for e in judgement.evidence))})"
        follows = key != "integrity" and bool(faults) and judgement.evidence == faults
        void = follows or (is_hard and value < FAULT_AT)
        chips.append(Chip(key, text, _plain(value), signed(gain_of(key, value, before)), void))
    return chips


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _id(*parts: str) -> str:
    """An id of the page, as it can stand in an address."""
    return re.sub(r"[^\w.+@-]+", "_", "-".join(parts))


def answer_html(text: str, evidence: Sequence[Span]) -> Markup:
    """The marked text; what a loop repeats stands once with its count, and of a long answer the beginning.

    Args:
        text: The whole answer.
        evidence: What to mark.
    """
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
