"""``timbre score``: lines in, lines out, and mistakes located before anything is printed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from judges.command import read_answers, score
from judges.types import DIMENSIONS, Answer
from timbre.errors import TimbreError

GOOD = {"id": "a", "prompt": "p", "text": "Anna paid $4. #done", "subjects": ["Anna"], "target_words": [3, 9]}


@pytest.fixture()
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"response": "A response about a heron.", "split": "train"}\n', encoding="utf-8")
    return path


def _run(pairs: Path, *args: str, given: str | None = None) -> tuple[str, BaseException | None]:
    done = CliRunner().invoke(score, [*args, "--voice", str(pairs)], input=given)
    return done.output, done.exception


def test_every_optional_key_reaches_the_answer() -> None:
    line = json.dumps({**GOOD, "first_person_licensed": True, "model": "x"}).encode()
    assert read_answers(line, "f") == [Answer("a", "p", str(GOOD["text"]), ("Anna",), True, (3, 9))]


def test_json_gives_a_line_a_text_with_every_dimension(pairs: Path) -> None:
    given = json.dumps(GOOD) + "\n" + json.dumps({"id": "b", "prompt": "p", "text": ""}) + "\n"
    output, _ = _run(pairs, "-", "--json", given=given)
    first, second = [json.loads(line) for line in output.splitlines()]
    assert (first["id"], second["id"]) == ("a", "b")
    assert list(first["scores"]) == list(DIMENSIONS)
    slop = first["scores"]["hashtag_slop"]
    assert slop["evidence"] == [{"text": "#done", "start": 14, "end": 19, "why": "hashtag"}]
    assert set(slop) == {"value", "evidence", "unscored"} and slop["unscored"] is None
    assert second["scores"]["integrity"]["value"] == 1.0 and second["scores"]["compression"]["value"] == 0.0
    assert second["scores"]["memorization"] == {"value": None, "evidence": [], "unscored": "empty answer"}


def test_a_lone_surrogate_does_not_stop_the_output(pairs: Path) -> None:
    output, error = _run(
        pairs, "-", "--json", given='{"id": "a", "prompt": "p", "text": "#\\ud800x is odd."}'
    )
    assert error is None and json.loads(output)["id"] == "a"


def test_the_table_counts_what_is_unscored_and_says_why(pairs: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}", encoding="utf-8")
    output, _ = _run(pairs, str(file))
    rows = {line.split()[0]: line for line in output.splitlines()}
    assert set(rows) == {"dimension", *DIMENSIONS}
    assert "no grader" in rows["warmth"] and rows["words"].split()[2:5] == ["2", "3.00", "3.00"]


WRITERS = {"first_person_licensed": True}


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("# Herons\n\nI saw one.", [Answer("f", "A note.", "# Herons\n\nI saw one.", **WRITERS)]),
        ("---\ntitle: x\n---\nI saw one.\n", [Answer("f", "A note.", "I saw one.", **WRITERS)]),
        ("\ufeffI saw\r\none.", [Answer("f", "A note.", "I saw\none.", **WRITERS)]),
        (
            '\n{"prompt": "p", "response": "I saw one.", "split": "val"}',
            [Answer("line 2", "p", "I saw one.", **WRITERS)],
        ),
    ],
)
def test_a_text_and_a_voices_pairs_are_judged_as_they_are(given: str, answers: list[Answer]) -> None:
    assert read_answers(given.encode(), "f", "A note.") == answers


def test_one_text_is_shown_by_its_values_and_evidence(pairs: Path) -> None:
    output, error = _run(pairs, "-", given="A heron stood there. #birds")
    rows = {line.split()[0]: line for line in output.splitlines()}
    assert error is None and set(rows) == {"dimension", *DIMENSIONS}
    assert rows["hashtag_slop"].endswith("hashtag: #birds") and "nan" not in output
    assert rows["relevance"].endswith("-  no prompt to belong to")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not JSON"),
        ('{"prompt": "p", "text": "t"}', "key 'id' is missing"),
        ('{"id": 7, "prompt": "p", "text": "t"}', "key 'id' is not a string"),
        ('{"id": "a", "text": "t"}', "key 'prompt' is missing"),
        ('{"id": "a", "prompt": "p", "text": "t", "target_word": [1, 2]}', "write 'target_words'"),
        ('{"id": "a", "prompt": "p", "text": "t", "target_words": [9, 2]}', "target_words is not a band"),
        ('{"id": "a", "prompt": "p", "text": "t", "target_words": [true, 2]}', "target_words is not a band"),
        ('{"id": "a", "prompt": "p", "text": "t", "subjects": "Anna"}', "subjects is not a list"),
        ('{"id": "a", "prompt": "p", "text": "t", "first_person_licensed": 1}', "no truth value"),
    ],
)
def test_a_bad_line_is_located_and_nothing_is_printed(pairs: Path, line: str, message: str) -> None:
    output, error = _run(pairs, "-", "--json", given=json.dumps(GOOD) + "\n" + line)
    assert isinstance(error, TimbreError) and output == ""
    assert str(error).startswith("<stdin>:2: ") and message in str(error)


def test_an_empty_file_and_a_missing_one_are_errors(pairs: Path, tmp_path: Path) -> None:
    assert "nothing to judge" in str(_run(pairs, "-", given="\n")[1])
    assert "can't read" in str(_run(pairs, str(tmp_path / "none.jsonl"))[1])


def test_help_shows_a_line_and_how_to_call_it() -> None:
    shown = CliRunner().invoke(score, ["--help"]).output
    assert '"target_words": [30, 90]' in shown and "timbre score answers.jsonl --json" in shown
