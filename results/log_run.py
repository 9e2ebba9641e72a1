"""What the log says of how a run was trained and asked: its header, its losses, the run that it is a change of."""

from collections.abc import Sequence
from itertools import groupby

from results.markdown import bullets
from results.next_steps import OTHER_MODEL, parity_of
from results.report_tables import loss_text
from results.story import Story
from training.runs import EpochRecord, Run, counted

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


def run_header(story: Story) -> str:
    """Model, data, what changed since the parent, and the conditions of the answers, as a list."""
    log, facts, conditions = story.log, story.facts, story.log.conditions
    takes = max(s.epoch for s in log.samples)
    cut = sum(s.truncated for s in log.samples)
    lines = [f"Model: {conditions['base']}, no adapter"]
    if facts is not None:
        lines = [
            f"Model: {facts.base}",
            f"Phase: {facts.phase or 'not named'}",
            f"Config: {_config(facts)}",
            f"Data: {_data(facts)}",
            _changed(facts, story.parent_facts),
            f"Trained: {_training(facts)}; identity {facts.identity[:12]}",
        ]
    if facts and facts.identity and facts.identity != log.identity:
        lines.append("The run was trained again since: the scores are of an older identity")
    if (distance := parity_of(story)) is not None:
        judgement = (
            "another model was served" if distance > OTHER_MODEL else "the same model for all purposes"
        )
        lines.append(f"Served against trained: {distance:.2f} nats a token (.05 is usual): {judgement}")
    lines += [
        f"Date: {log.created[:10]}",
        f"Evaluated on: {conditions['suite']}, {counted(takes, 'take')} a canary; {conditions['decoding']}",
        f"Grader: {conditions['grader']}; cut off by the limit: {cut} of {len(log.samples)}",
    ]
    return bullets(lines)


def _config(facts: Run) -> str:
    def text(value: object) -> str:
        return "+".join(map(str, value)) if isinstance(value, list) else str(value)

    named = [f"{label} {text(facts.config[key])}" for key, label in _CONFIG.items() if key in facts.config]
    return ", ".join(named) or "not recorded"


def _data(facts: Run) -> str:
    train, val = sorted(facts.of_split("train"), key=lambda p: p.tier), facts.of_split("val")
    tiers = []
    for tier, pairs in groupby(train, key=lambda p: p.tier):
        sources = [p.source for p in pairs]
        tiers.append(f"{len(sources)} of tier {tier} ({_titles(sources)})")
    counted = f"{len(train)} train pairs: {'; '.join(tiers)}; {len(val)} val"
    return counted + (f" ({_titles([p.source for p in val])})" if val else "") if train else "not recorded"


def _titles(sources: Sequence[str]) -> str:
    return ", ".join(f"“{source}”" for source in dict.fromkeys(sources))


def _changed(facts: Run, parent: Run | None) -> str:
    if facts.parent is None:
        return "Changed: no parent run is named"
    if parent is None:
        return f"Changed since {facts.parent}: unknown, its folder is not there"
    changes = [
        f"{k} {parent.config.get(k, 'unset')} → {facts.config.get(k, 'unset')}"
        for k in dict.fromkeys([*facts.config, *parent.config])
        if k not in _NO_SETTING and facts.config.get(k) != parent.config.get(k)
    ]
    if facts.data.sha256 != parent.data.sha256:
        counts = (str(len(f.of_split("train"))) for f in (parent, facts))
        changes.append(f"training data ({' → '.join(counts)} pairs)")
    return f"Changed since {facts.parent}: {'; '.join(changes) or 'nothing in config or data'}"


def _training(facts: Run) -> str:
    """Time, machine and commit, as far as they are recorded."""
    parts = [f"{facts.wall_s:.0f} s"] if facts.wall_s is not None else []
    machine = [str(facts.hardware[k]) for k in ("gpu", "cpu", "device", "machine") if facts.hardware.get(k)]
    parts += [f"on {' '.join(machine)}"] if machine else []
    parts += [f"at commit {str(facts.git['sha'])[:12]}"] if facts.git.get("sha") else []
    return " ".join(parts) or "not recorded how"


def losses_against(facts: Run, parent: Run) -> str:
    """The losses of a run beside its parent's, as a sentence."""
    text = (
        f"First-epoch training loss {loss_text(parent.epochs[0].train_loss)} ({parent.name}) → "
        f"{loss_text(facts.epochs[0].train_loss)} ({facts.name}); validation {_course(parent.epochs)} "
        f"({parent.name}) and {_course(facts.epochs)} ({facts.name})."
    )
    if facts.config.get("collator") != parent.config.get("collator"):
        text += " The collators differ, so the two training losses are means over different tokens."
    return text


def _course(epochs: Sequence[EpochRecord]) -> str:
    return f"{loss_text(epochs[0].val_loss)}→{loss_text(epochs[-1].val_loss)}"
