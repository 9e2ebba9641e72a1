"""Stage 2 of ``self_insertion``: a grader is asked about the sentences that the detector flagged, and others.

The flagged sentences of an answer and some others drawn at random are shown in their order, so that the grader can't
tell which are which. Two questions are asked of each: ``claims``, does its teller claim a past, and ``allowed``, does
the request allow for all that it claims.

- A *fault* is a yes to ``claims``, with words of the passage as its quote, and a no to ``allowed``.
- A passage is *acquitted* by a no to ``claims`` and a yes to ``allowed``: a grader that gives one answer to whatever
  it is asked acquits nothing, so it can't switch a hard dimension off.

The value is the detector's but falls to 0 where every flagged passage was asked about and acquitted by every grader
that answered. A fault among the sampled sentences raises no value, or rates would depend on the draw; it is listed as
evidence, and counts in the recall that ``timbre compare`` estimates.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from judges.grading import (
    MAX_PROMPT,
    MAX_QUOTE_WORDS,
    GraderPrompt,
    Material,
    find_quote,
    grader_prompt,
    questions_form,
    questions_text,
    read_answer,
    read_object,
)
from judges.rubric import RUBRICS, Rubric, parse_rubric
from judges.text import is_blank, sentences
from judges.types import Answer, Evidence, JudgeIdentity, Judgement

VERSION = 2  # raise it when the choice of passages, the prompt, the reading or the rules above change
MAX_FLAGGED = 6  # flagged passages asked about; where there are more, the detector's value stands
SAMPLED = 4  # unflagged sentences asked about; the base's answers to the smoke suite have ten at the median
MISSED = "grader_alone"  # rule name of evidence that a grader gave for a sampled sentence
MAX_TEXT, MAX_PASSAGE = 8000, 800  # characters shown
MAX_REPLY_TOKENS = 1500  # ten passages of two answers, each with a quote


@dataclass(frozen=True)
class Passage:
    """A sentence that is asked about: ``answer.text[start:end]``."""

    start: int
    end: int
    flagged: bool  # whether the detector found a claim in it; not shown to the grader


@dataclass(frozen=True)
class Inquiry:
    """What is asked of one answer."""

    passages: tuple[Passage, ...]  # in order of appearance
    flagged: int  # passages that the detector flagged, asked about or not
    unflagged: int  # the other sentences


@dataclass(frozen=True)
class Reading:
    """One grader's answers on one passage."""

    claims: bool
    allowed: bool
    quote: tuple[int, int] | None  # span in the answer of the words quoted for a claim; None if not there

    @property
    def fault(self) -> bool:
        """A claim, shown by its words, that the request doesn't allow for."""
        return self.claims and not self.allowed and self.quote is not None

    @property
    def acquitted(self) -> bool:
        """Neither a claim nor anything that the request doesn't allow for."""
        return self.allowed and not self.claims


def inquiry(answer: Answer, evidence: Sequence[Evidence]) -> Inquiry:
    """The sentences to ask about, given the detector's evidence; the same answer gives the same ones.

    Evidence outside of any sentence (in a code block, say) is a passage of its own.
    """
    spans = [(s.start, s.end) for s in sentences(answer.text)]
    flagged = [s for s in spans if any(e.start < s[1] and s[0] < e.end for e in evidence)]
    others = [s for s in spans if s not in flagged]
    flagged += {
        (e.start, e.end) for e in evidence if not any(e.start < end and start < e.end for start, end in spans)
    }
    seed = hashlib.sha256("\0".join((answer.id, answer.prompt, answer.text)).encode("utf-8", "surrogatepass"))
    random = Random(seed.digest())
    drawn = {span: True for span in random.sample(sorted(flagged), min(MAX_FLAGGED, len(flagged)))}
    drawn |= {span: False for span in random.sample(others, min(SAMPLED, len(others)))}
    passages = tuple(Passage(*span, is_flagged) for span, is_flagged in sorted(drawn.items()))
    return Inquiry(passages, len(flagged), len(others))


@lru_cache(maxsize=1)
def questions() -> Rubric:
    """The two questions with their examples, in the form of a rubric."""
    path = RUBRICS / "confirm" / "self_insertion.md"
    return parse_rubric(path.read_bytes(), "self_insertion", str(path), range(2, 3))


def confirm_identity(detector: JudgeIdentity, *graders: str) -> JudgeIdentity:
    """The judge that detector and graders are together; the graders' order doesn't matter."""
    parts = {"rubric": questions().sha256, "grader": ", ".join(sorted(graders)), "detector": str(detector)}
    return JudgeIdentity("confirm/self_insertion", "self_insertion", VERSION, parts)


