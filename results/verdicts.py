"""The gate's decision as plain records: what it rests on, canary by canary, and the sentences that sum it up."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from judges.types import DIMENSIONS
from results.comparison import DimensionVerdict, Verdict
from results.paired import Pair, canary_means
from results.records import RunLog, Sample
from results.statistics import TOLERANCE
from timbre.stats import Interval

Overall = Literal["PASS", "REGRESSED", "INCONCLUSIVE", "ERROR"]

EXIT_CODES: Mapping[Overall, int] = {"PASS": 0, "REGRESSED": 1, "INCONCLUSIVE": 2, "ERROR": 3}
"""Exit status of ``timbre gate`` (C3)."""

FULL_SUITE = 177
"""Canaries of the full suite."""

RETAKES = 32
"""Further takes that tell a new fault from chance: seven of them against none are proof (benchmarks/gate.py)."""


_FIRST_WORDS = 90  # characters of an answer shown beside a flip
_SAME_WORDS = 8  # words with which both answers begin, from which they are shown from where they differ


@dataclass(frozen=True)
class Flip:
    """One canary that got worse by more than the margin, or shows a hard fault anew."""

    dimension: str
    hard: bool
    canary: str
    loss: float  # in the dimension's unit, takes averaged; 1 for a new fault
    before: str = ""  # first words of the baseline's answer; empty for a table without texts
    after: str = ""  # first words of the candidate's
    asked_again: bool = False  # a new fault for which both runs have further takes


@dataclass(frozen=True)
class PassRate:
    """How many takes of one canary the candidate passed on one dimension."""

    canary: str
    dimension: str
    takes: int
    passed: int  # without the fault if hard, else no more than the margin below the baseline's mean


@dataclass(frozen=True)
class GateResult:
    """The gate's decision."""

    overall: Overall  # ERROR if there are problems; else the worst verdict that can block
    baseline: str
    candidate: str
    dimensions: tuple[DimensionVerdict, ...]  # in table order; empty if nothing could be compared
    problems: tuple[str, ...] = ()  # what makes it an ERROR, one clause each
    notes: tuple[str, ...] = ()  # what a reader should know beside the verdict, one clause each
    evidence: tuple[str, ...] = ()  # sentences in which the candidate shows a hard fault, quoted
    suite: str | None = None
    flips: tuple[Flip, ...] = ()  # worst first: hard faults, then by loss
    pass_rates: tuple[PassRate, ...] = ()  # of dimensions that can block, by dimension and canary
    suite_file: str = ""  # what `-T suite=` takes; empty for a table
    pairs: Mapping[str, Pair] = field(default_factory=dict, repr=False, compare=False)
    """By dimension what was compared, for the log's analysis; in no JSON."""

    @property
    def exit_code(self) -> int:
        """Exit status for a shell."""
        return EXIT_CODES[self.overall]

    @property
    def judged(self) -> tuple[DimensionVerdict, ...]:
        """All but the reported figures."""
        return tuple(d for d in self.dimensions if d.is_judged)

    @property
    def able(self) -> tuple[DimensionVerdict, ...]:
        """The dimensions that can block: licensed, in the policy, and scored on both sides."""
        return tuple(d for d in self.dimensions if d.verdict != "ADVISORY")

    @property
    def to_ask_again(self) -> tuple[str, ...]:
        """Canaries whose new fault further takes of both runs can tell from chance; none once these are there."""
        open_ones = {d.dimension for d in self.having("INCONCLUSIVE") if d.hard}
        flips = [flip for flip in self.flips if flip.dimension in open_ones and not flip.asked_again]
        return tuple(dict.fromkeys(flip.canary for flip in flips))

    def having(self, verdict: Verdict) -> tuple[DimensionVerdict, ...]:
        """The dimensions with that verdict."""
        return tuple(d for d in self.dimensions if d.verdict == verdict)

    def worst_dimensions(self, count: int = 3) -> tuple[DimensionVerdict, ...]:
        """Those that decided: REGRESSED, then INCONCLUSIVE, then the rest, each by its gain."""
        order = {"REGRESSED": 0, "INCONCLUSIVE": 1, "PASS": 2}
        return tuple(sorted(self.able, key=lambda d: (order[d.verdict], d.gain.estimate))[:count])


@dataclass(frozen=True)
class NextStep:
    """One thing to do."""

    why: str  # a sentence without its full stop, with the figures that it follows from
    command: str = ""  # to copy; empty where there is none

    def __str__(self) -> str:
        return f"{self.why}: {self.command}" if self.command else f"{self.why}."


