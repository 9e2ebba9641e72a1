"""``timbre stock``: learns a base's stock phrases from its stored answers; wordfreq loads only then."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from results.options import logs_option
from timbre.errors import TimbreError, visible
from timbre.paths import DEFAULT_VOICE, logs_dir
from training.runs import BASELINE

if TYPE_CHECKING:
    from judges.stock_learning import PromptedText, StockList


class _Source(NamedTuple):
    """Answers to learn from, and the base that gave them."""

    base: str
    sha256: str
    answers: list["PromptedText"]


@click.command(name="stock")
@click.option("--base", help="Name of the base; the answers must be its own.  [default: as they say]")
@logs_option
@click.option("--suite", help="Suite whose log to read; else the one that the baseline answered last.")
@click.option(
    "--answers",
    type=click.Path(path_type=Path),
    help="Lines {prompt, text, base} to learn from instead of logs; needs --base-sha256.",
)
@click.option("--base-sha256", help="Identity of the base that gave --answers.")
@click.option(
    "--voice",
    type=click.Path(path_type=Path),
    default=DEFAULT_VOICE,
    help="The writer's pairs.  [default: training/data/voice.jsonl]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to.  [default: judges/stock/]")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def stock(
    base: str | None,
    places: tuple[Path, ...],
    suite: str | None,
    answers: Path | None,
    base_sha256: str | None,
    voice: Path,
    out: Path | None,
    as_json: bool,
) -> None:
    """Learn a base's stock phrases, for hashtag_slop to count.

    Reads what the base answered without an adapter, and keeps the words and the phrases of up to four
    words that it uses far more than people do, and more than the writer. The list goes to
    judges/stock/ under the base's sha256, and counts for answers of that base and its adapters. Judge
    earlier logs again with `inspect score`.

    Don't learn from the prompts that you gate on: the list would fit the baseline's answers to just
    these, and any run would look better beside it. judges/stock/stock.yaml has prompts for this alone.
    Forty answers show the grossest habits only; give it hundreds.

    \b
    Example:
      inspect eval evals/voice.py --model baseline -T suite=judges/stock/stock.yaml
      timbre stock --suite stock
    """
    from judges.reference import load_reference
    from judges.stock_learning import STORED, human_share, learn, store

    writer = load_reference(voice, None).train
    source = (
        _from_file(answers, base_sha256)
        if answers is not None
        else _from_logs(places or (logs_dir(),), suite)
    )
    if base is not None and base != source.base:
        raise TimbreError(
            f"the answers are those of base '{source.base}', not '{base}'",
            where=str(answers or ", ".join(map(str, places or (logs_dir(),)))),
            do="evaluate the baseline with TIMBRE_BASE set to it, or leave --base out",
        )
    held_out = _held_out_prompts(voice)
    kept = [answer for answer in source.answers if answer.prompt not in held_out]
    learned = learn(kept, writer, human_share, base=source.base, base_sha256=source.sha256)
    path = store(learned, out or STORED)
    if as_json:
        click.echo(json.dumps({"file": str(path), **dataclasses.asdict(learned)}, ensure_ascii=False))
    else:
        _show(learned, path)


def _from_logs(places: tuple[Path, ...], suite: str | None) -> _Source:
    from judges.stock_learning import PromptedText
    from results.logs import read_logs

    (log,) = read_logs(places, [BASELINE], suite)
    name = log.conditions["base"].rpartition(" (")[0]
    return _Source(name, log.identity, [PromptedText(s.prompt, s.text) for s in log.samples])


def _from_file(path: Path, sha256: str | None) -> _Source:
    from judges.reference import read_objects, text_field
    from judges.stock_learning import PromptedText

    if sha256 is None or len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise TimbreError(
            "--answers needs --base-sha256, 64 hex digits",
            where=str(path),
            do="take it from 'base_sha256' in a run.json of that base",
        )
    bases, answers = set(), []
    for number, record in read_objects(path):
        prompt, text, base = (
            text_field(record, key, f"{path}:{number}") for key in ("prompt", "text", "base")
        )
        answers.append(PromptedText(prompt, text))
        bases.add(base)
    if len(bases) != 1:
        raise TimbreError(
            f"answers of {len(bases)} bases", where=str(path), do="give a file with the answers of one"
        )
    return _Source(bases.pop(), sha256, answers)


def _held_out_prompts(voice: Path) -> set[str]:
    """Prompts of the writer's val pairs: answers to them are left for measuring."""
    from judges.reference import read_objects

    return {str(record.get("prompt")) for _, record in read_objects(voice) if record.get("split") == "val"}


def _show(learned: "StockList", path: Path) -> None:
    click.echo(f"{learned.base}: {len(learned.phrases)} phrases from {learned.texts} answers")
    if learned.phrases:
        width = max(len(p.text) for p in learned.phrases)
        click.echo(f"\n{'phrase':{width}}  answers  per 100 words  times human      z")
        for p in learned.phrases:
            times = p.per_100_words / 100 / p.human
            click.echo(
                f"{visible(p.text):{width}}  {p.answers:7}  {p.per_100_words:13.3f}  {times:10.0f}+  {p.z_human:5.1f}"
            )
    click.echo(f"\nwritten to {path}", err=True)
