"""Graders in an Inspect eval: how a panel is pooled, and what is asked when its log is scored again."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Epochs, Task, eval, score
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, Logprob, Logprobs, Model, ModelOutput, TopLogprob
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from evals.graders import GRADED, grade, grader_name, reply_config
from evals.scoring import as_score
from judges.rubric import load_rubric
from judges.types import Answer

MakeGrader = Callable[..., Any]
TEXT = "My uncle measured the coffin twice."


def yes_to(*keys: str) -> Callable[[str], str]:
    """A grader that says yes to these items of whatever rubric it is shown, quoting the uncle."""

    def reply(prompt: str) -> str:
        asked = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        yes, no = {"quote": "My uncle", "answer": "yes"}, {"quote": "", "answer": "no"}
        return json.dumps({key: yes if key in keys else no for key in asked})

    return reply


@solver
def answers(text: str) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("writer", text)
        return state

    return solve


@scorer(metrics={"*": [mean()]})
def graded() -> Scorer:
    async def judge(state: TaskState, target: Target) -> Score:
        answer = Answer("c1", "A note on uncles.", state.output.completion)
        return as_score(await grade(answer), answer, truncated=False)

    return judge


def evaluate(
    folder: Path, graders: list[Model], make_grader: MakeGrader, text: str = TEXT, epochs: int = 1
) -> EvalLog:
    """An eval whose answer is ``text``, judged by these graders in the one role."""
    task = Task(
        dataset=[Sample(id="c1", input="x")],
        solver=answers(text),
        scorer=graded(),
        epochs=Epochs(epochs, "mean"),
    )
    (log,) = eval(
        task,
        model=make_grader(lambda prompt: "unused", "writer").model,
        model_roles={"grader": graders},
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success", log.error
    return log


def humor(log: EvalLog) -> dict[str, Any]:
    """What the first sample's log says of humor."""
    assert log.samples and log.samples[0].scores
    told: dict[str, Any] = (log.samples[0].scores["graded"].metadata or {})["judgements"]["humor"]
    return told


