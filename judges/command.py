"""``timbre score FILE.jsonl``: lines in, lines out, or a table of what they come to.

Heavy imports wait for the first text, so that ``--help`` is quick.
"""

import difflib
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

if TYPE_CHECKING:
    from judges.reference import VoiceReference

# Keys of a line that mean something; others are ignored, unless they look like one of these misspelt.
KEYS = ("id", "prompt", "text", "subjects", "first_person_licensed", "target_words")


@click.command(name="score")
@click.argument("file", metavar="FILE.jsonl")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a text, as soon as it is judged.")
@click.option(
    "--voice",
    metavar="PAIRS.jsonl",
    type=click.Path(path_type=Path),
    help="The writer's pairs, with 'response' and 'split'. [default: training/data/voice.jsonl]",
)
@click.option(
    "--floor",
    metavar="FLOOR.jsonl",
    type=click.Path(path_type=Path),
    help="The base model's answers {prompt, text, base}. [default: judges/data/floor.jsonl, if there]",
)
def score(file: str, as_json: bool, voice: Path | None, floor: Path | None) -> None:
    """Judge any texts with every judge that needs no grader.

    FILE.jsonl has one text a line, "-" reads them from standard input:

    \b
      {"id": "a", "prompt": "A note on umbrellas.", "text": "Nobody owns one.",
       "subjects": [], "first_person_licensed": false, "target_words": [30, 90]}

    on one line each; the last three keys may be left out. Out come values in [0, 1] for the judged
    dimensions and plain figures for the counted ones, or the reason why there is none.

    \b
    Example:
      timbre score answers.jsonl
      timbre score answers.jsonl --json | jq '.scores.self_insertion.evidence'
    """
    from judges.panel import Panel

    answers = read_answers(_read(file), "<stdin>" if file == "-" else file)
    panel = Panel(_reference(voice, floor), topics=_topics([answer.prompt for answer in answers]))
    panel.judge(answers[0])  # loads and fits once, before there are threads
    pool = ThreadPoolExecutor(os.cpu_count() or 1)  # the encoder runs outside of Python's lock
    try:
        judged = pool.map(panel.judge, answers)
        if as_json:
            for answer, judgements in zip(answers, judged, strict=True):
                click.echo(score_line(answer, judgements))
        else:
            click.echo(score_table(list(judged)))
    finally:
        pool.shutdown(cancel_futures=True)


def _topics(prompts: list[str]) -> dict[str, tuple[str, ...]]:
    """The file's prompts, and the shipped ones beside them where these are too few to compare with."""
    from judges.reference import read_objects
    from judges.relevance import MIN_PROMPTS

    if len(set(prompts)) <= MIN_PROMPTS:
        prompts = [*prompts, *(str(record["prompt"]) for _, record in read_objects(DEFAULT_FLOOR))]
    return {prompt: () for prompt in prompts if prompt.strip()}


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TimbreError(f"can't read it ({error.strerror})", where=file, do="check the path") from error


def _reference(voice: Path | None, floor: Path | None) -> "VoiceReference | None":
    from judges.reference import load_reference

    if floor is None and DEFAULT_FLOOR.is_file():
        floor = DEFAULT_FLOOR
    if voice is None and not DEFAULT_VOICE.is_file():
        return None
    return load_reference(voice or DEFAULT_VOICE, floor)


def read_answers(data: bytes, name: str) -> list[Answer]:
    """The answers in a JSON Lines file; ``name`` stands for it in errors.

    Raises:
        TimbreError: With ``name:line``, for the first line that is none; or there is no line.
    """
    from judges.reference import parse_objects

    answers = [_answer(record, f"{name}:{number}") for number, record in parse_objects(data, name)]
    if not answers:
        raise TimbreError("no line to judge", where=name, do='write {"id", "prompt", "text"} lines')
    return answers


def score_line(answer: Answer, judgements: Mapping[str, Judgement]) -> str:
    """One line of ``timbre score --json``: ``{id, scores: {dimension: {value, evidence, unscored}}}``.

    ``value`` is null where ``unscored`` gives a reason, and the other way round. ASCII alone, for any locale.
    """
    scores = {
        key: {
            "value": judgement.value,
            "evidence": [vars(e) for e in judgement.evidence],
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
    from judges.reference import text_field

    for key in record:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8)
        if key not in KEYS and near:
            raise TimbreError(f"unknown key '{key}'", where=where, do=f"write '{near[0]}'")
    subjects = record.get("subjects") or []
    if not isinstance(subjects, list) or not all(isinstance(s, str) and s.strip() for s in subjects):
        raise TimbreError("subjects is not a list of names", where=where, do='write ["A. Name", ...]')
    licensed = record.get("first_person_licensed", False)
    if not isinstance(licensed, bool):
        raise TimbreError("first_person_licensed is no truth value", where=where, do="write true or false")
    return Answer(
        id=text_field(record, "id", where),
        prompt=text_field(record, "prompt", where),
        text=text_field(record, "text", where),
        subjects=tuple(subjects),
        first_person_licensed=licensed,
        target_words=_band(record.get("target_words"), where),
    )


def _band(given: object, where: str) -> tuple[int, int] | None:
    if given is None:
        return None
    if isinstance(given, list) and len(given) == 2 and all(type(n) is int for n in given):
        low, high = given
        if 1 <= low <= high:
            return low, high
    raise TimbreError("target_words is not a band", where=where, do="write [low, high] with 1 <= low <= high")
