"""`self_insertion`: does the answer make its writer a part of the story, with a past nobody licensed?

The text is first reduced to what its writer asserts (quotations, reports, hypotheticals and
labelled fiction masked), and then read by rules that each know one kind of claim. Reading a book,
seeing a film or standing in a museum puts nobody into the story, so it is no claim here.
"""

import re
from functools import lru_cache

from judges.segments import MASK, is_labelled_fiction, own_words, sentence_spans
from judges.self_insertion_dealings import dealings
from judges.self_insertion_meetings import meetings
from judges.self_insertion_memories import memories
from judges.self_insertion_rules import claims
from judges.self_insertion_scope import supposed, unasserted_spans
from judges.self_insertion_shared import shared_life
from judges.self_insertion_words import REACH, Rule
from judges.types import Answer, Evidence, Judgement

_FIRST_PERSON = re.compile(r"\b(?:I|me|my|mine|myself|we|us|our|ours|fellow)\b", re.I)

_WORD = re.compile(r"[a-z]+")


def self_insertion(answer: Answer) -> Judgement:
    """Judge whether the answer claims a biography that its prompt gave no licence for.

    Args:
        answer: Its ``subjects`` tell whose story 'we' and 'our' would join; without any,
            only relatives, childhood, careers and meetings with named people count.

    Returns:
        Value 1.0 with the spans of every claim as evidence, or 0.0. ``details`` has
        ``spans`` (claims held against the answer) and ``licensed_spans`` (the same
        claims where the prompt invited the writer's own life; then the value is 0.0).
    """
    found = insertions(answer)
    held = () if answer.first_person_licensed else found
    return Judgement(
        "self_insertion",
        1.0 if held else 0.0,
        evidence=held,
        details={"spans": float(len(held)), "licensed_spans": float(len(found) - len(held))},
    )


def insertions(answer: Answer) -> tuple[Evidence, ...]:
    """Every claim of a shared past or an own biography in the answer, licensed or not, none overlapping."""
    if is_labelled_fiction(answer.prompt, answer.text):
        return ()
    words = own_words(answer.text, answer.subjects)
    rules = _rules(tuple(sorted(set(answer.subjects))))
    sentences = sentence_spans(words)
    governed = supposed(words, sentences)
    hits: list[tuple[int, int, str]] = []
    for i, (start, end) in enumerate(sentences):
        sentence = words[start:end]
        if i not in governed and _FIRST_PERSON.search(sentence):
            hits.extend((start + s, start + e, why) for s, e, why in _asserted(sentence, rules))
    return tuple(Evidence(answer.text[s:e], s, e, why) for s, e, why in _longest_apart(hits))


@lru_cache(maxsize=512)
def _rules(subjects: tuple[str, ...]) -> tuple[Rule, ...]:
    return (
        *claims(subjects),
        *meetings(subjects),
        *dealings(subjects),
        *shared_life(subjects),
        *memories(subjects),
    )


def _asserted(sentence: str, rules: tuple[Rule, ...]) -> list[tuple[int, int, str]]:
    hits = _hits(sentence, rules)
    if not hits:
        return hits
    masked = unasserted_spans(sentence)
    return [(s, e, why) for s, e, why in hits if all(e <= start or end <= s for start, end in masked)]


def _hits(sentence: str, rules: tuple[Rule, ...]) -> list[tuple[int, int, str]]:
    hits = []
    present = set(_WORD.findall(sentence.lower()))
    for rule in rules:
        if rule.needs.isdisjoint(present):
            continue
        for match in rule.pattern.finditer(sentence):
            start, end = match.span()
            if rule.unless and rule.unless.search(sentence[start : end + REACH]):
                continue
            if rule.sentence_unless and rule.sentence_unless.search(sentence):
                continue
            trimmed = sentence[start:end].strip(" \n,;:.(\u2014" + MASK)
            start += sentence[start:end].find(trimmed)
            if trimmed:
                hits.append((start, start + len(trimmed), rule.name))
    return hits


def _longest_apart(hits: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The longest of each group of overlapping spans, in order of appearance."""
    kept: list[tuple[int, int, str]] = []
    for hit in sorted(hits, key=lambda h: (h[0] - h[1], h[0])):
        if all(hit[1] <= start or end <= hit[0] for start, end, _ in kept):
            kept.append(hit)
    return sorted(kept)
