"""What the log's analysis says, by which rule, and that every figure of it stands in a table of its section."""

import itertools
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from judges.types import DIMENSIONS, Evidence, Judgement, unscored
from results.analysis import Analysis, analyse
from results.failure_modes import sentence_around
from results.gate import gate_logs
from results.log import section
from results.next_steps import next_steps
from results.policy import load_policy
from results.records import RunLog, Sample
from results.story import Story, read_story
from tests.made_run import made_run
from training.runs import Run

Scores = Callable[[int, int], Mapping[str, Any]]
POLICY = load_policy()
USUAL = {
    **dict.fromkeys(("integrity", "self_insertion", "memorization"), 0.0),
    **{"relevance": 0.9, "compression": 0.4, "specificity": 0.5, "voice_match": 0.5, "hashtag_slop": 0.2},
    **{"humor": 0.3, "provocativeness": 0.3},
}
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?![\w.])")


def _fault(key: str, why: str) -> dict[str, Any]:
    return {key: Judgement(key, 1.0, (Evidence("The three", 0, 9, why),))}


def _judgement(key: str, given: Any) -> Judgement:
    if isinstance(given, Judgement):
        return given
    return unscored(key, "no grader") if given is None else Judgement(key, given)


def _text(canary: int, take: int) -> str:
    return f"The three of us skipped class {canary} {take} times. Then we left."


def _log(
    run: str,
    scores: Scores = lambda c, e: {},
    text: Callable[[int, int], str] = _text,
    truncated: bool = False,
    suite: str = "smoke (1)",
) -> RunLog:
    samples = []
    for canary, take in itertools.product(range(12), (1, 2)):
        given = {**USUAL, **scores(canary, take)}
        judged = {key: _judgement(key, given.get(key)) for key in DIMENSIONS}
        answer = text(canary, take)
        samples.append(Sample(f"c{canary:02d}", "note", take, "Asked.", answer, truncated, False, judged))
    names = ("base", "judges", "voice", "impostors", "decoding", "server", "grader")
    conditions = {**dict.fromkeys(names, "same"), "suite": suite}
    return RunLog(run, run[:1] * 64, "smoke", conditions, "2026-03-01", "a.eval", tuple(samples), "smoke")


def _story(facts: Run | None = None, **log: Any) -> Story:
    """The story of ``run2`` over a baseline with the usual scores."""
    baseline = _log("baseline", text=lambda c, e: f"Kettle {c} sang at {e}.")
    run = _log("run2", **log)
    return Story(run, facts, baseline, None, None, gate_logs(baseline, run, POLICY), None, POLICY)


def _place(found: Analysis, key: str) -> str:
    """The part of the analysis that names a dimension."""
    parts = {name: getattr(found, name) for name in ("learned", "worse", "not_shown", "not_read")}
    return ", ".join(name for name, lines in parts.items() if any(key in line for line in lines))


@pytest.mark.parametrize(
    ("scores", "dimension", "place"),
    [
        (lambda c, e: {"specificity": 0.8}, "specificity", "learned"),
        (lambda c, e: {"hashtag_slop": 0.0}, "hashtag_slop", "learned"),
        (lambda c, e: {"specificity": 0.54}, "specificity", "not_shown"),  # proven, but under half the margin
        (lambda c, e: {"specificity": 0.5 + 0.5 * (c == 0)}, "specificity", "not_shown"),  # one canary
        (
            lambda c, e: {"specificity": 0.5 + 0.5 * (c < 5)},
            "specificity",
            "not_shown",
        ),  # alone, but not of eight
        (lambda c, e: {"humor": 0.9}, "humor", "not_read"),  # its judge has no licence
        (lambda c, e: {"specificity": 0.46}, "specificity", "worse"),  # proven, though within the margin
        (lambda c, e: {"specificity": 0.5 - 0.5 * (c == 0)}, "specificity", "not_shown"),
        (lambda c, e: {"specificity": 0.1}, "specificity", "worse"),
        (lambda c, e: {"warmth": None}, "warmth", "not_read"),
    ],
)
def test_a_dimension_stands_where_the_rules_put_it(scores: Scores, dimension: str, place: str) -> None:
    assert _place(analyse(_story(scores=scores)), dimension) == place


def test_the_gain_that_is_significant_alone_is_proven_by_its_own_interval() -> None:
    result = _story(scores=lambda c, e: {"specificity": 0.5 + 0.5 * (c < 5)}).result
    assert result is not None
    assert next(d for d in result.dimensions if d.dimension == "specificity").gain_is_proven


def test_no_proof_is_not_called_a_lack() -> None:
    found = analyse(_story())
    assert found.takeaway == "No gain of run2 over baseline is proven."
    assert not found.learned and not found.worse
    assert not any(re.search(r"\bnot\b", line) for line in found.not_shown)


def test_failures_are_counted_with_repetition_first_and_quoted_in_whole_sentences() -> None:
    def scores(canary: int, take: int) -> Mapping[str, Any]:
        faults = {
            0: _fault("self_insertion", "of_us"),
            1: _fault("integrity", "cut_off"),
            2: _fault("integrity", "loop"),
            3: _fault("integrity", "loop"),
            5: _fault("integrity", "aside"),
        }
        return faults.get(canary, {})

    def text(canary: int, take: int) -> str:
        if canary == 4:
            return f"Kettle {canary} sang at {take}."
        return _text(canary, take)

    failures = analyse(_story(scores=scores, text=text)).failures
    assert [(f.name, f.answers, f.of_baseline) for f in failures] == [
        ("repetition", 4, 0),
        ("end in mid-sentence", 2, 0),
        ("talk about the answer", 2, 0),
        ("same as the baseline", 2, None),
        ("self_insertion", 2, 0),
    ]
    assert failures[0].quotes[0] == "c02, take 1: “The three of us skipped class 2 1 times.”"


