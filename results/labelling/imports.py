"""Labels that people gave elsewhere: CSV exports of Argilla, Label Studio and Langfuse, human edits in Inspect logs.

Column names are those of the tools' own exporters; docs/labelling.md lists them.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from results.inspect_log import SCORER
from results.labelling.items import Item, item_of
from results.labelling.ratings import Rating, RatingFile, rating_path, ratings_of
from results.records import RunLog
from timbre.errors import TimbreError
from timbre.files import decoded, read_bytes

PROMPTS = ("prompt", "input", "instruction", "question")
TEXTS = ("text", "output", "response", "answer", "completion")
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_ENTRY = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^\s,\[\]]+)")

Row = Mapping[str, str]
Label = tuple[Row, str, str, str]
"""A row, who rated it, the cell of the label, and the file."""


def import_labels(paths: Sequence[Path], question: str) -> list[Rating]:
    """The labels in some CSV files, of whatever tools they are; Langfuse's traces and scores belong together.

    ``question`` is what the labels answer, as the tool calls it: a dimension, unless it was named otherwise.

    Raises:
        TimbreError: a file can't be read, is no export that is known, or has no label of the question.
    """
    labels: list[Label] = []
    texts: dict[str, tuple[str, str]] = {}
    scores: dict[str, list[Row]] = {}
    for path in paths:
        rows, where = _rows(path), str(path)
        columns = set(rows[0]) if rows else set()
        if any(name.endswith(".responses") for name in columns):
            labels += _argilla(rows, question, where)
        elif {"annotator", "annotation_id"} <= columns:
            column = _column(rows[0], question, where)
            labels += [(row, row["annotator"], row[column], where) for row in rows]
        elif {"traceId", "source", "value"} <= columns:
            scores[where] = rows
        elif {"id", "input", "output"} <= columns:
            texts |= {row["id"]: (_plain(row["input"]), _plain(row["output"])) for row in rows}
        else:
            what = f"no export that is known, by its columns: {', '.join(sorted(columns)) or 'none'}"
            raise TimbreError(what, where=where, do="export CSV from Argilla, Label Studio or Langfuse")
    for where, rows in scores.items():
        labels += _langfuse(rows, question, texts, where)
    where = ", ".join(map(str, paths))
    if texts and not scores:
        what, do = "who gave the scores isn't in it", "give the export of the scores too"
        raise TimbreError(what, where=where, do=do)
    ratings = _ratings(labels)
    if not ratings:
        raise TimbreError(f"no label of {question!r}", where=where, do="name the question with --question")
    return ratings


def keep_page(path: Path, folder: Path, session: str) -> None:
    """Put what a page of ``timbre label --out`` saved to the labels of the other raters.

    Raises:
        TimbreError: it isn't that, or is of another session.
    """
    try:
        content = json.loads(decoded(read_bytes(path), path))
        rater, records = re.sub(r"[^A-Za-z0-9_-]+", "-", content["rater"]).strip("-"), list(content["labels"])
        given = content["session"]
    except (ValueError, KeyError, TypeError) as error:
        what = "not the labels of a page that `timbre label --out` wrote"
        raise TimbreError(what, where=str(path), do="give the file that its button saves") from error
    if given != session:
        do = "name its --dimension, and --pairs for pairs"
        raise TimbreError(f"labels of {given}, not of {session}", where=str(path), do=do)
    ratings = ratings_of(enumerate(records, start=1), rater or "rater", str(path))
    with RatingFile(rating_path(folder, session, rater or "rater"), rater) as file:
        for rating in ratings:
            file.add(rating.item, rating.value, rating.again)


def human_scores(logs: Sequence[RunLog], dimension: str) -> list[Rating]:
    """What people wrote into logs with ``inspect view`` or ``edit_score``: edits of a score that name their author.

    An edit counts where it changes the dimension in the score of this task, or a score that is named like the
    dimension. An author's last edit of an answer is the one that stands.

    Raises:
        TimbreError: there is none.
    """
    from inspect_ai.log import read_eval_log

    ratings: dict[tuple[str, str], Rating] = {}
    for log in logs:
        items = {(s.canary, s.epoch): item_of(s) for s in log.samples}
        for sample in read_eval_log(log.path, exclude_fields={"messages", "events", "store"}).samples or ():
            item = items[str(sample.id), sample.epoch]
            for name in (SCORER, dimension):
                score = (sample.scores or {}).get(name)
                before: float | None = None
                for edit in score.history if score else ():
                    given = edit.value.get(dimension) if isinstance(edit.value, dict) else edit.value
                    value = _number(str(given)) if given != "UNCHANGED" else before
                    anew = name == dimension or value != before
                    if edit.provenance and value is not None and anew:
                        author = edit.provenance.author
                        ratings[author, item.id] = Rating(item, author, value)
                    before = value
    if not ratings:
        do = "edit scores in `inspect view`, or rate with `timbre label`"
        raise TimbreError(f"nobody edited {dimension}", where=", ".join(log.path for log in logs), do=do)
    return list(ratings.values())


def _argilla(rows: Sequence[Row], question: str, where: str) -> Iterator[Label]:
    column = _column(rows[0], f"{question}.responses", where)
    for row in rows:
        values, users, states = (_entries(row.get(f"{column}{of}", "")) for of in ("", ".users", ".status"))
        for at, value in enumerate(values):
            state = states[at] if at < len(states) else "submitted"
            if state.rpartition(".")[2] == "submitted":
                yield row, users[at] if at < len(users) else f"rater {at + 1}", value, where


def _langfuse(
    rows: Sequence[Row], question: str, texts: Mapping[str, tuple[str, str]], where: str
) -> Iterator[Label]:
    """People's scores alone: those of the source ANNOTATION."""
    for at, row in enumerate(rows, start=2):
        if row["source"] != "ANNOTATION" or row.get("name") != question:
            continue
        observation = row.get("observationId", "")
        target = observation if observation in texts else row["traceId"]
        if target not in texts:
            do = "give the export of the traces or observations too: --import traces.csv"
            raise TimbreError(f"no text of {target!r}", where=f"{where}:{at}", do=do)
        prompt, text = texts[target]
        author = row.get("authorUserName") or row.get("authorUserId") or "annotator"
        yield {"prompt": prompt, "text": text}, author, row.get("stringValue") or row["value"], where


