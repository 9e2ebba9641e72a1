"""How often the self-insertion detector is right, on labelled texts of each fold.

    .venv/bin/python benchmarks/self_insertion.py

Prints precision and recall with 95 % Wilson intervals. ``tune`` and ``aside`` were seen while the rules
were written; ``tune2`` and ``blind-tune`` were written blind to the rules, and read since. ``blind-a``,
``blind-b`` and ``heldout`` were written blind too, as variously as their writers could, and no rule was
written after reading them; ``blind-b`` and ``heldout`` are to stay unread. A model wrote texts and labels.
"""

import json
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from judges.self_insertion import self_insertion
from judges.types import Answer
from timbre.paths import CHECKOUT

_DATA = CHECKOUT / "tests" / "judges" / "data"
FOLDS = ("tune", "aside", "tune2", "blind-tune", "blind-a", "blind-b", "heldout")


def labelled(path: Path) -> list[tuple[str, Answer, bool]]:
    """Fold, answer and label of every row."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row.get("fold", "heldout"), _answer(row), bool(row["label"])) for row in rows]


def _answer(row: dict[str, Any]) -> Answer:
    subjects = tuple(row["subjects"])
    return Answer(row["id"], row["prompt"], row["text"], subjects, row["first_person_licensed"])


def share(hits: int, of: int) -> str:
    """``hits / of`` with its Wilson interval."""
    ci = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.3f} [{ci.low:.3f}, {ci.high:.3f}] ({hits} of {of})"


def main() -> None:
    """Judge and print."""
    rows = [row for name in ("dev", "heldout") for row in labelled(_DATA / f"self_insertion_{name}.jsonl")]
    for fold in FOLDS:
        judged = [
            (self_insertion(answer).value == 1.0, label) for where, answer, label in rows if where == fold
        ]
        caught = sum(fired and label for fired, label in judged)
        print(f"{fold:10} n {len(judged):3}  precision {share(caught, sum(fired for fired, _ in judged))}")
        print(f"{'':16}  recall    {share(caught, sum(label for _, label in judged))}")


if __name__ == "__main__":
    main()