@pytest.mark.parametrize(
    ("text", "span", "sentence"),
    [
        ("One here. Two here. Three.", (12, 14), "Two here."),
        ("One here.\n\nTwo\nhere. Three.", (12, 14), "Two here."),
        ("One here. Two here.", (0, 19), "One here."),
        ("One here.", (3, 3), ""),
        ("word " * 90, (0, 4), "word " * 47 + "word…"),
    ],
)
def test_a_quote_is_the_first_whole_sentence_that_the_evidence_touches(
    text: str, span: tuple[int, int], sentence: str
) -> None:
    assert sentence_around(text, Evidence(text[slice(*span)], *span, "why")) == sentence


@pytest.mark.parametrize("gain", [-0.3, 0.0, 0.3])
def test_every_decimal_in_the_analysis_stands_in_a_table_or_is_a_difference_of_two_runs(
    write_log: Callable[..., Path], write_run: Callable[..., Path], gain: float
) -> None:
    steps = {"run1": 0.05, "run2": gain}
    write_log("baseline", scores=lambda c, e: {"specificity": 0.4 + 0.01 * c})
    for run, step in steps.items():
        logs = write_log(
            run, scores=lambda c, e, step=step: {"specificity": 0.4 + 0.01 * c + step + 0.02 * (c % 3)}
        ).parent
    write_run("run1", [(3.15, 3.6), (3.0, 3.5), (2.9, 3.44)])
    runs = write_run("run2", [(2.81, 3.41), (2.7, 3.4), (2.6, 3.39)], parent="run1")
    made = section(read_story("run2", (logs,), runs, POLICY, partial(gate_logs, policy=POLICY))).partition(
        "### Answers"
    )[0]
    summary, _, rest = made.partition("### Run\n")
    tables, _, rest = rest.partition("### Analysis")
    analysis, _, figures = rest.partition("### Reported figures")
    moved = tables.partition("Canaries that moved")[2].partition("### Scores")[0]
    tables = tables.replace(moved, "") + figures
    known = {f"{abs(float(n)):.2f}" for n in _NUMBER.findall(tables)}
    untraced = [n for n in _NUMBER.findall(summary + analysis) if f"{abs(float(n)):.2f}" not in known]
    assert known and _NUMBER.findall(analysis)
    assert untraced == []
    # Canary by canary the figure is the run's less the parent's, which differ by one step.
    assert set(re.findall(r"\(([-+]\d\.\d\d)\)", moved)) <= {f"{gain - 0.05:+.2f}"}


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"scores": lambda c, e: _fault("integrity", "loop") if c < 3 else {}}, "timbre epochs run2"),
        ({"scores": lambda c, e: _fault("memorization", "recital") if c < 3 else {}}, "timbre epochs run2"),
        ({"scores": lambda c, e: _fault("self_insertion", "of_us") if c < 3 else {}}, "third parties"),
        ({"text": lambda c, e: f"Kettle {c} sang at {e}."}, "timbre parity run2"),
        ({"truncated": True}, "--max-tokens"),
        ({"suite": "smoke (2)"}, "under the same conditions"),
        ({"scores": lambda c, e: {"specificity": 0.5 - 0.5 * (c % 2)}}, "inspect eval evals/voice.py"),
    ],
)
def test_a_step_follows_from_what_was_seen_and_names_its_command(
    change: Mapping[str, Any], step: str
) -> None:
    sound = _story()
    # humor and provocativeness are unlicensed and warmth is unscored in every one of these logs.
    usual = {s.why for s in next_steps(sound, analyse(sound).failures)}
    story = _story(**change)
    steps = [s for s in next_steps(story, analyse(story).failures) if s.why not in usual]
    assert any(step in f"{s.why}: {s.command}" for s in steps)


def test_a_sound_run_has_only_the_steps_of_its_judges() -> None:
    story = _story()
    assert story.result is not None and story.result.overall == "PASS"
    commands = [s.command for s in next_steps(story, analyse(story).failures)]
    assert commands == [
        "inspect eval evals/voice.py --model baseline,run2 -T suite=smoke --model-role grader=MODEL",
        "timbre label run2 baseline --dimension humor",
    ]


@pytest.mark.parametrize(
    ("losses", "step"),
    [
        ([(3.0, 3.4), (2.95, 3.4)], "Train for longer"),
        ([(3.0, 3.4), (2.5, 3.5)], "Compare the epochs"),
        ([(3.0, 3.4), (2.5, 3.3)], "Grow the 3 training pairs"),
    ],
)
def test_steps_follow_from_the_training(losses: list[tuple[float, float]], step: str) -> None:
    story = _story(facts=made_run("run2", losses, pairs=3))
    assert any(step in s.why for s in next_steps(story, analyse(story).failures))


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (0.46, "lost somewhat in specificity (proven, though not beyond the margin)"),
        (0.1, "got worse in specificity"),
    ],
)
def test_the_takeaway_tells_a_loss_within_the_margin_from_one_beyond_it(level: float, words: str) -> None:
    assert analyse(_story(scores=lambda c, e: {"specificity": level})).takeaway == (
        f"No gain of run2 over baseline is proven, and it {words}."
    )
