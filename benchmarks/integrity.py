"""False alarms of `integrity` on texts that people wrote, and faults found in texts broken on purpose.

    python benchmarks/integrity.py [--impostors FILE ...]    both tables, with 95 % Wilson intervals
    python benchmarks/integrity.py --languages     py3langid against lingua (not in the lock: pip install it)

Patterns and thresholds were mended after looking at
false alarms and misses in both halves, so no row here is held out from them. Sets under
../shared/data that are absent are skipped. Casual sets (tweets, comments) often end without a full stop.
"""

import argparse
import csv
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from judges.compression import compression  # noqa: E402
from judges.encoder import read  # noqa: E402
from judges.integrity import integrity  # noqa: E402
from judges.language import language  # noqa: E402
from judges.text import clean, sentences, words  # noqa: E402
from judges.types import Answer, Judgement  # noqa: E402

SHARED = ROOT.parent / "shared" / "data"
TESTED = ROOT / "tests" / "judges" / "data"
PROMPT = "Write a short note on whatever is on your mind today."
MIN_NOTE = 25  # words; a shorter piece is no note
PER_SET = 600

SOURCES: tuple[tuple[str, str, str, dict[str, str]], ...] = (  # name, file, half, rows wanted
    ("authorship", "authorship/ebg_amt.csv", "A", {}),
    ("off my chest (casual)", "self_insertion/offmychest_disclosure.csv", "A", {}),
    ("tweets (casual)", "humor/labelled.csv", "A", {}),
    ("reviews of papers", "specificity/revutil_grounding.csv", "A", {}),
    ("debates, consultations", "self_insertion/storytestimony.csv", "B", {}),
    ("opinions (casual)", "provocativeness/polis_divisiveness.csv", "B", {}),
    ("fiction edited by people", "slop/lamp_preference_triplets.csv", "B", {"kind": "Human-edited"}),
    ("comments (casual)", "provocativeness/popquorn_offensiveness.csv", "B", {}),
    ("irony in posts (casual)", "humor/isarcasm_en_5votes.csv", "B", {}),
)


