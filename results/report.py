"""A self-contained HTML page: verdict, plots, judges, training, and every answer side by side.

Everything is inside the one file, Plotly's script too (4.8 MB), and its Content-Security-Policy lets nothing
be fetched: it works offline and can be sent by mail. The page itself is ``results/report_page/``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from judges.licensing.licence import LICENCES
from results import report_plots, report_tables
from results.arms import ArmScore, side_by_side
from results.ceiling import ceiling, other_writers
from results.conditions import differences
from results.gate import gate_logs
from results.licences import named_table
from results.markdown import write_whole
from results.policy import Policy
from results.records import RunLog
from results.report_answers import SHOWN, canary_views
from results.run_facts import RunFacts, read_run_facts
from results.statistics import Interval

_PAGE = Path(__file__).with_name("report_page")


def write_report(
    logs: Sequence[RunLog],
    policy: Policy,
    path: Path,
    licences: Path = LICENCES,
    *,
    runs: Path,
    voice: Path,
) -> None:
    """Write the page of some runs, of which the first is what the others are held against.

    Args:
        logs: One a run; with several bases each arm's base is named.
        policy: For gates and margins; conditions that differ are told and compared all the same.
        path: The page.
        licences: Folder of the judges' licences.
        runs: Folder of run folders, for losses and facts.
        voice: The writer's pairs, for the ceiling; not used where the logs were judged with others.

    Raises:
        TimbreError: the place can't be written to, or a run's folder is broken.
    """
    names = [log.run for log in logs]
    table = named_table(logs)
    scored = side_by_side(table, names, policy)
    gates = [gate_logs(logs[0], log, policy, licences, allowed=tuple(logs[0].conditions)) for log in logs[1:]]
    facts = [f for name in names if (f := read_run_facts(name.partition("+")[0], runs)) is not None]
    top, note = _ceiling(logs, voice)
    plots = _plots(names, scored, facts, top, policy)
    canaries = canary_views(logs)
    page = Environment(autoescape=True, loader=FileSystemLoader(_PAGE)).get_template("page.html")
    text = page.render(
        runs=names,
        warnings=differences(logs),
        gates=[report_tables.gate_table(result) for result in gates],
        scores=report_tables.scores_table(names, scored),
        forest="forest" in plots,
        ceilings=report_tables.ceilings_table(names, scored, top),
        ceiling_note=note,
        licences=report_tables.licences_table(table, gates),
        losses=report_tables.losses_table(facts),
        facts=report_tables.facts_table(logs, facts),
        canaries=canaries,
        kinds=sorted({c.kind for c in canaries}),
        faults=[key for key in SHOWN if any(key in c.faults for c in canaries)],
        plots=Markup(_script_json(plots)),
        plotly=Markup(_plotly()),
        style=Markup((_PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup((_PAGE / "page.js").read_text(encoding="utf-8")),
        table=_table,
        plot=_plot,
    )
    write_whole(path, text)


def _script_json(value: Any) -> str:
    """JSON that can stand inside ``<script>``: no ``<`` ends it, whatever a run is called."""
    told = json.dumps(value, allow_nan=False, sort_keys=True)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def _table(made: Mapping[str, Any]) -> Markup:
    """A table that scrolls sideways by itself: ``caption``, ``headings``, ``rows`` of cells."""
    headings = Markup("").join(Markup('<th scope="col">{}</th>').format(h) for h in made["headings"])
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row[1:])
        )
        for row in made["rows"]
    )
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{0}"><table><caption>{0}</caption>'
        "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(made["caption"], headings, rows)


def _plot(name: str, told: str) -> Markup:
    """Where a plot goes, with a text for who can't see it."""
    return Markup(
        '<figure role="img" aria-label="{1}"><div class="plot" id="plot-{0}"></div></figure>'
    ).format(name, told)


def _plots(
    names: Sequence[str],
    scored: Sequence[ArmScore],
    facts: Sequence[RunFacts],
    top: Mapping[str, Interval],
    policy: Policy,
) -> dict[str, Any]:
    figures = {"strips": report_plots.strips(names, scored, top)}
    if len(names) > 1:
        figures["forest"] = report_plots.forest(names, scored, policy)
    if any(run.epochs for run in facts):
        figures["losses"] = report_plots.loss_curves(facts)
    return {name: report_plots.as_json(figure) for name, figure in figures.items()}


def _ceiling(logs: Sequence[RunLog], voice: Path) -> tuple[dict[str, Interval], str]:
    """The ceiling, if these are the texts that the logs were judged with; and what to say of it."""
    judged_with = logs[0].conditions["voice"]
    try:
        digest = hashlib.sha256(voice.read_bytes()).hexdigest()[:12]
    except OSError:
        digest = "absent"
    if judged_with != f"{voice.name} {digest}":
        return {}, f"No ceiling: the logs were judged with {judged_with}, and {voice.name} is {digest}."
    others = other_writers(voice)
    return ceiling(voice), (
        f"Floor: {logs[0].run}. Ceiling: the writer's held-out texts in {voice.name} through the same "
        "judges, where these need neither a grader nor a canary's word band."
        + ("" if others is None else f" Other writers have a voice_match of {others:.2f}.")
    )
