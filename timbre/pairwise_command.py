"""``timbre pairwise``: stored answers compared two by two; the server of the runs is never started."""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from results.options import Sources, print_json, reading
from timbre.errors import TimbreError
from training.runs import BASELINE

if TYPE_CHECKING:
    from judges.pairwise import Duel, Outcome
    from results.records import RunLog


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
    from judges.pairwise import PAIRWISE
    from results.conditions import differences
    from results.duels import MATTERS, duels_between, tabulate
    from results.terminal import show_standings

    if len(set(runs)) < 2:
        raise click.UsageError("name at least two runs")
    wanted = tuple(dict.fromkeys(dimensions)) or PAIRWISE
    logs = sources.logs(runs)
    names = [log.run for log in logs]
    duels, warnings = duels_between(logs), differences(logs, MATTERS)
    own = _own_texts(sources.voice_of(logs[0]), logs) if "voice_match" in wanted else ()
    questions = 2 * len(duels) * len(wanted)
    click.echo(
        f"{len(duels)} pairs of answers, both orders, for {', '.join(wanted)}: up to {questions} questions",
        err=True,
    )
    reference = BASELINE if BASELINE in names else names[0]
    asked = asyncio.run(_ask(grader, wanted, duels, own, max_connections))
    tables = [tabulate(key, judge, outcomes, names, reference) for key, judge, outcomes in asked]
    if not any(table.order.settled for table in tables):
        raise TimbreError(
            f"no pair has an outcome: {'; '.join(tables[0].reasons[:3])}",
            where=grader,
            do="try another grader",
        )
    if as_json:
        print_json(
            {
                **{"runs": names, "reference": reference, "suite": logs[0].suite, "grader": grader},
                **{"warnings": warnings, "dimensions": tables},
            }
        )
    else:
        show_standings(tables, warnings)


async def _ask(
    grader: str,
    dimensions: Sequence[str],
    duels: "Sequence[Duel]",
    own: Sequence[str],
    max_connections: int | None,
) -> "list[tuple[str, str, list[Outcome]]]":
    """Each dimension with its judge and the duels' outcomes; a line of progress on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from evals.pairwise import ask_duels, open_grader
    from judges.rubric import load_rubric

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    found = []
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        async with open_grader(grader) as model:
            for key in dimensions:
                bar = progress.add_task(key, total=len(duels))

                def advance(outcome: "Outcome", bar: TaskID = bar) -> None:
                    progress.advance(bar)

                judge, outcomes = await ask_duels(
                    model,
                    load_rubric(key),
                    duels,
                    own if key == "voice_match" else (),
                    max_connections=max_connections,
                    on_outcome=advance,
                )
                found.append((key, judge, outcomes))
    return found


def _own_texts(voice: Path, logs: "Sequence[RunLog]") -> tuple[str, ...]:
    """The writer's texts to show.

    Raises:
        TimbreError: The file is unreadable, or another than the runs were evaluated with.
    """
    from judges.pairwise import reference_texts
    from judges.reference import load_reference

    reference = load_reference(voice, None)
    digest = hashlib.sha256(voice.read_bytes()).hexdigest()[:12]
    for log in logs:
        if not log.conditions["voice"].endswith(digest):
            raise TimbreError(
                f"{log.run} was evaluated with the voice {log.conditions['voice']}, and this is {digest}",
                where=str(voice),
                do="give --voice that file, or compare other dimensions",
            )
    return reference_texts(reference.train)
