"""Every table of the results as a ``Grid``: of a gate, of runs side by side, of power, judges and training."""

from collections.abc import Sequence

from judges.types import DIMENSIONS
from results.comparison import DimensionVerdict, RunScore, by_dimension
from results.corrected_rates import CorrectedRate
from results.duels import Table as Duels
from results.grid import Grid
from results.power import DimensionPower
from results.records import RunLog
from results.verdicts import GateResult, interval, number
from training.runs import Run, loss_text

_FACTS = ("seed", "wall_s", "peak_mb", "cpu", "git_sha")
_CONFIG = ("phase", "quantization", "rank", "alpha", "learning_rate", "epochs", "batch_size", "collator")
_BETTER = {"up": "more", "down": "less", "band": "near the writer's"}


def gate_table(result: GateResult, dimensions: Sequence[DimensionVerdict]) -> Grid:
    """A row for each of some dimensions of a gate, with its verdict."""

    def row(d: DimensionVerdict) -> tuple[str, ...]:
        margin = "-" if d.margin is None else f"{d.margin:.3g}"
        if d.margin is not None and d.rules_out is not None and d.rules_out > d.margin:
            margin += f" ({d.rules_out:.3g})"
        gain = interval(d.gain, signed=True) if d.is_judged else "-"
        detectable = "-" if d.detectable is None else number(d.detectable)
        levels = interval(d.baseline), interval(d.candidate)
        return starred(d.dimension, d.hard), d.verdict, str(d.n), gain, margin, *levels, detectable, d.licence

    runs = result.baseline, result.candidate
    return Grid(
        f"{result.candidate} against {result.baseline}: mean [95 % CI] over n canaries, * for rates of faults. "
        "Gain: paired, more is better. Margin: in brackets, what a PASS rules out. "
        "Detectable: least loss that n canaries block 4 times in 5.",
        ("dimension", "verdict", "n", "gain", "margin", *runs, "detectable", "licence"),
        tuple(map(row, dimensions)),
    )


def flips_table(result: GateResult, most: int) -> Grid:
    """The canaries that got worse by more than the margin, or show a fault anew, the worst first."""
    shown = result.flips[:most]
    grid = Grid(
        f"{len(shown)} of {len(result.flips)} flips, worst first: canaries that lost more than the margin, or show "
        "the fault anew (*)",
        ("canary", "dimension", "loss", result.baseline, result.candidate),
        tuple((f.canary, starred(f.dimension, f.hard), number(f.loss), f.before, f.after) for f in shown),
    )
    if any(f.before or f.after for f in shown):
        return grid
    return grid.without(result.candidate).without(result.baseline)


def scores_table(names: Sequence[str], scored: Sequence[RunScore]) -> Grid:
    """Means of runs side by side, a row for each dimension."""
    rows = []
    for key, runs in by_dimension(scored).items():
        n = "/".join(dict.fromkeys(str(runs[name].n) for name in names))
        better = _BETTER[DIMENSIONS[key].direction]
        rows.append((starred(key, DIMENSIONS[key].hard), better, n, *(interval(runs[r].mean) for r in names)))
    caption = "Mean over n canaries [95 % CI]; if *, the rate of canaries with the fault"
    return Grid(caption, ("dimension", "better is", "n", *names), tuple(rows))


def gains_table(names: Sequence[str], scored: Sequence[RunScore]) -> Grid:
    """Paired gains of the other runs over the first, a row for each dimension that has a better side."""
    rows = tuple(
        (starred(key, DIMENSIONS[key].hard), *(interval(runs[r].gain, signed=True) for r in names[1:]))
        for key, runs in by_dimension(scored).items()
        if DIMENSIONS[key].is_judged
    )
    caption = f"Gain over {names[0]}, paired by canary [95 % CI]; more is better in every row"
    return Grid(caption, ("dimension", *names[1:]), rows)


