"""Every judge that needs no grader, in table order, and which versions of them they are."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import ModuleType

from judges import (
    compression,
    encoder,
    integrity,
    memorization,
    readability,
    relevance,
    self_insertion,
    slop,
    specificity,
    tone,
    voice_match,
)
from judges.conversation import judge_conversation
from judges.language import language as language_of
from judges.reference import VoiceReference
from judges.stock_learning import counted, stored_list
from judges.text import EMPTY, CleanText, clean, is_blank
from judges.types import DIMENSIONS, FAULT_AT, MARKED_UP, Answer, Evidence, JudgeIdentity, Judgement, unscored

NO_GRADER = "no grader: name a model for the role 'grader'"
# Judges that were fitted on English or list English phrases; a text in another language is unscored.
ENGLISH_ONLY = ("relevance", "humor", "provocativeness", "self_insertion", "hashtag_slop", "specificity")

_JUDGES: Mapping[str, ModuleType] = {
    "integrity": integrity,
    "relevance": relevance,
    "compression": compression,
    "humor": tone,
    "provocativeness": tone,
    "self_insertion": self_insertion,
    "hashtag_slop": slop,
    "specificity": specificity,
    "voice_match": voice_match,
    "memorization": memorization,
    **dict.fromkeys((*readability.COUNTS, *readability.INDICES), readability),
}
# Stored weights that a judge reads with, which are a part of its identity.
_WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "relevance": (encoder.UNTUNED,),
    "humor": (encoder.TUNED, encoder.UNTUNED, encoder.OPENING),
    **dict.fromkeys(("integrity", "provocativeness", "self_insertion", "specificity"), (encoder.TUNED,)),
}


class Panel:
    """The judges, with what they compare an answer with."""

    def __init__(
        self,
        reference: VoiceReference | None,
        training_responses: Sequence[str] = (),
        topics: Mapping[str, Sequence[str]] | None = None,
        base_sha256: str | None = None,
    ) -> None:
        """Set up the panel; nothing is fitted until the first answer.

        Args:
            reference: The writer's texts; without them ``voice_match`` is unscored.
            training_responses: Further responses that may not be copied, beside ``reference.train``.
            topics: The prompts of the suite, each with its facts; without them ``relevance`` is unscored.
            base_sha256: Identity of the base that answered, whose learned phrases count as slop.
        """
        self.reference = reference
        own = reference.train if reference else ()
        name = reference.name if reference else "training"
        self._stock = counted(stored_list(base_sha256) if base_sha256 else None, own)
        self._index = memorization.MemorizationIndex(tuple(dict.fromkeys((*own, *training_responses))), name)
        prompts = {clean(prompt).text: facts for prompt, facts in (topics or {}).items()}
        self._topics = relevance.Topics(prompts) if prompts else None

    def judge(self, answer: Answer) -> dict[str, Judgement]:
        """One judgement a dimension, for every key of ``DIMENSIONS`` and in that order.

        An answer with a fault scores 0 on every dimension marked up, with the fault as evidence (contract C4).
        Warmth, which only a grader judges, is unscored. Evidence spans are those of ``answer.text`` as given.
        """
        judged = judge_conversation(answer, self._text) if answer.user_spans else self._text(answer)
        return judged | _worst(judged) if (judged["integrity"].value or 0.0) >= FAULT_AT else judged

    def _text(self, answer: Answer) -> dict[str, Judgement]:
        """The judgements of a text by itself, whether it has a fault or not."""
        text = clean(answer.text)
        shown = replace(answer, text=text.text, prompt=clean(answer.prompt).text)
        return {key: _finished(judged, text, answer) for key, judged in self._judged(shown).items()}

    def _judged(self, answer: Answer) -> dict[str, Judgement]:
        if is_blank(answer.text):
            fault = integrity.integrity(answer)
            rest = {key: unscored(key, EMPTY) for key in DIMENSIONS}
            return rest | {"integrity": fault}
        language = language_of(answer.text)
        foreign = language if language != "English" else None
        if foreign:
            fault = integrity.integrity(answer)
        else:
            reading = encoder.read(answer.text)
            fault = integrity.integrity(answer, reading)
            fault = replace(fault, details={**fault.details, "coherence": reading.heads["coherence"]})
        judgements: dict[str, Judgement] = {"integrity": fault, "warmth": unscored("warmth", NO_GRADER)}
        judgements |= readability.readability(answer)
        for key, judge in self._judges().items():
            if foreign and key in ENGLISH_ONLY:
                judgements[key] = unscored(key, f"written in {foreign}")
            else:
                judgements[key] = judge(answer)
        return {key: judgements[key] for key in DIMENSIONS}

    def _judges(self) -> dict[str, Callable[[Answer], Judgement]]:
        return {
            "relevance": lambda a: relevance.relevance(a, self._topics),
            "compression": compression.compression,
            "humor": tone.humor,
            "provocativeness": tone.provocativeness,
            "self_insertion": lambda a: self_insertion.self_insertion(a, encoder.claims),
            "hashtag_slop": lambda a: slop.hashtag_slop(a, self._stock),
            "specificity": specificity.specificity,
            "voice_match": lambda a: voice_match.voice_match(a, self.reference),
            "memorization": lambda a: memorization.memorization(a, self._index),
        }


def _worst(judged: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """Every dimension marked up at 0, for an answer with a fault."""
    evidence = judged["integrity"].evidence
    return {
        key: Judgement(key, 0.0, evidence, details={"fault": 1.0}, judge=judged[key].judge)
        for key in MARKED_UP
    }


def _finished(judgement: Judgement, text: CleanText, answer: Answer) -> Judgement:
    """The judgement with its judge's name, and its evidence as spans of the answer as given."""
    evidence = []
    for e in judgement.evidence:
        start, end = text.original(e.start, e.end)
        evidence.append(Evidence(answer.text[start:end], start, end, e.why))
    return replace(judgement, evidence=tuple(evidence), judge=_judge_name(judgement.dimension))


def panel_judge(key: str) -> Callable[[Answer], Judgement]:
    """The judge of one dimension as the shipped panel has it: the shipped voice, no topics but its prompts'."""
    from judges.reference import load_reference
    from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

    panel = Panel(load_reference(DEFAULT_VOICE, DEFAULT_FLOOR))
    return lambda answer: panel.judge(answer)[key]


@cache
def judge_identities() -> Mapping[str, JudgeIdentity]:
    """Who judges each dimension without a grader: a name, an integer and the sha256 of stored weights."""
    identities = {key: JudgeIdentity(key, key, module.VERSION) for key, module in _JUDGES.items()}
    for key, weights in _WEIGHTS.items():
        digests = " ".join(map(encoder.weights_sha256, weights))
        parts = {"weights": digests, "reading": str(encoder.VERSION)}
        identities[key] = replace(identities[key], name=f"encoder/{key}", parts=parts)
    return identities


@cache
def _judge_name(key: str) -> str:
    return str(judge_identities().get(key, ""))


def judges_version() -> str:
    """Sha256 over the names, versions and weights of all judges here: two logs with the same were judged alike."""
    return hashlib.sha256("\n".join(map(str, judge_identities().values())).encode()).hexdigest()
