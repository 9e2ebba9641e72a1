"""What is wrong with a run as a whole: one text under many prompts, or the baseline's own answers."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from judges.text import clean, folded_words

# Share of word triples that two answers of a run have in common, from which they are one text.
NEAR_SAME = 0.6
# The share, and the least number, of prompts that got one text, from which it is a fault of the run.
SAME_SHARE, SAME_LEAST = 0.05, 3
# Share of answers identical to the baseline's from which the run may not have been served at all.
BASELINE_SHARE = 0.5


class RunFault(NamedTuple):
    """What is wrong with a run as a whole."""

    kind: Literal["same_text", "baseline_text"]
    is_fault: bool  # False: a note, which people should read but which fails nothing
    ids: tuple[str, ...]  # the answers concerned, in their order
    quote: str  # the beginning of the text
    message: str  # one sentence for people


def run_faults(answers: Mapping[str, str], baseline: Mapping[str, str] | None = None) -> list[RunFault]:
    """One text under many prompts, and answers that are the baseline's, as faults or notes of the run.

    Both are by the same ids, one answer a prompt.
    """
    tokens = {key: folded_words(clean(text).text) for key, text in answers.items()}
    found = []
    least = max(SAME_LEAST, SAME_SHARE * len(answers))
    for group in _same_groups(tokens):
        message = f"{len(group)} of {len(answers)} prompts have the same or nearly the same answer"
        quote = " ".join(answers[group[0]][:120].split())
        found.append(RunFault("same_text", len(group) >= least, tuple(group), quote, message))
    if baseline:
        shared = [key for key in answers if key in baseline and tokens[key]]
        equal = [key for key in shared if tokens[key] == folded_words(clean(baseline[key]).text)]
        if equal:
            message = f"{len(equal)} of {len(shared)} answers are the baseline's, word for word"
            is_fault = len(equal) >= max(SAME_LEAST, BASELINE_SHARE * len(shared))
            quote = " ".join(answers[equal[0]][:120].split())
            found.append(RunFault("baseline_text", is_fault, tuple(equal), quote, message))
    return found


def _same_groups(tokens: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Groups of at least two answers, each near the first of its group."""
    triples = {key: {t[i : i + 3] for i in range(max(1, len(t) - 2))} for key, t in tokens.items() if t}
    holders: dict[tuple[str, ...], list[str]] = {}
    groups: dict[str, list[str]] = {}
    for key, own in triples.items():
        shared: dict[str, int] = {}
        for triple in own:
            for leader in holders.get(triple, ()):
                shared[leader] = shared.get(leader, 0) + 1
        near = [k for k, n in shared.items() if n >= NEAR_SAME * max(len(own), len(triples[k]))]
        if near:
            groups[near[0]].append(key)
            continue
        groups[key] = [key]
        for triple in own:
            holders.setdefault(triple, []).append(key)
    yield from (group for group in groups.values() if len(group) > 1)
