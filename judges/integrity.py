"""Is this an answer at all? Faults that make every other value meaningless: loops, refusals, salad.

The shares of new, foreign and repeated words were set with 651 texts written to fool this judge in view, so that its
figures on these flatter it; two halves of them agree. Of each set of texts by people that ``benchmarks/integrity.py``
reads they flag one in 600 at most.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby, islice, pairwise

from judges.encoder import Reading
from judges.language import (
    MIN_LANGUAGE_WORDS,
    are_different,
    content_stems,
    foreign_words,
    is_english,
    is_no_language,
    is_plainly_english,
    language,
    language_of_words,
    prompt_language,
    zipf,
)
from judges.pattern_files import load_patterns
from judges.text import (
    Span,
    all_words,
    fold,
    folded_words,
    is_blank,
    is_unspaced,
    sentences,
    without_code_and_addresses,
    words,
)
from judges.types import Answer, Evidence, Judgement

VERSION = 5
# Share of words of one other language from which an English answer is mixed with it; people stay under .12.
MIXED_SHARE = 0.25
FOREIGN_SHARE = 0.3  # share of an answer's pieces in another language that is a fault; less is a quotation
# Words in a piece, characters being half a word where there are no spaces; pieces looked at.
PIECE, MOST_PIECES = 30, 12
RARE_WORDS = 0.3  # share of words that no corpus of the language has, from which a text is gibberish
# Probability of fluent prose (a fitted encoder's) under which a text is word salad; of fewer than SHORT words.
FLUENT, FLUENT_SHORT, SHORT = 0.3, 0.1, 20
# Probability from which a sentence speaks of the answer; share of the words of such sentences that is a fault.
ASIDE, ASIDE_SHARE = 0.99, 0.5
# Words that must come back in the same order to count as repeated; in scripts without spaces, twice as many.
LOOP_RUN = 6
LOOP_SHARE = 0.25  # share of repeated words that is a loop; refrains that people write stay under it
# Repeated words that a loop has at least, unless it is half of the text; jokes repeat their frame once.
LOOP_LEAST = 12
# A text of so many content words goes round in circles where so many stems make up such a share of them; one of
# 4,488 notes by people has as much, and the next .45.
ROUND_LEAST, ROUND_STEMS, ROUND_SHARE = 12, 3, 0.5
# Lines, and words a line, of verse, in which a refrain may be up to half of the lines.
VERSE_LINES, VERSE_WORDS = 3, 18
LOOP_DISTINCT = 0.3  # share of distinct words in `LOOP_WINDOW` words under which a text goes round in circles
LOOP_WINDOW = 50
STUTTER = 5  # the same word so many times in a row, in a text that is mostly that, is a loop
MIN_CUT_WORDS = 20  # shorter texts without a final full stop are titles, list items or casual
# Probability, by the encoder, that the last sentence stops before its end: where a mark is due, and elsewhere.
CUT_WHERE_DUE, CUT = 0.01, 0.3
MIN_LAST_WORDS = 4  # a last line of fewer words without a full stop is a signature, a place or a date
# Shares of sentences that end with a mark and begin with a capital in a text that would end with a mark too.
FORMAL_ENDED, FORMAL_CAPITALS = 0.6, 0.8
# Ended sentences, or words, from which a text's last sentence is expected to end with a mark as well.
FORMAL_SENTENCES, LONG_SENTENCE = 1, 30
# Zipf frequency under which a last word without a full stop is taken for the beginning of one.
BROKEN_WORD = 2.0
MIN_ECHO = 6  # words of the prompt that come back whole; a shorter prompt may be the answer's title
MIN_ASKED = 4  # words of the prompt with which a dialogue opens that is a chat
# Words of a prompt, or of an answer that repeats one, that say how to write and not of what.
FORM_WORDS = (
    "note brief short sentence word hundred few paragraph line write written tell say explain explanation describe "
    "ask answer question mean meant reader please"
)
# An answer of so many content words is an echo where at most this share is new, and so much of the prompt's is in it.
ECHO_LEAST, ECHO_NEW, ECHO_COVERED = 3, 0.2, 0.75
REFUSAL_LIMIT = 260  # characters at the start in which a refusal is looked for; models put it first
TAIL = 300  # characters at the end in which an end is looked for
MOST_QUOTED = 20  # pieces of evidence of one kind
# Share of letters and digits in a text of so many characters, under which it is made of marks.
MARKS_SHARE, MARKS_LEAST = 0.5, 40
RARE = 1.0  # Zipf frequency under which a word is in no corpus

_P = load_patterns("integrity")


def integrity(answer: Answer, reading: Reading | None = None) -> Judgement:
    """1 for an answer with a fault, else 0; ``answer.text`` and ``answer.prompt`` are clean texts.

    ``reading`` is what the fitted encoder reads in the text; None where it can't, as in another language.

    Returns:
        Every fault as evidence, ``why`` naming it; ``details`` names them too, since an empty answer has nothing to
        quote. Names: empty, cut_off, those of ``_RULES``, and salad and aside, which the encoder finds where there
        is no other fault.
    """
    if is_blank(answer.text) or not any(c.isalnum() for c in answer.text) or not _has_content(answer.text):
        return _judgement(answer.text, {"empty": [(0, len(answer.text))]})
    faults = {name: list(rule(answer)) for name, rule in _RULES}
    faults["cut_off"] = list(_cuts(answer.text, reading))
    if reading and not any(faults.values()) and is_english(answer.text):
        limit = FLUENT_SHORT if len(words(answer.text)) < SHORT else FLUENT
        if reading.least_fluent < limit:
            faults["salad"] = [_opening(answer.text)]
        else:
            faults["aside"] = _asides(answer.text, reading)
    return _judgement(answer.text, {name: spans for name, spans in faults.items() if spans})


def _judgement(text: str, faults: Mapping[str, list[tuple[int, int]]]) -> Judgement:
    spans = sorted(
        (start, end, name) for name, found in faults.items() for start, end in found if end > start
    )
    evidence = tuple(Evidence(text[s:e], s, e, name) for s, e, name in spans)
    return Judgement("integrity", float(bool(faults)), evidence, details=dict.fromkeys(faults, 1.0))


def _has_content(text: str) -> bool:
    """Whether there is a word outside of links and marks, and not only numbers."""
    found = words(text) or (all_words(text) if "```" in text or "~~~" in text or "#" in text else ())
    return bool(found) and (len(found) < STUTTER or any(c.isalpha() for w in found for c in w.text))


def _opening(text: str, limit: int = 160) -> tuple[int, int]:
    start, end = next(((s.start, s.end) for s in sentences(text)), (0, len(text)))
    return start, min(end, start + limit)


def _asides(text: str, reading: Reading) -> list[tuple[int, int]]:
    """The sentences that speak of the answer, where it opens with one or is made of them; else none."""
    found = [s for s in reading.sentences if s.heads["aside"] >= ASIDE]
    opens = found[:1] == [*reading.sentences[:1]]
    of_these = sum(len(words(text[s.start : s.end])) for s in found)
    is_fault = opens or of_these >= ASIDE_SHARE * len(words(text))
    return [(s.start, s.end) for s in found] if is_fault else []


@lru_cache(maxsize=64)
def _unquoted(text: str) -> str:
    """``text`` with its quotations blanked; a wholly quoted answer stays."""
    shown = load_patterns("asserted")["quotation"].sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    return shown if any(map(str.isalnum, shown)) else text


def _refusals(answer: Answer) -> Iterator[tuple[int, int]]:
    start = len(answer.text) - len(answer.text.lstrip(' \n"\u201c*'))
    opening = _unquoted(answer.text)[start : start + REFUSAL_LIMIT]
    refused = (m for m in _P["refusal"].finditer(opening) if not _P["preterition"].match(opening, m.end()))
    if m := next(refused, None) or _P["machine_refuses"].search(opening) or _P["asks_back"].search(opening):
        yield start + m.start(), start + m.end()


def _patterns(pattern: re.Pattern[str], answer: Answer) -> Iterator[tuple[int, int]]:
    for m in islice(pattern.finditer(answer.text), MOST_QUOTED):
        if m.group().strip() and m.group().strip() not in answer.prompt:
            yield m.span()


def _markup(answer: Answer) -> Iterator[tuple[int, int]]:
    """Marks of a chat template, and the lines of a chat; a scene with a part for a human is none."""
    yield from _patterns(_P["markup"], answer)
    lines = list(_P["speaker"].finditer(answer.text))
    if not lines:
        return
    said = folded_words(lines[0][2])
    is_asked = len(said) >= MIN_ASKED and _joined(said) in _joined(folded_words(answer.prompt))
    if is_asked or all(_P["role"].fullmatch(line[1]) for line in lines):
        yield lines[0].start(), lines[0].end(1)


def _placeholders(answer: Answer) -> Iterator[tuple[int, int]]:
    if not (_P["syntax"].search(answer.prompt) and _P["syntax"].search(answer.text)):
        yield from _patterns(_P["placeholder"], replace(answer, text=without_code_and_addresses(answer.text)))


def _drafts(answer: Answer) -> Iterator[tuple[int, int]]:
    if not _P["asks_form"].search(answer.prompt):
        yield from _patterns(_P["draft"], answer)


def _wrappers(answer: Answer) -> Iterator[tuple[int, int]]:
    text = answer.text
    if _P["asks_form"].search(answer.prompt):
        return
    headings = _P["heading"].findall(text)
    shown = text.strip()
    is_fenced = shown.startswith(("```", "~~~")) and shown.endswith(shown[:3]) and shown.count(shown[:3]) == 2
    lines = [line.strip() for line in shown.split("\n") if line.strip()]
    is_code = all(_P["code_line"].fullmatch(line) for line in lines)
    if is_fenced or is_code or _P["data"].fullmatch(shown) or _is_json(shown):
        yield 0, min(len(text), 80)
    elif len(headings) >= 2 and (m := _P["heading"].search(text)):
        yield m.start(), min(len(text), m.start() + 80)
    elif m := _P["table"].search(text):
        yield m.start(), m.end()


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _echoes(answer: Answer) -> Iterator[tuple[int, int]]:
    asked, given = folded_words(answer.prompt), folded_words(answer.text)
    spans = all_words(answer.text)
    if asked and (given == asked or _is_paraphrase(answer)):
        yield spans[0].start, spans[-1].end
        return
    whole = _joined(given)
    for number, piece in enumerate((answer.prompt, *(s.text for s in sentences(answer.prompt)))):
        run = folded_words(piece)
        if len(run) < (MIN_ECHO if number == 0 else 2 * MIN_ECHO):
            continue
        before, echoed, _ = whole.partition(_joined(run))
        if not echoed:
            continue
        at = before.count("\x1f")
        start, end = spans[at].start, spans[at + len(run) - 1].end
        # A question may be repeated to be answered, but not on a line of its own.
        if not piece.endswith("?") or re.match(r"[^\w\n]*\n", answer.text[end:]):
            yield start, end
            return


def _is_paraphrase(answer: Answer) -> bool:
    """Whether the answer says most of the prompt again, and hardly anything else."""
    form = content_stems(FORM_WORDS)
    asked, given = (
        [stem for stem in content_stems(text) if stem not in form] for text in (answer.prompt, answer.text)
    )
    new = [stem for stem in given if stem not in asked]
    is_old = len(given) >= ECHO_LEAST and len(new) <= ECHO_NEW * len(given)
    return is_old and len(set(asked) & set(given)) >= ECHO_COVERED * len(set(asked))


def _joined(tokens: Sequence[str]) -> str:
    return "\x1f" + "\x1f".join(tokens) + "\x1f"


def _loops(answer: Answer) -> Iterator[tuple[int, int]]:
    spans = [w for w in all_words(answer.text) if not w.text.isdigit()]
    tokens = [fold(w.text) for w in spans]
    if not tokens:
        return
    unspaced = sum(map(is_unspaced, tokens)) > len(tokens) / 2
    run = 2 * LOOP_RUN if unspaced else LOOP_RUN
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(tokens)
    first: int | None = None
    for at in range(len(tokens) - run + 1):
        gram = tuple(tokens[at : at + run])
        if gram in seen:
            first = at if first is None else first
            repeated[at : at + run] = [True] * run
        seen.add(gram)
    count = sum(repeated)
    is_loop = count >= max(LOOP_LEAST, LOOP_SHARE * len(tokens)) or 2 * count >= len(tokens)
    verses = _verses(answer.text, spans)
    old = sum(all(repeated[verse]) for verse in verses)
    if first is not None and is_loop and (not verses or 2 * old > len(verses)):
        yield spans[first].start, spans[first + run - 1].end
        return
    stems = content_stems(answer.text)
    most = sum(n for _, n in Counter(stems).most_common(ROUND_STEMS) if n > 2)
    if not verses and len(stems) >= ROUND_LEAST and most >= ROUND_SHARE * len(stems):
        yield _opening(answer.text)
        return
    for at in range(0, max(1, len(tokens) - LOOP_WINDOW + 1), LOOP_WINDOW // 2):
        window = tokens[at : at + LOOP_WINDOW]
        longest = max(len(list(same)) for _, same in groupby(window))
        is_round = len(window) == LOOP_WINDOW and len(set(window)) < LOOP_DISTINCT * LOOP_WINDOW
        if (longest >= STUTTER and 2 * longest >= len(window)) or (is_round and not unspaced):
            yield spans[at].start, spans[at + min(len(window), 10) - 1].end
            return
    if m := re.search(r"([^\W\d_]{1,8}?)\1{19,}", answer.text):
        yield m.start(), min(m.end(), m.start() + 80)


def _verses(text: str, spans: Sequence[Span]) -> list[slice]:
    """The words of each line, where the lines are verse: short, a few at least, and no list."""
    breaks = [i for i in range(1, len(spans)) if "\n" in text[spans[i - 1].end : spans[i].start]]
    is_verse = len(breaks) + 1 >= VERSE_LINES and len(spans) <= VERSE_WORDS * (len(breaks) + 1)
    is_list = bool(_P["item"].search(text))
    return [slice(*pair) for pair in pairwise([0, *breaks, len(spans)])] if is_verse and not is_list else []


def _foreign(answer: Answer) -> Iterator[tuple[int, int]]:
    """The first piece in another language than the prompt's, unless the prompt asks for that language."""
    asked = prompt_language(answer.prompt)
    if asked is None:
        return
    name, start, end = _foreign_piece(answer.text, asked) or _mixed_in(answer.text, asked) or ("", 0, 0)
    by_name = rf"\b(?:in|into|to|auf|en|use|speak|write) (?:\w+ )?{re.escape(name)}\b"
    if name and not (_P["asks_language"].search(answer.prompt) or re.search(by_name, answer.prompt, re.I)):
        yield start, end


