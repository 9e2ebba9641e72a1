"""A base model's stock phrases: learned from its answers, stored, and marked where they stand in a text.

A list is a file of ``judges/stock/``, one a base, named by the first 16 digits of the base's sha256, and
counts for answers of that base and its adapters only. Human frequencies come from ``wordfreq`` (data up to
2021, before the Web was partly written by models), which only learning imports.
"""

import contextlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from judges.text import Span, fold, prose, without_code_and_addresses, words
from timbre.errors import TimbreError
from timbre.files import write_whole

STORED = Path(__file__).with_name("stock")
LONGEST = 4  # words in the longest phrase
# Strength of the prior: words of human English that stand beside the base's, some twenty answers' worth.
PRIOR_WORDS = 2_000
# Least z of the over-use; some thousand phrases are tested at once, and 3 leaves about one to chance.
THRESHOLD = 3.0
# How many times as often as people the base must use a word; enough answers make any small difference
# significant, so size is asked for too.
MIN_RATIO_WORD = 20.0
# The same for several words, whose human share is overstated many times over already (see `learn`).
MIN_RATIO_PHRASE = 3.0
MIN_PROMPTS = 3  # different prompts whose answers must share a phrase; under three it may be a subject
MIN_PROMPT_SHARE = 0.02  # and the least share of all prompts
UNKNOWN = 1e-8  # share taken for a word that the human count doesn't know: the least in wordfreq's large list
COMMON = 1e-3  # words of a prompt that are more frequent than this among people don't make an answer its echo

_GAP = re.compile(r"[ \t,'\"\u2018\u2019\u201c\u201d]*")


class PromptedText(NamedTuple):
    """A base's answer, and the prompt whose words it may echo."""

    prompt: str
    text: str


@dataclass(frozen=True)
class StockPhrase:
    """One phrase that a base over-uses."""

    text: str  # one to LONGEST words in small letters, parted by one space
    prompts: int  # different prompts whose answers hold it
    answers: int  # answers that hold it
    count: int  # times that it stands in those answers
    per_100_words: float  # count per 100 words of all answers
    human: float  # its share in human English at most, in (0, 1)
    z_human: float  # standard errors by which its log-odds exceed those of human English
    z_writer: float  # the same against the writer it was learned beside


@dataclass(frozen=True)
class StockList:
    """What was learned of one base, and from how much."""

    base: str
    base_sha256: str  # as in run.json
    texts: int  # answers learned from
    words: int  # words in them
    prior: int  # strength of the prior in words
    threshold: float  # least z
    phrases: tuple[StockPhrase, ...]  # by falling z_human


def spans(text: str, stock: Collection[str]) -> list[tuple[int, int]]:
    """Where phrases of ``stock`` stand in ``text``, in order; none runs over the end of a clause.

    Phrases that share a word make one stretch: "I'm here to assist" and "here to assist you" are one habit.
    """
    if not stock:
        return []
    found: list[tuple[int, int]] = []
    for run in _clauses(text):
        after = -1  # one past the last word that is part of a phrase
        for i, size, phrase in _phrases(run):
            if phrase not in stock or i + size <= after:
                continue
            if i < after:
                found[-1] = (found[-1][0], run[i + size - 1].end)
            else:
                found.append((run[i].start, run[i + size - 1].end))
            after = i + size
    return found


def learn(
    base_texts: Sequence[PromptedText],
    writer_texts: Sequence[str],
    human: Callable[[str], float],
    *,
    base: str,
    base_sha256: str,
) -> StockList:
    """The words and phrases that ``base_texts`` over-use, against people and against the writer.

    A phrase is stock if its log-odds exceed those of human English by ``THRESHOLD`` standard errors, and the writer's
    too where the writer uses it at all, and it is ``MIN_RATIO_WORD`` or ``MIN_RATIO_PHRASE`` times as frequent.

    An answer counts once for a phrase, since a loop isn't a sample, and not for one that shares a word rarer than
    ``COMMON`` with its prompt. A phrase that never stands outside a longer listed one is left to that one. A phrase's
    human share is taken to be its rarest word's, which bounds it from above.

    Args:
        base_texts: Answers of the base; of one prompt there may be several.
        writer_texts: The writer's texts that may be learned from; keep the held-out ones back.
        human: Share of a word in human English, in [0, 1]; such as ``human_share``.
    """
    total = sum(len(words(text)) for _, text in base_texts)
    if not total:
        raise TimbreError("no words to learn from", where=base, do="give answers of the base")
    counts, holders = _uses(base_texts, human)
    writer_words = sum(len(words(text)) for text in writer_texts)
    writer_uses = Counter(phrase for text in writer_texts for phrase in _phrases_of(text))
    needed = max(MIN_PROMPTS, math.ceil(MIN_PROMPT_SHARE * len({prompt for prompt, _ in base_texts})))
    stock = {}
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
            count, z = counts[phrase], (round(z_human, 2), round(z_writer, 2))
            often = round(100 * count / total, 4)
            stock[phrase] = StockPhrase(phrase, len(prompts), len(answers), count, often, share, *z)
    inner = {part for phrase in stock for part in _parts(phrase) if holders[part] == holders[phrase]}
    kept = sorted((p for p in stock.values() if p.text not in inner), key=lambda p: (-p.z_human, p.text))
    return StockList(base, base_sha256, len(base_texts), total, PRIOR_WORDS, THRESHOLD, tuple(kept))


