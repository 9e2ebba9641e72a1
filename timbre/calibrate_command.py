"""``timbre calibrate JUDGE LABELS.csv``; heavy imports wait, so that ``--help`` is quick."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from judges.licensing.label_file import Labels
    from judges.licensing.licence import LabelledBy, Licence
    from judges.licensing.named_judges import NamedJudge

ASKING = ("rubric", "pairwise", "confirm")
"""Families of judges that ask a grader."""


@click.command()
@click.argument("judge", metavar="JUDGE")
@click.argument("labels", metavar="LABELS.csv", type=click.Path(path_type=Path))
@click.option(
    "--labelled-by",
    type=click.Choice(["people", "model"]),
    required=True,
    help="Who labelled the texts. Say 'model' if a model did: the gate trusts people alone.",
)
@click.option(
    "--domain",
    metavar="TEXT",
    default="not stated",
    show_default=True,
    help="What texts they are, in a few words. The policy lists the domains that its gate accepts.",
)
@click.option(
    "--cut",
    metavar="VALUE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Value from which an answer is a yes; pairs have none.",
)
@click.option(
    "--grader",
    metavar="MODEL",
    help="Who is asked, for rubric/, pairwise/ and confirm/: an Inspect model or a run.",
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
@click.option("--json", "as_json", is_flag=True, help="Print the licence as JSON.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where licences are kept.  [default: judges/licences]",
)
def calibrate(
    judge: str,
    labels: Path,
    labelled_by: str,
    domain: str,
    cut: float,
    grader: str | None,
    logprobs: bool,
    max_connections: int | None,
    attacked: int,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure how well a judge agrees with labels, and write its licence.

    The gate lets a dimension that needs a licence block only while its judge has one that the policy's
    section [licence] accepts. A judge that changes in any part is another judge, and has none.

    \b
    JUDGE is one of
      linear/humor, linear/provocativeness
      lora/humor, lora/provocativeness, lora/self_insertion               the LoRA judges, over a server
      compression, self_insertion, hashtag_slop, specificity, voice_match, memorization   metrics
      rubric/humor, rubric/provocativeness, rubric/warmth                 a grader with a rubric
      pairwise/humor, .../provocativeness, .../warmth, .../voice_match    a grader with two texts
      confirm/self_insertion                                              detector and grader

    LABELS.csv has a row a text. A label is 0 or 1, or a rating on any scale; more means more of the
    judge's dimension (for self_insertion: more of the fault; for compression: rightly brief). Each further
    column is one rater's, and two or more of them give the agreement of people with each other to read the
    judge's beside:

    \b
      id,prompt,text,label,ann,ben
      a1,A note on umbrellas.,Nobody owns one.,1,1,1
      a2,A note on umbrellas.,An umbrella is a useful tool.,0,0,1

    Three columns are none of a rater's. subjects (names parted by semicolons) and first_person_licensed (true
    or false) are what self_insertion goes by: without subjects it takes no 'we' for a claim. target_words
    (a band, such as 40-80) is what compression goes by: a text without has no value.

    For pairwise judges, each text is paired at random with one of another label under the same prompt (under
    any prompt where that gives fewer than 20 pairs), once at most; every n of the licence counts pairs. The
    position bias is the share of pairs whose winner flips with their order.

    A grader is asked about every text twice, the second time past the cache, and about attacked ones 16
    times each; pairs in both orders. Replies are kept: called again, or after Ctrl-C, only the second round
    is asked anew. --attacked 20 makes it cheaper, and the injection flip rate coarser.

    \b
    Examples:
      timbre calibrate linear/humor labels.csv --labelled-by people --domain "canary answers"
      timbre calibrate rubric/humor labels.csv --labelled-by people --grader openai/gpt-5
    """
    from judges.licensing.label_file import read_labels
    from judges.licensing.licence import LICENCES, write_licence
    from judges.licensing.licence_page import licence_page

    family, slash, _ = judge.partition("/")
    asking = bool(slash) and family in ASKING
    if asking and not grader:
        raise click.UsageError(f"{judge} asks a grader: name one with --grader")
    if grader and not asking:
        raise click.UsageError(
            f"{judge} asks no grader; those that do: {', '.join(f'{f}/NAME' for f in ASKING)}"
        )
    if logprobs and not asking:
        raise click.UsageError(f"{judge} asks no grader: it has no --logprobs")
    if family == "pairwise" and cut != 0.5:
        raise click.UsageError("a pair is won, lost or tied: it has no --cut")
    read = read_labels(labels)
    told: LabelledBy = "people" if labelled_by == "people" else "model"
    for line in _warnings(judge, read):
        click.echo(line, err=True)
    if grader and asking:
        licence = _asked(judge, read, domain, told, cut, grader, logprobs, max_connections, attacked)
    else:
        from judges.licensing.calibrate import calibrate as measure

        licence = measure(
            _unasked(judge), read, domain=domain, labelled_by=told, cut=cut, attacked_texts=attacked
        )
    folder = out or LICENCES
    before = _held(licence, folder)
    if before is not None:
        click.echo(f"in place of the licence of {before}", err=True)
    path = write_licence(licence, folder)
    lack = _lack(licence)
    if lack:
        click.echo(f"the shipped policy does not accept it: {lack}", err=True)
    if as_json:
        click.echo(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2))
    else:
        click.echo(licence_page(licence))
        click.echo(f"wrote {path}")


