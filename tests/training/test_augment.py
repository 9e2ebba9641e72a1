"""Pairs out of essays: every response is the writer's own words, and nothing made is made twice or lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from timbre.augment_command import augment
from timbre.errors import TimbreError
from training.data_report import data_report
from training.essays import Extract, extracts, prose
from training.pairs import load_pairs

ESSAY = """# Kettles

The kettle in our kitchen was bought in a hurry and has been in one ever since; it boils before it is asked.

## On descaling

Every spring I descale it (a word that sounds like a crime against fish) and every spring it forgives me.[^1]
It takes eleven minutes, two lemons and a certain lack of interest in the result.

> Somebody else said this, and it should not be learned by anybody at all, ever, in any form.

```
kettle --boil --now and some more words so that it would be long enough to be taken for prose
```

[^1]: Forgiveness here means that the element has not yet failed, which the warranty calls a feature.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two essays."""
    essays = tmp_path / "essays"
    essays.mkdir()
    (essays / "kettles.md").write_text(ESSAY, encoding="utf-8")
    plain = (
        "A bus stop is a queue with weather.\nIt has a bench for those who have given up on the bus entirely."
    )
    (essays / "bus-stops.txt").write_text(plain, encoding="utf-8")
    return essays


def _run(folder: Path, out: Path, *more: str) -> Any:
    return CliRunner().invoke(augment, [str(folder), "-o", str(out), *more])


def _rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def _extracts(name: str, text: str) -> dict[str, Extract]:
    return {e.response: e for e in extracts(name, text)[0]}


def test_passages_asides_and_footnotes_are_taken_and_quotations_and_code_are_not() -> None:
    made = _extracts("kettles.md", ESSAY)
    assert made["a word that sounds like a crime against fish"].kind == "aside"
    note = next(e for r, e in made.items() if r.startswith("Forgiveness here means"))
    assert note.origin == "footnote" and "every spring it forgives me" in note.prompt
    passage = next(
        e for e in made.values() if e.kind == "paragraph" and e.response.startswith("Every spring")
    )
    assert passage.origin == "extracted"
    assert passage.response.startswith(
        "Every spring I descale it (a word that sounds like a crime against fish) and"
    )
    assert "forgives me. It takes eleven minutes" in passage.response
    assert not any("Somebody else said" in r or "--boil" in r for r in made)
    assert extracts("kettles.md", ESSAY)[1] == {"quotation": 1, "code": 1}


LONG_ENOUGH = "and it goes on for as many words as a passage has to have here."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A [gate](https://x.example/a) is [patient][1]", "A gate is patient"),
        ("A [[gates|gate]] and a [[Hinge]]", "A gate and a Hinge"),
        ("A gate[^1] waits[^note]", "A gate waits"),
        ("A gate ![a photo](gate.png) waits", "A gate waits"),
        ("A gate <!-- check this --> waits", "A gate waits"),
        ("A <em>gate</em> waits for <filename>", "A gate waits for <filename>"),
        ("A gate\nwaits\n  there", "A gate waits there"),
        ("A gate  \nwaits", "A gate\nwaits"),
        ("He types <|im_end|> there", "He types <|im_end|> there"),
        ("A gate *waits*, 2 * 3 times", "A gate *waits*, 2 * 3 times"),
    ],
)
def test_a_response_reads_as_its_page_does(written: str, read: str) -> None:
    made = _extracts("gates.md", f"{written} {LONG_ENOUGH}\n")
    assert list(made) == [f"{read} {LONG_ENOUGH}"]


def test_front_matter_names_the_essay_and_is_no_prose() -> None:
    page = f"---\ntitle: On gates\ntags: [a, b]\n---\n\nGates wait {LONG_ENOUGH}\n\nHinges do not {LONG_ENOUGH}\n"
    made, left_out = extracts("x.md", page)
    essay = next(e for e in made if e.kind == "essay")
    assert essay.prompt.startswith("Write a short essay on gates.") and left_out == {"front matter": 1}
    for extract in made:
        assert prose(page[extract.start : extract.end]) == extract.response


def test_tables_lists_comments_and_what_is_too_short_or_long_are_left_out_and_counted() -> None:
    page = "\n\n".join(
        [
            "| gate | state |\n|---|---|\n| north | open |",
            "- a list item that is as long as a passage has to be, or a little longer than that",
            "<!-- a comment for the editor that is as long as a passage has to be, or longer -->",
            "Too short.",
            "Here is the list that comes after this and that nobody needs to read at all:",
            "word " * 230,
            f"Prose {LONG_ENOUGH}",
        ]
    )
    made, left_out = extracts("page.md", page)
    assert [e.response for e in made] == [f"Prose {LONG_ENOUGH}"]
    assert left_out == {"table": 1, "list": 1, "HTML": 1, "under 12 words": 1, "over 220 words": 1} | {
        "opening of something else": 1
    }


def test_a_section_is_a_pair_where_nothing_but_prose_is_in_it() -> None:
    part = [f"Part {n} is prose {LONG_ENOUGH}" for n in range(5)]
    page = f"# One\n\n{part[0]}\n\n{part[1]}\n\n# Two\n\n{part[2]}\n\n```\ncode\n```\n\n{part[3]}\n"
    made = _extracts("page.md", page)
    assert [e.response for e in made.values() if e.kind != "paragraph"] == [f"{part[0]}\n\n{part[1]}"]
    assert made[f"{part[0]}\n\n{part[1]}"].prompt.startswith("Write a few paragraphs on One.")


def test_prompts_come_in_eight_manners_and_more() -> None:
    page = "\n\n".join(f"Kettle number{n} boils quarrelsome water {LONG_ENOUGH}" for n in range(80))
    prompts = [e.prompt for e in _extracts("kettles.md", page).values() if e.kind == "paragraph"]
    first_words = {" ".join(prompt.split()[:2]) for prompt in prompts}
    assert len(first_words) >= 8


def test_an_essay_in_two_files_is_taken_once_and_said_so(folder: Path, tmp_path: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "copy.md").write_text(ESSAY.replace("'", "\u2019"), encoding="utf-8")
    out = tmp_path / "mine.jsonl"
    done = _run(folder, out, "--val-share", "0")
    assert "in sub/copy.md the same as in kettles.md" in done.output
    assert {row["source"] for row in _rows(out)} == {"kettles", "bus-stops"}
    assert load_pairs(out)


def test_a_draft_beside_its_essay_is_left_out_so_that_nothing_leaks_into_validation(
    folder: Path, tmp_path: Path
) -> None:
    draft = ESSAY.replace("a certain lack of interest", "some lack of interest").replace(
        "every spring it", "it"
    )
    (folder / "zz-draft.md").write_text(draft, encoding="utf-8")
    done, out = _run(folder, tmp_path / "mine.jsonl", "--val-share", "0.5"), tmp_path / "mine.jsonl"
    assert "in zz-draft.md nearly the same as in kettles.md" in done.output
    assert "zz-draft" not in {row["source"] for row in _rows(out)}
    assert data_report(load_pairs(out), out.name).near == ()


def test_the_end_shows_three_pairs_and_what_was_left_out(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.jsonl"
    lines = _run(folder, out).output.splitlines()
    assert [line.strip() for line in lines[:6:2]] == [row["prompt"] for row in _rows(out)[:3]]
    assert "left out: 1 quotation, 1 code" in lines


@settings(max_examples=80)
@given(
    st.lists(
        st.sampled_from([*ESSAY.split("\n\n"), "(", ")", "[^2]: a note of four words", "\t x"]), max_size=8
    )
)
def test_every_response_is_its_span_of_the_source_as_prose(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    for extract in extracts("e.md", text)[0]:
        read = prose(text[extract.start : extract.end])
        assert all(part in read for part in extract.response.split("\n\n"))
        assert extract.kind not in ("paragraph", "footnote") or extract.response == read
        assert extract.response == extract.response.strip() != ""
        assert extract.prompt.strip()


def test_what_is_written_is_what_training_reads(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.jsonl"
    done = _run(folder, out, "--val-share", "0")
    assert done.exit_code == 0, done.output
    pairs = load_pairs(out)
    assert {p.source for p in pairs} == {"kettles", "bus-stops"}
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    for row in _rows(out):
        name, _, span = row["span"].rpartition(":")
        start, end = map(int, span.split("-"))
        assert row["response"] in prose(texts[name][start:end])


def test_a_second_call_adds_only_what_is_new_and_keeps_edits_and_deletions(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.jsonl"
    _run(folder, out)
    rows = _rows(out)
    rows[0]["prompt"] = "My own question."
    out.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]), encoding="utf-8")
    assert _run(folder, out).exit_code == 0
    assert len(_rows(out)) == len(rows) - 1 and _rows(out)[0]["prompt"] == "My own question."
    (folder / "stairs.md").write_text(
        "Stairs are the only furniture that tells you where to stand and when to leave."
    )
    _run(folder, out)
    assert len(_rows(out)) == len(rows)


def test_an_essay_stays_on_one_side_of_the_split(folder: Path, tmp_path: Path) -> None:
    for at in range(12):
        (folder / f"note-{at}.txt").write_text(
            f"Note {at} is about nothing, and it takes its time to get there twice."
        )
    out = tmp_path / "mine.jsonl"
    _run(folder, out, "--val-share", "0.4")
    sides = {row["source"]: set() for row in _rows(out)}  # type: ignore[var-annotated]
    for row in _rows(out):
        sides[row["source"]].add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {next(iter(side)) for side in sides.values()} == {"train", "val"}


def test_a_model_writes_prompts_and_never_responses(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def answers(count: int) -> list[ModelOutput]:
        made = []
        for at in range(count):
            output = ModelOutput.from_content("mockllm/model", f"“What about the kettle, part {at}?”")
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            made.append(output)
        return made

    model = get_model("mockllm/model", custom_outputs=answers(50))
    monkeypatch.setattr("inspect_ai.model.get_model", lambda name: model)
    out = tmp_path / "mine.jsonl"
    done = _run(folder, out, "--writer", "mockllm/model")
    assert done.exit_code == 0, done.output
    rows = _rows(out)
    assert all(row["prompt"].startswith("What about the kettle") for row in rows)
    assert {row["response"] for row in rows} <= {
        response
        for file in folder.iterdir()
        for response in _extracts(file.name, file.read_text(encoding="utf-8"))
    }


def test_interrupted_it_keeps_what_it_made_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def asked(writer: str, extract: Any) -> str:
        calls.append(extract.span)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return f"Question {len(calls)}?"

    monkeypatch.setattr("timbre.augment_command._asked", asked)
    out = tmp_path / "mine.jsonl"
    first = _run(folder, out, "--writer", "some/model")
    assert isinstance(first.exception, TimbreError) and first.exception.exit_code == 130
    assert len(_rows(out)) == 2
    assert _run(folder, out, "--writer", "some/model").exit_code == 0
    rows = _rows(out)
    assert len({row["response"] for row in rows}) == len(rows)
    assert [row["span"] for row in rows[:2]] == calls[:2]


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00bad", "not UTF-8"), (b"too short", "nothing long enough")]
)
def test_bad_input_is_told_and_loses_nothing(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "e.md").write_bytes(content)
    out = tmp_path / "mine.jsonl"
    done = _run(tmp_path / "e.md", out)
    assert isinstance(done.exception, TimbreError) and said in str(done.exception)
    assert not out.exists()


def test_an_empty_folder_says_what_it_looks_for(tmp_path: Path) -> None:
    done = _run(tmp_path, tmp_path / "mine.jsonl")
    assert isinstance(done.exception, TimbreError) and ".markdown" in str(done.exception)
