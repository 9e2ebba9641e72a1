"""Notes without a fault, and the names of the faults that ``integrity`` finds in a text."""

import json
from pathlib import Path

from judges.encoder import Reading
from judges.integrity import integrity
from judges.text import clean
from judges.types import Answer

DATA = Path(__file__).parent / "data"
PROMPT = "Write a short note on whatever is on your mind today."
NOTES = {n["id"]: n["text"] for n in map(json.loads, (DATA / "notes.jsonl").read_text().splitlines())}


def faults_of(text: str, prompt: str = PROMPT, reading: Reading | None = None) -> set[str]:
    """What ``integrity`` names, by its rules alone unless a reading of the text is given."""
    judged = integrity(Answer("a", clean(prompt).text, clean(text).text), reading)
    assert judged.value == float(bool(judged.details))
    assert {e.why for e in judged.evidence} <= set(judged.details)
    return set(judged.details)
