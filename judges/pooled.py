"""Several graders as one judge: the mean of those that answered, how far they differ, what each quoted."""

from collections.abc import Mapping

from judges.types import Evidence, Judgement, unscored


def pooled(dimension: str, judgements: Mapping[str, Judgement]) -> Judgement:
    """One judgement from several of the same answer by the same rubric.

    Args:
        dimension: Key in ``DIMENSIONS``.
        judgements: By grader, at least one.

    Returns:
        The only judgement where there is one grader. Else ``value`` is the mean of the values there
        are, evidence is everybody's once, and details hold ``value of <grader>`` for each that
        answered, ``graders`` asked, ``answered``, ``range`` (highest less lowest value), and the means
        of the graders' own details. Unscored, with every grader's reason, where none answered.
    """
    if len(judgements) == 1:
        return next(iter(judgements.values()))
    values = {grader: j.value for grader, j in judgements.items() if j.value is not None}
    if not values:
        return unscored(dimension, "; ".join(f"{grader}: {j.unscored}" for grader, j in judgements.items()))
    answered = [judgements[grader] for grader in values]
    spans: set[Evidence] = {e for j in answered for e in j.evidence}
    names = dict.fromkeys(name for j in answered for name in j.details)
    details = {name: sum(j.details.get(name, 0.0) for j in answered) / len(answered) for name in names}
    details |= {f"value of {grader}": value for grader, value in values.items()}
    details |= {
        "graders": float(len(judgements)),
        "answered": float(len(values)),
        "range": max(values.values()) - min(values.values()),
    }
    return Judgement(
        dimension,
        sum(values.values()) / len(values),
        tuple(sorted(spans, key=lambda e: (e.start, e.end, e.why))),
        details=details,
    )
