"""Counts, sentence variation, and four indices that need no download."""

import os
import subprocess
import sys

import pytest

from judges.readability import readability
from judges.types import Answer

NO_NETWORK = """
import socket
def refuse(*a, **k): raise AssertionError("network touched")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import nltk
nltk.download = refuse
from judges.readability import readability
from judges.types import Answer
found = readability(Answer("a", "", "Readability figures never download anything. They only count letters."))
assert all(j.value is not None for j in found.values()), found
"""


def test_the_figures_touch_no_network_even_without_any_nltk_data(tmp_path: object) -> None:
    env = {**os.environ, "NLTK_DATA": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", NO_NETWORK], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_words_and_sentences_are_counted_in_the_prose() -> None:
    found = readability(Answer("a", "", "# One two\nThree **four** five. #six\n- seven"))
    assert (found["words"].value, found["sentences"].value) == (6.0, 3.0)


def test_sentence_variation_is_the_spread_over_the_mean() -> None:
    even = readability(Answer("a", "", "One two three. Four five six."))
    uneven = readability(Answer("a", "", "One. Two three four five six seven."))
    assert even["sentence_cv"].value == 0.0
    assert uneven["sentence_cv"].value == pytest.approx(1.0102, abs=1e-3)


def test_one_sentence_has_no_variation_to_report() -> None:
    assert readability(Answer("a", "", "Only one sentence."))["sentence_cv"].unscored


def test_lix_and_rix_follow_their_formulas() -> None:
    found = readability(Answer("a", "", "Mr. Smith considered everything carefully. It cost 3.50 in all."))
    assert found["lix"].value == pytest.approx(5.0 + 30.0)
    assert found["rix"].value == pytest.approx(1.5)


def test_clipped_answers_have_no_index() -> None:
    found = readability(Answer("a", "", "Yes. No. Never."))
    assert found["words"].value == 3.0
    assert all(found[key].unscored for key in ("ari", "coleman_liau", "lix", "rix"))
