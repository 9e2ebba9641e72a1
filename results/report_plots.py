"""The report's plots as SVG: a cell of a table for each row of figures, and the losses by training epoch.

Places along x are percentages and the rest is pixels, so that a plot fits any width with text of one size, without a
script. Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; each run has a symbol too. The
figures stand as text beside every plot, so plots in tables are hidden from screen readers.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from results.comparison import DimensionVerdict
from results.verdicts import interval, number
from timbre.stats import Interval
from training.runs import Run

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7A00", "#777777")
_SYMBOLS = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "M-4,-4h8v8h-8z",
    "M0,-5l5,5l-5,5l-5,-5z",
    "M0,-5l5,9h-10z",
    "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
    "M0,5l5,-9h-10z",
)
_LINE, _AXIS, _LEFT, _RIGHT = 14, 18, 3.0, 97.0
_ANCHORS = {"margin": "anchor", "writer": "anchor", "other writers": "anchor others"}
"""Dashed lines by what they mark, with their style."""

Marks = Sequence[tuple[int, str, Interval]]
"""What one plot shows: for each line the run's place among the runs, its name and its figure."""


@dataclass(frozen=True)
class Plots:
    """A table's column of plots on one scale."""

    axis: Markup  # the scale, for the column's heading
    rows: tuple[Markup, ...]  # in the order of the table's rows


@dataclass(frozen=True)
class _Scale:
    """Where values lie along x, in per cent of the width."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside, about so many of them."""
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [round(at * step, 9) for at in range(first, math.floor(self.high / step + 1e-9) + 1)]


def gain_plots(
    dimensions: Sequence[DimensionVerdict], run: str, at: int, beside: Sequence[DimensionVerdict] = ()
) -> Plots:
    """Paired gains of one run; right is better, and a dashed line marks the margin.

    Args:
        dimensions: Those of the rows, in order.
        run: Who gained.
        at: The run's place among the runs, which gives its colour and symbol.
        beside: Dimensions of other tables that share the scale.
    """
    ends = [(-(d.margin or 0), d.gain.low, d.gain.high, d.gain.estimate) for d in (*dimensions, *beside)]
    known = [x for row in ends for x in row if math.isfinite(x)]
    scale = _Scale(min([-0.1, *known]), max([0.1, *known]))
    rows = []
    for d in dimensions:
        margin = {} if d.margin is None else {"margin": -d.margin}
        rows.append(_row(scale, [(at, f"{run}, {d.dimension}", d.gain)], margin))
    return Plots(_axis(scale, 6), tuple(rows))


def level_plots(rows: Sequence[tuple[Marks, Mapping[str, float]]]) -> Plots:
    """Values from 0 to 1 of several runs a row, with dashed lines at the levels of writers.

    Args:
        rows: For each the runs' figures, and levels by name ("writer").
    """
    scale = _Scale(0, 1)
    return Plots(_axis(scale), tuple(_row(scale, marks, anchors) for marks, anchors in rows))


def loss_curves(facts: Sequence[tuple[int, Run]]) -> Markup:
    """Training (solid) and validation loss (dashed) by training epoch, in nats a token.

    Args:
        facts: Each run with its place among the runs, which gives its colour and symbol.
    """
    losses = [v for _, run in facts for e in run.epochs for v in (e.train_loss, e.val_loss) if v is not None]
    last = max((e.epoch for _, run in facts for e in run.epochs), default=1)
    low, high, bottom = min(losses, default=0.0), max(losses, default=1.0), 220
    room = 0.05 * (high - low) + 1e-6
    across, up = _Scale(0.5, last + 0.5), _Scale(low - room, high + room)

    def height(loss: float) -> float:
        return round(bottom - (up(loss) - _LEFT) / (_RIGHT - _LEFT) * (bottom - 10), 1)

    parts = [_text(across(t), bottom + 16, f"{t}", "middle") for t in range(1, last + 1)]
    for t in up.ticks():
        parts.append(_line(_LEFT, _RIGHT, height(t), height(t), "grid"))
        parts.append(_text(_LEFT, height(t) - 3, f"{t:g}", "start"))
    for at, run in facts:
        for kind, style in (("train_loss", "whisker"), ("val_loss", "whisker dashed")):
            known = [(e.epoch, v) for e in run.epochs if (v := getattr(e, kind)) is not None]
            points = [(across(epoch), height(v)) for epoch, v in known]
            lines = [_line(a[0], b[0], a[1], b[1], style) for a, b in itertools.pairwise(points)]
            names = [f"{run.name}, {kind} of epoch {epoch}: {v:.3f}" for epoch, v in known]
            marks = [_mark(*p, at, name) for p, name in zip(points, names, strict=True)]
            parts.append(_coloured(at, [*lines, *marks]))
    name = "training (solid) and validation loss (dashed), nats a token, by epoch"
    page = (
        '<figure><figcaption>{0} <span>{1}</span></figcaption><svg class="plot" role="img" aria-label="{1}" '
        'width="100%" height="{2}">{3}</svg></figure>'
    )
    key = legend([(at, run.name) for at, run in facts])
    return Markup(page).format(key, name, bottom + 22, Markup("").join(parts))


