"""Judge a file of texts: lines in, lines out, or a table of what they come to."""

import difflib
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from judges.json_lines import parse_objects, text_field
from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError

KEYS = ("id", "prompt", "text", "subjects", "first_person_licensed", "target_words")
"""Keys of a line that mean something; others are ignored, unless they look like one of these misspelt."""


def read_answers(data: bytes, name: str) -> list[Answer]:
    """The answers in a JSON Lines file; ``name`` stands for it in errors.

    Raises:
        TimbreError: With ``name:line``, for the first line that is not
            ``{id, prompt, text, subjects?, first_person_licensed?, target_words?}``; or there is no line.
    """
    answers = [_answer(record, f"{name}:{number}") for number, record in parse_objects(data, name)]
    if not answers:
        raise TimbreError("no line to judge", where=name, do='write {"id", "prompt", "text"} lines')
    return answers


def score_line(answer: Answer, judgements: Mapping[str, Judgement]) -> str:
    """One line of ``timbre score --json``: ``{id, scores: {dimension: {value, evidence, unscored}}}``.

    ``value`` is null where ``unscored`` gives a reason, and the other way round. ``evidence`` is a list
    of ``{text, start, end, why}``. ASCII alone, so that it can be written in any locale.
    """
    scores = {
        key: {
            "value": judgement.value,
            "evidence": [
                {"text": e.text, "start": e.start, "end": e.end, "why": e.why} for e in judgement.evidence
            ],
            "unscored": judgement.unscored,
        }
        for key, judgement in judgements.items()
    }
    return json.dumps({"id": answer.id, "scores": scores}, allow_nan=False)


def score_table(results: Sequence[Mapping[str, Judgement]]) -> str:
    """A line a dimension: which way is better, scored, unscored and mostly why, mean and median."""
    lines = [f"{'dimension':<17}{'better':<8}{'n':>5}{'mean':>9}{'median':>9}{'unscored':>10}  why mostly"]
    for key, dimension in DIMENSIONS.items():
        judged = [result[key] for result in results]
        values = [j.value for j in judged if j.value is not None]
        reasons = Counter(j.unscored for j in judged if j.unscored is not None)
        mean = f"{statistics.fmean(values):.2f}" if values else "-"
        median = f"{statistics.median(values):.2f}" if values else "-"
        why = reasons.most_common(1)[0][0] if reasons else ""
        lines.append(
            f"{key:<17}{dimension.direction:<8}{len(values):>5}{mean:>9}{median:>9}"
            f"{reasons.total():>10}  {why}".rstrip()
        )
    return "\n".join(lines)


def _answer(record: Mapping[str, object], where: str) -> Answer:
    for key in record:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8)
        if key not in KEYS and near:
            raise TimbreError(f"unknown key '{key}'", where=where, do=f"write '{near[0]}'")
    licensed = record.get("first_person_licensed", False)
    if not isinstance(licensed, bool):
        raise TimbreError("first_person_licensed is no truth value", where=where, do="write true or false")
    return Answer(
        id=text_field(record, "id", where),
        prompt=text_field(record, "prompt", where),
        text=text_field(record, "text", where),
        subjects=_subjects(record.get("subjects"), where),
        first_person_licensed=licensed,
        target_words=_band(record.get("target_words"), where),
    )


def _subjects(given: object, where: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(s, str) and s.strip() for s in given):
        raise TimbreError("subjects is not a list of names", where=where, do='write ["A. Name", ...]')
    return tuple(given)


def _band(given: object, where: str) -> tuple[int, int] | None:
    if given is None:
        return None
    if isinstance(given, list) and len(given) == 2 and all(type(n) is int for n in given):
        low, high = given
        if 1 <= low <= high:
            return low, high
    raise TimbreError("target_words is not a band", where=where, do="write [low, high] with 1 <= low <= high")
