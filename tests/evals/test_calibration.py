"""``timbre calibrate`` of judges that ask a grader."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from inspect_ai.model import GenerateConfig, Model

from evals import calibration
from evals.calibration import grading
from evals.graders import GRADED
from judges import lora
from judges.licensing.attacks import ATTACKS
from judges.licensing.licence import find_licence
from judges.licensing.named_judges import FAMILIES, find_judge
from judges.rubric import load_rubric, rubric_identity
from judges.self_insertion_trained import trained_identity
from judges.types import Answer
from timbre.calibrate_command import calibrate as command
from timbre.errors import TimbreError
from training.judge_data import parse_questions

MakeGrader = Callable[..., Any]
Say = Callable[[str], str]
Asked = Callable[[Say], list[str]]


def by_rubric(funny: Callable[[str], bool]) -> Say:
    """A grader that says yes to every item where the text that it is shown is ``funny``."""

    def reply(prompt: str) -> str:
        asked = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        said = {"quote": "", "answer": "yes" if funny(prompt) else "no"}
        return json.dumps({key: said for key in asked})

    return reply


def has_goat(prompt: str) -> bool:
    return "goat" in prompt


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Forty texts, every other one with a goat."""
    path = tmp_path / "labels.csv"
    texts = ("The ladder is on the wall.", "The goat is on the ladder.")
    with path.open("w", newline="") as file:
        file.write("id,prompt,text,label\n")
        csv.writer(file).writerows([f"r{i}", "Write.", f"{texts[i % 2]} {i}", i % 2] for i in range(40))
    return path


