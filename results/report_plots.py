"""The report's plots, as Plotly figures: loss curves, paired deltas with margins, floor to ceiling.

Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; each run has a symbol too.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from judges.types import DIMENSIONS
from results.arms import ArmScore
from results.policy import Policy
from results.run_facts import RunFacts
from results.statistics import Interval

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7A00", "#777777")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x", "hexagon")
_ROW = 34
"""Pixels a row of a plot of dimensions."""


def as_json(figure: go.Figure) -> dict[str, Any]:
    """The figure's data and layout, as ``Plotly.newPlot`` takes them."""
    told: dict[str, Any] = json.loads(figure.to_json())
    return told


def loss_curves(facts: Sequence[RunFacts]) -> go.Figure:
    """Training (solid) and validation loss (dashed) of every run by epoch, in nats a token."""
    figure = go.Figure()
    for at, run in enumerate(facts):
        for name, dash in (("train", "solid"), ("validation", "dash")):
            losses = [e.train_loss if name == "train" else e.val_loss for e in run.epochs]
            if any(loss is not None for loss in losses):
                figure.add_scatter(
                    x=[e.epoch for e in run.epochs],
                    y=losses,
                    name=f"{run.name} {name}",
                    mode="lines+markers",
                    line={"color": _colour(at), "dash": dash},
                    marker={"symbol": _symbol(at)},
                )
    figure.update_xaxes(title="epoch", dtick=1)
    figure.update_yaxes(title="loss, nats a token", automargin=True)
    return _laid_out(figure, 360)


def forest(runs: Sequence[str], scores: Sequence[ArmScore], policy: Policy) -> go.Figure:
    """Paired deltas with 95 % intervals, turned so that right is better; a bar marks the margin."""
    figure = go.Figure()
    keys = _gated(scores, policy)
    for at, run in enumerate(runs[1:], start=1):
        rows = {s.dimension: s for s in scores if s.run == run and not math.isnan(s.delta.estimate)}
        kept = [key for key in keys if key in rows]
        gains = [_gain(key, rows[key].delta) for key in kept]
        figure.add_scatter(
            x=[g.estimate for g in gains],
            y=[_place(keys, key, at, len(runs)) for key in kept],
            error_x=_whiskers(gains),
            name=run,
            mode="markers",
            marker={"color": _colour(at), "symbol": _symbol(at), "size": 9},
            customdata=kept,
            hovertemplate="%{customdata}: %{x:+.3f}",
        )
    figure.add_scatter(
        x=[-policy.dimensions[key].margin for key in keys],
        y=[keys.index(key) for key in keys],
        name="margin",
        mode="markers",
        marker={"symbol": "line-ns", "size": _ROW - 10, "line": {"width": 2, "color": "#888"}},
        hovertemplate="margin %{x}",
    )
    figure.add_vline(x=0, line={"color": "#888", "width": 1})
    figure.update_xaxes(title=f"gain over {runs[0]} (right is better)")
    return _by_dimension(figure, keys)


def strips(runs: Sequence[str], scores: Sequence[ArmScore], ceilings: Mapping[str, Interval]) -> go.Figure:
    """Each run's mean between the floor (the first run) and the ceiling (the writer's held-out texts)."""
    figure = go.Figure()
    scored = (s.dimension for s in scores if not math.isnan(s.mean.estimate))
    keys = [k for k in dict.fromkeys(scored) if DIMENSIONS[k].unit == "share"]
    for at, run in enumerate(runs):
        rows = {s.dimension: s for s in scores if s.run == run and not math.isnan(s.mean.estimate)}
        kept = [key for key in keys if key in rows]
        figure.add_scatter(
            x=[rows[key].mean.estimate for key in kept],
            y=[_place(keys, key, at, len(runs)) for key in kept],
            error_x=_whiskers([rows[key].mean for key in kept]),
            name=f"{run} (floor)" if at == 0 else run,
            mode="markers",
            marker={"color": _colour(at), "symbol": _symbol(at), "size": 9},
            customdata=kept,
            hovertemplate="%{customdata}: %{x:.3f}",
        )
    kept = [key for key in keys if key in ceilings]
    figure.add_scatter(
        x=[ceilings[key].estimate for key in kept],
        y=[keys.index(key) for key in kept],
        name="writer (ceiling)",
        mode="markers",
        marker={"symbol": "line-ns", "size": _ROW - 10, "line": {"width": 3, "color": "#888"}},
        customdata=kept,
        hovertemplate="writer, %{customdata}: %{x:.3f}",
    )
    figure.update_xaxes(title="mean over canaries, from 0 to 1", range=[-0.02, 1.02])
    return _by_dimension(figure, keys)


def _gated(scores: Sequence[ArmScore], policy: Policy) -> list[str]:
    scored = (s.dimension for s in scores if not math.isnan(s.delta.estimate))
    return [k for k in dict.fromkeys(scored) if k in policy.dimensions]


def _gain(key: str, delta: Interval) -> Interval:
    if DIMENSIONS[key].direction == "up":
        return delta
    return Interval(-delta.estimate, -delta.high, -delta.low)


def _place(keys: Sequence[str], key: str, at: int, runs: int) -> float:
    """Height of a run's point: the runs of one dimension beside each other around its row."""
    return keys.index(key) + (at - (runs - 1) / 2) * 0.7 / max(runs, 1)


def _whiskers(found: Sequence[Interval]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_finite(f.high - f.estimate) for f in found],
        "arrayminus": [_finite(f.estimate - f.low) for f in found],
        "thickness": 1.5,
    }


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _colour(at: int) -> str:
    return COLOURS[at % len(COLOURS)]


def _symbol(at: int) -> str:
    return SYMBOLS[at % len(SYMBOLS)]


def _by_dimension(figure: go.Figure, keys: Sequence[str]) -> go.Figure:
    names = [key + ("*" if DIMENSIONS[key].hard else "") for key in keys]
    figure.update_yaxes(
        tickvals=list(range(len(keys))), ticktext=names, range=[len(keys) - 0.4, -0.6], automargin=True
    )
    return _laid_out(figure, 170 + _ROW * max(1, len(keys)))


def _laid_out(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        template="none",
    )
    return figure
