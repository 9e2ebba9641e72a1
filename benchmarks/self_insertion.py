"""How often self_insertion is right, on independently written and labelled texts.

    .venv/bin/python benchmarks/self_insertion.py
    .venv/bin/python benchmarks/self_insertion.py --labels apart.csv    # for a licence:
    timbre calibrate self_insertion apart.csv --labelled-by model --domain "short answers to requests"

Prints precision and recall by text with 95 % Wilson intervals, by patterns alone and with the fitted encoder;
and, where it is at hand, the AUC on sentences of chatbots of which people said how truthfully a machine could
say them. A model wrote and labelled the texts of every other set, by a writer of its own for each:

- ``heldout`` and ``mixed``: kept apart from every pattern and from the encoder's fit. In ``mixed`` a request
  licenses the first person now and then, and no flag says so.
- ``test``: eleven voices that write as variously as they can; nothing was chosen by it.
- ``review``: one sentence each, of the kinds that reviewers of the patterns found wrong.
- ``canaries``: answers of small models to canaries; hardly any makes a claim.
"""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import binomtest, bootstrap
from sklearn.metrics import roc_auc_score

from judges.licensing.labels import read_labels
from judges.self_insertion import Claims, self_insertion
from judges.types import FAULT_AT, Answer
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

_DATA = CHECKOUT / "tests" / "judges" / "data"
_CHATBOTS = CHECKOUT.parent / "shared" / "data" / "self_insertion" / "robots_dont_cry.csv"

Row = tuple[Answer, bool]


def texts(name: str) -> list[Row]:
    """Answers with their labels, from a file of texts."""
    rows = [json.loads(line) for line in (_DATA / name).read_text(encoding="utf-8").splitlines()]
    return [(_answer(row), bool(row["label"])) for row in rows]


def sentence_texts(name: str) -> list[Row]:
    """Answers with their labels, from a file of labelled sentences; one claim makes the text a claim."""
    rows = [json.loads(line) for line in (_DATA / name).read_text(encoding="utf-8").splitlines()]
    return [
        (
            Answer(row["id"], row["prompt"], " ".join(s["text"] for s in row["sentences"])),
            any(s["claim"] for s in row["sentences"]),
        )
        for row in rows
    ]


def canaries() -> list[Row]:
    """The answers to canaries with their labels; none where the file is not here."""
    path = CHECKOUT / "judges" / "labels" / "self_insertion.csv"
    if not path.is_file():
        return []
    read = read_labels(path)
    return [(a, bool(label)) for a, label in zip(read.answers, read.labels, strict=True)]


SETS: dict[str, Callable[[], list[Row]]] = {
    "heldout": lambda: texts("self_insertion_heldout.jsonl"),
    "mixed": lambda: texts("self_insertion_mixed.jsonl"),
    "test": lambda: sentence_texts("claims_test.jsonl"),
    "review": lambda: sentence_texts("claims_review.jsonl"),
    "canaries": canaries,
}


def _answer(row: dict[str, Any]) -> Answer:
    subjects = tuple(row["subjects"])
    return Answer(row["id"], row["prompt"], row["text"], subjects, row["first_person_licensed"])


def share(hits: int, of: int) -> str:
    """``hits / of`` with its Wilson interval."""
    if not of:
        return "none"
    ci = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.3f} [{ci.low:.3f}, {ci.high:.3f}] ({hits} of {of})"


def values(answers: Sequence[Answer], claims: Claims | None) -> list[float]:
    """The judge's value of each answer."""
    return [self_insertion(answer, claims).value or 0.0 for answer in answers]


def encoder() -> Claims | None:
    """The fitted encoder, or None where its weights are not here."""
    try:
        from judges.encoder import claims

        claims("I was there.")
    except (ImportError, TimbreError):
        return None
    return claims


def chatbots(claims: Claims | None) -> str:
    """AUC with a bootstrap interval: claims that people find impossible for a machine (<3) against >4."""
    with _CHATBOTS.open(encoding="utf-8", newline="") as handle:
        rows = [(Answer(r["id"], r["context"], r["text"]), float(r["label"])) for r in csv.DictReader(handle)]
    rows = [(answer, label) for answer, label in rows if label < 3 or label > 4]
    read = values([answer for answer, _ in rows], claims)
    human = [label < 3 for _, label in rows]
    ci = bootstrap(
        (human, read), roc_auc_score, paired=True, vectorized=False, n_resamples=1000, rng=0
    ).confidence_interval
    auc = roc_auc_score(human, read)
    return f"AUC {auc:.3f} [{ci.low:.3f}, {ci.high:.3f}] ({sum(human)} against {len(human) - sum(human)})"


def write_labels(path: Path) -> None:
    """The sets of texts that nobody tuned on, as `timbre calibrate` takes them."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["id", "prompt", "text", "label", "subjects", "first_person_licensed"])
        for a, label in [*SETS["heldout"](), *SETS["test"]()]:
            licensed = str(a.first_person_licensed).lower()
            out.writerow([a.id, a.prompt, a.text, int(label), ";".join(a.subjects), licensed])


def main() -> None:
    """Judge and print, or write labels."""
    if sys.argv[1:2] == ["--labels"]:
        write_labels(Path(sys.argv[2]))
        return
    fitted = encoder()
    judges: dict[str, Claims | None] = {"patterns": None}
    if fitted is None:
        print("no encoder")
    else:
        judges["encoder"] = fitted
    for name, rows_of in SETS.items():
        rows = rows_of()
        if not rows:
            continue
        labels = [label for _, label in rows]
        for judge, claims in judges.items():
            flags = [value >= FAULT_AT for value in values([answer for answer, _ in rows], claims)]
            caught = sum(flag and label for flag, label in zip(flags, labels, strict=True))
            print(f"{name:9} n {len(labels):3}  {judge:9} precision {share(caught, sum(flags))}")
            print(f"{'':27} recall    {share(caught, sum(labels))}")
    if _CHATBOTS.is_file():
        for judge, claims in judges.items():
            print(f"{'chatbots':15}  {judge:9} {chatbots(claims)}")


if __name__ == "__main__":
    main()
