"""The log's analysis: sentences made from the scores by written rules, each with its figures.

The rules. A dimension's *gain* is its paired difference with the sign that makes more better.
*Learned*: the whole interval of the gain is above 0; it *leans* so if the gain is at least the margin but
the interval isn't. *Not learned*: the whole interval is below 0 (worse), or there is no gain and the level is
short of ``GOOD_UP`` or ``GOOD_DOWN``. What neither moved nor falls short is left out. *Failure modes*: every
answer with a hard fault, and the worst slop, in the answer's own words.
"""

from dataclasses import dataclass

from judges.types import DIMENSIONS
from results.records import RunLog, Sample
from results.story import Story
from results.terminal import interval
from results.verdicts import DimensionVerdict, GateResult, summary_sentence

GOOD_UP, GOOD_DOWN = 0.6, 0.1
"""Level from which a dimension needs no gain: six tenths of the scale, or a fault in one answer of ten."""

FEW_PAIRS = 13
"""Training pairs below which more of them is the first advice: the founding experiment's own next step."""

QUOTES = 5
"""Quotations a failure mode; the rest is counted."""

_WORDS = {
    "integrity": "free of loops, refusals and broken answers",
    "relevance": "to the point of the prompt",
    "compression": "compressed",
    "humor": "funny",
    "provocativeness": "provocative",
    "self_insertion": "out of other people's stories",
    "hashtag_slop": "free of hashtags and slop",
    "specificity": "specific",
    "warmth": "personal",
    "voice_match": "close to the writer's own text",
    "memorization": "free of recited training text",
}


@dataclass(frozen=True)
class Failure:
    """One quotation.

    Attributes:
        dimension: What it is evidence of.
        canary: Canary id.
        epoch: From 1.
        quote: The answer's own words.
        why: The judge's name for it.
    """

    dimension: str
    canary: str
    epoch: int
    quote: str
    why: str


@dataclass(frozen=True)
class Analysis:
    """The parts of the analysis, in the log's order; each sentence is plain text.

    Attributes:
        verdict: Of the smoke test.
        learned: A sentence a dimension.
        not_learned: The same.
        failures: Quotations, the first of each dimension first in table order.
        untold: Failures beyond ``QUOTES``, by dimension.
        against_parent: A sentence a canary that moved.
        takeaway: One sentence.
        next_steps: In order of urgency.
    """

    verdict: str
    learned: tuple[str, ...]
    not_learned: tuple[str, ...]
    failures: tuple[Failure, ...]
    untold: dict[str, int]
    against_parent: tuple[str, ...]
    takeaway: str
    next_steps: tuple[str, ...]


def analyse(story: Story) -> Analysis:
    """Apply the rules to one story."""
    judged = story.result.dimensions if story.result else ()
    dimensions = [d for d in judged if d.n and d.margin is not None and d.verdict != "ADVISORY"]
    learned = [d for d in dimensions if _gain(d)[1] > 0 or _gain(d)[0] >= (d.margin or 0)]
    lacking = [d for d in dimensions if d not in learned and (_gain(d)[2] < 0 or not _good(d))]
    failures, untold = _failures(story)
    return Analysis(
        verdict=summary_sentence(story.result)
        if story.result
        else "No verdict: there is no baseline to judge by.",
        learned=tuple(_sentence(d) + ("" if _gain(d)[1] > 0 else "; leans so, not proven") for d in learned),
        not_learned=tuple(
            ("worse, not " if _gain(d)[2] < 0 else "not ") + _sentence(d) + _example(story.log, d)
            for d in lacking
        ),
        failures=failures,
        untold=untold,
        against_parent=_against(story),
        takeaway=_takeaway(story, learned, lacking, failures),
        next_steps=_next_steps(story, lacking, failures),
    )


def _gain(d: DimensionVerdict) -> tuple[float, float, float]:
    """Estimate, low and high of the difference, more being better; NaN limits compare as neither."""
    if DIMENSIONS[d.dimension].direction == "up":
        return d.delta.estimate, d.delta.low, d.delta.high
    return -d.delta.estimate, -d.delta.high, -d.delta.low


def _good(d: DimensionVerdict) -> bool:
    level = d.candidate.estimate
    return level >= GOOD_UP if DIMENSIONS[d.dimension].direction == "up" else level <= GOOD_DOWN


def _sentence(d: DimensionVerdict) -> str:
    return (
        f"{_WORDS[d.dimension]} ({d.dimension}): {interval(d.candidate)} against {interval(d.baseline)}, "
        f"delta {interval(d.delta, signed=True)} over {d.n} canaries"
    )


def _example(log: RunLog, d: DimensionVerdict) -> str:
    """The longest overrun in words, where it is length that was not learned."""
    if d.dimension != "compression":
        return ""
    judged = [(s, s.judgements["compression"].details) for s in log.samples]
    over = [
        (x["words"] / x["high"], s, x) for s, x in judged if x.get("high") and x.get("words", 0) > x["high"]
    ]
    if not over:
        return ""
    _, sample, details = max(over, key=lambda o: o[0])
    asked = f"{details.get('low', 0):.0f} to {details['high']:.0f}"
    return f"; at worst {details['words']:.0f} words on canary {sample.canary}, where {asked} were asked for"