def legend(runs: Sequence[tuple[int, str]]) -> Markup:
    """The runs' names with their symbols, each with its place among the runs."""
    entry = Markup('<span class="run"><svg width="12" height="12" aria-hidden="true">{}</svg> {}</span> ')
    return Markup("").join(entry.format(_coloured(at, [_mark("6", 6, at)]), run) for at, run in runs)


def _row(scale: _Scale, marks: Marks, anchors: Mapping[str, float]) -> Markup:
    """One row's plot: a line for each run, zero, and dashed lines at the anchors."""
    height = _LINE * len(marks) + 6
    parts = [_line(scale(0), scale(0), 0, height, "zero")]
    for name, level in anchors.items():
        parts.append(_line(scale(level), scale(level), 0, height, _ANCHORS[name], f"{name} {number(level)}"))
    for line, (at, name, value) in enumerate(marks):
        if not math.isnan(value.estimate):
            title = f"{name}: {interval(value, signed=scale.low < 0)}"
            parts.append(_whisker(scale, value, 3 + _LINE * line + _LINE // 2, at, title))
    return _figure(height, parts)


def _axis(scale: _Scale, about: int = 4) -> Markup:
    ticks = scale.ticks(about)
    shown = [_text(scale(t), 12, f"{t:g}", "middle") for t in ticks]
    return _figure(_AXIS, shown + [_line(scale(t), scale(t), 15, _AXIS, "zero") for t in ticks])


def _figure(height: float, parts: Sequence[Markup]) -> Markup:
    shape = '<svg class="plot" aria-hidden="true" width="100%" height="{}">{}</svg>'
    return Markup(shape).format(height, Markup("").join(parts))


def _whisker(scale: _Scale, value: Interval, y: float, at: int, title: str) -> Markup:
    ends = [scale(v) for v in (value.low, value.high) if math.isfinite(v)]
    lines = [_line(ends[0], ends[1], y, y, "whisker")] if len(ends) == 2 else []
    return _coloured(at, [*lines, _mark(scale(value.estimate), y, at)], title)


def _coloured(at: int, parts: Sequence[Markup], title: str = "") -> Markup:
    shape = Markup('<g color="{}">{}{}</g>')
    return shape.format(COLOURS[at % len(COLOURS)], _title(title), Markup("").join(parts))


def _mark(x: float | str, y: float, at: int, title: str = "") -> Markup:
    """A run's symbol at ``x`` per cent, or at a place with its unit."""
    shape = '<svg x="{}" y="{}" class="mark"><path d="{}"/>{}</svg>'
    place = x if isinstance(x, str) else f"{x}%"
    return Markup(shape).format(place, y, _SYMBOLS[at % len(_SYMBOLS)], _title(title))


def _title(text: str) -> Markup:
    return Markup("<title>{}</title>").format(text) if text else Markup("")


def _line(x1: float, x2: float, y1: float, y2: float, style: str, title: str = "") -> Markup:
    shape = '<line class="{}" x1="{}%" x2="{}%" y1="{}" y2="{}">{}</line>'
    return Markup(shape).format(style, x1, x2, y1, y2, _title(title))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, text)
