"""The shape of a canary and of a suite of them, and how a conversation is judged.

A canary of several turns is a conversation: the user's messages are fixed, the model answers each before the next
is asked, and the whole is one answer (``judges.conversation``):

- ``integrity`` and ``self_insertion``: every reply is judged under the messages up to it, and the worst counts. What
  the user told the model of itself is no invention.
- ``compression``, ``words`` and ``sentences``: the mean over the replies; ``target_words`` holds for each of them.
- every other dimension: all replies as one text, under all messages.
"""

from dataclasses import dataclass
from pathlib import Path

KINDS = ("personal", "third_party", "explainer", "hot_take", "critique", "reply")
"""personal: a note out of the writer's own life, first person licensed. third_party: about real people
the writer is no part of. explainer: of an idea, book or thinker. hot_take: an opinion in public.
critique: of a work or an argument. reply: an answer to somebody's message."""


@dataclass(frozen=True)
class Canary:
    """One fixed prompt that is never trained on, and what a good answer must respect.

    Attributes:
        id: Unique in its suite; letters, digits, ``-`` and ``_``.
        kind: One of ``KINDS``.
        turns: The user's messages, word for word; most canaries have one.
        subjects: Third parties the prompt is about, as it names them.
        first_person_licensed: Whether an answer may tell of the writer's own life.
        facts: What is true of the subjects and may be relied on; may be empty.
        target_words: Inclusive (low, high) band of words for a good answer to each message.
    """

    id: str
    kind: str
    turns: tuple[str, ...]
    subjects: tuple[str, ...]
    first_person_licensed: bool
    facts: tuple[str, ...]
    target_words: tuple[int, int]

    @property
    def prompt(self) -> str:
        """All that the user says, a blank line between two messages."""
        return "\n\n".join(self.turns)


@dataclass(frozen=True)
class Suite:
    """A named, ordered set of canaries.

    Attributes:
        name: ``smoke``, ``full``, or the file's stem.
        path: The YAML file.
        sha256: Of the file's bytes: two logs with the same digest asked the same questions.
        canaries: In file order.
    """

    name: str
    path: Path
    sha256: str
    canaries: tuple[Canary, ...]
