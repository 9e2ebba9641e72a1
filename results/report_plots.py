"""The report's plots as SVG: a cell of a table for each row of figures, and the losses by training epoch.

``pages/plots.html`` draws them without a script. The figures stand as text beside every plot, so plots in tables are
hidden from screen readers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from results.comparison import DimensionVerdict
from results.grid import HTML
from results.verdicts import interval, number
from timbre.stats import Interval
from training.runs import Run

_LEFT, _RIGHT = 3.0, 97.0  # per cent of the width between which values lie

HTML.globals |= {"interval": interval, "number": number}
_DRAW: Any = HTML.get_template("plots.html").module

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

    def height(self, value: float) -> float:
        """Where a value lies along y in a plot of losses, in pixels from its top."""
        return round(220 - (self(value) - _LEFT) / (_RIGHT - _LEFT) * 210, 1)

    def ticks(self, about: int) -> list[float]:
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

    ``at`` is the run's place among the runs, which gives its colour and symbol; tables of the dimensions
    ``beside`` share the scale.
    """
    ends = [(-(d.margin or 0), d.gain.low, d.gain.high, d.gain.estimate) for d in (*dimensions, *beside)]
    known = [x for row in ends for x in row if math.isfinite(x)]
    margins = [{} if d.margin is None else {"margin": -d.margin} for d in dimensions]
    marks = [[(at, f"{run}, {d.dimension}", d.gain)] for d in dimensions]
    scale = _Scale(min([-0.1, *known]), max([0.1, *known]))
    return _plots(scale, 6, list(zip(marks, margins, strict=True)))


def level_plots(rows: Sequence[tuple[Marks, Mapping[str, float]]]) -> Plots:
    """Values from 0 to 1 of several runs a row, with dashed lines at levels by name ("writer")."""
    return _plots(_Scale(0, 1), 4, rows)


def _plots(scale: _Scale, ticks: int, rows: Sequence[tuple[Marks, Mapping[str, float]]]) -> Plots:
    return Plots(_DRAW.axis(scale, ticks), tuple(_DRAW.row(scale, *row) for row in rows))


def loss_curves(runs: Sequence[tuple[int, Run]]) -> Markup:
    """Training (solid) and validation loss (dashed) by training epoch, in nats a token.

    Each run comes with its place among the runs, which gives its colour and symbol.
    """
    losses = [v for _, run in runs for e in run.epochs for v in (e.train_loss, e.val_loss) if v is not None]
    last = max((e.epoch for _, run in runs for e in run.epochs), default=1)
    low, high = min(losses, default=0.0), max(losses, default=1.0)
    room = 0.05 * (high - low) + 1e-6
    names = [(at, run.name) for at, run in runs]
    drawn: Markup = _DRAW.losses(runs, names, last, _Scale(0.5, last + 0.5), _Scale(low - room, high + room))
    return drawn
