"""What the gate says, as plain records, and the one sentence that sums them up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from results.statistics import Interval

Verdict = Literal["PASS", "REGRESSED", "INCONCLUSIVE", "ADVISORY"]
Overall = Literal["PASS", "REGRESSED", "INCONCLUSIVE", "ERROR"]

EXIT_CODES: Mapping[Overall, int] = {"PASS": 0, "REGRESSED": 1, "INCONCLUSIVE": 2, "ERROR": 3}
"""Exit status of ``timbre gate`` (C3)."""


@dataclass(frozen=True)
class DimensionVerdict:
    """One dimension of a gate.

    Attributes:
        dimension: Key in ``DIMENSIONS``.
        verdict: ADVISORY where it can't block: no licence, not in the policy, or not scored.
        n: Canaries scored on both sides.
        unpaired: Canaries left out because one side has no score.
        baseline: Mean over canaries, or the rate of canaries with the fault if hard.
        candidate: The same of the candidate.
        delta: Candidate minus baseline, paired by canary.
        margin: Largest loss allowed; None where the policy names none.
        hard: Judged by rates and McNemar's test.
        licence: What its judge's licence shows (``people, AUC 0.84, n 240``), or, where the policy needs one,
            what it lacks (``no licence``, ``wrong domain`` ...); ``none yet`` for a judge that needs none,
            ``-`` for a reported figure, ``given`` where the caller brought the scores.
        p: One-sided, not corrected for the number of dimensions: if hard the exact McNemar p that faults
            became more frequent, if soft that the loss exceeds the margin; None where nothing is tested.
        needed: Canaries that would settle an INCONCLUSIVE verdict; of no meaning beside another.
        why: The rule that decided, with its figures, as a clause.
    """

    dimension: str
    verdict: Verdict
    n: int
    unpaired: int
    baseline: Interval
    candidate: Interval
    delta: Interval
    margin: float | None
    hard: bool
    licence: str
    p: float | None
    needed: int | None
    why: str


@dataclass(frozen=True)
class GateResult:
    """The gate's decision.

    Attributes:
        overall: ERROR if there are problems; else the worst verdict that can block.
        baseline: Run name.
        candidate: Run name.
        dimensions: In table order; empty if nothing could be compared.
        problems: What makes it an ERROR, one clause each.
        notes: What a reader should know beside the verdict, one clause each.
        evidence: Sentences in which the candidate shows a hard fault, quoted.
    """

    overall: Overall
    baseline: str
    candidate: str
    dimensions: tuple[DimensionVerdict, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit status for a shell."""
        return EXIT_CODES[self.overall]

    def having(self, verdict: Verdict) -> tuple[DimensionVerdict, ...]:
        """The dimensions with that verdict."""
        return tuple(d for d in self.dimensions if d.verdict == verdict)


def summary_sentence(result: GateResult) -> str:
    """The verdict as one plain sentence; for INCONCLUSIVE it says how many canaries would settle it."""
    pair = f"{result.candidate} against {result.baseline}"
    unscored = [d.dimension for d in result.dimensions if d.n == 0 and d.margin is not None]
    rest = f" ({', '.join(unscored)} not scored)" if unscored else ""
    if result.overall == "ERROR":
        return f"ERROR: {pair} can't be judged: {'; '.join(result.problems)}."
    if result.overall == "REGRESSED":
        worse = "; ".join(f"{d.dimension}: {d.why}" for d in result.having("REGRESSED"))
        return f"REGRESSED: {pair} got worse in {worse}{rest}."
    passed = len(result.having("PASS"))
    if result.overall == "PASS":
        return (
            f"PASS: {pair} lost no more than the margin in any of {passed} dimensions that can block{rest}."
        )
    open_ones = result.having("INCONCLUSIVE")
    names = ", ".join(d.dimension for d in open_ones)
    low, high = min(d.n for d in open_ones), max(d.n for d in open_ones)
    n = f"{low} to {high}" if low < high else str(high)
    needed = max(d.needed or 0 for d in open_ones)
    return (
        f"INCONCLUSIVE: {pair} shows no proven loss, but {n} canaries can't rule one out in {names}; "
        f"about {needed} would{rest}."
    )


def next_step(result: GateResult) -> str | None:
    """What would settle an INCONCLUSIVE, as one sentence; None for any other verdict."""
    open_ones = result.having("INCONCLUSIVE")
    if result.overall != "INCONCLUSIVE" or not open_ones:
        return None
    most = max(open_ones, key=lambda d: d.needed or 0)
    return (
        f"To settle it, evaluate both on about {most.needed} canaries ({most.dimension} takes the most): "
        "-T suite=full, or a suite of your own. `timbre power` says what each dimension takes."
    )
