"""Did this writer write the answer, rather than the base model or another person?

scikit-learn takes seconds to import, so it is imported on first use.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from judges.reference import VoiceReference
from judges.text import EMPTY, NO_WORDS, clean, is_blank, words
from judges.types import Answer, Judgement, unscored
from judges.voice_features import Features, Vector, common_words, masked, tokens_of, windows_of

VERSION = 2
PENALTY = 10.0  # inverse strength of the L2 penalty of the logistic regression (scikit-learn's `C`)
FOLDS = 10  # parts of the cross-fitting. Every source of the writer and every impostor lies in one part only.
# Most frequent tokens of the writer, and of all others, that stand for themselves when the order of words is
# judged; any other token is `_RARE`.
TAGS = 150
# Weight of the unigram in the bigram model of word order, in occurrences (Dirichlet prior). With it the order
# of 30 tokens parts a writer's unseen text from the same one shuffled with an AUC above .99.
SMOOTHING = 50.0
# Share of the median order of the writer's own unseen texts from which an answer is orderly enough; one with no
# more order than chance has the value 0.
ORDERLY = 0.25
# Share of the least variety, and of the least known words, among the writer's own unseen texts at which an
# answer is strange altogether: a loop, another language, noise.
STRANGE = 0.7
MIN_TEXTS = 5  # fewest texts of the writer's on which a voice is fitted
MIN_FLOOR = 2  # fewest answers of the base model's
MIN_WORDS = 10  # fewest words of an answer in which a voice can be heard
ADVISORY_UNDER = 0.70  # lower end of the AUC's interval under which the dimension is advisory
LENGTHS = (120, 50)  # lengths in words at which the judge measures itself
RESAMPLES = 2000
_RARE = "-"


@dataclass(frozen=True)
class Separation:
    """How well the judge tells a writer's unseen texts from writers that it was not fitted against."""

    auc: float  # probability that a text of the writer's is given more than one of another's
    low: float  # 95 % bootstrap interval, over the writer's sources and the impostors
    high: float
    n_texts: int  # texts of the writer's
    words: int  # length of the texts
    more_pairs_needed: int | None  # until ``low`` reaches ADVISORY_UNDER; None: more pairs would not do

    @property
    def is_advisory(self) -> bool:
        """Whether the dimension may not block."""
        return self.low < ADVISORY_UNDER


@dataclass(frozen=True)
class Anchors:
    """Mean values of texts that the fit did not see, each in [0, 1]."""

    floor: float  # the base's answers
    other_writers: float  # impostors
    writer: float  # the writer's own


@dataclass(frozen=True)
class _Text:
    """A reference text as masked tokens, with the group that is left out together with it."""

    tokens: tuple[str, ...]
    group: str  # source, register or "base"
    kind: str  # "writer", "impostor" or "base"
    fold: int


@dataclass(frozen=True)
class _Measures:
    log_odds: float
    order: float  # mean pointwise mutual information of neighbouring tags, nats
    variety: float  # mean share of distinct tokens in a window
    known: float  # share of tokens that the reference knows


