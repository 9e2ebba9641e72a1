"""Two runs held against each other: what was trained differently, and what came of it."""

import tomllib
from typing import Any

from training.runs import Run

_NO_SETTING = ("data", "parent", "phase")


def run_differences(one: Run, other: Run) -> list[tuple[str, str, str]]:
    """Rows ``(what, of one, of the other)`` where two runs differ: settings, data, base, losses by epoch."""
    rows = [("identity", one.identity[:12], other.identity[:12])] if one.identity != other.identity else []
    if one.base_sha256 != other.base_sha256:
        rows.append(("base", f"{one.base} {one.base_sha256[:12]}", f"{other.base} {other.base_sha256[:12]}"))
    mine, theirs = _settings(one), _settings(other)
    for key in dict.fromkeys([*mine, *theirs]):
        if key not in _NO_SETTING and key != "base" and mine.get(key) != theirs.get(key):
            rows.append((key, _told(mine.get(key)), _told(theirs.get(key))))
    for key in ("train_pairs", "val_pairs", "supervised_tokens", "wall_s", "peak_mb"):
        if one.facts.get(key) != other.facts.get(key):
            rows.append((key, _told(one.facts.get(key)), _told(other.facts.get(key))))
    epochs = max(len(one.facts["epochs"]), len(other.facts["epochs"]))
    for at in range(epochs):
        before, after = _losses(one, at), _losses(other, at)
        if before != after:
            rows.append((f"epoch {at + 1}: train, validation", before, after))
    return rows


def _settings(run: Run) -> dict[str, Any]:
    return tomllib.loads((run.path / "config.toml").read_text(encoding="utf-8"))


def _told(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _losses(run: Run, at: int) -> str:
    epochs = run.facts["epochs"]
    if at >= len(epochs):
        return "-"
    val = epochs[at]["val_loss"]
    return f"{epochs[at]['train_loss']:.3f}, {'none' if val is None else format(val, '.3f')}"
