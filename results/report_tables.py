"""Every table of the results as a ``Grid``: of a gate, of runs side by side, of power, judges and training."""

import math
from collections.abc import Sequence
from itertools import groupby

from judges.types import DIMENSIONS
from results.ceiling import Anchors
from results.comparison import DimensionVerdict, RunScore
from results.corrected_rates import CorrectedRate
from results.duels import Table as Duels
from results.grid import Grid
from results.licences import judges_of
from results.power import DimensionPower
from results.records import RunLog
from results.table import ScoreTable
from results.verdicts import GateResult, interval, number
from timbre.stats import NO_INTERVAL
from training.runs import Run, loss_text

_FACTS = ("seed", "wall_s", "peak_mb", "cpu", "git_sha")
_CONFIG = ("phase", "quantization", "rank", "alpha", "learning_rate", "epochs", "batch_size", "collator")
_BETTER = {"up": "more", "down": "less", "band": "near the writer's"}


def gate_table(result: GateResult, dimensions: Sequence[DimensionVerdict]) -> Grid:
    """A row for each of some dimensions of a gate, with its verdict."""
    return Grid(
        f"{result.candidate} against {result.baseline}: mean [95 % CI] over n canaries, * for rates of faults. "
        "Gain: paired, more is better. Margin: in brackets, what a PASS rules out. "
        "Detectable: least loss that n canaries block 4 times in 5.",
        (
            *("dimension", "verdict", "n", "gain", "margin"),
            *(result.baseline, result.candidate, "detectable", "licence"),
        ),
        tuple(_gate_row(d) for d in dimensions),
        tuple(d.verdict for d in dimensions),
    )


