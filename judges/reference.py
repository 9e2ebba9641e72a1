"""The texts a voice is measured against: the writer's own, the base model's and other writers'; in JSON Lines."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from judges.text import is_blank
from timbre.errors import TimbreError
from timbre.files import read_objects, text_field

SHIPPED_IMPOSTORS = Path(__file__).parent / "data" / "impostors.jsonl"
# Fewest texts of one impostor: each impostor is left out in turn, and a few texts would show nothing.
MIN_REGISTER_TEXTS = 5


@dataclass(frozen=True)
class Register:
    """Texts of one impostor: another writer, or one kind of human text."""

    name: str
    texts: tuple[str, ...]


@lru_cache(maxsize=8)
def load_impostors(path: Path = SHIPPED_IMPOSTORS) -> tuple[Register, ...]:
    """Read impostors from JSON Lines with ``register``, ``id`` and ``text``; other keys are ignored.

    Raises:
        TimbreError: The file can't be read, a line is malformed, empty or a duplicate, or a register is too small.
    """
    texts: dict[str, dict[str, str]] = {}
    for number, record in read_objects(path):
        where = f"{path}:{number}"
        register, key, text = (text_field(record, name, where) for name in ("register", "id", "text"))
        for name, value in (("register", register), ("id", key), ("text", text)):
            if is_blank(value):
                raise TimbreError(f"key '{name}' is empty", where=where, do="fill it in or drop the line")
        known = texts.setdefault(register, {})
        if key in known:
            raise TimbreError(f"duplicate id '{key}' in register '{register}'", where=where, do="rename one")
        if text in known.values():
            raise TimbreError(f"the same text twice in register '{register}'", where=where, do="drop one")
        known[key] = text
    for register, known in texts.items():
        if len(known) < MIN_REGISTER_TEXTS:
            problem = f"register '{register}' has {len(known)} texts, needs {MIN_REGISTER_TEXTS}"
            raise TimbreError(problem, where=str(path), do="add texts or drop the register")
    if not texts:
        raise TimbreError("no impostors", where=str(path), do='add lines with "register", "id" and "text"')
    return tuple(Register(name, tuple(known.values())) for name, known in texts.items())


@dataclass(frozen=True)
class VoiceReference:
    """One writer's texts, parted as they were for training, and the texts they are contrasted with."""

    train: tuple[str, ...]  # responses for training: what voice is fitted on, and what may not be copied
    held_out: tuple[str, ...]  # responses of the same writer that neither training nor this judge sees
    floor: tuple[str, ...]  # answers of the base model without an adapter
    name: str  # the pairs file, as tables name the writer ("voice.jsonl")
    sources: tuple[str, ...] = ()  # source of each text of ``train``; empty: each text is its own source
    impostors: tuple[Register, ...] = field(default_factory=load_impostors)


def load_reference(
    pairs_file: Path, floor_file: Path | None, impostors_file: Path | None = None
) -> VoiceReference:
    """Read the writer's pairs and, where there are any, the base model's answers and further impostors.

    Args:
        pairs_file: Lines with ``response``, ``split`` (``train`` or ``val``) and optionally ``source``.
        floor_file: Lines with ``prompt``, ``text`` and ``base``, or None for no floor.
        impostors_file: Lines as ``load_impostors`` takes them, added to the shipped impostors.

    Raises:
        TimbreError: A file can't be read, or what is wrong with a line, with its number.
    """
    parts: dict[str, list[str]] = {"train": [], "val": []}
    sources = []
    for number, record in read_objects(pairs_file):
        where = f"{pairs_file}:{number}"
        response = text_field(record, "response", where)
        split = text_field(record, "split", where)
        if split not in parts:
            raise TimbreError(f"split '{split}' is unknown", where=where, do="write 'train' or 'val'")
        if is_blank(response):
            raise TimbreError("the response is empty", where=where, do="fill it in or drop the line")
        parts[split].append(response)
        source = text_field(record, "source", where) if "source" in record else ""
        if split == "train":
            sources.append(source or f"line {number}")
    if not parts["train"]:
        do = "mark the training pairs as such"
        raise TimbreError("no pair has split 'train'", where=str(pairs_file), do=do)
    impostors = load_impostors()
    for register in load_impostors(impostors_file) if impostors_file else ():
        if register.name in {known.name for known in impostors}:
            problem = f"register '{register.name}' is the name of a shipped one"
            raise TimbreError(problem, where=str(impostors_file), do="rename it")
        impostors = (*impostors, register)
    floor = _load_floor(floor_file) if floor_file else ()
    return VoiceReference(
        tuple(parts["train"]), tuple(parts["val"]), floor, pairs_file.name, tuple(sources), impostors
    )


def _load_floor(path: Path) -> tuple[str, ...]:
    texts = []
    for number, record in read_objects(path):
        _, _, text = (text_field(record, key, f"{path}:{number}") for key in ("prompt", "base", "text"))
        texts.append(text)
    return tuple(text for text in texts if not is_blank(text))
