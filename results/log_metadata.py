"""The score table in an Inspect log's own metadata, so that ``inspect view`` shows it beside the answers."""

import math
from collections.abc import Sequence
from typing import Any

from results.comparison import RunScore
from results.records import RunLog
from timbre.stats import Interval

KEY = "timbre_scores"


def write_into_log(log: RunLog, first: str, scores: Sequence[RunScore]) -> bool:
    """Put a run's rows of the table into its log, by Inspect's own editing; the answers stay as they are.

    Args:
        log: Whose log to edit.
        first: The run that gains are over.
        scores: Of ``results.comparison.side_by_side``.

    Returns:
        Whether the log was changed; False if it says the same already.
    """
    from inspect_ai.log import MetadataEdit, ProvenanceData, edit_eval_log, read_eval_log, write_eval_log

    rows = score_rows(log.run, first, scores)
    whole = read_eval_log(log.path)
    if (whole.metadata or {}).get(KEY) == rows:
        return False
    edit = MetadataEdit(metadata_set={KEY: rows})
    source = ProvenanceData(author="timbre", reason="score table")
    write_eval_log(edit_eval_log(whole, [edit], source), log.path)
    return True


def score_rows(run: str, first: str, scores: Sequence[RunScore]) -> dict[str, Any]:
    """A run's rows of the table as JSON: by dimension its figures, None for what isn't finite."""
    rows: dict[str, Any] = {}
    for score in (s for s in scores if s.run == run):
        row: dict[str, Any] = {"n": score.n, "unscored": score.unscored, **_interval("mean", score.mean)}
        if run != first:
            row |= {"paired": score.paired, **_interval("gain", score.gain)}
        rows[score.dimension] = row
    return {"against": first, "dimensions": rows}


def _interval(name: str, found: Interval) -> dict[str, float | None]:
    values = {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: round(value, 6) if math.isfinite(value) else None for key, value in values.items()}