class _Fit:
    """A classifier and a model of the language, fitted on part of the reference."""

    def __init__(self, texts: Sequence[_Text], rows: Any, is_own: Vector, frequent: frozenset[str]) -> None:
        """Fit the classifier on ``rows``, the windows of ``texts`` as a sparse matrix of features."""
        from sklearn.linear_model import LogisticRegression

        classifier = LogisticRegression(C=PENALTY, class_weight="balanced", solver="liblinear")
        classifier.fit(rows, is_own)
        self._weights, self._intercept = classifier.coef_[0], float(classifier.intercept_[0])
        self._frequent = frequent
        self._known = {token.lower() for t in texts for token in t.tokens}
        tagged = [self._tags([token.lower() for token in t.tokens]) for t in texts]
        self._tag_counts = Counter(tag for tags in tagged for tag in tags)
        self._pair_counts = Counter(pair for tags in tagged for pair in pairwise(tags))
        self._total = sum(self._tag_counts.values())

    def measures(self, tokens: Sequence[str], features: Features) -> _Measures:
        """What the fit sees in a text of at least one token."""
        windows = windows_of(tokens)
        folded = [t.lower() for t in tokens]
        scores = [values @ self._weights[columns] for columns, values in map(features.of, windows)]
        return _Measures(
            sum(map(float, scores)) / len(scores) + self._intercept,
            self._order(folded),
            sum(len({t.lower() for t in w}) / len(w) for w in windows) / len(windows),
            sum(t in self._known for t in folded) / len(folded),
        )

    def _order(self, folded: Sequence[str]) -> float:
        tags = self._tags(folded)
        gains = []
        for first, second in pairwise(tags):
            base = (self._tag_counts[second] + 1) / (self._total + 1)
            seen = self._pair_counts[first, second] + SMOOTHING * base
            gains.append(math.log(seen / (self._tag_counts[first] + SMOOTHING) / base))
        return sum(gains) / len(gains) if gains else 0.0

    def _tags(self, folded: Sequence[str]) -> list[str]:
        return [t if t in self._frequent else _RARE for t in folded]


class VoiceModel:
    """The judge fitted to one reference; every figure about itself comes from texts a fit did not see."""

    def __init__(self, reference: VoiceReference) -> None:
        """Fit on the ``train``, ``floor`` and ``impostors`` texts of ``reference``; deterministic."""
        from sklearn.linear_model import LogisticRegression

        self._has_sources = len(set(reference.sources)) != 1
        raw = _referencetokens_of(reference)
        self._common = common_words((tokens, group) for tokens, group, _, _ in raw)
        self._texts = [
            _Text(masked(tokens, self._common), g, kind, fold) for tokens, g, kind, fold in raw if tokens
        ]
        frequent = frozenset().union(*(_most_frequent(self._texts, own) for own in (True, False)))
        windows = [(w, t) for t in self._texts for w in windows_of(t.tokens)]
        self._features = Features([w for w, _ in windows])
        rows = self._features.matrix([w for w, _ in windows])
        is_own = np.array([t.kind == "writer" for _, t in windows], dtype=np.float64)
        folds = np.array([t.fold for _, t in windows])
        self._fit = _Fit(self._texts, rows, is_own, frequent)
        self._fold_fits = {
            fold: _Fit([t for t in self._texts if t.fold != fold], rows[kept], is_own[kept], frequent)
            for fold, kept in ((f, folds != f) for f in sorted(set(folds.tolist())))
        }
        unseen = [self._measures(self._fold_fits[t.fold], t.tokens) for t in self._texts]
        own = [m for m, t in zip(unseen, self._texts, strict=True) if t.kind == "writer"]
        self._orderly = max(1e-9, ORDERLY * float(np.median([m.order for m in own])))
        self._least_variety, self._least_known = min(m.variety for m in own), min(m.known for m in own)
        platt = LogisticRegression(class_weight="balanced").fit(
            [[m.log_odds] for m in unseen], [t.kind == "writer" for t in self._texts]
        )
        self._slope, self._shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        values = [self._value(m)[0] for m in unseen]
        self.anchors = Anchors(*(self._mean(values, kind) for kind in ("base", "impostor", "writer")))

    def judge(self, text: str) -> tuple[float, dict[str, float]]:
        """The value of a text with at least one word, and the figures behind it."""
        measures = self._measures(self._fit, masked(tokens_of(text), self._common))
        value, kinship = self._value(measures)
        details = {**vars(measures), "kinship": kinship}
        return value, {**details, **vars(self.anchors)}

    def separation(self, length: int) -> Separation | None:
        """AUC of the writer's unseen texts over impostors not fitted against.

        By log-odds alone: what counts as strange is set by the very texts that are tested.
        None where the writer's texts are of one source, or too few are about ``length`` words long.
        """
        if not self._has_sources:
            return None
        scores: dict[str, dict[str, list[float]]] = {"writer": {}, "impostor": {}, "base": {}}
        for kind, group, fold, tokens in self._pieces(length):
            found = self._measures(self._fold_fits[fold], tokens).log_odds
            scores[kind].setdefault(group, []).append(found)
        own, other = list(scores["writer"].values()), list(scores["impostor"].values())
        if len(own) < 2 or len(other) < 2:
            return None
        wins = np.array([[_wins(a, b) for b in other] for a in own])
        sizes = np.outer([len(a) for a in own], [len(b) for b in other])
        rng = np.random.default_rng(0)
        rows, columns = (
            rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float) for n in (len(own), len(other))
        )
        sampled, drawn = (((rows @ table) * columns).sum(axis=1) for table in (wins, sizes))
        auc = float(wins.sum() / sizes.sum())
        pairs = sum(t.kind == "writer" for t in self._texts)
        low, high = (float(q) for q in np.quantile(sampled / drawn, (0.025, 0.975)))
        return Separation(auc, low, high, sum(map(len, own)), length, more_pairs(pairs, auc, low))

    @cached_property
    def separations(self) -> tuple[Separation, ...]:
        """``separation`` at each of ``LENGTHS`` at which there are texts enough."""
        found = (self.separation(length) for length in LENGTHS)
        return tuple(s for s in found if s)

    def _pieces(self, length: int) -> Iterable[tuple[str, str, int, tuple[str, ...]]]:
        """The texts of each group joined and cut to about ``length`` tokens."""
        joined: dict[tuple[str, str, int], list[str]] = {}
        for t in self._texts:
            joined.setdefault((t.kind, t.group, t.fold), []).extend(t.tokens)
        for (kind, group, fold), tokens in joined.items():
            for piece in windows_of(tokens, length):
                if length / 2 <= len(piece):
                    yield kind, group, fold, piece

    def _value(self, measures: _Measures) -> tuple[float, float]:
        """Value in [0, 1], and the factor in it that falls to 0 for strange texts."""
        probability = 1 / (1 + math.exp(-self._slope * measures.log_odds - self._shift))
        likeness = min(measures.variety / self._least_variety, measures.known / self._least_known)
        kinship = min(1.0, measures.order / self._orderly, (likeness - STRANGE) / (1 - STRANGE))
        return probability * max(0.0, kinship), max(0.0, kinship)

    def _measures(self, fit: _Fit, tokens: Sequence[str]) -> _Measures:
        return fit.measures(tokens, self._features)

    def _mean(self, values: Sequence[float], kind: str) -> float:
        return float(np.mean([v for v, t in zip(values, self._texts, strict=True) if t.kind == kind]))


