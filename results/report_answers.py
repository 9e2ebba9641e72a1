"""Answers as HTML: evidence marked in place, and the words that the first run's answer doesn't have."""

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from results.markdown import clean
from results.records import RunLog, Sample

SHOWN = ("self_insertion", "memorization", "hashtag_slop")
"""Dimensions whose evidence is marked: faults that a reader wants to see in place."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class AnswerView:
    """One answer as the page shows it.

    Attributes:
        run: Run name.
        cut: Whether the token limit cut it off.
        words: How many it has.
        html: The text with ``<mark>`` around evidence and ``<ins>`` around words that are new.
        faults: Dimensions of ``SHOWN`` whose evidence is in it.
    """

    run: str
    cut: bool
    words: int
    html: Markup
    faults: tuple[str, ...]


@dataclass(frozen=True)
class CanaryView:
    """One canary and epoch, with the answer of every run that has one.

    Attributes:
        canary: Id.
        kind: Kind of canary.
        epoch: From 1.
        prompt: What was asked.
        licensed: Whether it invites the writer's own life.
        answers: In the order of the runs.
    """

    canary: str
    kind: str
    epoch: int
    prompt: str
    licensed: bool
    answers: tuple[AnswerView, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Dimensions of ``SHOWN`` with evidence in any answer."""
        return tuple(key for key in SHOWN if any(key in a.faults for a in self.answers))


def canary_views(logs: Sequence[RunLog]) -> tuple[CanaryView, ...]:
    """Every canary and epoch that any run answered, by canary; differences are against the first answer."""
    answered: dict[tuple[str, int], list[tuple[str, Sample]]] = {}
    for log in logs:
        for sample in log.samples:
            answered.setdefault((sample.canary, sample.epoch), []).append((log.run, sample))
    views = []
    for (canary, epoch), rows in sorted(answered.items()):
        first = rows[0][1]
        answers = tuple(_view(run, sample, None if sample is first else first.text) for run, sample in rows)
        views.append(CanaryView(canary, first.kind, epoch, clean(first.prompt), first.licensed, answers))
    return tuple(views)


def _view(run: str, sample: Sample, first: str | None) -> AnswerView:
    evidence = [
        (e.start, e.end, f"{key}: {e.why}")
        for key in SHOWN
        for e in sample.judgements[key].evidence
        if 0 <= e.start < e.end <= len(sample.text)
    ]
    faults = tuple(key for key in SHOWN if sample.judgements[key].evidence)
    new = [] if first is None else new_words(first, sample.text)
    html = marked(sample.text, evidence, new)
    return AnswerView(run, sample.truncated, len(sample.text.split()), html, faults)


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


def marked(text: str, evidence: Sequence[tuple[int, int, str]], new: Sequence[tuple[int, int]]) -> Markup:
    """``text`` escaped, cut wherever a span begins or ends, so that marks may overlap."""
    cuts = {0, len(text), *(at for start, end, _ in evidence for at in (start, end))}
    cuts |= {at for span in new for at in span}
    made, ordered = Markup(""), sorted(cuts)
    for start, end in itertools.pairwise(ordered):
        piece: Markup | str = clean(text[start:end])
        if any(low <= start and end <= high for low, high in new):
            piece = Markup("<ins>{}</ins>").format(piece)
        whys = [why for low, high, why in evidence if low <= start and end <= high]
        if whys:
            told = ", ".join(dict.fromkeys(whys))
            piece = Markup('<mark title="{0}">{1}<span class="sr"> ({0})</span></mark>').format(told, piece)
        made += piece
    return made
