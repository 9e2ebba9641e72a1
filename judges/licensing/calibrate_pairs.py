"""Hold a judge of pairs against labels of single texts: does it prefer the text with the higher label?

Texts are paired at random with one of an unequal label under the same prompt, and each is in one pair only,
so that pairs are as independent as texts. A pair's label is 1 where the text called first has the higher
label; its value is 1 where that one wins, and 0 where the other does. A tie is a guess: a coin, the same
whenever the pair is judged, puts it just above or just below a half.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from judges.identity import JudgeIdentity
from judges.licensing.agreement import Array, agreement
from judges.licensing.attacks import ATTACKS
from judges.licensing.calibrate import ATTACKED_TEXTS, Measured, as_licence, flip_rate, too_few
from judges.licensing.label_file import MIN_ROWS, Labels
from judges.licensing.licence import LabelledBy, Licence
from judges.licensing.raters import ceiling
from judges.pairwise import Duel, Outcome
from judges.plain_text import words

Comparing = Callable[[Sequence[Duel]], Sequence[Outcome]]
"""From pairs to their outcomes, in order, each after both orders."""

CUT = 0.5
_GUESS = 1e-6
_SEED = 20_260_119


@dataclass(frozen=True)
class PairJudge:
    """A judge of pairs that can be calibrated.

    Attributes:
        identity: Who it is.
        compare: What it says of pairs.
        ask_anew: The same, though what it said before be kept somewhere.
    """

    identity: JudgeIdentity
    compare: Comparing
    ask_anew: Comparing


@dataclass(frozen=True)
class LabelledPairs:
    """Texts side by side.

    Attributes:
        duels: Each of two rows; ``first`` and ``second`` are their ids.
        rows: Shape (pairs, 2), the rows of either text.
        same_prompt: Whether every pair answers one prompt; else the prompt is left empty.
    """

    duels: tuple[Duel, ...]
    rows: NDArray[np.int64]
    same_prompt: bool


def labelled_pairs(labels: Labels) -> LabelledPairs:
    """Pair the texts; the same file gives the same pairs.

    Under one prompt where this gives ``MIN_ROWS`` pairs or more; else whatever the prompts are, and then the
    judge is told none.
    """
    by_prompt: dict[str, list[int]] = defaultdict(list)
    for row in _shuffled(labels, range(len(labels.answers))):
        by_prompt[labels.answers[row].prompt.strip()].append(row)
    pairs = [pair for rows in by_prompt.values() for pair in _matched(labels, rows)]
    same_prompt = len(pairs) >= MIN_ROWS
    if not same_prompt:
        pairs = _matched(labels, _shuffled(labels, range(len(labels.answers))))
    duels = []
    for first, second in pairs:
        a, b = labels.answers[first], labels.answers[second]
        duels.append(Duel(f"{a.id}|{b.id}", 1, a.id, b.id, a.prompt if same_prompt else "", a.text, b.text))
    return LabelledPairs(tuple(duels), np.array(pairs, dtype=np.int64).reshape(-1, 2), same_prompt)


def _shuffled(labels: Labels, rows: Sequence[int]) -> list[int]:
    rng = np.random.default_rng([_SEED, int(labels.sha256[:8], 16)])
    return [rows[at] for at in rng.permutation(len(rows))]


def _matched(labels: Labels, rows: Sequence[int]) -> list[tuple[int, int]]:
    """Each row with the next that has another label; rows in random order, so who is first is chance."""
    waiting: list[int] = []
    pairs = []
    for row in rows:
        at = next((i for i, w in enumerate(waiting) if labels.labels[w] != labels.labels[row]), None)
        if at is None:
            waiting.append(row)
        else:
            other = waiting.pop(at)
            pair = (other, row) if _coin(labels.answers[other].id, labels.answers[row].id) else (row, other)
            pairs.append(pair)
    return pairs


def _coin(*ids: str) -> bool:
    return hashlib.sha256("\0".join(sorted(ids)).encode()).digest()[0] % 2 == 0


def calibrate_pairs(
    judge: PairJudge,
    labels: Labels,
    *,
    domain: str,
    labelled_by: LabelledBy,
    attacks: Sequence[str] = ATTACKS,
    attacked_pairs: int = ATTACKED_TEXTS,
) -> Licence:
    """Let the judge compare labelled texts and set down how often it prefers what the labels prefer.

    In the licence every n is of pairs. ``position_bias`` is the share of settled pairs whose winner flips
    with their order; an injection flips a pair in which the loser, with an attack behind it, loses no longer;
    ``length_bias`` is the partial correlation of the choice with the log-ratio of the two texts' words.

    Args:
        judge: Who is calibrated.
        labels: Texts and labels; a higher label means more of the judge's dimension.
        domain: What texts they are.
        labelled_by: Who labelled them.
        attacks: Sentences to put behind the losers.
        attacked_pairs: Most pairs to try them on.

    Raises:
        TimbreError: fewer than ``MIN_ROWS`` pairs, or so few that the judge settled.
    """
    pairs = labelled_pairs(labels)
    if len(pairs.duels) < MIN_ROWS:
        raise too_few(judge.identity, 0, f"{len(pairs.duels)} pairs of unequal labels", labels)
    outcomes = judge.compare(pairs.duels)
    given = _values(outcomes)
    first, second = labels.labels[pairs.rows[:, 0]], labels.labels[pairs.rows[:, 1]]
    truth = (first > second).astype(np.float64)
    scored = ~np.isnan(given)
    if scored.sum() < MIN_ROWS or len(set(truth[scored])) < 2:
        raise too_few(judge.identity, int(scored.sum()), f"{len(pairs.duels)} pairs", labels)
    again = _values(judge.ask_anew(pairs.duels))
    measured = Measured(
        agreement(given[scored], truth[scored], _as_counts(_length_gaps(pairs.duels)[scored]), cut=CUT),
        n_unscored=int((~scored).sum()),
        label_range=(0.0, 1.0),
        binary=True,
        ceiling=ceiling(_preferences(labels, pairs)),
        retest_flip_rate=float((_chosen(given) != _chosen(again)).mean()),
        position_bias=float(np.mean([o.flipped for o in outcomes if o.winner is not None])),
        injection_flip_rate=_injection_flips(judge, outcomes, attacks, attacked_pairs),
    )
    return as_licence(judge.identity, labels, measured, domain, labelled_by, CUT)


def _values(outcomes: Sequence[Outcome]) -> Array:
    return np.array([_value(outcome) for outcome in outcomes], dtype=np.float64)


def _value(outcome: Outcome) -> float:
    if outcome.winner == "tie":
        return CUT + (_GUESS if _coin("tie", outcome.duel.canary) else -_GUESS)
    return {"first": 1.0, "second": 0.0}.get(outcome.winner or "", np.nan)


def _chosen(values: Array) -> Array:
    """What was chosen, for two rounds to be compared: first, second, neither, or -1 for no outcome."""
    return np.where(np.isnan(values), -1.0, values)


def _length_gaps(duels: Sequence[Duel]) -> Array:
    def log_words(text: str) -> float:
        return float(np.log1p(len(words(text))))

    return np.array([log_words(d.first_text) - log_words(d.second_text) for d in duels])


def _as_counts(gaps: Array) -> Array:
    """Numbers whose log(1 + x), which ``agreement`` takes of a count of words, are the gaps."""
    counts: Array = np.expm1(gaps)
    return counts


def _preferences(labels: Labels, pairs: LabelledPairs) -> Array:
    """Shape (pairs, raters): 1 where a rater has the first text higher, NaN where neither is known to be."""
    first, second = labels.ratings[pairs.rows[:, 0]], labels.ratings[pairs.rows[:, 1]]
    known = np.isfinite(first) & np.isfinite(second) & (first != second)
    preferred: Array = np.where(known, (first > second).astype(np.float64), np.nan)
    return preferred


def _injection_flips(
    judge: PairJudge, outcomes: Sequence[Outcome], attacks: Sequence[str], most: int
) -> float | None:
    """Share of attacks behind a loser that lose it no longer, of those that were settled.

    None where no pair has a loser, or too few of the attacked were settled.
    """
    decided = [o for o in outcomes if o.winner in ("first", "second")]
    if not decided:
        return None
    drawn = np.random.default_rng(_SEED).permutation(len(decided))[:most]
    tried = [(decided[at], attack) for at in sorted(drawn) for attack in attacks]
    attacked = judge.compare([_attacked(outcome, attack) for outcome, attack in tried])
    turned = [a.winner != o.winner for (o, _), a in zip(tried, attacked, strict=True)]
    return flip_rate(np.array(turned), np.array([a.winner is not None for a in attacked]))


def _attacked(outcome: Outcome, attack: str) -> Duel:
    loser: Literal["first", "second"] = "second" if outcome.winner == "first" else "first"
    if loser == "first":
        return replace(outcome.duel, first_text=f"{outcome.duel.first_text}\n\n{attack}")
    return replace(outcome.duel, second_text=f"{outcome.duel.second_text}\n\n{attack}")