def over_use(
    uses: int, total: int, other_uses: int, other_total: int, human: float, prior: int
) -> tuple[float, float]:
    """By how many standard errors one corpus over-uses a phrase, against people and against another corpus.

    Log-odds with an informative Dirichlet prior, after Monroe, Colaresi and Quinn, "Fightin' Words", Political
    Analysis 16(4), 2008, section 3.5: with y uses in n words, human share p, prior strength A and a = A p,
    ``w = log((y + a) / (n + A - y - a))`` and ``var(w) = 1 / (y + a)``, approximately.
    """
    pseudo = prior * human
    odds, other = (
        math.log((y + pseudo) / (n + prior - y - pseudo))
        for y, n in ((uses, total), (other_uses, other_total))
    )
    error = 1 / (uses + pseudo)
    z_human = (odds - math.log(human / (1 - human))) / math.sqrt(error)
    return z_human, (odds - other) / math.sqrt(error + 1 / (other_uses + pseudo))


@cache
def human_share(word: str) -> float:
    """Share of ``word`` in human English up to 2021, in [0, 1]; 0 if unknown."""
    from wordfreq import word_frequency

    return float(word_frequency(word, "en", wordlist="large"))


def counted(learned: StockList | None, writer_texts: Sequence[str]) -> frozenset[str]:
    """The phrases of ``learned`` that this writer doesn't use, or uses beyond doubt more seldom."""
    if learned is None:
        return frozenset()
    listed = {phrase.text for phrase in learned.phrases}
    uses = Counter(p for text in writer_texts for p in _phrases_of(text) if p in listed)
    total = sum(len(words(text)) for text in writer_texts)

    def is_used_as_often(p: StockPhrase) -> bool:
        _, z = over_use(p.answers, learned.words, uses[p.text], total, p.human, learned.prior)
        return uses[p.text] > 0 and z < learned.threshold

    return frozenset(p.text for p in learned.phrases if not is_used_as_often(p))


def stored_list(base_sha256: str, folder: Path = STORED) -> StockList | None:
    """The stored list of a base; None where it has none, and a TimbreError where the file is no such list."""
    path = folder / f"{base_sha256[:16]}.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        learned = StockList(phrases=tuple(StockPhrase(**row) for row in record.pop("phrases")), **record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"not a list of stock phrases ({error})"
        raise TimbreError(problem, where=str(path), do="make it anew with `timbre stock`") from error
    return learned if learned.base_sha256 == base_sha256 else None


def store(stock: StockList, folder: Path = STORED) -> Path:
    """Write ``stock`` in place of an older list of the same base; returns the file.

    Raises:
        TimbreError: The older list was learned from more answers.
    """
    path = folder / f"{stock.base_sha256[:16]}.json"
    older = None
    with contextlib.suppress(TimbreError):  # what can't be read is replaced
        older = stored_list(stock.base_sha256, folder)
    if older and older.texts > stock.texts:
        raise TimbreError(
            f"this list was learned from {older.texts} answers, more than these {stock.texts}",
            where=str(path),
            do="give --out another folder, or remove it",
        )
    whole = asdict(stock)
    rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in whole.pop("phrases"))
    head = json.dumps(whole, indent=2, ensure_ascii=False).removesuffix("\n}")
    write_whole(path, f'{head},\n  "phrases": [\n    {rows}\n  ]\n}}\n')
    return path


def _uses(
    base_texts: Sequence[PromptedText], human: Callable[[str], float]
) -> tuple[Counter[str], dict[str, set[int]]]:
    """Each phrase's uses, and which answers hold it; echoes of the prompt left out."""
    counts: Counter[str] = Counter()
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for i, (prompt, text) in enumerate(base_texts):
        prompt_words = (fold(word.text) for word in words(prompt))
        echoed = {word for word in prompt_words if human(word) < COMMON}
        for phrase in _phrases_of(text):
            if echoed.isdisjoint(phrase.split()):
                counts[phrase] += 1
                holders[phrase].add(i)
    return counts, holders


def _phrases(run: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    """Every phrase of one to ``LONGEST`` words in a clause: its first word's number, its size and its words."""
    folded = [fold(word.text) for word in run]
    for i in range(len(folded)):
        for size in range(1, min(LONGEST, len(folded) - i) + 1):
            yield i, size, " ".join(folded[i : i + size])


def _phrases_of(text: str) -> Iterator[str]:
    return (phrase for run in _clauses(text) for _, _, phrase in _phrases(run))


def _parts(phrase: str) -> list[str]:
    """The shorter phrases inside ``phrase``."""
    parts = phrase.split()
    size = len(parts)
    return [" ".join(parts[i : i + n]) for n in range(1, size) for i in range(size - n + 1)]


def _clauses(text: str) -> Iterator[list[Span]]:
    """The words of ``text``, parted where a clause ends."""
    shown = without_code_and_addresses(text)
    plain = prose(shown)
    run: list[Span] = []
    for word in words(shown):
        if run and not _GAP.fullmatch(plain, run[-1].end, word.start):
            yield run
            run = []
        run.append(word)
    if run:
        yield run
