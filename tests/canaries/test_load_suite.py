"""The loader takes what was meant and refuses the rest at a file and line."""

import hashlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canaries.suite import SHIPPED, load_suite
from canaries.types import KINDS, Canary
from timbre.errors import TimbreError

GOOD = """\
canaries:
  - id: opera
    kind: hot_take
    prompt: Is opera too long?
    subjects: []
    first_person_licensed: false
    facts: []
    target_words: [30, 90]
  - id: weil
    kind: third_party
    prompt: >-
      Who was Simone Weil,
      in short?
    subjects: [Simone Weil]
    first_person_licensed: true
    facts:
      - She taught philosophy.
    target_words: [60, 60]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, old: str, new: str) -> str:
    """What the loader says once ``old`` has become ``new`` in the good suite."""
    assert GOOD.count(old) >= 1
    path = write(folder, GOOD.replace(old, new, 1))
    with pytest.raises(TimbreError) as caught:
        load_suite(path)
    return str(caught.value).removeprefix(str(path))


def test_a_good_suite_gives_its_canaries_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    suite = load_suite(path)
    assert (suite.name, suite.path) == ("mine", path)
    assert suite.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [canary.id for canary in suite.canaries] == ["opera", "weil"]
    assert suite.canaries[1] == Canary(
        id="weil",
        kind="third_party",
        turns=("Who was Simone Weil, in short?",),
        subjects=("Simone Weil",),
        first_person_licensed=True,
        facts=("She taught philosophy.",),
        target_words=(60, 60),
    )


def test_a_description_is_allowed(tmp_path: Path) -> None:
    assert len(load_suite(write(tmp_path, "description: Two of them.\n" + GOOD)).canaries) == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    facts: []", "    fact: []", 7, "unknown key 'fact' in a canary"),
        ("canaries:", "author: me\ncanaries:", 1, "unknown key 'author' in a suite"),
        ("    facts: []\n", "", 2, "a canary lacks the key 'facts'"),
        ("id: weil", "id: opera", 9, "duplicate id 'opera' (first on line 2)"),
        ("kind: hot_take", "kind: rant", 3, "unknown kind 'rant'"),
        ("prompt: Is opera too long?", "prompt: ' '", 4, "prompt is empty"),
        ("id: opera", "id: op era", 2, "bad id 'op era'"),
        ("id: opera", "id: opéra", 2, "bad id 'opéra'"),
        ("[30, 90]", "[0, 90]", 8, "impossible word band [0, 90]"),
        ("[30, 90]", "[90, 30]", 8, "impossible word band [90, 30]"),
        ("[30, 90]", "[30, 2001]", 8, "impossible word band [30, 2001]"),
        ("[30, 90]", "[30]", 8, "target_words has 1 entries"),
        ("[30, 90]", "30-90", 8, "target_words is text (30-90), expected a list"),
        ("[30, 90]", "[30, many]", 8, "expected a whole number"),
        ("[30, 90]", "[30, 90.5]", 8, "is a fraction (90.5), expected a whole number"),
        ("prompt: Is opera too long?", "prompt: 1984", 4, "prompt is a whole number (1984), expected text"),
        ("prompt: Is opera too long?", "prompt:", 4, "prompt is nothing, expected text"),
        ("licensed: false", "licensed: maybe", 6, "is text (maybe), expected true or false"),
        ("subjects: []", "subjects: Simone Weil", 5, "subjects is text (Simone Weil), expected a list"),
        ("subjects: []", "subjects: [1901]", 5, "an entry of subjects is a whole number"),
        ("She taught philosophy.", "{she: taught}", 17, "an entry of facts is a mapping, expected text"),
        ("kind: hot_take", "kind: hot_take\n    kind: hot_take", 4, "key 'kind' stands twice"),
        ("prompt: Is opera too long?", "turns: [Opera]", 4, "turns has 1 entries"),
        ("    prompt: Is opera too long?\n", "", 2, "a canary has neither 'prompt' nor 'turns'"),
        ("    facts: []", "    facts: []\n    turns: [a, b]", 8, "a canary has both 'prompt' and 'turns'"),
        ("prompt: Is opera too long?", "turns: [Opera, '']", 4, "an entry of turns is empty"),
        ("  - id: opera", "  - id: 'opera", 2, "not YAML: while scanning a quoted scalar"),
        ("    kind: hot_take", "  kind: hot_take", 3, "not YAML"),
        (
            "canaries:\n",
            "canaries:\n  - just a line\n",
            2,
            "a canary is text (just a line), expected a mapping",
        ),
    ],
)
def test_a_slip_is_refused_at_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    told = refusal(tmp_path, old, new)
    assert told.startswith(f":{line}: ")
    assert says in told
    assert "\n" not in told


def test_the_turns_of_a_conversation_are_its_prompt_in_order(tmp_path: Path) -> None:
    turns = "turns:\n      - Is opera too long?\n      - And ballet?"
    canary = load_suite(write(tmp_path, GOOD.replace("prompt: Is opera too long?", turns))).canaries[0]
    assert canary.turns == ("Is opera too long?", "And ballet?")
    assert canary.prompt == "Is opera too long?\n\nAnd ballet?"


def test_a_prompt_that_differs_only_in_case_and_punctuation_is_a_duplicate(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("Is opera too long?", "who was Simone Weil -- in short", 1))
    with pytest.raises(TimbreError, match=r"mine\.yaml:11: duplicate prompt in 'weil' \(first on line 4\)"):
        load_suite(path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "canaries: []\n"])
def test_an_empty_suite_is_refused_at_line_one(tmp_path: Path, text: str) -> None:
    with pytest.raises(TimbreError, match=r"mine\.yaml:1: the suite is empty"):
        load_suite(write(tmp_path, text))


def test_a_list_at_the_top_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match=r"mine\.yaml:1: a suite is a list, expected a mapping"):
        load_suite(write(tmp_path, "- opera\n"))


def test_bytes_that_are_not_utf8_are_refused_at_their_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(GOOD.replace("too long", "too l\u00f6ng").encode("latin-1"))
    with pytest.raises(TimbreError, match=r"mine\.yaml:4: not UTF-8"):
        load_suite(path)


def test_a_control_character_is_refused_at_its_line(tmp_path: Path) -> None:
    told = refusal(tmp_path, "too long", "too\x07long")
    assert told.startswith(":4: not YAML: a control character")


def test_nesting_without_end_is_refused_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="nested too deeply"):
        load_suite(write(tmp_path, "[" * 1000))


def test_an_unknown_name_lists_the_shipped_suites() -> None:
    with pytest.raises(TimbreError, match="no suite is called 'smok'; use smoke or full"):
        load_suite("smok")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.yaml"
    with pytest.raises(TimbreError, match="no such file") as caught:
        load_suite(path)
    assert caught.value.where == str(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="cannot be read"):
        load_suite(tmp_path)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_name_does_not_depend_on_the_working_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_suite(name).name == name


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
sentences = st.lists(words, min_size=1, max_size=8).map(" ".join)
canaries = st.builds(
    Canary,
    id=st.from_regex("[abXY01_][abXY01_-]{0,7}", fullmatch=True),
    kind=st.sampled_from(KINDS),
    turns=st.lists(sentences, min_size=1, max_size=3).map(tuple),
    subjects=st.lists(sentences, max_size=3).map(tuple),
    first_person_licensed=st.booleans(),
    facts=st.lists(sentences, max_size=3).map(tuple),
    target_words=st.lists(st.integers(1, 2000), min_size=2, max_size=2).map(lambda b: (min(b), max(b))),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(canaries)
def test_what_was_written_is_what_is_read(tmp_path: Path, canary: Canary) -> None:
    turns = list(canary.turns)
    fields = {
        "id": canary.id,
        "kind": canary.kind,
        **({"turns": turns} if len(turns) > 1 else {"prompt": turns[0]}),
        "subjects": list(canary.subjects),
        "first_person_licensed": canary.first_person_licensed,
        "facts": list(canary.facts),
        "target_words": list(canary.target_words),
    }
    text = yaml.safe_dump({"canaries": [fields]}, allow_unicode=True)
    assert load_suite(write(tmp_path, text)).canaries == (canary,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=40), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_a_damaged_file_loads_or_is_refused_in_one_line(
    tmp_path: Path, noise: bytes, at: int, cut: int
) -> None:
    path = tmp_path / "mine.yaml"
    raw = GOOD.encode()
    path.write_bytes(raw[:at] + noise + raw[at + cut :])
    try:
        load_suite(path)
    except TimbreError as error:
        assert str(error).startswith(f"{path}:")
