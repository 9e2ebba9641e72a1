"""Labelled texts for the fitted encoder: files in, examples out; no torch.

The project's own texts are listed in ``SHIPPED``. Labels made by people are read from a folder given by the user
(``--data``); a set that isn't there is left out, and the card names those that were used.
"""

import csv
import hashlib
import json
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from judges.self_insertion import is_lent_voice
from judges.text import sentences
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

TEXT_HEADS = ("joke", "funny", "offense", "provocation", "specificity", "fluent", "coherence")
"""What is predicted for a whole text, each in [0, 1]."""

SENTENCE_HEADS = ("claim", "aside", "cut")
"""What is predicted for each sentence: does the teller claim a past of their own; does it speak of the request, of
how to write an answer or of the answer, rather than being a part of one; does it stop before its end?"""

KEPT_ASIDE = 5
"""One row in five is kept aside from fitting and from every choice, by a digest of its id."""

SOBER = ("recipe", "sports_report", "diary_1860", "legal_letter", "dictionary", "essay_school")
"""Registers of ``impostors.jsonl`` without jokes and bold claims."""

MIN_STOPPED = 5
"""Words of a sentence that may be cut off."""

MOST_FRAMED = 300
"""Characters of a text that is put among sober sentences."""

FITTED_REGISTERS = (*SOBER, "teen_chat", "linkedin", "newspaper_column")
"""Registers that are fitted on; the other seven are in no fit."""


Labelled = tuple[int, int, float]
"""Start, end and label of a sentence; a label is in [0, 1], or NaN where it isn't known."""


@dataclass(frozen=True)
class JudgeExample:
    """One text with whatever is known of it."""

    id: str
    source: str  # name of the set that it is from
    text: str
    targets: Mapping[str, float] = field(default_factory=dict)  # by head of TEXT_HEADS, in [0, 1]
    sentences: Mapping[str, tuple[Labelled, ...]] = field(default_factory=dict)  # by head of SENTENCE_HEADS
    any_claim: float | None = None  # of the likeliest claim among the sentences, which have no labels then
    group: str = ""  # what is kept on one side of the split; the id where empty

    @property
    def is_kept_aside(self) -> bool:
        """Whether nothing may be fitted on it."""
        digest = hashlib.sha256((self.group or self.id).encode()).hexdigest()
        return int(digest, 16) % KEPT_ASIDE == 0


Row = Mapping[str, Any]
Target = Callable[[Row], float | None]
"""A row's value for a head, in [0, 1]; None where the row says nothing of it."""


def _rating(column: str, highest: float, lowest: float = 0.0) -> Target:
    """The share of its scale that a rating reaches; ``lowest`` may be the larger number."""
    return lambda row: min(1.0, (float(row[column]) - lowest) / (highest - lowest))


def _always(value: float) -> Target:
    return lambda row: value


def _sarcastic(row: Row) -> float:
    return 1.0 if row["author_label"] == "1" else min(1.0, float(row["label"]) / 5)


PEOPLE: Mapping[str, Mapping[str, Target]] = {
    # SemEval-2021 task 7: is it humor, how funny (of the funny ones), how offensive
    "humor/labelled.csv": {
        "joke": _rating("is_humor", 1),
        "funny": lambda row: float(row["humor_rating"]) / 4 if row["is_humor"] == "1" else None,
        "offense": _rating("offense_rating", 5),
        "fluent": _always(1.0),
    },
    # headlines: satirical ones, real ones, and satirical ones with the joke taken out
    "humor/unfun_satire_headlines.csv": {"joke": lambda row: float(row["kind"] == "satirical")},
    # posts: a joke as far as five readers and the author call it sarcastic
    "humor/isarcasm_en_5votes.csv": {"joke": _sarcastic},
    # edited headlines: all are meant to be funny, few are
    "humor/humicroedit.csv": {"funny": _rating("label", 3)},
    # opinion notes: how evenly voters split on them
    "provocativeness/polis_divisiveness.csv": {"provocation": _rating("label", 1), "fluent": _always(1.0)},
    # sentences of tweets and reviews
    "specificity/labelled.csv": {"specificity": _rating("rating", 5, 1)},
    # turns of a dialogue: could a chatbot say this truthfully, 5 (yes) to 1 (it claims a human life)?
    "self_insertion/robots_dont_cry.csv": {"claim": _rating("label", 1, 5)},
    # machine-written stories
    "coherence/cohesentia_stories.csv": {"coherence": _rating("label", 5, 1)},
}
"""Sets labelled by people, by their path in the folder that the user gives, and what each says of which head."""


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a CSV, or records of JSON Lines."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        yield from csv.DictReader(handle) if path.suffix == ".csv" else map(json.loads, handle)


