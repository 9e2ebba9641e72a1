"""The experiment log: a section a run in ``LOG.md``, made from its logs and its folder.

The same inputs give the same bytes; what people wrote outside of a section's markers, or in its place for notes, is
kept. The baseline's answers stand once, in a section of their own.
"""

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from judges.readability import readability
from judges.types import DIMENSIONS, Answer
from results.analysis import MOVED, Analysis, analyse
from results.comparison import RunScore, side_by_side
from results.failure_modes import FailureMode
from results.grid import Grid
from results.licences import named_table
from results.log_answers import answers
from results.log_run import losses_against, run_header
from results.markdown import bullets, code, inline, notes_place, read_page, replace_section
from results.next_steps import next_steps
from results.records import RunLog
from results.report_tables import gains_table, gate_table, losses_table, scores_table
from results.story import Story
from results.verdicts import interval, number, summary_sentence
from timbre.files import alone_in, write_whole
from training.runs import BASELINE, Run

TITLE = "# Experiment log\n"

_FLIPS = 5
"""Flips that are named; all are counted."""


def export(story: Story, path: Path) -> None:
    """Put the section of ``story``, and that of its baseline, into the log at ``path``.

    Raises:
        TimbreError: the log is not UTF-8, its markers are broken, or it can't be written.
    """
    for name, body in _sections(story):
        put_section(path, name, body)


def put_section(path: Path, name: str, body: str) -> None:
    """Put a section into the log at ``path``; a log that has it already is not touched.

    Raises:
        TimbreError: as ``export``.
    """
    with alone_in(path.parent):
        page = read_page(path, TITLE)
        written = replace_section(page, name, body, str(path))
        if not path.exists() or written != page:
            write_whole(path, written)


def out_of_date(story: Story, path: Path) -> tuple[str, ...]:
    """What an export of ``story`` would change in the log at ``path``: a unified diff; empty for nothing.

    Raises:
        TimbreError: the log is not UTF-8, or its markers are broken.
    """
    page = written = read_page(path, "")
    for name, body in _sections(story):
        written = replace_section(written, name, body, str(path))
    names = ("the log", "what the runs show")
    return tuple(difflib.unified_diff(page.splitlines(), written.splitlines(), *names, n=1, lineterm=""))


def _sections(story: Story) -> list[tuple[str, str]]:
    own = (_section_name(story.log), section(story))
    if story.baseline is None:
        return [own]
    alone = Story(story.baseline, None, None, None, None, None, None, story.policy)
    return [own, (_section_name(story.baseline), section(alone))]


def _section_name(log: RunLog) -> str:
    """A run's name; the baseline has a section for each suite, as its answers stand in it."""
    return f"{log.run}:{log.suite}" if log.run.partition("@")[0] == BASELINE else log.run


def section(story: Story) -> str:
    """The run's section in Markdown, without its markers."""
    analysis, facts = analyse(story), story.facts
    losses = losses_table([facts]) if facts else None
    title = story.log.run + (f" on {story.log.suite}" if facts is None else "")
    parts = [
        f"## {inline(title)}",
        *_summary(story, analysis),
        f"### Run\n\n{run_header(story)}",
        f"### Losses\n\n{losses.without('run').markdown()}" if losses else "",
        _parent(story, analysis),
        _scores(story),
        _analysis(story, analysis),
        _reported(story),
        f"### Answers\n\n{answers(story)}",
        f"### Notes\n\n{notes_place(_section_name(story.log))}",
    ]
    return "\n\n".join(filter(None, parts))


def _summary(story: Story, analysis: Analysis) -> list[str]:
    steps = [
        f"- {inline(s.why)}" + (f": {code(s.command)}" if s.command else ".")
        for s in next_steps(story, analysis.failures)
    ]
    lines = [f"**Takeaway.** {inline(analysis.takeaway)}"]
    if story.result:
        without_goals = tuple(replace(d, goal=False) for d in story.result.dimensions)
        verdict = summary_sentence(replace(story.result, dimensions=without_goals))
        lines.append(f"**Verdict.** {inline(verdict)}")
    if analysis.gains:
        lines.append(f"**Gain.** {inline(' '.join(analysis.gains))}")
    return [*lines, "**Next steps**\n\n" + "\n".join(steps)] if steps else lines


def _parent(story: Story, analysis: Analysis) -> str:
    """The run against the one that it is a change of: losses, means, canaries that moved."""
    facts, parent = story.facts, story.parent_facts
    if facts is None or facts.parent is None:
        return ""
    parts = [f"### Against {inline(facts.parent)}"]
    if parent is not None and parent.epochs and facts.epochs:
        parts.append(inline(losses_against(facts, parent)))
    result = story.parent_result
    if result is None:
        parts.append(f"No log of {inline(facts.parent)} on this suite.")
    elif result.problems:
        parts.append(f"Not comparable: {inline('; '.join(result.problems))}.")
    else:
        able = tuple(d for d in result.dimensions if d.verdict != "ADVISORY")
        parts.append(gate_table(replace(result, dimensions=able)).markdown())
        moved = analysis.moved or ("no canary moved by a margin or more",)
        parts.append(f"Canaries that moved by a margin or more, at most {MOVED}:\n\n" + bullets(moved))
    return "\n\n".join(parts)


