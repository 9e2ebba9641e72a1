"""Every judge that needs no grader, in table order, and a digest that says which judges they were."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from judges.compression import compression
from judges.linear import linear_judgements
from judges.memorization import MemorizationIndex, memorization
from judges.plain_text import EMPTY, is_blank
from judges.readability import readability
from judges.reference import VoiceReference
from judges.self_insertion import self_insertion
from judges.slop import hashtag_slop
from judges.specificity import specificity
from judges.stock import stock_against
from judges.types import DIMENSIONS, Answer, Judgement, unscored
from judges.voice_match import voice_match

NO_GRADER = "no grader: name a model for the role 'grader'"

_NOT_JUDGING = {"score_file.py", "command.py", "stock_learning.py"}
_APART = ("licensing/", "licences/", "labels/")  # what is known of judges, which no judgement rests on
_LIBRARIES = ("textstat", "scikit-learn")


class Panel:
    """The judges, with what they compare with."""

    def __init__(self, reference: VoiceReference | None, training_responses: Sequence[str] = ()) -> None:
        """Set up the panel; nothing is fitted until the first answer.

        Args:
            reference: The writer's texts, or None: then ``voice_match`` is unscored.
            training_responses: Further responses that may not be copied, beside ``reference.train``;
                such as those a run was trained on, where they are others.
        """
        self.reference = reference
        name = reference.name if reference else "training"
        own = reference.train if reference else ()
        self._stock = stock_against(own)
        self._index = MemorizationIndex(tuple(dict.fromkeys((*own, *training_responses))), name)

    def judge(self, answer: Answer) -> dict[str, Judgement]:
        """One judgement a dimension, for every key of ``DIMENSIONS`` and in that order.

        Humor and provocativeness are the fitted linear judges'; warmth, which only a grader judges, is
        unscored. A caller with a grader puts its judgements in their place. An empty answer has no value.
        """
        if is_blank(answer.text):
            return {key: unscored(key, EMPTY) for key in DIMENSIONS}
        found = {
            j.dimension: j
            for j in (
                compression(answer),
                self_insertion(answer),
                hashtag_slop(answer, self._stock),
                specificity(answer),
                voice_match(answer, self.reference),
                memorization(answer, self._index),
                *linear_judgements(answer).values(),
                *readability(answer).values(),
            )
        }
        return {key: found[key] if key in found else unscored(key, NO_GRADER) for key in DIMENSIONS}


@lru_cache(maxsize=1)
def judges_version() -> str:
    """Sha256 over all that decides a judgement: the judges' sources, rubrics, word lists and libraries.

    Two logs with the same digest were judged by the same rules, against the same floor. The writer's texts
    aren't in it: ``evals.facts`` has their digest.
    """
    room = Path(__file__).parent
    suffixes = ("py", "md", "txt", "toml", "json", "jsonl", "npz")
    files = (p for suffix in suffixes for p in room.rglob(f"*.{suffix}"))
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda p: p.relative_to(room).as_posix()):
        name = path.relative_to(room).as_posix()
        if path.name not in _NOT_JUDGING and not name.startswith(_APART):
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for library in _LIBRARIES:
        digest.update(f"{library}\0{_version(library)}\n".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