def _gate_row(d: DimensionVerdict) -> tuple[str, ...]:
    margin = "-" if d.margin is None else f"{d.margin:.3g}"
    if d.margin is not None and d.rules_out is not None and d.rules_out > d.margin:
        margin += f" ({d.rules_out:.3g})"
    return (
        starred(d.dimension, d.hard),
        d.verdict,
        str(d.n),
        interval(d.gain, signed=True) if d.is_judged else "-",
        margin,
        interval(d.baseline),
        interval(d.candidate),
        "-" if d.detectable is None else number(d.detectable),
        d.licence,
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
    for key, of_run in _by_dimension(scored):
        n = "/".join(dict.fromkeys(str(of_run[name].n) for name in names))
        means = (interval(of_run[name].mean) for name in names)
        rows.append((starred(key, DIMENSIONS[key].hard), _BETTER[DIMENSIONS[key].direction], n, *means))
    return Grid(
        "Mean over n canaries [95 % CI]; if *, the rate of canaries with the fault",
        ("dimension", "better is", "n", *names),
        tuple(rows),
    )


def gains_table(names: Sequence[str], scored: Sequence[RunScore]) -> Grid:
    """Paired gains of the other runs over the first, a row for each dimension that has a better side."""
    rows = [
        (
            starred(key, DIMENSIONS[key].hard),
            *(interval(of_run[name].gain, signed=True) for name in names[1:]),
        )
        for key, of_run in _by_dimension(scored)
        if DIMENSIONS[key].direction != "band"
    ]
    return Grid(
        f"Gain over {names[0]}, paired by canary [95 % CI]; more is better in every row",
        ("dimension", *names[1:]),
        tuple(rows),
    )


def levels_table(names: Sequence[str], scored: Sequence[RunScore], anchors: Anchors) -> Grid:
    """Means of the soft dimensions beside what the writer and other writers reach."""
    rows = []
    for key, of_run in _by_dimension(scored):
        is_soft = not DIMENSIONS[key].hard and DIMENSIONS[key].direction != "band"
        if is_soft and any(score.n for score in of_run.values()):
            means = (interval(of_run[name].mean) for name in names)
            writers = (anchors.writer.get(key, NO_INTERVAL), anchors.others.get(key, math.nan))
            better = _BETTER[DIMENSIONS[key].direction]
            rows.append((key, better, *means, interval(writers[0]), number(writers[1])))
    return Grid(
        "Mean over canaries [95 % CI]; dashed: the writer's held-out texts, dotted: other writers'",
        ("dimension", "better is", *names, "writer", "other writers"),
        tuple(rows),
    )


def reported_table(names: Sequence[str], scored: Sequence[RunScore], anchors: Anchors) -> Grid:
    """Counted figures beside the writer's own, each with its distance from that."""
    rows = []
    for key, of_run in _by_dimension(scored):
        if DIMENSIONS[key].direction == "band":
            writer = anchors.writer.get(key, NO_INTERVAL)
            cells = []
            for mean in (of_run[name].mean for name in names):
                distance = mean.estimate - writer.estimate
                cells.append(interval(mean) + (f" ({distance:+.3g})" if distance == distance else ""))
            rows.append((key, *cells, interval(writer), number(anchors.others.get(key, math.nan))))
    return Grid(
        "Reported figures: mean over canaries [95 % CI] and, in brackets, the distance from the writer's",
        ("figure", *names, "writer", "other writers"),
        tuple(rows),
    )


def faults_table(result: GateResult) -> Grid:
    """The hard dimensions of a gate: on how many canaries each run shows the fault."""
    rows = []
    for d in (d for d in result.dimensions if d.hard):
        rates = (
            f"{round(rate.estimate * d.n)} of {d.n}" if d.n else "-" for rate in (d.baseline, d.candidate)
        )
        rows.append((d.dimension, d.verdict, *rates, d.why))
    return Grid(
        "Faults: canaries that show one in any take, with the rate's 95 % interval; fewer is better",
        ("dimension", "verdict", result.baseline, result.candidate, "why"),
        tuple(rows),
    )


def run_table(run: str, first: str, scored: Sequence[RunScore]) -> Grid:
    """One run alone: its means, and its gains over the first where it is another."""
    own = [s for s in scored if s.run == run]
    grid = Grid(
        f"{run}: mean over n canaries [95 % CI]; if *, the rate of canaries with the fault"
        + (f". Gain: over {first}, paired by canary; more is better" if run != first else ""),
        ("dimension", "better is", "n", "mean", "gain"),
        tuple(
            (
                starred(s.dimension, DIMENSIONS[s.dimension].hard),
                _BETTER[DIMENSIONS[s.dimension].direction],
                str(s.n),
                interval(s.mean),
                "-" if DIMENSIONS[s.dimension].direction == "band" else interval(s.gain, signed=True),
            )
            for s in own
        ),
    )
    return grid if run != first else grid.without("gain")


def power_table(runs: Sequence[str], found: Sequence[DimensionPower]) -> Grid:
    """Canaries that each dimension needs for 80 % power."""
    return Grid(
        f"Canaries for 80 % power, from {', '.join(runs[1:])} against {runs[0]}. To pass: nothing was lost. "
        "To block: twice the margin was. Spread: standard deviation of paired gains; if *, the share that differ.",
        ("dimension", "may block", "pairs", "spread", "margin", "to pass", "to block"),
        tuple(
            (
                *(starred(d.dimension, d.hard), "yes" if d.may_block else "no"),
                *(str(d.n), number(d.spread), f"{d.margin:.3g}"),
                *("-" if count is None else str(count) for count in (d.to_pass, d.to_block)),
            )
            for d in found
        ),
    )


def corrected_table(rates: Sequence[CorrectedRate]) -> Grid:
    """The share of answers over a judge's cut-off, as judged and corrected for its errors."""
    return Grid(
        "Share of answers from the cut-off on [95 % CI], corrected for how the judge erred on labelled texts",
        ("dimension", "run", "n", "from", "as judged", "corrected", "licence"),
        tuple(
            (
                *(r.dimension, r.run, str(r.n), f"{r.cut_off:g}", interval(r.raw)),
                "judge at chance" if r.corrected is None else interval(r.corrected),
                r.licence + (f" ({r.lack})" if r.lack else ""),
            )
            for r in rates
        ),
    )


def standings_table(duels: Duels) -> Grid:
    """Where runs stand in one dimension after pairwise comparison."""
    return Grid(
        f"{duels.dimension}: Bradley-Terry log-odds over n canaries [95 % CI], ties as half; 0 is {duels.reference}",
        ("run", "n", "score", f"win rate against {duels.reference}", "won", "lost", "tied"),
        tuple(
            (
                *(s.run, str(s.canaries), interval(s.score, signed=True), interval(s.win_rate)),
                *("-" if s.run == duels.reference else str(c) for c in (s.wins, s.losses, s.ties)),
            )
            for s in duels.standings
        ),
    )


def licences_table(table: ScoreTable, gates: Sequence[GateResult]) -> Grid:
    """Who judged each dimension, by which licence, and whether it may block."""
    verdicts = {d.dimension: d for result in gates for d in result.dimensions}
    rows = []
    for key in (k for k in dict.fromkeys(table["dimension"]) if DIMENSIONS[k].direction != "band"):
        judges = ", ".join(j or "rules" for j in judges_of(table[table["dimension"] == key])) or "nobody"
        verdict = verdicts.get(key)
        may_block = "" if verdict is None else "no" if verdict.verdict == "ADVISORY" else "yes"
        rows.append((key, may_block, verdict.licence if verdict else "", judges))
    return Grid(
        "Who judged, by which licence, and whether it may block",
        ("dimension", "may block", "licence", "judge"),
        tuple(rows),
    )


def losses_table(facts: Sequence[Run]) -> Grid | None:
    """Losses by training epoch; None where no run recorded any."""
    rows = tuple(
        (f.name, str(e.epoch), *map(loss_text, (e.train_loss, e.val_loss, e.grad_norm)))
        for f in facts
        for e in f.epochs
    )
    headings = ("run", "epoch", "training loss", "validation loss", "grad norm")
    return Grid("Loss by training epoch, nats a token", headings, rows) if rows else None


def facts_tables(logs: Sequence[RunLog], facts: Sequence[Run]) -> tuple[Grid, Grid]:
    """What each run is, a column for each: where they differ, and what is the same for all."""
    known = {f.name: f for f in facts}
    columns = []
    for log in logs:
        run = known.get(log.run.partition("+")[0])
        columns.append(
            {
                "identity": log.identity[:12],
                "evaluated": log.created[:10],
                "pairs": f"{len(run.of_split('train'))} + {len(run.of_split('val'))} val" if run else "-",
                **{key: str(run.config.get(key, "-")) if run else "-" for key in _CONFIG},
                **(_recorded(run) if run else dict.fromkeys(_FACTS, "-")),
                **log.conditions,
            }
        )
    names = dict.fromkeys(key for column in columns for key in column)
    rows = [(key, *(column.get(key, "-") for column in columns)) for key in names]
    known_values = {row[0]: [cell for cell in row[1:] if cell != "-"] for row in rows}
    other = tuple(row for row in rows if len(set(known_values[row[0]])) > 1)
    same = tuple((key, cells[0]) for key, cells in known_values.items() if len(set(cells)) == 1)
    return (
        Grid("Where the runs differ", ("", *(log.run for log in logs)), other),
        Grid("The same for all", ("", "all runs"), same),
    )


def _recorded(run: Run) -> dict[str, str]:
    values = (run.seed, run.wall_s, run.peak_mb, run.hardware.get("cpu"), str(run.git.get("sha") or "-")[:12])
    return {k: "-" if v is None else str(v)[:40] for k, v in zip(_FACTS, values, strict=True)}


def starred(dimension: str, hard: bool) -> str:
    """The dimension's name, with a star if its figures are rates of faults."""
    return dimension + ("*" if hard else "")


def _by_dimension(scored: Sequence[RunScore]) -> list[tuple[str, dict[str, RunScore]]]:
    groups = groupby(scored, key=lambda s: s.dimension)
    return [(key, {s.run: s for s in group}) for key, group in groups]
