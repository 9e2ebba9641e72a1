"""Labelled texts for a judge adapter: a CSV in, tokens and targets out; no model, no torch.

A judge is asked behind each text, or, with ``unit = "sentence"``, behind each sentence of a text: there a row
is a sentence, rows of one id are one text in order, and a column ``prompt`` may say what the text answers.
"""

import csv
import hashlib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError

_QUESTION = re.compile(r"(?P<asked>[^=]*[^=\s])\s*=\s*(?P<column>\w+)\s*/\s*(?P<top>\d+(?:\.\d+)?)")

VAL_SHARE = 5
"""One row in five is kept for validation, by a digest of its id, where the file has no column ``split``."""


@dataclass(frozen=True)
class Question:
    """One thing that is asked of every text.

    Attributes:
        asked: What stands after the text ("Funny?"); the answer is the next token.
        column: Where its label is.
        top: Label that stands for 1; 0 stands for 0.
    """

    asked: str
    column: str
    top: float


@dataclass(frozen=True)
class LabelledText:
    """One text.

    Attributes:
        line: Line in the file where it begins, from 1.
        id: From the file.
        parts: What is judged: the whole text, or its sentences.
        targets: One a part and question, part by part, in [0, 1]; NaN where the label is empty.
        split: ``train`` or ``val``.
        request: What the text answers, or nothing.
    """

    line: int
    id: str
    parts: tuple[str, ...]
    targets: tuple[float, ...]
    split: str
    request: str = ""

    @property
    def digest(self) -> str:
        """Sha256 of all that the judge reads of it."""
        shown = [self.request] if self.request else []
        return hashlib.sha256("\n".join([*shown, *self.parts]).encode()).hexdigest()


@dataclass(frozen=True)
class JudgeExample:
    """One text as tokens.

    Attributes:
        row: The text.
        input_ids: The text and all questions, shape (tokens,).
        positions: Index of the last token of each question asked; the answer is read there.
    """

    row: LabelledText
    input_ids: tuple[int, ...]
    positions: tuple[int, ...]

    def features(self) -> dict[str, Any]:
        """What the collator takes; ``length`` is for batching by length."""
        return {
            "input_ids": list(self.input_ids),
            "positions": list(self.positions),
            "labels": list(self.row.targets),
            "length": len(self.input_ids),
        }


def parse_questions(lines: Sequence[str]) -> tuple[Question, ...]:
    """Questions written as ``Funny? = is_humor / 1``.

    Raises:
        TimbreError: One is not of that form.
    """
    questions = []
    for line in lines:
        found = _QUESTION.fullmatch(line.strip())
        if not found or float(found["top"]) <= 0:
            raise TimbreError(
                f"{line!r} is no question", where="questions", do="write 'Funny? = column / highest label'"
            )
        questions.append(Question(found["asked"], found["column"], float(found["top"])))
    return tuple(questions)


def split_of(id_: str) -> str:
    """The side of the split that a row without one is on: always the same for the same id."""
    digest = int(hashlib.sha256(id_.encode()).hexdigest(), 16)
    return "val" if digest % VAL_SHARE == 0 else "train"


def load_labelled(path: Path, questions: Sequence[Question], unit: str = "text") -> list[LabelledText]:
    """Read a CSV with ``id``, ``text``, a column a question and, if you like, ``split`` and ``prompt``.

    Args:
        path: The file.
        questions: What is asked.
        unit: What a row holds: ``text`` or ``sentence``.

    Raises:
        TimbreError: With file and line, for the first row that can't be used; or there is no row to train on.
    """
    wanted = ["id", "text", *(q.column for q in questions)]
    rows: list[LabelledText] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            missing = [name for name in wanted if name not in (reader.fieldnames or ())]
            if missing:
                raise TimbreError(
                    f"no column {missing[0]!r}", where=f"{path}:1", do=f"give the columns {', '.join(wanted)}"
                )
            rows = [_row(path, reader.line_num, record, questions) for record in reader]
    except OSError as error:
        raise TimbreError(
            f"can't read it ({error.strerror})", where=str(path), do="give --data a CSV file"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TimbreError(f"not CSV in UTF-8: {error}", where=str(path), do="mend the file") from error
    if unit == "sentence":
        rows = _joined(rows)
    seen: dict[str, int] = {}
    for row in rows:
        if row.id in seen:
            raise TimbreError(
                f"id {row.id!r} again (line {seen[row.id]})", where=f"{path}:{row.line}", do="rename it"
            )
        seen[row.id] = row.line
    if not any(row.split == "train" for row in rows):
        raise TimbreError("no row to train on", where=str(path), do="give rows with split 'train'")
    return rows


def _row(path: Path, line: int, record: dict[str, Any], questions: Sequence[Question]) -> LabelledText:
    where = f"{path}:{line}"
    if None in record or None in record.values():
        raise TimbreError("a field too many or too few", where=where, do="mend the row")
    if not record["text"].strip():
        raise TimbreError("the text is empty", where=where, do="fill it in or drop the row")
    split = record.get("split") or split_of(record["id"])
    if split not in ("train", "val"):
        raise TimbreError(f"split is {split!r}", where=where, do="write 'train' or 'val'")
    targets = tuple(_target(record, q, where) for q in questions)
    return LabelledText(
        line, record["id"], (record["text"],), targets, split, (record.get("prompt") or "").strip()
    )


def _joined(rows: Sequence[LabelledText]) -> list[LabelledText]:
    """Neighbours of one id as one text, with the split and the request of its first row."""
    texts = []
    for _, group in itertools.groupby(rows, key=lambda row: row.id):
        first, *others = group
        parts = itertools.chain(first.parts, *(row.parts for row in others))
        targets = itertools.chain(first.targets, *(row.targets for row in others))
        texts.append(replace(first, parts=tuple(parts), targets=tuple(targets)))
    return texts


def _target(record: dict[str, Any], question: Question, where: str) -> float:
    if not record[question.column].strip():
        return math.nan
    try:
        value = float(record[question.column]) / question.top
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise TimbreError(
            f"{question.column} is {record[question.column]!r}",
            where=where,
            do=f"give a number from 0 to {question.top:g}, or nothing where there is no label",
        )
    return value


def prompts(parts: Sequence[str], questions: Sequence[Question], request: str = "") -> list[str]:
    """What is asked about a text: one prompt a part and question, each the one before and what comes next.

    Args:
        parts: The text, or its sentences.
        questions: Asked behind each part.
        request: What the text answers; it is read first.
    """
    said = [f"{request.strip()}\n"] if request.strip() else []
    out = []
    for part in parts:
        said.append(part.strip())
        for question in questions:
            said.append(question.asked)
            out.append("\n".join(said))
    return out


def build_examples(
    rows: Sequence[LabelledText], questions: Sequence[Question], tokenizer: Any, max_tokens: int, file: str
) -> list[JudgeExample]:
    """Tokens of every row.

    Raises:
        TimbreError: A text is longer than ``max_tokens``, or a question's tokens depend on what follows.
    """
    examples = []
    for row in rows:
        asked = prompts(row.parts, questions, row.request)
        ids = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in asked]
        if any(ids[-1][: len(part)] != part for part in ids):
            raise TimbreError("a question changes the tokens before it", where=f"{file}:{row.line}")
        if len(ids[-1]) > max_tokens:
            raise TimbreError(
                f"{len(ids[-1])} tokens", where=f"{file}:{row.line}", do=f"raise max_tokens ({max_tokens})"
            )
        examples.append(JudgeExample(row, tuple(ids[-1]), tuple(len(part) - 1 for part in ids)))
    return examples
