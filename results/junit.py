"""The gate's decision as JUnit XML: one test case a dimension, so that any CI shows which one failed."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from results.verdicts import GateResult, summary_sentence
from timbre.errors import TimbreError

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(result: GateResult, path: Path) -> None:
    """Write ``path``. REGRESSED is a failure, INCONCLUSIVE and ERROR are errors, ADVISORY is skipped.

    Raises:
        TimbreError: it can't be written.
    """
    cases = len(result.dimensions) + bool(result.problems)
    undecided = len(result.having("INCONCLUSIVE")) + bool(result.problems)
    suite = ET.Element(
        "testsuite",
        name=_clean(f"timbre gate {result.candidate} against {result.baseline}"),
        tests=str(cases),
        failures=str(len(result.having("REGRESSED"))),
        errors=str(undecided),
        skipped=str(len(result.having("ADVISORY"))),
    )
    for d in result.dimensions:
        case = ET.SubElement(suite, "testcase", classname="timbre.gate", name=d.dimension)
        tag = {"REGRESSED": "failure", "INCONCLUSIVE": "error", "ADVISORY": "skipped"}.get(d.verdict)
        if tag:
            more = f"; about {d.needed} canaries would settle it" if d.needed else ""
            ET.SubElement(case, tag, message=_clean(f"{d.verdict}: {d.why}{more}"))
    if result.problems:
        case = ET.SubElement(suite, "testcase", classname="timbre.gate", name="comparable")
        ET.SubElement(case, "error", message=_clean("; ".join(result.problems)))
    told = (summary_sentence(result), *result.evidence, *result.notes)
    ET.SubElement(suite, "system-out").text = _clean("\n".join(told))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise TimbreError(
            f"can't be written ({error.strerror})", where=str(path), do="give --junit another file"
        ) from error


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
