"""Learned stock phrases per 100 words: the base's answers that no list has seen against the writer's texts.

    .venv/bin/python benchmarks/stock.py [--logs DIR]

Three sets of texts, none learned from: the base's answers to the prompts of the writer's val pairs, its
answers to the canaries (out of the baseline's newest log in DIR, where there is one) and the writer's val
responses. Then the writer's training responses, each source judged by a list learned without it, and how
``hashtag_slop`` changes. Rates are marks per 100 words of all texts together; intervals are 95 %,
bootstrapped over prompts, and where no text has a mark, Poisson's for 0 marks in so many words.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from judges.plain_text import words
from judges.slop import hashtag_slop
from judges.stock import spans, stock_against, stored_lists
from judges.stock_learning import PromptedText, human_share, learn
from judges.types import Answer
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, logs_dir

RESAMPLES = 10_000


def rate(found: list[tuple[int, int]]) -> str:
    """Marks per 100 words of (marks, words) a prompt, with its interval."""
    marks, lengths = np.array(found).T
    at = 100 * marks.sum() / lengths.sum()
    if not marks.any():
        low, high = 0.0, 100 * stats.chi2.ppf(0.975, 2) / 2 / lengths.sum()
    else:
        chosen = np.random.default_rng(0).integers(0, len(marks), (RESAMPLES, len(marks)))
        low, high = np.percentile(100 * marks[chosen].sum(1) / lengths[chosen].sum(1), [2.5, 97.5])
    return f"{at:.2f} [{low:.2f}, {high:.2f}] ({marks.sum()} in {lengths.sum()} words, {len(marks)} prompts)"


def marked(texts: list[PromptedText], stock: frozenset[str]) -> list[tuple[int, int]]:
    """Marks and words of the texts of each prompt."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for prompt, text in texts:
        sums[prompt][0] += len(spans(text, stock))
        sums[prompt][1] += len(words(text))
    return [(marks, length) for marks, length in sums.values()]


def slop(texts: list[PromptedText], stock: frozenset[str]) -> float:
    """Mean value of ``hashtag_slop``."""
    values = [hashtag_slop(Answer("", prompt, text), stock).value for prompt, text in texts]
    return float(np.mean([v for v in values if v is not None]))


def canary_answers(place: Path) -> list[PromptedText]:
    """The baseline's answers in its newest log; none where there is no log."""
    from results.logs import read_logs

    try:
        return [PromptedText(s.prompt, s.text) for s in read_logs([place], ["baseline"])[0].samples]
    except TimbreError:
        return []


def writer_left_out(pairs: list[dict[str, str]], base_texts: list[PromptedText]) -> list[tuple[int, int]]:
    """Marks and words of each training response, by a list learned without its source."""
    sources = defaultdict(list)
    for pair in pairs:
        sources[pair["source"]].append(PromptedText(pair["prompt"], pair["response"]))
    found = []
    for source, texts in sources.items():
        others = [text for name, group in sources.items() if name != source for _, text in group]
        learned = learn(base_texts, others, human_share, base="base", base_sha256="0" * 64)
        found += marked(texts, stock_against(others, [learned]))
    return found


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=Path, default=logs_dir(), help="folder of Inspect logs")
    place = parser.parse_args().logs
    pairs = _lines(CHECKOUT / "training" / "data" / "voice.jsonl")
    floor = [PromptedText(r["prompt"], r["text"]) for r in _lines(CHECKOUT / "judges/data/floor.jsonl")]
    val = {p["prompt"] for p in pairs if p["split"] == "val"}
    train = [p for p in pairs if p["split"] == "train"]
    stock = stock_against([p["response"] for p in train])
    for each in stored_lists():
        print(f"{each.base}: {len(each.phrases)} phrases from {each.texts} answers, {each.words} words")
    sets = {
        "base, val prompts": [answer for answer in floor if answer.prompt in val],
        "base, canaries": canary_answers(place),
        "writer, val": [PromptedText(p["prompt"], p["response"]) for p in pairs if p["split"] == "val"],
    }
    for name, texts in sets.items():
        if texts:
            print(f"{name:18} {rate(marked(texts, stock))}")
            print(f"{'':18} hashtag_slop {slop(texts, frozenset()):.3f} -> {slop(texts, stock):.3f}")
    learned_from = [answer for answer in floor if answer.prompt not in val]
    print(f"{'writer, left out':18} {rate(writer_left_out(train, learned_from))}")


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
