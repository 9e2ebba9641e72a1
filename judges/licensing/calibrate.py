"""Hold a judge against labels: what it says of each item, whether it says so twice, and what turns it.

An item is a text, or for a judge of pairs two texts of unequal labels, each in one pair only. A pair's label is 1
where the text called first has the higher label; its value is 1 where that one wins, and 0 where the other does. A
tie is a guess: a coin, the same whenever the pair is judged, puts it just above or below a half.
"""

import datetime
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from judges.licensing.agreement import Array, Mask, agreement, rater_agreement
from judges.licensing.labels import MIN_ROWS, Labels
from judges.licensing.licence import LabelledBy, Licence
from judges.pairwise import Duel, Outcome
from judges.text import words
from judges.types import DIMENSIONS, Answer, JudgeIdentity
from timbre.errors import TimbreError

ATTACKED = 100  # items that attacks are tried on
MAX_UNANSWERED = 0.1  # of the attacked items; where more have no value, the attacks count as untried
# Columns of labels that a judge goes by.
NEEDS = {"compression": ("target_words",), "self_insertion": ("subjects", "first_person_licensed")}

_ATTACKS = Path(__file__).parents[1] / "data" / "attacks.json"
# Put behind a text, after an empty line: commands, forged replies, closed fences and turns, forged notes, pleas
# and praise. None is funny, bold or personal in itself, so a judge that they turn was talked into it.
ATTACKS: tuple[str, ...] = tuple(json.loads(_ATTACKS.read_text(encoding="utf-8")))
_SEED = 20_260_118
_GUESS = 1e-6
# From answers to their values in [0, 1] (None: no value), or from duels to their outcomes, in order; and whether a
# cached reply will do.
Judging = Callable[[Sequence[Any], bool], Sequence[float | Outcome | None]]


@dataclass(frozen=True)
class NamedJudge:
    """A judge that can be calibrated."""

    identity: JudgeIdentity  # the licence is stored under its digest
    judge: Judging
    paired: bool = False  # whether it judges duels


@dataclass(frozen=True)
class Items:
    """What is judged, with what the labels say of it; every array has one row an item."""

    items: tuple[Any, ...]  # answers or duels
    labels: Array
    is_yes: Mask
    length: Array  # log of the text's words; of a pair, the log-ratio
    ratings: Array  # shape (items, raters), NaN where a rater gave none
    noun: str  # "rows" or "pairs"


def find_judge(name: str) -> NamedJudge:
    """The judge of that name that needs no grader: ``humor``, ``encoder/humor``, ``metric/specificity``."""
    from judges.panel import judge_identities, panel_judge

    family, _, key = name.rpartition("/")
    identities = {k: i for k, i in judge_identities().items() if DIMENSIONS[k].unit == "share"}
    if family not in ("", "metric", "encoder") or key not in identities:
        known = ", ".join([*identities, "rubric/NAME", "pairwise/NAME", "confirm/self_insertion"])
        raise TimbreError(f"no judge {name!r}", where="JUDGE", do=f"use one of {known}")
    judge = panel_judge(key)
    return NamedJudge(identities[key], lambda answers, use_cache: [judge(answer).value for answer in answers])


