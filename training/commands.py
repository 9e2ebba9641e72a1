"""The commands of this room: ``timbre train``, ``data``, ``import``, ``init``, ``runs``, ``merge`` and ``push``.

torch and transformers load inside ``train`` and ``merge`` alone.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from training.config import TrainConfig
    from training.data_report import DataReport
    from training.pairs import PairSet
    from training.runs import Run

SHOWN = 10
"""Near-duplicates that ``timbre data`` lists."""

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")


@click.command()
@click.argument("preset", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the run, e.g. run2; its folder is runs/NAME.")
@click.option(
    "--data", help="Pairs to use: a file, a folder or hf://OWNER/NAME@REVISION; for a judge, a folder."
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
        from training.examples import pairs_as_delivered, prepare
        from training.masks import show_masks as render

        prepared = prepare(config)
        labels = pairs_as_delivered(config, prepared)
        click.echo(render(prepared.examples, labels, prepared.tokenizer), nl=False)
    if name is not None:
        _train_voice(config, name, resume, replace, as_json)


def _train_voice(config: "TrainConfig", name: str, resume: bool, replace: bool, as_json: bool) -> None:
    from training.pairs import read_pairs
    from training.processes import is_first
    from training.qlora import train_voice
    from training.runs import loss_text

    if is_first():
        for line in data_lines(read_pairs(config.data)):
            click.echo(line, err=True)
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
        f"{run.name}: {len(losses)} epochs, train loss {losses[0]} -> {losses[-1]}, "
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
    from training.judge import fit_judge, load_judge_config

    folder = models_dir() / name
    try:
        fit_judge(
            load_judge_config(preset), data, folder, lambda line: click.echo(f"{name}: {line}", err=True)
        )
    except KeyboardInterrupt:
        raise TimbreError(
            "interrupted; nothing was written", do="start it again with the same command", exit_code=130
        ) from None
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
        whole = Path(folder) / "pairs.jsonl"
        whole.write_text("".join(f"{long_form(pair)}\n" for pair in pairs.pairs), encoding="utf-8")
        separation, reason = separation_message(load_reference(whole, DEFAULT_FLOOR))
    if as_json:
        voice = {"separation": separation, "voice_match_advisory": reason or None}
        click.echo(json.dumps({**dataclasses.asdict(report), "notes": pairs.notes, **voice}, indent=2))
        return
    for note in pairs.notes:
        click.echo(note)
    click.echo(data_page(report))
    click.echo(separation + (f"\n  advisory: {reason}" if reason else ""))


def data_lines(pairs: "PairSet") -> list[str]:
    """What a training prints of its pairs before it begins: what was filled in, and one line of counts."""
    from training.data_report import data_report

    report = data_report(pairs.pairs, pairs.name)
    split = ", ".join(f"{count} {name}" for name, count in report.counts["split"].items())
    tiers = ", ".join(f"{count} of tier {name}" for name, count in report.counts["tier"].items())
    leaks = sum(near.leak for near in report.near)
    trouble = [f"{len(report.near)} near-duplicates ({leaks} across the split)"] if report.near else []
    trouble += [f"overlaps with the canaries of {' and '.join(report.canaries)}"] if report.canaries else []
    summary = "; ".join(trouble) or "no near-duplicates, no leaks"
    line = f"data: {split} ({tiers}); {summary}; `timbre data {pairs.name}` says more"
    return [*(f"note: {note}" for note in pairs.notes), line]


def data_page(report: "DataReport") -> str:
    """The report for a reader."""
    lines = []
    for what in ("split", "tier", "origin"):
        counts = ", ".join(f"{name} {count}" for name, count in report.counts[what].items())
        lines.append(f"{what:<8} {counts}" + (" (training pairs)" if what == "tier" else ""))
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
    for suite, overlap in report.canaries.items():
        lines.append(f"canaries of {suite}: {overlap}")
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
    completion, instruction and output; CSV; Parquet), a folder of a `datasets` set, or hf://OWNER/NAME@REVISION.

    \b
    timbre import chats.json -o mine.jsonl
    """
    from training.config import data_place
    from training.pairs import long_form, read_pairs

    if out.exists():
        raise TimbreError("is there already", where=str(out), do="name another file")
    pairs = read_pairs(data_place(source, Path.cwd()))
    write_text(out, "".join(f"{long_form(pair)}\n" for pair in pairs.pairs))
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
    timbre train mine/preset.toml --name mine
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TimbreError("is there already and not empty", where=str(folder), do="name another folder")
    for name, content in STARTER.items():
        write_text(folder / name, content)
    click.echo(
        f"{folder}/: preset.toml, pairs.jsonl (replace its lines, or: timbre augment ESSAYS -o {folder}/mine.jsonl), "
        f"canaries.yaml\nnext: timbre train {folder}/preset.toml --name mine && "
        f"inspect eval evals/voice.py --model baseline,mine -T suite={folder}/canaries.yaml "
        f"-T voice={folder}/pairs.jsonl"
    )