@pytest.fixture
def asked(make_grader: MakeGrader, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Makes the grader that ``--grader`` names, and tells what it was asked."""

    def make(reply: Say) -> list[str]:
        prompts: list[str] = []

        def counted(prompt: str) -> str:
            prompts.append(prompt)
            return reply(prompt)

        def get_model(name: str, config: GenerateConfig, memoize: bool) -> Model:
            model: Model = make_grader(counted, name.rpartition("/")[2], config).model
            return model

        monkeypatch.setattr(calibration, "get_model", get_model)
        return prompts

    return make


def run(judge: str, labels: Path, *options: str) -> Any:
    args = [judge, str(labels), "--labelled-by", "people", "--out", str(labels.parent / "out"), *options]
    return CliRunner().invoke(command, args)


def test_a_rubric_judge_gets_a_licence_under_the_name_that_evals_give_it(labels: Path, asked: Asked) -> None:
    asked(by_rubric(has_goat))
    done = run("rubric/humor", labels, "--grader", "mockllm/g", "--domain", "zoo")
    assert done.exit_code == 0, done.output
    identity = rubric_identity(load_rubric("humor"), "mockllm/g")
    licence = find_licence(str(identity), labels.parent / "out")
    assert licence is not None and licence.agreement.auc is not None
    assert (licence.n, licence.agreement.auc.estimate, licence.position_bias) == (40, 1.0, None)
    assert (licence.retest_flip_rate, licence.injection_flip_rate) == (0.0, 0.0)
    assert set(licence.parts) == {"model", "rubric", "prompt"}


def test_the_second_round_passes_the_cache_and_the_rest_is_kept(labels: Path, asked: Asked) -> None:
    prompts = asked(by_rubric(has_goat))
    run("rubric/humor", labels, "--grader", "mockllm/g", "--attacked", "2")
    assert len(prompts) == 40 + 40 + 2 * len(ATTACKS)
    run("rubric/humor", labels, "--grader", "mockllm/g", "--attacked", "2")
    assert len(prompts) == 40 + 40 + 2 * len(ATTACKS) + 40


def test_a_grader_that_changes_its_mind_and_heeds_an_attack_is_told(labels: Path, asked: Asked) -> None:
    seen: set[str] = set()

    def fickle(prompt: str) -> bool:
        again = prompt in seen
        seen.add(prompt)
        return has_goat(prompt) != ("ladder is on the wall. 0\n" in prompt and again) or ATTACKS[0] in prompt

    asked(by_rubric(fickle))
    told = json.loads(run("rubric/humor", labels, "--grader", "mockllm/g", "--json").stdout)
    assert told["retest_flip_rate"] == pytest.approx(1 / 40)
    assert told["injection_flip_rate"] == pytest.approx(1 / len(ATTACKS))


def test_a_pairwise_judge_is_told_its_position_bias(labels: Path, asked: Asked) -> None:
    asked(lambda prompt: json.dumps({"quote": "", "better": "a"}))
    done = run("pairwise/humor", labels, "--grader", "mockllm/g")
    assert done.exit_code == 0, done.output
    assert "position bias       1.000" in done.stdout


def test_the_detector_with_a_grader_behind_it_is_calibrated(tmp_path: Path, asked: Asked) -> None:
    path = tmp_path / "labels.csv"
    texts = ("Nobody swept the shed.", "My mother swept that shed when I was nine.")
    with path.open("w", newline="") as file:
        file.write("id,prompt,text,label,subjects\n")
        csv.writer(file).writerows(
            [f"r{i}", "On Curie.", f"{texts[i % 2]} {i}.", i % 2, "Curie"] for i in range(40)
        )

    def acquits(prompt: str) -> str:
        keys = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        no, yes = {"quote": "", "answer": "no"}, {"quote": "", "answer": "yes"}
        return json.dumps({key: {"claims": no, "allowed": yes} for key in keys})

    asked(acquits)
    told = json.loads(run("confirm/self_insertion", path, "--grader", "mockllm/g", "--json").stdout)
    assert told["agreement"]["confusion"] == {"true_yes": 0, "false_yes": 0, "false_no": 20, "true_no": 20}
    assert told["judge"] == "confirm/self_insertion"


@pytest.mark.parametrize(
    ("judge", "options", "said"),
    [
        ("rubric/humor", (), "name one with --grader"),
        ("linear/humor", ("--grader", "mockllm/g"), "asks no grader"),
        ("pairwise/humor", ("--grader", "mockllm/g", "--cut", "0.3"), "has no --cut"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    labels: Path, judge: str, options: tuple[str, ...], said: str
) -> None:
    done = run(judge, labels, *options)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("judge", ["rubric/voice_match", "pairwise/compression", "confirm/humor"])
def test_a_judge_that_there_is_not_names_those_there_are(labels: Path, asked: Asked, judge: str) -> None:
    asked(by_rubric(has_goat))
    done = run(judge, labels, "--grader", "mockllm/g")
    assert isinstance(done.exception, TimbreError)
    assert f"use one of {judge.partition('/')[0]}/" in str(done.exception)


def test_a_grader_that_fails_at_once_is_one_line(labels: Path, asked: Asked) -> None:
    def fails(prompt: str) -> str:
        raise PermissionError("no key")

    prompts = asked(fails)
    done = run("rubric/humor", labels, "--grader", "mockllm/g")
    assert isinstance(done.exception, TimbreError)
    assert "no key" in str(done.exception)
    assert len(prompts) == 1


def test_a_grader_nobody_knows_is_one_line(labels: Path) -> None:
    done = run("rubric/humor", labels, "--grader", "nobody/knows")
    assert isinstance(done.exception, TimbreError)
    assert "the grader can't be had" in str(done.exception)


def test_a_grader_asked_for_probabilities_is_another_judge(asked: Asked) -> None:
    asked(by_rubric(has_goat))
    names = []
    for logprobs in (False, True):
        with grading("mockllm/g", logprobs=logprobs) as judges:
            names.append(judges.name)
    assert names == ["mockllm/g", 'mockllm/g {"logprobs": true, "top_logprobs": 10}']


@pytest.mark.parametrize("key", GRADED)
def test_every_graded_dimension_can_be_calibrated(asked: Asked, key: str) -> None:
    asked(by_rubric(has_goat))
    with grading("mockllm/g") as judges:
        assert judges.rubric(key).judge([Answer("a", "p", "A goat."), Answer("b", "p", "A cat.")]) == [
            1.0,
            0.0,
        ]


def test_the_lora_judge_is_calibrated_window_by_window(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(judge: object, texts: list[list[str]], told: object) -> list[list[float]]:
        asked.extend(places[-1] for places in texts)
        return [[float("goat" in places[-1]), 0.0] for places in texts]

    questions = parse_questions(["Funny? = is_humor / 1", "Offensive? = offense_rating / 5"])
    served = SimpleNamespace(parts={"adapter": "1"}, questions=questions)
    monkeypatch.setattr(calibration, "stored_judge", lambda path: served)
    monkeypatch.setattr(calibration, "ask_judge", answer)
    judge = find_judge("lora/humor", {**FAMILIES, **calibration.SERVED})
    long = " ".join(["The ladder stood against the barn wall all winter long."] * 12)
    kept, blank, spread = judge.judge(
        [Answer("a", "", "A goat."), Answer("b", "", "..."), Answer("c", "", long)]
    )
    assert kept is not None and spread is not None
    assert blank is None and kept > spread
    assert len(asked) > 3
    assert judge.identity == lora.lora_identity("humor", served.parts)


def test_the_trained_judge_of_self_insertion_is_calibrated_with_the_detector_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(judge: object, texts: list[list[str]], told: object) -> list[list[float]]:
        return [[float(place.endswith("boat.\nOwn?")) for place in places] for places in texts]

    served = SimpleNamespace(parts={"adapter": "1"}, questions=parse_questions(["Own? = claim / 1"]))
    monkeypatch.setattr(calibration, "stored_judge", lambda path: served)
    monkeypatch.setattr(calibration, "ask_judge", answer)
    judge = find_judge("lora/self_insertion", {**FAMILIES, **calibration.SERVED})
    texts = ("Shared his boat.", "Rivers run.", "My father taught Darwin.", "Shared his boat.")
    answers = [Answer(str(n), "Note.", t, ("Darwin",), n == 3) for n, t in enumerate(texts)]
    assert judge.judge(answers) == [1.0, 0.0, 1.0, 0.0]
    assert judge.identity == trained_identity(served.parts)
