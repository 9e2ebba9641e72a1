"""Sessions of labels: who gets which texts in which order, what is kept, and what is told of it."""

import csv
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from judges.licensing.agreement import rater_agreement
from judges.licensing.labels import read_labels
from results.labelling.command import label
from results.labelling.items import Item, Session, chosen, pair_items, scale_of, segments, text_items
from results.labelling.ratings import (
    Rating,
    RatingFile,
    labels_table,
    rating_path,
    read_ratings,
    tallies,
)
from results.logs import read_logs
from timbre.errors import TimbreError

SCALE = scale_of("humor", pairs=False)


def items(n: int) -> dict[str, Item]:
    return {f"{i:02d}": Item(f"{i:02d}", f"Prompt {i}.", f"Text {i}.") for i in range(n)}


def session(rater: str, n: int = 30) -> Session:
    return Session("humor", False, rater, items(n), 100, 10)


def test_each_rater_has_an_order_of_the_same_texts_and_sees_every_tenth_twice() -> None:
    orders = [session(rater).steps for rater in ("ann", "ben")]
    for steps in orders:
        first = [shown for shown, again in steps if not again]
        second = [shown for shown, again in steps if again]
        assert sorted(first) == sorted(items(30)) and second == first[::10]
        for shown in second:
            assert steps.index((shown, True)) - steps.index((shown, False)) > 7
    assert orders[0] != orders[1] and orders[0] == session("ann").steps


def test_a_session_keeps_what_was_rated_and_draws_the_rest() -> None:
    rated = {"99": Item("99", "Gone.", "No log has it now.")}
    drawn = chosen(items(30).values(), rated, 12)
    assert len(drawn) == 12 and "99" in drawn
    assert set(drawn) < set(chosen(items(40).values(), rated, 20))


def test_answers_are_shown_once_and_never_with_their_run(write_log: Callable[..., Path]) -> None:
    write_log("baseline", text=lambda c, e: "The same." if c < 6 else f"Mine {c}, {e}.")
    path = write_log("run2", text=lambda c, e: "The same." if c < 6 else f"Yours {c}, {e}.")
    logs = read_logs([path.parent], ["baseline", "run2"])
    texts, pairs = text_items(logs), pair_items(logs)
    assert len(texts) == 6 + 2 * 12 and len(pairs) == 12
    assert {t.target_words for t in texts} == {(60, 120)} and any(t.first_person_licensed for t in texts)
    assert 0 < sum(p.text.startswith("Mine") for p in pairs) < 12
    assert not any(run in str(shown) for shown in (*texts, *pairs) for run in ("baseline", "run2"))


def test_what_a_loop_repeats_is_a_part_of_its_own() -> None:
    text = "It began so. " + "I am going to see the king. " * 5 + "The end."
    parts = segments(text)
    assert "".join(part for part, _ in parts) == text
    assert [count for _, count in parts] == [0, 5, 0]


def test_a_label_is_kept_taken_back_and_survives_half_a_line(tmp_path: Path) -> None:
    path, (one, two, *_) = rating_path(tmp_path, "humor", "ann"), items(3).values()
    with RatingFile(path, "ann") as file:
        file.add(one, 3, False)
        file.add(two, 1, False)
        file.add(two, None, False)
        file.add(one, 4, False)
    with path.open("a") as half:
        half.write('{"id": "02", "prom')
    assert read_ratings(path, "ann") == [Rating(one, "ann", 4)]
    with RatingFile(path, "ann") as file:
        file.add(two, 2, True)
        assert file.ratings() == [Rating(one, "ann", 4), Rating(two, "ann", 2, again=True)]


def test_on_a_full_disk_the_file_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, (one, two, *_) = rating_path(tmp_path, "humor", "ann"), items(3).values()

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with RatingFile(path, "ann") as file:
        file.add(one, 3, False)
        with monkeypatch.context() as patched, pytest.raises(TimbreError, match="No space left"):
            patched.setattr(os, "fsync", full)
            file.add(two, 1, False)
        file.add(two, 2, False)
    assert [r.value for r in read_ratings(path, "ann")] == [3, 2]


