"""``timbre train``, ``data``, ``import`` and ``init``; torch and transformers load inside ``train`` alone."""

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from timbre.errors import TimbreError, visible
from timbre.files import write_whole

if TYPE_CHECKING:
    from training.config import TrainConfig
    from training.data_report import DataReport

SHOWN = 10
"""Near-duplicates that ``timbre data`` lists."""

STARTER = Path(__file__).parent / "starter"
"""What ``timbre init`` begins a project with."""

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")


@click.command()
@click.argument("preset", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the run, e.g. run2; its folder is runs/NAME.")
@click.option(
    "--data", help="Pairs to use: a file, a folder or hf://OWNER/NAME:CONFIG@REVISION; for a judge, a folder."
)
@click.option(
    "--show-masks",
    is_flag=True,
    help="Print every pair with its supervised tokens in [brackets]; without --name, stop there.",
)
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch of an interrupted run.")
@click.option("--replace", is_flag=True, help="Let a run of that name with other settings go.")
@_json_option
def train(
    preset: Path,
    name: str | None,
    data: str | None,
    show_masks: bool,
    resume: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Train a LoRA adapter on PRESET, a TOML file of settings, or fit the judges' encoder.

    \b
    timbre train training/presets/voice.toml --name run3
    timbre train training/presets/log-run1.toml --show-masks
    timbre train my.toml --name run4 --data mine.jsonl
    timbre train training/presets/judge.toml --name judge --data FOLDER   (sets labelled by people)

    Nothing is written under the run's name until the run is whole. Training the same settings on the
    same data and base again finds the run up to date and does no work.
    """
    from training.config import data_place, is_judge, load_config

    if is_judge(preset):
        _train_judge(preset, name, Path(data) if data else None, show_masks)
        return
    config = load_config(preset, **({"data": data_place(data, Path.cwd())} if data else {}))
    if name is None and not show_masks:
        raise TimbreError("the run has no name", where="--name", do="add e.g. --name run2")
    if show_masks:
        from training.examples import pairs_as_delivered, prepare, read_sources
        from training.masks import show_masks as render

        prepared = prepare(config, read_sources(config))
        labels = pairs_as_delivered(config, prepared)
        click.echo(visible(render(prepared.examples, labels, prepared.tokenizer)), nl=False)
    if name is not None:
        _train_voice(config, name, resume, replace, as_json)


def _train_voice(config: "TrainConfig", name: str, resume: bool, replace: bool, as_json: bool) -> None:
    from training.devices import is_first
    from training.qlora import train_voice
    from training.runs import counted, loss_text

    try:
        run = train_voice(config, name, resume=resume, replace=replace)
    except KeyboardInterrupt:
        raise TimbreError(
            f"interrupted; the finished epochs of {name!r} are kept",
            do="go on with the same command and --resume",
            exit_code=130,
        ) from None
    if not is_first():
        return
    if as_json:
        click.echo(json.dumps(dict(run.facts), indent=2))
        return
    losses = [loss_text(epoch.train_loss) for epoch in run.epochs]
    click.echo(
        f"{run.name}: {counted(len(losses), 'epoch')}, train loss {losses[0]} -> {losses[-1]}, "
        f"identity {run.identity[:12]}, {run.path}\n"
        f"next: inspect eval evals/voice.py --model baseline,{run.name} && "
        f"timbre gate --baseline baseline --candidate {run.name}"
    )


def _train_judge(preset: Path, name: str | None, data: Path | None, show_masks: bool) -> None:
    """Fit the encoder into ``models/NAME``; what is there already stays until the new one is whole."""
    if show_masks:
        raise TimbreError("a judge has no masks", where="--show-masks", do="use it with a voice's preset")
    if name is None:
        raise TimbreError("the judge has no name", where="--name", do="add e.g. --name judge")
    from timbre.paths import models_dir
    from training.config import JudgeConfig, read_preset
    from training.devices import is_first
    from training.runs import check_name

    folder = models_dir() / check_name(name)
    config = read_preset(preset, JudgeConfig)
    from training.judge import fit_judge

    fit_judge(config, data, folder)
    if is_first():
        click.echo(f"{name}: {folder}; copy its files to judges/fitted/ to judge with it")


@click.command()
@click.argument("source", metavar="DATA")
@_json_option
def data(source: str, as_json: bool) -> None:
    """Look over pairs: counts, lengths, near-duplicates, leaks into validation and canaries.

    DATA is anything that `timbre train --data` takes. A mistake is reported with its line. Near-duplicates are
    responses that share most of their letters; on different sides of the split they make validation say too much.

    \b
    timbre data mine.jsonl
    """
    import tempfile

    from judges.reference import load_reference
    from judges.voice_match import separation_message
    from timbre.paths import DEFAULT_FLOOR
    from training.config import data_place
    from training.data_report import data_report
    from training.pairs import long_form, read_pairs

    pairs = read_pairs(data_place(source, Path.cwd()))
    report = data_report(pairs.pairs, source)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"{Path(source).stem}.jsonl"
        whole.write_text(long_form(pairs.pairs), encoding="utf-8")
        separation, reason = separation_message(load_reference(whole, DEFAULT_FLOOR))
    if as_json:
        voice = {"separation": separation, "voice_match_advisory": reason or None}
        click.echo(json.dumps({**dataclasses.asdict(report), "notes": pairs.notes, **voice}, indent=2))
        return
    for note in pairs.notes:
        click.echo(visible(note))
    click.echo(visible(data_page(report)))
    click.echo(separation + (f"\n  advisory: {reason}" if reason else ""))
    name = re.split("[:@]", Path(source).stem)[0] or "mine"
    click.echo(f"next: timbre train training/presets/voice.toml --name {name} --data {source}")


def data_page(report: "DataReport") -> str:
    """The report for a reader."""
    lines = []
    for what, note in (("split", ""), ("tier", " (training pairs)"), ("origin", "")):
        counts = ", ".join(f"{name} {count}" for name, count in report.counts[what].items())
        lines.append(f"{what:<8} {counts}{note}")
    sources = report.counts["source"]
    largest = max(sources, key=lambda name: sources[name])
    lines.append(f"sources  {len(sources)}; the largest is {largest} with {sources[largest]}")
    most = max(report.words.values())
    lines.append("words of a response")
    for name, count in report.words.items():
        lines.append(f"  {name:>10}  {count:>5}  {'#' * round(40 * count / most) if most else ''}")
    leaks = sum(near.leak for near in report.near)
    lines.append(f"near-duplicates  {len(report.near)}, {leaks} of them across the split")
    for near in report.near[:SHOWN]:
        leak = "  LEAK into validation" if near.leak else ""
        lines.append(f"  lines {near.other} and {near.line}: {near.likeness:.2f}{leak}")
    if len(report.near) > SHOWN:
        lines.append(f"  and {len(report.near) - SHOWN} more")
    lines += [f"canaries of {suite}: {overlap}" for suite, overlap in report.canaries.items()]
    if not report.canaries:
        lines.append("canaries  none of the shipped suites is answered in these pairs")
    return "\n".join(lines)


@click.command("import")
@click.argument("source", metavar="DATA")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="File of pairs (JSONL) to write."
)
@_json_option
def import_data(source: str, out: Path, as_json: bool) -> None:
    """Write any data set as pairs with every field, to edit and to keep.

    DATA is a file (JSONL or JSON with messages, ShareGPT conversations, prompt and response, prompt and
    completion, instruction and output; CSV; Parquet), a folder of a `datasets` set, or a set on the hub:
    hf://OWNER/NAME, with :CONFIG and @REVISION behind it where it has several.

    \b
    timbre import chats.json -o mine.jsonl
    """
    from training.config import data_place
    from training.pairs import long_form, read_pairs

    if out.exists():
        raise TimbreError("is there already", where=str(out), do="name another file")
    pairs = read_pairs(data_place(source, Path.cwd()))
    write_whole(out, long_form(pairs.pairs))
    sides = {side: sum(pair.split == side for pair in pairs.pairs) for side in ("train", "val")}
    if as_json:
        click.echo(json.dumps({"out": str(out), **sides, "notes": pairs.notes}))
        return
    for note in pairs.notes:
        click.echo(note)
    click.echo(
        f"{out}: {sides['train']} training and {sides['val']} validation pairs; look: timbre data {out}"
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Begin a project of your own: FOLDER gets a preset, a file of pairs and a suite of canaries.

    \b
    timbre init mine/
    timbre augment essays/ -o mine/mine.jsonl
    timbre train mine/preset.toml --name mine --data mine/mine.jsonl
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TimbreError("is there already and not empty", where=str(folder), do="name another folder")
    for file in sorted(STARTER.iterdir()):
        write_whole(folder / file.name, file.read_text(encoding="utf-8"))
    place = shlex.quote(str(folder))
    click.echo(
        f"{folder}/: preset.toml, pairs.jsonl (three samples), canaries.yaml\n"
        f"next: timbre augment ESSAYS -o {place}/mine.jsonl, or write your pairs there, as pairs.jsonl has them\n"
        f"then: timbre train {place}/preset.toml --name mine --data {place}/mine.jsonl && inspect eval "
        f"evals/voice.py --model baseline,mine -T suite={place}/canaries.yaml"
    )
