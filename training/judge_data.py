"""Labelled texts for the fitted encoder: files in, examples out; no torch.

The project's own texts are listed in ``SHIPPED``. Labels made by people are read from a folder given by the user
(``--data``); a set that isn't there is left out, and the card names those that were used.
"""

import csv
import hashlib
import json
import math
import random
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

SENTENCE_HEAD = "claim"
"""What is predicted for each sentence: does the teller claim a past of their own?"""

KEPT_ASIDE = 5
"""One row in five is kept aside from fitting and from every choice, by a digest of its id."""

SOBER = ("recipe", "sports_report", "diary_1860", "legal_letter", "dictionary", "essay_school")
"""Registers of ``impostors.jsonl`` without jokes and bold claims."""

FITTED_REGISTERS = (*SOBER, "teen_chat", "linkedin", "newspaper_column")
"""Registers that are fitted on; the other seven are in no fit."""


@dataclass(frozen=True)
class JudgeExample:
    """One text with whatever is known of it."""

    id: str
    source: str  # name of the set that it is from
    text: str
    targets: Mapping[str, float] = field(default_factory=dict)  # by head of TEXT_HEADS, in [0, 1]
    sentences: tuple[tuple[int, int, float], ...] = ()  # start, end and label of each labelled sentence
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
    "self_insertion/robots_dont_cry.csv": {SENTENCE_HEAD: _rating("label", 1, 5)},
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
        claim = values.pop(SENTENCE_HEAD, None)
        spans = () if claim is None else ((0, len(row["text"]), claim),)
        yield JudgeExample(row["id"], name, row["text"], values, spans, group=row.get("pair", ""))


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
        yield JudgeExample(row["id"], path.name, row["text"], targets, group=group)


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
        yield JudgeExample(id_, path.name, text, {"fluent": 1.0}, tuple(spans))


def _registers(path: Path) -> Iterator[JudgeExample]:
    """Human registers: fluent, whatever they are; in some nobody jokes or argues."""
    for row in _rows(path):
        if row["register"] not in FITTED_REGISTERS:
            continue
        targets = {"fluent": 1.0}
        if row["register"] in SOBER:
            targets |= {"joke": 0.0, "provocation": 0.0}
        yield JudgeExample(row["id"], path.name, row["text"], targets)


def _answers(path: Path) -> Iterator[JudgeExample]:
    """Canary answers labelled in two blind passes by a model, the half for fitting; ratings 0-4."""
    for row in _rows(path):
        if row["split"] != "fit":
            continue
        targets = _humor(row)
        if row["fault_1"] == row["fault_2"] and row["fault_1"] in ("none", "salad"):
            targets["fluent"] = float(row["fault_1"] == "none")
        spans = tuple((s.start, s.end, math.nan) for s in sentences(row["text"]))
        yield JudgeExample(row["id"], path.name, row["text"], targets, spans, float(row["claim"]))


SHIPPED: Mapping[str, Callable[[Path], Iterator[JudgeExample]]] = {
    "training/data/tone.jsonl": _tone,
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
