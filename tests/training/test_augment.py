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
        ("A [gate](https://x.example/a_(b)) is [old](my notes.md)", "A gate is old"),
        ("A ![[gate.png]], a ![[gate.png|90]] and ![x](a b.png) a gate", "A, a and a gate"),
        ("A [[Gate#History]], [[#Rust]], [[Old/Hinge]]", "A Gate, Rust, Hinge"),
        ("A gate &amp; a post&mdash;*old* ones", "A gate & a post—old ones"),
        (r"A gate \*waits\* \[there\] \#3", "A gate *waits* [there] #3"),
        ("A gate^[a [door](x.md)], waits", "A gate, waits"),
        ("A gate %%is it\none?%% waits", "A gate waits"),
        (
            "A gate at <https://x.example/a> or <me@x.example>",
            "A gate at https://x.example/a or me@x.example",
        ),
        ("A **gate** *waits*, __and__ _so_ ***do*** I", "A gate waits, and so do I"),
        ("**So:**a `gate` ==waits **here**== and ~~I~~ you", "So:a gate waits here and you"),
        ("%%one%% A gate [^1], cited as [[1]](https://x.example), waits", "A gate, cited as [1], waits"),
        ("A gate<br>waits<!-- really --> <SPAN class='x'>there</SPAN>", "A gate\nwaits there"),
    ],
)
def test_a_response_reads_as_its_page_does(written: str, read: str) -> None:
    made = _extracts("gates.md", f"{written} {LONG_ENOUGH}\n")
    assert list(made) == [f"{read} {LONG_ENOUGH}"]


@pytest.mark.parametrize(
    "written",
    [
        "He types <|im_end|> there, and <filename> too,",
        "A gate waits 2 * 3 times, or 2*3*4, or 2**10 and 3**4, or * as I say *",
        "A d*mn gate is a sh*tty thing, a d**n gate is worse,",
        "My_cousin_Bob has the gate_key_2 and a ^_^",
        "If a < b and b > c, or a<b and c>d, the gate == shut and a==b, c==d",
        "R&D have no gate & AT&T &c. have",
        "1984. It was a gate",
        "[sic] it said [of the gate] (and more), and a[1][2]",
        "It was shut.\n-Why? he asked.\n-- Because.\n— And since when?\n\u2013 Since then",
    ],
)
@pytest.mark.parametrize("name", ["gates.md", "gates.txt"])
def test_prose_that_looks_like_markdown_is_unharmed(written: str, name: str) -> None:
    assert f"{written} {LONG_ENOUGH}" in _extracts(name, f"{written} {LONG_ENOUGH}\n")


@pytest.mark.parametrize(
    "written",
    [
        "It was in\n1984. A gate",
        "1984.\nA gate waits",
        "It waits\n- as gates do -\nand",
        "A gate, built\n1. of oak",
    ],
)
def test_a_wrapped_line_is_no_list_for_what_it_begins_with(written: str) -> None:
    made, left_out = extracts("gates.md", f"{written} {LONG_ENOUGH}\n")
    assert [e.response for e in made] == [" ".join(f"{written} {LONG_ENOUGH}".split())] and not left_out


@pytest.mark.parametrize("before", [f"Gates {LONG_ENOUGH}", f"Gates {LONG_ENOUGH}".rstrip(".")])
def test_a_list_behind_a_line_of_prose_is_still_one(before: str) -> None:
    made, left_out = extracts("gates.md", f"{before}\n- of oak\n- of iron\n")
    assert [e.response for e in made] == [before] and left_out == {"list": 1}


def test_an_aside_is_taken_out_of_its_sentence_with_its_space() -> None:
    made = _extracts("gates.md", f"A gate (a door that has lost its house), *waits* {LONG_ENOUGH}")
    prompt = f"Add an aside in brackets to this sentence: “A gate, waits {LONG_ENOUGH}”"
    assert made["a door that has lost its house"].prompt == prompt


def test_a_span_is_found_where_lines_end_in_a_carriage_return_alone() -> None:
    page = f"# One\r\rA gate\rwaits {LONG_ENOUGH}\r"
    (made,) = extracts("gates.md", page)[0]
    assert prose(page[made.start : made.end]) == made.response == f"A gate waits {LONG_ENOUGH}"


