"""Learns a base model's stock phrases from its answers, instead of remembering other models'.

Human frequencies come from ``wordfreq`` (Apache-2.0), which only learning imports; no judge needs it. Its
data ends with 2021 and its author will not renew them, since text off the Web is by now partly written
by models. That is what is wanted here: a count of how people wrote before, the same next year as this.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from judges.plain_text import words
from judges.stock import StockList, StockPhrase, folded, over_use, phrases
from timbre.errors import TimbreError

PRIOR_WORDS = 2_000
"""Strength of the prior: as if this many words of human English stood beside the base's, which is some
twenty answers."""

THRESHOLD = 3.0
"""Least z of the over-use. Some thousand phrases recur and are tested at once;
3 leaves about one to chance."""

MIN_RATIO_WORD = 20.0
"""How many times as often as people the base must use a word, so that a human text meets it at most a
twentieth as often. Enough answers make any small difference significant, so size is asked for too."""

MIN_RATIO_PHRASE = 3.0
"""The same for several words, whose human share is overstated many times over already (see ``learn``)."""

MIN_PROMPTS = 3
"""Different prompts whose answers must share a phrase; under three it may be a subject."""

MIN_PROMPT_SHARE = 0.02
"""And the least share of all prompts: what one answer in fifty doesn't hold is no habit."""

UNKNOWN = 1e-8
"""Share taken for a word that the human count doesn't know: the least that wordfreq's large list tells."""

COMMON = 1e-3
"""Words of a prompt that are more frequent than this among people don't make an answer its echo."""


class PromptedText(NamedTuple):
    """A base's answer, and the prompt whose words it may echo."""

    prompt: str
    text: str


def learn(
    base_texts: Sequence[PromptedText],
    writer_texts: Sequence[str],
    human: Callable[[str], float],
    *,
    base: str,
    base_sha256: str,
) -> StockList:
    """The words and phrases that ``base_texts`` over-use, against people and against the writer.

    A phrase is stock if its log-odds exceed those of human English by ``THRESHOLD`` standard errors
    (``judges.stock.over_use`` has formula and source), and if it is at least ``MIN_RATIO_WORD`` or
    ``MIN_RATIO_PHRASE`` times as frequent. Where the writer uses it at all, its log-odds must exceed the
    writer's by as many standard errors. Where the writer doesn't, a few thousand words prove no absence,
    and ``z_writer`` is told and not asked for.

    Four things make it err towards too few phrases. An answer counts once for a phrase however often it
    repeats it, since a loop isn't a sample. An answer doesn't count for a phrase that shares a
    word rarer than ``COMMON`` with its prompt. A phrase that never stands outside a longer listed one is left
    to that one. And a phrase's human share is taken to be its rarest word's, which bounds it from above:
    what beats the bound is over-used whatever the unknown share is. Phrases of common words alone ("at the
    end of the") therefore stay with the hand-written list.

    Args:
        base_texts: Answers of the base; of one prompt there may be several.
        writer_texts: The writer's texts that may be learned from; keep the held-out ones back.
        human: Share of a word in human English, in [0, 1]; such as ``human_share``.
        base: Name to record.
        base_sha256: Identity to record.

    Raises:
        TimbreError: There is no word to learn from.
    """
    total = sum(len(words(text)) for _, text in base_texts)
    if not total:
        raise TimbreError("no words to learn from", where=base, do="give answers of the base")
    counts, holders = _uses(base_texts, human)
    writer_words = sum(len(words(text)) for text in writer_texts)
    writer_uses = Counter(phrase for text in writer_texts for phrase in phrases(text))
    needed = max(MIN_PROMPTS, math.ceil(MIN_PROMPT_SHARE * len({prompt for prompt, _ in base_texts})))
    found = {}
    for phrase, answers in holders.items():
        prompts = {base_texts[i].prompt for i in answers}
        if len(prompts) < needed or any(c.isdigit() for c in phrase):
            continue
        share = min(max(human(word), UNKNOWN) for word in phrase.split())
        used = writer_uses[phrase]
        z_human, z_writer = over_use(len(answers), total, used, writer_words, share, PRIOR_WORDS)
        ratio = MIN_RATIO_PHRASE if " " in phrase else MIN_RATIO_WORD
        is_stock = z_human >= THRESHOLD and len(answers) / total >= ratio * share
        if is_stock and (not used or z_writer >= THRESHOLD):
            found[phrase] = StockPhrase(
                phrase,
                len(prompts),
                len(answers),
                counts[phrase],
                round(100 * counts[phrase] / total, 4),
                share,
                round(z_human, 2),
                round(z_writer, 2),
            )
    inner = {part for phrase in found for part in _parts(phrase) if holders[part] == holders[phrase]}
    kept = sorted((p for p in found.values() if p.text not in inner), key=lambda p: (-p.z_human, p.text))
    return StockList(base, base_sha256, len(base_texts), total, PRIOR_WORDS, THRESHOLD, tuple(kept))


@cache
def human_share(word: str) -> float:
    """Share of ``word`` in human English up to 2021, in [0, 1]; 0 if unknown.

    Raises:
        TimbreError: wordfreq is not installed.
    """
    try:
        from wordfreq import word_frequency
    except ImportError as error:
        raise TimbreError(
            "learning stock phrases needs the package wordfreq", do="run `make setup`"
        ) from error
    return float(word_frequency(word, "en", wordlist="large"))


def _uses(
    base_texts: Sequence[PromptedText], human: Callable[[str], float]
) -> tuple[Counter[str], dict[str, set[int]]]:
    """Each phrase's uses, and which answers hold it; echoes of the prompt left out."""
    counts: Counter[str] = Counter()
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for i, (prompt, text) in enumerate(base_texts):
        echoed = {word for word in map(folded, _words(prompt)) if human(word) < COMMON}
        for phrase in phrases(text):
            if echoed.isdisjoint(phrase.split()):
                counts[phrase] += 1
                holders[phrase].add(i)
    return counts, holders


def _words(text: str) -> list[str]:
    return [word.text for word in words(text)]


def _parts(phrase: str) -> list[str]:
    """The shorter phrases inside ``phrase``."""
    told = phrase.split()
    size = len(told)
    return [" ".join(told[i : i + n]) for n in range(1, size) for i in range(size - n + 1)]
