"""Judge one quality of a text by a rubric: four to six yes/no questions that an LLM grader answers.

A rubric is a Markdown file in ``rubrics/``: its purpose, then questions with an example of a yes and a no.
How graders are called is in ``evals.graders``.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from judges.grading import (
    MAX_PROMPT,
    MAX_QUOTE_WORDS,
    GraderPrompt,
    Material,
    Question,
    TokenChoice,
    find_quote,
    grader_prompt,
    questions_form,
    questions_text,
    read_answer,
    read_object,
    yes_probabilities,
)
from judges.text import EMPTY, is_blank
from judges.types import Answer, Evidence, JudgeIdentity, Judgement, unscored
from timbre.errors import TimbreError

VERSION = 2  # raise it when the prompt, the reading of replies or the pooling changes
RUBRICS = Path(__file__).with_name("rubrics")
MAX_TEXT = 8000  # characters shown of the answer: twice what 512 new tokens can hold
MAX_REPLY_TOKENS = 700  # of a grader's reply, unless the grader was given a limit of its own

_ITEM = re.compile(
    r"## (?P<key>[a-z_]+) \(weight (?P<weight>[1-9]\d*)\)\n(?P<question>[^\n]+\?)\n"
    r"- yes: (?P<yes>[^\n]+)\n- no: (?P<no>[^\n]+)\n*"
)


@dataclass(frozen=True)
class Rubric:
    """What a grader is asked about one dimension."""

    dimension: str  # key in DIMENSIONS
    sha256: str  # of the file's bytes: two logs with the same digest asked the same
    purpose: str  # what the dimension is about, in a few sentences
    items: tuple[Question, ...]  # in file order


def load_rubric(dimension: str) -> Rubric:
    """The rubric in ``rubrics/<dimension>.md``; a TimbreError if there is none, or it is malformed."""
    path = RUBRICS / f"{dimension}.md"
    if not re.fullmatch(r"[a-z_]+", dimension) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in RUBRICS.glob("*.md")))
        raise TimbreError(f"no rubric for '{dimension}'", where=str(path), do=f"use one of {known}")
    return parse_rubric(path.read_bytes(), dimension, str(path))


def parse_rubric(data: bytes, dimension: str, name: str, items_allowed: range = range(4, 7)) -> Rubric:
    """The rubric in the bytes of a Markdown file; errors call the file ``name``."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    head, *blocks = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    purpose = head.removeprefix(f"# {dimension}\n").strip()
    items: list[Question] = []
    line = head.count("\n") + 1
    for block in blocks:
        match = _ITEM.fullmatch(block)
        if not match or match["key"] in {i.key for i in items}:
            do = "write '## unique_key (weight 1)', a question, '- yes: ...' and '- no: ...'"
            raise TimbreError("malformed rubric item", where=f"{name}:{line}", do=do)
        key, weight, *rest = match.groups()
        items.append(Question(key, int(weight), *rest))
        line += block.count("\n")
    if not head.startswith(f"# {dimension}\n") or not purpose or len(items) not in items_allowed:
        do = f"write '# {dimension}', its purpose, and {items_allowed[0]} to {items_allowed[-1]} items"
        raise TimbreError("malformed rubric", where=name, do=do)
    return Rubric(dimension, hashlib.sha256(data).hexdigest(), " ".join(purpose.split()), tuple(items))


def rubric_identity(rubric: Rubric, *graders: str) -> JudgeIdentity:
    """The judge that one grader, or several pooled, are under this rubric; their order doesn't matter."""
    parts = {"rubric": rubric.sha256, "grader": ", ".join(sorted(graders))}
    return JudgeIdentity(f"rubric/{rubric.dimension}", rubric.dimension, VERSION, parts)


