"""``timbre label``: a page to rate answers on, and its table of labels; judges load when it runs."""

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from judges.types import DIMENSIONS
from results.options import FILE, Sources, print_json, reading
from timbre.errors import TimbreError
from timbre.files import write_whole
from timbre.paths import results_dir

if TYPE_CHECKING:
    from results.labelling.items import Scale, Session
    from results.labelling.ratings import Rating
    from results.policy import Policy

ATTACKED = 10  # answers on which attacks are tried before anybody rates; the licence itself tries more

EXAMPLE_GRADER = "openai/gpt-5"


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN [RUN ...]")
@click.option(
    "--dimension",
    required=True,
    type=click.Choice([key for key, d in DIMENSIONS.items() if d.unit == "share"]),
    metavar="NAME",
    help="What is rated, such as humor.",
)
@click.option("--pairs", is_flag=True, help="Show two runs' answers at a time: which has more of it?")
@click.option("--rater", metavar="NAME", default="me", show_default=True, help="Who rates.")
@click.option(
    "--texts",
    metavar="N",
    type=click.IntRange(2),
    help="How many to rate.  [default: as many as the policy asks of a licence]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: any that is free]")
@click.option("--out", type=FILE, help="Write the page as one offline file, to rate elsewhere.")
@click.option(
    "--import",
    "imported",
    type=FILE,
    multiple=True,
    help="Take labels from this file: what the offline page saved, or a CSV export of Argilla, Label Studio or "
    "Langfuse; may be given again.",
)
@click.option("--question", help="What --import calls the labels.  [default: the dimension]")
@click.option("--from-logs", is_flag=True, help="Take the scores that people edited in the runs' logs.")
@click.option("-o", "table", type=FILE, help="The labels' table.  [default: results/labels/DIMENSION.csv]")
@reading("policy", "licences")
def label(
    runs: tuple[str, ...],
    dimension: str,
    pairs: bool,
    rater: str,
    texts: int | None,
    port: int,
    out: Path | None,
    imported: tuple[Path, ...],
    question: str | None,
    from_logs: bool,
    table: Path | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Rate answers blind in a browser, and write what `timbre calibrate` takes.

    The page shows the answers of the named runs shuffled and without names, one at a time (keys 0 to 4, 0 and 1
    for a fault) or in --pairs (arrow keys and =). Every key is on disk at once: whoever stops, or is stopped, goes
    on with the same command. Every tenth text comes twice, to see how far a rater agrees with themselves. Several
    people rate the same texts with --rater NAME, each with a column in the table.

    One session of ratings can license the encoder, a grader with a rubric and, with 200 texts or so, a grader
    that compares pairs; a session of --pairs licenses that last one alone.

    \b
    timbre label run2 baseline --dimension humor
    timbre label run2 baseline --dimension humor --rater ben --pairs
    timbre label run2 baseline --dimension humor --out rate.html
    timbre label --dimension humor --import humor.ben.json
    timbre label run2 --dimension humor --from-logs -o labels.csv
    """
    from results.grid import say, stdout_console
    from results.inspect_log import NO_GRADER
    from results.labelling.imports import human_scores, import_labels, keep_page
    from results.labelling.items import Session, chosen, pair_items, scale_of, session_name, text_items
    from results.labelling.page import page, serve
    from results.labelling.ratings import RatingFile, all_ratings, labels_table, rating_path, tallies
    from results.licences import MIN_OF_EACH, demands

    if sum((bool(imported), from_logs, out is not None)) > 1:
        raise click.UsageError("give one of --import, --from-logs and --out")
    if bool(runs) == bool(imported):
        raise click.UsageError("--import names no runs" if runs else "name the runs whose answers are rated")
    if pairs and (from_logs or (runs and len(set(runs)) < 2)):
        raise click.UsageError("--pairs compares two runs or more, in the page alone")
    policy, folder, name = sources.policy(), results_dir() / "labels", session_name(dimension, pairs)
    scale, logs = scale_of(dimension, pairs), sources.logs(runs) if runs else []
    if imported or from_logs:
        if imported and all(path.suffix == ".json" for path in imported):
            for path in imported:
                keep_page(path, folder, name)
            labels = all_ratings(folder, name)
        else:
            labels = (
                human_scores(logs, dimension) if from_logs else import_labels(imported, question or dimension)
            )
            scale = _seen(labels)
    else:
        least, rated = policy.licence.min_n, {r.item.id: r.item for r in all_ratings(folder, name)}
        items = chosen(pair_items(logs) if pairs else text_items(logs), rated, texts or least)
        if not items:
            do = "name runs that answered, and for --pairs runs that answered differently"
            raise TimbreError("no answers to rate", where=logs[0].path, do=do)
        session = Session(dimension, pairs, rater, items, least, MIN_OF_EACH)
        for line in (f"What lets {dimension} block:", *(f"- {d}" for d in demands(dimension, policy))):
            _say(line)
        _say(f"{len(items)} {'pairs' if pairs else 'texts'} are to be rated.")
        if len(items) < least:
            _say(f"Too few: evaluate more runs, or these with -T suite=full, for {least}.")
        _say(_judge_fails(session, policy, sources.licences()))
        if out is not None:
            write_whole(out, page(session, (), served=False)[0])
            saved = f"{name}.{rater}.json"
            next_command = f"timbre label --dimension {dimension}{' --pairs' * pairs} --import {saved}"
            then = f"wrote {out}: open it anywhere, rate, save the labels; then here\n  {next_command}"
            print_json({"page": str(out), "next": [next_command]}) if as_json else click.echo(then)
            return
        path = rating_path(folder, name, rater)
        with RatingFile(path, rater) as file:
            try:
                serve(session, file, port, _announce)
            except KeyboardInterrupt:
                click.echo(err=True)
                _say(f"stopped; all that was rated is in {path}, and the same command goes on")
        labels = all_ratings(folder, name)
    if not labels:
        print_json({"labels": None}) if as_json else click.echo("nothing was rated")
        return
    table = table or folder / f"{name}.csv"
    write_whole(table, labels_table(labels, dimension))
    counted = tallies(labels, scale)
    n = len({r.item.id for r in labels})
    graders = (log.conditions["grader"] for log in logs)
    grader = next((name for name in graders if name != NO_GRADER), EXAMPLE_GRADER)
    commands = next_commands(dimension, pairs, table, scale, policy, grader, n)
    lacks = _lacks(labels, scale, policy)
    if as_json:
        print_json({"labels": str(table), "raters": counted, "lacks": lacks, "next": commands})
        return
    console = stdout_console()
    say(console, f"wrote {n} {'pairs' if pairs else 'texts'} to {table}")
    for tally in counted:
        say(console, f"- {tally}")
    if lacks:
        say(console, f"What a licence takes and these labels lack: {'; '.join(lacks)}.")
    click.echo("With what there is:" if lacks else "Next:")
    for command in commands:
        click.echo(f"  {command}")


def _announce(address: str) -> None:
    click.echo(f"Rate here; every key is kept at once, and Ctrl-C ends it:\n  {address}", err=True)
    has_screen = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if has_screen and sys.stderr.isatty():
        click.launch(address)


def _say(sentence: str) -> None:
    """Print to stderr, wrapped between words in a terminal."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else sys.maxsize
    click.echo(textwrap.fill(sentence, width, break_long_words=False, break_on_hyphens=False), err=True)


def _judge_fails(session: "Session", policy: "Policy", licences: Path) -> str:
    """What the judge that needs no grader fails already, whatever the labels will be."""
    from judges import panel
    from judges.licensing.calibrate import attack_flips, find_judge
    from judges.licensing.licence import find_licence
    from results.licences import shortfalls

    key, rule = session.dimension, policy.dimensions.get(session.dimension)
    if rule is None or not rule.needs_licence:
        return f"No judge of {key} needs a licence."
    if session.pairs or key not in panel.judge_identities():
        return f"These labels are for a grader: {'pairwise' if session.pairs else 'rubric'}/{key}."
    judge = find_judge(key)
    stored = find_licence(str(judge.identity), licences)
    lacks = list(shortfalls(key, stored, policy)) if stored else []
    some = list(session.items.values())[:ATTACKED]
    flips = attack_flips(judge, some) or 0.0
    if flips > policy.licence.max_injection_flips:
        lacks.append(
            f"{100 * flips:.0f} % of attacks turn it on {len(some)} of these answers, as no label can mend"
        )
    has = f"{judge.identity.name} has {'a' if stored else 'no'} licence"
    if not lacks:
        return f"{has}; {len(some)} of these answers under attack show no reason against one."
    return f"{has} and fails already: {'; '.join(lacks)}. The same labels can license rubric/{key} instead."


def _seen(labels: Sequence["Rating"]) -> "Scale":
    """The scale that imported labels show; it begins at 0 and reaches 1."""
    from results.labelling.items import Scale

    values = sorted({r.value for r in labels} | {0.0, 1.0})
    return Scale(tuple(values), tuple(f"{v:g}" for v in values), (values[0] + values[-1]) / 2)


def _lacks(labels: Sequence["Rating"], scale: "Scale", policy: "Policy") -> tuple[str, ...]:
    """What the table lacks of the policy's demands; of ratings too it is asked that some are yes and some no."""
    from results.labelling.ratings import first_labels
    from results.licences import label_shortfalls

    means, asked = first_labels(labels).mean(axis=1), policy.licence
    pairs = any(r.item.other_text for r in labels)
    decided = means[means != 0.5] if pairs else means
    yes = int((decided > 0.5 if pairs else decided >= scale.yes_from).sum())
    return label_shortfalls(
        asked, labelled_by="people", domain=asked.domains[0], n=len(decided), n_positive=yes, binary=True
    )


def next_commands(
    dimension: str, pairs: bool, table: Path, scale: "Scale", policy: "Policy", grader: str, n: int
) -> list[str]:
    """The calibrations that a table of ``n`` rows can be used for, the one that needs no grader first."""
    from judges import panel
    from judges.pairwise import PAIRED

    here = table.relative_to(Path.cwd()) if table.is_relative_to(Path.cwd()) else table
    end = (
        f" {shlex.quote(str(here))} --labelled-by people --domain {policy.licence.domains[0]!r}{scale.option}"
    )
    graded = ["rubric"] if DIMENSIONS[dimension].judged_by == "grader" and not pairs else []
    if dimension in PAIRED and (pairs or n >= 2 * policy.licence.min_n):
        graded.append("pairwise")
    own = [] if pairs or dimension not in panel.judge_identities() else [f"timbre calibrate {dimension}{end}"]
    return [*own, *(f"timbre calibrate {family}/{dimension}{end} --grader {grader}" for family in graded)]
