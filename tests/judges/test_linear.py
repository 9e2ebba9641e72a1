"""The linear judges: stored without pickle, read in windows, and told apart by their weights."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.licensing.licence import find_licence
from judges.linear import (
    TARGETS,
    WEIGHTS,
    WINDOW_WORDS,
    fit,
    linear_identity,
    linear_judgements,
    load,
    windows,
)
from judges.plain_text import words
from judges.types import Answer
from timbre.errors import TimbreError

JOKE = "I asked my cat for an honest opinion of my poems. She buried them."
NOTICE = "The library opens at nine on Monday. Please return borrowed books to the front desk by Friday."
RUDE = "You people are disgusting idiots and your stupid religion is a joke, you ugly morons."


def value(text: str, dimension: str) -> float:
    found = linear_judgements(Answer("t", "p", text))[dimension].value
    assert found is not None
    return found


def test_a_joke_is_funnier_than_a_notice_and_an_insult_more_provocative() -> None:
    assert value(JOKE, "humor") > value(NOTICE, "humor") + 0.2
    assert value(RUDE, "provocativeness") > 2 * value(NOTICE, "provocativeness")


def test_a_long_answer_is_the_mean_of_its_windows_and_quotes_the_highest() -> None:
    notice = (NOTICE + " ") * 4
    judged = linear_judgements(Answer("t", "p", notice + JOKE))["humor"]
    assert judged.details["windows"] > 2
    assert judged.evidence[0].text in JOKE
    assert value(NOTICE, "humor") < (judged.value or 0) < value(JOKE, "humor")


@given(st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_windows_are_whole_sentences_in_order_and_no_longer_than_they_may_be(lengths: list[int]) -> None:
    text = " ".join("Word" + " word" * (n - 1) + "." for n in lengths)
    found = windows(text)
    assert sum(len(words(said)) for said, _, _ in found) == sum(lengths)
    assert all(a[2] <= b[1] for a, b in pairwise(found))
    for said, start, end in found:
        assert text[start:end].split() == said.split()
        assert len(words(said)) <= WINDOW_WORDS or said.count(".") == 1


def test_an_answer_of_hashtags_alone_is_unscored() -> None:
    judged = linear_judgements(Answer("t", "p", "#one #two"))
    assert all(j.value is None and j.unscored for j in judged.values())


def test_what_is_fitted_is_stored_and_read_back_to_half_precision(tmp_path: Path) -> None:
    texts = [JOKE, NOTICE, RUDE, JOKE.upper(), NOTICE.lower(), "Nothing to see."]
    made = fit(
        texts, np.array([1, 0, 0, 1, 0, 0]), np.array([2, 0, 0, 3, 0, 0.0]), np.array([0, 0, 4, 0, 0, 1.0])
    )
    made.save(tmp_path / "judge.npz")
    read = load(tmp_path / "judge.npz")
    for target in TARGETS:
        np.testing.assert_allclose(made.predict(texts)[target], read.predict(texts)[target], atol=2e-3)
    assert made.predict(texts)["is_humor"][0] > made.predict(texts)["is_humor"][1]
    assert len(read.digest) == 64 and read.digest != load().digest


@pytest.mark.parametrize("broken", [b"not an archive", WEIGHTS.read_bytes()[:5000]])
def test_a_broken_file_is_told_by_name(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "judge.npz").write_bytes(broken)
    with pytest.raises(TimbreError, match=r"judge\.npz: not a linear judge"):
        load(tmp_path / "judge.npz")


def test_every_judgement_names_its_judge() -> None:
    judged = linear_judgements(Answer("t", "p", JOKE))
    assert judged["humor"].judge == str(linear_identity("humor"))
    assert judged["humor"].judge != judged["provocativeness"].judge


@pytest.mark.parametrize("dimension", ["humor", "provocativeness"])
def test_the_shipped_judges_have_a_licence_by_people_for_what_they_were_fitted_on(dimension: str) -> None:
    licence = find_licence(str(linear_identity(dimension)))
    assert licence is not None, "the weights or their reading changed: calibrate them anew"
    assert (licence.labelled_by, licence.domain) == ("people", "tweets and jokes")