def voice_match(answer: Answer, reference: VoiceReference | None) -> Judgement:
    """Probability at even odds that the writer wrote the answer, rather than the base or an impostor.

    A logistic regression on word n-grams parts the writer's training responses from the base's answers and
    the impostors'. Names and numbers are masked, since they give a writer away without a voice. The log-odds
    are calibrated (Platt) on texts whose source or register the fit did not see. ``value = probability x
    kinship``, where ``kinship`` is the least of three: the order of the words falls from 1 at ``ORDERLY`` to
    0 at chance; variety and known words from 1 at the writer's least to 0 at ``STRANGE`` of that.

    Returns:
        No evidence, as no single span carries it. Unscored without a reference, with too few texts of the
        writer's or the base's, and under ``MIN_WORDS`` words. Details: ``log_odds``, ``order``,
        ``variety``, ``known``, ``kinship``, and the anchors ``floor``, ``other_writers``, ``writer``.
    """
    text = clean(answer.text).text
    if is_blank(text):
        return unscored("voice_match", EMPTY)
    if reference is None:
        return unscored("voice_match", "no reference texts of the writer")
    if lack := _lack(reference):
        return unscored("voice_match", lack)
    count = len(words(text))
    if not count:
        return unscored("voice_match", NO_WORDS)
    if count < MIN_WORDS:
        return unscored("voice_match", f"fewer than {MIN_WORDS} words")
    value, details = fit_voice(reference).judge(text)
    return Judgement("voice_match", value, details=details)


