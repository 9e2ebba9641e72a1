"""``training.pairs``: what a file of pairs may hold, and the line that every refusal names."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.text import normalized
from timbre.errors import TimbreError
from training.masks import Example
from training.pairs import check_lengths, load_pairs, read_pairs
from training.types import Pair

Record = dict[str, object]
Write = Callable[..., Path]


def record(n: int, **changes: object) -> Record:
    """A valid pair, unlike every other ``n``."""
    pair: Record = {
        "prompt": f"What of kettle {n}?",
        "response": f"Kettle {n} leaks.",
        "tier": 1,
        "source": f"kettles-{n}",
        "origin": "written",
        "split": "train",
    }
    return {**pair, **changes}


def without(n: int, key: str) -> Record:
    return {k: v for k, v in record(n).items() if k != key}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines (records, raw text or raw bytes) to a file of pairs."""

    def _write(*lines: Record | str | bytes) -> Path:
        def encode(line: Record | str | bytes) -> bytes:
            text = json.dumps(line) if isinstance(line, dict) else line
            return text.encode() if isinstance(text, str) else text

        path = tmp_path / "pairs.jsonl"
        path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
        return path

    return _write


def refusal(path: Path) -> TimbreError:
    with pytest.raises(TimbreError) as caught:
        load_pairs(path)
    assert caught.value.do, "an error says what to do"
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_valid_file_keeps_order_lines_and_values(write: Write) -> None:
    pairs = load_pairs(write(record(1), record(2, tier=4, origin="footnote", split="val")))
    assert pairs == (
        Pair(1, "What of kettle 1?", "Kettle 1 leaks.", 1, "kettles-1", "written", "train"),
        Pair(2, "What of kettle 2?", "Kettle 2 leaks.", 4, "kettles-2", "footnote", "val"),
    )


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (without(2, "response"), "missing 'response'"),
        ({**without(2, "source"), "sourse": "a"}, "unknown field 'sourse'"),
        (record(2, tier="1"), "unknown tier '1'"),
        (record(2, tier=True), "unknown tier 'True'"),
        (record(2, tier=1.5), "unknown tier '1.5'"),
        ({**without(2, "tier"), "Tier": 1}, "unknown field 'Tier'"),
        ({**without(2, "response"), "reponse": "a"}, "unknown field 'reponse'"),
        (record(2, prompt=None), '"prompt" is null where a string should be'),
        (record(2, response=["a"]), '"response" is a list where a string should be'),
        (record(2, source=7.5), "\"source\" is '7.5' where a string should be"),
        ({"text": "a"}, "no pair: it has 'text'"),
        ({"messages": "a"}, '"messages" is no list of messages'),
        ({"messages": [{"role": "critic", "content": "a"}]}, "unknown role 'critic'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "\"content\" has a part of type 'image'",
        ),
        ({"messages": [{"role": "user", "content": ["a"]}]}, '"content" has a part of type None'),
        ({"messages": [{"role": "user", "content": "a"}]}, "no question with an answer"),
        (record(2, prompt=""), '"prompt" is empty'),
        (record(2, response=" \n\t "), '"response" is empty'),
        (record(2, response="\u200b\u00a0"), '"response" is empty'),
        (record(2, response="&nbsp;&#8203;"), '"response" is empty'),
        (record(2, source=" "), '"source" is empty'),
        (record(2, response="ha \ud83d"), '"response" holds half a surrogate pair'),
        (record(2, tier=0), "unknown tier '0'"),
        (record(2, tier=5), "unknown tier '5'"),
        (record(2, origin="borrowed"), "unknown origin 'borrowed'"),
        (record(2, split="later"), "unknown split 'later'"),
        ('{"prompt": "x",', "not JSON: "),
        ("[1, 2]", "a list where an object should be"),
        ("null", "null where an object should be"),
        ("9" * 5000, "JSON beyond what can be read"),
        ("[" * 100_000, "JSON beyond what can be read"),
        ("", "blank line between pairs"),
        ("   ", "blank line between pairs"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_line(write: Write, bad: Record | str, what: str) -> None:
    path = write(record(1), bad, record(3))
    error = refusal(path)
    assert error.where == f"{path}:2"
    assert error.what.startswith(what)
    assert error.exit_code == 2


def test_an_unknown_value_is_answered_with_the_known_ones(write: Write) -> None:
    assert refusal(write(record(1, origin="borrowed"))).do == "use one of written, extracted, footnote"


@pytest.mark.parametrize("split", ["validation", "test", "dev", "test_sft"])
def test_a_pair_says_its_side_in_any_of_the_usual_words(write: Write, split: str) -> None:
    assert [p.split for p in load_pairs(write(record(1), record(2, split=split)))] == ["train", "val"]


def test_numbers_of_tables_are_tiers_and_sources(write: Write) -> None:
    (pair,) = load_pairs(write(record(1, tier=3.0, source=7)))
    assert (pair.tier, pair.source) == (3, "7")


def test_a_key_that_stands_twice_is_refused(write: Write) -> None:
    doubled = json.dumps(record(2))[:-1] + ', "tier": 2}'
    path = write(record(1), doubled)
    error = refusal(path)
    assert (error.where, error.what) == (f"{path}:2", "the key 'tier' stands twice in one object")


def test_a_byte_that_is_not_utf8_is_named_with_its_line(write: Write) -> None:
    bad = json.dumps(record(3, response="brewed in a café"), ensure_ascii=False).encode("latin-1")
    path = write(record(1), record(2), bad)
    error = refusal(path)
    assert error.where == f"{path}:3"
    assert error.what == f"byte 0xe9 at position {bad.index(0xE9) + 1} of the line is not UTF-8"


def test_the_same_pair_in_other_case_and_spacing_is_a_duplicate(write: Write) -> None:
    again = record(1, prompt=" what OF\tkettle 1? ", response="KETTLE 1  leaks.\n")
    path = write(record(1), record(2), again)
    error = refusal(path)
    assert (error.where, error.what) == (f"{path}:3", "the same pair as on line 1")


def test_one_response_to_two_prompts_is_trained_on_with_a_note(write: Write) -> None:
    pairs = read_pairs(str(write(record(1), record(2, response="kettle 1 LEAKS."))))
    assert len(pairs.pairs) == 2
    assert pairs.notes == ("1 responses stand under several prompts; each prompt is trained on",)


@pytest.mark.parametrize(
    "again",
    [
        "\u201cZo\u00eb\u2019s caf\u00e9\u201d \u2014 kettle 1, leaks.",
        "'Zoe\u0308's cafe\u0301' - kettle 1 leaks",
        "\u00abZO\u00cb\u2019S CAF\u00c9\u00bb\u2014kettle\u00a01, leaks.",
    ],
)
def test_a_response_on_both_sides_is_refused_in_whatever_unicode_and_quotation_marks(
    write: Write, again: str
) -> None:
    path = write(
        record(1, response='"Zo\u00eb\'s caf\u00e9" - kettle 1, leaks.'),
        record(2, response=again, split="val"),
    )
    error = refusal(path)
    assert error.where == f"{path}:2"
    assert error.what == "the same response as on line 1, on the other side of the split"


def test_texts_come_normalised(write: Write) -> None:
    (pair,) = load_pairs(
        write(record(1, prompt="A cafe\u0301?\r\n", response="Zoe\u0308\u2019s &amp;\u00a0co\u00ad."))
    )
    assert (pair.prompt, pair.response) == ("A caf\u00e9?\n", "Zo\u00eb\u2019s & co.")


def test_one_prompt_may_have_two_responses(write: Write) -> None:
    assert len(load_pairs(write(record(1), record(2, prompt="What of kettle 1?")))) == 2


@pytest.mark.parametrize("source", ["kettles-1", "Kettles-1 "])
def test_a_source_on_both_sides_of_the_split_names_both_lines(write: Write, source: str) -> None:
    path = write(record(1), record(2), record(3, source=source, split="val"))
    error = refusal(path)
    assert (error.where, error.what) == (
        f"{path}:3",
        f"source '{source}' is val here and train on line 1",
    )


def test_a_source_may_hold_many_pairs_of_one_side(write: Write) -> None:
    assert len(load_pairs(write(record(1, source="s"), record(2, source="s"), record(3, source="s")))) == 3


def test_the_first_error_of_the_file_is_told_and_the_others_counted(write: Write) -> None:
    path = write(record(1), record(1), record(3, tier=9), "{", record(5, origin="x"))
    error = refusal(path)
    assert (error.where, error.what) == (f"{path}:2", "the same pair as on line 1 (and 3 more)")


@pytest.mark.parametrize("lines", [(), (record(1, split="val"),), ("", "")])
def test_a_file_without_training_pairs_is_refused(write: Write, lines: tuple[Record | str, ...]) -> None:
    path = write(*lines)
    error = refusal(path)
    assert (error.where, error.what) == (str(path), "no training pairs")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.jsonl")
    assert (error.where, error.what) == (
        str(tmp_path / "none.jsonl"),
        "can't read it (No such file or directory)",
    )


def test_a_folder_in_the_file_s_place_is_refused_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.where == str(tmp_path)
    assert error.what.startswith("the data set can't be had: ")


def test_blank_lines_at_the_end_are_tolerated(write: Write) -> None:
    assert len(load_pairs(write(record(1), "", "  "))) == 1


def test_a_byte_order_mark_and_windows_line_ends_are_tolerated(write: Write) -> None:
    lines = [json.dumps(record(n)).encode() + b"\r" for n in (1, 2)]
    pairs = load_pairs(write(b"\xef\xbb\xbf" + lines[0], lines[1]))
    assert [pair.line for pair in pairs] == [1, 2]
    assert pairs[0].prompt == "What of kettle 1?"


def test_a_line_separator_inside_a_string_does_not_shift_the_lines(write: Write) -> None:
    spread = json.dumps(record(1, response="a\u2028b\u0085c"), ensure_ascii=False)
    path = write(spread, record(2, tier=7))
    assert refusal(path).where == f"{path}:2"


def _example(pair: Pair, tokens: int) -> Example:
    return Example(pair, (1,) * tokens, (2,) * tokens)


def test_a_pair_over_length_is_refused_with_its_line_its_tokens_and_the_limit(write: Write) -> None:
    pairs = load_pairs(write(record(1), record(2), record(3)))
    examples = [_example(pair, tokens) for pair, tokens in zip(pairs, (4, 5, 6), strict=True)]
    with pytest.raises(TimbreError) as caught:
        check_lengths(examples, 4, "pairs.jsonl")
    assert caught.value.where == "pairs.jsonl:2"
    assert caught.value.what == "the pair has 5 tokens and the limit is 4 (and 1 more)"
    assert caught.value.do == "raise max_tokens or shorten it"


def test_loading_pairs_needs_no_heavy_library() -> None:
    heavy = "{'torch', 'transformers', 'pandas', 'numpy'}"
    code = f"import sys, training.pairs; sys.exit(bool({heavy} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
records = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": texts.map(lambda text: f"p{text}"),
            "response": texts,
            "tier": st.integers(1, 4),
            "source": st.integers(0, 9),
            "origin": st.sampled_from(["written", "extracted", "footnote"]),
            "split": st.sampled_from(["train", "val"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(records=records, ascii_only=st.booleans(), ending=st.sampled_from(["\n", "\r\n"]))
def test_any_written_list_of_valid_pairs_comes_back_normalised_and_else_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], ascii_only: bool, ending: str
) -> None:
    for n, made in enumerate(records):
        made["response"] = f"{n}: {made['response']} {n}"
        made["source"] = f"{made['split']}-{made['source']}"
    records[0].update(split="train", source="train-first")
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    lines = [json.dumps(made, ensure_ascii=ascii_only) + ending for made in records]
    path.write_text("".join(lines), encoding="utf-8", newline="")
    for made in records:
        for field in ("prompt", "response"):
            made[field] = normalized(str(made[field]))
    assert load_pairs(path) == tuple(Pair(line=n, **made) for n, made in enumerate(records, start=1))  # type: ignore[arg-type]
