"""Read a grader's reply: the one JSON object that was asked for, whatever stands around it."""

import json
from collections.abc import Mapping

MAX_BRACES = 100
"""Places in a reply where an object may begin that are tried; a reply that needs more is babble."""


def item_reply(given: object) -> tuple[bool | None, str]:
    """The answer (None where it is neither yes nor no) and the quote of one question of a parsed reply."""
    quote = ""
    if isinstance(given, Mapping):
        quote = given["quote"] if isinstance(given.get("quote"), str) else ""
        given = given.get("answer")
    if isinstance(given, str):
        given = {"yes": True, "no": False}.get(given.strip().strip(".").lower())
    return (given if isinstance(given, bool) else None), quote


def json_object(reply: str, keys: set[str], text: str) -> Mapping[str, object] | None:
    """The one JSON object in ``reply`` with any of ``keys``: bare, in a code fence or among words.

    An object that also stands in the judged ``text`` was copied, and is no answer. Of several objects
    that differ, none is.
    """
    copied = _objects(text, keys)
    given = [found for found in _objects(reply, keys) if found not in copied]
    return given[0] if given and all(found == given[0] for found in given) else None


def _objects(text: str, keys: set[str]) -> list[Mapping[str, object]]:
    decoder = json.JSONDecoder()
    found: list[Mapping[str, object]] = []
    start = text.find("{")
    for _ in range(MAX_BRACES):
        if start < 0:
            break
        end = start + 1
        try:
            parsed, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict) and keys & parsed.keys():
            found.append(parsed)
        start = text.find("{", end)
    return found
