"""Graders: how a panel is pooled, what is cached, and what is asked when an Inspect log is scored again."""

import asyncio
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval, score
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, Logprob, Logprobs, Model, ModelOutput, TopLogprob
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from tenacity import wait_none

from evals import graders
from evals.graders import GRADED, Grader, ask_each, grade, reply_config, role_graders
from judges.rubric import load_rubric, rubric_identity
from judges.types import Answer, Evidence, Judgement
from timbre.errors import TimbreError

MakeGrader = Callable[..., Any]
TEXT = "My uncle measured the coffin twice."
HUMOR = load_rubric("humor")


def yes_to(*keys: str) -> Callable[[str], str]:
    """A grader that says yes to these items of whatever rubric it is shown, quoting the uncle."""

    def reply(prompt: str) -> str:
        asked = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        yes, no = {"quote": "My uncle", "answer": "yes"}, {"quote": "", "answer": "no"}
        return json.dumps({key: yes if key in keys else no for key in asked})

    return reply


def fails(prompt: str) -> str:
    raise ConnectionRefusedError("no such host")


@pytest.fixture
def humor() -> Callable[..., Judgement]:
    """What these graders say of a text's humor."""

    def judged(*fakes: Any, text: str = TEXT) -> Judgement:
        named = [Grader.of(fake.model) for fake in fakes]
        return asyncio.run(grade(Answer("c1", "A note on uncles.", text), named))["humor"]

    return judged


