"""Stock phrases learned from a base model's answers: what is kept of them, and where they stand in a text.

A list is a file of ``judges/stock/``, one a base, named by the first 16 digits of the base's sha256.
``judges/stock_learning.py`` makes it. Every list is used on every text, whoever wrote it: runs of
two bases can only be compared by one ruler, and a text seldom says where it comes from.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from judges.plain_text import Span, prose, without_code_and_addresses, words
from timbre.errors import TimbreError

STORED = Path(__file__).with_name("stock")

LONGEST = 4
"""Words in the longest phrase. A longer one would be a passage, and tells no more than its parts."""

_GAP = re.compile(r"[ \t,'\"\u2018\u2019\u201c\u201d]*")


@dataclass(frozen=True)
class StockPhrase:
    """One phrase that a base over-uses.

    Attributes:
        text: One to ``LONGEST`` words in small letters, parted by one space.
        prompts: Different prompts whose answers hold it.
        answers: Answers that hold it: the uses that ``over_use`` is told.
        count: Times that it stands in those answers.
        per_100_words: ``count`` per 100 words of all answers.
        human: Its share in human English at most, in (0, 1).
        z_human: Standard errors by which its log-odds exceed those of human English.
        z_writer: The same against the texts of the writer it was learned beside.
    """

    text: str
    prompts: int
    answers: int
    count: int
    per_100_words: float
    human: float
    z_human: float
    z_writer: float


@dataclass(frozen=True)
class StockList:
    """What was learned of one base, and from how much.

    Attributes:
        base: Its name.
        base_sha256: Its identity, as in ``run.json``.
        texts: Answers learned from.
        words: Words in them.
        prior: Strength of the prior in words.
        threshold: Least z.
        phrases: By falling ``z_human``.
    """

    base: str
    base_sha256: str
    texts: int
    words: int
    prior: int
    threshold: float
    phrases: tuple[StockPhrase, ...]


def spans(text: str, stock: Collection[str]) -> list[tuple[int, int]]:
    """Where phrases of ``stock`` stand in ``text``, in order and apart from each other.

    Phrases that share a word make one stretch: "I'm here to assist" and "here to assist you" are one
    habit in "I'm here to assist you". None runs over the end of a clause; code and links hold none.
    Takes time linear in ``text``, whatever the size of ``stock``.
    """
    found: list[tuple[int, int]] = []
    for run in _runs(text):
        told = [folded(word.text) for word in run]
        first, last = -1, -1
        for i in range(len(told)):
            for size in range(min(LONGEST, len(told) - i), 0, -1):
                if " ".join(told[i : i + size]) in stock:
                    if i > last:
                        if last >= 0:
                            found.append((run[first].start, run[last].end))
                        first = i
                    last = max(last, i + size - 1)
                    break
        if last >= 0:
            found.append((run[first].start, run[last].end))
    return found


def phrases(text: str) -> Iterator[str]:
    """Every phrase of one to ``LONGEST`` words in ``text``, as lists spell it."""
    for run in _runs(text):
        told = [folded(word.text) for word in run]
        for i in range(len(told)):
            for size in range(1, min(LONGEST, len(told) - i) + 1):
                yield " ".join(told[i : i + size])


def folded(word: str) -> str:
    """A word as lists spell it: small letters, composed accents, plain apostrophes and hyphens."""
    plain = unicodedata.normalize("NFC", word).lower()
    return plain.replace("\u2019", "'").replace("\u02bc", "'").replace("\u2011", "-")


def over_use(
    uses: int, total: int, other_uses: int, other_total: int, human: float, prior: int
) -> tuple[float, float]:
    """By how many standard errors one corpus over-uses a phrase, against people and against another corpus.

    Log-odds with an informative Dirichlet prior, after Monroe, Colaresi and Quinn, "Fightin' Words",
    Political Analysis 16(4), 2008, section 3.5. With y uses in n words, human share p, prior strength A
    and a = A p,

        w = log((y + a) / (n + A - y - a)),   var(w) = 1 / (y + a) approximately,
        z_human  = (w - log(p / (1 - p))) / sqrt(var(w)),
        z_other  = (w - w_other) / sqrt(var(w) + var(w_other)).

    The human sample is so large that its own error is left out of ``z_human``.

    Returns:
        ``z_human``, ``z_other``.
    """
    pseudo = prior * human
    odds, other = (
        math.log((y + pseudo) / (n + prior - y - pseudo))
        for y, n in ((uses, total), (other_uses, other_total))
    )
    error = 1 / (uses + pseudo)
    z_human = (odds - math.log(human / (1 - human))) / math.sqrt(error)
    return z_human, (odds - other) / math.sqrt(error + 1 / (other_uses + pseudo))


def stock_against(writer_texts: Sequence[str], lists: Sequence[StockList] | None = None) -> frozenset[str]:
    """The phrases that are stock beside this writer: those not used, or used beyond doubt more seldom.

    A list was learned beside one writer and may be used beside another. A phrase that ``writer_texts``
    hold stays only if ``z_other`` against them reaches the list's own threshold.

    Args:
        writer_texts: The writer's texts that judges may know; may be empty.
        lists: None for all that are stored.
    """
    lists = stored_lists() if lists is None else lists
    listed = {phrase.text for each in lists for phrase in each.phrases}
    uses = Counter(p for text in writer_texts for p in phrases(text) if p in listed)
    total = sum(len(words(text)) for text in writer_texts)
    kept = set()
    for each in lists:
        for p in each.phrases:
            _, z = over_use(p.answers, each.words, uses[p.text], total, p.human, each.prior)
            if not uses[p.text] or z >= each.threshold:
                kept.add(p.text)
    return frozenset(kept)


@lru_cache(maxsize=1)
def stored_lists() -> tuple[StockList, ...]:
    """The lists of ``judges/stock/``, by file name.

    Raises:
        TimbreError: A file is not such a list.
    """
    return tuple(_read(path) for path in sorted(STORED.glob("*.json")))


def store(stock: StockList, folder: Path = STORED) -> Path:
    """Write ``stock`` in place of an older list of the same base; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stock.base_sha256[:16]}.json"
    whole = asdict(stock)
    rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in whole.pop("phrases"))
    head = json.dumps(whole, indent=2, ensure_ascii=False).removesuffix("\n}")
    path.write_text(f'{head},\n  "phrases": [\n    {rows}\n  ]\n}}\n', encoding="utf-8")
    stored_lists.cache_clear()
    return path


def _read(path: Path) -> StockList:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        learned = tuple(StockPhrase(**row) for row in record.pop("phrases"))
        return StockList(**record, phrases=learned)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TimbreError(
            f"not a list of stock phrases ({error})", where=str(path), do="make it anew with `timbre stock`"
        ) from error


def _runs(text: str) -> Iterator[list[Span]]:
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
