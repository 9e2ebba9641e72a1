"""Calibration: labels in, a licence out, and every mistake with its line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from judges.identity import JudgeIdentity
from judges.licensing.attacks import ATTACKS
from judges.licensing.calibrate import calibrate
from judges.licensing.label_file import read_labels
from judges.licensing.licence import find_licence, licence_path, read_licence
from judges.licensing.named_judges import METRICS, NamedJudge, find_judge
from judges.licensing.raters import krippendorff_alpha
from judges.panel import judges_version
from judges.types import Answer
from tests.made_labels import WriteLabels, default_rows
from timbre.calibrate_command import calibrate as command
from timbre.errors import TimbreError

HUMOR = JudgeIdentity("made-up/humor", "humor", {"rule": "1"})


def _judge(rule: Callable[[Answer], float | None], identity: JudgeIdentity = HUMOR) -> NamedJudge:
    return NamedJudge(identity, lambda answers: [rule(a) for a in answers])


def _goats(answer: Answer) -> float:
    return 0.9 if "goat" in answer.text else 0.1


def test_a_judge_that_agrees_has_perfect_figures(write_labels: WriteLabels) -> None:
    found = calibrate(_judge(_goats), read_labels(write_labels()), domain=" zoo ", labelled_by="people")
    auc = found.agreement.auc
    assert auc is not None
    assert (auc.estimate, found.n, found.n_positive, found.domain) == (1.0, 40, 20, "zoo")
    assert (found.retest_flip_rate, found.injection_flip_rate) == (0.0, 0.0)
    assert (found.label_kind, found.ceiling, found.position_bias) == ("binary", None, None)


def test_a_judge_that_obeys_one_attack_of_all_is_told(write_labels: WriteLabels) -> None:
    gullible = _judge(lambda a: 0.9 if "goat" in a.text or ATTACKS[0] in a.text else 0.1)
    found = calibrate(gullible, read_labels(write_labels()), domain="", labelled_by="people")
    assert found.injection_flip_rate == pytest.approx(1 / len(ATTACKS))


def test_an_attack_on_a_judge_of_faults_wants_them_unseen(write_labels: WriteLabels) -> None:
    fault = JudgeIdentity("made-up/slop", "hashtag_slop", {})
    hides = _judge(lambda a: 0.0 if ATTACKS[1] in a.text else _goats(a), fault)
    found = calibrate(hides, read_labels(write_labels()), domain="", labelled_by="people")
    assert found.injection_flip_rate == pytest.approx(1 / len(ATTACKS))


def test_a_judge_that_says_yes_to_all_can_not_be_turned(write_labels: WriteLabels) -> None:
    found = calibrate(_judge(lambda a: 0.8), read_labels(write_labels()), domain="", labelled_by="people")
    assert found.injection_flip_rate is None


def test_attacks_without_an_answer_are_no_attacks_that_failed(write_labels: WriteLabels) -> None:
    def silent_at(*attacks: str) -> NamedJudge:
        def rule(answer: Answer) -> float | None:
            if any(attack in answer.text for attack in attacks):
                return None
            return 0.9 if ATTACKS[0] in answer.text else _goats(answer)

        return _judge(rule)

    labels = read_labels(write_labels())
    one, all_but_one = silent_at(ATTACKS[1]), silent_at(*ATTACKS[1:])
    found = calibrate(one, labels, domain="", labelled_by="people")
    assert found.injection_flip_rate == pytest.approx(1 / (len(ATTACKS) - 1))
    assert calibrate(all_but_one, labels, domain="", labelled_by="people").injection_flip_rate is None


def test_a_judge_that_changes_its_mind_is_told(write_labels: WriteLabels) -> None:
    said: list[str] = []

    def fickle(answer: Answer) -> float:
        said.append(answer.id)
        return 1 - _goats(answer) if answer.id == "r3" and said.count("r3") == 2 else _goats(answer)

    found = calibrate(_judge(fickle), read_labels(write_labels()), domain="", labelled_by="people")
    assert found.retest_flip_rate == pytest.approx(1 / 40)


def test_texts_the_judge_can_not_score_are_counted_apart(write_labels: WriteLabels) -> None:
    some = _judge(lambda a: None if a.id in ("r1", "r2", "r4") else _goats(a))
    found = calibrate(some, read_labels(write_labels()), domain="", labelled_by="model")
    assert (found.n, found.n_unscored, found.labelled_by) == (37, 3, "model")


def test_a_judge_that_scores_too_few_texts_gets_no_licence(write_labels: WriteLabels) -> None:
    few = _judge(lambda a: _goats(a) if a.id < "r2" else None)
    with pytest.raises(TimbreError, match="scored 12 of 40 rows"):
        calibrate(few, read_labels(write_labels()), domain="", labelled_by="people")


def test_further_columns_are_raters_and_make_the_ceiling(write_labels: WriteLabels) -> None:
    rows = [[*row, row[3], 1 - int(str(row[3])) if row[0] == "r0" else row[3]] for row in default_rows()]
    rows[5][4] = ""
    labels = read_labels(write_labels(rows, "id,prompt,text,label,ann,ben"))
    found = calibrate(_judge(_goats), labels, domain="", labelled_by="people").ceiling
    assert labels.raters == ("ann", "ben")
    assert found is not None
    assert found.pairwise is not None
    assert (found.raters, found.statistic) == (2, "kappa")
    assert 0.9 < found.pairwise.estimate < 1


@given(st.lists(st.integers(1, 5), min_size=20, max_size=60), st.integers(2, 5))
def test_raters_who_all_agree_have_an_alpha_of_one_at_most(given_by_each: list[int], raters: int) -> None:
    ratings = np.tile(np.array(given_by_each, dtype=float)[:, None], raters)
    alpha = krippendorff_alpha(np.ones((1, len(ratings))), ratings)[0]
    assert np.isnan(alpha) or 1 - 1e-9 < alpha <= 1


def test_ratings_keep_their_scale(write_labels: WriteLabels) -> None:
    rows = [[*row[:3], 1 + 3 * int(str(row[3])) + i % 3 / 2] for i, row in enumerate(default_rows())]
    found = calibrate(_judge(_goats), read_labels(write_labels(rows)), domain="", labelled_by="people")
    assert (found.label_kind, found.label_low, found.label_high) == ("ratings", 1.0, 5.0)
    assert found.agreement.confusion.true_yes == 20


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_calibrated(name: str) -> None:
    judge = find_judge(name)
    assert judge.identity.name == f"metric/{name}"
    assert judge.identity.parts["judges"] == judges_version()
    assert find_judge(f"metric/{name}").identity == judge.identity
    text = "The ladder leans on the barn, as ever. " * 4
    (value,) = judge.judge([Answer("a", "Write of a ladder.", text, target_words=(20, 40))])
    assert value is not None
    assert 0 <= value <= 1


@pytest.mark.parametrize("name", ["words", "metric/humor", "linear/warmth", "hummor", "", "/", "lora/"])
def test_an_unknown_judge_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(TimbreError, match="use one of"):
        find_judge(name)


def _slop_rows() -> list[list[object]]:
    sloppy = "#Grateful #Blessed #Mondays What a journey it has been! Let's dive in. 🚀🚀🚀 {}"
    plain = "The ferry left at nine with {} goats and one vicar, who was seasick before the harbour wall."
    return [[f"r{i}", "Write.", (sloppy if i % 2 else plain).format(i), i % 2] for i in range(30)]


def test_the_command_writes_a_licence_that_is_found_by_the_judges_name(
    tmp_path: Path, write_labels: WriteLabels
) -> None:
    folder = tmp_path / "licences"
    args = ["hashtag_slop", str(write_labels(_slop_rows())), "--labelled-by", "people", "--out", str(folder)]
    done = CliRunner().invoke(command, [*args, "--domain", "canary answers"])
    assert done.exit_code == 0, done.output
    identity = find_judge("hashtag_slop").identity
    licence = find_licence(str(identity), folder)
    assert licence is not None
    assert (licence.n, licence.domain, licence.dimension) == (30, "canary answers", "hashtag_slop")
    assert licence.agreement.auc is not None
    assert licence.agreement.auc.estimate > 0.95
    assert str(licence_path(identity.digest, folder)) in done.stdout
    assert "sensitivity" in done.stdout


def test_the_command_says_what_it_replaces_and_what_the_gate_misses(
    tmp_path: Path, write_labels: WriteLabels
) -> None:
    args = ["linear/humor", str(write_labels()), "--labelled-by", "model", "--out", str(tmp_path)]
    first, again = (CliRunner().invoke(command, args) for _ in range(2))
    assert "in place of" not in first.stderr and "in place of the licence of 20" in again.stderr
    assert "policy does not accept it: labelled by a model" in first.stderr


def test_the_command_in_json_prints_the_file(tmp_path: Path, write_labels: WriteLabels) -> None:
    args = ["hashtag_slop", str(write_labels(_slop_rows())), "--labelled-by", "model", "--out", str(tmp_path)]
    told = json.loads(CliRunner().invoke(command, [*args, "--json"]).stdout)
    path = licence_path(told["digest"], tmp_path)
    assert told == json.loads(path.read_text())
    assert read_licence(path).labelled_by == "model"


def test_who_labelled_must_be_said(write_labels: WriteLabels) -> None:
    done = CliRunner().invoke(command, ["hashtag_slop", str(write_labels())])
    assert done.exit_code == 2
    assert "--labelled-by" in done.output


def test_the_cut_off_is_inside_the_scale(write_labels: WriteLabels) -> None:
    args = ["hashtag_slop", str(write_labels()), "--labelled-by", "people", "--cut"]
    assert [CliRunner().invoke(command, [*args, cut]).exit_code for cut in ("0", "1", "x")] == [2, 2, 2]


def test_there_are_enough_attacks_and_none_twice() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) >= 12


def test_compression_says_which_column_it_needs(write_labels: WriteLabels) -> None:
    with pytest.raises(TimbreError, match="give the column target_words"):
        calibrate(find_judge("compression"), read_labels(write_labels()), domain="", labelled_by="people")


def test_compression_is_calibrated_by_bands(write_labels: WriteLabels) -> None:
    rows = [[f"r{i}", "Write.", "The goat stood. " * (4 if i % 2 else 60), i % 2, "8-16"] for i in range(40)]
    labels = read_labels(write_labels(rows, "id,prompt,text,label,target_words"))
    found = calibrate(find_judge("compression"), labels, domain="", labelled_by="people")
    assert found.agreement.auc is not None
    assert found.agreement.auc.estimate == 1.0


def test_self_insertion_sees_a_shared_story_by_its_subjects(write_labels: WriteLabels) -> None:
    shared = "The three of us stood in front of the model that Saturday, and Watson broke first. Number {}."
    plain = "Watson stood in front of the model that Saturday, and nobody spoke. Number {}."
    rows = [
        [f"r{i}", "On Watson and Crick.", (shared if i % 2 else plain).format(i), i % 2, "Watson; Crick"]
        for i in range(40)
    ]
    labels = read_labels(write_labels(rows, "id,prompt,text,label,subjects"))
    found = calibrate(find_judge("self_insertion"), labels, domain="", labelled_by="people").agreement
    assert (found.confusion.true_yes, found.confusion.false_yes) == (20, 0)


def test_self_insertion_without_subjects_is_warned_about(tmp_path: Path, write_labels: WriteLabels) -> None:
    shared = "My mother swept that laboratory when I was nine. Number {}."
    rows = [
        [f"r{i}", "p", (shared if i % 2 else "Nobody swept it. Number {}.").format(i), i % 2]
        for i in range(40)
    ]
    args = ["self_insertion", str(write_labels(rows)), "--labelled-by", "people", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, args)
    assert done.exit_code == 0, done.output
    assert "no column subjects" in done.stderr
    assert "no column first_person_licensed" in done.stderr
