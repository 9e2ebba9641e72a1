"""``timbre epochs``: which epoch of a run to serve, by judges and memorization rather than by loss."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, home

if TYPE_CHECKING:
    from results.comparison import RunScore
    from training.runs import EpochRecord, Run

LIKENESS, RECITED = "voice_match", "memorization"
SHOWN = (LIKENESS, RECITED, "hashtag_slop", "compression")
RECITES = 0.03
"""Rate of recitals from which an epoch is proven to recite: the margin of the gate's policy."""


@dataclass(frozen=True)
class EpochScore:
    """One epoch of a run on the validation prompts.

    Attributes:
        epoch: From 1.
        train_loss: Mean training loss, nats a token.
        val_loss: Validation loss; None without validation pairs.
        means: By dimension, the mean over prompts; of memorization, the rate of prompts whose answers recite.
        low: Lower limits of the 95 % intervals.
        high: Upper limits.
        n: Prompts.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    means: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    n: int


@dataclass(frozen=True)
class EpochChoice:
    """Two answers to the same question.

    Attributes:
        by_judges: Of the epochs not proven to recite, the one whose answers are most like the writer's.
        by_loss: The one with the lowest validation loss.
    """

    by_judges: int
    by_loss: int


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
    from training.own_voice import voice_of
    from training.run_directory import write_json
    from training.runs import find_run

    run = find_run(name)
    if run.epoch is not None:
        raise TimbreError(f"{name!r} is one epoch", where="RUN", do=f"name the run: {name.partition('@')[0]}")
    scores = ask_epochs(run, voice or voice_of([run]), answers, max_tokens)
    choice = choose(scores)
    record = {**dataclasses.asdict(choice), "epochs": [dataclasses.asdict(score) for score in scores]}
    facts = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    write_json(run.path / "run.json", {**facts, "epoch_choice": record})
    click.echo(json.dumps(record, indent=2) if as_json else _page(name, scores, choice))


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
    command = [
        *(str(Path(sys.executable).parent / "inspect"), "eval-set", "evals/voice.py"),
        *("--model", ",".join(names), "--log-dir", str(folder / "logs"), "--log-dir-allow-dirty"),
        *("--retry-attempts", "0", "--display", "plain"),
        *("-T", f"suite={suite}", "-T", f"voice={voice.resolve()}"),
        *("-T", f"epochs={answers}", "-T", f"max_tokens={max_tokens}"),
    ]
    done = subprocess.run(
        command, cwd=CHECKOUT, stdout=sys.stderr, env={**os.environ, "PYTHONUNBUFFERED": "1"}, check=False
    )
    if done.returncode:
        raise TimbreError(
            f"the eval of {run.name}'s epochs failed (exit status {done.returncode})",
            do="see above",
            exit_code=1,
        )
    table = score_table(read_logs((folder / "logs",), list(names), suite.stem))
    scores = side_by_side(table, list(names), load_policy())
    return [_epoch_score(row, [s for s in scores if s.run == name]) for name, row in names.items()]


def _epoch_score(row: "EpochRecord", scores: "Sequence[RunScore]") -> EpochScore:
    shown = {s.dimension: s for s in scores if s.dimension in SHOWN}
    return EpochScore(
        row.epoch,
        math.nan if row.train_loss is None else row.train_loss,
        row.val_loss,
        {key: shown[key].mean.estimate for key in SHOWN},
        {key: shown[key].mean.low for key in SHOWN},
        {key: shown[key].mean.high for key in SHOWN},
        shown[LIKENESS].n,
    )


def validation_canaries(run: "Run") -> list[dict[str, Any]]:
    """The run's validation prompts as a suite.

    Raises:
        TimbreError: the run has none.
    """
    rows = [{"prompt": pair.prompt, "response": pair.response} for pair in run.of_split("val")]
    if not rows:
        raise TimbreError(
            f"run {run.name!r} has no validation pairs to choose by",
            where=str(run.path / "data.lock.json"),
            do='give pairs of a source of its own "split": "val" and train again',
        )
    return prompts_as_canaries(rows, "val")


def prompts_as_canaries(rows: Sequence[Mapping[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """The prompts of pairs as canaries ``<prefix>-1`` and on.

    A pair does not say whom it is about, so the answers may tell of a life: self_insertion is left to the
    canaries. The band of words is half to one and a half times the writer's own response.
    """
    lengths = [len(row["response"].split()) for row in rows]
    return [
        {
            "id": f"{prefix}-{number}",
            "kind": "personal",
            "prompt": row["prompt"],
            "subjects": [],
            "first_person_licensed": True,
            "facts": [],
            "target_words": [max(1, words // 2), max(2, words * 3 // 2)],
        }
        for number, (row, words) in enumerate(zip(rows, lengths, strict=True), start=1)
    ]


def _page(name: str, scores: Sequence[EpochScore], choice: EpochChoice) -> str:
    lines = [f"{'epoch':>5}  {'train':>6}  {'val':>6}  " + "  ".join(f"{key:>20}" for key in SHOWN)]
    for s in scores:
        cells = "  ".join(f"{f'{s.means[k]:.2f} [{s.low[k]:.2f}, {s.high[k]:.2f}]':>20}" for k in SHOWN)
        val = "-" if s.val_loss is None else f"{s.val_loss:.3f}"
        lines.append(f"{s.epoch:>5}  {s.train_loss:>6.3f}  {val:>6}  {cells}")
    same = choice.by_judges == choice.by_loss
    return "\n".join(
        [
            *lines,
            f"Mean [95 % CI] over {scores[0].n} validation prompts; memorization: the rate that recite.",
            f"by judges {name}@{choice.by_judges}; by validation loss "
            + ("the same" if same else f"{name}@{choice.by_loss}"),
        ]
    )