def power_table(runs: Sequence[str], powers: Sequence[DimensionPower]) -> Grid:
    """Canaries that each dimension needs for 80 % power."""

    def row(d: DimensionPower) -> tuple[str, ...]:
        counts = ("-" if count is None else str(count) for count in (d.to_pass, d.to_block))
        may_block = "yes" if d.may_block else "no"
        return starred(d.dimension, d.hard), may_block, str(d.n), number(d.spread), f"{d.margin:.3g}", *counts

    return Grid(
        f"Canaries for 80 % power, from {', '.join(runs[1:])} against {runs[0]}. To pass: nothing was lost. "
        "To block: twice the margin was. Spread: standard deviation of paired gains; if *, the share that differ.",
        ("dimension", "may block", "pairs", "spread", "margin", "to pass", "to block"),
        tuple(map(row, powers)),
    )


def corrected_table(rates: Sequence[CorrectedRate]) -> Grid:
    """The share of answers over a judge's cut-off, as judged and corrected for its errors."""

    def row(r: CorrectedRate) -> tuple[str, ...]:
        corrected = "judge at chance" if r.corrected is None else interval(r.corrected)
        licence = r.licence + (f" ({r.lack})" if r.lack else "")
        return r.dimension, r.run, str(r.n), f"{r.cut_off:g}", interval(r.raw), corrected, licence

    return Grid(
        "Share of answers from the cut-off on [95 % CI], corrected for how the judge erred on labelled texts",
        ("dimension", "run", "n", "from", "as judged", "corrected", "licence"),
        tuple(map(row, rates)),
    )


def standings_table(duels: Duels) -> Grid:
    """Where runs stand in one dimension after pairwise comparison."""
    rows = []
    for s in duels.standings:
        counts = ("-" if s.run == duels.reference else str(c) for c in (s.wins, s.losses, s.ties))
        rows.append((s.run, str(s.canaries), interval(s.score, signed=True), interval(s.win_rate), *counts))
    return Grid(
        f"{duels.dimension}: Bradley-Terry log-odds over n canaries [95 % CI], ties as half; 0 is {duels.reference}",
        ("run", "n", "score", f"win rate against {duels.reference}", "won", "lost", "tied"),
        tuple(rows),
    )


def losses_table(runs: Sequence[Run]) -> Grid | None:
    """Losses by training epoch; None where no run recorded any."""
    rows = tuple(
        (run.name, str(e.epoch), *map(loss_text, (e.train_loss, e.val_loss, e.grad_norm)))
        for run in runs
        for e in run.epochs
    )
    headings = ("run", "epoch", "training loss", "validation loss", "grad norm")
    return Grid("Loss by training epoch, nats a token", headings, rows) if rows else None


def facts_tables(logs: Sequence[RunLog], runs: Sequence[Run]) -> tuple[Grid, Grid]:
    """What each run is, a column for each: where they differ, and what is the same for all."""
    known = {run.name: run for run in runs}
    columns = []
    for log in logs:
        column = {"identity": log.identity[:12], "evaluated": log.created[:10]}
        if run := known.get(log.run.partition("+")[0]):
            column["pairs"] = f"{len(run.of_split('train'))} + {len(run.of_split('val'))} val"
            column |= {key: str(run.config.get(key, "-")) for key in _CONFIG}
            sha = str(run.git.get("sha") or "-")[:12]
            recorded = (run.seed, run.wall_s, run.peak_mb, run.hardware.get("cpu"), sha)
            texts = ("-" if value is None else str(value)[:40] for value in recorded)
            column |= zip(_FACTS, texts, strict=True)
        columns.append({**column, **log.conditions})
    recorded_first = ("identity", "evaluated", "pairs", *_CONFIG, *_FACTS)
    names = dict.fromkeys([*recorded_first, *(key for column in columns for key in column)])
    cells = {key: [column.get(key, "-") for column in columns] for key in names}
    values = {key: [cell for cell in row if cell != "-"] for key, row in cells.items()}
    other = tuple((key, *row) for key, row in cells.items() if len(set(values[key])) > 1)
    same = tuple((key, known[0]) for key, known in values.items() if len(set(known)) == 1)
    return (
        Grid("Where the runs differ", ("", *(log.run for log in logs)), other),
        Grid("The same for all", ("", "all runs"), same),
    )


def starred(dimension: str, hard: bool) -> str:
    """The dimension's name, with a star if its figures are rates of faults."""
    return dimension + ("*" if hard else "")
