"""Many soft dimensions looked at together: Holm's step-down test keeps the chance of one false block.

Each soft dimension has a one-sided test of "the loss is no larger than the margin" at 2.5 %, the same as its
two-sided 95 % interval lying wholly beyond the margin. Of ten such tests one or other would block by chance
far more often than each alone, so a REGRESSED counts only if Holm (1979) rejects it too, among all soft
dimensions that may block; the first of m needs p <= 2.5 % / m. What isn't rejected is INCONCLUSIVE, never a
PASS. PASS needs no such correction: to pass, a run must pass every dimension.

Worse scores only lower a p (``results.statistics.margin_p``), and Holm rejects more as any p falls: a verdict
can't improve because something got worse.
"""

from collections.abc import Sequence
from dataclasses import replace

from results.verdicts import DimensionVerdict

LEVEL = 0.025
"""Chance that one soft dimension or more blocks though none lost more than its margin."""


def with_holm(verdicts: Sequence[DimensionVerdict]) -> tuple[DimensionVerdict, ...]:
    """The same verdicts, with every soft REGRESSED that Holm doesn't reject made INCONCLUSIVE.

    Args:
        verdicts: Of all dimensions; hard and ADVISORY ones, and those without p, are left as they are.
    """
    from statsmodels.stats.multitest import multipletests

    soft = [v for v in verdicts if not v.hard and v.verdict != "ADVISORY" and v.p is not None]
    if not soft:
        return tuple(map(_settled, verdicts))
    rejected, adjusted, _, _ = multipletests([v.p for v in soft], alpha=LEVEL, method="holm")
    held = {
        v.dimension: float(p)
        for v, enough, p in zip(soft, rejected, adjusted, strict=True)
        if v.verdict == "REGRESSED" and not enough
    }
    return tuple(
        _held_back(v, held[v.dimension], len(soft)) if v.dimension in held else _settled(v) for v in verdicts
    )


def _settled(verdict: DimensionVerdict) -> DimensionVerdict:
    return replace(verdict, needed=None) if verdict.verdict == "REGRESSED" else verdict


def _held_back(verdict: DimensionVerdict, adjusted: float, among: int) -> DimensionVerdict:
    told = f"{verdict.why}, but of {among} dimensions one may be so by chance (Holm p = {adjusted:.2g})"
    return replace(verdict, verdict="INCONCLUSIVE", why=told)
