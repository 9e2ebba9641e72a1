"""The pairs that ship with Timbre: enough of them, short, free of slop, and split without leaks."""

import re
import statistics
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from training.pairs import load_pairs
from training.types import Pair

DATA = Path(__file__).resolve().parents[2] / "training" / "data"
VOICE = load_pairs(DATA / "voice.jsonl")
SMOKE = load_pairs(DATA / "smoke.jsonl")

SLOP = {
    "hashtag": r"(?<!\w)#\w",
    "handle": r"(?<!\w)@\w",
    "bold or heading": r"\*\*|__|^#",
    "list": r"(?m)^\s*(?:[-*•]|\d+[.)])\s",
    "not X but Y": r"(?i)(?:\bnot|n't) (?:just |only |merely |simply |about )?[^.;,]{1,40}"
    r"[,;.] (?:it's|it is|but)\b",
    "stock phrase": r"(?i)delve|tapestry|testament to|game.changer|at the end of the day|in today's world"
    r"|let that sink in|here's the thing|unpopular opinion|buckle up|needless to say",
}
FIRST_PERSON = r"\b(?:I|me|my|mine|we|us|our|ours)\b(?:'\w+)?"


def words(pair: Pair) -> int:
    return len(pair.response.split())


def split_of(pairs: tuple[Pair, ...], split: str) -> list[Pair]:
    return [pair for pair in pairs if pair.split == split]


def each(pairs: tuple[Pair, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", pairs, ids=lambda pair: f"line{pair.line}")


def test_voice_holds_enough_pairs_on_each_side() -> None:
    assert len(split_of(VOICE, "train")) >= 24
    assert len(split_of(VOICE, "val")) >= 6


def test_voice_holds_every_tier_on_each_side_and_every_origin() -> None:
    for split in ("train", "val"):
        assert {pair.tier for pair in split_of(VOICE, split)} == {1, 2, 3, 4}
    assert {pair.origin for pair in VOICE} == {"written", "extracted", "footnote"}


def test_a_better_tier_is_a_shorter_one() -> None:
    medians = [statistics.median(words(pair) for pair in VOICE if pair.tier == tier) for tier in (1, 2, 3, 4)]
    assert medians == sorted(set(medians))


def test_a_source_holds_one_to_three_pairs_and_is_a_slug() -> None:
    sources = [pair.source for pair in VOICE]
    assert max(map(sources.count, sources)) <= 3
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", source) for source in sources)


def test_no_source_stands_on_both_sides_of_the_split() -> None:
    sides = [{pair.source for pair in split_of(VOICE, split)} for split in ("train", "val")]
    assert not sides[0] & sides[1]


def test_no_two_prompts_are_the_same() -> None:
    assert len({pair.prompt.casefold() for pair in VOICE}) == len(VOICE)


def test_most_responses_are_short_and_none_is_long() -> None:
    lengths = [words(pair) for pair in VOICE]
    assert min(lengths) >= 25
    assert max(lengths) <= 160
    assert sum(length <= 110 for length in lengths) >= 0.8 * len(lengths)


def test_sentence_length_varies_across_the_voice() -> None:
    def variation(pair: Pair) -> float:
        lengths = [len(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+", pair.response)]
        return statistics.pstdev(lengths) / statistics.mean(lengths)

    assert statistics.median(map(variation, VOICE)) >= 0.4


@each(VOICE)
def test_a_response_is_free_of_slop(pair: Pair) -> None:
    found = {name for name, pattern in SLOP.items() if re.search(pattern, pair.response)}
    assert not found


@each(VOICE)
def test_a_pair_has_no_emoji_and_no_line_breaks(pair: Pair) -> None:
    text = pair.prompt + pair.response
    assert not [char for char in text if unicodedata.category(char) in {"So", "Sk", "Cc", "Cf", "Co"}]


@each(tuple(pair for pair in VOICE if re.search(r"(?:[A-Z][a-z]+|Mr\.) [A-Z][a-z]+", pair.prompt)))
def test_an_answer_about_a_named_third_party_stays_out_of_their_story(pair: Pair) -> None:
    assert not re.search(FIRST_PERSON, pair.response)


def test_some_prompts_are_about_named_third_parties() -> None:
    named = [pair for pair in VOICE if re.search(r"[A-Z][a-z]+ [A-Z][a-z]+", pair.prompt)]
    assert {pair.split for pair in named} == {"train", "val"}
    assert len(named) >= 5


def test_smoke_is_three_training_pairs_of_tier_four_and_one_for_validation() -> None:
    train = split_of(SMOKE, "train")
    assert [pair.tier for pair in train] == [4, 4, 4]
    assert len({pair.source for pair in train}) == 3
    assert len(split_of(SMOKE, "val")) == 1


def test_smoke_is_a_part_of_voice() -> None:
    assert {replace(pair, line=0) for pair in SMOKE} <= {replace(pair, line=0) for pair in VOICE}
