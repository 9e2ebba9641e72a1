"""Data sets as people have them: every usual file and shape gives the same pairs, completed and said so."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timbre.errors import TimbreError
from training.commands import import_data
from training.pairs import load_pairs, read_pairs

ASKED = "What is a ladder, to a cat?"
ANSWERED = "A shelf with opinions, and a way to be late."
SHAPES: dict[str, dict[str, Any]] = {
    "prompt and response": {"prompt": ASKED, "response": ANSWERED},
    "prompt and completion": {"prompt": ASKED, "completion": ANSWERED},
    "question and answer": {"question": ASKED, "answer": ANSWERED},
    "instruction and output": {"instruction": ASKED, "input": "", "output": ANSWERED},
    "instruction and response": {"instruction": ASKED, "context": "", "response": ANSWERED},
    "question and response": {"system_prompt": "", "question": ASKED, "response": ANSWERED},
    "messages": {
        "messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
    },
    "sharegpt": {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]},
    "prompt and completion of messages": {
        "prompt": [{"role": "user", "content": ASKED}],
        "completion": [{"role": "assistant", "content": ANSWERED}],
    },
    "contents in parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": ASKED}]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": p} for p in (ANSWERED[:9], ANSWERED[9:])],
            },
        ]
    },
    "a question that nobody answered at the end": {
        "messages": [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": ANSWERED},
            {"role": "user", "content": "Go on?"},
        ]
    },
}
ROWS = [{"prompt": f"On shelf {n}?", "response": f"Shelf {n} holds {n} books, badly."} for n in range(1, 11)]


def _json_lines(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _json_array(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(rows, indent=2))
    return path


def _csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _semicolons(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "ROWS.CSV"
    path.write_text("prompt;response\n" + "".join(f"{r['prompt']};{r['response']}\n" for r in rows))
    return path


def _tabs(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.tsv"
    path.write_text("prompt\tresponse\n" + "".join(f"{r['prompt']}\t{r['response']}\n" for r in rows))
    return path


def _list_in_an_object(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps({"version": "[1]", "made": {"by": ["me"]}, "data": rows}))
    return path


def _parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


def _saved_set(folder: Path, rows: list[dict[str, Any]]) -> Path:
    import datasets  # type: ignore[import-untyped]

    datasets.Dataset.from_list(rows).save_to_disk(str(folder / "rows"))
    return folder / "rows"


WRITERS = [_json_lines, _json_array, _list_in_an_object, _csv, _semicolons, _tabs, _parquet, _saved_set]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_a_question_and_its_answer(tmp_path: Path, shape: str) -> None:
    (pair,) = load_pairs(_json_lines(tmp_path, [SHAPES[shape]]))
    assert (pair.prompt, pair.response, pair.before) == (ASKED, ANSWERED, ())


@pytest.mark.parametrize(("further", "answer"), [("input", "output"), ("context", "response")])
def test_an_instructions_input_stands_under_it(tmp_path: Path, further: str, answer: str) -> None:
    row = {"instruction": "Translate.", further: "Leiter", answer: "A ladder."}
    (pair,) = load_pairs(_json_lines(tmp_path, [row]))
    assert pair.prompt == "Translate.\n\nLeiter"


def test_a_system_message_and_earlier_turns_stand_before_the_prompt(tmp_path: Path) -> None:
    before = [("system", "Be brief."), ("user", "Hm?"), ("assistant", "Yes.")]
    messages = [{"role": role, "content": content} for role, content in before]
    (pair,) = load_pairs(_json_lines(tmp_path, [{"messages": messages + SHAPES["messages"]["messages"]}]))
    assert pair.before == tuple(before)
    roles = [turn["role"] for turn in pair.turns("Be long.")]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert pair.turns("Be long.")[0]["content"] == "Be brief."


@pytest.mark.parametrize("name", ["system", "system_prompt"])
@pytest.mark.parametrize("shape", ["question and answer", "question and response", "sharegpt"])
def test_a_system_message_in_a_field_of_its_own_stands_before_the_prompt(
    tmp_path: Path, shape: str, name: str
) -> None:
    (pair,) = load_pairs(_json_lines(tmp_path, [{**SHAPES[shape], name: "Be brief."}]))
    assert pair.before == (("system", "Be brief."),)


@pytest.mark.parametrize("column", ["prompt_id", "conversation_id", "question_id", "responses", "source_id"])
def test_a_column_beside_a_whole_pair_is_left_out_with_a_note(tmp_path: Path, column: str) -> None:
    notes = read_pairs(str(_json_lines(tmp_path, [{**SHAPES["sharegpt"], column: "a1"}]))).notes
    assert notes[-1] == f"fields left out: {column}"


@pytest.mark.parametrize("write", WRITERS)
def test_every_file_gives_the_same_pairs(tmp_path: Path, write: Any) -> None:
    pairs = load_pairs(write(tmp_path, ROWS))
    assert [(p.prompt, p.response) for p in pairs] == [(r["prompt"], r["response"]) for r in ROWS]
    assert {p.tier for p in pairs} == {2} and sum(p.split == "val" for p in pairs) == 1


def test_what_was_filled_in_is_one_line_with_counts(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "tier": 1, "mood": "dry"}, *ROWS[1:]]
    notes = read_pairs(str(_json_lines(tmp_path, rows))).notes
    assert notes == (
        "filled in, of 10 records: tier in 9 (2), source in 10 (one a record), origin in 10 (written), "
        "split in 10 (a share of 0.1 of the sources for validation)",
        "fields left out: mood",
    )


def test_turns_that_are_not_learned_are_one_line_with_counts(tmp_path: Path) -> None:
    first, second = ([{"from": "human", "value": f"{n}?"}, {"from": "gpt", "value": f"{n}!"}] for n in "ab")
    talks = [[*first, *second, second[0], first[0]], [*second, *first], second]
    notes = read_pairs(str(_json_lines(tmp_path, [{"conversations": talk} for talk in talks]))).notes
    assert "2 earlier answers are read, not learned; 2 closing turns without an answer are left out" in notes


def test_earlier_turns_in_a_field_of_their_own_need_no_note(tmp_path: Path) -> None:
    before = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Yes."}]
    notes = read_pairs(str(_json_lines(tmp_path, [{**ROWS[0], "before": before}]))).notes
    assert not [note for note in notes if "answers" in note]


def test_an_elements_line_in_an_array_is_that_of_its_first_character(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[\n {"prompt": "a",\n  "response": "b"},\n {"prompt": "c", "response": ""}\n]\n')
    with pytest.raises(TimbreError) as caught:
        load_pairs(path)
    assert caught.value.where == f"{path}:4"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('[\n {"prompt": "a",\n  "response": "b"},\n "oops"\n]', 4, "a string where an object should be"),
        ('[\n {"prompt": "a"\n  "response": "b"}\n]', 3, "not JSON: Expecting ',' delimiter at column 3"),
        ('[\n {"prompt": "a", "response": "b"}\n', 3, "not JSON: Expecting ',' delimiter at column 1"),
        ('[\n {"prompt": "a",\n  "prompt": "b"}\n]', 2, "the key 'prompt' stands twice in one object"),
        ('{\n "data": [\n  {"prompt": "a"\n]}', 4, "not JSON: Expecting ',' delimiter at column 1"),
        ('{"of": "x",\n "data": [\n  {"prompt": "a", "response": ""}\n]}', 3, '"response" is empty'),
        ('{"data": [{"prompt": "a", "response": ""}]}', 1, '"response" is empty'),
        ('{\n "data": [], "more": []\n}', 1, "no pair: it has 'data', 'more'"),
        ('{"prompt": "a",\n{"prompt": "b"}', 1, "not JSON: Expecting property name"),
    ],
)
def test_a_mistake_in_an_array_is_reported_on_its_own_line(
    tmp_path: Path, text: str, where: int, what: str
) -> None:
    (path := tmp_path / "rows.json").write_text(text)
    with pytest.raises(TimbreError) as caught:
        load_pairs(path)
    assert caught.value.where == f"{path}:{where}" and caught.value.what.startswith(what)


def test_one_pair_over_several_lines_is_a_pair(tmp_path: Path) -> None:
    (path := tmp_path / "one.json").write_text(json.dumps(SHAPES["messages"], indent=2))
    assert [(p.prompt, p.response) for p in load_pairs(path)] == [(ASKED, ANSWERED)]


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_a_byte_that_is_not_utf8_is_named_with_its_line_in_any_file(tmp_path: Path, suffix: str) -> None:
    (path := tmp_path / f"rows.{suffix}").write_bytes(b"[\n\n ca\xe9")
    with pytest.raises(
        TimbreError, match=f"rows.{suffix}:3: byte 0xe9 at position 4 of the line is not UTF-8"
    ):
        load_pairs(path)


def test_a_row_of_a_csv_is_refused_by_the_line_it_begins_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('prompt,response,tier\na,"two\nlines",1\nb,c,9\n')
    with pytest.raises(TimbreError, match="unknown tier '9'") as caught:
        load_pairs(path)
    assert caught.value.where == f"{path}:4"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "prompt,response\na,b,\nHow?,Slowly, and late.\n",
            ":3: 3 cells where the header has 2; put a cell that holds ','",
        ),
        ("\nprompt,response, response\na,b,c\n", ":2: the column 'response' stands twice; keep or rename"),
    ],
)
def test_no_cell_of_a_csv_is_left_out_unsaid(tmp_path: Path, text: str, what: str) -> None:
    (path := tmp_path / "rows.csv").write_text(text)
    with pytest.raises(TimbreError) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(f"{path}{what}")


def test_a_repeated_response_is_one_source_and_so_on_one_side(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{row['prompt']} {again}", "response": row["response"]} for row in ROWS for again in "ab"
    ]
    pairs = load_pairs(_json_lines(tmp_path, rows))
    assert sum(p.split == "val" for p in pairs) == 2


def test_sources_that_share_a_response_train_together(tmp_path: Path) -> None:
    for sharing in (range(0, 30, 3), range(30), range(0, 30, 7)):
        rows = [
            {**ROWS[0], "prompt": f"{n}?", "source": f"s{n}", "response": f"{n} books."} for n in range(30)
        ]
        for n in sharing:
            rows[n]["response"] = "Thanks!" if n % 2 else "\u201cThanks\u201d"
        sides = [p.split for p in load_pairs(_json_lines(tmp_path, rows))]
        assert sides.count("val") == (0 if len(sharing) == 30 else 3)
        assert {sides[n] for n in sharing} == {"train"}


def test_the_splits_of_a_set_are_kept(tmp_path: Path) -> None:
    import datasets

    parts = {"train_sft": ROWS[:8], "test_sft": ROWS[8:]}
    whole = datasets.DatasetDict({name: datasets.Dataset.from_list(rows) for name, rows in parts.items()})
    whole.save_to_disk(str(tmp_path / "rows"))
    assert [p.split for p in load_pairs(tmp_path / "rows")] == ["train"] * 8 + ["val"] * 2


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("hf://me/letters", ("me/letters", None, None)),
        ("hf://me/letters@v2", ("me/letters", None, "v2")),
        ("hf://me/letters:late", ("me/letters", "late", None)),
        ("hf://me/letters:late@v2", ("me/letters", "late", "v2")),
    ],
)
def test_a_set_on_the_hub_is_asked_for_with_its_config_and_revision(
    monkeypatch: pytest.MonkeyPatch, place: str, wanted: tuple[str, str | None, str | None]
) -> None:
    import datasets

    calls = []

    def load(path: str, name: str | None = None, revision: str | None = None) -> Any:
        calls.append((path, name, revision))
        return datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)})

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(read_pairs(place).pairs) == 10
    assert calls == [wanted]


def test_a_set_with_several_configs_is_refused_with_their_names(tmp_path: Path) -> None:
    for name in ("early", "late"):
        _json_lines(tmp_path, ROWS).rename(tmp_path / f"{name}.jsonl")
    listed = "".join(f"- config_name: {name}\n  data_files: {name}.jsonl\n" for name in ("early", "late"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{listed}---\n")
    with pytest.raises(TimbreError, match=r"available configs: \['early', 'late'\]; give .*:CONFIG@REVISION"):
        read_pairs(str(tmp_path))


def test_a_set_that_can_not_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def refuse(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("no such repository\nand more")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(TimbreError, match="hf://me/none: the data set can't be had: no such repository;"):
        read_pairs("hf://me/none")


def test_what_is_imported_is_read_as_the_same_pairs(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    rows = [{"messages": [system, *SHAPES["messages"]["messages"]]}, *ROWS]
    source = _json_array(tmp_path, rows)
    done = CliRunner().invoke(import_data, [str(source), "-o", str(tmp_path / "mine.jsonl")])
    assert done.exit_code == 0, done.output
    assert "filled in, of 11 records" in done.output and "10 training and 1 validation pairs" in done.output
    imported, original = (load_pairs(path) for path in (tmp_path / "mine.jsonl", source))
    assert [(p.turns(), p.split, p.source) for p in imported] == [
        (p.turns(), p.split, p.source) for p in original
    ]
    assert not read_pairs(str(tmp_path / "mine.jsonl")).notes