def write_text(path: Path, text: str) -> None:
    """Write a file and the folders above it.

    Raises:
        TimbreError: there is no room, or no right to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TimbreError(f"can't be written ({error.strerror})", where=str(path), do="make room") from error


_STARTER_PAIRS = (
    ("What do you think of umbrellas?", "An umbrella is a small roof with ambitions.", "umbrellas", "train"),
    ("A line on waiting rooms.", "A waiting room is a clock that people sit in.", "waiting", "train"),
    ("Say something about soup.", "Soup is a meal that has stopped arguing.", "soup", "val"),
)
STARTER = {
    "preset.toml": """# Settings of a run; training/config.py describes each. Paths are relative to this file.
phase = "a first voice"
data = "pairs.jsonl"
epochs = 6
learning_rate = 2e-4
""",
    "pairs.jsonl": "".join(
        json.dumps({"prompt": p, "response": r, "tier": 1, "source": s, "origin": "written", "split": split})
        + "\n"
        for p, r, s, split in _STARTER_PAIRS
    ),
    "canaries.yaml": """# Prompts that runs are asked and never trained on; canaries/ has more.
canaries:
  - id: bridges
    kind: hot_take
    prompt: "Write a short note about bridges."
    subjects: []
    first_person_licensed: true
    facts: []
    target_words: [20, 80]
  - id: elevators
    kind: explainer
    prompt: "What is an elevator, to somebody who is late?"
    subjects: []
    first_person_licensed: true
    facts: []
    target_words: [20, 80]
