"""Judge texts: JSON lines, a voice's pairs or one plain text in; lines, a page or a table out."""

import difflib
import json
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from judges.json_lines import parse_objects, text_field
from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError

KEYS = ("id", "prompt", "text", "subjects", "first_person_licensed", "target_words")
"""Keys of a line that mean something; others are ignored, unless they look like one of these misspelt."""


_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)


def read_answers(data: bytes, name: str, prompt: str = "") -> list[Answer]:
    """The answers in JSON Lines, or one answer that is a whole Markdown or plain text.

    A line may be a pair of a voice's own file too, whose ``response`` is the text. Where the text is a writer's own
    (a pair, or plain text), the first person is licensed.

    Args:
        data: Content of the file.
        name: Stands for it in errors.
        prompt: What a plain text answers.

    Raises:
        TimbreError: With ``name:line``, for the first line that is neither
            ``{id, prompt, text, subjects?, first_person_licensed?, target_words?}`` nor a pair; or there is nothing.
    """
    stripped = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not stripped:
        do = 'write {"id", "prompt", "text"} lines, pairs, or a text'
        raise TimbreError("nothing to judge", where=name, do=do)
    if not stripped.startswith(b"{"):
        text = _FRONT_MATTER.sub("", stripped.decode("utf-8", "replace").replace("\r\n", "\n"))
        return [Answer(name, prompt, text.strip(), first_person_licensed=True)]
    return [_answer(record, name, number) for number, record in parse_objects(data, name)]


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


def score_page(judgements: Mapping[str, Judgement]) -> str:
    """One text: a line a dimension, with its value and its first evidence, or why there is none."""
    lines = [f"{'dimension':<17}{'better':<8}{'value':>7}  why"]
    for key, judgement in judgements.items():
        value = "-" if judgement.value is None else f"{judgement.value:.2f}"
        quotes = [f"{e.why}: {' '.join(e.text.split())[:60]}" for e in judgement.evidence[:1]]
        why = judgement.unscored or "".join(quotes)
        lines.append(f"{key:<17}{DIMENSIONS[key].direction:<8}{value:>7}  {why}".rstrip())
    return "\n".join(lines)


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


def _answer(record: Mapping[str, object], name: str, line: int) -> Answer:
    where = f"{name}:{line}"
    if "response" in record and "text" not in record:
        prompt, response = (text_field(record, key, where) for key in ("prompt", "response"))
        return Answer(f"line {line}", prompt, response, first_person_licensed=True)
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
