"""``timbre data``: a file of pairs looked over before it is trained on. No torch."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from training.data_report import DataReport

_SHOWN = 10


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def data(file: Path, as_json: bool) -> None:
    """Look over a file of pairs: counts, lengths, near-duplicates, leaks into validation and canaries.

    A mistake in the file is told with its line. Near-duplicates are responses that share most of their
    letters; on different sides of the split they make validation say too much.

    \b
    timbre data mine.jsonl
    """
    from judges.reference import load_reference
    from judges.voice_match import separation_message
    from timbre.paths import DEFAULT_FLOOR
    from training.data_report import data_report
    from training.pairs import load_pairs

    report = data_report(load_pairs(file), str(file))
    separation, reason = separation_message(load_reference(file, DEFAULT_FLOOR))
    if as_json:
        voice = {"separation": separation, "voice_match_advisory": reason or None}
        click.echo(json.dumps({**dataclasses.asdict(report), **voice}, indent=2))
    else:
        click.echo(data_page(report))
        click.echo(separation + (f"\n  advisory: {reason}" if reason else ""))


def data_line(file: Path) -> str:
    """What a training says of its pairs before it begins: one line, and where the rest is."""
    from training.data_report import data_report
    from training.pairs import load_pairs

    report = data_report(load_pairs(file), str(file))
    split = ", ".join(f"{count} {name}" for name, count in report.counts["split"].items())
    tiers = ", ".join(f"{count} of tier {name}" for name, count in report.counts["tier"].items())
    leaks = sum(near.leak for near in report.near)
    told = [f"{len(report.near)} near-duplicates ({leaks} across the split)"] if report.near else []
    told += [f"overlaps with the canaries of {' and '.join(report.canaries)}"] if report.canaries else []
    found = "; ".join(told) or "no near-duplicates, no leaks"
    return f"data: {split} ({tiers}); {found}; `timbre data {file}` says more"


def data_page(report: "DataReport") -> str:
    """The report for a reader."""
    lines = []
    for what in ("split", "tier", "origin"):
        told = ", ".join(f"{name} {count}" for name, count in report.counts[what].items())
        lines.append(f"{what:<8} {told}" + (" (training pairs)" if what == "tier" else ""))
    sources = report.counts["source"]
    largest = max(sources, key=lambda name: sources[name])
    lines.append(f"sources  {len(sources)}; the largest is {largest} with {sources[largest]}")
    most = max(report.words.values())
    lines.append("words of a response")
    for name, count in report.words.items():
        lines.append(f"  {name:>10}  {count:>5}  {'#' * round(40 * count / most) if most else ''}")
    leaks = sum(near.leak for near in report.near)
    lines.append(f"near-duplicates  {len(report.near)}, {leaks} of them across the split")
    for near in report.near[:_SHOWN]:
        told = "  LEAK into validation" if near.leak else ""
        lines.append(f"  lines {near.other} and {near.line}: {near.likeness:.2f}{told}")
    if len(report.near) > _SHOWN:
        lines.append(f"  and {len(report.near) - _SHOWN} more")
    for suite, told in report.canaries.items():
        lines.append(f"canaries of {suite}: {told}")
    if not report.canaries:
        lines.append("canaries  none of the shipped suites is answered in these pairs")
    return "\n".join(lines)
