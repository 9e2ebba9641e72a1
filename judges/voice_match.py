"""Did this writer write the answer, rather than the base model or another person?

scikit-learn takes seconds to import, so it is imported on first use.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

import judges.text
from judges.reference import VoiceReference
from judges.text import NO_WORDS, clean, prose, words
from judges.types import Answer, Judgement, unscored
from timbre.errors import TimbreError
from timbre.files import write_whole
from timbre.paths import home

VERSION = 3
# Tokens in a window. Texts are fitted and scored in equal windows of about this length and the log-odds averaged,
# so that a long answer is worth what its parts are.
WINDOW = 60
NGRAMS = (1, 2)  # lengths of the n-grams of tokens (words and marks, with their case)
MIN_COUNT = 3  # windows of the reference in which an n-gram must stand to be a feature
KNOWN_REGISTERS = 3  # registers in which a word never written small must stand, or it is taken for a name
PENALTY = 10.0  # inverse strength of the L2 penalty of the logistic regression (scikit-learn's `C`)
FOLDS = 10  # parts of the cross-fitting; a source of the writer's and an impostor lie in one part only
MIN_TEXTS = 5  # fewest texts of the writer's on which a voice is fitted
MIN_FLOOR = 2  # fewest answers of the base model's
MIN_WORDS = 10  # fewest words of an answer in which a voice can be heard
ADVISORY_UNDER = 0.70  # lower end of the AUC's interval under which the dimension is advisory
LENGTHS = (120, 50)  # lengths in words at which the judge measures itself
RESAMPLES = 2000

_NAME, _NUMBER = "X", "0"
_QUOTES = str.maketrans("\u2018\u2019“”", "''\"\"")


@dataclass(frozen=True)
class Separation:
    """How well the judge tells a writer's unseen texts from writers that it was not fitted against."""

    auc: float  # probability that a text of the writer's is given more than one of another's
    low: float  # 95 % bootstrap interval, over the writer's sources and the impostors
    high: float
    n_texts: int  # texts of the writer's
    words: int  # length of the texts
    more_pairs_needed: int | None  # until `low` reaches ADVISORY_UNDER; None: more pairs would not do

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
class Regression:
    """A fitted logistic regression on the TF-IDF rows of windows."""

    features: Mapping[str, tuple[float, float]]  # n-gram -> inverse document frequency, coefficient
    intercept: float

    def log_odds(self, tokens: Sequence[str]) -> float:
        """Mean over the windows of masked tokens."""
        return float(np.mean([self._of_window(window) for window in windows_of(tokens)]) + self.intercept)

    def _of_window(self, tokens: Sequence[str]) -> float:
        counts = Counter(n for n in _ngrams(tokens) if n in self.features)
        if not counts:
            return 0.0
        frequencies, weights = np.array([self.features[n] for n in counts]).T.copy()
        row = (1 + np.log(list(counts.values()))) * frequencies
        return float(row @ weights / np.linalg.norm(row))


@dataclass(frozen=True)
class VoiceModel:
    """The judge fitted to one reference; every figure about itself comes from texts a fit did not see."""

    common: frozenset[str]  # words that are no names, in lower case
    regression: Regression
    slope: float  # Platt's, of log-odds
    shift: float
    anchors: Anchors
    separations: tuple[Separation, ...]  # at each of ``LENGTHS`` at which there are texts enough

    def judge(self, text: str) -> tuple[float, dict[str, float]]:
        """The value of a text with at least one word, and the figures behind it."""
        log_odds = self.regression.log_odds(_masked(tokens_of(text), self.common))
        return _value(log_odds, self.slope, self.shift), {"log_odds": log_odds, **vars(self.anchors)}


