"""``timbre stock``: learns a base's stock phrases from its stored answers; wordfreq loads only then."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from results.options import FILE, Sources, print_json, reading
from timbre.errors import TimbreError, visible
from timbre.paths import DEFAULT_VOICE
from training.runs import BASELINE

if TYPE_CHECKING:
    from judges.stock_learning import PromptedText


class _Source(NamedTuple):
    """Answers to learn from, and the base that gave them."""

    base: str
    sha256: str
    answers: list["PromptedText"]


@click.command(name="stock")
@click.option("--base", help="Name of the base; the answers must be its own.  [default: as they say]")
@click.option(
    "--answers",
    type=FILE,
    help="Lines {prompt, text, base} to learn from instead of logs; needs --base-sha256.",
)
@click.option("--base-sha256", help="Identity of the base that gave --answers.")
@click.option("--out", type=FILE, help="Folder to write to.  [default: judges/stock/]")
@reading("voice")
def stock(
    base: str | None,
    answers: Path | None,
    base_sha256: str | None,
    out: Path | None,
    sources: Sources,
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
    from judges.reference import load_reference, read_objects
    from judges.stock_learning import STORED, PromptedText, human_share, learn, store
    from results.grid import Grid, stdout_console

    voice = sources.voice or DEFAULT_VOICE
    writer = load_reference(voice, None).train
    if answers is not None:
        source = _from_file(answers, base_sha256)
    else:
        (log,) = sources.logs([BASELINE])
        prompted = [PromptedText(s.prompt, s.text) for s in log.samples]
        source = _Source(log.conditions["base"].rpartition(" (")[0], log.identity, prompted)
    if base is not None and base != source.base:
        raise TimbreError(
            f"the answers are those of base '{source.base}', not '{base}'",
            where=str(answers or ", ".join(map(str, sources.places))),
            do="evaluate the baseline with TIMBRE_BASE set to it, or leave --base out",
        )
    # Answers to the prompts of the writer's val pairs are left for measuring.
    held_out = {r.get("prompt") for _, r in read_objects(voice) if r.get("split") == "val"}
    kept = [answer for answer in source.answers if answer.prompt not in held_out]
    learned = learn(kept, writer, human_share, base=source.base, base_sha256=source.sha256)
    path = store(learned, out or STORED)
    if as_json:
        print_json({"file": str(path), **dataclasses.asdict(learned)})
        return
    Grid(
        f"{learned.base}: {len(learned.phrases)} phrases from {learned.texts} answers",
        ("phrase", "answers", "per 100 words", "times human", "z"),
        tuple(
            (
                *(visible(p.text), str(p.answers), f"{p.per_100_words:.3f}"),
                *(f"{p.per_100_words / 100 / p.human:.0f}+", f"{p.z_human:.1f}"),
            )
            for p in learned.phrases
        ),
    ).show(stdout_console())
    click.echo(f"written to {path}", err=True)


def _from_file(path: Path, sha256: str | None) -> _Source:
    from judges.reference import read_objects, text_field
    from judges.stock_learning import PromptedText

    if sha256 is None or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise TimbreError(
            "--answers needs --base-sha256, 64 hex digits",
            where=str(path),
            do="take it from 'base_sha256' in a run.json of that base",
        )
    rows = [
        [text_field(record, key, f"{path}:{number}") for key in ("prompt", "text", "base")]
        for number, record in read_objects(path)
    ]
    bases = {base for *_, base in rows}
    if len(bases) != 1:
        do = "give a file with the answers of one"
        raise TimbreError(f"answers of {len(bases)} bases", where=str(path), do=do)
    return _Source(bases.pop(), sha256, [PromptedText(prompt, text) for prompt, text, _ in rows])
