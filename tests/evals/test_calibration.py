"""``timbre calibrate`` of judges that ask a grader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai.model import GenerateConfig, Model

from evals.calibration import grading
from evals.graders import GRADED
from judges import panel
from judges.confirm import confirm_identity
from judges.licensing.calibrate import ATTACKS
from judges.licensing.licence import Licence, find_licence
from judges.pairwise import PAIRED, pairwise_identity
from judges.rubric import load_rubric, rubric_identity
from judges.types import Answer, Evidence, JudgeIdentity, Judgement
from tests.made_labels import default_rows, write_labels
from timbre.calibrate_command import calibrate
from timbre.errors import TimbreError

Reply = Callable[[str], str]
Asked = Callable[[Reply], list[str]]


def by_rubric(is_funny: Callable[[str], bool]) -> Reply:
    """A grader that says yes to every item where the prompt ``is_funny``."""

    def reply(prompt: str) -> str:
        keys = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        answer = {"quote": "", "answer": "yes" if is_funny(prompt) else "no"}
        return json.dumps({key: answer for key in keys})

    return reply


def has_goat(prompt: str) -> bool:
    return "goat" in prompt


@pytest.fixture
def asked(make_grader: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Makes the grader that ``--grader`` names, and gives the prompts that it was asked."""

    def make(reply: Reply) -> list[str]:
        prompts: list[str] = []

        def counted(prompt: str) -> str:
            prompts.append(prompt)
            return reply(prompt)

        def get_model(name: str, config: GenerateConfig, memoize: bool) -> Model:
            model: Model = make_grader(counted, name.rpartition("/")[2], config).model
            return model

        monkeypatch.setattr("evals.pairwise.get_model", get_model)
        return prompts

    return make


def run(judge: str, labels: Path, *options: str) -> Result:
    args = [judge, str(labels), "--labelled-by", "people", "--out", str(labels.parent / "out"), *options]
    return CliRunner().invoke(calibrate, args)


def licence_of(identity: JudgeIdentity, labels: Path) -> Licence:
    licence = find_licence(str(identity), labels.parent / "out")
    assert licence is not None
    return licence


def test_a_rubric_judge_gets_a_licence_under_its_name_in_evals(tmp_path: Path, asked: Asked) -> None:
    asked(by_rubric(has_goat))
    labels = write_labels(tmp_path)
    done = run("rubric/humor", labels, "--grader", "mockllm/g", "--domain", "zoo")
    assert done.exit_code == 0, done.output
    licence = licence_of(rubric_identity(load_rubric("humor"), "mockllm/g"), labels)
    assert licence.agreement.auc and licence.agreement.auc.estimate == 1.0
    assert (licence.n, licence.position_bias) == (40, None)
    assert (licence.retest_flip_rate, licence.injection_flip_rate) == (0.0, 0.0)


def test_the_second_round_bypasses_the_cache_and_the_rest_is_cached(tmp_path: Path, asked: Asked) -> None:
    prompts, labels = asked(by_rubric(has_goat)), write_labels(tmp_path)
    for again in (0, 40):
        run("rubric/humor", labels, "--grader", "mockllm/g", "--attacked", "2")
        assert len(prompts) == 40 + 40 + 2 * len(ATTACKS) + again


def test_a_grader_that_changes_its_mind_and_heeds_an_attack_is_measured(tmp_path: Path, asked: Asked) -> None:
    seen: set[str] = set()

    def fickle(prompt: str) -> bool:
        again = prompt in seen
        seen.add(prompt)
        is_turned = again and "ladder is on the wall. Number 0." in prompt
        return has_goat(prompt) != is_turned or ATTACKS[0] in prompt

    asked(by_rubric(fickle))
    done = run("rubric/humor", write_labels(tmp_path), "--grader", "mockllm/g", "--json")
    content = json.loads(done.stdout)
    assert content["retest_flip_rate"] == pytest.approx(1 / 40)
    assert content["injection_flip_rate"] == pytest.approx(1 / len(ATTACKS))


def test_a_judge_of_pairs_gets_a_licence_with_its_position_bias(tmp_path: Path, asked: Asked) -> None:
    asked(lambda prompt: json.dumps({"quote": "", "better": "a"}))
    labels = write_labels(tmp_path)
    done = run("pairwise/humor", labels, "--grader", "mockllm/g")
    assert done.exit_code == 0, done.output
    assert licence_of(pairwise_identity(load_rubric("humor"), "mockllm/g"), labels).position_bias == 1.0


