"""The data report finds what spoils a training: near-duplicates, leaks, answered canaries."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from canaries.suite import load_suite
from training.commands import data
from training.data_report import data_report, near_duplicates
from training.types import Pair, Split

LONG = "The kettle has resigned in writing and cites the water, the hour and my tone of voice."


def _pair(line: int, response: str, split: Split = "train", prompt: str = "Write a line.") -> Pair:
    return Pair(line, prompt, response, 1, f"s{line}", "written", split)


def test_nearly_the_same_response_is_found_and_a_leak_is_called_one() -> None:
    pairs = [_pair(1, LONG), _pair(2, LONG.replace("hour", "time")), _pair(3, "Something else, said once.")]
    (found,) = near_duplicates(pairs)
    assert (found.line, found.other, found.leak) == (2, 1, False)
    (leak,) = near_duplicates([pairs[0], _pair(2, LONG.replace("hour", "time"), "val")])
    assert leak.leak and leak.likeness > 0.8


def test_a_response_with_a_word_changed_is_found_among_those_of_one_writer() -> None:
    from timbre.paths import DEFAULT_VOICE
    from training.pairs import load_pairs

    written = [p.response for p in load_pairs(DEFAULT_VOICE) if len(p.response.split()) > 12]
    changed = [" ".join([*words[:6], "marmalade", *words[7:]]) for words in map(str.split, written)]
    pairs = [_pair(line, text) for line, text in enumerate([*written, *changed], start=1)]
    found = {(near.line, near.other) for near in near_duplicates(pairs)}
    assert found == {(len(written) + line, line) for line in range(1, len(written) + 1)}


def test_a_thousand_answers_of_one_template_are_not_all_compared_with_all() -> None:
    assert len(near_duplicates([_pair(n, f"{LONG} Signed, {n}.") for n in range(1000)])) < 25_000


def test_different_texts_of_one_writer_are_no_duplicates() -> None:
    from timbre.paths import DEFAULT_VOICE
    from training.pairs import load_pairs

    assert near_duplicates(load_pairs(DEFAULT_VOICE)) == ()


def test_a_pair_that_asks_a_canary_is_told_with_its_suite() -> None:
    canary = load_suite("smoke").canaries[0]
    report = data_report([_pair(1, LONG, prompt=canary.prompt)], "p.jsonl")
    assert canary.id in report.canaries["smoke"] and "p.jsonl:1" in report.canaries["smoke"]


def test_lengths_and_counts_add_up() -> None:
    report = data_report([_pair(1, LONG), _pair(2, "Two words.", "val")], "p.jsonl")
    assert sum(report.words.values()) == 2
    assert report.counts["split"] == {"train": 1, "val": 1}
    assert report.counts["tier"] == {"1": 1}


def test_two_thousand_pairs_are_compared_without_a_square_matrix(tmp_path: Path) -> None:
    import tracemalloc

    pairs = [_pair(i, f"{LONG} {i * 7919 % 10007} and {i * 104729 % 9973} of them.") for i in range(2000)]
    distinct = [_pair(i, " ".join(f"w{(i * 31 + k * k) % 9973}" for k in range(20))) for i in range(2000)]
    tracemalloc.start()
    found = near_duplicates([*distinct[:1990], *pairs[:10]])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) >= 10 and peak < 500e6


def test_the_command_prints_a_page_and_json(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    row = {"prompt": "Write.", "tier": 1, "source": "a", "origin": "written", "split": "train"}
    file.write_text(json.dumps({**row, "response": LONG}) + "\n")
    done = CliRunner().invoke(data, [str(file)])
    assert done.exit_code == 0 and "near-duplicates  0" in done.output
    assert json.loads(CliRunner().invoke(data, [str(file), "--json"]).output)["counts"]["tier"] == {"1": 1}


@pytest.mark.parametrize("suite", ["smoke", "full"])
def test_the_shipped_pairs_answer_no_canary(suite: str) -> None:
    from timbre.paths import DEFAULT_VOICE
    from training.pairs import load_pairs

    assert suite not in data_report(load_pairs(DEFAULT_VOICE), "voice.jsonl").canaries