def human_sets(impostors: list[Path]) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(name, half, [(prompt, text)]) of every set that is there; long texts are cut at sentence ends."""
    pairs = _json_lines(ROOT / "training" / "data" / "voice.jsonl")
    yield "shipped voice", "B", [(p["prompt"], p["response"]) for p in pairs]
    for path in impostors:
        if path.exists():
            yield path.stem, "B", [(t.get("prompt") or PROMPT, t["text"]) for t in _json_lines(path)]
    for name, file, half, wanted in SOURCES:
        if not (SHARED / file).exists():
            print(f"skipped: {SHARED / file} is not here", file=sys.stderr)
            continue
        with (SHARED / file).open(encoding="utf-8", newline="") as opened:
            rows = [r for r in csv.DictReader(opened) if all(r[k] == v for k, v in wanted.items())]
        yield name, half, [(PROMPT, piece) for row in rows for piece in _pieces(row["text"])]


def _json_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _pieces(text: str, low: int = 50, high: int = 200, most: int = 4) -> list[str]:
    text = clean(text).text
    if len(words(text)) <= high:
        return [text]
    pieces: list[str] = []
    start = None
    for sentence in sentences(text):
        start = sentence.start if start is None else start
        if len(words(text[start : sentence.end])) >= low:
            pieces.append(text[start : sentence.end])
            start = None
    return pieces[:most]


def broken(draw: random.Random) -> dict[str, Callable[[str], tuple[str, str] | None]]:
    """A way to break a text for each kind of fault: (prompt, bad text), or None where it can't be."""

    def tokens(text: str) -> list[str]:
        return [w.text for w in words(text)]

    def letters(text: str) -> str:
        return " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=len(t))) for t in tokens(text))

    def looped(text: str) -> str:
        first = sentences(text)[0]
        return (text[first.start : first.end] + " ") * max(3, 80 // len(words(first.text)))

    def stuck(text: str) -> str:
        return text[: len(text) // 2] + " " + " ".join(tokens(text)[-draw.randint(1, 5) :] * 15)

    def cut(text: str) -> str | None:
        found = words(text)
        for _ in range(20):
            at = (
                found[draw.randint(MIN_NOTE, max(MIN_NOTE, len(found) - 4))]
                if len(found) > MIN_NOTE + 6
                else None
            )
            if at is None:
                return None
            whole = draw.random() < 0.5 or at.end - at.start < 4
            shown = text[: at.end if whole else at.start + draw.randint(2, at.end - at.start - 1)]
            if not re.match(r"[\"'\u201d\u2019)\]]*\s*(?:[.!?\u2026:;]|\n|$)", text[len(shown) :]):
                return shown
        return None

    def document(text: str) -> str:
        parts = [s.text for s in sentences(text)]
        return (
            "".join(f"## Part {i + 1}\n\n{p}\n\n" for i, p in enumerate(parts[:4])) if len(parts) > 1 else ""
        )

    markup = [
        "<|im_start|>assistant\n{}<|im_end|>",
        "[INST] {} [/INST]",
        "{}</s>",
        "<start_of_turn>model\n{}<end_of_turn>",
        "Assistant: {}",
        "{}\n\nUser: Thanks.\nAssistant: You're welcome.",
        "<|eot_id|>{}",
        "{}<|endoftext|>",
        "### Response:\n{}",
    ]
    blanks = [
        "[Your Name]",
        "{name}",
        "<insert date here>",
        "[insert anecdote]",
        "lorem ipsum",
        "XXX",
        "{{city}}",
        "[Company Name]",
    ]
    reasons = [
        "<think>\nOkay, a note. {}",
        "Okay, the user wants a short note about this. I should keep it brief. {}",
        "The user is asking for a short note. Let me think. {}",
        "Alright, let me think about what to write here. {}",
        "We need to write a short note. {}",
        "First, I need to come up with a topic. {}",
    ]

    def filled(frames: list[str]) -> Callable[[str], tuple[str, str]]:
        return lambda t: (PROMPT, draw.choice(frames).format(t))

    return {
        "shuffled words": lambda t: (PROMPT, " ".join(draw.sample(tokens(t), len(tokens(t))))),
        "words in reverse": lambda t: (PROMPT, " ".join(reversed(tokens(t)))),
        "letters of words reversed": lambda t: (PROMPT, " ".join(w[::-1] for w in tokens(t))),
        "random letters": lambda t: (PROMPT, letters(t)),
        "looped sentence": lambda t: (PROMPT, looped(t)),
        "stuck at the end": lambda t: (PROMPT, stuck(t)),
        "cut off": lambda t: (PROMPT, shown) if (shown := cut(t)) else None,
        "chat markup": filled(markup),
        "reasoning left in": filled(reasons),
        "placeholder": lambda t: (PROMPT, re.sub(r" ", f" {draw.choice(blanks)} ", t, count=1)),
        "prompt echoed": lambda t: (PROMPT, f"{PROMPT}\n\n{t}"),
        "JSON": lambda t: (PROMPT, json.dumps({"note": t})),
        "Markdown document": lambda t: (PROMPT, shown) if (shown := document(t)) else None,
    }


def wilson(hits: int, n: int) -> str:
    """``hits / n`` in percent with its 95 % Wilson interval."""
    z, share = 1.96, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return f"{share:6.1%} [{max(0.0, middle - half):.1%}, {min(1.0, middle + half):.1%}] of {n}"


def measure(impostors: list[Path]) -> None:
    """Print both tables."""
    draw = random.Random(14)
    kept: dict[str, list[str]] = {"A": [], "B": []}
    print("False alarms on texts by people, of 25 words and more")
    for name, half, texts in human_sets(impostors):
        notes = [(_cleaned(p), _cleaned(t)) for p, t in texts]
        notes = [(p, t) for p, t in notes if len(words(t)) >= MIN_NOTE]
        notes = draw.sample(notes, min(PER_SET, len(notes)))
        judged = [_judged(p, t) for p, t in notes]
        why = Counter(name for j in judged for name in j.details)
        banded = (compression(Answer("", p, t, target_words=(0, 10_000))) for p, t in notes)
        shares = [j.details["distinct_share"] for j in banded]
        print(
            f"  {half} {name:26} {wilson(sum(bool(j.value) for j in judged), len(notes))}"
            f"  1 % of distinct shares under {np.quantile(shares, 0.01):.2f}  {dict(why)}"
        )
        if "casual" not in name and "impostors" not in name:
            kept[half] += [t for (_, t), j in zip(notes, judged, strict=True) if not j.value]
    print("Faults found")
    for half, sound in kept.items():
        for kind, breaks in broken(draw).items():
            made = [breaks(t) for t in draw.sample(sound, min(300, len(sound)))]
            _print_found(f"{half} {kind}", [m for m in made if m])
    foreign = [(PROMPT, t["text"]) for t in _json_lines(TESTED / "other_languages.jsonl")]
    _print_found("- another language", foreign)
    refusals = (TESTED / "refusals.txt").read_text(encoding="utf-8").splitlines()
    _print_found("- refusal", [(PROMPT, t) for t in refusals])
    print("Answers that speak of themselves, and notes that look like these: found, or falsely found")
    with (ROOT / "judges" / "labels" / "asides.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for part, kind in sorted({(r["set"], r["kind"]) for r in rows}):
        chosen = [(r["prompt"], r["text"]) for r in rows if (r["set"], r["kind"]) == (part, kind)]
        _print_found(f"{part} {kind}", chosen)


def _print_found(kind: str, bad: list[tuple[str, str]]) -> None:
    found = sum(bool(_judged(_cleaned(p), _cleaned(t)).value) for p, t in bad)
    print(f"  {kind:28} {wilson(found, len(bad))}")


def _judged(prompt: str, text: str) -> Judgement:
    """As the panel judges: the encoder reads what is not in another language."""
    reading = read(text) if language(text) in (None, "English") else None
    return integrity(Answer("", prompt, text), reading)


def _cleaned(text: str) -> str:
    return clean(text).text


def compare_languages(impostors: list[Path]) -> None:
    """Print how often each library misnames English, and names other languages, by number of words."""
    from lingua import LanguageDetectorBuilder
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector = LanguageDetectorBuilder.from_all_languages().build()

    def lingua(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else None

    english = [t for _, _, texts in human_sets(impostors) for _, t in texts[:200]]
    foreign = _json_lines(TESTED / "other_languages.jsonl")
    for name, detect in (("py3langid", lambda t: identifier.classify(t)[0]), ("lingua", lingua)):
        for low, high in ((5, 9), (10, 14), (15, 24), (25, 40), (41, 400)):
            pieces = [t for t in english if low <= len(words(t)) <= high]
            wrong = sum(detect(t) != "en" for t in pieces)
            print(f"  {name} English, {low} to {high} words: misnamed {wilson(wrong, len(pieces))}")
        for size in (8, 15, 30):
            pieces = [" ".join(w.text for w in words(t["text"])[:size]) for t in foreign]
            print(
                f"  {name} other, {size} words: taken for English {sum(detect(t) == 'en' for t in pieces)} "
                f"of {len(pieces)}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--impostors", type=Path, nargs="*", default=[])
    parser.add_argument("--languages", action="store_true")
    options = parser.parse_args()
    if options.languages:
        compare_languages(options.impostors)
    else:
        measure(options.impostors)
