"""``timbre calibrate JUDGE LABELS.csv``; heavy imports wait, so that ``--help`` is quick."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from judges.licensing.calibrate import NamedJudge
    from judges.licensing.labels import Labels
    from judges.licensing.licence import LabelledBy

GRADED = ("rubric", "pairwise", "confirm")  # families of judges that ask a grader


class Scale(click.ParamType[tuple[float, float]]):
    """A scale of labels: two numbers with a hyphen between them."""

    name = "low-high"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Least and greatest label, or a usage error."""
        match = re.fullmatch(r"(-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)", value)
        if not match or float(match[1]) >= float(match[2]):
            self.fail(f"{value!r} is no scale: write such as 0-4", param, ctx)
        return float(match[1]), float(match[2])


@click.command()
@click.argument("judge", metavar="JUDGE")
@click.argument("labels", metavar="[LABELS.csv]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--needs", is_flag=True, help="Only print what the gate's policy asks of a licence, and what is missing."
)
@click.option(
    "--labelled-by",
    type=click.Choice(["people", "model"]),
    help="Who labelled the texts. Say 'model' if a model did: the shipped policy asks for people's labels.",
)
@click.option(
    "--domain",
    metavar="TEXT",
    default="not stated",
    show_default=True,
    help="What texts they are, in a few words. The policy lists the domains that its gate accepts.",
)
@click.option("--scale", metavar="LOW-HIGH", type=Scale(), help="The scale that raters had.  [default: 0-1]")
@click.option(
    "--yes-from",
    metavar="LABEL",
    type=float,
    help="Label from which a text counts as a yes.  [default: the middle of the scale]",
)
@click.option(
    "--cut",
    metavar="VALUE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="The judge's value from which an answer is a yes; pairs have none.",
)
@click.option(
    "--grader", metavar="MODEL", help="An Inspect model or a run, for rubric/, pairwise/ and confirm/."
)
@click.option(
    "--logprobs", is_flag=True, help="Ask the grader how sure it is, as a role with logprobs: true."
)
@click.option("--max-connections", type=click.IntRange(1), help="Questions in flight.")
@click.option(
    "--attacked",
    metavar="N",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Texts, or pairs, that 16 attacks are tried on.",
)
@click.option("--replace", is_flag=True, help="Replace a better licence of the same judge, or a broken one.")
@click.option("--json", "as_json", is_flag=True, help="Print the licence as JSON.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where licences are stored.  [default: judges/licences]",
)
def calibrate(
    judge: str,
    labels: Path | None,
    needs: bool,
    labelled_by: "LabelledBy | None",
    domain: str,
    scale: tuple[float, float] | None,
    yes_from: float | None,
    cut: float,
    grader: str | None,
    logprobs: bool,
    max_connections: int | None,
    attacked: int,
    replace: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure how well a judge agrees with labels, and write its licence.

    The gate lets a dimension that needs a licence block only while its judge has one that the policy's
    section [licence] accepts. A judge that changes in any part is another judge, and has none. --needs prints
    what the shipped policy asks for, before anybody rates a text.

    \b
    JUDGE is one of
      humor, specificity, self_insertion, ...                 a dimension's judge that needs no grader
      rubric/humor, rubric/provocativeness, rubric/warmth     a grader with a rubric
      pairwise/humor, .../provocativeness, .../warmth, .../voice_match    a grader with two texts
      confirm/self_insertion                                  detector and grader

    LABELS.csv, as `timbre label` writes it, has a row a text: id, prompt, text, label, and a further column for each
    rater, whose agreement is what to read the judge's beside. A label is 0 or 1, or a rating on the --scale; more
    means more of the judge's dimension (for self_insertion: more of the fault; for compression: rightly brief).
    Four columns are no rater's: subjects (names separated by semicolons) and first_person_licensed (true or
    false), which self_insertion goes by, target_words (a band, such as 40-80), which compression goes by, and
    other_text, which makes each row a pair that people compared, for pairwise judges alone: label 1 if text is
    the better one, 0 if the other is, .5 for a tie, which is left out.

    For pairwise judges, each text is paired at random with one of another label under the same prompt (under
    any prompt where that gives fewer than 20 pairs), once at most; every n of the licence counts pairs. The
    position bias is the share of pairs whose winner flips with their order.

    A grader is asked about every text twice, the second time past the cache, and about attacked ones 16
    times each; pairs in both orders. Replies are cached: called again, or after Ctrl-C, only the second round
    is asked anew. --attacked 20 makes it cheaper, and the injection flip rate coarser.

    A licence never takes the place of a better one of the same judge (people's labels over a model's, more
    labels over fewer, the same domain), unless --replace is given.

    \b
    Examples:
      timbre calibrate humor --needs
      timbre calibrate humor labels.csv --scale 0-4 --labelled-by people --domain 'canary answers'
      timbre calibrate rubric/humor labels.csv --labelled-by people --domain 'canary answers' --grader openai/gpt-5
    """
    from judges.licensing import calibrate as calibration
    from judges.licensing.labels import read_labels
    from judges.licensing.licence import LICENCES, Basis, licence_page, refuse_weaker, write_licence
    from judges.types import DIMENSIONS
    from results.licences import shortfalls
    from results.options import print_json
    from results.policy import load_policy

    family, _, dimension = judge.rpartition("/")
    if needs:
        _print_needs(judge)
    elif labels is None or labelled_by is None:
        raise click.UsageError("give LABELS.csv and --labelled-by, or --needs")
    elif (family in GRADED) != bool(grader):
        asks = "asks a grader: name one with --grader" if not grader else "asks no grader"
        raise click.UsageError(f"{judge} {asks}; graders are asked by {', '.join(GRADED)}/NAME")
    elif logprobs and not grader:
        raise click.UsageError(f"{judge} asks no grader: it has no --logprobs")
    elif family == "pairwise" and cut != 0.5:
        raise click.UsageError("a pair is won, lost or tied: it has no --cut")
    if labels is None:
        return
    rated, labelled_by = read_labels(labels, scale, yes_from), labelled_by or "people"
    lacks = _known_shortfalls(judge, rated, labelled_by, domain)
    if needs:
        can = f"{labels} can give such a licence, as far as is known before measuring."
        click.echo("\n".join(lacks) or can)
        return
    for line in lacks:
        click.echo(line, err=True)
    folder = out or LICENCES
    with _judge(judge, grader, logprobs, max_connections) as named:
        if not replace:
            most = len(calibration.items_of(rated, named.paired).items)
            refuse_weaker(named.identity, Basis(labelled_by, domain, most, rated.sha256), folder)
        licence = calibration.calibrate(
            named, rated, domain=domain, labelled_by=labelled_by, cut=cut, attacked=attacked
        )
    path = write_licence(licence, folder, replace=replace)
    policy = load_policy()
    rule = policy.dimensions.get(dimension)
    problems = shortfalls(dimension, licence, policy) if rule and rule.needs_licence else ()
    for problem in problems:
        click.echo(f"the shipped policy does not accept it: {problem}", err=True)
    if problems and not grader and DIMENSIONS[dimension].judged_by == "grader":
        click.echo(
            f"a grader may do better with the same labels: rubric/{dimension} --grader MODEL", err=True
        )
    if as_json:
        extra = {"digest": licence.identity.digest, "path": str(path), "shortfalls": problems}
        print_json({**json.loads(path.read_text(encoding="utf-8")), **extra})
    else:
        click.echo(f"{licence_page(licence)}\nwrote {path}")


def _print_needs(judge: str) -> None:
    """What the policy asks of a licence, and which columns the judge goes by."""
    from judges.licensing.calibrate import NEEDS
    from judges.types import DIMENSIONS
    from results.licences import demands
    from results.policy import load_policy

    family, _, dimension = judge.rpartition("/")
    if dimension not in DIMENSIONS:
        do = f"use one of {', '.join(DIMENSIONS)}"
        raise TimbreError(f"no dimension {dimension!r}", where="JUDGE", do=do)
    click.echo(f"A licence of {judge} lets {dimension} block if it shows:")
    for line in demands(dimension, load_policy()):
        click.echo(f"  {line}")
    if family == "pairwise":
        click.echo(
            "  every n counts pairs: compare as many (`timbre label --pairs`), or rate twice as many texts"
        )
    if dimension in NEEDS:
        click.echo(f"The judge goes by the column {' and '.join(NEEDS[dimension])}.")


def _known_shortfalls(judge: str, labels: "Labels", labelled_by: "LabelledBy", domain: str) -> list[str]:
    """All that the labels lack, for the judge and for the shipped policy; known before anything is asked."""
    from judges.licensing.calibrate import NEEDS, items_of
    from results.licences import label_shortfalls
    from results.policy import load_policy

    family, _, dimension = judge.rpartition("/")
    is_paired, policy = family == "pairwise", load_policy()
    items, rule = items_of(labels, paired=is_paired), policy.dimensions.get(dimension)
    lines = [
        f"no column {column}, which the judge of {dimension} goes by"
        for column in NEEDS.get(dimension, ())
        if column not in labels.columns
    ]
    if is_paired and not any(duel.prompt for duel in items.items):
        lines.append(f"{len(items.items)} pairs, of different prompts: the grader is shown no request")
    if rule and rule.needs_licence:
        problems = label_shortfalls(
            policy.licence,
            labelled_by=labelled_by,
            domain=domain,
            n=len(items.items),
            n_positive=int(items.is_yes.sum()),
            binary=labels.binary or is_paired,
        )
        lines += [f"the shipped policy will not accept these labels: {problem}" for problem in problems]
    return lines


@contextmanager
def _judge(
    name: str, grader: str | None, logprobs: bool, max_connections: int | None
) -> "Iterator[NamedJudge]":
    """The judge of that name; while a grader is open, a count of texts goes by on a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from judges.licensing.calibrate import find_judge

    if grader is None:
        yield find_judge(name)
        return
    from evals.calibration import grading

    columns = (TextColumn("{task.description}: {task.completed:.0f} judged"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(name, total=None)
        options: dict[str, Any] = {"logprobs": logprobs, "max_connections": max_connections}
        with grading(grader, **options, on_item=lambda: progress.advance(bar)) as judges:
            yield judges.find(name)
