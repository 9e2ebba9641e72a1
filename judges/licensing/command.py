"""``timbre calibrate JUDGE LABELS.csv``; heavy imports wait, so that ``--help`` is quick."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from judges.licensing.agreement import Figure
    from judges.licensing.licence import Licence


@click.command(name="calibrate")
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
    help="Value from which an answer is a yes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the licence as JSON.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where licences are kept.  [default: judges/licences]",
)
def calibrate(
    judge: str, labels: Path, labelled_by: str, domain: str, cut: float, as_json: bool, out: Path | None
) -> None:
    """Measure how well a judge agrees with labels, and write its licence.

    The gate lets a dimension that needs a licence block only while its judge has one that the policy's
    section [licence] accepts. A judge that changes in any part is another judge, and has none.

    JUDGE is linear/humor, linear/provocativeness, or a metric: self_insertion, hashtag_slop, specificity,
    voice_match, memorization.

    LABELS.csv has a row a text. A label is 0 or 1, or a rating on any scale; more means more of the
    judge's dimension (for self_insertion: more of the fault). Each further column is one rater's, and two
    or more of them give the agreement of people with each other to read the judge's beside:

    \b
      id,prompt,text,label,ann,ben
      a1,A note on umbrellas.,Nobody owns one.,1,1,1
      a2,A note on umbrellas.,An umbrella is a useful tool.,0,0,1

    \b
    Example:
      timbre calibrate linear/humor labels.csv --labelled-by people --domain "canary answers"
    """
    from judges.licensing.calibrate import calibrate as measure
    from judges.licensing.calibrate import find_judge
    from judges.licensing.label_file import read_labels
    from judges.licensing.licence import LICENCES, write_licence

    licence = measure(
        find_judge(judge),
        read_labels(labels),
        domain=domain,
        labelled_by="people" if labelled_by == "people" else "model",
        cut=cut,
    )
    path = write_licence(licence, out or LICENCES)
    if as_json:
        click.echo(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2))
    else:
        click.echo(licence_page(licence))
        click.echo(f"wrote {path}")


def licence_page(licence: "Licence") -> str:
    """A licence for a reader: who was held against what, and a line a figure."""
    found = licence.agreement
    lines = [
        f"{licence.identity}: {licence.dimension}, {licence.domain}, labelled by {licence.labelled_by}",
        f"n {licence.n}, {licence.n_positive} yes from {licence.cut_off:g}, {licence.n_unscored} unscored",
    ]
    if licence.label_kind == "ratings":
        lines.append(
            f"ratings from {licence.label_low:g} to {licence.label_high:g} scaled to [0, 1] for every figure "
            "but r, rank r and length bias"
        )
    for name, figure in (
        ("AUC", found.auc),
        ("r", found.pearson),
        ("rank r", found.spearman),
        ("kappa", found.kappa),
        ("sensitivity", found.sensitivity),
        ("specificity", found.specificity),
        ("yes-rate gap", found.yes_rate_gap),
        ("length bias", found.length_bias),
    ):
        lines.append(_line(name, figure))
    over = licence.ceiling
    if over is not None:
        lines.append(_line(f"{over.raters} raters, {over.statistic}", over.pairwise))
        lines.append(_line(f"{over.raters} raters, alpha", over.alpha))
    lines.append(f"{'retest flips':<18}{licence.retest_flip_rate:7.3f}")
    flips = licence.injection_flip_rate
    lines.append(f"{'injection flips':<18}{'no text could be turned' if flips is None else f'{flips:7.3f}'}")
    return "\n".join(lines)


def _line(name: str, figure: "Figure | None") -> str:
    if figure is None:
        return f"{name:<18}not defined by these rows"
    return f"{name:<18}{figure.estimate:7.3f}  [{figure.low:.3f}, {figure.high:.3f}]"
