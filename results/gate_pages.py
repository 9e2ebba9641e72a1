"""The gate's decision for machines: a pull request comment in Markdown, a CI's step summary, JUnit XML."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from results.comparison import DimensionVerdict
from results.markdown import bullets, clean, folded, inline
from results.report_tables import gate_table
from results.verdicts import Flip, GateResult, first_of, next_step, shortened, summary_sentence
from timbre.errors import TimbreError
from timbre.files import write_whole

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
LONGEST_PAGE = 60_000  # characters of a page; GitHub refuses a comment of more than 65,536

_FLIPS, _ITEMS, _LONGEST_ITEM = 10, 15, 400
_SIGNS = {"PASS": "✅", "REGRESSED": "❌", "INCONCLUSIVE": "❔", "ERROR": "⚠️"}
_CALLS = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|(?<=\bGH-)(?=\d)|!(?=\d)")
"""What a forge would read as a mention of a person or of an issue."""


def gate_markdown(result: GateResult) -> str:
    """The decision first, then what it rests on, one next command, and the table folded.

    At most ``LONGEST_PAGE`` characters; a part that does not fit is left out and named. The first line is a
    comment that is the same for every gate of these two runs, by which a CI finds the comment to update.
    """
    names = hashlib.sha256(f"{result.baseline}\0{result.candidate}".encode(errors="replace")).hexdigest()[:12]
    pair = f"{_SIGNS[result.overall]} {result.overall}: {result.candidate} against {result.baseline}"
    table = gate_table(result, result.dimensions)
    step = next_step(result)
    parts = {
        "verdict": f"<!-- voice-gate {names} -->\n### Voice gate: {inline(shortened(pair, _LONGEST_ITEM))}",
        "summary": inline(shortened(summary_sentence(result), 4 * _LONGEST_ITEM)),
        "worst dimensions": _list("Worst dimensions", map(_dimension_line, result.worst_dimensions()), 3),
        "flips": _list(f"{len(result.flips)} flips, worst first", map(_flip_line, result.flips), _FLIPS),
        "evidence": _list("Faults, quoted", result.evidence, _ITEMS),
        "next step": f"**Next.** {inline(shortened(str(step), _LONGEST_ITEM))}" if step else "",
        "notes": _list("Notes", result.notes, _ITEMS),
        "table": folded("All dimensions", f"{table.markdown()}\n\nFigures: {inline(table.caption)}\n")
        if result.dimensions
        else "",
    }
    page, left_out = "", []
    for name, part in parts.items():
        if len(page) + len(part) > LONGEST_PAGE - 200:
            left_out.append(name)
        elif part:
            page += _CALLS.sub("\\g<0>\u200b", part) + "\n\n"
    return page + (f"Too long for a comment: {', '.join(left_out)}; the JSON has all.\n" if left_out else "")


def write_step_summary(result: GateResult) -> None:
    """Append the page to the file that ``GITHUB_STEP_SUMMARY`` names, if it is set."""
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as page:
            page.write(gate_markdown(result) + "\n")
    except OSError as error:
        what, where = f"can't be written ({error.strerror})", f"{STEP_SUMMARY}={path}"
        raise TimbreError(what, where=where, do="unset it or name a file") from error


def write_junit(result: GateResult, path: Path) -> None:
    """Write JUnit XML to ``path``, whole or not at all: a test case for each dimension, its flips as the details.

    REGRESSED is a failure, INCONCLUSIVE and ERROR are errors, ADVISORY is skipped.
    """
    tags = {"REGRESSED": "failure", "INCONCLUSIVE": "error", "ADVISORY": "skipped"}
    suite = ET.Element(
        "testsuite",
        name=clean(f"timbre gate {result.candidate} against {result.baseline}"),
        tests=str(len(result.dimensions) + bool(result.problems)),
        failures=str(len(result.having("REGRESSED"))),
        errors=str(len(result.having("INCONCLUSIVE")) + bool(result.problems)),
        skipped=str(len(result.having("ADVISORY"))),
    )
    for d in result.dimensions:
        case = ET.SubElement(suite, "testcase", classname="timbre.gate", name=d.dimension)
        if d.verdict in tags:
            outcome = ET.SubElement(case, tags[d.verdict], message=clean(_dimension_line(d)))
            outcome.text = clean("\n".join(_flip_line(f) for f in result.flips if f.dimension == d.dimension))
    if result.problems:
        case = ET.SubElement(suite, "testcase", classname="timbre.gate", name="comparable")
        ET.SubElement(case, "error", message=clean("; ".join(result.problems)))
    lines = (summary_sentence(result), *result.evidence, *result.notes)
    ET.SubElement(suite, "system-out").text = clean("\n".join(lines))
    write_whole(path, f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suite, encoding="unicode")}\n')


def _dimension_line(d: DimensionVerdict) -> str:
    missing = f"; {d.missing} answers missing, counted as the worst" if d.missing else ""
    more = f"; about {d.needed} canaries would settle it" if d.needed else ""
    return f"{d.verdict} in {d.dimension}: {d.why}{missing}{more}"


def _flip_line(flip: Flip) -> str:
    change = "a new fault" if flip.hard else f"lost {flip.loss:.2f}"
    answers = f": “{flip.before}” became “{flip.after}”" if flip.before or flip.after else ""
    return f"{flip.dimension} on {flip.canary}, {change}{answers}"


def _list(title: str, sentences: "Sequence[str] | map[str]", most: int) -> str:
    lines = [shortened(sentence, _LONGEST_ITEM) for sentence in sentences]
    return f"**{inline(title)}**\n\n{bullets(first_of(lines, most))}" if lines else ""