def shortened(text: str, longest: int) -> str:
    """``text`` cut to so many characters, the last of them the sign that it was."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def first_of(items: Sequence[str], most: int) -> list[str]:
    """So many of the items, and how many more there are."""
    return [*items[:most], *([f"and {len(items) - most} more"] if len(items) > most else [])]


def number(value: float) -> str:
    """Two decimals, fewer for large figures, a dash for none."""
    if value != value:
        return "-"
    return f"{value:z.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def interval(found: Interval, signed: bool = False) -> str:
    """``0.61 [0.52, 0.70]``; the estimate alone where one canary gives no interval."""
    sign = "+" if signed and found.estimate > 0 else ""
    if found.estimate != found.estimate:
        return "-"
    if found.low != found.low:
        return f"{sign}{number(found.estimate)}"
    return f"{sign}{number(found.estimate)} [{number(found.low)}, {number(found.high)}]"


def gain_of(key: str, value: float | None, before: float | None) -> float:
    """The difference with the sign that makes more better; 0 without both."""
    if value is None or before is None:
        return 0.0
    return value - before if DIMENSIONS[key].direction == "up" else before - value


def signed(gain: float) -> str:
    """A gain with its sign; empty where there is none to speak of."""
    return f"{gain:+.2f}" if abs(gain) >= 0.005 else ""


def summary_sentence(result: GateResult) -> str:
    """The verdict as one plain sentence, and another for each gain that the policy asks for: whether it is proven."""
    gains = () if result.problems else (_gain_sentence(d) for d in result.dimensions if d.goal and d.n)
    return " ".join((_verdict_sentence(result), *gains))


def _verdict_sentence(result: GateResult) -> str:
    pair = f"{result.candidate} against {result.baseline}"
    if result.overall == "ERROR":
        return f"ERROR: {pair} can't be judged: {'; '.join(result.problems)}."
    unscored = [d.dimension for d in result.dimensions if d.n == 0 and d.margin is not None]
    rest = f" ({', '.join(unscored)} not scored)" if unscored else ""
    if result.overall == "REGRESSED":
        worse = "; ".join(f"{d.dimension}: {d.why}" for d in result.having("REGRESSED"))
        return f"REGRESSED: {pair} got worse in {worse}{rest}."
    if result.overall == "PASS":
        passed = result.having("PASS")
        wider = [d.rules_out for d in passed if d.rules_out is not None and d.rules_out > (d.margin or 0)]
        where = f"in any of {len(passed)} dimensions that can block{rest}."
        if not wider:
            return f"PASS: {pair} lost no more than the margin {where}"
        small = f"The {result.suite} suite is small: only losses of more than {max(wider):g} are ruled out."
        return f"PASS: {pair} shows no proven loss beyond the margin {where} {small}"
    open_ones = result.having("INCONCLUSIVE")
    names = ", ".join(d.dimension for d in open_ones)
    low, high = min(d.n for d in open_ones), max(d.n for d in open_ones)
    n = f"{low} to {high}" if low < high else str(high)
    needed = [d.needed for d in open_ones if d.needed is not None]
    all_known = len(needed) == len(open_ones)
    settling = f"about {max(needed)}" if all_known else "no suite that anybody writes"
    if takes := _takes_for_all(open_ones):
        settling += f" (or, if nothing was lost, {takes} takes of these)"
    return (
        f"INCONCLUSIVE: {pair}: no loss beyond the margin is proven, and {n} canaries can't rule one out in "
        f"{names}; {settling} would settle it{rest}."
    )


def _takes_for_all(open_ones: Sequence[DimensionVerdict]) -> int | None:
    """How many takes of the same canaries would turn all of these into a PASS, if nothing was lost and any would."""
    takes = [d.takes_needed for d in open_ones if d.takes_needed is not None]
    return max(takes) if len(takes) == len(open_ones) else None


def _gain_sentence(verdict: DimensionVerdict) -> str:
    figure = f"{verdict.dimension} gained {interval(verdict.gain, signed=True)}"
    if verdict.verdict == "ADVISORY":
        return f"{figure}: advisory ({verdict.licence})."
    return f"{figure}: {'a gain is proven' if verdict.gain_is_proven else 'no gain is proven'}."


def next_step(result: GateResult) -> NextStep | None:
    """What to do next; None after a PASS, or where the problems say it."""
    if result.overall == "REGRESSED":
        runs = shlex.join((result.baseline, result.candidate))
        return NextStep("Read the answers side by side", f"timbre report {runs}")
    if result.overall != "INCONCLUSIVE":
        return None
    open_ones, both = result.having("INCONCLUSIVE"), (result.baseline, result.candidate)
    suite = result.suite_file or result.suite
    for d in (d for d in open_ones if d.hard):
        if flips := [f for f in result.flips if f.dimension == d.dimension]:
            if suite and (canaries := result.to_ask_again):
                takes = max(r.takes for r in result.pass_rates) + RETAKES
                more = f" --sample-id {shlex.quote(','.join(canaries))} --epochs {takes}"
                why = "Ask again what showed a fault that may be chance"
                return NextStep(why, eval_command(both, suite, more))
            why = f"Read what shows a new fault of {d.dimension}, {flips[0].canary} first of {len(flips)}"
            return _on_more_canaries(f"{why}; more canaries tell chance from a change", d.needed, both, suite)
    if suite and (enough := _takes_for_all(open_ones)):
        why = f"If nothing was lost, {enough} takes of these canaries would show it"
        return NextStep(why, eval_command(both, suite, f" --epochs {enough}"))
    if endless := [d.dimension for d in open_ones if d.needed is None]:
        why = "at what was seen no suite that anybody writes would settle it"
        return NextStep(f"Read the answers of {', '.join(endless)}: {why}")
    most = max(open_ones, key=lambda d: d.needed or 0)
    why = f"To settle it, ask both more canaries ({most.dimension} takes the most)"
    return _on_more_canaries(why, most.needed, both, suite)


def _on_more_canaries(why: str, needed: int | None, runs: Sequence[str], suite: str | None) -> NextStep:
    """The full suite where it wasn't asked and has so many; else no command, as canaries must be written first."""
    about = f", about {needed}" if needed else ""
    if suite != "full" and (needed or 0) <= FULL_SUITE:
        return NextStep(f"{why}{about}: the full suite has {FULL_SUITE}", eval_command(runs, "full"))
    return NextStep(f"{why}{about}: the full suite's {FULL_SUITE} are too few, so write a suite of your own")


