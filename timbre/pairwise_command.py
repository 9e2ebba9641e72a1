"""``timbre pairwise``: stored answers compared two by two; the server of the runs is never started."""

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from results.options import Sources, print_json, reading
from timbre.errors import TimbreError
from training.runs import BASELINE

if TYPE_CHECKING:
    from judges.pairwise import Duel, Outcome


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN ...")
@click.option("--grader", required=True, metavar="MODEL", help="Any Inspect model, or a run.")
@click.option(
    "--dimension",
    "dimensions",
    multiple=True,
    type=click.Choice(["humor", "provocativeness", "voice_match", "warmth"]),
    help="May be given again.  [default: humor, provocativeness and voice_match]",
)
@click.option("--max-connections", type=click.IntRange(1), help="Questions in flight.")
@reading("voice")
def pairwise(
    runs: tuple[str, ...],
    grader: str,
    dimensions: tuple[str, ...],
    max_connections: int | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Ask a grader which of two runs' answers has more of a quality.

    \b
    timbre pairwise baseline run1 run2 --grader openai/gpt-5
    timbre pairwise run1 run2 --grader anthropic/claude-sonnet-4-5 --dimension humor --json

    It reads the answers out of stored logs; nothing is generated anew. Every two runs meet on every canary
    and epoch. Each pair of answers is shown in both orders, and one wins only if it is named both times;
    a grader that changes its mind with the order gives a tie, counted as a flip.

    Shown are each run's Bradley-Terry score (log-odds; 0 for the baseline, or for the first run where
    there is none), its win rate against that run with ties as half, both with 95 % intervals over
    canaries, how often the order decided, and words the grader quoted from winning answers.

    Replies are kept in Inspect's cache as they come: called again, or after Ctrl-C, it asks only what is
    missing. TIMBRE_GRADER_CACHE=off asks anew.
    """
    from judges.pairwise import PAIRWISE, reference_texts
    from judges.reference import load_reference
    from results.duels import MATTERS, duels_between, tabulate
    from results.records import differences
    from results.terminal import show_standings

    if len(set(runs)) < 2:
        raise click.UsageError("name at least two runs")
    wanted = tuple(dict.fromkeys(dimensions)) or PAIRWISE
    logs = sources.logs(runs)
    names = [log.run for log in logs]
    duels, warnings = duels_between(logs), differences(logs, MATTERS)
    own: tuple[str, ...] = ()
    if "voice_match" in wanted:
        own = reference_texts(load_reference(sources.judging_voice(logs), None).train)
    each = f"{len(duels)} pairs of answers, both orders, for {', '.join(wanted)}"
    click.echo(f"{each}: up to {2 * len(duels) * len(wanted)} questions", err=True)
    reference = BASELINE if BASELINE in names else names[0]
    asked = asyncio.run(_ask(grader, wanted, duels, own, max_connections))
    tables = [tabulate(key, judge, outcomes, names, reference) for key, judge, outcomes in asked]
    if not any(table.order.settled for table in tables):
        what = f"no pair has an outcome: {'; '.join(tables[0].reasons[:3])}"
        raise TimbreError(what, where=grader, do="try another grader")
    if as_json:
        asked_of = {"runs": names, "reference": reference, "suite": logs[0].suite, "grader": grader}
        print_json({**asked_of, "warnings": warnings, "dimensions": tables})
    else:
        show_standings(tables, warnings)


async def _ask(
    grader: str,
    dimensions: Sequence[str],
    duels: "Sequence[Duel]",
    own: Sequence[str],
    connections: int | None,
) -> "list[tuple[str, str, list[Outcome]]]":
    """Each dimension with its judge and the duels' outcomes; a line of progress on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from evals.pairwise import ask_duels, open_grader
    from judges.rubric import load_rubric

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    answers = []
    opened = open_grader(grader, max_connections=connections)
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        async with opened.model:
            for key in dimensions:
                bar = progress.add_task(key, total=len(duels))
                judge, outcomes = await ask_duels(
                    opened,
                    load_rubric(key),
                    duels,
                    own if key == "voice_match" else (),
                    on_item=lambda bar=bar: progress.advance(bar),  # type: ignore[misc]
                )
                answers.append((key, judge, outcomes))
    return answers