def _held(licence: "Licence", folder: Path) -> str | None:
    """The licence that the same judge has in the folder by now, in a few words."""
    from judges.licensing.licence import find_licence
    from results.licences import told

    try:
        held = find_licence(str(licence.identity), folder)
    except TimbreError:
        return "that can't be read"
    return f"{held.created} ({told(held)}, {held.domain})" if held else None


def _lack(licence: "Licence") -> str | None:
    """What keeps the gate from trusting it, where the gate asks for one."""
    from results.licences import shortcoming
    from results.policy import load_policy

    policy = load_policy()
    rule = policy.dimensions.get(licence.dimension)
    if policy.licence is None or rule is None or not rule.needs_licence:
        return None
    return shortcoming(licence.dimension, licence, policy.licence, policy.max_unscored)


def _unasked(judge: str) -> "NamedJudge":
    """A judge that asks no grader; Inspect is imported only for one that is served."""
    from judges.licensing.named_judges import FAMILIES, find_judge

    if judge.startswith("lora/"):
        from evals.calibration import SERVED

        return find_judge(judge, {**FAMILIES, **SERVED})
    return find_judge(judge)


def _asked(
    judge: str,
    labels: "Labels",
    domain: str,
    labelled_by: "LabelledBy",
    cut: float,
    grader: str,
    logprobs: bool,
    max_connections: int | None,
    attacked: int,
) -> "Licence":
    """The licence of a judge that asks a grader; a count of texts goes by on a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from evals.calibration import grading
    from judges.licensing.calibrate import calibrate as measure
    from judges.licensing.calibrate_pairs import calibrate_pairs
    from judges.licensing.named_judges import FAMILIES, find_judge

    family, _, key = judge.partition("/")
    columns = (TextColumn("{task.description}: {task.completed:.0f} judged"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(judge, total=None)
        with grading(
            grader,
            logprobs=logprobs,
            max_connections=max_connections,
            told=lambda: progress.advance(bar),
        ) as judges:
            if family == "pairwise":
                return calibrate_pairs(
                    judges.pairs(key), labels, domain=domain, labelled_by=labelled_by, attacked_pairs=attacked
                )
            found = find_judge(judge, {**FAMILIES, **judges.families})
            return measure(
                found, labels, domain=domain, labelled_by=labelled_by, cut=cut, attacked_texts=attacked
            )


def _warnings(judge: str, labels: "Labels") -> list[str]:
    """What the labels don't tell that the judge goes by."""
    lacks = []
    if judge.endswith("self_insertion"):
        if "subjects" not in labels.columns:
            lacks.append("no column subjects: claims to have shared their story ('we', 'our') go unseen")
        if "first_person_licensed" not in labels.columns:
            lacks.append(
                "no column first_person_licensed: no prompt counts as asking for a life of one's own"
            )
    if judge.startswith("pairwise/"):
        from judges.licensing.calibrate_pairs import labelled_pairs

        pairs = labelled_pairs(labels)
        if not pairs.same_prompt:
            lacks.append(f"{len(pairs.duels)} pairs, of different prompts: the grader is told no request")
    return lacks