def fit(reference: VoiceReference) -> VoiceModel:
    """Fit on the ``train``, ``floor`` and ``impostors`` texts of ``reference``; deterministic."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    def fit_windows(kept: NDArray[np.bool_]) -> Regression:
        model = LogisticRegression(C=PENALTY, class_weight="balanced", solver="liblinear")
        weights = model.fit(rows[kept], is_own[kept]).coef_[0].tolist()
        columns = {n: (frequencies[i], weights[i]) for n, i in tfidf.vocabulary_.items()}
        return Regression(columns, float(model.intercept_[0]))

    texts = _texts(reference)
    common = _common_words(texts)
    texts = [replace(t, tokens=_masked(t.tokens, common)) for t in texts if t.tokens]
    windows = [(window, t) for t in texts for window in windows_of(t.tokens)]
    tfidf = TfidfVectorizer(analyzer=_ngrams, sublinear_tf=True, min_df=MIN_COUNT)
    rows = tfidf.fit_transform([window for window, _ in windows])
    frequencies = tfidf.idf_.tolist()
    is_own = np.array([t.kind == "writer" for _, t in windows], dtype=np.float64)
    folds = np.array([t.fold for _, t in windows])
    without = {fold: fit_windows(folds != fold) for fold in sorted(set(folds.tolist()))}
    unseen = [without[t.fold].log_odds(t.tokens) for t in texts]
    platt = LogisticRegression(class_weight="balanced").fit(
        np.array(unseen)[:, None], [t.kind == "writer" for t in texts]
    )
    slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    values = [(_value(log_odds, slope, shift), t) for log_odds, t in zip(unseen, texts, strict=True)]
    anchors = (float(np.mean([v for v, t in values if t.kind == k])) for k in ("base", "impostor", "writer"))
    has_sources = len(set(reference.sources)) != 1
    separations = [s for n in LENGTHS if has_sources and (s := _separation(texts, without, n))]
    return VoiceModel(common, fit_windows(folds >= 0), slope, shift, Anchors(*anchors), tuple(separations))


def _separation(texts: Sequence[_Text], without: Mapping[int, Regression], length: int) -> Separation | None:
    """AUC of the writer's unseen texts over impostors not fitted against, by log-odds.

    ``without`` holds the fit that saw no text of a fold. None where too few texts are about ``length`` words long.
    """
    scores: dict[str, dict[str, list[float]]] = {"writer": {}, "impostor": {}, "base": {}}
    for kind, group, fold, tokens in _pieces(texts, length):
        scores[kind].setdefault(group, []).append(without[fold].log_odds(tokens))
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
    pairs = sum(t.kind == "writer" for t in texts)
    low, high = (float(q) for q in np.quantile(sampled / drawn, (0.025, 0.975)))
    return Separation(auc, low, high, sum(map(len, own)), length, more_pairs(pairs, auc, low))


def _pieces(texts: Sequence[_Text], length: int) -> Iterable[tuple[str, str, int, tuple[str, ...]]]:
    """The texts of each group joined and cut to about ``length`` tokens."""
    joined: dict[tuple[str, str, int], list[str]] = {}
    for t in texts:
        joined.setdefault((t.kind, t.group, t.fold), []).extend(t.tokens)
    for (kind, group, fold), tokens in joined.items():
        for piece in windows_of(tokens, length):
            if length / 2 <= len(piece):
                yield kind, group, fold, piece


def _masked(tokens: Sequence[str], common: frozenset[str]) -> tuple[str, ...]:
    """``tokens`` with one mark for every name, a capital word that is not common, and one for every number."""
    return tuple(
        _NUMBER if t[0].isdigit() else t if not t[0].isupper() or t.lower() in common else _NAME
        for t in tokens
    )


def _value(log_odds: float, slope: float, shift: float) -> float:
    return 1 / (1 + math.exp(-slope * log_odds - shift))


def voice_match(answer: Answer, reference: VoiceReference | None) -> Judgement:
    """Probability at even odds that the writer wrote the answer, rather than the base or an impostor.

    A logistic regression on n-grams of words and marks (TF-IDF) parts the writer's training responses from the
    base's answers and the impostors'. Names and numbers are masked, since they give a writer away without a voice.
    The log-odds are calibrated (Platt) on texts whose source or register the fit did not see. The order of the words
    hardly counts: shuffled words are ``integrity``'s to find.

    Returns:
        No evidence, as no single span carries it. Unscored without a reference, with too few texts of the
        writer's or the base's, and under ``MIN_WORDS`` words. Details: ``log_odds`` and the ``Anchors``.
    """
    if reference is None:
        return unscored("voice_match", "no reference texts of the writer")
    if lack := _lack(reference):
        return unscored("voice_match", lack)
    count = len(words(answer.text))
    if count < MIN_WORDS:
        return unscored("voice_match", f"fewer than {MIN_WORDS} words" if count else NO_WORDS)
    value, details = fit_voice(reference).judge(answer.text)
    return Judgement("voice_match", value, details=details)


@lru_cache(maxsize=4)
def _lack(reference: VoiceReference) -> str:
    """What ``reference`` has too few of, or an empty text."""
    for part, texts, needed, what in (
        ("training", reference.train, MIN_TEXTS, "pairs"),
        ("floor", reference.floor, MIN_FLOOR, "answers of the base"),
    ):
        have = sum(bool(words(t)) for t in texts)
        if have < needed:
            return f"{have} {part} texts, needs {needed}: add {what}"
    return ""


_STORED = TypeAdapter(VoiceModel)


@lru_cache(maxsize=4)
def fit_voice(reference: VoiceReference) -> VoiceModel:
    """The model of ``reference``, fitted once and kept in ``.timbre/voices/``: scikit-learn loads for a second."""
    texts = (reference.train, reference.sources, reference.floor, [vars(r) for r in reference.impostors])
    code = [Path(file).read_text(encoding="utf-8") for file in (__file__, judges.text.__file__)]
    made_with = [version(name) for name in ("scikit-learn", "numpy")]
    key = hashlib.sha256(json.dumps([texts, code, made_with]).encode()).hexdigest()
    path = home() / ".timbre" / "voices" / f"{key[:24]}.json"
    try:
        return _STORED.validate_json(path.read_bytes())
    except (OSError, ValueError):  # none yet, or one that can't be read
        model = fit(reference)
    with suppress(TimbreError, ValueError):  # what can't be written is fitted every time
        write_whole(path, _STORED.dump_json(model).decode())
    return model


def more_pairs(pairs: int, auc: float, low: float) -> int | None:
    """Pairs to add until ``low`` is ``ADVISORY_UNDER``: an interval narrows with the root of their number.

    None where more pairs would not do, since ``auc`` itself is lower.
    """
    if low >= ADVISORY_UNDER:
        return 0
    if auc <= ADVISORY_UNDER:
        return None
    return math.ceil(pairs * (((auc - low) / (auc - ADVISORY_UNDER)) ** 2 - 1))


def tokens_of(text: str) -> tuple[str, ...]:
    """Words and marks of the prose in ``text``; typographic quotes, which a keyboard makes, are plain."""
    cleaned = clean(text).text
    shown = prose(cleaned).translate(_QUOTES)
    tokens, last = [], 0
    for word in words(cleaned):
        tokens += [*shown[last : word.start].split(), shown[word.start : word.end]]
        last = word.end
    return (*tokens, *shown[last:].split())


def windows_of(tokens: Sequence[str], size: int = WINDOW) -> list[tuple[str, ...]]:
    """``tokens`` in equal parts of about ``size``."""
    parts = max(1, round(len(tokens) / size))
    edges = [round(i * len(tokens) / parts) for i in range(parts + 1)]
    return [tuple(tokens[a:b]) for a, b in pairwise(edges) if b > a]


def _ngrams(tokens: Sequence[str]) -> list[str]:
    shortest, longest = NGRAMS
    return [
        " ".join(tokens[i : i + n]) for n in range(shortest, longest + 1) for i in range(len(tokens) - n + 1)
    ]


def _texts(reference: VoiceReference) -> list[_Text]:
    """Every text, its names unmasked; the base's answers are spread over all folds."""
    sources = reference.sources
    if len(set(sources)) < 2:
        sources = tuple(str(i) for i in range(len(reference.train)))
    order = {source: i % FOLDS for i, source in enumerate(dict.fromkeys(sources))}
    own = zip(reference.train, sources, strict=True)
    return [
        *(_Text(tokens_of(text), source, "writer", order[source]) for text, source in own),
        *(_Text(tokens_of(text), "base", "base", i % FOLDS) for i, text in enumerate(reference.floor)),
        *(
            _Text(tokens_of(text), register.name, "impostor", i % FOLDS)
            for i, register in enumerate(reference.impostors)
            for text in register.texts
        ),
    ]


def _common_words(texts: Iterable[_Text]) -> frozenset[str]:
    """Lower-case forms of all words that are no names: written small, or in ``KNOWN_REGISTERS`` groups."""
    groups: dict[str, set[str]] = {}
    common = set()
    for text in texts:
        for token in text.tokens:
            if token[0].isupper():
                groups.setdefault(token.lower(), set()).add(text.group)
            else:
                common.add(token)
    return frozenset(common | {t for t, found in groups.items() if len(found) >= KNOWN_REGISTERS})


def _wins(own: Sequence[float], other: Sequence[float]) -> float:
    """Pairs in which ``own`` is greater; equal ones count half."""
    difference = np.subtract.outer(np.array(own), np.array(other))
    return float((difference > 0).sum() + (difference == 0).sum() / 2)


def separation_message(reference: VoiceReference) -> tuple[str, str]:
    """How well ``voice_match`` tells a writer apart, in a sentence; and why it is advisory, or an empty text."""
    name = reference.name
    is_scored = voice_match(Answer("", "", reference.train[0]), reference).value is not None
    separations = fit_voice(reference).separations if is_scored else ()
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