def test_two_processes_dont_rate_under_one_name(tmp_path: Path) -> None:
    path = rating_path(tmp_path, "humor", "ann")
    with RatingFile(path, "ann"), pytest.raises(TimbreError, match="ann is rating in another process"):
        RatingFile(path, "ann").__enter__()


@pytest.mark.parametrize("name", ["", "../up", "a b", "label", "subjects", ".x"])
def test_a_name_that_is_no_file_or_another_column_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="can't name a rater"):
        rating_path(tmp_path, "humor", name)


def test_a_line_that_is_no_label_is_named(tmp_path: Path) -> None:
    path = rating_path(tmp_path, "humor", "ann")
    path.write_text('\n{"id": "a"}\n')
    with pytest.raises(TimbreError, match=r"humor.ann.jsonl:2: not a label"):
        read_ratings(path, "ann")


def test_two_raters_are_two_columns_and_the_label_their_mean(tmp_path: Path) -> None:
    ratings = [Rating(item, "ann", at % 5) for at, item in enumerate(items(40).values())]
    ratings += [Rating(r.item, "ben", max(0, r.value - 1)) for r in ratings[:30]]
    ratings += [Rating(ratings[0].item, "ann", 4, again=True)]
    path = tmp_path / "labels.csv"
    path.write_text(labels_table(ratings, "humor"))
    labels = read_labels(path, (0, 4))
    assert labels.raters == ("ann", "ben") and len(labels.labels) == 40
    between = rater_agreement(labels.ratings)
    assert between is not None and between.estimate > 0.9
    rows = {row["id"]: row for row in csv.DictReader(path.open())}
    assert [rows["04"][name] for name in ("label", "ann", "ben")] == ["3.5", "4", "3"]
    assert [rows["35"][name] for name in ("label", "ben")] == ["0", ""]


def test_the_table_has_the_columns_that_the_judge_goes_by(tmp_path: Path) -> None:
    own = {"subjects": ("Ada", "Bo"), "first_person_licensed": True}
    ratings = [Rating(Item(f"{i:02d}", "P", "T", **own), "ann", i % 2) for i in range(20)]  # type: ignore[arg-type]
    path = tmp_path / "labels.csv"
    path.write_text(labels_table(ratings, "self_insertion"))
    answer = read_labels(path).answers[0]
    assert (answer.subjects, answer.first_person_licensed) == (("Ada", "Bo"), True)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ((0, 1, 2), "of 3 shown twice, 3 got the same label again"),
        ((0, 2, 4), "of 3 shown twice, 1 got the same label again, 2 one at most a step away"),
        ((), "ann: 3 rated, 1 yes"),
    ],
)
def test_how_far_a_rater_agrees_with_themselves_is_told(second: tuple[int, ...], words: str) -> None:
    shown = list(items(3).values())
    ratings = [Rating(item, "ann", at) for at, item in enumerate(shown)]
    ratings += [Rating(item, "ann", v, again=True) for item, v in zip(shown, second, strict=False)]
    assert str(tallies(ratings, SCALE)[0]).endswith(words)


def test_an_offline_pages_labels_go_to_the_session_that_they_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    saved = tmp_path / "humor.ben.json"
    saved.write_text('{"session": "humor", "rater": "Ben O", "labels": [{"id": "a", "prompt": "P", "text": "T", '
                     '"value": 3, "again": false}]}')  # fmt: skip
    done = CliRunner().invoke(label, ["--dimension", "humor", "--import", str(saved)])
    assert done.exit_code == 0 and "- Ben-O: 1 rated, 1 yes" in done.output
    assert "--scale 0-4" in done.output
    other = CliRunner().invoke(label, ["--dimension", "warmth", "--import", str(saved)])
    assert "labels of humor, not of warmth; name its --dimension" in str(other.exception)
