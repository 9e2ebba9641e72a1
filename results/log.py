"""The experiment log: a section a run in ``LOG.md``, made from its logs and its folder by ``pages/log.md``.

The same inputs give the same bytes; what people wrote outside of a section's markers, or in its place for notes, is
kept. The baseline's answers stand once, in a section of their own.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from judges.readability import readability
from judges.text import fold_repeats
from judges.types import DIMENSIONS, FAULT_AT, Answer
from results.analysis import MOVED, analyse
from results.comparison import RunScore, side_by_side
from results.markdown import (
    Markdown,
    bullets,
    clean,
    fence,
    folded,
    inline,
    notes_place,
    read_page,
    render,
    replace_section,
)
from results.next_steps import OTHER_MODEL, next_steps, parity_of
from results.records import RunLog, Sample
from results.report_tables import gains_table, gate_table, losses_table, scores_table
from results.story import Story
from results.table import score_table
from results.verdicts import gain_of, interval, number, signed, summary_sentence
from timbre.files import alone_in, write_whole
from training.runs import BASELINE, Run, counted, loss_text

TITLE = "# Experiment log\n"

_FLIPS = 5  # flips that are named; all are counted

_CONFIG = {
    "rank": "r",
    "alpha": "alpha",
    "learning_rate": "lr",
    "epochs": "epochs",
    "batch_size": "batch size",
    "warmup_steps": "warmup",
    "quantization": "quantization",
    "target_modules": "target modules",
    "collator": "collator",
}
_NO_SETTING = ("parent", "phase")


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
    stories = [story]
    if story.baseline is not None:
        stories.append(Story(story.baseline, None, None, None, None, None, None, story.policy))
    return [(_section_name(each.log), section(each)) for each in stories]


def _section_name(log: RunLog) -> str:
    """A run's name; the baseline has a section for each suite, as its answers stand in it."""
    return f"{log.run}:{log.suite}" if log.run.partition("@")[0] == BASELINE else log.run


def section(story: Story) -> str:
    """The run's section in Markdown, without its markers."""
    log, run, analysis = story.log, story.facts, analyse(story)
    scored = () if story.result else side_by_side(score_table([log]), [log.run], story.policy)
    functions = (config, data, changed, training, counted, loss_text, number, interval)
    return render(
        "log.md",
        story=story,
        analysis=analysis,
        steps=next_steps(story, analysis.failures),
        parity=parity_of(story),
        losses=losses_table([run] if run else []),
        alone=scores_table([log.run], scored).without("better is"),
        notes=_notes(story),
        writer=writer_figures(run),
        answers=answers(story),
        notes_place=notes_place(_section_name(log)),
        **{f.__name__: f for f in (*functions, gate_table, summary_sentence)},
        **{"MOVED": MOVED, "OTHER_MODEL": OTHER_MODEL},
    )


def config(run: Run) -> str:
    """The settings that matter to a reader."""
    named = {label: run.config[key] for key, label in _CONFIG.items() if key in run.config}
    texts = {k: "+".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in named.items()}
    return ", ".join(f"{label} {text}" for label, text in texts.items()) or "not recorded"


def data(run: Run) -> str:
    """The training pairs by tier, with their sources."""
    train, val = sorted(run.of_split("train"), key=lambda p: p.tier), run.of_split("val")
    if not train:
        return "not recorded"
    tiers = []
    for tier, pairs in groupby(train, key=lambda p: p.tier):
        sources = [p.source for p in pairs]
        tiers.append(f"{len(sources)} of tier {tier} ({_titles(sources)})")
    of_val = f" ({_titles([p.source for p in val])})" if val else ""
    return f"{len(train)} train pairs: {'; '.join(tiers)}; {len(val)} val{of_val}"


def _titles(sources: Sequence[str]) -> str:
    return ", ".join(f"“{source}”" for source in dict.fromkeys(sources))


def changed(run: Run, parent: Run | None) -> str:
    """What differs from the parent run in config and data."""
    if run.parent is None:
        return "Changed: no parent run is named"
    if parent is None:
        return f"Changed since {run.parent}: unknown, its folder is not there"
    changes = [
        f"{k} {parent.config.get(k, 'unset')} → {run.config.get(k, 'unset')}"
        for k in dict.fromkeys([*run.config, *parent.config])
        if k not in _NO_SETTING and run.config.get(k) != parent.config.get(k)
    ]
    if run.data.sha256 != parent.data.sha256:
        counts = (str(len(each.of_split("train"))) for each in (parent, run))
        changes.append(f"training data ({' → '.join(counts)} pairs)")
    return f"Changed since {run.parent}: {'; '.join(changes) or 'nothing in config or data'}"


def training(run: Run) -> str:
    """Time, machine and commit, as far as they are recorded."""
    parts = [f"{run.wall_s:.0f} s"] if run.wall_s is not None else []
    machine = [str(run.hardware[k]) for k in ("gpu", "cpu", "device", "machine") if run.hardware.get(k)]
    parts += [f"on {' '.join(machine)}"] if machine else []
    parts += [f"at commit {str(run.git['sha'])[:12]}"] if run.git.get("sha") else []
    return " ".join(parts) or "not recorded how"


