"""The fitted encoder against people's labels, on rows that nothing was fitted on and nothing was chosen by.

    python benchmarks/encoder.py

Every figure is of the value that people see (``humor``, ``provocativeness``, ``specificity``, ``self_insertion``,
``integrity``), with a 95 % interval over 1,000 bootstrap resamples of the rows. Reads ``../shared/data`` where it is
at hand. Model-made labels of canary answers ship in ``judges/labels/answers.csv``, notes of a known kind in
``judges/labels/notes.csv``.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from judges import encoder, tone
from judges.integrity import integrity
from judges.self_insertion import self_insertion
from judges.specificity import specificity
from judges.text import clean
from judges.types import Answer, Judgement
from timbre.paths import CHECKOUT
from training.judge_data import JudgeExample, load_examples

PEOPLE = CHECKOUT.parent / "shared" / "data"
RESAMPLES = 1000
Array = NDArray[np.float64]
Measure = Callable[[Array, Array], float]


def value(judge: Callable[[Answer], Judgement], text: str) -> float:
    """What a judge gives a text by itself; 0 where it is unscored."""
    return judge(Answer("", "", clean(text).text)).value or 0.0


def auc(labels: Array, values: Array) -> float:
    """Area under the ROC curve; NaN with one kind of label."""
    return float(roc_auc_score(labels, values)) if 0 < labels.sum() < len(labels) else float("nan")


def correlation(labels: Array, values: Array) -> float:
    """Pearson's r."""
    return float(np.corrcoef(labels, values)[0, 1])


