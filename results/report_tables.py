"""The report's tables: caption, headings and rows of cells, as text that the page escapes."""

from collections.abc import Mapping, Sequence
from typing import Any

from judges.types import DIMENSIONS
from results.arms import ArmScore
from results.licences import judges_of
from results.records import RunLog
from results.run_facts import RunFacts
from results.statistics import Interval
from results.table import ScoreTable
from results.terminal import gate_row, interval
from results.verdicts import GateResult, summary_sentence

_GATE = ("dimension", "n", "baseline", "candidate", "paired delta", "margin", "verdict", "licence")
_FACTS = ("seed", "wall_s", "peak_mb", "hardware_cpu", "git_sha")
_CONFIG = ("phase", "quantization", "rank", "alpha", "learning_rate", "epochs", "batch_size", "collator")


def scores_table(names: Sequence[str], scored: Sequence[ArmScore]) -> dict[str, Any]:
    rows = []
    for key in dict.fromkeys(s.dimension for s in scored):
        of_key = {s.run: s for s in scored if s.dimension == key}
        arrow = {"up": "more", "down": "less", "band": "near the writer's"}[DIMENSIONS[key].direction]
        rows.append([key, arrow, *(interval(of_key[name].mean) for name in names)])
    return {
        "caption": "Mean over canaries with 95 % interval; if hard, the rate of canaries with the fault",
        "headings": ["dimension", "better is", *names],
        "rows": rows,
    }


def ceilings_table(
    names: Sequence[str], scored: Sequence[ArmScore], top: Mapping[str, Interval]
) -> dict[str, Any] | None:
    floor = {s.dimension: s.mean for s in scored if s.run == names[0]}
    rows = [[key, interval(floor[key]), interval(top[key])] for key in floor if key in top]
    made = {"caption": "Floor and ceiling", "headings": ["dimension", names[0], "writer"], "rows": rows}
    return made if rows else None


def gate_table(result: GateResult) -> dict[str, Any]:
    title = f"{result.candidate} against {result.baseline}"
    return {
        "title": title,
        "overall": result.overall,
        "sentence": summary_sentence(result),
        "evidence": result.evidence,
        "notes": [f"{d.dimension}: {d.why}" for d in result.dimensions if d.margin] + list(result.notes),
        "table": {
            "caption": title,
            "headings": _GATE,
            "rows": [gate_row(d) for d in result.dimensions],
        },
    }


def licences_table(table: ScoreTable, gates: Sequence[GateResult]) -> dict[str, Any]:
    told = {d.dimension: d for result in gates for d in result.dimensions}
    rows = []
    for key in dict.fromkeys(table["dimension"]):
        judges = ", ".join(j or "rules" for j in judges_of(table[table["dimension"] == key])) or "nobody"
        found = told.get(key)
        may = "" if found is None else "no" if found.verdict == "ADVISORY" else "yes"
        rows.append([key, judges, found.licence if found else "", may])
    return {
        "caption": "Who judged, by which licence, and whether it may block",
        "headings": ["dimension", "judge", "licence", "may block"],
        "rows": rows,
    }


def losses_table(facts: Sequence[RunFacts]) -> dict[str, Any] | None:
    def said(loss: float | None) -> str:
        return "-" if loss is None else f"{loss:.3f}"

    rows = [[f.name, e.epoch, said(e.train_loss), said(e.val_loss)] for f in facts for e in f.epochs]
    headings = ["run", "epoch", "training loss", "validation loss"]
    return {"caption": "Loss by epoch, nats a token", "headings": headings, "rows": rows} if rows else None


def facts_table(logs: Sequence[RunLog], facts: Sequence[RunFacts]) -> dict[str, Any]:
    known = {f.name: f for f in facts}
    rows = []
    for log in logs:
        run = known.get(log.run.partition("+")[0])
        settings = {key: run.config.get(key, "-") for key in _CONFIG} if run else dict.fromkeys(_CONFIG, "-")
        pairs = f"{len(run.of_split('train'))} + {len(run.of_split('val'))} val" if run else "-"
        more = [run.facts.get(key, "-")[:40] if run else "-" for key in _FACTS]
        base = log.conditions["base"]
        rows.append([log.run, base, log.identity[:12], log.created[:10], pairs, *settings.values(), *more])
    return {
        "caption": f"What each run is; all answered {logs[0].conditions['suite']}",
        "headings": ["run", "base", "identity", "evaluated", "pairs", *_CONFIG, *_FACTS],
        "rows": rows,
    }
