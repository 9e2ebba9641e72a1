"""The texts a voice is measured against: the writer's own, and those of the base model."""

from dataclasses import dataclass
from pathlib import Path

from judges.json_lines import read_objects, text_field
from judges.plain_text import is_blank
from timbre.errors import TimbreError


@dataclass(frozen=True)
class VoiceReference:
    """One writer's texts, parted as they were for training, and the floor beneath them.

    Attributes:
        train: Responses the model was trained on: what likeness is measured to, and what may not be copied.
        held_out: Responses of the same writer that no training saw: their likeness is the ceiling.
        floor: Answers of the base model without an adapter: their likeness is the floor.
        name: The pairs file, as evidence names it ("voice.jsonl").
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    floor: tuple[str, ...]
    name: str


def load_reference(pairs_file: Path, floor_file: Path | None) -> VoiceReference:
    """Read the writer's pairs and, where there is one, the base model's answers.

    Args:
        pairs_file: JSON Lines with ``response`` and ``split`` (``train`` or ``val``); other keys are ignored.
        floor_file: JSON Lines with ``prompt``, ``text`` and ``base``, or None for no floor.

    Raises:
        TimbreError: A file can't be read, a line is malformed, or no response is for training.
    """
    parts: dict[str, list[str]] = {"train": [], "val": []}
    for number, record in read_objects(pairs_file):
        where = f"{pairs_file}:{number}"
        response = text_field(record, "response", where)
        split = text_field(record, "split", where)
        if split not in parts:
            raise TimbreError(f"split '{split}' is unknown", where=where, do="write 'train' or 'val'")
        if is_blank(response):
            raise TimbreError("the response is empty", where=where, do="fill it in or drop the line")
        parts[split].append(response)
    if not parts["train"]:
        raise TimbreError(
            "no pair has split 'train'", where=str(pairs_file), do="mark the training pairs as such"
        )
    floor = _load_floor(floor_file) if floor_file else ()
    return VoiceReference(tuple(parts["train"]), tuple(parts["val"]), floor, pairs_file.name)


def _load_floor(path: Path) -> tuple[str, ...]:
    texts = []
    for number, record in read_objects(path):
        where = f"{path}:{number}"
        for key in ("prompt", "base"):
            text_field(record, key, where)
        text = text_field(record, "text", where)
        if not is_blank(text):
            texts.append(text)
    return tuple(texts)
