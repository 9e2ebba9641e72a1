"""What `self_insertion` finds and leaves alone: patterns alone, with a stub encoder, with the fitted one."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.self_insertion import (
    CLAIM,
    FAULT_AT,
    LICENSED,
    MASK,
    PATTERN,
    PATTERNS,
    VERSION,
    Claims,
    asserted,
    cuts,
    is_labelled_fiction,
    is_lent_voice,
    self_insertion,
)
from judges.text import sentences
from judges.types import Answer, Judgement

DATA = Path(__file__).parent / "data"
NOTE = "Write a short note on Truman Capote and Harper Lee."


def judge(
    text: str, prompt: str = NOTE, claims: Claims | None = None, *, licensed: bool = False
) -> Judgement:
    return self_insertion(Answer("t", prompt, text, (), licensed), claims)


def reads(*probabilities: float) -> Claims:
    """An encoder that gives the sentences of any text these probabilities."""
    return lambda text: [(s.start, s.end, p) for s, p in zip(sentences(text), probabilities, strict=True)]


CLAIMS = [
    ("kin", "My uncle Richard drove her to the station."),
    ("kin", "In the kitchen my parents never spoke of it."),
    ("childhood", "I was eleven when Truman moved in next door."),
    ("childhood", "At nine I was sent to fetch him."),
    ("childhood", "As a boy I carried the bags."),
    ("childhood", "It happened when I was still young."),
    ("origin", "I grew up two streets from there."),
    ("origin", "I was born in that house."),
    ("origin", "I grew up with them."),
    ("origin", "It smells of my childhood."),
    ("done_to_me", "They let me carry the tape recorder."),
    ("done_to_me", "He told me over dinner that nobody would listen."),
    ("done_to_me", "Turing lent me his gas mask."),
    ("done_to_me", "On Sundays Truman gave me a list."),
    ("done_by_me", "I told Nelle not to go."),
    ("done_by_me", "I typed for him, badly."),
    ("as_a", "As a midwife I have stopped believing in quiet nights."),
    ("as_a", "As someone who lived there, I can describe the smell."),
    ("as_a", "As a fellow exile I know the temptation."),
    ("of_us", "The three of us never spoke of it again."),
    ("of_us", "Those of us who knew her brought cigarettes."),
    ("kin", "The undersigned's mother kept the lighthouse."),
    ("childhood", "Yours truly was eleven when the pier burned."),
    ("childhood", "The author of these lines was twelve when the river rose."),
    ("origin", "The present writer grew up two streets from the mill."),
]


@pytest.mark.parametrize(("pattern", "text"), CLAIMS)
def test_a_pattern_finds_its_kind_of_claim_without_an_encoder(pattern: str, text: str) -> None:
    found = judge(text)
    assert found.value == PATTERN == 0.9
    assert [(e.why, e.text) for e in found.evidence] == [(pattern, text)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It rained. The undersigned has seen worse.", "It rained. I has seen worse."),
        ("The Present Author\u2019s boots leaked.", "my boots leaked."),
        ("The desk of your humble scribe, in Hull.", "The desk of I, in Hull."),
        ("Here the writer of this note coughed.", "Here I coughed."),
        ("Come soon.\n\nYours truly,\nAnn", None),
        ("I remain your humble servant, Ann", None),
        ("We, the undersigned, want a bench.", None),
        ("This author coughed; so did the author of Emma.", None),
    ],
)
def test_a_name_for_the_teller_is_read_as_the_first_person(text: str, shown: str | None) -> None:
    texts: list[str] = []
    judge(text, claims=lambda read: texts.append(read) or ())
    assert [read.replace("\x01", "") for read in texts] == [shown or text] and len(texts[0]) == len(text)


def test_there_are_seven_patterns_and_each_has_a_claim() -> None:
    assert len(PATTERNS) == 7 and set(PATTERNS) == {pattern for pattern, _ in CLAIMS}


NO_CLAIMS = [
    "Please let me know if you have any questions.",
    "If so, please Let me know.",
    "Just let me know.",
    "Kindly let me know.",
    "Curiosity drove me to the library.",
    "Criticism told me little.",
    "Hindsight let me be generous.",
    "They let me down.",
    "He told me nothing that I needed.",
    "She taught me to think.",
    "I grew up on To Kill a Mockingbird.",
    "I grew up with books.",
    "I grew up believing it.",
    "I was born in the wrong century to judge.",
    "When we were kids, books were longer.",
    "Some of us in the audience prefer Lee.",
    "Both of us know how it ends.",
    "The two of us, reader, have seen worse.",
    "The three of us who read it are well.",
    "I like to think Capote asked me that.",
    "We should not forget it, and our debt to both is plain.",
    "All of us who use phones know the itch.",
    "English is my mother tongue.",
    "Am I my brother's keeper?",
    "Our children will ask what we did.",
    "She is no aunt of mine.",
    "A good neighbour of mine would be quiet.",
    "Orwell and I disagreed about tea.",
    "Orwell and I differed about tea.",
    "You and I met halfway.",
    "I met God once.",
    "I met Capote's prose at school.",
    "I met Truman Capote's prose at school.",
    "I sold Capote's book again.",
    "I knew her novels by heart.",
    "The last time I saw her films I slept.",
    "Life handed me a lemon.",
    "I have read him for ten years.",
    "I knew Rosalind Franklin only as a footnote.",
    "I met Ellul in the pages of a paperback.",
    "I met God as a word.",
    "I told God so.",
    "I have spent two winters with his letters, and I side with her.",
    "As a reader I have no complaint.",
    "As a fellow citizen I object.",
    "I was there for the free biscuits.",
    "I had a feeling at the end.",
    "In 1990 I read less.",
    "My guess is no.",
    "I find Ellul exhausting, and I think he was wrong.",
    "This author grew up two streets from the mill.",
]


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_what_claims_no_past_is_left_alone(text: str) -> None:
    assert [(e.why, e.text) for e in judge(text).evidence] == []


MASKED = [
    'Crick shouted "my uncle has done it" to a half-empty pub.',
    "Crick shouted \u201cmy uncle has done it\u201d to a half-empty pub.",
    "Crick shouted 'my uncle has done it' to a half-empty pub.",
    "Crick shouted \u2018my uncle has done it\u2019 to a half-empty pub.",
    "Crick shouted \u00abmy uncle has done it\u00bb to a half-empty pub.",
    "Crick shouted \u201emy uncle has done it\u201c to a half-empty pub.",
    'The letter goes on: "I met Hannah in 1961 and',
    "Warmly, [my uncle's address]",
    "The film *My Brother the Machine* gets him wrong.",
    "Capote: I met her in the yard.",
    "She would have put it so: I met him over a hedge.",
    "So it was, in her own words to the judge: my uncle drank.",
    "The captain wrote: I was nine when the mill burned, and my uncle drowned in it.",
    "The porter would say: my uncle built it, Mr. Hall, and my aunt swept it.",
    "The old hand would tell newcomers, I rode my uncle's mare at Ascot.",
    "The guide told the visitors, I was ten when the tower fell.",
    "The widow put it plainly, I married my uncle's bank.",
    "Our forefathers begged the tree's pardon.",
    "Our mothers darned the sheets by lamplight; we order new ones in bed.",
    "For our grandparents it was a sin; we call it brunch.",
    "She said that we had met him through my uncle.",
    "He told a friend that I was a member of the crew.",
    "He hoped that my uncle had gone.",
    "The rumour that my uncle drank is old.",
    "I met her on a train, he said later.",
    "I was there when it fell, thought Napoleon.",
    "According to her cousin, I met Hannah on a train.",
    "If I had met him, my uncle would have laughed.",
    "Had I been there, my uncle would have made the tea.",
    "Imagine us at that table, my uncle and me.",
    "It was as if my uncle had come back.",
    "I wonder whether my uncle would agree.",
    "I would have liked to meet his mother and my uncle.",
    "I wish I had known my uncle.",
    "I never met my uncle.",
    "I did not work at the bank.",
    "As an AI, I have no childhood and my uncle is a server.",
    "Would my uncle have believed him?",
    "Please let me know if you have any questions.",
    "Curiosity drove me to the library.",
    "Criticism told me little.",
    "Hindsight let me be generous.",
    "I grew up on To Kill a Mockingbird.",
    "I grew up believing it.",
    "I was born in the wrong century to judge.",
    "When we were kids, books were longer.",
    "Some of us in the audience prefer Lee.",
    "Both of us know how it ends.",
    "I like to think Capote asked me that.",
]


@pytest.mark.parametrize("text", MASKED)
def test_a_sentence_that_its_teller_does_not_assert_has_no_value_even_for_the_encoder(text: str) -> None:
    assert judge(text, claims=reads(1.0)).value == 0.0


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ('"Sit down," she said. My uncle sat.', "My uncle sat."),
        ("> My uncle drove.\n\nMy aunt came.", "My aunt came."),
        ('She said "no", so my uncle left.', 'She said "no", so my uncle left.'),
        ("The mason wrote: the wall is sound. My uncle had laid it.", "My uncle had laid it."),
        ("The ticket says: no return! At nine I was sent back with it.", "At nine I was sent back with it."),
        ("The captain wrote:\n\nI was nine. My uncle drowned.\n\nMy aunt came.", "My aunt came."),
        ('Her cook wrote: "Salt it twice." My gran salted it once.', "My gran salted it once."),
        ("She wrote: 'the soup was cold', and my uncle agreed.", None),
        ("He said that it was late, and my uncle left.", None),
        ("She told us, I was raised above the shop.", None),
        ("He told his wife, I think, that my uncle drank.", None),
        ("The guide told the visitors, I was ten, and my uncle laughed.", None),
        ("Suppose it rained. It would. Still, my uncle went.", "Still, my uncle went."),
        ("I never met her, but my uncle did.", None),
        ("I imagine that he was late. My uncle met him.", "My uncle met him."),
        ('"My uncle met Hannah."', None),
        ('Sure, here is your note:\n\n"My uncle met Hannah."', '"My uncle met Hannah."'),
        ("Takeaway: my uncle met her there.", None),
        ("The boys' uncle let my uncle in, and that was my uncles' end.", None),
    ],
)
def test_a_claim_beside_what_is_masked_is_found(text: str, quote: str | None) -> None:
    assert [e.text for e in judge(text).evidence] == [quote or text]


@pytest.mark.parametrize(
    "text",
    [
        "Our grandparents met in Leeds; we met in York.",
        "Our parents died young, and we live with an aunt.",
        "Our mothers were sisters; we both inherited the chin.",
    ],
)
def test_a_family_of_our_own_is_not_taken_for_everybodys(text: str) -> None:
    assert judge(text, claims=reads(0.97)).value == 0.97


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Write a short story about a station.", "My uncle Richard drove her."),
        ("Portrait of two sisters (fiction).", "My uncle Richard drove her."),
        (NOTE, "Short story: The Lodger\n\nMy uncle shared one lamp."),
        (NOTE, "This is a fictional monologue. My uncle was there."),
        (NOTE, "My uncle was there. (An imagined letter.)"),
    ],
)
def test_labelled_fiction_claims_nothing(prompt: str, text: str) -> None:
    assert is_labelled_fiction(prompt, text)
    found = judge(text, prompt, lambda _: [(0, len(text), 1.0)])
    assert found.value == 0.0 and found.evidence == () and found.details["licensed_spans"] == 0
    assert not is_labelled_fiction("Write about her short stories.", "My uncle, an imagined man, left.")


@pytest.mark.parametrize(("before", "after", "is_fiction"), [(12, 30, True), (30, 12, True), (15, 15, False)])
def test_only_the_opening_and_the_close_declare_an_invention(
    before: int, after: int, is_fiction: bool
) -> None:
    text = "It rained. " * before + "This is fiction." + " It rained." * after
    assert is_labelled_fiction(NOTE, text) is is_fiction


LENT = [
    "Write a letter as Galileo to his daughter.",
    "Write a speech that Theo could read.",
    "In the voice of a critic, review a play.",
    "Answer in first person: why did you leave?",
    "You are Lou, owner of a diner. Reply.",
    "As a former pupil of Volkova, describe a lesson.",
    "Explain it as a doctor might.",
    "Draft a note. I am a nurse.",
    "I'm a florist. Please write to the council.",
    "Write a eulogy for my father.",
    "Share a recipe.",
    "Tell us about your childhood.",
    "What did you learn from it?",
    "Do you remember the winter of 1963?",
    "Tell me about the time you met someone famous.",
    "Tell us how you came to love mathematics.",
    "Write a personal essay on rain.",
    "Critique your own first novel.",
    "Write a column as a 70-year-old widow.",
    "A letter of complaint to my landlord.",
    "Pretend that it is 1920.",
    "Describe your worst holiday.",
]
NOT_LENT = [
    NOTE,
    "Write a note on George Orwell as a critic.",
    "Review Atlas Shrugged as a novel about trains.",
    "If a machine can write your novel, who should be ashamed?",
    "How do I write a condolence card?",
    "Your harshest view of films, in ninety words.",
    "Did you know Primo Levi?",
    "Write it as a short paragraph.",
    "Write a piece for our town newsletter.",
    "Tell the story of Bohr in Copenhagen.",
    "Short letter to a friend about taking up running.",
    "Blaise Pascal offers you a bet. Decline it.",
    "Give me three facts about Lise Meitner.",
]


@pytest.mark.parametrize(("prompt", "is_lent"), [*((p, True) for p in LENT), *((p, False) for p in NOT_LENT)])
def test_a_prompt_that_asks_for_the_first_person_licenses_it(prompt: str, is_lent: bool) -> None:
    assert is_lent_voice(prompt) is is_lent
    assert judge("My uncle left.", prompt).value == (0.0 if is_lent else PATTERN)


def test_claims_that_a_licence_covers_are_listed_with_their_sentence() -> None:
    text = "My uncle left. It rained. He took the car."
    found = judge(text, claims=reads(0.1, 0.2, 0.7), licensed=True)
    assert found.value == 0.0
    assert [(e.text, e.why) for e in found.evidence] == [
        ("My uncle left.", LICENSED),
        ("He took the car.", LICENSED),
    ]
    assert found.details == {"spans": 0.0, "licensed_spans": 2.0, "highest": PATTERN}


def test_the_value_is_the_highest_probability_and_a_pattern_raises_it() -> None:
    text = "He left. My uncle stayed. It rained."
    found = judge(text, claims=reads(0.95, 0.2, 0.49))
    assert found.value == 0.95
    assert [(e.text, e.why) for e in found.evidence] == [("He left.", CLAIM), ("My uncle stayed.", "kin")]
    assert found.details == {"spans": 2.0, "licensed_spans": 0.0, "highest": 0.95}
    assert judge(text, claims=reads(0.1, 0.2, 0.3)).value == PATTERN
    assert judge(text, claims=reads(0.1, 0.97, 0.3)).value == 0.97


@pytest.mark.parametrize(("probability", "count"), [(0.5, 1), (0.499, 0), (0.0, 0), (1.0, 1)])
def test_a_sentence_is_evidence_from_one_half(probability: float, count: int) -> None:
    found = judge("It rained.", claims=reads(probability))
    assert FAULT_AT == 0.5 and found.value == probability and len(found.evidence) == count


def test_a_sentence_of_any_length_is_read_in_pieces() -> None:
    assert cuts(5, 2105) == [(5, 1005), (1005, 2005), (2005, 2105)] and cuts(3, 3) == []
    text = "rain " * 300 + "met my uncle."
    assert [(e.text, e.why) for e in judge(text).evidence] == [(text, "kin")]


def test_an_empty_answer_claims_nothing() -> None:
    assert judge("").value == 0.0 and judge("", claims=lambda _: ()).value == 0.0


def test_spans_are_exact_ordered_and_apart_in_a_text_with_marks_and_line_breaks() -> None:
    text = "**My uncle** Richard\u2019s car.\n\n\u201cOurs,\u201d she said. The three\nof us left. I told Hannah."
    evidence = judge(text).evidence
    assert [e.why for e in evidence] == ["kin", "of_us", "done_by_me"]
    assert all(text[e.start : e.end] == e.text for e in evidence)
    assert all(a.end <= b.start for a, b in pairwise(evidence))


@given(
    st.text(alphabet="Imy ouruncle\"'\u2018\u2019\u201c\u201d\u201e\u00ab>*_[].\n:Hanh\u00e9", max_size=300)
)
@settings(max_examples=150)
def test_any_text_gives_exact_spans_and_a_mask_of_equal_length(text: str) -> None:
    assert all(text[e.start : e.end] == e.text for e in judge(text).evidence)
    shown = asserted(text, NOTE)
    flat = text.translate(str.maketrans("\u2019*_\n", "'   "))
    assert len(shown) == len(text)
    assert all(a in (MASK, b) for a, b in zip(shown, flat, strict=True))


def answers(name: str) -> list[tuple[Answer, bool]]:
    lines = (DATA / f"self_insertion_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        (
            Answer(r["id"], r["prompt"], r["text"], tuple(r["subjects"]), r["first_person_licensed"]),
            bool(r["label"]),
        )
        for r in rows
    ]


GOLDEN: dict[str, int] = {
    "as_a": 12,
    "childhood": 5,
    "done_by_me": 3,
    "done_to_me": 14,
    "kin": 38,
    "label 0, value 0.0": 417,
    "label 1, value 0.0": 286,
    "label 1, value 0.9": 85,
    "licensed": 31,
    "of_us": 9,
    "origin": 4,
}


def test_golden_values_of_version_7() -> None:
    judged = [(self_insertion(answer), label) for answer, label in answers("dev")]
    counts = Counter(e.why for j, _ in judged for e in j.evidence)
    counts.update(f"label {label:d}, value {j.value}" for j, label in judged)
    assert VERSION == 7 and dict(counts) == GOLDEN, "raise VERSION and write the new values here"


def test_patterns_alone_are_right_in_49_of_50_texts_that_they_flag() -> None:
    judged = [(self_insertion(a).value, label) for name in ("dev", "heldout") for a, label in answers(name)]
    flagged = [label for value, label in judged if value]
    assert len(flagged) >= 100 and sum(flagged) / len(flagged) >= 0.98


def test_the_review_table_is_judged_right_with_the_encoder() -> None:
    from judges.encoder import claims

    wrong = Counter[bool]()
    for line in (DATA / "claims_review.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        (sentence,) = row["sentences"]
        found = judge(sentence["text"], row["prompt"], claims)
        wrong[bool(sentence["claim"])] += bool(found.evidence) != sentence["claim"]
    assert wrong[False] == 0 and wrong[True] <= 3