def rubric_prompt(rubric: Rubric, answer: Answer) -> GraderPrompt:
    """The prompt for a grader; the same rubric and answer give the same prompt, so replies can be cached."""
    task = f"""\
You judge one quality of a short text: {rubric.dimension}.
{rubric.purpose}

Answer each question about the text with yes or no. Be strict: where you hesitate, the answer is no.
{questions_text(rubric.items)}"""
    material = [
        Material("The request that the text answers", answer.prompt, MAX_PROMPT),
        Material("The text", answer.text, MAX_TEXT),
    ]
    reply = (
        'For each question give "quote", the words of the text that decide it, copied exactly and at most '
        f'{MAX_QUOTE_WORDS} words long (empty for a no), and "answer", "yes" or "no":'
    )
    return grader_prompt(task, material, reply, questions_form(rubric.items))


def parse_reply(rubric: Rubric, reply: str, answer: Answer, tokens: Sequence[TokenChoice] = ()) -> Judgement:
    """The judgement in a grader's reply; raises nothing, whatever the reply is.

    ``value`` is the weight of the items answered yes over the weight of all, in [0, 1]; an item whose answer's
    probability is known, from the reply's ``tokens``, counts by that. Evidence are the quotes of the items answered
    yes. A quote that doesn't occur in the answer is dropped and counted, since the grader made it up.

    Returns:
        Unscored for an empty answer and for a reply that is not the JSON asked for. Details: ``items_yes``,
        ``items``, ``quotes_not_found``, and with ``tokens`` also ``items_by_probability``.
    """
    if is_blank(answer.text):
        return unscored(rubric.dimension, EMPTY)
    keys = [item.key for item in rubric.items]
    parsed = read_object(reply, keys, answer.text)
    if parsed is None:
        return unscored(rubric.dimension, "grader reply not understood: not one JSON object of its own")
    likely = yes_probabilities(tokens, keys) if tokens else {}
    earned, made_up, yes_count = 0.0, 0, 0
    evidence: list[Evidence] = []
    for item in rubric.items:
        is_yes, quote = read_answer(parsed.get(item.key))
        if is_yes is None:
            return unscored(rubric.dimension, f"grader reply not understood: no yes or no for '{item.key}'")
        earned += item.weight * likely.get(item.key, float(is_yes))
        if not is_yes:
            continue
        yes_count += 1
        span = find_quote(quote, answer.text)
        if span:
            evidence.append(Evidence(answer.text[span[0] : span[1]], *span, item.key))
        made_up += bool(quote.strip() and not span)
    details = {"items_yes": yes_count, "items": len(rubric.items), "quotes_not_found": made_up}
    if tokens:
        details["items_by_probability"] = len(likely)
    evidence.sort(key=lambda e: e.start)
    counts = {name: float(count) for name, count in details.items()}
    value = earned / sum(item.weight for item in rubric.items)
    return Judgement(rubric.dimension, value, tuple(evidence), details=counts)


def pooled(dimension: str, judgements: Mapping[str, Judgement]) -> Judgement:
    """One judgement from several graders' judgements of the same answer by the same rubric.

    Returns:
        The only judgement where there is one grader. Else the mean of the values there are, everybody's
        evidence once, and as details ``value of <grader>`` for each that answered, ``graders`` asked,
        ``answered``, ``range`` (highest less lowest value) and the means of the graders' own details.
    """
    if len(judgements) == 1:
        return next(iter(judgements.values()))
    values = {grader: j.value for grader, j in judgements.items() if j.value is not None}
    if not values:
        return unscored(dimension, "; ".join(f"{grader}: {j.unscored}" for grader, j in judgements.items()))
    answered = [judgements[grader] for grader in values]
    evidence = {e for j in answered for e in j.evidence}
    names = dict.fromkeys(name for j in answered for name in j.details)
    details = {name: sum(j.details.get(name, 0.0) for j in answered) / len(answered) for name in names}
    details |= {f"value of {grader}": value for grader, value in values.items()}
    details |= {"graders": float(len(judgements)), "answered": float(len(values))}
    details["range"] = max(values.values()) - min(values.values())
    in_order = tuple(sorted(evidence, key=lambda e: (e.start, e.end, e.why)))
    return Judgement(dimension, sum(values.values()) / len(values), in_order, details=details)
