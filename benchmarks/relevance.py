"""Does an answer find its own prompt, and does one that was dealt to another prompt find none?

    python benchmarks/relevance.py

The writer's texts under their own prompts among all shipped ones, and the canary answers of
``judges/labels/answers.csv`` that both passes call sound and relevant, under the 169 prompts of the full suite.
"""

import csv
import json
import random
from collections.abc import Mapping, Sequence

import numpy as np

from canaries.suite import load_suite
from judges.relevance import Topics, relevance
from judges.text import clean
from judges.types import Answer
from timbre.paths import CHECKOUT, DEFAULT_VOICE
from timbre.stats import rate_interval

ANSWERS = CHECKOUT / "judges" / "labels" / "answers.csv"


def show(name: str, topics: Topics, prompts: Sequence[str], texts: Sequence[str]) -> None:
    """Print the share ranked first or second, and the mean value of the answers as given and as dealt."""
    judged = [relevance(Answer("", p, clean(t).text), topics) for p, t in zip(prompts, texts, strict=True)]
    top = sum(j.details["rank"] <= 2 for j in judged)
    rate = rate_interval(top, len(judged))
    draw = random.Random(1234)
    others = [draw.choice([p for p in prompts if p != prompt]) for prompt in prompts]
    dealt = [relevance(Answer("", p, clean(t).text), topics) for p, t in zip(others, texts, strict=True)]
    means = [float(np.mean([j.value for j in of])) for of in (judged, dealt)]
    print(
        f"{name:<44} first or second {rate.estimate:.3f} [{rate.low:.3f}, {rate.high:.3f}]  mean {means[0]:.3f}  "
        f"dealt {means[1]:.3f}  n {len(judged)}",
        flush=True,
    )


def main() -> None:
    """Both sets, with and without the canaries' facts."""
    rows = [json.loads(line) for line in DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()]
    prompts = [row["prompt"] for row in rows]
    show("the writer's texts", Topics(dict.fromkeys(prompts, ())), prompts, [r["response"] for r in rows])
    canaries = load_suite("full").canaries
    facts: Mapping[str, Sequence[str]] = {c.prompt: c.facts for c in canaries}
    with ANSWERS.open(encoding="utf-8", newline="") as handle:
        sound = [
            row
            for row in csv.DictReader(handle)
            if row["fault"] == "0" and float(row["relevant"]) >= 1 and row["prompt"] in facts
        ]
    for least in (1.0, 2.0):
        chosen = [row for row in sound if float(row["relevant"]) >= least]
        asked, texts = [r["prompt"] for r in chosen], [r["text"] for r in chosen]
        label = "roughly on the subject" if least == 1 else "answers the prompt"
        show(f"canary answers, {label}", Topics(facts), asked, texts)
        show("  without facts", Topics(dict.fromkeys(facts, ())), asked, texts)


if __name__ == "__main__":
    main()