def show(
    name: str, measure: Measure, labels: Sequence[float], values: Sequence[float], aim: str = ""
) -> None:
    """Print one figure with its interval."""
    y, x = np.array(labels, dtype=np.float64), np.array(values, dtype=np.float64)
    draw = np.random.default_rng(1234)
    rows = [draw.integers(0, len(y), len(y)) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile([measure(y[r], x[r]) for r in rows], [2.5, 97.5])
    print(f"{name:<62}{measure(y, x):6.3f} [{low:.3f}, {high:.3f}]  n {len(y)}  {aim}", flush=True)


def _kept(source: str) -> list[JudgeExample]:
    return [e for e in load_examples(PEOPLE) if e.source == source and e.is_kept_aside]


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


def humor() -> None:
    """Jokes, their ratings, offense, satire and sarcasm."""
    rows = _kept("humor/labelled.csv")
    values = [value(tone.humor, e.text) for e in rows]
    joke = [e.targets["joke"] for e in rows]
    show("humor: tweets and jokes, AUC", auc, joke, values, "aim .985")
    funny = [(e.targets["funny"], v) for e, v in zip(rows, values, strict=True) if "funny" in e.targets]
    show("humor: rating among the funny, r", correlation, *_columns(funny), "aim .42")
    heads = [encoder.read(clean(e.text).text).heads for e in rows]
    show("  head joke, AUC", auc, joke, [h["joke"] for h in heads], "aim .990")
    rated = [
        (e.targets["funny"], h["funny"]) for e, h in zip(rows, heads, strict=True) if "funny" in e.targets
    ]
    show("  head funny, r", correlation, *_columns(rated), "aim .50")
    offense = [e.targets["offense"] for e in rows]
    show("  head offense, r", correlation, offense, [h["offense"] for h in heads], "aim .85")
    satire = _kept("humor/unfun_satire_headlines.csv")
    kinds = {r["id"]: r["kind"] for r in _csv(PEOPLE / "humor" / "unfun_satire_headlines.csv")}
    by_kind = {
        k: [value(tone.humor, e.text) for e in satire if kinds[e.id] == k] for k in set(kinds.values())
    }
    for other, aim in (("real", "aim .85"), ("unfunned", "aim .75")):
        ones, zeros = by_kind["satirical"], by_kind[other]
        show(
            f"humor: satirical headlines against {other}, AUC",
            auc,
            [1.0] * len(ones) + [0.0] * len(zeros),
            ones + zeros,
            aim,
        )
    sarcasm = _kept("humor/isarcasm_en_5votes.csv")
    clear = [e for e in sarcasm if e.targets["joke"] in (0, 1) or e.targets["joke"] >= 0.6]
    show(
        "humor: sarcasm against none, AUC",
        auc,
        [float(e.targets["joke"] > 0) for e in clear],
        [value(tone.humor, e.text) for e in clear],
        "aim .70",
    )


def provocativeness() -> None:
    """Divisive notes within their conversation, and offense as a control."""
    rows = _kept("provocativeness/polis_divisiveness.csv")
    groups = {r["id"]: r["group"] for r in _csv(PEOPLE / "provocativeness" / "polis_divisiveness.csv")}
    labels = np.array([e.targets["provocation"] for e in rows])
    values = np.array([value(tone.provocativeness, e.text) for e in rows])
    for group in set(groups.values()):
        inside = np.array([groups[e.id] == group for e in rows])
        if inside.any():
            labels[inside] -= labels[inside].mean()
            values[inside] -= values[inside].mean()
    show(
        "provocativeness: divisive notes within a conversation, r",
        correlation,
        list(labels),
        list(values),
        "aim .35",
    )
    control = list(_csv(PEOPLE / "provocativeness" / "popquorn_offensiveness.csv"))
    show(
        "provocativeness: offense of comments (a control), r",
        correlation,
        [float(r["label"]) for r in control],
        [value(tone.provocativeness, r["text"]) for r in control],
    )


def other() -> None:
    """Specificity, claims of chatbots, coherence of stories."""
    groups = {r["id"]: r["group"] for r in _csv(PEOPLE / "specificity" / "labelled.csv")}
    rows = _kept("specificity/labelled.csv")
    for group in ("twitter", "movie", "yelp"):
        chosen = [e for e in rows if groups[e.id] == group]
        show(
            f"specificity: {group}, r",
            correlation,
            [e.targets["specificity"] for e in chosen],
            [value(specificity, e.text) for e in chosen],
            "aim .65, mean .75",
        )
    comments = list(_csv(PEOPLE / "specificity" / "revutil_grounding.csv"))
    show(
        "specificity: review comments, r",
        correlation,
        [float(r["label"]) for r in comments],
        [value(specificity, r["text"]) for r in comments],
        "aim .65",
    )
    turns = [
        e for e in _kept("self_insertion/robots_dont_cry.csv") if not 0.25 < e.sentences["claim"][0][2] <= 0.5
    ]
    insertion = [value(lambda a: self_insertion(a, encoder.claims), e.text) for e in turns]
    show(
        "self_insertion: human-life claims of chatbots, AUC",
        auc,
        [float(e.sentences["claim"][0][2] > 0.5) for e in turns],
        insertion,
        "aim .85",
    )
    stories = _kept("coherence/cohesentia_stories.csv")
    heads = [encoder.read(clean(e.text).text).heads["coherence"] for e in stories]
    show(
        "integrity: its detail coherence, stories, r",
        correlation,
        [e.targets["coherence"] for e in stories],
        heads,
    )


def answers() -> None:
    """Canary answers of the half kept aside, labelled in two blind passes by a model."""
    rows = [r for r in _csv(CHECKOUT / "judges" / "labels" / "answers.csv") if r["split"] == "kept"]
    for column, name, judge in (
        ("humor", "humor", tone.humor),
        ("provocation", "provocativeness", tone.provocativeness),
        ("specific", "specificity", specificity),
        ("claim", "self_insertion", lambda a: self_insertion(a, encoder.claims)),
        ("fault", "integrity", lambda a: integrity(a, encoder.read(a.text))),
    ):
        labels = [float(r[column]) for r in rows]
        values = [
            judge(Answer("", clean(r["prompt"]).text, clean(r["text"]).text)).value or 0.0 for r in rows
        ]
        show(f"{name}: canary answers, r with labels by a model", correlation, labels, values)
        if column in ("claim", "fault"):
            show(f"{name}: the same, AUC", auc, [float(v >= 0.5) for v in labels], values)


def notes() -> None:
    """Short notes written for this: dry jokes against sad notes, some built like a joke, and sober ones."""
    rows = _csv(CHECKOUT / "judges" / "labels" / "notes.csv")
    values = {
        kind: [value(tone.humor, r["text"]) for r in rows if r["kind"] == kind]
        for kind in ("joke", "sad", "sober")
    }
    jokes = values.pop("joke")
    for kind, others in values.items():
        labels = [1.0] * len(jokes) + [0.0] * len(others)
        show(f"humor: jokes against {kind} notes, AUC", auc, labels, jokes + others)


def _csv(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


if __name__ == "__main__":
    answers()
    notes()
    if PEOPLE.is_dir():
        humor()
        provocativeness()
        other()
    else:
        print(f"skipped: no labels by people at {PEOPLE.relative_to(CHECKOUT.parent)}")
