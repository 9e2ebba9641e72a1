"""A training run's settings: one flat TOML file, one frozen dataclass, every field with its unit."""

import dataclasses
import hashlib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from timbre.errors import TimbreError
from training.tiers import ORDERS, check_weights

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
QUANTIZATIONS = ("nf4", "none")
COLLATORS = ("seq2seq", "language_modeling")
SCHEDULERS = ("constant_with_warmup", "linear", "cosine")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a run learns, but for its data.

    Raises:
        TimbreError: from ``__post_init__``, naming the key that is out of range.
    """

    base: str = "smollm2-135m-instruct"
    """The embedded base's name, a Hugging Face id, or a local folder."""
    data: str = "../data/voice.jsonl"
    """Pairs to train on; relative to the preset's folder. Does not enter the identity: its content does."""
    parent: str | None = None
    """Run that this one is a change of; the log compares the two. Does not enter the identity."""
    phase: str = ""
    """One line for the log: what this run is an experiment in. Does not enter the identity."""
    quantization: str = "nf4"
    """``nf4`` (bitsandbytes, 4 bit, double quantization) or ``none`` (the base as stored)."""
    rank: int = 16
    """LoRA rank r."""
    alpha: int = 32
    """LoRA scale: the update is multiplied by alpha / r."""
    dropout: float = 0.0
    """LoRA dropout, a share in [0, 1)."""
    target_modules: tuple[str, ...] = ALL_LINEAR
    """Linear layers that get an adapter."""
    learning_rate: float = 2e-4
    """Peak rate of AdamW."""
    scheduler: str = "constant_with_warmup"
    """Shape of the rate after warm-up."""
    warmup_steps: int = 2
    """Optimizer steps of linear warm-up."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    max_grad_norm: float = 1.0
    """Gradient norm that steps are clipped to."""
    epochs: int = 6
    """Passes over the training pairs."""
    batch_size: int = 1
    """Pairs in an optimizer step on one device."""
    max_tokens: int = 1024
    """Longest pair, prompt and response together, in tokens; a longer one is refused, never cut."""
    collator: str = "seq2seq"
    """``seq2seq`` keeps the prompt masked; ``language_modeling`` is the log's bug: it overwrites the mask."""
    tier_weights: tuple[float, ...] = ()
    """How often a pair of tier 1, 2, 3, 4 is drawn, e.g. [4, 2, 1, 1]; empty: every pair once an epoch."""
    order: str = "shuffled"
    """``shuffled``, ``short_first`` (short, irreverent pairs first) or ``tier_first``."""
    seed: int = 1234
    """Seeds the adapter's initial weights and the order of the pairs."""

    def __post_init__(self) -> None:
        for key, allowed in (
            ("quantization", QUANTIZATIONS),
            ("collator", COLLATORS),
            ("scheduler", SCHEDULERS),
            ("order", ORDERS),
        ):
            if getattr(self, key) not in allowed:
                raise TimbreError(
                    f"{key} is {getattr(self, key)!r}", where=key, do=f"use one of {', '.join(allowed)}"
                )
        for key, low in (("rank", 1), ("alpha", 1), ("epochs", 1), ("batch_size", 1), ("max_tokens", 16)):
            if getattr(self, key) < low:
                raise TimbreError(f"{key} is {getattr(self, key)}", where=key, do=f"use {low} or more")
        if not 0 < self.learning_rate < 1:
            raise TimbreError(
                f"learning_rate is {self.learning_rate}", where="learning_rate", do="use e.g. 2e-4"
            )
        if not 0 <= self.dropout < 1:
            raise TimbreError(f"dropout is {self.dropout}", where="dropout", do="use a share in [0, 1)")
        if not 0 < self.max_grad_norm < math.inf:
            raise TimbreError(
                f"max_grad_norm is {self.max_grad_norm}", where="max_grad_norm", do="use e.g. 1.0"
            )
        for key in ("warmup_steps", "weight_decay", "seed"):
            if not 0 <= getattr(self, key) < 2**32:
                raise TimbreError(
                    f"{key} is {getattr(self, key)}", where=key, do="use 0 or more, under 2**32"
                )
        if not all(self.target_modules) or not self.target_modules:
            raise TimbreError(
                f"target_modules is {list(self.target_modules)}",
                where="target_modules",
                do="name one layer or more, e.g. q_proj",
            )
        check_weights(self.tier_weights)
        if self.tier_weights and self.order != "shuffled":
            raise TimbreError(
                "pairs that are drawn by weight have no order",
                where="order",
                do="leave out order or tier_weights",
            )
        if self.collator == "language_modeling" and self.batch_size != 1:
            raise TimbreError(
                "the language_modeling experiment takes pairs one at a time",
                where="batch_size",
                do="set batch_size = 1 or collator = 'seq2seq'",
            )


