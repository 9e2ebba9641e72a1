"""The shape of a training pair; light enough for any process to import."""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "val"]
Origin = Literal["written", "extracted", "footnote"]
DEFAULT_TIER = 2


@dataclass(frozen=True)
class Pair:
    """One training example, as a file of pairs and a run's data lock hold it."""

    line: int = 0  # in its file, from 1; the row where the file has no lines
    prompt: str = ""  # what the writer was, or might have been, asked
    response: str = ""  # what the writer wrote
    tier: int = DEFAULT_TIER  # 1 (most like the writer at their best) to 4
    source: str = ""  # essay or note that it comes from; one source stays on one side of the split
    origin: Origin = "written"  # for this purpose, or extracted from an essay, or made of a footnote
    split: Split = "train"
    before: tuple[tuple[str, str], ...] = ()  # (role, content) of a system message and earlier turns

    def turns(self, system: str | None = None) -> list[dict[str, str]]:
        """The conversation as a chat template takes it.

        Args:
            system: System message for pairs that have none of their own.
        """
        has_system = any(role == "system" for role, _ in self.before)
        first = [("system", system)] if system and not has_system else []
        turns = [*first, *self.before, ("user", self.prompt), ("assistant", self.response)]
        return [{"role": role, "content": content} for role, content in turns]
