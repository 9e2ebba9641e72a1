"""The anchors of each dimension: the writer's own held-out texts, judged as the answers were, and other writers."""

import math
from pathlib import Path

import numpy as np

from judges.panel import Panel
from judges.reference import load_reference, read_objects
from judges.types import DIMENSIONS, Answer
from judges.voice_match import fit_voice, voice_match
from results.statistics import mean_interval
from timbre.paths import DEFAULT_FLOOR
from timbre.stats import Interval


def ceiling(voice: Path) -> dict[str, Interval]:
    """Mean over the writer's validation responses with its 95 % interval, by dimension that needs no grader.

    Without what asks for a canary's word band, and without hard ones: a writer's own text is no fault of a model.

    Raises:
        TimbreError: the pairs can't be read.
    """
    records = [record for _, record in read_objects(voice)]
    topics: dict[str, tuple[str, ...]] = {str(record.get("prompt", "")): () for record in records}
    panel = Panel(load_reference(voice, DEFAULT_FLOOR), topics=topics)
    texts = [(str(r.get("prompt", "")), str(r["response"])) for r in records if r.get("split") == "val"]
    judged = [panel.judge(Answer(f"held-out {at}", *pair)) for at, pair in enumerate(texts)]
    found = {}
    for key, dimension in DIMENSIONS.items():
        values = [j[key].value for j in judged]
        known = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
        if not dimension.hard and not np.isnan(known).all():
            found[key] = mean_interval(known)
    return found


def other_writers(voice: Path) -> float | None:
    """Mean ``voice_match`` of the impostors, each by a model not fitted against it; None if unscored."""
    reference = load_reference(voice, DEFAULT_FLOOR)
    judged = voice_match(Answer("", "", reference.train[0]), reference)
    return None if judged.value is None else fit_voice(reference).anchors.other_writers
