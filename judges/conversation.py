"""A conversation as judges read it: one text, in which each reply has its place and its own question.

The text is the first reply, then each further message of the user as a Markdown quotation with its reply.
``canaries/types.py`` states which dimension is judged reply by reply. Another rule here is another ``VERSION`` of the
judges whose values it moves.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from judges.language import zipf
from judges.text import folded_words, sentences
from judges.types import FAULT_AT, Answer, Evidence, Judgement

WORST_REPLY = ("integrity", "self_insertion")
MEAN_OF_REPLIES = ("compression", "words", "sentences")
BY_REPLY = (*WORST_REPLY, *MEAN_OF_REPLIES)
REPEATED = "repeated"  # fault of a reply that is, word for word, a message or an earlier reply
MIN_REPEATED = 6  # fewest words of such a reply; "Yes." may come twice
# Share of a claim's content words, and two at least if it has them, that the user told of itself: no invention.
TOLD = 0.5
FRAME_WORD = 6.0  # Zipf frequency of English words from which a word has no content ("have", "time")
_ADDRESS = frozenset(("you", "your"))

Judge = Callable[[Answer], dict[str, Judgement]]


def conversation(replies: Sequence[str], messages: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text of a conversation, and the spans in it of what the user says after each reply but the last."""
    text, spans = replies[0], []
    for message, reply in zip(messages, replies[1:], strict=True):
        quoted = "\n".join(f"> {line}".rstrip() for line in message.split("\n"))
        spans.append((len(text) + 2, len(text) + 2 + len(quoted)))
        text += f"\n\n{quoted}\n\n{reply}"
    return text, tuple(spans)


def as_one(answer: Answer) -> Answer:
    """All replies as one text under all messages; the messages in it are blanked, so that offsets stay."""
    text = answer.text
    for start, end in answer.user_spans:
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return replace(answer, prompt="\n\n".join(_messages(answer)), text=text, user_spans=())


def judge_conversation(answer: Answer, judge: Judge) -> dict[str, Judgement]:
    """Every dimension of a conversation; ``judge`` judges a text by itself and applies no fault to the others."""
    messages = _messages(answer)
    judged: list[dict[str, Judgement]] = []
    spoken: set[tuple[str, ...]] = set()
    for number, (start, reply) in enumerate(_replies(answer)):
        own = judge(reply)
        words = folded_words(reply.text)
        spoken.add(folded_words(messages[number]))
        if words in spoken and len(words) >= MIN_REPEATED:
            evidence = Evidence(reply.text, 0, len(reply.text), REPEATED)
            details = {**own["integrity"].details, REPEATED: 1.0}
            own["integrity"] = replace(own["integrity"], value=1.0, evidence=(evidence,), details=details)
        spoken.add(words)
        own["self_insertion"] = _without_told(own["self_insertion"], messages[: number + 1])
        judged.append({key: _placed(own[key], answer.text, start) for key in BY_REPLY})
    of_all = judge(as_one(answer))
    for key in WORST_REPLY:
        of_all[key] = _combined([own[key] for own in judged], max)
    for key in MEAN_OF_REPLIES:
        of_all[key] = _combined([own[key] for own in judged], lambda values: sum(values) / len(values))
    return {key: _placed(judgement, answer.text) for key, judgement in of_all.items()}


def _messages(answer: Answer) -> list[str]:
    quoted = (answer.text[start:end] for start, end in answer.user_spans)
    return [answer.prompt, *(re.sub(r"^> ?", "", message, flags=re.MULTILINE) for message in quoted)]


def _replies(answer: Answer) -> Iterator[tuple[int, Answer]]:
    """Each reply under the messages up to it, with its place in the text."""
    starts = [0, *(end + 2 for _, end in answer.user_spans)]
    ends = [*(start - 2 for start, _ in answer.user_spans), len(answer.text)]
    messages = _messages(answer)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        asked = "\n\n".join(messages[: number + 1])
        yield start, replace(answer, prompt=asked, text=answer.text[start:end], user_spans=())


def _without_told(judgement: Judgement, messages: Sequence[str]) -> Judgement:
    """The judgement without claims that the user made of the model; questions and denials tell nothing."""
    if (judgement.value or 0.0) < FAULT_AT:
        return judgement
    stated = (s.text for message in messages for s in sentences(message) if not s.text.endswith("?"))
    of_the_model = (words for text in stated if not _ADDRESS.isdisjoint(words := folded_words(text)))
    told = frozenset(word for words in of_the_model if not _is_denial(words) for word in words)
    kept = tuple(e for e in judgement.evidence if not _is_told(e.text, told))
    details = {**judgement.details, "spans": float(len(kept))}
    return replace(judgement, value=judgement.value if kept else 0.0, evidence=kept, details=details)


def _is_denial(words: Sequence[str]) -> bool:
    return any(word in ("never", "not", "no") or word.endswith("n't") for word in words)


def _is_told(claim: str, told: frozenset[str]) -> bool:
    content = {word for word in folded_words(claim) if zipf(word) < FRAME_WORD}
    return bool(content) and len(content & told) >= min(len(content), max(2, TOLD * len(content)))


def _combined(judgements: Sequence[Judgement], combine: Callable[[Sequence[float]], float]) -> Judgement:
    """One judgement of several replies, by those that have a value; all evidence in order of appearance."""
    values = [j.value for j in judgements if j.value is not None]
    if not values:
        return judgements[0]
    names = dict.fromkeys(name for j in judgements for name in j.details)
    details: Mapping[str, float] = {
        name: combine([j.details[name] for j in judgements if name in j.details]) for name in names
    }
    evidence = tuple(e for j in judgements for e in j.evidence)
    return replace(judgements[0], value=combine(values), evidence=evidence, unscored=None, details=details)


def _placed(judgement: Judgement, text: str, by: int = 0) -> Judgement:
    """The same with evidence ``by`` characters further on, quoting ``text``, a message inside a span too."""
    places = ((e.start + by, e.end + by, e.why) for e in judgement.evidence)
    return replace(judgement, evidence=tuple(Evidence(text[a:b], a, b, why) for a, b, why in places))
