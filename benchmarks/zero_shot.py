"""Agreement of the embedded base with people, when it is asked zero-shot: beside the trained judges.

    .venv/bin/python benchmarks/zero_shot.py             # 300 rows that no judge was fitted on
    .venv/bin/python benchmarks/zero_shot.py --rows 100

The base answers the humor rubric as any grader does (schema, quotes, and the probability of each yes), and
one question with Yes or No. It is served as for evals: the first question starts the server, and
`timbre serve --stop` ends it.
"""

import sys

import numpy as np
from humor_labels import Array, Labels, held_out, interval, read_labels
from inspect_ai.model import Model
from sklearn.metrics import roc_auc_score

from evals.calibration import grading
from evals.graders import token_choices
from judges.fenced import as_data, fence
from judges.linear import load
from judges.types import Answer

BASE = "voice/baseline"
QUESTION = "Is this text meant to be funny, and is it? Answer with one word, Yes or No."
MAX_ALTERNATIVES = 20


def main() -> None:
    """Ask and print."""
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 300
    labels = read_labels()
    _, aside = held_out(labels)
    drawn = labels.of(np.sort(np.random.default_rng(0).permutation(aside)[:rows]))
    answers = [Answer(i, "", t) for i, t in zip(drawn.ids, drawn.texts, strict=True)]
    with grading(BASE, logprobs=True) as judges:
        one_word = np.array([judges.portal.call(yes_share, judges.model, a.text) for a in answers])
        report("one question, P(yes)", one_word, drawn)
        report("rubric, expected value", as_array(judges.rubric("humor").judge(answers)), drawn)
    with grading(BASE) as judges:
        report("rubric, yes or no", as_array(judges.rubric("humor").judge(answers)), drawn)
    report("linear judge, same rows", load().predict(drawn.texts)["is_humor"], drawn)


def as_array(values: list[float | None]) -> Array:
    """Values with NaN for none."""
    return np.array([np.nan if v is None else v for v in values], dtype=float)


async def yes_share(model: Model, text: str) -> float:
    """P(yes) / (P(yes) + P(no)) of the first token; NaN where neither is among its alternatives."""
    data = as_data(text, 2000)
    line = fence(data)
    asked = model.config.model_copy(update={"top_logprobs": MAX_ALTERNATIVES, "max_tokens": 1})
    output = await model.generate(f"{QUESTION}\n\n{line}\n{data}\n{line}", config=asked)
    chances = {"yes": 0.0, "no": 0.0}
    for choice in token_choices(output)[:1]:
        for token, logprob in choice.top.items():
            word = token.strip().lower()
            if word in chances:
                chances[word] += float(np.exp(logprob))
    both = chances["yes"] + chances["no"]
    return chances["yes"] / both if both else float("nan")


def report(name: str, values: Array, labels: Labels) -> None:
    """One line: how many were scored, how many of them yes, and the AUC with its interval."""
    known = np.flatnonzero(~np.isnan(values))
    funny, scored = labels.is_humor[known], values[known]
    head = f"{name}: {len(known)} of {len(values)} scored"
    if len(set(funny)) < 2:
        print(f"{head}, too few of either kind for an AUC", flush=True)
        return
    auc = interval(lambda rows: _auc(funny[rows], scored[rows]), len(known))
    yes = f"{(scored >= 0.5).mean():.0%} yes where people say {funny.mean():.0%}"
    print(f"{head}, {yes}, AUC {auc}", flush=True)


def _auc(funny: Array, scored: Array) -> float:
    return float(roc_auc_score(funny, scored)) if len(set(funny)) == 2 else 0.5


if __name__ == "__main__":
    main()