def _by_people(name: str, path: Path) -> Iterator[JudgeExample]:
    for row in _rows(path):
        values = {head: value for head, of in PEOPLE[name].items() if (value := of(row)) is not None}
        claim = values.pop("claim", None)
        labelled: dict[str, tuple[Labelled, ...]] = {}
        if claim is not None:
            labelled["claim"] = ((0, len(row["text"]), claim),)
        if "fluent" in values:
            labelled |= {"aside": _each(row["text"], 0.0), "cut": _unmarked(row["text"])}
        yield JudgeExample(row["id"], name, row["text"], values, labelled, group=row.get("pair", ""))


def _each(text: str, label: float) -> tuple[Labelled, ...]:
    """Every sentence of ``text`` with one label."""
    return tuple((s.start, s.end, label) for s in sentences(text))


def _unmarked(text: str) -> tuple[Labelled, ...]:
    """The last sentence of a whole text, if it ends without a mark: it isn't cut off."""
    return () if re.search(r"[^\w\s]\s*\Z", text) else _each(text, 0.0)[-1:]


def _humor(row: Row) -> dict[str, float]:
    """Targets of a text rated for humor and provocation from 0 to 4."""
    humor = float(row["humor"])
    targets = {"joke": min(1.0, humor / 2), "provocation": float(row["provocation"]) / 4}
    return targets | ({"funny": humor / 4} if humor >= 1 else {})


def _tone(path: Path) -> Iterator[JudgeExample]:
    """The project's own texts rated for humor, provocation and offense from 0 to 4."""
    for row in _rows(path):
        targets = {**_humor(row), "fluent": 1.0}
        if row["kind"] in ("group", "insult"):
            targets["offense"] = float(row["offense"]) / 5
        family = {"plainof": "dry", "grief": "dry", "blandof": "bold"}.get(row["kind"], row["kind"])
        group = f"tone-{family}-{row['pair'] or row['id']}"
        labelled = {"aside": _each(row["text"], 0.0)} if row["kind"] != "assistant" else {}
        yield JudgeExample(row["id"], path.name, row["text"], targets, labelled, group=group)


def _asides(path: Path) -> Iterator[JudgeExample]:
    """Answers that refuse, ask back, or think aloud of how to write them, and sound ones that look like these.

    ``aside`` of a row: true or false for all its sentences, or a list of the passages that speak of the answer; where
    only its first or last sentence surely does, "first" or "last", and the sentence at the other end surely doesn't.
    """
    for row in _rows(path):
        text, aside = row["text"], row["aside"]
        spans = _each(text, math.nan)
        if isinstance(aside, list):
            starts = [text.index(passage) for passage in aside]
            inside = [(start, start + len(passage)) for start, passage in zip(starts, aside, strict=True)]
            labels = [float(any(a <= (s + e) / 2 < b for a, b in inside)) for s, e, _ in spans]
        elif isinstance(aside, bool):
            labels = [float(aside)] * len(spans)
        else:
            labels = [math.nan] * len(spans)
            labels[0], labels[-1] = (1.0, 0.0) if aside == "first" else (0.0, 1.0)
        labelled = tuple((s, e, label) for (s, e, _), label in zip(spans, labels, strict=True))
        if row["kind"] == "nonsense":
            yield JudgeExample(row["id"], path.name, text, {"fluent": 0.0})
        else:
            by_head = {"aside": labelled, "cut": _unmarked(text)}
            yield JudgeExample(row["id"], path.name, text, {"fluent": 1.0}, by_head)


def _claims(path: Path) -> Iterator[JudgeExample]:
    """The project's own texts with a label for each sentence: JSON Lines, or CSV with a row a sentence.

    Where the prompt lends the first person, a sentence is labelled 0 for what the prompt says, which the encoder
    doesn't read: such texts are left out.
    """
    texts: dict[str, list[tuple[str, float]]] = {}
    licensed: set[str] = set()
    for row in _rows(path):
        if is_lent_voice(row["prompt"]):
            licensed.add(row["id"])
        labelled = row.get("sentences", [row] if row.get("split") == "train" and row["claim"] else [])
        texts.setdefault(row["id"], []).extend((s["text"], float(s["claim"])) for s in labelled)
    for id_, labelled in texts.items():
        if id_ in licensed or not labelled:
            continue
        spans, at = [], 0
        for sentence, label in labelled:
            spans.append((at, at + len(sentence), label))
            at += len(sentence) + 1
        text = " ".join(sentence for sentence, _ in labelled)
        yield JudgeExample(id_, path.name, text, {"fluent": 1.0}, {"claim": tuple(spans)})


