"""The conditions under which logs were made: a difference between runs means something if nothing else differs."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from results.records import RunLog

CONDITIONS = {
    "base": "the model under the adapters",
    "suite": "the canaries; those that both answered are compared",
    "judges": "the rules of metrics and rubrics",
    "voice": "the writer's texts",
    "impostors": "further writers that voice_match tells the writer from",
    "decoding": "temperature, seed, length limit, system message, takes, as Inspect used them",
    "server": "number type and arguments of the server that answered",
    "grader": "the model that judges by rubrics",
}
"""What may differ between two logs, with what each one is."""


def differences(logs: Sequence[RunLog], among: Sequence[str] = ()) -> tuple[str, ...]:
    """The conditions in which logs differ, each with its values; of all, or of those named."""
    return tuple(text for name, text in _differences(logs).items() if not among or name in among)


def comparability(
    logs: Sequence[RunLog], allowed: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What keeps logs from being compared, each with how to let it pass; and notes on what is allowed to differ."""
    different = _differences(logs)
    return tuple(
        f"{text} (--allow {name} compares them all the same)"
        for name, text in different.items()
        if name not in allowed
    ), tuple(f"not like with like, as allowed: {text}" for name, text in different.items() if name in allowed)


def _differences(logs: Sequence[RunLog]) -> dict[str, str]:
    texts = {}
    for name in dict.fromkeys(name for log in logs for name in log.conditions):
        values = {log.run: log.conditions.get(name, "") for log in logs}
        if len(set(values.values())) > 1:
            texts[name] = f"{name} differs: " + "; ".join(f"{run} {value}" for run, value in values.items())
    return texts


def voice_digest(voice: Path) -> str:
    """What the condition ``voice`` ends in where a log was judged with this file."""
    return hashlib.sha256(voice.read_bytes()).hexdigest()[:12] if voice.is_file() else "absent"
