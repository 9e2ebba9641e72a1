"""The ceiling of each dimension: the writer's own held-out texts, judged as the answers were."""

import math
from pathlib import Path

import numpy as np

from judges.command import DEFAULT_FLOOR
from judges.json_lines import read_objects
from judges.panel import Panel
from judges.reference import load_reference
from judges.types import DIMENSIONS, Answer
from results.statistics import Interval, mean_interval


def ceiling(voice: Path) -> dict[str, Interval]:
    """Mean over the writer's validation responses, with its 95 % interval, by dimension.

    Args:
        voice: The writer's pairs.

    Returns:
        Dimensions in shares that a judge without a grader could score; what asks for a canary's word band
        has none. A writer's own text is no fault of a model, so hard dimensions are left out.

    Raises:
        TimbreError: the pairs can't be read.
    """
    panel = Panel(load_reference(voice, DEFAULT_FLOOR if DEFAULT_FLOOR.is_file() else None))
    texts = [
        (str(record.get("prompt", "")), str(record["response"]))
        for _, record in read_objects(voice)
        if record.get("split") == "val"
    ]
    judged = [panel.judge(Answer(f"held-out {at}", *pair)) for at, pair in enumerate(texts)]
    found = {}
    for key, dimension in DIMENSIONS.items():
        values = [j[key].value for j in judged]
        known = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
        if dimension.unit == "share" and not dimension.hard and not np.isnan(known).all():
            found[key] = mean_interval(known)
    return found