def _registers(path: Path) -> Iterator[JudgeExample]:
    """Human registers: fluent, whatever they are; in some nobody jokes or argues."""
    for row in _rows(path):
        if row["register"] not in FITTED_REGISTERS:
            continue
        targets = {"fluent": 1.0}
        if row["register"] in SOBER:
            targets |= {"joke": 0.0, "provocation": 0.0}
        yield JudgeExample(row["id"], path.name, row["text"], targets, {"aside": _each(row["text"], 0.0)})


def _answers(path: Path) -> Iterator[JudgeExample]:
    """Canary answers labelled in two blind passes by a model, the half for fitting; ratings 0-4."""
    for row in _rows(path):
        if row["split"] != "fit":
            continue
        targets = _humor(row)
        if row["fault_1"] == row["fault_2"] and row["fault_1"] in ("none", "salad"):
            targets["fluent"] = float(row["fault_1"] == "none")
        labelled = {"claim": _each(row["text"], math.nan)}
        if row["fault_1"] == row["fault_2"] == "none" and float(row["slop"]) < 1:
            labelled["aside"] = _each(row["text"], 0.0)
        yield JudgeExample(row["id"], path.name, row["text"], targets, labelled, float(row["claim"]))


SHIPPED: Mapping[str, Callable[[Path], Iterator[JudgeExample]]] = {
    "training/data/tone.jsonl": _tone,
    "training/data/asides.jsonl": _asides,
    "training/data/claims.jsonl": _claims,
    "training/data/self_insertion.csv": _claims,
    "judges/data/impostors.jsonl": _registers,
    "judges/labels/answers.csv": _answers,
}
"""The project's own sets, by their path in the checkout."""


def load_examples(people: Path | None, own: Path = CHECKOUT) -> list[JudgeExample]:
    """Every labelled text at hand, in a fixed order; of the project's own alone where ``people`` is None.

    Raises:
        TimbreError: ``people`` has none of the sets, or a file can't be read.
    """
    files = [(own / name, read) for name, read in SHIPPED.items() if (own / name).is_file()]
    if people is not None:
        theirs = [(people / name, partial(_by_people, name)) for name in PEOPLE if (people / name).is_file()]
        if not theirs:
            raise TimbreError(
                "no labelled set in it", where=str(people), do=f"put there e.g. {next(iter(PEOPLE))}"
            )
        files += theirs
    examples: list[JudgeExample] = []
    for path, read in files:
        try:
            examples += [e for e in read(path) if e.text.strip()]
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError, csv.Error, OSError) as error:
            raise TimbreError(f"not a set of labelled texts ({error!r})", where=str(path)) from error
    return examples


_GROUPS = (
    *("women", "men", "Muslims", "Hindus", "Jews", "Catholics", "Black people", "Asian families", "lesbians"),
    *("gay men", "refugees", "immigrants", "old people", "teenagers", "blind people", "Poles", "Arabs"),
    "the poor",
)
_SENTENCES = (
    "The school has a breakfast club for {} on weekdays.",
    "In that year {} made up a fifth of the workforce at the docks.",
    "The council's survey asked {} how often they use the ferry.",
    "We met {} on the way to the market, and the rain had just stopped.",
    "An exhibition about {} opened at the town hall on Friday.",
    "Many of the {} in the study said that they sleep well.",
    "The new bus stop is close to a house where {} live.",
    "The choir for {} needs two more tenors before the spring.",
    "The doctor's leaflet explains to {} when to come back.",
    "A photograph from 1951 shows {} at the station.",
)


def swapped_groups() -> list[JudgeExample]:
    """Neutral sentences about groups of people: to name a group is neither bold nor a joke nor an offense."""
    targets = {"provocation": 0.0, "offense": 0.0, "joke": 0.0}
    return [
        JudgeExample(f"swap-{i}-{j}", "swapped", sentence.format(group), targets)
        for i, sentence in enumerate(_SENTENCES)
        for j, group in enumerate(("people", *_GROUPS))
    ]