def test_a_panel_gives_the_mean_of_those_that_answered_under_a_name_of_its_own(
    humor: Callable[..., Judgement], make_grader: MakeGrader
) -> None:
    kind = make_grader(yes_to(*(item.key for item in HUMOR.items)), "kind")
    stern, mute = make_grader(yes_to("turn"), "stern"), make_grader(lambda prompt: "Nine of ten.", "mute")
    judged = humor(kind, make_grader(fails, "dead"), mute, stern)
    assert (judged.value, judged.details["range"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (judged.details["graders"], judged.details["answered"]) == (4.0, 2.0)
    names = [f"mockllm/{name}" for name in ("stern", "dead", "mute", "kind")]
    assert judged.judge == str(rubric_identity(HUMOR, *names))


def test_a_panel_that_gives_nothing_is_unscored_with_every_reason(
    humor: Callable[..., Judgement], make_grader: MakeGrader
) -> None:
    torn = make_grader(lambda prompt: '{"turn": {"quote": "My un', "torn", stop_reason="max_tokens")
    judged = humor(make_grader(fails, "dead"), make_grader(lambda p: "[]", "loud"), torn)
    for reason in (
        "mockllm/dead: grader mockllm/dead failed: ConnectionRefusedError: no such host",
        "mockllm/loud: grader reply not understood",
        "mockllm/torn: reply cut off at its token limit: name the grader as {model: NAME, max_tokens: 4000}",
    ):
        assert judged.value is None and reason in (judged.unscored or "")


def test_a_grader_that_is_half_sure_of_every_item_gives_half_the_value(
    humor: Callable[..., Judgement], make_grader: MakeGrader
) -> None:
    grader = make_grader(yes_to())
    plain = grader.model.api.outputs

    def doubtful(*asked: Any) -> ModelOutput:
        output: ModelOutput = plain(*asked)
        words = [part for part in re.split(r'(?<=")(no)(?=")', output.completion) if part]
        even = [TopLogprob(token=word, logprob=math.log(0.5)) for word in ("yes", "no")]
        content = [Logprob(token=w, logprob=0.0, top_logprobs=even if w == "no" else []) for w in words]
        output.choices[0].logprobs = Logprobs(content=content)
        return output

    grader.model.api.outputs = doubtful
    judged = humor(grader)
    assert judged.value == pytest.approx(0.5)
    assert (judged.details["items_yes"], judged.details["items_by_probability"]) == (0.0, 5.0)


def test_a_reply_is_cached_by_answer_and_grader(
    humor: Callable[..., Judgement], make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = f"{TEXT} So."
    first, second = make_grader(yes_to("turn"), "first"), make_grader(yes_to(), "second")
    for fake, text, asked in (
        (first, TEXT, 1),
        (first, TEXT, 1),
        (first, longer, 2),
        (second, TEXT, 1),
    ):
        humor(fake, text=text)
        assert len(fake.prompts) == asked * len(GRADED)
    monkeypatch.setenv("TIMBRE_GRADER_CACHE", "off")
    humor(second)
    assert len(second.prompts) == 2 * len(GRADED)


def test_nothing_is_asked_without_a_grader_or_of_an_empty_answer(
    make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = make_grader(yes_to("turn"))
    assert asyncio.run(grade(Answer("c1", "p", TEXT), role_graders())) == {} and role_graders() == ()
    monkeypatch.setattr(graders, "model_roles", lambda: {"grader": grader.model})
    assert asyncio.run(grade(Answer("c1", "p", " \n"), role_graders())) == {} and grader.prompts == []
    assert role_graders() == (Grader(grader.model, "mockllm/grader"),)


@pytest.mark.parametrize(("text", "value"), [("Ice is frozen water.", 1.0), (" ", 1.0), (TEXT, 0.5)])
def test_an_answer_with_a_fault_is_worth_nothing_under_any_rubric_and_is_not_asked_about(
    make_grader: MakeGrader, text: str, value: float
) -> None:
    """Under the graders' own name, so that one run's answers have one judge."""
    grader = make_grader(yes_to("turn"))
    named = [Grader.of(grader.model)]
    fault = Judgement("integrity", value, (Evidence(text, 0, len(text), "refusal"),))
    judged = asyncio.run(grade(Answer("c1", "p", text), named, fault))
    assert set(judged) == set(GRADED) and grader.prompts == []
    assert (judged["humor"].value, judged["humor"].evidence) == (0.0, fault.evidence)
    assert judged["humor"].judge == str(rubric_identity(HUMOR, "mockllm/grader"))
    assert asyncio.run(grade(Answer("c1", "p", TEXT), named, Judgement("integrity", 0.4)))["humor"].value
    assert len(grader.prompts) == len(GRADED)


@solver
def answers() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("writer", TEXT)
        return state

    return solve


@scorer(metrics={"*": [mean()]})
def graded() -> Scorer:
    async def judge(state: TaskState, target: Target) -> Score:
        answer = Answer("c1", "A note on uncles.", state.output.completion)
        judgements = await grade(answer, role_graders())
        return Score(value={key: j.value or 0.0 for key, j in judgements.items()})

    return judge


def test_a_log_that_is_scored_again_or_has_more_epochs_asks_nothing_more(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    """Through Inspect itself, as ``--model-role grader=...`` sets the role."""
    grader = make_grader(yes_to("turn"))
    writer: Model = make_grader(lambda prompt: "unused", "writer").model
    task = Task(dataset=[Sample(id="c1", input="x")], solver=answers(), scorer=graded(), epochs=2)
    roles: Any = {"grader": [grader.model]}
    (log,) = eval(task, model=writer, model_roles=roles, log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.samples and len(log.samples) == 2
    before = len(grader.prompts)
    assert before <= 2 * len(GRADED)  # epochs that run side by side may both ask
    again = score(log, graded(), model=writer, model_roles={"grader": grader.model})
    assert len(grader.prompts) == before
    assert again.samples and again.samples[0].scores and log.samples[0].scores
    assert again.samples[0].scores["graded"].value == log.samples[0].scores["graded"].value


@pytest.mark.parametrize("retries", [None, 1])
def test_a_grader_that_limits_the_rate_is_asked_a_few_times_and_then_the_dimension_is_unscored(
    humor: Callable[..., Judgement],
    make_grader: MakeGrader,
    monkeypatch: pytest.MonkeyPatch,
    retries: int | None,
) -> None:
    """Outside of an eval too, as ``inspect score`` and ``timbre calibrate`` ask."""
    asked = []

    def busy(prompt: str) -> str:
        asked.append(prompt)
        raise ConnectionError("429: slow down")

    grader = make_grader(busy, config=GenerateConfig(max_retries=retries))
    monkeypatch.setattr(type(grader.model.api), "should_retry", lambda self, error: True)
    monkeypatch.setattr(type(grader.model.api), "retry_wait", lambda self: wait_none())
    judged = humor(grader)
    assert judged.value is None and "429: slow down" in (judged.unscored or "")
    assert len(asked) == len(GRADED) * (1 + (graders.MAX_RETRIES if retries is None else retries))


def test_settings_that_change_what_a_grader_says_are_part_of_its_name(make_grader: MakeGrader) -> None:
    configs = [None, GenerateConfig(timeout=90, max_connections=3), GenerateConfig(reasoning_effort="high")]
    plain, patient, thinking = (
        Grader.of(make_grader(yes_to(), "g", config).model).name for config in configs
    )
    assert plain == patient == "mockllm/g" and thinking == 'mockllm/g {"reasoning_effort": "high"}'


def test_a_reply_is_greedy_and_as_long_as_the_grader_was_given_leave_to(make_grader: MakeGrader) -> None:
    plain = reply_config(make_grader(yes_to()).model, "humor", {"type": "object"}, 700)
    own = reply_config(make_grader(yes_to(), "own", GenerateConfig(max_tokens=4000)).model, "humor", {}, 700)
    assert (plain.temperature, plain.max_tokens, own.max_tokens) == (0, 700, 4000)
    assert plain.response_schema and plain.response_schema.name == "humor"


async def _halved(item: int) -> int:
    if item % 2:
        raise ValueError(f"{item} is odd")
    return item // 2


def test_each_item_is_asked_and_only_the_first_failure_stops_everything() -> None:
    def ask(*items: int) -> list[int | str]:
        return asyncio.run(ask_each("g", _halved, items, lambda: None))

    assert ask(4, 3, 8) == [2, "ValueError: 3 is odd", 4] and ask() == []
    with pytest.raises(TimbreError, match="g: the grader failed: ValueError: 3 is odd; mend it"):
        ask(3, 4)