def eval_command(runs: Sequence[str], suite: str = "", more: str = "") -> str:
    """What asks runs the canaries of a suite: a command for all with as many pairs in their prompt."""
    by_shots: dict[str, list[str]] = {}
    for run in runs:
        model, shots = [*re.split(r"\+(\d+)shot$", run), ""][:2]
        by_shots.setdefault(f" -T shots={shots}" if shots else "", []).append(model)
    given = f" -T suite={shlex.quote(suite)}" if suite else ""
    asked = {shots: ",".join(dict.fromkeys(models)) for shots, models in by_shots.items()}
    return " && ".join(
        f"inspect eval evals/voice.py --model {models}{given}{shots}{more}" for shots, models in asked.items()
    )


def flips_of(verdicts: Sequence[DimensionVerdict], pairs: Mapping[str, Pair]) -> tuple[Flip, ...]:
    """The canaries that lost more than the margin or show a fault anew, of dimensions that can block."""
    flips = []
    for verdict in (v for v in verdicts if v.verdict != "ADVISORY"):
        key, pair = verdict.dimension, pairs[verdict.dimension]
        if verdict.hard:
            flips += [Flip(key, True, c, 1.0, asked_again=c in pair.asked_again) for c in pair.new_faults]
        else:
            lost = pair.gains[pair.gains < -(verdict.margin or 0)]
            flips += [Flip(key, False, str(c), round(-float(gain), 6)) for c, gain in lost.items()]
    return tuple(sorted(flips, key=lambda flip: (not flip.hard, -flip.loss, flip.dimension, flip.canary)))


def with_texts(flips: Sequence[Flip], baseline: RunLog, candidate: RunLog) -> tuple[Flip, ...]:
    """The same with the first words of both answers: of the take that shows the fault, else of the first."""

    def text(takes: Mapping[str, Sequence[Sample]], flip: Flip, wants_better: bool) -> str:
        is_more = wants_better == (DIMENSIONS[flip.dimension].direction == "up")
        by_value = sorted(
            takes.get(flip.canary, ()),
            key=lambda s: s.judgements[flip.dimension].value or 0.0,
            reverse=is_more,
        )
        return " ".join(by_value[0].text.split()) if by_value else ""

    sides = baseline.by_canary, candidate.by_canary
    pairs = [_from_where_they_differ(text(sides[0], f, True), text(sides[1], f, False)) for f in flips]
    return tuple(replace(f, before=b, after=a) for f, (b, a) in zip(flips, pairs, strict=True))


def _from_where_they_differ(before: str, after: str) -> tuple[str, str]:
    """Both texts shortened, a long common beginning cut but for its last words."""
    words = before.split(), after.split()
    same = next((at for at, (one, other) in enumerate(zip(*words, strict=False)) if one != other), 0)
    if same < _SAME_WORDS:
        return shortened(before, _FIRST_WORDS), shortened(after, _FIRST_WORDS)
    first, second = (shortened("… " + " ".join(side[same - 3 :]), _FIRST_WORDS) for side in words)
    return first, second


def pass_rates(verdicts: Sequence[DimensionVerdict], pairs: Mapping[str, Pair]) -> Iterator[PassRate]:
    """How many takes of each canary the candidate passed, of dimensions that can block."""
    for verdict in verdicts:
        key, margin = verdict.dimension, verdict.margin
        if verdict.verdict == "ADVISORY" or margin is None:
            continue
        pair = pairs[key]
        scored = pair.after[pair.after["value"].notna()]
        if pair.fault_at is not None:
            passed = scored["value"] < pair.fault_at
        else:
            level = scored["canary"].map(canary_means(pair.before))
            scored, level = scored[level.notna()], level.dropna()
            sign = 1 if DIMENSIONS[key].direction == "up" else -1
            passed = sign * (scored["value"] - level) >= -margin - TOLERANCE
        for canary, takes in passed.groupby(scored["canary"], sort=True):
            yield PassRate(str(canary), key, len(takes), int(takes.sum()))
