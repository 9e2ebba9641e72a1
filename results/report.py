"""A self-contained HTML page: verdicts, plots, judges, training, and every answer side by side.

Everything is inside the one file, and its Content-Security-Policy lets nothing be fetched and runs no script but its
own: it works offline, can be sent by mail, and is whole without its script. The page is in ``pages/``.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from judges.types import DIMENSIONS
from results import report_plots, report_tables
from results.ceiling import Anchors, ceiling, other_writers
from results.comparison import by_dimension, side_by_side
from results.grid import HTML
from results.licences import judges_of
from results.markdown import PAGES
from results.policy import Policy
from results.records import RunLog, differences, voice_digest
from results.report_answers import canary_views, is_void, plain
from results.story import Gate
from results.table import score_table
from results.verdicts import GateResult, gain_of, next_step, number, signed, summary_sentence
from timbre.files import write_whole
from timbre.stats import NO_INTERVAL
from training.runs import read_run

MEANING = {
    "PASS": "nothing lost beyond the margin",
    "REGRESSED": "got worse",
    "INCONCLUSIVE": "too few canaries to tell",
    "ERROR": "can't be compared",
}
"""What a verdict says, in a few words."""

FAULTS = ("integrity", "self_insertion", "memorization", "hashtag_slop")
"""Dimensions whose evidence is marked at first: faults that a reader wants to see in place."""

STEPS = (0.05, 0.15, 0.3)  # gains from which a cell of the table of all canaries has a stronger shade


@dataclass(frozen=True)
class Comparison:
    """One run against the first, or against the run that it is a change of: gains as a table, faults as plots."""

    result: GateResult
    soft: Markup
    hard: report_plots.Plots


def write_report(
    logs: Sequence[RunLog], policy: Policy, path: Path, gate: Gate, *, runs: Path, voice: Path
) -> None:
    """Write the page of some runs, of which the first is what the others are compared with.

    Conditions that differ are named, and with several bases each run's base. The voice is for the anchors, and not
    used where the logs were judged with another.

    Raises:
        TimbreError: the place can't be written to, or a run's folder is broken.
    """
    names = [log.run for log in logs]
    by_name = dict(zip(names, logs, strict=True))
    table = score_table(logs)
    scored = side_by_side(table, names, policy)
    anchors, note = _anchors(logs, voice)
    folders = dict.fromkeys(name.partition("+")[0] for name in names)
    facts = [f for name in folders if (f := read_run(name, runs)) is not None]
    pairs = [(names[0], name) for name in names[1:]]
    pairs += [(f.parent, f.name) for f in facts if f.parent in names[1:] and f.name in names]
    results = [gate(by_name[first], by_name[name]) for first, name in pairs]
    comparisons = [_comparison(result, results, names) for result in results]
    keys = [k for k in dict.fromkeys(s.dimension for s in scored if s.n) if DIMENSIONS[k].unit == "share"]
    keys = keys or ["integrity"]
    goals = [k for k, rule in policy.dimensions.items() if rule.goal == "gain" and k in keys]
    keys.sort(key=lambda key: key not in goals)
    scores = by_dimension(scored)
    soft = (k for k in scores if DIMENSIONS[k].is_judged and not DIMENSIONS[k].hard)
    level_keys = [key for key in soft if any(score.n for score in scores[key].values())]
    means = [
        ([(at, f"{run}, {key}", scores[key][run].mean) for at, run in enumerate(names)], anchors.levels(key))
        for key in level_keys
    ]
    canaries = canary_views(logs)
    takes = max(len(c.takes) for c in canaries)
    present = {key for c in canaries for _, answers in c.takes for a in answers for key in a.evidence}
    evidence = [key for key in DIMENSIONS if key in present]
    style = HTML.get_template("report.css").render(evidence=evidence, takes=takes).rstrip("\n")
    script = (PAGES / "report.js").read_text(encoding="utf-8")
    digests = (hashlib.sha256(text.encode()).digest() for text in (style, script))
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    different, same = report_tables.facts_tables(logs, facts)
    text = HTML.get_template("report.html").render(
        runs=names,
        numbered=list(enumerate(names)),
        logs=logs,
        warnings=differences(logs),
        comparisons=comparisons,
        scores=scores,
        level_keys=level_keys,
        levels=report_plots.level_plots(means),
        anchors=anchors,
        anchor_texts={k: ", ".join(f"{n} {number(v)}" for n, v in anchors.levels(k).items()) for k in keys},
        anchors_note=note,
        judges={key: judges_of(table[table["dimension"] == key]) for key in scores},
        verdicts_of={d.dimension: d for result in results for d in result.dimensions},
        losses=report_tables.losses_table(facts),
        curves=report_plots.loss_curves([(names.index(f.name), f) for f in facts if f.name in names]),
        different=different,
        same=same,
        canaries=canaries,
        takes=takes,
        kinds=sorted({c.sample.kind for c in canaries}),
        keys=keys,
        evidence=evidence,
        style=Markup(style),
        script=Markup(script),
        hashes=dict(zip(("style", "script"), hashes, strict=True)),
        dimensions=DIMENSIONS,
        flips_table=report_tables.flips_table,
        nan=math.nan,
        NO_INTERVAL=NO_INTERVAL,
        **{f.__name__: f for f in (gain_of, is_void, next_step, plain, signed, summary_sentence)},
        **{"FAULTS": FAULTS, "MEANING": MEANING, "STEPS": STEPS},
    )
    write_whole(path, text)


def _comparison(result: GateResult, beside: Sequence[GateResult], names: Sequence[str]) -> Comparison:
    """Gains with margins, on one scale with those of other gates; and hard dimensions, whose rates have another."""
    own, *others = ([d for d in each.judged if not d.hard] for each in (result, *beside))
    at, first = names.index(result.candidate), names.index(result.baseline)
    gains = report_tables.gate_table(result, own).without("licence")
    plots = report_plots.gain_plots(own, result.candidate, at, [d for row in others for d in row])
    rates = [
        ([(first, result.baseline, d.baseline), (at, result.candidate, d.candidate)], dict[str, float]())
        for d in result.dimensions
        if d.hard
    ]
    return Comparison(result, gains.html(plots), report_plots.level_plots(rates))


def _anchors(logs: Sequence[RunLog], voice: Path) -> tuple[Anchors, str]:
    """What writers reach, if these are the texts that the logs were judged with; and a note."""
    judged_with, digest = logs[0].conditions["voice"], voice_digest(voice)
    if judged_with != f"{voice.name} {digest}":
        return Anchors(), (
            f"The writer's own figures are missing: the logs were judged with {judged_with}, and {voice.name} is "
            f"{digest}; give --voice the file that they were judged with."
        )
    return Anchors(ceiling(voice), other_writers(voice)), (
        f"Writer: the held-out texts of {voice.name} through the same judges, where these need neither a grader nor "
        "a canary's word band; other writers: the shipped impostors'."
    )