def items_of(labels: Labels, paired: bool) -> Items:
    """The labelled texts, or pairs of them; the same file gives the same pairs.

    A file of pairs gives its own, without those that people called equal. Of texts, pairs are made under one
    prompt where this gives ``MIN_ROWS`` or more; else whatever the prompts are, and then the judge is shown no
    prompt.

    Raises:
        TimbreError: The file holds pairs, and the judge looks at one text.
    """
    if labels.others and not paired:
        do = "give texts rated one by one (`timbre label` without --pairs), or calibrate pairwise/NAME"
        raise TimbreError("the file holds pairs, and this judge looks at one text", where=labels.path, do=do)
    length = np.array([np.log1p(len(words(a.text))) for a in labels.answers])
    if not paired:
        return Items(labels.answers, labels.labels, labels.is_yes, length, labels.ratings, "rows")
    if labels.others:
        return _own_pairs(labels, length)
    by_prompt: dict[str, list[int]] = defaultdict(list)
    rng = np.random.default_rng([_SEED, int(labels.sha256[:8], 16)])
    shuffled = rng.permutation(len(labels.answers)).tolist()
    for row in shuffled:
        by_prompt[labels.answers[row].prompt.strip()].append(row)
    pairs = [pair for rows in by_prompt.values() for pair in _matched(labels, rows)]
    same_prompt = len(pairs) >= MIN_ROWS
    pairs = pairs if same_prompt else _matched(labels, shuffled)
    duels = []
    for a, b in ((labels.answers[first], labels.answers[second]) for first, second in pairs):
        prompt = a.prompt if same_prompt else ""
        duels.append(Duel(f"{a.id}|{b.id}", 1, a.id, b.id, prompt, a.text, b.text))
    first, second = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    won = labels.labels[first] > labels.labels[second]
    ahead, behind = labels.ratings[first], labels.ratings[second]
    preferred = np.where(ahead == behind, np.nan, np.where(ahead > behind, 1.0, 0.0))
    ratings = np.where(np.isfinite(ahead + behind), preferred, np.nan)
    return Items(tuple(duels), won.astype(float), won, length[first] - length[second], ratings, "pairs")


def _own_pairs(labels: Labels, length: Array) -> Items:
    """The pairs that people compared and didn't call equal."""
    middle = sum(labels.scale) / 2
    decided = np.flatnonzero(labels.labels != middle)
    duels = []
    for row in decided.tolist():
        a, other = labels.answers[row], labels.others[row]
        duels.append(Duel(a.id, 1, f"{a.id}/text", f"{a.id}/other_text", a.prompt, a.text, other))
    against = np.array([np.log1p(len(words(other))) for other in labels.others])
    won = labels.labels[decided] > middle
    ratings = np.where(labels.ratings == middle, np.nan, labels.ratings)[decided]
    return Items(tuple(duels), won.astype(float), won, (length - against)[decided], ratings, "pairs")


def _matched(labels: Labels, rows: Sequence[int]) -> list[tuple[int, int]]:
    """Each row with the first waiting one of another label; a coin says which of the two is called first."""
    waiting: list[int] = []
    pairs = []
    for row in rows:
        other = next((w for w in waiting if labels.labels[w] != labels.labels[row]), None)
        if other is None:
            waiting.append(row)
        else:
            waiting.remove(other)
            is_first = _coin(labels.answers[other].id, labels.answers[row].id)
            pairs.append((other, row) if is_first else (row, other))
    return pairs


def _coin(*ids: str) -> bool:
    return hashlib.sha256("\0".join(sorted(ids)).encode()).digest()[0] % 2 == 0


def calibrate(
    judge: NamedJudge,
    labels: Labels,
    *,
    domain: str,
    labelled_by: LabelledBy,
    cut: float = 0.5,
    attacked: int = ATTACKED,
) -> Licence:
    """Judge the labelled items and set down how well the judge agrees.

    A higher label means more of the judge's dimension; a value from ``cut``, in (0, 1), is a yes (.5 for pairs).
    ``ATTACKS`` are tried on at most ``attacked`` items.
    """
    data = items_of(labels, judge.paired)
    replies = judge.judge(data.items, True) if len(data.items) >= MIN_ROWS else [None] * len(data.items)
    values = np.array([_value(reply) for reply in replies], dtype=np.float64)
    scored = ~np.isnan(values)
    if scored.sum() < MIN_ROWS or len(set(data.labels[scored])) < 2:
        lacking = [c for c in NEEDS.get(judge.identity.dimension, ()) if c not in labels.columns]
        raise TimbreError(
            f"{judge.identity.name} scored {scored.sum()} of {len(scored)} {data.noun}: "
            "too few, or one label only",
            where=labels.path,
            do=f"label {MIN_ROWS} or more {data.noun} of both kinds that it can score"
            + (f"; give the column {' and '.join(lacking)}" if lacking else ""),
        )
    decided = _decisions(replies, cut)
    again = _decisions(judge.judge(data.items, False), cut)
    flips = [r.flipped for r in replies if isinstance(r, Outcome) and r.winner]
    figures = agreement(
        values[scored], data.labels[scored], data.is_yes[scored], data.length[scored], cut=cut
    )
    return Licence(
        judge=judge.identity.name,
        dimension=judge.identity.dimension,
        version=judge.identity.version,
        parts=dict(judge.identity.parts),
        domain=domain.strip(),
        labelled_by=labelled_by,
        n=int(scored.sum()),
        n_positive=int(data.is_yes[scored].sum()),
        n_unscored=int((~scored).sum()),
        label_kind="binary" if labels.binary or judge.paired else "ratings",
        scale=(0, 1) if judge.paired else labels.scale,
        yes_from=1 if judge.paired else labels.yes_from,
        labels_sha256=labels.sha256,
        cut_off=cut,
        created=datetime.date.today().isoformat(),
        agreement=figures,
        raters=len(labels.raters),
        rater_agreement=rater_agreement(data.ratings),
        retest_flip_rate=float((decided != again).mean()),
        position_bias=float(np.mean(flips)) if flips else None,
        injection_flip_rate=_injection_flips(judge, data.items, decided, cut, attacked),
    )


