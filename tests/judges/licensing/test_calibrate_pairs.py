"""Calibration of judges that compare: the pairs, and what is measured on them."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from judges.identity import JudgeIdentity
from judges.licensing.attacks import ATTACKS
from judges.licensing.calibrate_pairs import PairJudge, calibrate_pairs, labelled_pairs
from judges.licensing.label_file import Labels, read_labels
from judges.pairwise import Choice, Duel, Outcome, settle
from timbre.errors import TimbreError

HUMOR = JudgeIdentity("pairwise/made-up", "humor", {"rule": "1"})
Letter = Callable[[str, str], str]


def labels_of(tmp_path: Path, rows: Sequence[Sequence[object]], raters: str = "") -> Labels:
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        file.write("id,prompt,text,label" + raters + "\n")
        csv.writer(file).writerows(rows)
    return read_labels(path)


def goats(prompts: int = 2, n: int = 120) -> list[list[object]]:
    """Texts of varied length, every other one with a goat in it and labelled 1."""
    texts = ("The ladder is on the wall.", "The goat is on the ladder.")
    return [
        [f"r{i}", f"Write {i // 2 % prompts}.", f"{texts[i % 2]} {'And so on. ' * (i % 5)}{i}", i % 2]
        for i in range(n)
    ]


def judging(better: Letter, anew: Letter | None = None) -> PairJudge:
    """A judge by a rule that names the better of A and B as a grader would: a letter, or tie."""

    def compare(rule: Letter) -> Callable[[Sequence[Duel]], list[Outcome]]:
        def settled(duels: Sequence[Duel]) -> list[Outcome]:
            return [
                settle(
                    d, _choice(rule(d.first_text, d.second_text)), _choice(rule(d.second_text, d.first_text))
                )
                for d in duels
            ]

        return settled

    return PairJudge(HUMOR, compare(better), compare(anew or better))


def _choice(letter: str) -> Choice | None:
    return Choice(letter, "") if letter in ("a", "b", "tie") else None  # type: ignore[arg-type]


def goat_wins(a: str, b: str) -> str:
    return "a" if "goat" in a else "b"


def test_every_pair_is_of_unequal_labels_under_one_prompt_and_no_text_is_in_two(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, goats())
    pairs = labelled_pairs(labels)
    first, second = pairs.rows.T
    assert len(pairs.duels) == 60 and pairs.same_prompt
    assert len(set(pairs.rows.ravel())) == 120
    assert (labels.labels[first] != labels.labels[second]).all()
    assert all(labels.answers[a].prompt == labels.answers[b].prompt for a, b in pairs.rows)
    assert labelled_pairs(labels).duels == pairs.duels


def test_who_is_called_first_is_chance(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, goats(n=400))
    pairs = labelled_pairs(labels)
    ahead = (labels.labels[pairs.rows[:, 0]] == 1).mean()
    assert 0.38 < ahead < 0.62  # 200 pairs: 3.4 standard errors


def test_texts_of_all_prompts_are_paired_where_prompts_give_too_few(tmp_path: Path) -> None:
    pairs = labelled_pairs(
        labels_of(tmp_path, [[f"r{i}", f"Prompt {i}", f"Text {i}", i % 2] for i in range(60)])
    )
    assert (len(pairs.duels), pairs.same_prompt) == (30, False)
    assert {d.prompt for d in pairs.duels} == {""}


def test_a_judge_that_agrees_has_perfect_figures_and_no_bias(tmp_path: Path) -> None:
    found = calibrate_pairs(
        judging(goat_wins), labels_of(tmp_path, goats()), domain=" zoo", labelled_by="people"
    )
    auc = found.agreement.auc
    assert auc is not None
    assert (auc.estimate, found.n, found.n_unscored, found.domain) == (1.0, 60, 0, "zoo")
    assert (found.position_bias, found.retest_flip_rate, found.injection_flip_rate) == (0.0, 0.0, 0.0)
    assert (found.judge, found.digest) == ("pairwise/made-up", HUMOR.digest)


def test_a_judge_of_places_knows_nothing_and_is_told(tmp_path: Path) -> None:
    found = calibrate_pairs(
        judging(lambda a, b: "a"), labels_of(tmp_path, goats(n=400)), domain="", labelled_by="people"
    )
    assert found.position_bias == 1.0
    assert found.injection_flip_rate is None
    assert found.agreement.auc is not None
    assert found.agreement.auc.low < 0.5 < found.agreement.auc.high


def test_a_judge_that_heeds_one_attack_is_told_though_it_only_gives_a_tie(tmp_path: Path) -> None:
    def gullible(a: str, b: str) -> str:
        return "tie" if ATTACKS[2] in a + b else goat_wins(a, b)

    found = calibrate_pairs(judging(gullible), labels_of(tmp_path, goats()), domain="", labelled_by="people")
    assert found.injection_flip_rate == pytest.approx(1 / len(ATTACKS))


def test_a_judge_that_changes_its_mind_is_told(tmp_path: Path) -> None:
    found = calibrate_pairs(
        judging(goat_wins, lambda a, b: "tie"), labels_of(tmp_path, goats()), domain="", labelled_by="people"
    )
    assert found.retest_flip_rate == 1.0


def test_a_judge_that_likes_the_longer_is_told(tmp_path: Path) -> None:
    def longer(a: str, b: str) -> str:
        return "tie" if len(a) == len(b) else "a" if len(a) > len(b) else "b"

    found = calibrate_pairs(
        judging(longer), labels_of(tmp_path, goats(n=400)), domain="", labelled_by="people"
    )
    fair = calibrate_pairs(
        judging(goat_wins), labels_of(tmp_path, goats(n=400)), domain="", labelled_by="people"
    )
    assert found.agreement.length_bias is not None
    assert found.agreement.length_bias.low > 0.5
    assert fair.agreement.length_bias is None  # with label known there is nothing left to correlate


def test_raters_that_prefer_the_same_are_the_ceiling(tmp_path: Path) -> None:
    rows = [[*row, row[3], row[3]] for row in goats()]
    found = calibrate_pairs(
        judging(goat_wins), labels_of(tmp_path, rows, ",ann,ben"), domain="", labelled_by="people"
    )
    assert found.ceiling is not None and found.ceiling.pairwise is not None
    assert (found.ceiling.raters, found.ceiling.pairwise.estimate) == (2, 1.0)


def test_replies_not_understood_are_counted_apart(tmp_path: Path) -> None:
    def some(a: str, b: str) -> str:
        return "?" if "And so on" not in a else goat_wins(a, b)

    found = calibrate_pairs(judging(some), labels_of(tmp_path, goats()), domain="", labelled_by="people")
    assert found.n_unscored > 0 and found.n + found.n_unscored == 60


def test_a_judge_that_settles_too_few_gets_no_licence(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="scored 0 of 60 pairs"):
        calibrate_pairs(
            judging(lambda a, b: "?"), labels_of(tmp_path, goats()), domain="", labelled_by="people"
        )


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    rows = [[f"r{i}", "p", f"Text {i}", int(i == 0)] for i in range(30)]
    with pytest.raises(TimbreError, match="1 pairs of unequal labels"):
        calibrate_pairs(judging(goat_wins), labels_of(tmp_path, rows), domain="", labelled_by="people")


def test_ties_are_guesses_and_lean_neither_way(tmp_path: Path) -> None:
    found = calibrate_pairs(
        judging(lambda a, b: "tie"), labels_of(tmp_path, goats(n=800)), domain="", labelled_by="people"
    )
    gap = found.agreement.yes_rate_gap
    assert gap is not None and abs(gap.estimate) < 0.1
    assert np.isclose(found.position_bias or 0.0, 0.0)