_LATER = {"tier_weights": (), "order": "shuffled"}
"""Settings that came after the first runs: at these values they leave a run's identity as it was."""

_NOT_IN_RECIPE = ("data", "parent", "phase", "base")


def recipe(config: TrainConfig, data_sha256: str, base_sha256: str) -> str:
    """Sha256 of what is learned from: the settings, the data lock and the base's weights.

    Paths, names and remarks stay out of it, so that a run moved to another machine keeps its recipe. With the
    adapter's weights it gives the run's identity (``training.runs.run_identity``).
    """
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in _NOT_IN_RECIPE}
    for key, default in _LATER.items():
        if settings[key] == default:
            del settings[key]
    canonical = json.dumps(
        {"config": settings, "data": data_sha256, "base": base_sha256}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_judge(path: Path) -> bool:
    """Whether a preset is one of the judges' encoder (``kind = "judge"``) and not of a voice."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == "judge"
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False  # load_config says what is wrong with it


def load_config(path: Path) -> TrainConfig:
    """Read a preset.

    Returns:
        The settings, with ``data`` made absolute.

    Raises:
        TimbreError: no such file, not TOML, an unknown key, a wrong type or a value out of range.
    """
    if not path.is_file():
        shipped = ", ".join(sorted(p.name for p in (Path(__file__).parent / "presets").glob("*.toml")))
        raise TimbreError(
            "no such preset", where=str(path), do=f"give a TOML file; training/presets/ has {shipped}"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TimbreError(f"not TOML: {error}", where=str(path), do="mend the file") from error
    hints = get_type_hints(TrainConfig)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            raise TimbreError(
                f"unknown key {key!r}", where=f"{path}:{_line_of(path, key)}", do=f"known: {', '.join(hints)}"
            )
        values[key] = _checked(key, value, hints[key], f"{path}:{_line_of(path, key)}")
    try:
        config = TrainConfig(**values)
    except TimbreError as error:
        line = _line_of(path, error.where or "")
        raise TimbreError(error.what, where=f"{path}:{line}", do=error.do) from None
    return dataclasses.replace(config, data=str((path.parent / config.data).resolve()))


def _checked(key: str, value: Any, hint: Any, where: str) -> Any:
    """The value as the field's type, or an error that names both types."""
    if hint == tuple[float, ...]:
        if isinstance(value, list) and all(type(item) in (int, float) for item in value):
            return tuple(map(float, value))
        raise TimbreError(f"{key} is {value!r}", where=where, do="give a list of numbers")
    if hint == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise TimbreError(f"{key} is {value!r}", where=where, do="give a list of strings")
    allowed = tuple(t for t in (get_args(hint) or (hint,)) if t is not type(None))
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) != (bool in allowed) or not isinstance(value, allowed):
        raise TimbreError(
            f"{key} is {value!r}", where=where, do=f"give a {' or '.join(t.__name__ for t in allowed)}"
        )
    return value


def _line_of(path: Path, key: str) -> int:
    """Line of a top-level ``key = …``, 1 where it does not stand in the file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.split("=")[0].strip().strip("\"'") == key:
            return number
    return 1


def to_toml(config: TrainConfig) -> str:
    """The resolved settings as TOML that ``load_config`` reads back."""
    lines = []
    for key, value in dataclasses.asdict(config).items():
        if value is not None:
            # A JSON string, number or array of strings is also a TOML one.
            lines.append(f"{key} = {json.dumps(list(value) if isinstance(value, tuple) else value)}")
    return "\n".join(lines) + "\n"
