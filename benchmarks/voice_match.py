"""How well voice_match tells a writer from writers that it was not fitted against.

    .venv/bin/python benchmarks/voice_match.py              # the shipped voice, then real authors
    .venv/bin/python benchmarks/voice_match.py --authors choice

Real authors: the extended Brennan-Greenstadt corpus (../shared/data/authorship; 24 modern writers, passages
of about 490 words from one to eight essays each). A voice is fitted on two thirds of an author's essays and
tested on pieces of the others (a passage that spans two essays is dropped where they part); negatives are
pieces of authors that were not fitted against. ``shipped``: only the shipped impostors are fitted against.
``with peers``: the other half of the authors as well. Every choice was made on the ``choice`` authors; the
``aside`` authors were read once, with what ships. Intervals are 95 % bootstraps: of the mean over authors,
of the worst author over pieces.

What ships, on the 11 aside authors with more than one essay (the value, not the classifier alone):

| fitted against | words | mean AUC | worst author |
|---|---|---|---|
| shipped impostors | 120 | .837 [.771, .898] | .611 [.514, .706] |
| shipped impostors | 50 | .774 [.706, .837] | .539 [.476, .614] |
| and 12 peers | 120 | .865 [.801, .923] | .652 [.606, .696] |
| and 12 peers | 50 | .803 [.738, .865] | .624 [.578, .662] |

What was tried, on the choice authors (mean AUC at 120 and 50 words, peers; the classifier alone):

| method | 120 | 50 |
|---|---|---|
| function words and marks, standardised (Burrows' delta), logistic regression | .829 | .761 |
| naive Bayes on words; on words and their pairs | .829; .853 | .790; .808 |
| naive-Bayes-weighted logistic regression | .853 | .801 |
| TF-IDF, logistic regression: character 3- to 5-grams inside words | .862 | .819 |
| the same: character 2- to 5-grams with case | .875 | .830 |
| the same: 200 frequent words and the endings of all others, 1 to 3 (topic masked) | .855 | .800 |
| the same: words and marks with case | .888 | .838 |
| the same: words and marks with case, 1 and 2 (**ships**) | .891 | .840 |
| the same with 3, in lower case, with another penalty or window | .888 to .892 | .838 to .840 |
| words and characters 2 to 4 together; means of two or three of these | .884 to .891 | .833 to .844 |

These were read without the masks for names and numbers, with half of the other choice authors as peers and
essays parted in two halves; the delta and naive Bayes rows with thirds, where what ships has .885 and .834.
The rows of character n-grams were read against seven shipped registers, before the other nine were written
(words and pairs had .891 and .840 there too).

Tried on the choice authors against the shipped impostors alone, where what ships has .846 and .793 (worst .690
and .675), each with the same masks and the classifier alone; none is better:

| method | 120 | 50 |
|---|---|---|
| General Impostors: mean of 12 fits against half of the impostors on half of the features | .840 | .788 |
| log-odds normalised by those of each impostor's own classifier: mean and spread (t-norm) | .838 | .793 |
| the same: less the greatest; less the log of the mean odds | .823; .842 | .776; .792 |
| 1,968 further texts of seven of the impostors (7 authors, where what ships has .817, .767) | .798 | .753 |
| 780 texts of the judges' own fitting data as further impostors (the same 7 authors) | .803 | .754 |
| LambdaG: grammars of order 4, ten of as many of the impostors' sentences; 500 words kept | .792 | .732 |
| the same, standardised, added to what ships; half of it added | .835; .842 | .783; .790 |
| every second, every fourth text of each impostor and the base (3 authors: .763, .726) | .759; .757 | .723; .719 |
| the opening's embedding by the untuned encoder, alone; its log-odds added | .810; .857 | .806; .830 |
| the same, half of them added; every window embedded (10 ms more an answer) | .861; .867 | .825; .828 |
| the same, half added, whitened by how texts of one register differ | .859 | .816 |
| the fitted encoder's mean in place of the untuned one's, half added | .849 | .801 |

The embedding tells these authors by their subjects: once directions in which texts of one register differ count
less, it alone has .769 and .765 instead of .810 and .806. An answer would sound like the writer for what it is about,
and with all of it added the worst author falls from .690 and .675 to .670 and .649. It is not taken.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from sklearn.metrics import roc_auc_score

from judges.reference import Register, VoiceReference, load_reference
from judges.voice_match import fit, fit_voice
from timbre.paths import CHECKOUT

CORPUS = CHECKOUT.parent / "shared" / "data" / "authorship" / "ebg_amt.csv"
LENGTHS = (120, 50)
FOLDS = 3
RESAMPLES = 500
Passage = tuple[frozenset[str], str]  # the essays that it comes from, and its text
Scores = tuple[list[float], list[float]]  # of the author's pieces, and of other authors'


def pieces(text: str, size: int) -> list[str]:
    """``text`` in equal parts of about ``size`` words."""
    tokens = text.split()
    parts = max(1, round(len(tokens) / size))
    edges = [round(i * len(tokens) / parts) for i in range(parts + 1)]
    return [" ".join(tokens[a:b]) for a, b in pairwise(edges)]


def read_corpus(path: Path) -> dict[str, list[Passage]]:
    """The passages of kind ``writing`` of every author."""
    corpus: dict[str, list[Passage]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "writing":
                passage = (frozenset(row["source_docs"].split("_")), row["text"])
                corpus.setdefault(row["author"], []).append(passage)
    return dict(sorted(corpus.items()))


def splits(passages: Sequence[Passage]) -> Iterator[tuple[list[Passage], list[str]]]:
    """Passages to fit on, and texts to test on, from different essays."""
    essays = sorted({essay for sources, _ in passages for essay in sources}, key=int)
    for part in range(min(FOLDS, len(essays))):
        tested = set(essays[part :: min(FOLDS, len(essays))])
        fitted = [p for p in passages if not p[0] & tested]
        unseen = [text for sources, text in passages if sources <= tested]
        if len(fitted) >= FOLDS and unseen:
            yield fitted, unseen


def author_scores(
    author: str, corpus: dict[str, list[Passage]], tested: Sequence[str], peers: Sequence[str]
) -> dict[int, list[Scores]]:
    """Values of the author's unseen pieces and of other tested authors', by length and split."""
    shipped = load_reference(CHECKOUT / "training/data/voice.jsonl", CHECKOUT / "judges/data/floor.jsonl")
    registers = tuple(Register(p, tuple(t for _, t in corpus[p][:8])) for p in peers)
    others = [text for other in tested if other != author for _, text in corpus[other][::4]]
    found: dict[int, list[Scores]] = {length: [] for length in LENGTHS}
    for fitted, unseen in splits(corpus[author]):
        texts = [(piece, "_".join(sorted(s))) for s, text in fitted for piece in pieces(text, 120)]
        reference = VoiceReference(
            tuple(t for t, _ in texts),
            (),
            shipped.floor,
            author,
            tuple(s for _, s in texts),
            (*shipped.impostors, *registers),
        )
        model = fit(reference)
        for length in LENGTHS:
            own, other = (
                [model.judge(piece)[0] for text in part for piece in pieces(text, length)]
                for part in (unseen, others)
            )
            found[length].append((own, other))
    return found


def mean_auc(scores: Sequence[Scores], rng: np.random.Generator | None = None) -> float:
    """AUC, meaned over splits; of resampled pieces with an ``rng``."""
    drawn = [[rng.choice(part, len(part)) for part in pair] for pair in scores] if rng else scores
    return float(
        np.mean([roc_auc_score([1] * len(a) + [0] * len(b), np.concatenate([a, b])) for a, b in drawn])
    )


def report_authors(authors: str) -> None:
    """Mean and worst AUC of real authors."""
    corpus = read_corpus(CORPUS)
    names = list(corpus)
    halves = {"choice": names[0::2], "aside": names[1::2]}
    tested, peers = halves[authors], halves["choice" if authors == "aside" else "aside"]
    rng = np.random.default_rng(0)
    for mode, fitted_peers in (("shipped", ()), ("with peers", peers)):
        found = {a: author_scores(a, corpus, tested, fitted_peers) for a in tested}
        for length in LENGTHS:
            by_author = {a: scores[length] for a, scores in found.items() if scores[length]}
            aucs = {a: mean_auc(scores) for a, scores in by_author.items()}
            values = np.array(list(aucs.values()))
            low, high = np.quantile(rng.choice(values, (10_000, len(values))).mean(axis=1), (0.025, 0.975))
            worst = min(aucs, key=lambda a: aucs[a])
            ends = np.quantile([mean_auc(by_author[worst], rng) for _ in range(RESAMPLES)], (0.025, 0.975))
            print(
                f"{authors}, {mode}, {length} words, {len(aucs)} authors: mean AUC {values.mean():.3f} "
                f"[{low:.3f}, {high:.3f}], worst {worst} {aucs[worst]:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]; "
                + " ".join(f"{a} {auc:.2f}" for a, auc in sorted(aucs.items(), key=lambda x: x[1])),
                flush=True,
            )


def report_shipped() -> None:
    """The shipped voice against impostors and the base."""
    reference = load_reference(CHECKOUT / "training/data/voice.jsonl", CHECKOUT / "judges/data/floor.jsonl")
    model = fit_voice(reference)
    for s in model.separations:
        print(
            f"shipped voice, {s.words} words: AUC {s.auc:.3f} [{s.low:.3f}, {s.high:.3f}], {s.n_texts} texts"
        )
    print(model.anchors)
    values = [model.judge(t)[0] for t in reference.held_out]
    print(f"held out: mean {np.mean(values):.3f}, n {len(values)}")


@click.command()
@click.option("--authors", type=click.Choice(["choice", "aside"]), default="aside", show_default=True)
def main(authors: str) -> None:
    """Print AUCs with intervals."""
    report_shipped()
    if not CORPUS.is_file():
        sys.exit(f"skipped the real authors: {CORPUS} is absent")
    report_authors(authors)


if __name__ == "__main__":
    main()
