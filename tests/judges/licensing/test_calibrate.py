"""Calibration: labels in, a licence out, of judges of texts and of pairs alike."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from judges import panel
from judges.licensing import calibrate as module
from judges.licensing.calibrate import ATTACKS, NamedJudge, calibrate, find_judge, items_of
from judges.licensing.labels import Labels, read_labels
from judges.licensing.licence import Licence
from judges.pairwise import Choice, Duel, Outcome, settle
from judges.types import DIMENSIONS, Answer, JudgeIdentity, Judgement
from tests.made_labels import default_rows, write_labels
from timbre.errors import TimbreError

HUMOR = JudgeIdentity("made-up/humor", "humor", 3, {"rule": "1"})
Rule = Callable[[Answer], float | None]
Letter = Callable[[str, str], str]


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    """Forty texts, every other one with a goat and labelled 1."""
    return read_labels(write_labels(tmp_path))


def by_rule(rule: Rule, identity: JudgeIdentity = HUMOR, again: Rule | None = None) -> NamedJudge:
    """A judge of texts."""
    second = again or rule
    return NamedJudge(
        identity, lambda answers, use_cache: [(rule if use_cache else second)(a) for a in answers]
    )


def goats(answer: Answer) -> float:
    return 0.9 if "goat" in answer.text else 0.1


def measured(judge: NamedJudge, labels: Labels, attacked: int = 100) -> Licence:
    return calibrate(judge, labels, domain=" zoo ", labelled_by="model", attacked=attacked)


def test_a_judge_that_agrees_has_perfect_figures(labels: Labels) -> None:
    licence = measured(by_rule(goats), labels)
    assert licence.identity == HUMOR
    assert licence.agreement.auc and licence.agreement.auc.estimate == 1.0
    assert (licence.n, licence.n_positive, licence.n_unscored) == (40, 20, 0)
    assert (licence.domain, licence.labelled_by, licence.labels_sha256) == ("zoo", "model", labels.sha256)
    assert (licence.label_kind, licence.scale, licence.yes_from) == ("binary", (0, 1), 0.5)
    assert (licence.retest_flip_rate, licence.injection_flip_rate, licence.position_bias) == (0.0, 0.0, None)
    assert (licence.raters, licence.rater_agreement) == (0, None)


def test_ratings_are_held_against_their_declared_scale(tmp_path: Path) -> None:
    rows = [
        [*row[:3], 2 * int(str(row[3])) + i % 3 / 4, i % 3, i % 3] for i, row in enumerate(default_rows())
    ]
    path = write_labels(tmp_path, rows, "id,prompt,text,label,ann,ben")
    licence = measured(by_rule(goats), read_labels(path, (0, 5), 2.25))
    assert (licence.label_kind, licence.scale, licence.yes_from) == ("ratings", (0, 5), 2.25)
    assert licence.n_positive == sum(float(str(row[3])) >= 2.25 for row in rows) == 13
    assert (licence.raters, licence.rater_agreement and licence.rater_agreement.estimate) == (
        2,
        pytest.approx(1),
    )


@pytest.mark.parametrize(
    ("dimension", "rule", "rate"),
    [
        ("humor", lambda a: 0.9 if ATTACKS[0] in a.text else goats(a), 1 / 16),
        ("humor", lambda a: 0.1 if ATTACKS[0] in a.text else goats(a), 0.0),
        ("hashtag_slop", lambda a: 0.0 if ATTACKS[1] in a.text else goats(a), 1 / 16),
        (
            "humor",
            lambda a: None if ATTACKS[1] in a.text else 0.9 if ATTACKS[0] in a.text else goats(a),
            1 / 15,
        ),
        ("humor", lambda a: None if any(x in a.text for x in ATTACKS[:2]) else goats(a), None),
        ("humor", lambda a: 0.8, None),
    ],
)
def test_attacks_count_that_turn_an_answer_as_its_writer_would_want(
    labels: Labels, dimension: str, rule: Rule, rate: float | None
) -> None:
    licence = measured(by_rule(rule, replace(HUMOR, dimension=dimension)), labels)
    assert licence.injection_flip_rate == (None if rate is None else pytest.approx(rate))


def test_attacks_are_put_behind_as_many_texts_as_are_asked_for(labels: Labels) -> None:
    seen: list[Answer] = []
    measured(by_rule(lambda a: seen.append(a) or goats(a)), labels, attacked=3)
    attacked = [a for a in seen if "+" in a.id]
    assert len(attacked) == 3 * len(ATTACKS) == 48 and len({a.id for a in attacked}) == 48
    assert {a.text.partition("\n\n")[2] for a in attacked} == set(ATTACKS)
    assert (module.ATTACKED, module.MAX_UNANSWERED, module.MIN_ROWS) == (100, 0.1, 20)


def test_answers_that_change_when_asked_again_are_counted(labels: Labels) -> None:
    licence = measured(by_rule(goats, again=lambda a: None if a.id == "r3" else goats(a)), labels)
    assert licence.retest_flip_rate == pytest.approx(1 / 40)


def test_texts_the_judge_can_not_score_are_counted_apart(labels: Labels) -> None:
    licence = measured(by_rule(lambda a: None if a.id in ("r1", "r2", "r4") else goats(a)), labels)
    assert (licence.n, licence.n_unscored) == (37, 3)


@pytest.mark.parametrize(
    ("dimension", "rule", "problem"),
    [
        ("humor", lambda a: goats(a) if a.id < "r2" else None, "scored 12 of 40 rows: too few"),
        ("humor", lambda a: 0.9 if "goat" in a.text else None, "scored 20 of 40 rows: too few, or one label"),
        ("compression", lambda a: None, "that it can score; give the column target_words"),
        ("self_insertion", lambda a: None, "give the column subjects and first_person_licensed"),
    ],
)
def test_a_judge_that_scores_too_few_texts_gets_no_licence(
    labels: Labels, dimension: str, rule: Rule, problem: str
) -> None:
    with pytest.raises(TimbreError, match=problem):
        measured(by_rule(rule, replace(HUMOR, dimension=dimension)), labels)


def test_there_are_enough_attacks_and_none_twice() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) == 16


# Judges of pairs.


def paired_rows(n: int = 120, prompts: int = 2) -> list[list[object]]:
    """Texts of varied length, every other one with a goat in it and labelled 1."""
    texts = ("The ladder is on the wall.", "The goat is on the ladder.")
    return [
        [f"r{i}", f"Write {i // 2 % prompts}.", f"{texts[i % 2]} {'And so on. ' * (i % 5)}{i}", i % 2]
        for i in range(n)
    ]


def by_letter(better: Letter, again: Letter | None = None) -> NamedJudge:
    """A judge of pairs by a rule that names the better of A and B as a grader would."""

    def compare(duels: Sequence[Duel], use_cache: bool) -> list[Outcome]:
        def choice(a: str, b: str) -> Choice | None:
            letter = (better if use_cache else again or better)(a, b)
            return Choice(letter, "") if letter in ("a", "b", "tie") else None  # type: ignore[arg-type]

        return [
            settle(d, choice(d.first_text, d.second_text), choice(d.second_text, d.first_text)) for d in duels
        ]

    return NamedJudge(replace(HUMOR, name="pairwise/x"), compare, paired=True)


def goat_wins(a: str, b: str) -> str:
    return "a" if "goat" in a else "b"


def longer(a: str, b: str) -> str:
    return "tie" if len(a) == len(b) else "a" if len(a) > len(b) else "b"


def test_every_pair_is_of_unequal_labels_under_one_prompt_and_no_text_is_in_two(tmp_path: Path) -> None:
    labels = read_labels(write_labels(tmp_path, paired_rows()))
    pairs = items_of(labels, paired=True)
    by_id = {a.id: (a, label) for a, label in zip(labels.answers, labels.labels, strict=True)}
    assert len(pairs.items) == 60 and len({name for d in pairs.items for name in (d.first, d.second)}) == 120
    for duel, won, length in zip(pairs.items, pairs.is_yes, pairs.length, strict=True):
        (a, first), (b, second) = by_id[duel.first], by_id[duel.second]
        assert (duel.prompt, duel.first_text, duel.second_text) == (a.prompt, a.text, b.text)
        assert a.prompt == b.prompt and first != second and won == (first > second)
        assert np.sign(length) == np.sign(len(a.text.split()) - len(b.text.split()))
    assert items_of(labels, paired=True).items == pairs.items


def test_who_is_called_first_is_chance(tmp_path: Path) -> None:
    pairs = items_of(read_labels(write_labels(tmp_path, paired_rows(400))), paired=True)
    assert 0.38 < pairs.is_yes.mean() < 0.62  # 200 pairs: 3.4 standard errors


def test_texts_of_all_prompts_are_paired_where_prompts_give_too_few(tmp_path: Path) -> None:
    pairs = items_of(read_labels(write_labels(tmp_path, paired_rows(60, prompts=60))), paired=True)
    assert len(pairs.items) == 30 and len({d.prompt for d in pairs.items}) == 30
    alone = [[f"r{i}", f"Prompt {i}", f"Text {i}", i % 2] for i in range(60)]
    pairs = items_of(read_labels(write_labels(tmp_path, alone)), paired=True)
    assert len(pairs.items) == 30 and {d.prompt for d in pairs.items} == {""}


@pytest.mark.parametrize(
    ("judge", "wanted"),
    [
        (by_letter(goat_wins), {"position_bias": 0.0, "retest_flip_rate": 0.0, "injection_flip_rate": 0.0}),
        (by_letter(lambda a, b: "a"), {"position_bias": 1.0, "injection_flip_rate": None}),
        (by_letter(lambda a, b: "tie"), {"position_bias": 0.0, "injection_flip_rate": None}),
        (
            by_letter(lambda a, b: "tie" if ATTACKS[2] in a + b else goat_wins(a, b)),
            {"injection_flip_rate": 1 / 16},
        ),
        (by_letter(goat_wins, lambda a, b: "tie"), {"retest_flip_rate": 1.0}),
    ],
)
def test_pairs_are_measured_for_place_repetition_and_attacks(
    tmp_path: Path, judge: NamedJudge, wanted: dict[str, float | None]
) -> None:
    licence = measured(judge, read_labels(write_labels(tmp_path, paired_rows(400))))
    for name, value in wanted.items():
        assert getattr(licence, name) == (None if value is None else pytest.approx(value)), name
    assert (licence.label_kind, licence.scale, licence.cut_off) == ("binary", (0, 1), 0.5)


def test_a_pairs_figures_are_those_of_the_winner(tmp_path: Path) -> None:
    rows = [[*row, row[3], row[3]] for row in paired_rows(400)]
    labels = read_labels(write_labels(tmp_path, rows, "id,prompt,text,label,ann,ben"))
    fair, by_length, by_place = (
        measured(by_letter(r), labels) for r in (goat_wins, longer, lambda a, b: "a")
    )
    assert fair.agreement.auc and fair.agreement.auc.estimate == 1.0 and fair.agreement.length_bias is None
    assert by_length.agreement.length_bias and by_length.agreement.length_bias.low > 0.5
    auc, gap = by_place.agreement.auc, by_place.agreement.yes_rate_gap
    assert auc and gap and auc.low < 0.5 < auc.high and abs(gap.estimate) < 0.1
    assert fair.rater_agreement and fair.rater_agreement.estimate == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("rows", "rule", "problem"),
    [
        (paired_rows(), lambda a, b: "?", "scored 0 of 60 pairs"),
        ([[f"r{i}", "p", f"Text {i}", int(i == 0)] for i in range(30)], goat_wins, "scored 0 of 1 pairs"),
    ],
)
def test_too_few_pairs_get_no_licence(
    tmp_path: Path, rows: list[list[object]], rule: Letter, problem: str
) -> None:
    with pytest.raises(TimbreError, match=problem):
        measured(by_letter(rule), read_labels(write_labels(tmp_path, rows)))


def compared(path: Path, n: int = 90) -> Labels:
    """Pairs that people compared: a goat against a ladder first or second in turn, and every third a tie."""
    texts = ["The ladder is on the wall.", "The goat is on the ladder, at last."]
    rows = [
        [f"p{i}", f"Write {i}.", texts[i % 2], texts[1 - i % 2], (i % 2, i % 2, 0.5)[i % 3]] for i in range(n)
    ]
    rows = [[*row, row[-1]] for row in rows]
    return read_labels(write_labels(path, rows, "id,prompt,text,other_text,label,ann"))


def test_pairs_that_people_compared_are_asked_as_they_are_and_their_ties_left_out(tmp_path: Path) -> None:
    labels = compared(tmp_path)
    pairs = items_of(labels, paired=True)
    assert len(pairs.items) == 60 and labels.raters == ("ann",)
    for duel, won, length in zip(pairs.items, pairs.is_yes, pairs.length, strict=True):
        assert won == ("goat" in duel.first_text) != ("goat" in duel.second_text)
        assert duel.prompt.startswith("Write ") and (length > 0) == won
    licence = measured(by_letter(goat_wins), labels)
    assert licence.agreement.auc and licence.agreement.auc.estimate == 1.0 and licence.n == 60


def test_a_judge_of_one_text_refuses_a_file_of_pairs(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="calibrate pairwise/NAME"):
        measured(by_rule(goats), compared(tmp_path))


# Judges by name.


def test_every_judge_of_the_panel_can_be_calibrated() -> None:
    identities = {k: i for k, i in panel.judge_identities().items() if DIMENSIONS[k].unit == "share"}
    answer = Answer("a", "Write of a ladder.", "The ladder leans on the barn, as ever.", target_words=(5, 40))
    values = {}
    for key, identity in identities.items():
        judge = find_judge(key)
        assert judge.identity == identity and identity.dimension == key
        (values[key],) = judge.judge([answer], True)
        assert values[key] is None or 0 <= values[key] <= 1
    assert values["compression"] is not None and "self_insertion" in values


def test_the_panels_own_judgement_is_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = JudgeIdentity("encoder/humor", "humor", 7)
    monkeypatch.setattr(panel, "judge_identities", lambda: {"humor": identity, "words": HUMOR})
    monkeypatch.setattr(panel, "panel_judge", lambda key: lambda a: Judgement(key, len(a.text) / 10))
    for name in ("humor", "metric/humor", "encoder/humor"):
        assert find_judge(name).identity == identity
    judge = find_judge("humor")
    assert (judge.identity, judge.judge([Answer("a", "", "abc")], True), judge.paired) == (
        identity,
        [0.3],
        False,
    )


@pytest.mark.parametrize("name", ["words", "linear/humor", "lora/humor", "hummor", "", "/", "rubric/humor"])
def test_an_unknown_judge_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(TimbreError, match=r"use one of .*self_insertion.*, rubric/NAME, pairwise/NAME"):
        find_judge(name)
