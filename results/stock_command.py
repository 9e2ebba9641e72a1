"""``timbre stock``: learns a base's stock phrases from its stored answers; wordfreq loads only then."""

import dataclasses
from pathlib import Path

import click

from results.options import FILE, Sources, print_json, reading
from timbre.errors import visible
from timbre.files import read_objects
from timbre.paths import DEFAULT_VOICE
from training.runs import BASELINE


@click.command(name="stock")
@click.option("--out", type=FILE, help="Folder to write to.  [default: judges/stock/]")
@reading("voice")
def stock(out: Path | None, sources: Sources, as_json: bool) -> None:
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
    from judges.stock_learning import STORED, PromptedText, human_share, learn, store
    from results.grid import Grid, stdout_console

    voice = sources.voice or DEFAULT_VOICE
    writer = load_reference(voice, None).train
    (log,) = sources.logs([BASELINE])
    # Answers to the prompts of the writer's val pairs are left for measuring.
    held_out = {r.get("prompt") for _, r in read_objects(voice) if r.get("split") == "val"}
    kept = [PromptedText(s.prompt, s.text) for s in log.samples if s.prompt not in held_out]
    base = log.conditions["base"].rpartition(" (")[0]
    learned = learn(kept, writer, human_share, base=base, base_sha256=log.identity)
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
