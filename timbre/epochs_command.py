"""``timbre epochs``: which epoch of a run to serve, by judges and memorization rather than by loss."""

import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError
from timbre.eval_set import evaluate
from timbre.paths import home

if TYPE_CHECKING:
    from training.runs import Run

LIKENESS, RECITED = "voice_match", "memorization"
SHOWN = (LIKENESS, RECITED, "hashtag_slop", "compression")
RECITES = 0.03
"""Rate of recitals from which an epoch is proven to recite: the margin of the gate's policy."""


@dataclass(frozen=True)
class EpochScore:
    """One epoch of a run on the validation prompts."""

    epoch: int  # from 1
    train_loss: float  # mean, nats a token
    val_loss: float | None  # None without validation pairs
    means: dict[
        str, float
    ]  # by dimension, over prompts; of memorization, the rate of prompts whose answers recite
    low: dict[str, float]  # lower limits of the 95 % intervals
    high: dict[str, float]
    n: int  # prompts


@dataclass(frozen=True)
class EpochChoice:
    """Two answers to the same question."""

    by_judges: int  # of the epochs not proven to recite, the one whose answers are most like the writer's
    by_loss: int  # the one with the lowest validation loss


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "--voice", type=click.Path(path_type=Path), help="The writer's pairs.  [default: the run's own]"
)
@click.option("--answers", type=click.IntRange(1), default=2, show_default=True, help="Answers a prompt.")
@click.option(
    "--max-tokens", type=click.IntRange(16), default=512, show_default=True, help="Most tokens an answer."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def epochs(name: str, voice: Path | None, answers: int, max_tokens: int, as_json: bool) -> None:
    """Ask every epoch of a run its validation prompts, and choose one by what it writes.

    Validation loss rises while a voice still gets better, and falls where it begins to recite. So each
    epoch's adapter answers the prompts of the run's validation pairs, and of those that aren't proven to recite
    training responses the one most like the writer (voice_match) is chosen. What validation loss would have
    chosen stands beside it. Both go into run.json as epoch_choice. An epoch goes by RUN@N wherever a run's
    name is asked for. Interrupted, the same command goes on.

    \b
    Examples:
      timbre epochs run3
      timbre gate --baseline baseline --candidate run3@4     after: inspect eval evals/voice.py --model run3@4
    """
    from results.grid import Grid, say, stdout_console
    from training.own_voice import voice_of
    from training.run_directory import add_facts
    from training.runs import find_run

    run = find_run(name)
    if run.epoch is not None:
        raise TimbreError(f"{name!r} is one epoch", where="RUN", do=f"name the run: {name.partition('@')[0]}")
    scores = ask_epochs(run, voice or voice_of([run]), answers, max_tokens)
    choice = choose(scores)
    record = {**dataclasses.asdict(choice), "epochs": [dataclasses.asdict(score) for score in scores]}
    add_facts(run, epoch_choice=record)
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    Grid(
        f"Mean [95 % CI] over {scores[0].n} validation prompts; memorization: the rate that recite",
        ("epoch", "train", "val", *SHOWN),
        tuple(
            (
                *(str(s.epoch), f"{s.train_loss:.3f}", "-" if s.val_loss is None else f"{s.val_loss:.3f}"),
                *(f"{s.means[key]:.2f} [{s.low[key]:.2f}, {s.high[key]:.2f}]" for key in SHOWN),
            )
            for s in scores
        ),
    ).show(stdout_console())
    by_loss = "the same" if choice.by_judges == choice.by_loss else f"{name}@{choice.by_loss}"
    say(stdout_console(), f"by judges {name}@{choice.by_judges}; by validation loss {by_loss}")


def choose(scores: Sequence[EpochScore]) -> EpochChoice:
    """The better epoch by either measure; of equals, the earlier, which has learned less by heart.

    By the judges it is the most like the writer of the epochs that are not proven to recite: the lower limit of
    the rate of recitals is no more than ``RECITES``. One coincidence on a few prompts rules nothing out. Where all
    recite, it is the one that recites least.

    Raises:
        TimbreError: an epoch has no likeness, no figure of recitals or no validation loss.
    """
    for s in scores:
        lacking = [key for key in (LIKENESS, RECITED) if math.isnan(s.means[key])]
        lacking += ["validation loss"] if s.val_loss is None else []
        if lacking:
            raise TimbreError(f"epoch {s.epoch} has no {' and no '.join(lacking)}", do="look at its logs")
    sound = [s for s in scores if s.low[RECITED] <= RECITES]
    if sound:
        by_judges = min(sound, key=lambda s: (-s.means[LIKENESS], s.epoch))
    else:
        by_judges = min(scores, key=lambda s: (s.means[RECITED], -s.means[LIKENESS], s.epoch))
    by_loss = min(scores, key=lambda s: (s.val_loss, s.epoch))
    return EpochChoice(by_judges.epoch, by_loss.epoch)


def ask_epochs(run: "Run", voice: Path, answers: int, max_tokens: int) -> list[EpochScore]:
    """Evaluate all epochs on the validation prompts; what was answered before is kept in ``.timbre/epochs/``.

    Raises:
        TimbreError: no validation pairs, or a failed eval.
    """
    from results.comparison import side_by_side
    from results.logs import read_logs
    from results.policy import load_policy
    from results.table import score_table

    folder = home() / ".timbre" / "epochs" / run.identity
    folder.mkdir(parents=True, exist_ok=True)
    suite = folder / "validation.yaml"
    suite.write_text(json.dumps({"canaries": validation_canaries(run)}, indent=1), encoding="utf-8")
    names = {f"{run.name}@{row.epoch}": row for row in run.epochs}
    evaluate(
        list(names),
        folder / "logs",
        stdout=sys.stderr,
        suite=str(suite),
        voice=str(voice.resolve()),
        epochs=answers,
        max_tokens=max_tokens,
    )
    table = score_table(read_logs((folder / "logs",), list(names), suite.stem))
    scored = {(s.run, s.dimension): s for s in side_by_side(table, list(names), load_policy())}
    return [
        EpochScore(
            row.epoch,
            math.nan if row.train_loss is None else row.train_loss,
            row.val_loss,
            {key: scored[name, key].mean.estimate for key in SHOWN},
            {key: scored[name, key].mean.low for key in SHOWN},
            {key: scored[name, key].mean.high for key in SHOWN},
            scored[name, LIKENESS].n,
        )
        for name, row in names.items()
    ]


def validation_canaries(run: "Run") -> list[dict[str, Any]]:
    """The run's validation prompts as a suite.

    A pair does not say whom it is about, so the answers may tell of a life: self_insertion is left to the
    canaries. The band of words is half to one and a half times the writer's own response.

    Raises:
        TimbreError: the run has none.
    """
    return prompts_as_canaries([(pair.prompt, pair.response) for pair in run.validation_pairs()], "val")


def prompts_as_canaries(pairs: Sequence[tuple[str, str]], prefix: str) -> list[dict[str, Any]]:
    """(prompt, response) pairs as canaries ``<prefix>-1`` and on, as ``validation_canaries`` says."""
    lengths = [len(response.split()) for _, response in pairs]
    return [
        {
            "id": f"{prefix}-{number}",
            "kind": "personal",
            "prompt": prompt,
            "subjects": [],
            "first_person_licensed": True,
            "facts": [],
            "target_words": [max(1, words // 2), max(2, words * 3 // 2)],
        }
        for number, ((prompt, _), words) in enumerate(zip(pairs, lengths, strict=True), start=1)
    ]
