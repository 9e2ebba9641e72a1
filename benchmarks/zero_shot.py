"""Agreement of the embedded base with people, when it is asked zero-shot: beside the trained judges.

    .venv/bin/python benchmarks/zero_shot.py             # 150 rows that no judge was fitted on
    .venv/bin/python benchmarks/zero_shot.py --rows 300

The base answers the humor rubric as any grader does (schema, quotes, and the probability of each yes), and
one question with Yes or No. It is served as for evals: the first question starts the server, and
`timbre serve --stop` ends it.

Measured (SmolLM2-135M-Instruct, 150 rows, four minutes on two cores): AUC .39 [.30, .49] by one question,
.42 [.32, .51] by the rubric's expected value and .43 [.35, .52] by its plain answers, which called 93 % of
the rows funny where people call 59 % so; 5 of 150 replies weren't understood. The linear judge has .94
[.90, .97] on the same rows: a grader of this size is none.
"""

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import numpy as np
from humor_labels import Array, Labels, held_out, interval, read_labels
from inspect_ai.model import Model
from sklearn.metrics import roc_auc_score

from evals.calibration import grading
from evals.graders import MAX_GRADER_TOKENS, reply_cache, reply_config, token_choices
from judges.fenced import as_data, fence
from judges.linear import load
from judges.rubric import load_rubric, parse_reply, rubric_prompt, rubric_schema
from judges.types import Answer

T = TypeVar("T")

BASE = "voice/baseline"
QUESTION = "Is this text meant to be funny? Answer with one word, Yes or No."
MAX_ALTERNATIVES = 20


def main() -> None:
    """Ask and print."""
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 150
    labels = read_labels()
    _, aside = held_out(labels)
    drawn = labels.of(np.sort(np.random.default_rng(0).permutation(aside)[:rows]))
    answers = [Answer(i, "", t) for i, t in zip(drawn.ids, drawn.texts, strict=True)]
    with grading(BASE, logprobs=True) as judges:
        words = judges.portal.call(all_of, [word_share(judges.model, a.text) for a in answers])
        report("one question, P(yes)", np.array(words), drawn)
        asked = [rubric_values(judges.model, judges.name, a) for a in answers]
        expected, stated = np.array(judges.portal.call(all_of, asked)).T
        report("rubric, expected value", expected, drawn)
        report("rubric, yes or no", stated, drawn)
    report("linear judge, same rows", load().predict(drawn.texts)["is_humor"], drawn)


async def all_of(questions: Sequence[Awaitable[T]]) -> list[T]:
    """The answers to all, asked together."""
    return list(await asyncio.gather(*questions))


async def rubric_values(model: Model, name: str, answer: Answer) -> tuple[float, float]:
    """The value of one reply with and without its probabilities; NaN where it wasn't understood."""
    rubric = load_rubric("humor")
    config = reply_config("humor", rubric_schema(rubric), MAX_GRADER_TOKENS)
    output = await model.generate(
        rubric_prompt(rubric, answer), config=config, cache=reply_cache(name, rubric)
    )
    read = (parse_reply(rubric, output.completion, answer, tokens) for tokens in (token_choices(output), ()))
    expected, stated = (np.nan if j.value is None else j.value for j in read)
    return expected, stated


async def word_share(model: Model, text: str) -> float:
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
