"""A rubric: four to six yes/no questions in a Markdown file, each with an example of a yes and of a no."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from timbre.errors import TimbreError

RUBRICS = Path(__file__).with_name("rubrics")

_ITEM = re.compile(
    r"## (?P<key>[a-z_]+) \(weight (?P<weight>\d+)\)\n(?P<question>[^\n]+\?)\n"
    r"- yes: (?P<yes>[^\n]+)\n- no: (?P<no>[^\n]+)\n*"
)


@dataclass(frozen=True)
class RubricItem:
    """One yes/no question.

    Attributes:
        key: Name in the reply and in evidence.
        weight: What a yes counts, from 1.
        question: Asked of the text; a yes is in the dimension's favour.
        yes: A made-up sentence for which the answer is yes.
        no: One for which it is no.
    """

    key: str
    weight: int
    question: str
    yes: str
    no: str


@dataclass(frozen=True)
class Rubric:
    """What a grader is asked about one dimension.

    Attributes:
        dimension: Key in ``DIMENSIONS``.
        sha256: Of the rubric file's bytes: two logs with the same digest asked the same.
        purpose: What the dimension is about, in a few sentences.
        items: In file order; four to six where they make a value.
    """

    dimension: str
    sha256: str
    purpose: str
    items: tuple[RubricItem, ...]


def load_rubric(dimension: str) -> Rubric:
    """The rubric in ``rubrics/<dimension>.md``.

    Raises:
        TimbreError: There is none, or it is not of the form of its siblings.
    """
    path = RUBRICS / f"{dimension}.md"
    if not re.fullmatch(r"[a-z_]+", dimension) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in RUBRICS.glob("*.md")))
        raise TimbreError(f"no rubric for '{dimension}'", where=str(path), do=f"there are: {known}")
    return parse_rubric(path.read_bytes(), dimension, str(path))


def parse_rubric(data: bytes, dimension: str, name: str, items_allowed: range = range(4, 7)) -> Rubric:
    """The rubric in the bytes of a Markdown file; ``name`` stands for the file in errors.

    Raises:
        TimbreError: A heading, question, anchor or weight is missing or malformed.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    head, *blocks = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    purpose = head.removeprefix(f"# {dimension}\n").strip()
    items: list[RubricItem] = []
    line = head.count("\n") + 1
    for block in blocks:
        found = _ITEM.fullmatch(block)
        if not found or found["weight"] == "0" or found["key"] in {i.key for i in items}:
            raise TimbreError(
                "not a rubric item",
                where=f"{name}:{line}",
                do="write '## unique_key (weight 1)', a question, '- yes: ...' and '- no: ...'",
            )
        items.append(
            RubricItem(found["key"], int(found["weight"]), found["question"], found["yes"], found["no"])
        )
        line += block.count("\n")
    if not head.startswith(f"# {dimension}\n") or not purpose or len(items) not in items_allowed:
        raise TimbreError(
            "not a rubric",
            where=name,
            do=f"write '# {dimension}', its purpose, and {items_allowed[0]} to {items_allowed[-1]} items",
        )
    return Rubric(dimension, hashlib.sha256(data).hexdigest(), " ".join(purpose.split()), tuple(items))
