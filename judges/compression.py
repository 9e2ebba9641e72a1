"""Did the answer keep to the length that was asked for, and does it say something new as it goes?"""

from judges.text import NO_WORDS, Span, fold, words
from judges.types import Answer, Evidence, Judgement, unscored

VERSION = 2
# Words in a window. Every window is this long, so a long answer isn't marked down for its length (the share of
# distinct words, like a gzip ratio, falls with length). 50 words are two or three sentences: long enough to
# hold a repeated phrase, short enough to fit in the shortest note asked for.
WINDOW = 50
# Mean share of distinct words in a window from which a text counts as fully dense: 99 % of human notes
# (`benchmarks/integrity.py`) have more.
FRESH = 0.60
# Mean share down to which density falls, to 0: by then each word stands more than three times in 50.
STALE = 0.30


def compression(answer: Answer) -> Judgement:
    """Words against the canary's band, times density, in [0, 1].

    - ``band`` is 1 inside the inclusive band, ``high / words`` above it and ``words / low`` below it.
    - ``density`` is ``clip((d - STALE) / (FRESH - STALE), 0, 1)``, where ``d`` is the moving-average type-token
      ratio (Covington & McFall 2010) over ``WINDOW`` words: mere repetition is worth nothing.

    Returns:
        The words beyond the band and the most repetitive window as evidence; unscored without a band or without
        words. Details: ``words``, ``low``, ``high``, ``band``, ``distinct_share``, ``density``.
    """
    if answer.target_words is None:
        return unscored("compression", "no word band given")
    found = words(answer.text)
    if not found:
        return unscored("compression", NO_WORDS)
    low, high = answer.target_words
    count = len(found)
    band = high / count if count > high else min(1.0, count / low) if low > 0 else 1.0
    share, worst = _distinct_share(found)
    density = min(1.0, max(0.0, (share - STALE) / (FRESH - STALE)))
    evidence = []
    if share < FRESH:
        evidence.append(_evidence(answer.text, found[worst : worst + WINDOW], "repetition"))
    if count > high:
        evidence.append(_evidence(answer.text, found[high:], "over_band"))
    evidence.sort(key=lambda e: e.start)
    figures: dict[str, float] = {"words": count, "low": low, "high": high}
    figures |= {"band": band, "distinct_share": share, "density": density}
    details = {name: float(figure) for name, figure in figures.items()}
    return Judgement("compression", band * density, tuple(evidence), details=details)


def _distinct_share(found: tuple[Span, ...]) -> tuple[float, int]:
    """Mean share of distinct words over all windows, and where the window with the smallest begins."""
    tokens = [fold(w.text) for w in found]
    size = min(WINDOW, len(tokens))
    distinct = [len(set(tokens[at : at + size])) for at in range(len(tokens) - size + 1)]
    return sum(distinct) / len(distinct) / size, distinct.index(min(distinct))


def _evidence(text: str, span: tuple[Span, ...], why: str) -> Evidence:
    start, end = span[0].start, span[-1].end
    return Evidence(text[start:end], start, end, why)