def _ratings(labels: Iterable[Label]) -> list[Rating]:
    """A rating for each row that has a label; a rater's last one of a text counts."""
    made: dict[tuple[str, str], Rating] = {}
    for row, rater, cell, where in labels:
        value = _number(cell)
        if value is None:
            if cell.strip() and cell.strip() not in ("[]", "null"):
                do = "labels are numbers, or yes and no"
                raise TimbreError(f"label {cell[:40]!r} is no number", where=where, do=do)
            continue
        prompt, text = (
            next((row[name] for name in names if row.get(name)), "") for names in (PROMPTS, TEXTS)
        )
        if not text.strip():
            what = f"no text in the columns {', '.join(sorted(row))}"
            raise TimbreError(what, where=where, do=f"name the text's column {' or '.join(TEXTS)}")
        item = Item.of(prompt, text)
        made[rater, item.id] = Rating(item, rater, value)
    return list(made.values())


def _number(cell: str) -> float | None:
    """The one number in a cell: 4, "4", [4], [{"rating": 4}], yes; None where there is none."""
    words = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?|[A-Za-z]+", cell)
    numbers = [float(w) if w[0] in "-0123456789" else _WORDS.get(w.lower()) for w in words]
    known = [n for n in numbers if n is not None]
    return known[0] if len(known) == 1 else None


def _entries(cell: str) -> list[str]:
    """The entries of a list as Python, numpy or JSON write it."""
    return ["".join(match.groups("")) for match in _ENTRY.finditer(cell)]


def _plain(cell: str) -> str:
    """What a model was asked or answered, out of the JSON in which it was traced."""
    try:
        value = json.loads(cell)
    except ValueError:
        return cell
    return _words(value) if isinstance(value, str | list | dict) else cell


def _words(value: Any) -> str:
    if isinstance(value, dict):
        named = [name for name in ("content", "messages", *PROMPTS, *TEXTS) if value.get(name)]
        return _words(value[named[0]]) if named else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "\n".join(map(_words, value))
    return str(value)


def _column(row: Row, name: str, where: str) -> str:
    if name not in row:
        what = f"no column {name!r} among {', '.join(sorted(row))}"
        raise TimbreError(what, where=where, do="name the question with --question")
    return name


def _rows(path: Path) -> list[Row]:
    """A CSV file's rows; a short one ends in empty cells, and what a long one has too much is left out."""
    csv.field_size_limit(sys.maxsize)  # a traced conversation is longer than the default allows
    rows = csv.DictReader(io.StringIO(decoded(read_bytes(path), path), newline=""), restval="")
    return [{name: cell for name, cell in row.items() if name is not None} for row in rows]