@lru_cache(maxsize=4)
def _lack(reference: VoiceReference) -> str:
    """What ``reference`` has too few of, or an empty text."""
    for part, texts, needed in (
        ("training", reference.train, MIN_TEXTS),
        ("floor", reference.floor, MIN_FLOOR),
    ):
        have = sum(bool(words(t)) for t in texts)
        if have < needed:
            return f"{have} {part} texts, needs {needed}"
    return ""


@lru_cache(maxsize=4)
def fit_voice(reference: VoiceReference) -> VoiceModel:
    """The model of ``reference``, fitted at the first call."""
    return VoiceModel(reference)


def self_test(reference: VoiceReference) -> tuple[Separation, ...]:
    """How well the judge tells this writer from others, at each of ``LENGTHS`` with texts enough."""
    return fit_voice(reference).separations


def more_pairs(pairs: int, auc: float, low: float) -> int | None:
    """Pairs to add until ``low`` is ``ADVISORY_UNDER``: an interval narrows with the root of their number.

    None where more pairs would not do, since ``auc`` itself is lower.
    """
    if low >= ADVISORY_UNDER:
        return 0
    if auc <= ADVISORY_UNDER:
        return None
    return math.ceil(pairs * (((auc - low) / (auc - ADVISORY_UNDER)) ** 2 - 1))


def _referencetokens_of(reference: VoiceReference) -> list[tuple[list[str], str, str, int]]:
    """Tokens, group, kind and fold of every text; the base's answers are spread over all folds."""
    sources = reference.sources
    if len(set(sources)) < 2:
        sources = tuple(str(i) for i in range(len(reference.train)))
    order = {source: i for i, source in enumerate(dict.fromkeys(sources))}
    found = [
        (tokens_of(text), source, "writer", order[source] % FOLDS)
        for text, source in zip(reference.train, sources, strict=True)
    ]
    found += [(tokens_of(text), "base", "base", i % FOLDS) for i, text in enumerate(reference.floor)]
    for i, register in enumerate(reference.impostors):
        found += [(tokens_of(text), register.name, "impostor", i % FOLDS) for text in register.texts]
    return found


def _most_frequent(texts: Sequence[_Text], own: bool) -> frozenset[str]:
    """The ``TAGS`` tokens that stand in most texts of the writer's, or of all others."""
    chosen = [{t.lower() for t in text.tokens} for text in texts if (text.kind == "writer") is own]
    counts = Counter(token for tokens in chosen for token in tokens)
    return frozenset(t for t, _ in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:TAGS])


def _wins(own: Sequence[float], other: Sequence[float]) -> float:
    """Pairs in which ``own`` is greater; equal ones count half."""
    difference = np.subtract.outer(np.array(own), np.array(other))
    return float((difference > 0).sum() + (difference == 0).sum() / 2)


def separation_message(reference: VoiceReference) -> tuple[str, str]:
    """How well ``voice_match`` tells a writer apart, in a sentence; and why it is advisory, or an empty text."""
    name = reference.name
    is_scored = voice_match(Answer("", "", reference.train[0]), reference).value is not None
    separations = self_test(reference) if is_scored else ()
    if not separations:
        return (
            f"voice_match: how well {name} is told from other writers can't be measured",
            "pairs of one source, or too few or short ones: no test against other writers",
        )
    figures = "; ".join(
        f"AUC {s.auc:.2f} [{s.low:.2f}, {s.high:.2f}] at {s.words} words, n {s.n_texts}" for s in separations
    )
    weak = [s for s in separations if s.is_advisory]
    reason = ""
    if weak:
        more = max((s.more_pairs_needed or 0 for s in weak), default=0)
        reason = f"can't tell this writer from others surely, AUC from {min(s.low for s in weak):.2f}"
        reason += f"; about {more} more pairs would" if more else "; more pairs alone would not help"
    return f"voice_match tells {name} from writers it was not fitted against: {figures}", reason