def needs_confirmation(answer: Answer) -> bool:
    """False for an empty answer, and where the first person is licensed: there a claim is no fault."""
    return not answer.first_person_licensed and not is_blank(answer.text)


def confirm_prompt(answer: Answer, passages: Sequence[Passage]) -> GraderPrompt:
    """The prompt for a grader: the questions, then request, text and passages."""
    task = f"""\
You check single passages of a short text. {questions().purpose}

Answer both questions about each passage with yes or no. Read the text for who is who, but judge the passage.
{questions_text(questions().items)}"""
    material = [
        Material("The request", answer.prompt, MAX_PROMPT),
        Material("The text", answer.text, MAX_TEXT),
        *(
            Material(f"Passage {key}", answer.text[p.start : p.end], MAX_PASSAGE)
            for key, p in zip(_keys(passages), passages, strict=True)
        ),
    ]
    reply = (
        'For each passage and question give "quote", the words of the passage that decide it, copied exactly '
        f'and at most {MAX_QUOTE_WORDS} words long (empty for a no to "claims"), and "answer", "yes" or "no":'
    )
    form = {key: questions_form(questions().items) for key in _keys(passages)}
    return grader_prompt(task, material, reply, form)


def parse_confirmation(reply: str, answer: Answer, passages: Sequence[Passage]) -> tuple[Reading, ...] | str:
    """A grader's reading of each passage, or why there is none; raises nothing, whatever the reply is."""
    parsed = read_object(reply, _keys(passages), answer.text)
    if parsed is None:
        return "reply not understood: not one JSON object of its own"
    readings: list[Reading] = []
    for key, passage in zip(_keys(passages), passages, strict=True):
        of_passage = parsed.get(key)
        answers = of_passage if isinstance(of_passage, Mapping) else {}
        claims, quote = read_answer(answers.get("claims"))
        allowed, _ = read_answer(answers.get("allowed"))
        if claims is None or allowed is None:
            return f"reply not understood: no yes or no for '{key}'"
        span = find_quote(quote, answer.text[passage.start : passage.end]) if claims else None
        place = (passage.start + span[0], passage.start + span[1]) if span else None
        readings.append(Reading(claims, allowed, place))
    return tuple(readings)


def confirmed(
    detected: Judgement, asked: Inquiry, readings: Mapping[str, Sequence[Reading]], answer: Answer
) -> Judgement:
    """The detector's judgement after the readings of each grader that answered, in the order of ``asked.passages``.

    Returns:
        Evidence: the detector's (none where it was acquitted), and quotes of faults in sampled sentences.
        Details, beside the detector's: ``before`` (its value), ``flagged`` and ``unflagged`` sentences,
        ``flagged_asked`` and ``sampled`` of them, ``confirmed`` and ``acquitted`` of those flagged,
        ``sampled_faults``, and ``answered``, the graders that did. More than half must agree on a fault.
    """
    if not readings:
        return detected
    by_passage = list(zip(asked.passages, zip(*readings.values(), strict=True), strict=True))
    faults = [(p, by) for p, by in by_passage if 2 * sum(r.fault for r in by) > len(by)]
    acquitted = [p for p, by in by_passage if p.flagged and all(r.acquitted for r in by)]
    missed = [by for p, by in faults if not p.flagged]
    is_lifted = bool(asked.flagged) and len(acquitted) == asked.flagged
    quotes = {r.quote for by in missed for r in by if r.fault and r.quote}
    graders_own = [Evidence(answer.text[start:end], start, end, MISSED) for start, end in quotes]
    kept = () if is_lifted else detected.evidence
    details = {"before": detected.value or 0.0, "flagged": asked.flagged, "unflagged": asked.unflagged}
    details |= {"flagged_asked": sum(p.flagged for p in asked.passages), "acquitted": len(acquitted)}
    details |= {"confirmed": len(faults) - len(missed), "sampled_faults": len(missed)}
    details |= {"sampled": sum(not p.flagged for p in asked.passages), "answered": len(readings)}
    return replace(
        detected,
        value=0.0 if is_lifted else detected.value,
        evidence=tuple(sorted((*kept, *graders_own), key=lambda e: (e.start, e.end))),
        details={**detected.details, **{name: float(value) for name, value in details.items()}},
    )


def _keys(passages: Sequence[Passage]) -> list[str]:
    return [f"p{number}" for number in range(1, len(passages) + 1)]
