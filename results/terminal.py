"""What commands print to a terminal: tables that fit it, sentences under them, the decision last."""

import math
from collections.abc import Sequence

from judges.types import DIMENSIONS
from results.comparison import RunScore
from results.corrected_rates import estimated_recall
from results.duels import Table as Duels
from results.grid import PLAIN, say, stdout_console
from results.records import RunLog
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
    lines = PLAIN.get_template("gate.txt").render(result=result, next=next_step(result))
    for line in filter(None, lines.splitlines()):
        say(console, line)
    if result.overall != "ERROR":
        say(console, summary_sentence(result), result.overall)


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


def recall_sentence(log: RunLog) -> str:
    """What ``estimated_recall`` says of a run; empty where no grader was asked."""
    recall = estimated_recall(log)
    if recall is None:
        return ""
    figure = interval(recall.rate) if recall.rate else "nobody found a claim"
    counts = f"({recall.missed} missed among {recall.sampled} sampled sentences)"
    return f"Estimated recall of self_insertion in {log.run}: {figure} {counts}."


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
