"""The report's plots as SVG: gains with margins, means from floor to ceiling, losses by training epoch.

Places along x are percentages and the rest is pixels, so that a plot fits any width with text of one size, without a
script. Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; each run has a symbol too.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from results.comparison import RunScore
from results.run_facts import RunFacts
from results.statistics import Interval
from results.verdicts import interval, number

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7A00", "#777777")
_SYMBOLS = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "M-4,-4h8v8h-8z",
    "M0,-5l5,5l-5,5l-5,-5z",
    "M0,-5l5,9h-10z",
    "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
    "M0,5l5,-9h-10z",
)
_LABEL, _ROW, _AXIS, _LEFT, _RIGHT = 20, 14, 26, 2.0, 98.0


@dataclass(frozen=True)
class _Scale:
    """Where values lie along x, in per cent of the width."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_LEFT + share * (_RIGHT - _LEFT), 2)

    def ticks(self) -> list[float]:
        """Round values inside, about five of them."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [round(at * step, 9) for at in range(first, math.floor(self.high / step + 1e-9) + 1)]


def forest(runs: Sequence[str], scores: Sequence[RunScore], margins: Mapping[str, float]) -> Markup:
    """Paired gains over the first run with 95 % intervals; right is better, and a dashed line marks the margin.

    Args:
        runs: The first is what the others are compared with.
        scores: Of ``results.comparison.side_by_side``.
        margins: By dimension, in the order of the rows.
    """
    gains = {(s.dimension, s.run): s.gain for s in scores if not math.isnan(s.gain.estimate)}
    anchors = {key: {f"margin {m:.3g}": -m} for key, m in margins.items() if any(key == k for k, _ in gains)}
    ends = [x for key, _ in gains for x in anchors.get(key, {}).values()]
    ends += [x for (key, _), g in gains.items() if key in anchors for x in (g.low, g.high, g.estimate)]
    known = [x for x in ends if math.isfinite(x)]
    scale = _Scale(min([-0.1, *known]), max([0.1, *known]))
    return _rows(f"gain over {runs[0]}", list(enumerate(runs))[1:], gains, anchors, scale)


def strips(
    runs: Sequence[str], scores: Sequence[RunScore], anchors: Mapping[str, Mapping[str, float]]
) -> Markup:
    """Each run's mean from 0 to 1, between the floor (the first run) and what the writer reaches.

    Args:
        runs: The first is the floor.
        scores: Of ``results.comparison.side_by_side``.
        anchors: By dimension, in the order of the rows, further levels by their names ("writer").
    """
    means = {(s.dimension, s.run): s.mean for s in scores if not math.isnan(s.mean.estimate)}
    named = {key: {f"{name} {number(v)}": v for name, v in levels.items()} for key, levels in anchors.items()}
    return _rows("mean over canaries", list(enumerate(runs)), means, named, _Scale(0, 1))


def _rows(
    name: str,
    runs: Sequence[tuple[int, str]],
    found: Mapping[tuple[str, str], Interval],
    anchors: Mapping[str, Mapping[str, float]],
    scale: _Scale,
) -> Markup:
    """A group of rows for each dimension of ``anchors``: an interval a run, and dashed lines at the anchors."""
    parts: list[Markup] = []
    bottom = 0
    for key, levels in anchors.items():
        top, bottom = bottom, bottom + _LABEL + _ROW * len(runs) + 6
        parts.append(_text(_LEFT, top + 14, key, "start", "b"))
        parts.append(_text(_RIGHT, top + 14, ", ".join(levels), "end", "dim"))
        parts += [
            _line(scale(v), scale(v), top + _LABEL - 2, bottom - 8, "anchor", f"{key}: {name}")
            for name, v in levels.items()
        ]
        for row, (at, run) in enumerate(runs):
            if (key, run) in found:
                title = f"{run}, {key}: {interval(found[key, run], signed=scale.low < 0)}"
                y = top + _LABEL + _ROW * row + _ROW // 2
                parts.append(_whisker(scale, found[key, run], y, at, title))
    grid = [
        _line(scale(t), scale(t), 0, bottom, "grid" if t else "zero")
        + _text(scale(t), bottom + 16, f"{t:g}", "middle", "dim")
        for t in scale.ticks()
    ]
    return _figure(f"{name}, by dimension", bottom + _AXIS, [*grid, *parts], runs)


def loss_curves(facts: Sequence[RunFacts]) -> Markup:
    """Training (solid) and validation loss (dashed) of every run by training epoch, in nats a token."""
    losses = [v for run in facts for e in run.epochs for v in (e.train_loss, e.val_loss) if v is not None]
    last = max((e.epoch for run in facts for e in run.epochs), default=1)
    low, high, bottom = min(losses, default=0.0), max(losses, default=1.0), 220
    room = 0.05 * (high - low) + 1e-6
    across, up = _Scale(0.5, last + 0.5), _Scale(low - room, high + room)

    def height(loss: float) -> float:
        return round(bottom - (up(loss) - _LEFT) / (_RIGHT - _LEFT) * (bottom - 10), 1)

    parts = [_text(across(t), bottom + 18, f"{t}", "middle", "dim") for t in range(1, last + 1)]
    for t in up.ticks():
        parts.append(_line(_LEFT, _RIGHT, height(t), height(t), "grid"))
        parts.append(_text(_LEFT, height(t) - 3, f"{t:g}", "start", "dim"))
    for at, run in enumerate(facts):
        for kind, style in (("train_loss", "whisker"), ("val_loss", "whisker dashed")):
            known = [(e.epoch, v) for e in run.epochs if (v := getattr(e, kind)) is not None]
            points = [(across(epoch), height(v)) for epoch, v in known]
            lines = [_line(a[0], b[0], a[1], b[1], style) for a, b in itertools.pairwise(points)]
            names = [f"{run.name}, {kind} of epoch {epoch}: {v:.3f}" for epoch, v in known]
            marks = [_mark(*p, at, name) for p, name in zip(points, names, strict=True)]
            parts.append(_coloured(at, [*lines, *marks]))
    name = "training (solid) and validation loss (dashed), nats a token, by epoch"
    return _figure(name, bottom + _AXIS, parts, list(enumerate(run.name for run in facts)))


def _whisker(scale: _Scale, found: Interval, y: float, at: int, title: str) -> Markup:
    ends = [scale(v) for v in (found.low, found.high) if math.isfinite(v)]
    lines = [_line(ends[0], ends[1], y, y, "whisker", title)] if len(ends) == 2 else []
    return _coloured(at, [*lines, _mark(scale(found.estimate), y, at, title)])


def _coloured(at: int, parts: Sequence[Markup]) -> Markup:
    return Markup('<g color="{}">{}</g>').format(COLOURS[at % len(COLOURS)], Markup("").join(parts))


def _mark(x: float | str, y: float, at: int, title: str = "") -> Markup:
    """A run's symbol at ``x`` per cent, or at a place with its unit."""
    shape = '<svg x="{}" y="{}" class="mark"><path d="{}">{}</path></svg>'
    place = x if isinstance(x, str) else f"{x}%"
    return Markup(shape).format(place, y, _SYMBOLS[at % len(_SYMBOLS)], _title(title))


def _title(text: str) -> Markup:
    return Markup("<title>{}</title>").format(text) if text else Markup("")


def _line(x1: float, x2: float, y1: float, y2: float, style: str, title: str = "") -> Markup:
    shape = '<line class="{}" x1="{}%" x2="{}%" y1="{}" y2="{}">{}</line>'
    return Markup(shape).format(style, x1, x2, y1, y2, _title(title))


def _text(x: float, y: float, text: str, anchor: str, style: str) -> Markup:
    return Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>').format(
        style, x, y, anchor, text
    )


def _figure(name: str, height: float, parts: Sequence[Markup], runs: Sequence[tuple[int, str]]) -> Markup:
    """A plot under its name and the symbols of its runs."""
    entry = Markup('<span><svg width="12" height="12" aria-hidden="true">{}</svg> {}</span>')
    legend = Markup("").join(entry.format(_coloured(at, [_mark("6", 6, at)]), run) for at, run in runs)
    page = (
        '<figure><figcaption class="legend">{0} <span>{1}</span></figcaption>'
        '<svg class="plot" role="img" aria-label="{1}" width="100%" height="{2}">{3}</svg></figure>'
    )
    return Markup(page).format(legend, name, height, Markup("").join(parts))
