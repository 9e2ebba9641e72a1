"""``hashtag_slop`` against professional writers' ranks, human registers and the base's answers.

    .venv/bin/python benchmarks/slop.py [--data ../shared/data] [--logs DIR]

- Pairs of a triplet (an AI's draft, an expert's edit, an AI's edit) ordered as the mean rank of three writers
  orders them. Weights were chosen on the even half of the triplets (sha256 of the group), not on the odd.
- Mean value on texts of people, who should be near 0, and of the base.
- Learned phrases per 100 words: the base's answers to unseen prompts against the writer's texts, each source
  of the writer's by a list learned without it.

Intervals are 95 %, bootstrapped over groups, texts or prompts. A set that isn't there is skipped.
"""

import argparse
import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

from judges.slop import hashtag_slop
from judges.stock_learning import PromptedText, counted, human_share, learn, spans, stored_list
from judges.text import clean, words
from judges.types import Answer
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, logs_dir

RESAMPLES = 10_000
FLOOR = CHECKOUT / "judges" / "data" / "floor.jsonl"
LONGEST_TEXT = 150
"""Words that are judged of a long human text."""


def slop(text: str, stock: frozenset[str] = frozenset()) -> float:
    """Value of ``hashtag_slop``; 0 for an empty text."""
    return hashtag_slop(Answer("", "", clean(text).text), stock).value or 0.0


def ranked_pairs(path: Path) -> dict[int, list[tuple[float, int]]]:
    """For each half, a row a triplet: pairs ordered as the writers order them (ties half), and pairs."""
    triplets: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in _csv(path):
        triplets[row["group"]].append((float(row["label"]), slop(row["text"])))
    halves: dict[int, list[tuple[float, int]]] = {0: [], 1: []}
    for group, texts in triplets.items():
        agreed = [
            0.5 if a == b else float((a > b) == (first > second))
            for (first, a), (second, b) in combinations(texts, 2)
            if first != second
        ]
        half = int(hashlib.sha256(group.encode()).hexdigest(), 16) % 2
        halves[half].append((sum(agreed), len(agreed)))
    return halves


def ratio(rows: Sequence[tuple[float, float]], scale: float = 1.0) -> str:
    """Sum of the first column over the sum of the second, with its interval."""
    over, under = np.array(rows, dtype=float).T
    if not over.any():
        low, high = 0.0, scale * stats.chi2.ppf(0.975, 2) / 2 / under.sum()  # Poisson's, for 0 events
    else:
        chosen = np.random.default_rng(0).integers(0, len(over), (RESAMPLES, len(over)))
        low, high = np.percentile(scale * over[chosen].sum(1) / under[chosen].sum(1), [2.5, 97.5])
    return f"{scale * over.sum() / under.sum():.3f} [{low:.3f}, {high:.3f}]"


def marked(texts: Iterable[PromptedText], stock: frozenset[str]) -> list[tuple[float, float]]:
    """Learned phrases and words of the texts of each prompt."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for prompt, text in texts:
        sums[prompt][0] += len(spans(text, stock))
        sums[prompt][1] += len(words(text))
    return [(marks, length) for marks, length in sums.values()]


def writer_left_out(pairs: list[dict[str, str]], answers: list[PromptedText]) -> list[tuple[float, float]]:
    """Marks and words of each training response, by a list learned without its source."""
    sources: defaultdict[str, list[PromptedText]] = defaultdict(list)
    for pair in pairs:
        sources[pair["source"]].append(PromptedText(pair["prompt"], pair["response"]))
    rows: list[tuple[float, float]] = []
    for source, texts in sources.items():
        others = [text for name, group in sources.items() if name != source for _, text in group]
        learned = learn(answers, others, human_share, base="base", base_sha256="0" * 64)
        rows += marked(texts, counted(learned, others))
    return rows


def human_sets(data: Path) -> dict[str, list[str]]:
    """Texts of people by set, and the base's answers as the last; long ones cut."""
    sets = {"the writer": [r["response"] for r in _lines(CHECKOUT / "training/data/voice.jsonl")]}
    for row in _lines(CHECKOUT / "judges/data/impostors.jsonl"):
        sets.setdefault(row["register"], []).append(row["text"])
    for name in ("authorship/ebg_amt.csv", "self_insertion/storytestimony.csv"):
        if (data / name).exists():
            sets[name] = [" ".join(r["text"].split()[:LONGEST_TEXT]) for r in _csv(data / name)]
        else:
            print(f"skipped: {data / name} is not there")
    return {**sets, "the base": [r["text"] for r in _lines(FLOOR)]}


def canary_answers(place: Path) -> list[PromptedText]:
    """The baseline's answers in its newest log; none where there is no log."""
    from results.logs import read_logs

    try:
        return [PromptedText(s.prompt, s.text) for s in read_logs([place], ["baseline"])[0].samples]
    except TimbreError:
        return []


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=CHECKOUT.parent / "shared" / "data", help="labelled sets"
    )
    parser.add_argument("--logs", type=Path, default=logs_dir(), help="folder of Inspect logs")
    args = parser.parse_args()
    triplets = args.data / "slop" / "lamp_preference_triplets.csv"
    if triplets.exists():
        for half, rows in ranked_pairs(triplets).items():
            name = "chosen on" if half == 0 else "kept aside"
            print(f"ranked as writers do, {name}: {ratio(rows)} ({sum(n for _, n in rows)} pairs)")
    else:
        print(f"skipped: {triplets} is not there")
    for name, texts in human_sets(args.data).items():
        print(f"mean value, {name}: {ratio([(slop(text), 1) for text in texts])} (n {len(texts)})")
    _learned_phrases(args.logs)


def _learned_phrases(logs: Path) -> None:
    pairs = _lines(CHECKOUT / "training/data/voice.jsonl")
    floor = [PromptedText(r["prompt"], r["text"]) for r in _lines(FLOOR)]
    val = {p["prompt"] for p in pairs if p["split"] == "val"}
    train = [p for p in pairs if p["split"] == "train"]
    for path in sorted((CHECKOUT / "judges" / "stock").glob("*.json")):
        learned = stored_list(json.loads(path.read_text(encoding="utf-8"))["base_sha256"])
        if learned is None:
            continue
        print(f"{learned.base}: {len(learned.phrases)} phrases from {learned.texts} answers")
        stock = counted(learned, [p["response"] for p in train])
        sets = {
            "base, val prompts": [answer for answer in floor if answer.prompt in val],
            "base, canaries": canary_answers(logs),
            "writer, val": [PromptedText(p["prompt"], p["response"]) for p in pairs if p["split"] == "val"],
        }
        for name, texts in sets.items():
            if texts:
                values = [np.mean([slop(text, each) for _, text in texts]) for each in (frozenset(), stock)]
                print(f"  per 100 words, {name}: {ratio(marked(texts, stock), 100)} (n {len(texts)})")
                print(f"  mean value without and with them: {values[0]:.3f}, {values[1]:.3f}")
    rows = writer_left_out(train, [answer for answer in floor if answer.prompt not in val])
    print(f"  per 100 words, writer by lists learned without the source: {ratio(rows, 100)}")


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
