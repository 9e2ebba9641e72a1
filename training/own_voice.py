"""Which writer's pairs a run is judged with unless somebody says: the shipped ones, or the run's own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from timbre.errors import TimbreError
from timbre.files import write_whole
from timbre.paths import DEFAULT_VOICE, home
from training.pairs import load_pairs, long_form
from training.runs import Run


def voice_of(runs: Sequence[Run]) -> Path:
    """The file of pairs that holds what all these runs were trained on; the shipped one where they suffice.

    Raises:
        TimbreError: the runs are of different writers' pairs.
    """
    learned = {run.name: {pair.response for pair in run.of_split("train")} - {""} for run in runs}
    needed = set[str]().union(*learned.values())
    if needed <= {pair.response for pair in load_pairs(DEFAULT_VOICE)}:
        return DEFAULT_VOICE
    for run in runs:
        if needed <= learned[run.name]:
            return _kept(run)
    named = ", ".join(f"{run.name} of {run.data.file or 'unknown pairs'}" for run in runs)
    raise TimbreError(
        f"the runs were trained on different pairs ({named})",
        where="-T voice",
        do="name the writer's pairs, which all are judged with: -T voice=FILE",
    )


def kept_voice(name: str) -> Path | None:
    """The file that ``voice_of`` kept, by the name that logs give it: ``mine.jsonl 0123456789ab``."""
    file, _, digest = name.rpartition(" ")
    path = _folder() / digest / file
    return path if file and path.is_file() else None


def _folder() -> Path:
    return home() / ".timbre" / "voices"


def _kept(run: Run) -> Path:
    """The pairs of a run's data lock as a file, so that a moved or changed source changes no judgement."""
    content = long_form(run.pairs)
    stem = Path(run.data.file.partition("@")[0]).stem or run.name
    path = _folder() / hashlib.sha256(content.encode()).hexdigest()[:12] / f"{stem}.jsonl"
    if not path.is_file():
        write_whole(path, content)
    return path
