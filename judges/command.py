"""``timbre score FILE``: JSON lines, a voice's pairs or one plain text in; lines, a page or a table out.

Heavy imports wait for the first text, so that ``--help`` is quick.
"""

import difflib
import json
import os
import re
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from judges.types import DIMENSIONS, Answer, Judgement
from timbre.errors import TimbreError
from timbre.files import parse_objects, read_bytes, read_objects, text_field
from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
# Keys of a line that mean something; others are ignored, unless they look like one of these misspelt.
KEYS = ("id", "prompt", "text", "subjects", "first_person_licensed", "target_words")


@click.command(name="score")
@click.argument("file", metavar="FILE")
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
    help="The base model's answers {prompt, text, base}. [default: judges/data/floor.jsonl]",
)
@click.option("--prompt", default="", help="What a plain text answers, for relevance.")
def score(file: str, as_json: bool, voice: Path | None, floor: Path | None, prompt: str) -> None:
    """Judge any texts with every judge that needs no grader.

    FILE is a Markdown or plain text, a voice's pairs, or JSON Lines; "-" reads it from standard input:

    \b
      {"id": "a", "prompt": "A note on umbrellas.", "text": "Nobody owns one.",
       "subjects": [], "first_person_licensed": false, "target_words": [30, 90]}

    on one line each; the last three keys may be left out. In a writer's own text the first person is no fault.
    Out come values in [0, 1] for the judged dimensions and plain figures for the counted ones, or the reason why
    there is none.

    \b
    timbre score essay.md
    pbpaste | timbre score - --prompt "A note on umbrellas."
    timbre score mine.jsonl --voice mine.jsonl
    timbre score answers.jsonl --json | jq '.scores.self_insertion.evidence'
    """
    from judges.panel import Panel
    from judges.reference import load_reference

    is_given = file == "-"
    data = sys.stdin.buffer.read() if is_given else read_bytes(Path(file))
    answers = read_answers(data, "<stdin>" if is_given else file, prompt)
    reference = load_reference(voice or DEFAULT_VOICE, floor or DEFAULT_FLOOR)
    panel = Panel(reference, topics=_topics([answer.prompt for answer in answers]))
    panel.judge(answers[0])  # loads and fits once, before there are threads
    pool = ThreadPoolExecutor(os.cpu_count() or 1)  # the encoder runs outside of Python's lock
    try:
        judged = pool.map(panel.judge, answers)
        if as_json:
            for answer, judgements in zip(answers, judged, strict=True):
                click.echo(score_line(answer, judgements))
        else:
            results = list(judged)
            click.echo(score_page(results[0]) if len(results) == 1 else score_table(results))
    finally:
        pool.shutdown(cancel_futures=True)


def _topics(prompts: list[str]) -> dict[str, tuple[str, ...]]:
    """The file's prompts, and the shipped ones beside them where these are too few to compare with."""
    from judges.relevance import MIN_PROMPTS

    if len(set(prompts)) <= MIN_PROMPTS:
        prompts = [*prompts, *(str(record["prompt"]) for _, record in read_objects(DEFAULT_FLOOR))]
    return {prompt: () for prompt in prompts if prompt.strip()}


def read_answers(data: bytes, name: str, prompt: str = "") -> list[Answer]:
    """The answers in JSON Lines, or one answer that is a whole Markdown or plain text.

    A line may be a pair of a voice's own file too, whose ``response`` is the text. Where the text is a writer's own
    (a pair, or plain text), the first person is licensed. ``prompt`` is what a plain text answers.

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