def test_a_panel_gives_each_value_their_mean_and_their_range(tmp_path: Path, make_grader: MakeGrader) -> None:
    kind = make_grader(yes_to(*(item.key for item in load_rubric("humor").items)), "kind")
    stern = make_grader(yes_to("turn"), "stern")
    told = humor(evaluate(tmp_path, [kind.model, stern.model], make_grader))
    details = told["details"]
    assert details["value of mockllm/kind"] == 1.0
    assert details["value of mockllm/stern"] == pytest.approx(1 / 3)
    assert (told["value"], details["range"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (details["graders"], details["answered"]) == (2.0, 2.0)
    assert [e["why"] for e in told["evidence"]].count("turn") == 1
    assert {e["why"] for e in told["evidence"]} == {item.key for item in load_rubric("humor").items}


def test_a_grader_that_gives_no_answer_is_left_out_of_the_mean(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    def fails(prompt: str) -> str:
        raise ConnectionRefusedError("no such host")

    dead, mute = make_grader(fails, "dead"), make_grader(lambda prompt: "Nine of ten.", "mute")
    stern = make_grader(yes_to("turn"), "stern")
    told = humor(evaluate(tmp_path, [dead.model, mute.model, stern.model], make_grader))
    assert told["value"] == pytest.approx(1 / 3)
    assert (told["details"]["graders"], told["details"]["answered"]) == (3.0, 1.0)


def test_a_panel_that_says_nothing_is_unscored_with_every_reason(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    mute, loud = make_grader(lambda p: "Nine of ten.", "mute"), make_grader(lambda p: "[]", "loud")
    told = humor(evaluate(tmp_path, [mute.model, loud.model], make_grader))
    assert told["value"] is None
    assert "mockllm/mute: grader reply not understood" in told["unscored"]
    assert "mockllm/loud: grader reply not understood" in told["unscored"]


def test_a_panel_is_the_same_judge_in_any_order_and_another_than_its_members(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    one, two = make_grader(yes_to("turn"), "one").model, make_grader(yes_to(), "two").model
    told = [
        humor(evaluate(tmp_path / str(at), graders, make_grader))["judge"]
        for at, graders in enumerate(([one, two], [two, one], [one], [two]))
    ]
    assert told[0] == told[1] and len(set(told)) == 3
    assert told[0].startswith("rubric/humor@")


def test_scoring_a_log_again_asks_nothing(tmp_path: Path, make_grader: MakeGrader) -> None:
    grader = make_grader(yes_to("turn"))
    log = evaluate(tmp_path, [grader.model], make_grader)
    assert len(grader.prompts) == len(GRADED)
    again = score(
        log, graded(), model=make_grader(yes_to(), "writer").model, model_roles={"grader": grader.model}
    )
    assert len(grader.prompts) == len(GRADED)
    assert humor(again) == humor(log)


def test_the_cache_can_be_switched_off(
    tmp_path: Path, make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_GRADER_CACHE", "off")
    grader = make_grader(yes_to("turn"))
    for at in (1, 2):
        evaluate(tmp_path / str(at), [grader.model], make_grader)
    assert len(grader.prompts) == 2 * len(GRADED)


def test_another_answer_and_another_grader_are_asked(tmp_path: Path, make_grader: MakeGrader) -> None:
    first, second = make_grader(yes_to("turn"), "first"), make_grader(yes_to(), "second")
    evaluate(tmp_path / "a", [first.model], make_grader)
    evaluate(tmp_path / "b", [first.model], make_grader, text=TEXT + " He had reasons.")
    evaluate(tmp_path / "c", [second.model], make_grader)
    assert (len(first.prompts), len(second.prompts)) == (2 * len(GRADED), len(GRADED))


def test_the_same_answer_in_two_epochs_is_not_judged_twice_by_two_evals(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    grader = make_grader(yes_to("turn"))
    evaluate(tmp_path / "a", [grader.model], make_grader)
    evaluate(tmp_path / "b", [grader.model], make_grader, epochs=2)
    assert len(grader.prompts) == len(GRADED)


def test_an_empty_answer_is_not_asked_about(tmp_path: Path, make_grader: MakeGrader) -> None:
    grader = make_grader(yes_to("turn"))
    evaluate(tmp_path, [grader.model], make_grader, text=" \n")
    assert grader.prompts == []


def test_settings_that_change_what_a_grader_says_are_part_of_its_name(make_grader: MakeGrader) -> None:
    plain = make_grader(yes_to(), "g").model
    patient = make_grader(yes_to(), "g", GenerateConfig(timeout=90, max_connections=3)).model
    thinking = make_grader(yes_to(), "g", GenerateConfig(reasoning_effort="high")).model
    assert grader_name(plain) == grader_name(patient) == "mockllm/g"
    assert "high" in grader_name(thinking)


def test_a_grader_that_is_half_sure_of_every_item_gives_half_the_value(
    tmp_path: Path, make_grader: MakeGrader
) -> None:
    grader = make_grader(yes_to())
    said = grader.model.api.outputs

    def doubtful(*asked: Any) -> ModelOutput:
        output: ModelOutput = said(*asked)
        words = [part for part in re.split(r'(?<=")(no)(?=")', output.completion) if part]
        even = [TopLogprob(token=word, logprob=math.log(0.5)) for word in ("yes", "no")]
        content = [Logprob(token=w, logprob=0.0, top_logprobs=even if w == "no" else []) for w in words]
        output.choices[0].logprobs = Logprobs(content=content)
        return output

    grader.model.api.outputs = doubtful
    told = humor(evaluate(tmp_path, [grader.model], make_grader))
    assert told["value"] == pytest.approx(0.5)
    assert (told["details"]["items_yes"], told["details"]["items_by_probability"]) == (0.0, 5.0)


def test_a_reply_that_was_cut_off_says_so_and_what_to_do(tmp_path: Path, make_grader: MakeGrader) -> None:
    torn = make_grader(lambda prompt: '{"turn": {"quote": "My un', "torn", stop_reason="max_tokens")
    told = humor(evaluate(tmp_path, [torn.model], make_grader))
    assert told["value"] is None and "cut off at its token limit" in told["unscored"]


def test_a_grader_with_a_limit_of_its_own_keeps_it(make_grader: MakeGrader) -> None:
    plain = make_grader(yes_to()).model
    own = make_grader(yes_to(), "own", GenerateConfig(max_tokens=4000)).model
    assert [reply_config(g, "humor", {}, 700).max_tokens for g in (plain, own)] == [700, 4000]
