"""Find what a grader quotes in the text it quotes from, though it was shown a cleaned copy."""

import unicodedata

_EVEN = str.maketrans("\u2018\u2019\u201c\u201d\u2010\u2011\u2012\u2013\u2014", "''\"\"-----")


def without_controls(text: str) -> str:
    """``text`` without control, format, private and unassigned characters; newlines and tabs stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c)[0] != "C")


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where ``quote`` stands in ``text``: the span of its first occurrence, or None.

    Case, runs of space, control characters, and the kind of quotation mark and dash don't count;
    neither do quotation marks, spaces and dots at the ends of the quote.
    """
    wanted, _ = _evened(quote)
    wanted = wanted.strip(" \"'.\u2026")
    if not wanted:
        return None
    evened, places = _evened(text)
    at = evened.find(wanted)
    if at < 0:
        return None
    return places[at], places[at + len(wanted) - 1] + 1


def _evened(text: str) -> tuple[str, list[int]]:
    """``text`` as it is compared, and for each of its characters the place it came from."""
    out: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        if char.isspace():
            if out and out[-1] != " ":
                out.append(" ")
                places.append(place)
        elif unicodedata.category(char)[0] != "C":
            folded = char.translate(_EVEN).casefold()
            out += folded
            places += [place] * len(folded)
    return "".join(out), places
