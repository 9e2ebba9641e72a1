"""How often self_insertion is right, on labelled texts of each fold.

    .venv/bin/python benchmarks/self_insertion.py            # the detector
    .venv/bin/python benchmarks/self_insertion.py trained    # beside it, the trained judge: alone, and both
    .venv/bin/python benchmarks/self_insertion.py --labels unread.csv    # the unread folds, for a licence:
    timbre calibrate lora/self_insertion unread.csv --labelled-by model --domain "short answers to requests"

Prints precision and recall with 95 % Wilson intervals. ``tune`` and ``aside`` were seen while the rules
were written; ``tune2`` and ``blind-tune`` were written blind to the rules, and read since. ``blind-a``,
``blind-b`` and ``heldout`` were written blind too, as variously as their writers could, and no rule was
written after reading them; ``blind-b`` and ``heldout`` are to stay unread. A model wrote texts and labels.
The trained judge was fitted on ``tune`` to ``blind-tune`` among others, and its threshold was chosen on
``blind-a``. ``mixed`` is by a writer of the same kind of texts as it was fitted on, who wrote none of those;
there a request licenses the first person now and then, and no flag says so. ``canaries`` are answers of small
models to canaries, labelled by a model.
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapter_values import expected, load_adapter
from scipy.stats import binomtest

from evals.served_judge import sentences_asked
from evals.stored_judges import SELF_INSERTION, stored_judge
from judges.licensing.label_file import read_labels
from judges.self_insertion import self_insertion
from judges.self_insertion_trained import THRESHOLD, trained_judgement
from judges.types import Answer, Judgement
from timbre.paths import CHECKOUT
from training.config import load_config

_DATA = CHECKOUT / "tests" / "judges" / "data"
UNREAD = ("blind-b", "heldout")
FOLDS = ("tune", "aside", "tune2", "blind-tune", "blind-a", "blind-b", "heldout", "mixed", "canaries")


def labelled(path: Path) -> list[tuple[str, Answer, bool]]:
    """Fold, answer and label of every row."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row.get("fold", "heldout"), _answer(row), bool(row["label"])) for row in rows]


def canaries() -> list[tuple[str, Answer, bool]]:
    """The answers to canaries with their labels."""
    read = read_labels(CHECKOUT / "judges" / "labels" / "self_insertion.csv")
    return [("canaries", a, bool(label)) for a, label in zip(read.answers, read.labels, strict=True)]


def _answer(row: dict[str, Any]) -> Answer:
    subjects = tuple(row["subjects"])
    return Answer(row["id"], row["prompt"], row["text"], subjects, row["first_person_licensed"])


def share(hits: int, of: int) -> str:
    """``hits / of`` with its Wilson interval."""
    ci = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.3f} [{ci.low:.3f}, {ci.high:.3f}] ({hits} of {of})"


def trained(answers: Sequence[Answer]) -> list[Judgement]:
    """Detector and trained judge together, read in transformers."""
    judge = stored_judge(SELF_INSERTION)
    model, tokenizer = load_adapter(load_config(judge.run.path / "config.toml"), judge.run.adapter)
    asked = [sentences_asked(judge, answer) for answer in answers]
    said = iter(expected(model, tokenizer, [group for groups in asked for group in groups]))
    return [
        trained_judgement(self_insertion(a), a, [next(said) for _ in groups], judge.parts)
        for a, groups in zip(answers, asked, strict=True)
    ]


def write_labels(rows: Sequence[tuple[str, Answer, bool]], path: Path) -> None:
    """The unread folds as `timbre calibrate` takes them."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["id", "prompt", "text", "label", "subjects", "first_person_licensed"])
        for fold, a, label in rows:
            if fold in UNREAD:
                licensed = str(a.first_person_licensed).lower()
                out.writerow([a.id, a.prompt, a.text, int(label), ";".join(a.subjects), licensed])


def main() -> None:
    """Judge and print, or write labels."""
    rows = [
        row
        for name in ("dev", "heldout", "mixed")
        for row in labelled(_DATA / f"self_insertion_{name}.jsonl")
    ]
    rows += canaries()
    if sys.argv[1:2] == ["--labels"]:
        write_labels(rows, Path(sys.argv[2]))
        return
    found = {"detector": [self_insertion(answer).value == 1.0 for _, answer, _ in rows]}
    if sys.argv[1:] == ["trained"]:
        judged = trained([answer for _, answer, _ in rows])
        found["trained"] = [j.details["highest"] >= THRESHOLD for j in judged]
        found["both"] = [j.value == 1.0 for j in judged]
    for fold in FOLDS:
        labels = [label for where, _, label in rows if where == fold]
        for name, fired in found.items():
            flags = [flag for flag, (where, _, _) in zip(fired, rows, strict=True) if where == fold]
            caught = sum(flag and label for flag, label in zip(flags, labels, strict=True))
            precision = share(caught, sum(flags)) if any(flags) else "none flagged"
            print(f"{fold:10} n {len(labels):3}  {name:8}  precision {precision}")
            print(f"{'':27} recall    {share(caught, sum(labels))}")


if __name__ == "__main__":
    main()
