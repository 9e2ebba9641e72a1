"""Candidates that are plainly bad, made from real answers, through the judges and the gate; and fair ones."""

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence

import pytest

from canaries.suite import load_suite
from canaries.types import Canary
from judges.panel import Panel
from judges.reference import load_reference
from judges.types import Answer
from results.gate import gate_logs
from results.inspect_log import with_run_faults
from results.policy import load_policy
from results.records import RunLog, Sample
from timbre.paths import CHECKOUT, DEFAULT_FLOOR, DEFAULT_VOICE

SIZE = 40
"""Canaries that are compared."""

GERMAN = (
    "Am Ende des Tages steht der Wärter noch immer an der Schranke und zählt die Wagen, obwohl ihn niemand "
    "darum gebeten hat. Er schreibt die Zahl in ein Heft, das er von seinem Vater geerbt hat, und vergleicht "
    "sie mit der von gestern. Meistens fehlt einer."
)
FRENCH = (
    "Le facteur passe à dix heures, sauf le jeudi, où il s'arrête chez la boulangère et ne repart qu'à midi. "
    "Personne ne lui en veut. On dit au village qu'une lettre qui attend deux heures de plus n'en devient que "
    "meilleure, et que les factures, elles, ne vieillissent jamais assez."
)
REFUSAL = "I'm sorry, but I can't help with that request."
FRAME = (
    "Certainly! Here is a short note that you can use:\n\n{}\n\n"
    "I hope this helps! Please let me know if you need more."
)
TAGS = "{} #Inspiration #Mindset #Growth #Journey 🚀🚀✨ #Motivation"


@pytest.fixture(scope="module")
def canaries() -> list[Canary]:
    """Canaries that have a sound answer of two arms each, by the labels of both passes."""
    answered = {c.prompt: c for c in load_suite("full").canaries}
    return [answered[p] for p, texts in _sound().items() if p in answered and len(texts) >= 2][:SIZE]


def _sound() -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    with (CHECKOUT / "judges" / "labels" / "answers.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            is_sound = row["fault"] == "0" and row["claim"] == "0" and float(row["relevant"]) >= 1
            if is_sound and row["by"] not in ("impostor", "bad", "dealt", "writer"):
                texts.setdefault(row["prompt"], []).append(row["text"])
    return {prompt: sorted(found) for prompt, found in sorted(texts.items())}


@pytest.fixture(scope="module")
def panel() -> Panel:
    topics = {c.prompt: () for c in load_suite("full").canaries}
    return Panel(load_reference(DEFAULT_VOICE, DEFAULT_FLOOR), topics=topics)


@pytest.fixture(scope="module")
def sound(canaries: list[Canary]) -> list[str]:
    return [_sound()[c.prompt][0] for c in canaries]


def _log(panel: Panel, run: str, canaries: Sequence[Canary], texts: Sequence[str]) -> RunLog:
    samples = []
    for canary, text in zip(canaries, texts, strict=True):
        answer = Answer(
            canary.id, canary.prompt, text, canary.subjects, canary.first_person_licensed, canary.target_words
        )
        licensed = canary.first_person_licensed
        judged = panel.judge(answer)
        samples.append(Sample(canary.id, canary.kind, 1, canary.prompt, text, False, licensed, judged))
    conditions: Mapping[str, str] = {"judges": "x"}
    return RunLog(run, run, "full", conditions, "2026-01-01", run, tuple(with_run_faults(samples)))


@pytest.fixture(scope="module")
def baseline(panel: Panel, canaries: list[Canary], sound: list[str]) -> RunLog:
    return _log(panel, "baseline", canaries, sound)


def _pairs() -> list[str]:
    lines = DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["response"] for line in lines]


def _train() -> list[str]:
    rows = [json.loads(line) for line in DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()]
    return [row["response"] for row in rows if row["split"] == "train"]


def _shuffled(text: str, prompt: str) -> str:
    words = text.split()
    return " ".join(random.Random(text).sample(words, len(words)))


def _salad(text: str, prompt: str) -> str:
    draw = random.Random(prompt)
    vocabulary = [word for note in _pairs() for word in note.split()]
    return " ".join(draw.choice(vocabulary) for _ in range(80))