""",
}


@click.command()
@click.argument("names", nargs=-1, metavar="[RUN ...]")
@click.option(
    "--verify", "verifying", is_flag=True, help="Check every adapter's checksum; exit 1 if one differs."
)
@click.option("--compare", "comparing", is_flag=True, help="Show in what two runs differ.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def runs(names: tuple[str, ...], verifying: bool, comparing: bool, as_json: bool) -> None:
    """List the completed runs (and the baseline, which is always there); verify or compare them.

    \b
    timbre runs
    timbre runs --verify
    timbre runs --compare run1 run2
    """
    from training.runs import find_run, list_runs

    if verifying and comparing:
        raise TimbreError("--verify and --compare exclude each other", where="timbre runs", do="give one")
    chosen = [find_run(name) for name in names] if names else list_runs()
    if verifying:
        _verify(chosen, as_json)
    elif comparing:
        if len(chosen) != 2:
            raise TimbreError(
                f"{len(chosen)} runs to compare", where="--compare", do="name two: timbre runs --compare A B"
            )
        _compare(chosen, as_json)
    else:
        _list(chosen, as_json, with_baseline=not names)


def _list(chosen: "Sequence[Run]", as_json: bool, *, with_baseline: bool) -> None:
    from training.base import default_base
    from training.runs import BASELINE, loss_text

    if as_json:
        click.echo(json.dumps([{**run.facts, "identity": run.identity} for run in chosen], indent=2))
        return
    if with_baseline:
        click.echo(f"{BASELINE:<16} {'':12}  base {default_base()}, no adapter")
    for run in chosen:
        click.echo(
            f"{run.name:<16} {run.identity[:12]}  base {run.base}, r {run.rank}, "
            f"{len(run.epochs)} epochs, {run.train_pairs} pairs, "
            f"train loss {loss_text(run.epochs[-1].train_loss)}"
        )


def _verify(chosen: "Sequence[Run]", as_json: bool) -> None:
    from training.runs import verify

    checked = [verify(run) for run in chosen]
    if as_json:
        click.echo(json.dumps([{**dataclasses.asdict(v), "whole": v.whole} for v in checked], indent=2))
    for v in [] if as_json else checked:
        if not v.files:
            click.echo(f"{v.run}: no checksums recorded (trained by an older version)")
        elif v.whole:
            click.echo(f"{v.run}: {v.files} adapters are as training wrote them")
        else:
            damage = [f"{name} changed" for name in v.changed] + [f"{name} is gone" for name in v.missing]
            click.echo(f"{v.run}: {'; '.join(damage)}")
    if not all(v.whole for v in checked):
        sys.exit(1)


def _compare(chosen: "Sequence[Run]", as_json: bool) -> None:
    from training.runs import run_differences

    rows = run_differences(*chosen)
    names = [run.name for run in chosen]
    if as_json:
        records = [{"what": what, names[0]: one, names[1]: other} for what, one, other in rows]
        click.echo(json.dumps(records, indent=2))
        return
    if not rows:
        click.echo(f"{names[0]} and {names[1]} are the same")
    table: list[Any] = [("", *names), *rows] if rows else []
    widths = [max((len(row[at]) for row in table), default=0) for at in range(2)]
    for what, one, other in table:
        click.echo(f"{what:<{widths[0]}}  {one:<{widths[1]}}  {other}")


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "-o", "--out", "target", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@_json_option
def merge(name: str, target: Path, as_json: bool) -> None:
    """Merge a run into its base: a folder of safetensors that needs no adapter.

    The folder is a base like any other, for vLLM, transformers, a preset's `base`, or a comparison of two
    bases. The sums are made in float32 and stored in the base's own number type.

    \b
    timbre merge run2 -o models/run2-merged
    TIMBRE_BASE=models/run2-merged inspect eval evals/voice.py --model baseline
    """
    from training.runs import find_run
    from training.share import merge as merged

    base = merged(find_run(name), target)
    if as_json:
        click.echo(json.dumps({"run": name, "path": str(base.path), "sha256": base.sha256}))
    else:
        click.echo(f"wrote {name} merged to {base.path} (sha256 {base.sha256[:12]})")


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--repo", required=True, metavar="OWNER/NAME", help="Repository on the hub.")
@click.option(
    "--base-id", metavar="OWNER/NAME", help="The base's id on the hub, for a run on a local folder."
)
@click.option("--public", is_flag=True, help="Make a new repository public; it is private by default.")
@click.option("--yes", is_flag=True, help="Really send; without it this only says what would be sent.")
@_json_option
def push(name: str, repo: str, base_id: str | None, public: bool, yes: bool, as_json: bool) -> None:
    """Upload a run's adapter and card to the Hugging Face hub.

    Without --yes nothing is sent and no network is asked: you see the files, their sizes and the card.
    Pairs, losses and optimizer state stay here, and so does every path of this machine.

    \b
    timbre push run2 --repo me/run2
    timbre push run2 --repo me/run2 --yes
    """
    from training.runs import find_run
    from training.share import pack, send

    parcel = pack(find_run(name), repo, private=not public, base_id=base_id)
    commit = send(parcel) if yes else None
    sizes = {file: len(content) for file, content in parcel.files.items()}
    if as_json:
        click.echo(
            json.dumps({"repo": repo, "private": parcel.private, "files": sizes, "commit": commit}, indent=2)
        )
        return
    for file, size in sizes.items():
        click.echo(f"{size:>12,}  {file}")
    if commit is None:
        click.echo(parcel.files["README.md"].decode("utf-8"))
        kind = "private" if parcel.private else "public"
        click.echo(f"dry run: nothing was sent to {repo} ({kind}); add --yes to send it")
    else:
        click.echo(f"sent to {commit}")
