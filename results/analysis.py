"""The log's analysis: sentences made from the scores alone by written rules, each with its figures.

Only dimensions that may block are read; the rest are named as unlicensed or unscored. A dimension was *learned*
if the whole interval of its gain lies above 0, Holm's test rejects "no gain" among all dimensions read, and the gain
is at least ``SHARE`` of the margin. It is *worse* if the whole interval lies below 0 by the same test, or the gate
says REGRESSED. Of the others nothing is shown, which proves no absence.
"""

import itertools
from dataclasses import dataclass

from judges.types import FAULT_AT
from results.comparison import DimensionVerdict
from results.failure_modes import FailureMode, failure_modes
from results.paired import Pair, as_array
from results.statistics import TOLERANCE, holm, margin_p, mcnemar
from results.story import Story
from results.verdicts import GateResult, first_of, interval
from training.runs import BASELINE

SHARE = 0.5  # share of the margin under which a proven gain is too small to count: half of what a loss may be
MOVED = 8  # canaries that are named as moved between parent and run; the rest are counted

WORDS = {
    "integrity": "less often broken",
    "relevance": "closer to the prompt",
    "compression": "more compressed",
    "humor": "funnier",
    "provocativeness": "bolder",
    "self_insertion": "less often inside other people's stories",
    "hashtag_slop": "freer of hashtags and slop",
    "specificity": "more specific",
    "warmth": "warmer",
    "voice_match": "closer to the writer's own text",
    "memorization": "less given to reciting training text",
}
"""What a gain in each dimension is called."""


@dataclass(frozen=True)
class Analysis:
    """The parts of the analysis; every sentence is plain text."""

    takeaway: str
    learned: tuple[str, ...]
    worse: tuple[str, ...]
    not_shown: tuple[str, ...]
    not_read: tuple[str, ...]  # dimensions without a licence or a score, and why
    failures: tuple[FailureMode, ...]
    moved: tuple[str, ...]  # canaries that moved since the parent by a margin or more


def analyse(story: Story) -> Analysis:
    """Apply the rules to one story."""
    result = story.result if story.result and not story.result.problems else None
    read = result.able if result else ()
    up, down = _proven(result) if result and read else (set(), set())
    proven = [d for d in read if d.dimension in up and d.gain_is_proven]
    learned = [d for d in proven if d.gain.estimate >= SHARE * (d.margin or 0) - TOLERANCE]
    lost = [d for d in read if d.dimension in down and d.gain.high < -TOLERANCE]
    worse = [d for d in read if d.verdict == "REGRESSED" or d in lost]
    rest = [d for d in read if d not in (*learned, *worse)]
    failures = failure_modes(story.log, story.baseline, story.policy)
    return Analysis(
        takeaway=_takeaway(story, result, learned, worse, failures),
        learned=tuple(map(_sentence, learned)),
        worse=tuple(f"{d.dimension}: {_figures(d)}" for d in worse),
        not_shown=tuple(
            _sentence(d) + ("; a gain, but under half of the margin" if d.dimension in up else "")
            for d in rest
            if not (d.hard and d.baseline.estimate == d.candidate.estimate == 0)
        ),
        not_read=tuple(
            f"{d.dimension}: " + (f"unlicensed ({d.licence})" if d.n else d.why)
            for d in (result.having("ADVISORY") if result else ())
            if d.margin is not None
        ),
        failures=failures,
        moved=_moved(story),
    )


def _proven(result: GateResult) -> tuple[set[str], set[str]]:
    """Dimensions of which a gain, and of which a loss, is significant among all that can block (Holm)."""
    keys = [d.dimension for d in result.able]
    ps = zip(*(_gain_ps(result.pairs[key]) for key in keys), strict=True)
    up, down = (set(itertools.compress(keys, holm(of_keys)[0])) for of_keys in ps)
    return up, down


def _gain_ps(pair: Pair) -> tuple[float, float]:
    """One-sided p of "no gain" and of "no loss" in one dimension."""
    if pair.fault_at is not None:
        worse, better = pair.discordant
        return mcnemar(better, worse), mcnemar(worse, better)
    gains = as_array(pair.gains)
    return margin_p(-gains, 0.0), margin_p(gains, 0.0)


def _sentence(d: DimensionVerdict) -> str:
    return f"{WORDS[d.dimension]} ({d.dimension}): {_figures(d)}"


def _figures(d: DimensionVerdict) -> str:
    return (
        f"{interval(d.candidate)} against {interval(d.baseline)}, "
        f"gain {interval(d.gain, signed=True)} over {d.n} canaries"
    )


def _takeaway(
    story: Story,
    result: GateResult | None,
    learned: list[DimensionVerdict],
    worse: list[DimensionVerdict],
    failures: tuple[FailureMode, ...],
) -> str:
    run = story.log.run
    if result is None and story.baseline is None and run.partition("@")[0] == BASELINE:
        text = "This is what runs are compared with"
    elif result is None:
        text = f"Nothing can be concluded about {run} without a comparable baseline"
    elif learned:
        text = f"Against {result.baseline}, {run} became {_listed([WORDS[d.dimension] for d in learned])}"
    else:
        text = f"No gain of {run} over {result.baseline} is proven"
        is_alone = any(d.goal and d.gain_is_proven for d in result.dimensions)
        text += " once all dimensions are tested together" if is_alone else ""
    beyond = [d.dimension for d in worse if d.verdict == "REGRESSED"]
    within = [d.dimension for d in worse if d.verdict != "REGRESSED"]
    if beyond:
        text += f", and it got worse in {_listed(beyond)}"
    if within:
        text += f", and it lost somewhat in {_listed(within)} (proven, though not beyond the margin)"
    hard = [f for f in failures if f.name != "hashtag_slop"]
    if hard:
        worst = max(hard, key=lambda f: f.answers)
        text += f"; {worst.clause}"
        inserted = next((f for f in hard if f.name == "self_insertion" and f is not worst), None)
        text += f", {inserted.answers} by self_insertion" if inserted else ""
    return f"{text}."


def _moved(story: Story) -> tuple[str, ...]:
    """Canaries that moved since the parent by a margin or more, the most moved first."""
    result = story.parent_result
    if result is None or result.problems:
        return ()
    moves: dict[str, list[tuple[bool, float, str]]] = {}
    for d in result.able:
        key = d.dimension
        gains = result.pairs[key].gains
        least = FAULT_AT if d.hard else d.margin or 0
        for canary, gain in gains[gains.abs() >= least - TOLERANCE].items():
            move = f"{'better' if gain > 0 else 'worse'} {key} ({gain:+.2f})"
            moves.setdefault(str(canary), []).append((d.hard, abs(gain) / least, move))
    lines = [
        f"{canary}: {', '.join(text for *_, text in sorted(of_canary, reverse=True))}"
        for canary, of_canary in sorted(moves.items(), key=lambda item: max(item[1])[:2], reverse=True)
    ]
    return tuple(first_of(lines, MOVED))


def _listed(names: list[str]) -> str:
    """Names with commas and an "and"."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