def test_the_detector_with_a_grader_behind_it_is_calibrated(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = JudgeIdentity("self_insertion", "self_insertion", 5)

    def detected(answer: Answer) -> Judgement:
        at = answer.text.find("goat")
        evidence = (Evidence("goat", at, at + 4, "made_up"),) if at >= 0 else ()
        return Judgement("self_insertion", float(bool(evidence)), evidence)

    def acquits(prompt: str) -> str:
        keys = json.loads(prompt.rstrip().rsplit("\n", 1)[-1])
        no, yes = {"quote": "", "answer": "no"}, {"quote": "", "answer": "yes"}
        return json.dumps({key: {"claims": no, "allowed": yes} for key in keys})

    monkeypatch.setattr(panel, "judge_identities", lambda: {"self_insertion": detector})
    monkeypatch.setattr(panel, "panel_judge", lambda key: detected)
    prompts = asked(acquits)
    rows = [[*row, "true" if row[0] == "r1" else ""] for row in default_rows()]
    labels = write_labels(tmp_path, rows, "id,prompt,text,label,first_person_licensed")
    done = run("confirm/self_insertion", labels, "--grader", "mockllm/g", "--attacked", "1")
    assert done.exit_code == 0, done.output
    counts = licence_of(confirm_identity(detector, "mockllm/g"), labels).agreement.confusion
    assert (counts.true_yes, counts.false_no, counts.true_no) == (1, 19, 20)
    assert not any("goat is on the ladder. Number 1." in prompt for prompt in prompts)


@pytest.mark.parametrize("judge", ["rubric/voice_match", "pairwise/compression", "confirm/humor"])
def test_a_judge_that_there_is_not_names_those_there_are(tmp_path: Path, asked: Asked, judge: str) -> None:
    asked(by_rubric(has_goat))
    done = run(judge, write_labels(tmp_path), "--grader", "mockllm/g")
    assert isinstance(done.exception, TimbreError)
    assert f"use one of {judge.partition('/')[0]}/" in str(done.exception)


def test_a_grader_that_fails_at_once_is_one_line(tmp_path: Path, asked: Asked) -> None:
    def fails(prompt: str) -> str:
        raise PermissionError("no key")

    prompts = asked(fails)
    done = run("rubric/humor", write_labels(tmp_path), "--grader", "mockllm/g")
    assert isinstance(done.exception, TimbreError)
    assert "mockllm/g: the grader failed: PermissionError: no key" in str(done.exception)
    assert len(prompts) == 1


def test_a_grader_that_fails_later_leaves_its_text_without_a_value(tmp_path: Path, asked: Asked) -> None:
    def fails(prompt: str) -> str:
        if "Number 7." in prompt:
            raise ValueError("too long")
        return by_rubric(has_goat)(prompt)

    asked(fails)
    labels = write_labels(tmp_path)
    run("rubric/humor", labels, "--grader", "mockllm/g")
    licence = licence_of(rubric_identity(load_rubric("humor"), "mockllm/g"), labels)
    assert (licence.n, licence.n_unscored) == (39, 1)


def test_a_grader_nobody_knows_is_one_line(tmp_path: Path) -> None:
    done = run("rubric/humor", write_labels(tmp_path), "--grader", "nobody/knows")
    assert isinstance(done.exception, TimbreError) and "can't open the grader" in str(done.exception)


def test_a_grader_asked_for_probabilities_is_another_judge(asked: Asked) -> None:
    asked(by_rubric(has_goat))
    names = []
    for logprobs in (False, True):
        with grading("mockllm/g", logprobs=logprobs) as judges:
            names.append(judges.grader.name)
    assert names == ["mockllm/g", 'mockllm/g {"logprobs": true, "top_logprobs": 10}']


def test_every_graded_and_paired_dimension_can_be_calibrated(asked: Asked) -> None:
    asked(by_rubric(has_goat))
    with grading("mockllm/g") as judges:
        for key in GRADED:
            judge = judges.find(f"rubric/{key}")
            assert judge.judge([Answer("a", "p", "A goat."), Answer("b", "p", "A cat.")], True) == [1.0, 0.0]
        identities = [judges.find(f"pairwise/{key}").identity for key in PAIRED]
    assert [i.dimension for i in identities] == list(PAIRED)
    assert ["reference" in i.parts for i in identities] == [key == "voice_match" for key in PAIRED]
