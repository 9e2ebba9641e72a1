"""What commands print to a terminal: tables that fit it, sentences under them, the decision last."""

import math
from collections.abc import Iterator, Sequence

from judges.types import DIMENSIONS
from results.comparison import RunScore
from results.duels import Table as Duels
from results.grid import say, stdout_console
from results.report_tables import flips_table, gains_table, gate_table, scores_table, standings_table
from results.verdicts import GateResult, interval, next_step, number, summary_sentence

FLIPS = 5  # flips shown; the JSON has all
ORDER_DECIDES = 0.5  # share of flips from which a grader is said to go by place


def show_gate(result: GateResult) -> None:
    """Print the table of what can block, the flips, the notes and the decision; an ERROR's is left to stderr.

    Counted dimensions are left out: ``timbre compare`` shows them.
    """
    console = stdout_console()
    judged = result.judged
    if judged:
        gate_table(result, judged).without("licence").show(console)
    if result.flips:
        console.print()
        flips = flips_table(result, FLIPS)
        texts = () if flips.fits(console) else flips.headings[3:]
        for heading in texts:
            flips = flips.without(heading)
        flips.show(console)
    for line in _gate_lines(result):
        say(console, line)
    if result.overall != "ERROR":
        say(console, summary_sentence(result), result.overall)


def _gate_lines(result: GateResult) -> Iterator[str]:
    """What stands under the gate's tables."""
    for d in result.judged:
        if d.verdict in ("REGRESSED", "INCONCLUSIVE") or (d.margin is not None and d.n == 0):
            settled = f"; about {d.needed} canaries would settle it" if d.needed else ""
            yield f"- {d.dimension}: {d.why}{settled}"
    unlicensed = [d for d in result.having("ADVISORY") if d.is_judged]
    licensed = [d for d in result.able if d.licence.startswith(("people", "model"))]
    lists = {
        "answers missing, counted as the worst": [
            f"{d.missing} in {d.dimension}" for d in result.judged if d.missing
        ],
        "advisory, can't block": [f"{d.dimension} ({d.licence or 'no licence'})" for d in unlicensed],
        "licensed": [f"{d.dimension} ({d.licence})" for d in licensed],
    }
    yield from (f"- {name}: {', '.join(named)}" for name, named in lists.items() if named)
    yield from (f"- evidence: {quote}" for quote in result.evidence)
    yield from (f"- note: {note}" for note in result.notes)
    if step := next_step(result):
        yield str(step)
    elif result.overall == "PASS":
        yield f"next: timbre export {result.candidate}"


def without_counted(scores: Sequence[RunScore]) -> list[RunScore]:
    """The same without words, sentences and readability, which have no better side."""
    return [s for s in scores if DIMENSIONS[s.dimension].is_judged]


def show_runs(runs: Sequence[str], scores: Sequence[RunScore], warnings: Sequence[str] = ()) -> None:
    """Print means side by side and gains over the first run."""
    console = stdout_console()
    scores_table(runs, scores).show(console)
    if len(runs) > 1:
        console.print()
        gains_table(runs, scores).show(console)
    for warning in warnings:
        say(console, f"- not like with like: {warning}")


def show_standings(tables: Sequence[Duels], warnings: Sequence[str]) -> None:
    """Print who stands where in each dimension, what the grader quoted, and how far its order decided."""
    console = stdout_console()
    for duels in tables:
        standings_table(duels).show(console)
        for run, quotes in duels.quotes.items():
            if quotes:
                say(console, f"- {run} won with: " + " / ".join(f'"{quote}"' for quote in quotes))
        say(console, f"- {_order_sentence(duels)}; judge {duels.judge}")
    for warning in warnings:
        say(console, f"- not like with like: {warning}")


def _order_sentence(duels: Duels) -> str:
    order = duels.order
    sentence = f"{order.settled} pairs settled; the order turned {interval(order.flips)} of them into ties"
    if not math.isnan(order.chose_first_shown):
        sentence += f"; the text shown first was named {number(order.chose_first_shown)} of the time"
    if order.flips.estimate >= ORDER_DECIDES:
        sentence += ". This grader decides by place more than by text"
    if order.unsettled:
        sentence += f"; {order.unsettled} without an outcome: {' | '.join(duels.reasons[:3])}"
    return sentence