def corrupted(examples: Sequence[JudgeExample], count: int, seed: int) -> list[JudgeExample]:
    """``count`` texts that are no prose, made out of ``examples``: the negatives of the head ``fluent``."""
    draw = random.Random(seed)
    long_enough = [words for e in examples if len(words := e.text.split()) >= 8]
    vocabulary = [word for words in long_enough for word in words]
    made = []
    for number in range(count):
        words = draw.choice(long_enough)
        way = draw.choice(_WAYS)
        targets = {"fluent": 0.0} | ({"joke": 0.0} if way == "looped" else {})
        made.append(
            JudgeExample(f"made-{number}", "made", " ".join(_spoilt(way, words, vocabulary, draw)), targets)
        )
    return made


def stopped(examples: Sequence[JudgeExample], count: int, seed: int) -> list[JudgeExample]:
    """``count`` texts without the mark at their end, and each cut off in mid-sentence: labels of the head ``cut``."""
    draw = random.Random(seed)
    ended = [e.text.rstrip() for e in examples if re.search(r"\w[.!?]\W?\s*\Z", e.text)]
    made = []
    for number in range(count):
        whole = draw.choice(ended)
        sentence = draw.choice(sentences(whole))
        words = list(re.finditer(r"\w+", sentence.text))
        if len(words) < MIN_STOPPED:
            continue
        word = draw.choice(words[1:-1])
        at = word.end() if draw.random() < 0.7 else draw.randint(word.start() + 1, word.end())
        for label, text in ((0.0, re.sub(r"\W+\Z", "", whole)), (1.0, whole[: sentence.start + at])):
            labelled = {"cut": _each(text, label)[-1:]}
            made.append(JudgeExample(f"stopped-{number}-{label:.0f}", "stopped", text, {}, labelled))
    return made


def framed(examples: Sequence[JudgeExample], count: int, seed: int) -> list[JudgeExample]:
    """``count`` texts, every second a joke, among sober sentences of others: what is labelled of it stays true."""
    draw = random.Random(seed)
    known = [e for e in examples if "joke" in e.targets and len(e.text) < MOST_FRAMED]
    own = [e for e in known if e.source in ("tone.jsonl", "impostors.jsonl") and e.targets["joke"] == 0]
    frames = [s.text for e in own for s in sentences(e.text)]
    kinds = [[e for e in known if e.targets["joke"] == 0], [e for e in known if e.targets["joke"] >= 0.75]]
    if not frames or not all(kinds):
        return []
    made = []
    for number in range(count):
        chosen = draw.choice(kinds[number % 2])
        before, after = draw.choice(((1, 0), (2, 0), (3, 0), (0, 1), (1, 1)))
        parts = [*draw.choices(frames, k=before), chosen.text, *draw.choices(frames, k=after)]
        targets = {head: chosen.targets[head] for head in ("joke", "funny") if head in chosen.targets}
        made.append(JudgeExample(f"framed-{number}", "framed", " ".join(parts), targets))
    return made


_WAYS = (
    *("shuffled", "shuffled", "shuffled", "shuffled in pieces", "shuffled in pieces", "shuffled in pieces"),
    *("backwards", "backwards", "other words", "other words", "looped", "looped", "truncated", "misspelt"),
    *("words backwards", "some other words", "some other words"),
)
"""How a text is spoilt, each as often as it is named."""


def _spoilt(way: str, words: list[str], vocabulary: list[str], draw: random.Random) -> list[str]:
    """A text's words spoilt in one of ``_WAYS``; ``vocabulary`` has the words of all texts."""
    match way:
        case "shuffled":
            return draw.sample(words, len(words))
        case "shuffled in pieces":
            size = draw.choice((3, 4, 6))
            pieces = [words[i : i + size] for i in range(0, len(words), size)]
            return [word for piece in pieces for word in draw.sample(piece, len(piece))]
        case "backwards":
            return words[::-1]
        case "other words":
            return [draw.choice(vocabulary) for _ in words]
        case "looped":
            size = draw.choice((1, 2, 4, 8, min(16, len(words))))
            start = draw.randrange(max(1, len(words) - size))
            return (words[start : start + size] * 60)[: max(20, len(words))]
        case "truncated":
            kept = words[: max(6, int(len(words) * draw.uniform(0.4, 0.9)))]
            end = kept[-1].rstrip(".,;:!?\"'")
            return [*kept[:-1], end, draw.choice(("the", "and", "of", "which", "to", "a"))]
        case "misspelt":
            letters = "abcdefghijklmnopqrstuvwxyz"
            return [
                "".join(draw.choice(letters) if c.isalpha() and draw.random() < 0.5 else c for c in word)
                for word in words
            ]
        case "words backwards":
            return [word[::-1] for word in words]
        case _:
            return [draw.choice(vocabulary) if draw.random() < 0.35 else word for word in words]