def _failures(story: Story) -> tuple[tuple[Failure, ...], dict[str, int]]:
    told: list[Failure] = []
    untold = {}
    for key, rule in story.policy.dimensions.items():
        at = rule.fault_at if rule.hard else 0.5 if key == "hashtag_slop" else None
        if at is None:
            continue
        shown = [
            (s, value)
            for s in story.log.samples
            if (value := s.judgements[key].value) is not None and value >= at
            if not (rule.unlicensed_only and s.licensed)
        ]
        shown.sort(key=lambda pair: (-pair[1], pair[0].canary, pair[0].epoch))
        told += [_failure(key, s) for s, _ in shown[:QUOTES]]
        if len(shown) > QUOTES:
            untold[key] = len(shown) - QUOTES
    return tuple(told), untold


def _failure(key: str, sample: Sample) -> Failure:
    evidence = sample.judgements[key].evidence
    quote, why = (evidence[0].text, evidence[0].why) if evidence else ("", "no span recorded")
    return Failure(key, sample.canary, sample.epoch, quote, why)


def _against(story: Story) -> tuple[str, ...]:
    if story.parent is None or (story.parent_result and story.parent_result.problems):
        return ()
    before, after = _levels(story.parent), _levels(story.log)
    sentences = []
    for canary in sorted(after):
        moves = []
        for key, rule in story.policy.dimensions.items():
            if key not in after[canary] or key not in before.get(canary, {}):
                continue
            change = after[canary][key] - before[canary][key]
            if abs(change) >= rule.margin:
                better = (change > 0) == (rule.direction == "up")
                moves.append((not better, f"{'better' if better else 'worse'} {key} ({change:+.2f})"))
        if moves:
            sentences.append(f"{canary}: " + ", ".join(text for _, text in sorted(moves)))
    return tuple(sentences)


def _levels(log: RunLog) -> dict[str, dict[str, float]]:
    """Mean over epochs, by canary and dimension."""
    found: dict[str, dict[str, list[float]]] = {}
    for s in log.samples:
        for key, judgement in s.judgements.items():
            if judgement.value is not None:
                found.setdefault(s.canary, {}).setdefault(key, []).append(judgement.value)
    return {c: {k: sum(v) / len(v) for k, v in row.items()} for c, row in found.items()}


def _takeaway(
    story: Story,
    learned: list[DimensionVerdict],
    lacking: list[DimensionVerdict],
    failures: tuple[Failure, ...],
) -> str:
    if story.result is None or story.result.problems:
        return "Nothing can be concluded about this run without a comparable baseline."
    gained = _listed([_WORDS[d.dimension] for d in learned]) or "nothing that the scores can show"
    short = " or ".join(_WORDS[d.dimension] for d in lacking if d.dimension != "self_insertion")
    hard = sorted({f.canary for f in failures if f.dimension == "self_insertion"})
    text = f"Against the baseline {story.log.run} became {gained}"
    text += f"; it is not yet {short}" if short else ""
    text += f"; and it wrote itself into other people's story on {_listed(hard)}" if hard else ""
    return text + "."


def _next_steps(
    story: Story, lacking: list[DimensionVerdict], failures: tuple[Failure, ...]
) -> tuple[str, ...]:
    steps = []
    result: GateResult | None = story.result
    short = {d.dimension for d in lacking}
    faults = {f.dimension for f in failures}
    if result is None:
        steps.append("Evaluate the baseline on the same suite.")
    elif result.problems:
        steps.append("Evaluate both runs again under the same conditions.")
    if "self_insertion" in faults:
        steps.append("Add pairs about third parties in which the writer stays outside the story.")
    if "memorization" in faults:
        steps.append("Train for fewer epochs, or take an earlier epoch's adapter.")
    pairs = len(story.facts.of_split("train")) if story.facts else 0
    if story.facts and pairs < FEW_PAIRS:
        steps.append(
            f"Grow the {pairs} training pairs to {FEW_PAIRS} or more, by content extraction and footnotes."
        )
    if short & {"compression", "humor", "provocativeness"}:
        steps.append("Train on short, irreverent pairs first.")
    if result and result.overall == "INCONCLUSIVE":
        needed = max(d.needed or 0 for d in result.having("INCONCLUSIVE"))
        steps.append(f"Settle the verdict with about {needed} canaries (-T suite=full has the most).")
    unscored = [d.dimension for d in result.dimensions if d.n == 0 and d.margin is not None] if result else []
    if unscored:
        steps.append(f"Have {_listed(unscored)} scored (--model-role grader=MODEL).")
    steps.append("Compare four ways: two bases, tuned and not.")
    return tuple(steps)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
