"""Every judge's values on a few dozen texts: they may move only together with the judge's VERSION.

After a change that is meant, raise the VERSION beside the judge's constants and write the values anew:

    PYTHONPATH=. python tests/judges/test_golden.py
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from judges.panel import Panel, judge_identities
from judges.reference import load_reference
from judges.types import DIMENSIONS, Answer, Judgement
from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

STORED = Path(__file__).with_name("data") / "golden.json"
BY_WEIGHTS = 0.01
"""Allowed difference where int8 weights have a part; their sums differ a little between processors."""
COUNTED = 1e-4
"""Allowed difference elsewhere."""


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return stored


@lru_cache(maxsize=1)
def _judged() -> list[dict[str, Judgement]]:
    rows = _stored()["texts"]
    panel = Panel(
        load_reference(DEFAULT_VOICE, DEFAULT_FLOOR),
        topics={row["prompt"]: () for row in rows if row["prompt"]},
    )
    return [
        panel.judge(Answer(str(n), row["prompt"], row["text"], target_words=tuple(row["band"]) or None))
        for n, row in enumerate(rows)
    ]


def _values(key: str) -> list[list[Any]]:
    """Value, and what stands as evidence for it, of each text."""
    judgements = [judged[key] for judged in _judged()]
    return [[j.value, sorted({e.why for e in j.evidence})] for j in judgements]


@pytest.mark.parametrize("key", sorted(judge_identities()))
def test_values_move_only_with_the_version(key: str) -> None:
    stored = _stored()["judges"][key]
    identity = judge_identities()[key]
    allowed = BY_WEIGHTS if identity.parts or key == "voice_match" else COUNTED
    rows = list(zip(_values(key), stored["values"], strict=True))
    moved = [
        number
        for number, ((value, why), (old, old_why)) in enumerate(rows)
        if why != old_why or (value is None) != (old is None) or abs((value or 0) - (old or 0)) > allowed
    ]
    assert not moved or identity.version != stored["version"], f"{key} moved on {moved}: raise its VERSION"
    assert not moved and identity.version == stored["version"], f"write {STORED.name} anew"


def test_every_judge_has_values_that_differ() -> None:
    for key, stored in _stored()["judges"].items():
        assert len({value for value, _ in stored["values"] if value is not None}) > 1, key
    assert set(_stored()["judges"]) == set(DIMENSIONS) - {"warmth"}


def _write() -> None:
    stored = _stored()
    stored["judges"] = {
        key: {
            "version": identity.version,
            "values": [[v if v is None else round(v, 6), why] for v, why in _values(key)],
        }
        for key, identity in judge_identities().items()
    }
    texts = ",\n".join(json.dumps(row, ensure_ascii=False) for row in stored["texts"])
    judges = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in stored["judges"].items())
    STORED.write_text(f'{{"texts": [\n{texts}\n],\n"judges": {{\n{judges}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    _write()
