"""A self-contained HTML page: verdicts, plots, judges, training, and every answer side by side.

Everything is inside the one file, and its Content-Security-Policy lets nothing be fetched: it works offline, can be
sent by mail, and is whole without its script, which only filters and sorts. The page is in ``report_page/``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from judges.licensing.licence import LICENCES
from judges.types import DIMENSIONS
from results import report_plots, report_tables
from results.ceiling import ceiling, other_writers
from results.comparison import RunScore, side_by_side
from results.conditions import differences
from results.gate import gate_logs
from results.gate_pages import next_command
from results.licences import named_table
from results.policy import Policy
from results.records import RunLog
from results.report_answers import SHOWN, canary_views
from results.verdicts import GateResult, summary_sentence
from timbre.files import write_whole
from timbre.stats import Interval
from training.runs import read_run

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
    """Write the page of some runs, of which the first is what the others are compared with.

    Args:
        logs: One a run; with several bases each run's base is named.
        policy: For gates and margins; conditions that differ are named and compared all the same.
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
    top, others, note = _anchors(logs, voice)
    levels = {key: found.estimate for key, found in top.items()}
    gates = [
        gate_logs(logs[0], log, policy, licences, allowed=tuple(logs[0].conditions), ceilings=levels)
        for log in logs[1:]
    ]
    facts = [f for name in names if (f := read_run(name.partition("+")[0], runs)) is not None]
    canaries = canary_views(logs)
    page = Environment(autoescape=True, loader=FileSystemLoader(_PAGE)).get_template("page.html")
    evidence = [key for key in DIMENSIONS if any(key in c.evidence for c in canaries)]
    text = page.render(
        runs=names,
        log=logs[0],
        warnings=differences(logs),
        gates=gates,
        sentence=summary_sentence,
        next_command=next_command,
        tables=report_tables,
        scores=report_tables.scores_table(names, scored),
        forests=_forests(names, scored, gates),
        strips=_strips(names, scored, top, others),
        ceilings=report_tables.ceilings_table(names, scored, top),
        ceiling_note=note,
        licences=report_tables.licences_table(table, gates),
        losses=report_tables.losses_table(facts),
        curves=report_plots.loss_curves(facts) if any(run.epochs for run in facts) else "",
        facts=report_tables.facts_table(logs, facts),
        canaries=canaries,
        kinds=sorted({c.kind for c in canaries}),
        evidence=evidence,
        shown=" ".join(SHOWN),
        style=Markup((_PAGE / "style.css").read_text(encoding="utf-8")),
        script=Markup((_PAGE / "page.js").read_text(encoding="utf-8")),
    )
    write_whole(path, text)


def _forests(
    names: Sequence[str], scored: Sequence[RunScore], gates: Sequence[GateResult]
) -> list[tuple[str, Markup]]:
    """Gains with margins, the hard dimensions in a panel of their own, since their rates set another scale."""
    margins: dict[bool, dict[str, float]] = {False: {}, True: {}}
    for d in (d for gate in gates for d in gate.dimensions):
        if d.margin is not None and d.n:
            margins[d.hard].setdefault(d.dimension, d.margin)
    titles = {False: f"Gains over {names[0]}", True: f"Fewer faults than {names[0]}"}
    return [(titles[h], report_plots.forest(names, scored, found)) for h, found in margins.items() if found]


def _strips(
    names: Sequence[str], scored: Sequence[RunScore], top: Mapping[str, Interval], others: float | None
) -> Markup:
    keys = [k for k in dict.fromkeys(s.dimension for s in scored if s.n) if DIMENSIONS[k].unit == "share"]
    anchors = {key: {"writer": top[key].estimate} if key in top else {} for key in keys}
    if others is not None and "voice_match" in anchors:
        anchors["voice_match"]["other writers"] = others
    return report_plots.strips(names, scored, anchors)


def _anchors(logs: Sequence[RunLog], voice: Path) -> tuple[dict[str, Interval], float | None, str]:
    """The ceiling and the other writers, if these are the texts that the logs were judged with; and a note."""
    judged_with = logs[0].conditions["voice"]
    try:
        digest = hashlib.sha256(voice.read_bytes()).hexdigest()[:12]
    except OSError:
        digest = "absent"
    if judged_with != f"{voice.name} {digest}":
        note = f"No ceiling: the logs were judged with {judged_with}, and {voice.name} is {digest}."
        return {}, None, note
    note = (
        f"Floor: {logs[0].run}. Ceiling: the writer's held-out texts in {voice.name} through the same judges, where "
        "these need neither a grader nor a canary's word band."
    )
    return ceiling(voice), other_writers(voice), note
