"""The gate's decision as Markdown, where a CI asks for one (``GITHUB_STEP_SUMMARY`` names a file)."""

import os
from pathlib import Path

from results.markdown import bullets, inline, table
from results.terminal import gate_row
from results.verdicts import GateResult, next_step, summary_sentence
from timbre.errors import TimbreError

VARIABLE = "GITHUB_STEP_SUMMARY"
_SIGNS = {"PASS": "✅", "REGRESSED": "❌", "INCONCLUSIVE": "❔", "ERROR": "⚠️"}


def write_step_summary(result: GateResult) -> Path | None:
    """Append the decision to the file that ``GITHUB_STEP_SUMMARY`` names.

    Returns:
        The file, or None where the variable is not set.

    Raises:
        TimbreError: the file can't be written to.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    path = Path(named)
    try:
        with path.open("a", encoding="utf-8") as page:
            page.write(step_summary(result) + "\n")
    except OSError as error:
        raise TimbreError(
            f"can't be written ({error.strerror})", where=f"{VARIABLE}={named}", do="unset it or name a file"
        ) from error
    return path


def step_summary(result: GateResult) -> str:
    """The verdict first, then what would settle it, the faults quoted, the table and the notes."""
    title = f"{_SIGNS[result.overall]} {result.overall}: {result.candidate} against {result.baseline}"
    parts = [f"### Voice gate: {inline(title)}", inline(summary_sentence(result))]
    if settle := next_step(result):
        parts.append(inline(settle))
    if result.evidence:
        parts.append("**What the faults rest on**\n\n" + bullets(result.evidence))
    if result.dimensions:
        headings = ("dimension", "n", result.baseline, result.candidate, "paired delta", "margin", "verdict")
        rows = [gate_row(d) for d in result.dimensions]
        parts.append(table((*map(inline, headings), "licence"), rows))
        parts.append(
            "n: canaries scored on both sides. Mean [95 % CI]. \\*: rate of canaries with the fault."
        )
    if result.notes:
        parts.append(bullets(result.notes))
    return "\n\n".join(parts) + "\n"
