"""``timbre score FILE``; heavy imports wait for the first text, so that ``--help`` is quick."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from timbre.errors import TimbreError
from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

if TYPE_CHECKING:
    from judges.reference import VoiceReference


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
    help="The base model's answers {prompt, text, base}. [default: judges/data/floor.jsonl, if there]",
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
    from judges.score_file import read_answers, score_line, score_page, score_table

    answers = read_answers(_read(file), "<stdin>" if file == "-" else file, prompt)
    panel = Panel(_reference(voice, floor), topics=_topics([answer.prompt for answer in answers]))
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
    from judges.json_lines import read_objects
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
