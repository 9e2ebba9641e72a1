"""The experiment log: one section a run in ``LOG.md``, made from its log and its folder.

The same inputs give the same bytes; what people wrote outside the section's markers is kept.
"""

import difflib
from pathlib import Path

from results.analysis import analyse
from results.evidence import licensed_claims
from results.markdown import bullets, clean, fence, inline, read_page, replace_section, table, write_whole
from results.records import RunLog, Sample
from results.run_facts import EpochFacts, RunFacts
from results.story import Story
from results.terminal import gate_row

TITLE = "# Experiment log\n"

_CONFIG = (
    ("rank", "r"),
    ("alpha", "alpha"),
    ("learning_rate", "lr"),
    ("epochs", "epochs"),
    ("batch_size", "batch size"),
    ("warmup_steps", "warmup"),
    ("quantization", "quantization"),
    ("target_modules", "target modules"),
    ("collator", "collator"),
)
_NO_CHANGE = {"parent", "phase"}
"""Settings that say what a run is about, not how it was trained."""


def export(story: Story, path: Path) -> None:
    """Put the section of ``story`` into the log at ``path``, replacing an earlier one of the same run.

    Raises:
        TimbreError: the log is not UTF-8, its markers are broken, or it can't be written.
    """
    put_section(path, story.log.run, section(story))


def put_section(path: Path, name: str, body: str) -> None:
    """Put a section into the log at ``path``; a log that has it already is not touched.

    Raises:
        TimbreError: as ``export``.
    """
    page = read_page(path, TITLE)
    written = replace_section(page, name, body, str(path))
    if not path.exists() or written != page:
        write_whole(path, written)


def out_of_date(story: Story, path: Path) -> tuple[str, ...]:
    """What an export of ``story`` would change in the log at ``path``: a unified diff; empty for nothing.

    Raises:
        TimbreError: the log is not UTF-8, or its markers are broken.
    """
    page = read_page(path, "")
    written = replace_section(page, story.log.run, section(story), str(path))
    told = ("the log", "what the runs say")
    return tuple(difflib.unified_diff(page.splitlines(), written.splitlines(), *told, n=1, lineterm=""))


def section(story: Story) -> str:
    """The run's section in Markdown, without its markers."""
    parts = [_header(story), _losses(story), _canaries(story), _scores(story), _analysis(story)]
    return "\n\n".join(parts)


def _header(story: Story) -> str:
    log, facts = story.log, story.facts
    lines = [f"## {inline(log.run)}", ""]
    if facts is None:
        lines += [f"- Model: {inline(log.conditions['base'])}, no run folder: nothing was trained"]
        lines += [f"- Date: {inline(log.created[:10])}"]
    else:
        lines += [
            f"- Model: {inline(facts.base)}",
            f"- Phase: {inline(str(facts.config.get('phase') or 'not named'))}",
            f"- Date: {inline(log.created[:10])}",
            f"- Config: {_config(facts)}",
            f"- Data: {_data(facts)}",
            f"- {_changed(facts, story.parent_facts)}",
            f"- Identity: {inline(facts.identity[:12])}",
        ]
        if facts.identity and facts.identity != log.identity:
            lines.append("- **The run was trained again since: the scores are of an older identity.**")
    cut = sum(s.truncated for s in log.samples)
    lines.append(
        f"- Evaluated on: {inline(log.conditions['suite'])}; decoding {inline(log.conditions['decoding'])}"
    )
    lines.append(
        f"- Grader: {inline(log.conditions['grader'])}; cut off by the limit: {cut} of {len(log.samples)}"
    )
    return "\n".join(lines)


def _config(facts: RunFacts) -> str:
    def said(value: object) -> str:
        return "+".join(map(str, value)) if isinstance(value, list) else str(value)

    named = [f"{label} {said(facts.config[key])}" for key, label in _CONFIG if key in facts.config]
    return inline(", ".join(named)) or "not recorded"


def _data(facts: RunFacts) -> str:
    train, val = facts.of_split("train"), facts.of_split("val")
    tiers = []
    for tier in sorted({p.tier for p in train}):
        of_tier = [p for p in train if p.tier == tier]
        titles = ", ".join(dict.fromkeys(f"“{p.source}”" for p in of_tier))
        tiers.append(f"{len(of_tier)} of tier {tier} ({titles})")
    validation = ", ".join(dict.fromkeys(f"“{p.source}”" for p in val))
    counted = f"{len(train)} train pairs: {'; '.join(tiers)}; {len(val)} val"
    return inline(counted + (f" ({validation})" if val else "")) if train else "not recorded"


def _changed(facts: RunFacts, parent: RunFacts | None) -> str:
    if facts.parent is None:
        return "Changed: no parent run is named"
    if parent is None:
        return f"Changed since {inline(facts.parent)}: unknown, its folder is not there"
    keys = [k for k in dict.fromkeys([*facts.config, *parent.config]) if k not in _NO_CHANGE]
    changes = [
        f"{k} {parent.config.get(k, 'unset')} → {facts.config.get(k, 'unset')}"
        for k in keys
        if facts.config.get(k) != parent.config.get(k)
    ]
    if facts.data_sha256 != parent.data_sha256:
        changes.append(
            f"training data ({len(parent.of_split('train'))} → {len(facts.of_split('train'))} pairs)"
        )
    return (
        f"Changed since {inline(facts.parent)}: {inline('; '.join(changes)) or 'nothing in config or data'}"
    )