def _letters(text: str, prompt: str) -> str:
    draw = random.Random(prompt)
    words = ("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(70))
    return " ".join(words)


def _training_text(text: str, prompt: str) -> str:
    return random.Random(prompt).choice([note for note in _train() if len(note.split()) > 30])


BAD: Mapping[str, Callable[[str, str], str]] = {
    "one German paragraph": lambda text, prompt: GERMAN,
    "one French paragraph": lambda text, prompt: FRENCH,
    "the writer's words at random": _salad,
    "one unseen note for every prompt": lambda text, prompt: _pairs()[-1],
    "shuffled words": _shuffled,
    "words in reverse order": lambda text, prompt: " ".join(reversed(text.split())),
    "letters in reverse order": lambda text, prompt: " ".join(word[::-1] for word in text.split()),
    "random letters": _letters,
    "one sentence again and again": lambda text, prompt: (text.split(". ")[0].rstrip(".") + ". ") * 8,
    "the the the": lambda text, prompt: "the " * 80,
    "a refusal": lambda text, prompt: REFUSAL,
    "nothing": lambda text, prompt: "",
    "marks and emoji": lambda text, prompt: "🙂 … !!! 🙂",
    "the prompt": lambda text, prompt: prompt,
    "chat markup": lambda text, prompt: f"<|im_start|>assistant\n{text}<|im_end|>",
    "reasoning left open": lambda text, prompt: f"<think>The user wants a note, so I should begin. {text}",
    "JSON": lambda text, prompt: json.dumps({"title": "Note", "body": text}),
    "a Markdown document": lambda text, prompt: (
        f"# Title\n\n## Introduction\n\n{text}\n\n## Conclusion\n\nDone."
    ),
    "cut off": lambda text, prompt: " ".join(text.split()[:25]).rstrip(".,;:") + " of the",
    "placeholders": lambda text, prompt: f"Dear [Your Name],\n\n{text}\n\n[Insert closing here]",
    "hashtags": lambda text, prompt: TAGS.format(text),
    "an assistant's frame": lambda text, prompt: FRAME.format(text),
    "an invented past": lambda text, prompt: f"I was eleven when my aunt took me to see it in Leeds. {text}",
    "a training text": _training_text,
    "five answers in one": lambda text, prompt: "\n\n".join([text] * 2 + _pairs()[:4]),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_candidate_regresses(
    kind: str, panel: Panel, canaries: list[Canary], sound: list[str], baseline: RunLog
) -> None:
    texts = [BAD[kind](text, canary.prompt) for canary, text in zip(canaries, sound, strict=True)]
    result = gate_logs(baseline, _log(panel, "candidate", canaries, texts), load_policy())
    assert result.overall == "REGRESSED", [(v.dimension, v.verdict, v.why) for v in result.dimensions]


def test_answers_dealt_to_other_prompts_regress(
    panel: Panel, canaries: list[Canary], sound: list[str], baseline: RunLog
) -> None:
    dealt = [*sound[7:], *sound[:7]]
    result = gate_logs(baseline, _log(panel, "candidate", canaries, dealt), load_policy())
    verdicts = {v.dimension: v.verdict for v in result.dimensions}
    assert (result.overall, verdicts["relevance"]) == ("REGRESSED", "REGRESSED"), result.problems


def test_sound_answers_of_another_arm_do_not_regress(
    panel: Panel, canaries: list[Canary], baseline: RunLog
) -> None:
    others = [_sound()[c.prompt][-1] for c in canaries]
    result = gate_logs(baseline, _log(panel, "candidate", canaries, others), load_policy())
    assert result.overall != "REGRESSED", [(v.dimension, v.verdict, v.why) for v in result.dimensions]


def test_the_same_answers_in_other_typography_do_not_regress(
    panel: Panel, canaries: list[Canary], sound: list[str], baseline: RunLog
) -> None:
    typeset = [text.replace("'", "\u2019").replace(" - ", " \u2013 ") for text in sound]
    result = gate_logs(baseline, _log(panel, "candidate", canaries, typeset), load_policy())
    assert result.overall != "REGRESSED", [(v.dimension, v.verdict, v.why) for v in result.dimensions]
