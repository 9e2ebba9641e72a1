"""Score tables for a tired person at a terminal; plain text where the output is a file or a pipe."""

import math
import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judges.types import DIMENSIONS
from results.arms import ArmScore
from results.corrected import CorrectedArm
from results.power import DimensionPower
from results.self_insertion_recall import RecallEstimate
from results.statistics import Interval
from results.verdicts import DimensionVerdict, GateResult, next_step, summary_sentence

_STYLES = {
    "PASS": "green",
    "REGRESSED": "bold red",
    "INCONCLUSIVE": "yellow",
    "ADVISORY": "dim",
    "ERROR": "bold red",
}
_STARRED = "*: the rate of canaries that show the fault."
_WIDTH_OF_A_FILE = 600
"""Columns where there is no terminal to ask; enough for ten runs side by side without a cell cut short."""


def number(value: float) -> str:
    """Two decimals, fewer for large figures, a dash for none."""
    if math.isnan(value):
        return "-"
    return f"{value:z.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def interval(found: Interval, signed: bool = False) -> str:
    """``0.61 [0.52, 0.70]``; the estimate alone where one canary gives no interval."""
    sign = "+" if signed and found.estimate > 0 else ""
    if math.isnan(found.estimate):
        return "-"
    if math.isnan(found.low):
        return f"{sign}{number(found.estimate)}"
    return f"{sign}{number(found.estimate)} [{number(found.low)}, {number(found.high)}]"


def show_gate(result: GateResult) -> None:
    """Print the gate's table, its notes and its verdict to stdout; an ERROR is left to stderr."""
    console = _console()
    if result.dimensions:
        table = _table(
            (
                "dimension",
                "n",
                result.baseline,
                result.candidate,
                "paired delta",
                "margin",
                "verdict",
                "licence",
            )
        )
        for d in result.dimensions:
            table.add_row(*gate_row(d)[:-2], Text(d.verdict, style=_STYLES[d.verdict]), d.licence)
        console.print(table)
        console.print(f"n: canaries scored on both sides. Mean [95 % CI]. {_STARRED}")
        for d in result.dimensions:
            if d.verdict in ("REGRESSED", "INCONCLUSIVE") or (d.margin is not None and d.n == 0):
                more = f"; about {d.needed} canaries would settle it" if d.needed else ""
                _say(console, f"- {d.dimension}: {d.why}{more}")
    for quote in result.evidence:
        _say(console, f"- evidence: {quote}")
    for note in result.notes:
        _say(console, f"- note: {note}")
    if settle := next_step(result):
        _say(console, settle)
    if result.overall != "ERROR":
        _say(console, Text(summary_sentence(result), style=_STYLES[result.overall]))


def gate_row(d: DimensionVerdict) -> tuple[str, ...]:
    """One dimension's cells: dimension, n, baseline, candidate, delta, margin, verdict, licence."""
    return (
        d.dimension + ("*" if d.hard else ""),
        str(d.n),
        interval(d.baseline),
        interval(d.candidate),
        interval(d.delta, signed=True),
        "-" if d.margin is None else f"{d.margin:g}",
        d.verdict,
        d.licence,
    )


def show_arms(arms: Sequence[str], scores: Sequence[ArmScore], warnings: Sequence[str]) -> None:
    """Print runs side by side: n, mean and CI of each, and each paired delta against the first."""
    console = _console()
    headings = [arms[0]] + [h for arm in arms[1:] for h in (arm, f"{arm} - {arms[0]}")]
    table = _table(("dimension", "n", *headings))
    for key in dict.fromkeys(s.dimension for s in scores):
        row = {s.run: s for s in scores if s.dimension == key}
        cells = [interval(row[arms[0]].mean)]
        for arm in arms[1:]:
            cells += [interval(row[arm].mean), interval(row[arm].delta, signed=True)]
        starred = key + ("*" if DIMENSIONS[key].hard else "")
        table.add_row(starred, "/".join(dict.fromkeys(str(row[arm].n) for arm in arms)), *cells)
    console.print(table)
    console.print(
        f"n: canaries scored. Mean [95 % CI], deltas paired by canary against {arms[0]}. {_STARRED}"
    )
    for warning in warnings:
        _say(console, f"- not like with like: {warning}")


def show_power(runs: Sequence[str], found: Sequence[DimensionPower]) -> None:
    """Print the canaries that each dimension takes: of a run that lost nothing, and of one that lost much."""
    console = _console()
    table = _table(("dimension", "pairs", "spread", "margin", "to pass", "to block"))
    for d in found:
        name = d.dimension + ("*" if d.hard else "")
        counts = ("-" if count is None else str(count) for count in (d.to_pass, d.to_block))
        table.add_row(name, str(d.n), number(d.spread), f"{d.margin:g}", *counts)
    console.print(table)
    _say(
        console,
        f"Canaries for 80 % power, from {', '.join(runs[1:])} against {runs[0]}. To pass: nothing was lost. "
        "To block: twice the margin was. Spread: of paired differences between canaries.",
    )
    needed = max((d.to_pass for d in found if d.to_pass is not None), default=0)
    if needed:
        _say(console, f"A gate that passes on all of these takes about {needed} canaries.")


def show_corrected(arms: Sequence[CorrectedArm]) -> None:
    """Print the share of answers over the cut-off, as judged and corrected; nothing where there is none."""
    if not arms:
        return
    console = _console()
    table = _table(("dimension", "n", "run", "from", "as judged", "corrected", "licence"))
    for arm in arms:
        found = "judge at chance" if arm.corrected is None else interval(arm.corrected)
        said = arm.licence + (f" ({arm.lack})" if arm.lack else "")
        row = (arm.dimension, str(arm.n), arm.run, f"{arm.cut_off:g}", interval(arm.raw), found, said)
        table.add_row(*row)
    console.print(table)
    console.print(
        "Share of answers from the cut-off on [95 % CI]; corrected for how the judge erred on labelled "
        "texts, as far as these are like them."
    )


def show_recall(found: Mapping[str, RecallEstimate]) -> None:
    """Print, by run, how many claims of a past the detector saw, as the graders of stage 2 say."""
    for run, estimate in found.items():
        told = (
            "no claim was found by anybody"
            if estimate.recall is None
            else interval(Interval(estimate.recall, estimate.low, estimate.high))
        )
        _say(
            _console(),
            f"Estimated recall of self_insertion in {run}: {told} "
            f"({estimate.missed} missed among {estimate.sampled} sampled sentences).",
        )


def _console() -> Console:
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _say(console: Console, sentence: str | Text) -> None:
    """A line that is left whole, so that it can be searched for; a terminal wraps it by itself."""
    console.print(sentence, soft_wrap=True)


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else box.ASCII2, pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if at == 1 else "left", no_wrap=True)
    return table
