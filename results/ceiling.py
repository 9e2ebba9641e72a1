"""The anchors of each dimension: the writer's own held-out texts, judged as the answers were, and other writers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from judges.panel import Panel
from judges.reference import load_reference
from judges.types import DIMENSIONS, Answer
from judges.voice_match import fit_voice, voice_match
from results.statistics import mean_interval
from timbre.files import read_objects
from timbre.paths import DEFAULT_FLOOR
from timbre.stats import Interval

TEXTS = 2  # texts of each impostor that are judged for the report's anchor: 32 in all, in a second and a half


@dataclass(frozen=True)
class Anchors:
    """What people's own texts reach with the judges that judged the answers, by dimension."""

    writer: Mapping[str, Interval] = field(default_factory=dict)  # of held-out texts
    others: Mapping[str, float] = field(default_factory=dict)

    def levels(self, key: str) -> dict[str, float]:
        """The level of the writer and of other writers on one dimension, as far as they are known."""
        writer = {"writer": self.writer[key].estimate} if key in self.writer else {}
        return writer | ({"other writers": self.others[key]} if key in self.others else {})


def ceiling(voice: Path) -> dict[str, Interval]:
    """Mean over the writer's validation responses with its 95 % interval, by dimension that needs no grader.

    Without what asks for a canary's word band, and without hard ones: a writer's own text is no fault of a model.

    Raises:
        TimbreError: the pairs can't be read.
    """
    records = [record for _, record in read_objects(voice)]
    topics: dict[str, tuple[str, ...]] = {str(record.get("prompt", "")): () for record in records}
    panel = Panel(load_reference(voice, DEFAULT_FLOOR), topics=topics)
    texts = [(str(r.get("prompt", "")), str(r["response"])) for r in records if r.get("split") == "val"]
    return _means(panel, [Answer(f"held-out {at}", *pair) for at, pair in enumerate(texts)])


def other_writers(voice: Path) -> dict[str, float]:
    """What other writers reach: the mean over ``TEXTS`` texts of each impostor, by dimension.

    ``voice_match`` is by models not fitted against the text. Left out is what ``ceiling`` leaves out, and
    ``relevance``, as the texts answer no prompt.
    """
    reference = load_reference(voice, DEFAULT_FLOOR)
    panel = Panel(reference)
    texts = [text for register in reference.impostors for text in register.texts[:TEXTS]]
    means = _means(panel, [Answer(f"impostor {at}", "", text) for at, text in enumerate(texts)])
    found = {key: mean.estimate for key, mean in means.items() if key not in ("relevance", "voice_match")}
    if voice_match(Answer("", "", reference.train[0]), reference).value is not None:
        found["voice_match"] = fit_voice(reference).anchors.other_writers
    return found


def _means(panel: Panel, answers: Sequence[Answer]) -> dict[str, Interval]:
    judged = [panel.judge(answer) for answer in answers]
    known = {key: [v for j in judged if (v := j[key].value) is not None] for key in DIMENSIONS}
    return {k: mean_interval(np.array(v)) for k, v in known.items() if v and not DIMENSIONS[k].hard}