def _foreign_piece(text: str, asked: str) -> tuple[str, int, int] | None:
    found = words(text)
    if language(text) is None and len(found) < 2 * PIECE:
        return None
    size = 2 * PIECE if is_unspaced(found[0].text) else PIECE
    step = max(size, len(found) // MOST_PIECES)
    pieces = [found[i : i + size] for i in range(0, max(1, len(found) - size // 2), step)]
    doubtful = [piece for piece in pieces if asked != "English" or not is_plainly_english(piece)]
    if not doubtful or len(doubtful) < FOREIGN_SHARE * len(pieces):
        return None
    named = [(piece, language_of_words(piece)) for piece in doubtful]
    foreign = [(piece, name) for piece, name in named if name and are_different(name, asked)]
    if not foreign or len(foreign) < FOREIGN_SHARE * len(pieces):
        return None
    piece, name = foreign[0]
    return name, piece[0].start, min(piece[-1].end, piece[0].start + 160)


def _mixed_in(text: str, asked: str) -> tuple[str, int, int] | None:
    """Another language mixed into an answer to an English prompt, outside of quotations and names."""
    shown = _P["long_name"].sub(lambda m: " " * len(m.group()), _unquoted(text))
    found = [w for w in words(shown) if w.text.isalpha()]
    if asked != "English" or len(found) < MIN_LANGUAGE_WORDS:
        return None
    name, foreign = foreign_words(found)
    return (name, foreign[0].start, foreign[-1].end) if len(foreign) >= MIXED_SHARE * len(found) else None


def _gibberish(answer: Answer) -> Iterator[tuple[int, int]]:
    visible = "".join(answer.text.split())
    is_marks = len(visible) >= MARKS_LEAST and sum(map(str.isalnum, visible)) < MARKS_SHARE * len(visible)
    if is_marks or is_no_language(answer.text) or _is_made_of_rare_words(answer):
        yield _opening(answer.text)


def _is_made_of_rare_words(answer: Answer) -> bool:
    if not is_english(answer.text) or prompt_language(answer.prompt) not in (None, "English"):
        return False
    tokens = [w.text for w in words(answer.text) if w.text.isalpha()]
    return len(tokens) >= STUTTER and sum(zipf(t) < RARE for t in tokens) >= RARE_WORDS * len(tokens)


def _cuts(text: str, reading: Reading | None) -> Iterator[tuple[int, int]]:
    """Where a text stops in mid-sentence: by its last word, by its marks so far, or by what the encoder reads."""
    text = text.rstrip()
    trailer = _P["trailer"].search(text, max(0, len(text) - TAIL))
    bare = text[: trailer.start()] if trailer else text
    if _P["ended"].search(text[-TAIL:]) or _P["ended"].search(bare[-TAIL:]):
        return
    found = words(bare)
    if len(found) < MIN_CUT_WORDS:
        return
    parts = sentences(bare)
    last = [w for w in found if w.start >= parts[-1].start]
    word = found[-1].text
    is_open = bare[-1] in ",(\u201c\u2014\u2013" or bool(_P["dangling"].fullmatch(fold(word)))
    is_broken = word.isascii() and word.islower() and word.isalpha() and zipf(word) < BROKEN_WORD
    is_due = _is_formal(text, parts) and not _is_closing_line(bare, last)
    cut = [s.heads["cut"] for s in reading.sentences if s.start < len(bare)][-1:] if reading else []
    least = CUT_WHERE_DUE if is_due else CUT
    if is_open or is_broken or (cut[0] >= least if cut else is_due):
        yield max(parts[-1].start, len(bare) - 120), len(bare)


def _is_formal(text: str, parts: tuple[Span, ...]) -> bool:
    """Whether the sentences before the last one begin with a capital letter and end with a mark."""
    ended = sum(bool(re.search(r"[.!?\u2026][\"'\u201d\u2019)]*\Z", p.text)) for p in parts[:-1])
    if _P["casual"].search(text) or (ended < FORMAL_SENTENCES and len(words(text)) < LONG_SENTENCE):
        return False
    if "\n" in text[parts[-1].start : parts[-1].end]:  # verse
        return False
    capitals = sum(p.text.lstrip("\"'\u201c\u2018(*[0123456789. ")[:1].isupper() for p in parts)
    return ended >= FORMAL_ENDED * (len(parts) - 1) and capitals >= FORMAL_CAPITALS * len(parts)


def _is_closing_line(text: str, last: list[Span]) -> bool:
    """Whether the last line needs no full stop: a list item, a signature, a name, a few words."""
    line = text[text.rfind("\n") + 1 :]
    is_item = bool(_P["item"].match(line)) and len(words(line)) < MIN_CUT_WORDS
    named = all(w.text[0].isupper() or w.text[0].isdigit() for w in last)
    is_name = named and 1 < len(last) < 2 * MIN_LAST_WORDS
    is_short = len(words(line)) < MIN_LAST_WORDS and len(line) < len(text)
    return bool(is_item or is_name or is_short or _P["signed"].search(text[-TAIL:]))


_RULES: tuple[tuple[str, Callable[[Answer], Iterator[tuple[int, int]]]], ...] = (
    ("markup", _markup),
    ("reasoning", lambda answer: _patterns(_P["reasoning"], answer)),
    ("draft", _drafts),
    ("refusal", _refusals),
    ("echo", _echoes),
    ("wrapper", _wrappers),
    ("placeholder", _placeholders),
    ("loop", _loops),
    ("language", _foreign),
    ("gibberish", _gibberish),
)