def _notes(story: Story) -> list[str]:
    """What stands under the score table: hard dimensions, the worst flips, pairs in the prompt, the gate's notes."""
    result = story.result
    if result is None:
        return []
    lines = [f"{d.dimension}: {d.why}" for d in result.judged if d.hard]
    if result.flips:
        flips = [f"{f.canary} in {f.dimension} ({number(-f.loss)})" for f in result.flips[:_FLIPS]]
        lines.append(f"{len(result.flips)} flips, the worst: {', '.join(flips)}")
    if shots := story.few_shot:
        able = {d.dimension for d in result.able}
        scored = side_by_side(score_table([shots]), [shots.run], story.policy)
        figures = ", ".join(f"{s.dimension} {interval(s.mean)}" for s in scored if s.dimension in able)
        lines.append(f"{shots.run} (pairs in the prompt, no training): {figures}")
    return [*lines, *result.notes]


def writer_figures(run: Run | None) -> dict[str, float]:
    """The reported figures of the writer: means over the responses of a run's pairs, NaN without any."""
    texts = [p.response for p in run.pairs if p.response] if run else []
    judged = [readability(Answer(str(at), "", text)) for at, text in enumerate(texts)]
    values = {key: [v for j in judged if (v := j[key].value) is not None] for key in (judged or [{}])[0]}
    unknown = dict.fromkeys(DIMENSIONS, math.nan)
    return unknown | {key: sum(known) / len(known) for key, known in values.items() if known}


def answers(story: Story) -> Markdown:
    """A folded block for each canary: the prompt, and every take with its scores, in a fence that none breaks."""
    log, baseline = story.log, story.baseline
    keys = _shown_dimensions(story)
    theirs: Mapping[str, Mapping[str, float]] = baseline.canary_means if baseline else {}
    known = {(s.canary, s.epoch): s.text.strip() for s in baseline.samples} if baseline else {}
    intro, blocks = "", []
    if baseline:
        intro = (
            f"Beside each canary its gain over the baseline, takes averaged. {inline(BASELINE)}'s own answers are in "
            f"the section “{inline(baseline.run)} on {inline(baseline.suite)}”.\n\n"
        )
    for canary, takes in log.by_canary.items():
        own, before = log.canary_means[canary], theirs.get(canary, {})
        gains = [(key, signed(gain_of(key, own.get(key), before.get(key)))) for key in keys]
        shown = ", ".join(f"{key} {gain}" for key, gain in gains if gain)
        lines = [f"Asked: {inline(takes[0].prompt)}\\"]
        for sample in takes:
            is_same = known.get((canary, sample.epoch)) == sample.text.strip()
            caption = _caption(sample, keys, is_same)
            last = sample is takes[-1]
            lines += [caption + ("" if last else "\\")] if is_same else [caption, fence(_shortened(sample))]
        blocks.append(folded(f"{canary} ({takes[0].kind}){f': {shown}' if shown else ''}", "\n".join(lines)))
    return Markdown(intro + "\n".join(blocks))


def _shown_dimensions(story: Story) -> list[str]:
    """The soft dimensions that may block; of a run alone, those that need no licence."""
    if story.result is None or not story.result.dimensions:
        rules = story.policy.dimensions.items()
        return [key for key, rule in rules if not rule.hard and not rule.needs_licence]
    return [d.dimension for d in story.result.able if not d.hard]


def _caption(sample: Sample, keys: list[str], is_same: bool) -> str:
    """Take, words, scores and faults of one answer, on one line."""
    figures = [
        f"{key} {number(value)}" for key in keys if (value := sample.judgements[key].value) is not None
    ]
    faults = [
        f"{key} ({', '.join(sorted({e.why for e in judgement.evidence})) or 'fault'})"
        for key, judgement in sample.judgements.items()
        if DIMENSIONS[key].hard and (judgement.value or 0) >= FAULT_AT
    ]
    text = f"Take {sample.epoch}, {len(clean(sample.text).split())} words"
    text += ", cut off by the limit" if sample.truncated else ""
    text += ", the baseline's answer word for word" if is_same else ""
    text += f": {', '.join(figures)}" if figures else ""
    return inline(text + (f"; fault: {', '.join(faults)}" if faults else ""))


def _shortened(sample: Sample) -> str:
    """The answer without blank lines; where it was judged to loop, what repeats stands once, with its count."""
    text = re.sub(r"\n\s*\n", "\n", sample.text.strip())
    if not any(e.why in ("loop", "same_text") for e in sample.judgements["integrity"].evidence):
        return text
    return fold_repeats(text)


def arms_name(runs: Sequence[str]) -> str:
    """Name of the markers of runs side by side: of these runs in this order."""
    return "compare:" + ",".join(runs)


def arms_section(logs: Sequence[RunLog], scores: Sequence[RunScore], warnings: Sequence[str]) -> str:
    """Runs side by side: what each is, their means, their gains over the first, and how their logs differ."""
    names = [log.run for log in logs]
    grids = scores_table(names, scores), gains_table(names, scores)
    return render("compare.md", logs=logs, grids=grids, warnings=warnings, bullets=bullets)
