"""Regular expressions kept as data: files in ``patterns/``, one or a few alternatives a line.

A section begins with ``== name flags``; its lines are joined by ``|``. ``{{name}}`` stands for another section of the
file as a group. Lines that begin with ``#`` are comments.
"""

import re
from functools import cache
from pathlib import Path

import regex

PATTERNS = Path(__file__).with_name("patterns")


@cache
def load_patterns(file: str) -> dict[str, re.Pattern[str]]:
    """The sections of ``patterns/<file>.txt``, compiled, by their names and in their order."""
    sources: dict[str, str] = {}
    compiled: dict[str, re.Pattern[str]] = {}
    text = (PATTERNS / f"{file}.txt").read_text(encoding="utf-8")
    for block in re.split(r"^== ", re.sub(r"^#.*\n|^\n", "", text, flags=re.M), flags=re.M)[1:]:
        head, *lines = block.splitlines()
        name, _, flags = head.partition(" ")
        source = re.sub(r"\{\{(\w+)\}\}", lambda m: f"(?:{sources[m[1]]})", "|".join(lines))
        sources[name] = source
        compile_with = regex.compile if r"\p{" in source else re.compile
        compiled[name] = compile_with(f"(?{flags}){source}" if flags else source)
    return compiled