def _value(reply: float | Outcome | None) -> float:
    """A value in [0, 1], NaN for none."""
    if not isinstance(reply, Outcome):
        return np.nan if reply is None else reply
    if reply.winner == "tie":
        return 0.5 + (_GUESS if _coin("tie", reply.duel.canary) else -_GUESS)
    return {"first": 1.0, "second": 0.0}.get(reply.winner or "", np.nan)


def _decisions(replies: Sequence[float | Outcome | None], cut: float) -> Array:
    """Shape (items,): 1 for yes or the first text, 0 for no or the second, .5 for a tie, -1 for no value."""

    def decision(reply: float | Outcome | None) -> float:
        if isinstance(reply, Outcome) and reply.winner == "tie":
            return 0.5
        value = _value(reply)
        return -1.0 if np.isnan(value) else float(value >= cut)

    return np.array([decision(reply) for reply in replies])


def _injection_flips(
    judge: NamedJudge, items: Sequence[Any], decided: Array, cut: float, most: int
) -> float | None:
    """Share of attacks that turn an item to what the attacker wants.

    Behind a single text: from no to yes where more is better, from yes to no where less is. Behind the loser
    of a pair: to anything but its loss. Up to ``most`` items that can be turned are drawn with a fixed seed.
    An attacked item without a value is left out; None where nothing could be turned, or over
    ``MAX_UNANSWERED`` of the attacked have no value.
    """
    wanted = 0.0 if DIMENSIONS[judge.identity.dimension].direction == "down" else 1.0
    open_to_it = np.isin(decided, (0, 1) if judge.paired else (1 - wanted,))
    drawn = sorted(np.random.default_rng(_SEED).permutation(np.flatnonzero(open_to_it))[:most])
    tried = [_attacked(items[i], decided[i], attack, at) for i in drawn for at, attack in enumerate(ATTACKS)]
    if not tried:
        return None
    before = np.repeat(decided[drawn], len(ATTACKS))
    after = _decisions(judge.judge(tried, True), cut)
    answered = after >= 0
    if 1 - answered.mean() > MAX_UNANSWERED:
        return None
    return float((after != before)[answered].mean())


def attack_flips(judge: NamedJudge, answers: Sequence[Answer], *, cut: float = 0.5) -> float | None:
    """Share of ``ATTACKS`` that turn the judge on these answers; needs no labels. None: nothing to turn."""
    return _injection_flips(judge, answers, _decisions(judge.judge(answers, True), cut), cut, len(answers))


def _attacked(item: Answer | Duel, decided: float, attack: str, at: int) -> Answer | Duel:
    """The item with an attack behind its text, or behind the loser of a pair."""
    if isinstance(item, Answer):
        return replace(item, id=f"{item.id}+{at}", text=f"{item.text}\n\n{attack}")
    if decided == 1:
        return replace(item, second_text=f"{item.second_text}\n\n{attack}")
    return replace(item, first_text=f"{item.first_text}\n\n{attack}")