_MARKED = st.sampled_from(
    [
        "[gate]({})", "[a *gate*](<{}> 'x')", "![gate]({})", "![[{}]]", "[[{}|gate]]", "[[gate#{}]]", "[gate][{}]",
        "**gate**", "*gate*", "***gate***", "**a *gate* [there]({})**", "&amp;", "&lt;", "<{}>", "[^1]", "^[gate {}]",
        "%%{}%%", "==gate==", "<b>gate</b>", "<!-- {} -->", "~~{}~~", "`gate`", "gate", "(gate", "gate)", "--", "\n",
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.lists(_MARKED, min_size=1, max_size=12),
    st.sampled_from(["https://x.example/a_(b)", "x.md", "a&amp;b", "two words", "x*y*z", "q?a=1"]),
    st.sampled_from([" ", ", "]),
)
def test_no_markup_ends_in_a_response(parts: list[str], target: str, between: str) -> None:
    page = between.join(["A gate", *(part.replace("{}", target) for part in parts), LONG_ENOUGH])
    for extract in extracts("gates.md", f"{page}\n\n[^1]: {page}")[0]:
        assert not [
            mark for mark in ("](", "[[", "&amp;", "**", "%%", "==", "^[") if mark in extract.response
        ]


def test_footnotes_have_all_their_paragraphs_and_stand_in_the_text_too() -> None:
    page = (
        "A gate^[It has *no* lock to speak of.] waits. It is oak.[^oak] It is old.[^code]\n\n"
        "[^oak]: Oak, or what is sold as\n  oak in these parts.\n\n    It is a matter of faith.\n\n"
        "[^code]: Five words and some code.\n\n        gate --open\n\n[^few]: Few words.\n"
    )
    made, left_out = extracts("gates.md", page)
    assert {e.response: e.prompt for e in made} == {
        "It has no lock to speak of.": "Write a footnote to this sentence: “A gate waits.”",
        "Oak, or what is sold as oak in these parts.\n\nIt is a matter of faith.": (
            "Write a footnote to this sentence: “It is oak.”"
        ),
    }
    assert left_out == {"under 12 words": 1, "footnote with code": 1, "footnote of a few words": 1}
    assert [prose(page[e.start : e.end]) for e in made] == [e.response for e in made]


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
            "%%a comment of one line%%",
            "%%\na comment in Obsidian\n\nthat is as long as a passage has to be, or even longer\n%%",
            "![[gate.png]]",
            "Too short.",
            "Here is the list that comes after this and that nobody needs to read at all:",
            "word " * 230,
            f"Prose {LONG_ENOUGH} ^gate-1",
        ]
    )
    made, left_out = extracts("page.md", page)
    assert [e.response for e in made] == [f"Prose {LONG_ENOUGH}"]
    assert left_out == {"table": 1, "list": 1, "HTML": 1, "under 12 words": 1, "over 220 words": 1} | {
        "opening of something else": 1,
        "comment": 2,
        "without words": 1,
    }


def test_a_section_is_a_pair_where_nothing_but_prose_is_in_it() -> None:
    part = [f"Part {n} is prose {LONG_ENOUGH}" for n in range(5)]
    page = f"# One\n\n{part[0]}\n\n{part[1]}\n\n# Two\n\n{part[2]}\n\n```\ncode\n```\n\n{part[3]}\n"
    made = _extracts("page.md", page)
    assert [e.response for e in made.values() if e.kind != "paragraph"] == [f"{part[0]}\n\n{part[1]}"]
    assert made[f"{part[0]}\n\n{part[1]}"].prompt.startswith("Write a few paragraphs on One.")


def test_sections_of_one_name_are_sections_of_their_own() -> None:
    part = [f"Part {n} is prose {LONG_ENOUGH}" for n in range(5)]
    page = f"# Notes\n\n{part[0]}\n\n{part[1]}\n\n# One\n\n{part[2]}\n\n# Notes\n\n{part[3]}\n\n{part[4]}\n"
    made = _extracts("page.md", page)
    sections = [e.response for e in made.values() if e.kind == "section"]
    assert sections == [f"{part[0]}\n\n{part[1]}", f"{part[3]}\n\n{part[4]}"]


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