def _scores(story: Story) -> str:
    result, run = story.result, story.log.run
    if result is None:
        scored = side_by_side(named_table([story.log]), [run], story.policy)
        grid = scores_table([run], scored).without("better is")
        return f"### Scores\n\n{grid.markdown()}\n\n{inline(grid.caption)}."
    parts = ["### Scores"]
    if result.problems:
        parts.append(f"Not comparable with the baseline: {inline('; '.join(result.problems))}.")
    judged = tuple(d for d in result.dimensions if DIMENSIONS[d.dimension].direction != "band")
    if judged:
        grid = gate_table(replace(result, dimensions=judged))
        parts += [grid.markdown(), inline(grid.caption)]
    lines = [f"{d.dimension}: {d.why}" for d in judged if d.hard]
    if result.flips:
        flips = [f"{f.canary} in {f.dimension} ({number(-f.loss)})" for f in result.flips[:_FLIPS]]
        lines.append(f"{len(result.flips)} flips, the worst: {', '.join(flips)}")
    if story.baseline and story.few_shot:
        lines.append(_few_shot(story, story.baseline, story.few_shot))
    lines += result.notes
    return "\n\n".join([*parts, bullets(lines)] if lines else parts)


def _few_shot(story: Story, baseline: RunLog, few_shot: RunLog) -> str:
    """What pairs in the prompt reach without any training."""
    able = (
        {d.dimension for d in story.result.dimensions if d.verdict != "ADVISORY"} if story.result else set()
    )
    names = [baseline.run, few_shot.run]
    scored = side_by_side(named_table((baseline, few_shot)), names, story.policy)
    own = [s for s in scored if s.run == few_shot.run and s.dimension in able]
    figures = ", ".join(f"{s.dimension} {interval(s.mean)}" for s in own)
    return f"{few_shot.run} (pairs in the prompt, no training): {figures}"


def _analysis(story: Story, analysis: Analysis) -> str:
    parts = ["### Analysis"]
    for title, sentences in (
        ("Learned", analysis.learned),
        ("Worse", analysis.worse),
        ("Not shown", analysis.not_shown),
        ("Not read", analysis.not_read),
        ("Failure modes", tuple(map(_failure, analysis.failures))),
    ):
        if sentences:
            parts.append(f"**{title}**\n\n{bullets(sentences)}")
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _failure(mode: FailureMode) -> str:
    theirs = "" if mode.of_baseline is None else f" (the baseline: {mode.of_baseline})"
    quotes = "; ".join(f"{q.canary}, take {q.take}: “{q.text}”" for q in mode.quotes)
    return f"{mode.name}: {mode.answers} of {mode.of} answers{theirs}" + (f"; {quotes}" if quotes else "")


def _reported(story: Story) -> str:
    """Counts and readability beside the writer's own, which is what is right."""
    result = story.result
    bands = [d for d in result.dimensions if DIMENSIONS[d.dimension].direction == "band"] if result else []
    if result is None or not bands:
        return ""
    writer = writer_figures(story.facts)
    grid = Grid(
        "Means over answers; the writer's own are of the training and validation pairs",
        ("figure", "writer", result.baseline, result.candidate),
        tuple(
            (
                d.dimension,
                number(writer.get(d.dimension, math.nan)),
                interval(d.baseline),
                interval(d.candidate),
            )
            for d in bands
        ),
    )
    return f"### Reported figures\n\n{grid.markdown()}\n\n{inline(grid.caption)}."


def writer_figures(facts: Run | None) -> dict[str, float]:
    """The reported figures of the writer: means over the responses of a run's pairs."""
    texts = [p.response for p in facts.pairs if p.response] if facts else []
    judged = [readability(Answer(str(at), "", text)) for at, text in enumerate(texts)]
    values = {key: [v for j in judged if (v := j[key].value) is not None] for key in (judged or [{}])[0]}
    return {key: sum(known) / len(known) for key, known in values.items() if known}


def arms_name(runs: Sequence[str]) -> str:
    """Name of the markers of runs side by side: of these runs in this order."""
    return "compare:" + ",".join(runs)


def arms_section(logs: Sequence[RunLog], scores: Sequence[RunScore], warnings: Sequence[str]) -> str:
    """Runs side by side: what each is, the tables of means and of gains over the first, and how their logs differ.

    Args:
        logs: Of the runs, in order; the first is what the others are compared with.
        scores: Of ``results.comparison.side_by_side``.
        warnings: Conditions in which the logs differ.
    """
    names = [log.run for log in logs]
    rows = ((log.run, log.conditions["base"], log.identity[:12], str(len(log.samples))) for log in logs)
    caption = f"Evaluated on {logs[0].conditions['suite']}"
    grids = (
        Grid(caption, ("run", "base", "identity", "answers"), tuple(rows)),
        scores_table(names, scores),
        gains_table(names, scores),
    )
    parts = [f"## {inline(', '.join(names))} side by side"]
    parts += [f"{inline(grid.caption)}.\n\n{grid.markdown()}" for grid in grids]
    return "\n\n".join([*parts, *(["Not like with like:\n\n" + bullets(warnings)] if warnings else [])])