def _losses(story: Story) -> str:
    if story.facts is None:
        return "### Losses\n\nNone: no run folder."
    rows = [
        [str(e.epoch), _loss(e.train_loss), _loss(e.val_loss), _loss(e.grad_norm)] for e in story.facts.epochs
    ]
    made = table(("epoch", "training loss", "validation loss", "grad norm"), rows)
    return f"### Losses\n\n{made}\n\n{_against_parent(story.facts, story.parent_facts)}"


def _against_parent(facts: RunFacts, parent: RunFacts | None) -> str:
    if parent is None or not parent.epochs or not facts.epochs:
        return "No parent run to compare losses with."
    text = (
        f"First-epoch training loss {_loss(parent.epochs[0].train_loss)} ({parent.name}) → "
        f"{_loss(facts.epochs[0].train_loss)} ({facts.name}); validation {_course(parent.epochs)} "
        f"({parent.name}) and {_course(facts.epochs)} ({facts.name})."
    )
    if facts.config.get("collator") != parent.config.get("collator"):
        text += " The collators differ, so the two training losses are means over different tokens."
    return inline(text)


def _course(epochs: tuple[EpochFacts, ...]) -> str:
    return f"{_loss(epochs[0].val_loss)}→{_loss(epochs[-1].val_loss)}"


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _canaries(story: Story) -> str:
    first = min(s.epoch for s in story.log.samples)
    parts = ["### Canaries", f"Answers of epoch {first}, whole."]
    for sample in (s for s in story.log.samples if s.epoch == first):
        parts.append(f"#### {inline(sample.canary)} ({inline(sample.kind)})")
        parts.append(f"Asked: {inline(sample.prompt)}")
        for log in filter(None, (story.baseline, story.log)):
            parts.append(_answer(log, sample))
    return "\n\n".join(parts)


def _answer(log: RunLog, asked: Sample) -> str:
    same = [s for s in log.samples if (s.canary, s.epoch) == (asked.canary, asked.epoch)]
    if not same:
        return f"{inline(log.run)}: no answer in its log."
    cut = ", cut off by the limit" if same[0].truncated else ""
    return f"{inline(log.run)} ({len(clean(same[0].text).split())} words{cut}):\n\n{fence(same[0].text)}"


def _scores(story: Story) -> str:
    parts = ["### Scores"]
    if story.result is None:
        parts.append(
            "No baseline was evaluated on this suite, or this is the baseline: nothing to compare with."
        )
    elif story.result.problems:
        parts.append("Not comparable with the baseline: " + inline("; ".join(story.result.problems)) + ".")
    if story.result and story.result.dimensions:
        headings = (
            "dimension",
            "n",
            "baseline",
            inline(story.log.run),
            "paired delta",
            "margin",
            "verdict",
            "licence",
        )
        parts.append(table(headings, [gate_row(d) for d in story.result.dimensions]))
        parts.append(
            "n counts canaries; mean with 95 % CI; \\* is hard: the rate of canaries with the fault."
        )
        notes = [
            f"{d.dimension}: {d.why}" for d in story.result.dimensions if d.hard or (d.margin and not d.n)
        ]
        licensed = [f"licensed by its prompt, no fault: {quote}" for quote in licensed_claims(story.log)]
        parts.append(bullets([*notes, *licensed, *story.result.notes]))
    return "\n\n".join(parts)


def _analysis(story: Story) -> str:
    found = analyse(story)
    quotes = [f"{f.dimension} on {f.canary}, epoch {f.epoch} ({f.why}): “{f.quote}”" for f in found.failures]
    quotes += [f"{key}: {count} more" for key, count in found.untold.items()]
    parent = story.facts.parent if story.facts else None
    if parent is None:
        against = "No parent run is named."
    elif story.parent is None:
        against = f"No log of {inline(parent)} on this suite."
    elif story.parent_result and story.parent_result.problems:
        against = f"Not comparable: {inline('; '.join(story.parent_result.problems))}."
    else:
        against = bullets(found.against_parent or ("no canary moved by a margin or more",))
    compared = story.result is not None and not story.result.problems
    unknown = "" if compared else "Unknown without a comparable baseline."
    between = f" ({inline(parent)} to {inline(story.log.run)})" if parent else ""
    return "\n\n".join(
        (
            "### Analysis",
            f"**Verdict of the test.** {inline(found.verdict)}",
            "**What it learned**\n\n"
            + bullets(found.learned or [unknown or "Nothing that the scores can show."]),
            "**What it has not learned**\n\n"
            + bullets(found.not_learned or [unknown or "Nothing falls short."]),
            "**Failure modes**\n\n" + bullets(quotes or ["None found."]),
            f"**Run against run**{between}\n\n{against}",
            f"**Key takeaway.** {inline(found.takeaway)}",
            "**Next steps**\n\n" + bullets(found.next_steps or ["None."]),
        )
    )
