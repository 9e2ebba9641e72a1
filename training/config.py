"""A training run's settings: one flat TOML file, one frozen model, every field with its unit."""

import difflib
import hashlib
import json
import math
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from timbre.errors import TimbreError
from timbre.files import decoded, read_bytes, read_toml
from training.base import EMBEDDED

ALL_LINEAR = "all-linear"
_HUB = re.compile(r"(hf://)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:[\w.-]+)?(@[\w./-]+)?")
_FILE_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_NOT_IN_RECIPE = {
    "data",
    "parent",
    "phase",
    "base",
    "revision",
    "chat_template",
    "gradient_checkpointing",
    "compile",
}

_Model = TypeVar("_Model", bound=BaseModel)


def _without_null(name: str) -> str:
    if "\0" in name:
        raise ValueError("no name or path has a null character in it")
    return name


Name = Annotated[str, AfterValidator(_without_null)]
"""A name or a path."""


class TrainConfig(BaseModel):
    """Everything that decides what a run learns, but for its data."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)

    base: Name = EMBEDDED
    """The embedded base's name, a Hugging Face id, or a local folder."""
    revision: Name | None = None
    """Branch, tag or commit of a base on the hub; the run records the commit. Not in the recipe."""
    chat_template: Name | None = None
    """Jinja file in place of the base's chat template, relative to the preset; the recipe holds its content."""
    system: str | None = None
    """System message before every prompt, in training and when the run is asked; none if left out."""
    data: Name = "../data/voice.jsonl"
    """Pairs to train on: a file or folder relative to the preset, or a data set on the hub. Not in the recipe."""
    parent: Name | None = None
    """Run that this one is a change of; the log compares the two. Not in the recipe."""
    phase: str = ""
    """One line for the log: what this run is an experiment in. Not in the recipe."""
    quantization: Literal["nf4", "none"] = "nf4"
    """`nf4` (bitsandbytes, 4 bit, double quantization) or `none` (the base as stored). A preset for the
    embedded base that doesn't say gets `none`: it is served as stored, and small enough to be trained so."""
    rank: int = Field(default=16, ge=1)
    """LoRA rank r."""
    alpha: int = Field(default=32, ge=1)
    """LoRA scale: the update is multiplied by alpha / r."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """LoRA dropout, a share in [0, 1)."""
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Linear layers that get an adapter: a list of names, or "all-linear" for all but the last."""
    learning_rate: float = Field(default=2e-4, gt=0, lt=1, allow_inf_nan=False)
    """Peak rate of AdamW, e.g. 2e-4."""
    optimizer: Literal["adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch_fused"
    """As transformers names them: with moments in 32 bits, in 8, or in 8 that leave a full card for a while."""
    scheduler: Literal["constant_with_warmup", "linear", "cosine"] = "constant_with_warmup"
    """Shape of the rate after warm-up."""
    warmup_steps: int = Field(default=2, ge=0)
    """Optimizer steps of linear warm-up."""
    weight_decay: float = Field(default=0.0, ge=0, lt=2**32, allow_inf_nan=False)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Gradient norm that steps are clipped to, e.g. 1.0."""
    epochs: int = Field(default=6, ge=1)
    """Passes over the training pairs."""
    batch_size: int = Field(default=1, ge=1)
    """Pairs in a forward pass on one device."""
    gradient_accumulation: int = Field(default=1, ge=1)
    """Forward passes in an optimizer step."""
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    """Recompute activations to save memory; "auto": where they would not fit. Not in the recipe."""
    compile: bool = False
    """`torch.compile` the model: minutes before the first step, for shorter ones after it. Not in the recipe."""
    max_tokens: int = Field(default=1024, ge=16)
    """Longest pair, prompt and response together, in tokens; a longer one is refused, never cut."""
    collator: Literal["seq2seq", "language_modeling"] = "seq2seq"
    """`seq2seq` keeps the prompt masked; `language_modeling` is the log's bug: it overwrites the mask."""
    tier_weights: tuple[float, ...] = ()
    """How often a pair of tier 1, 2, 3, 4 is drawn: four numbers, e.g. [4, 2, 1, 1]; empty: once an epoch."""
    order: Literal["shuffled", "short_first", "tier_first"] = "shuffled"
    """`shuffled` anew every epoch; by length of the response; by tier and then length, every epoch alike."""
    seed: int = Field(default=1234, ge=0, lt=2**32)
    """Seeds the adapter's initial weights and the order of the pairs."""

    @field_validator("target_modules")
    @classmethod
    def _names_layers(cls, modules: Any) -> Any:
        if not modules or not all(modules):
            raise ValueError("name one layer or more, e.g. q_proj")
        return modules

    @field_validator("tier_weights")
    @classmethod
    def _weighs_tiers(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if weights and not (len(weights) == 4 and all(0 <= w < math.inf for w in weights) and any(weights)):
            raise ValueError("give four numbers of 0 or more, for tiers 1 to 4")
        return weights

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if self.tier_weights and self.order != "shuffled":
            raise ValueError("pairs that are drawn by weight have no order: leave out order or tier_weights")
        if self.collator == "language_modeling" and self.batch_size != 1:
            raise ValueError("the language_modeling experiment takes pairs one at a time: set batch_size = 1")
        return self

    def template(self) -> str | None:
        """Content of ``chat_template``; None for the base's own.

        Raises:
            TimbreError: the file can't be read.
        """
        if self.chat_template is None:
            return None
        path = Path(self.chat_template)
        return decoded(read_bytes(path), path)


class JudgeConfig(BaseModel):
    """Settings of ``judge.toml``."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    kind: str = Field("judge", pattern="^judge$")
    """What the preset trains: `judge`."""
    learning_rate: float = Field(1e-4, gt=0, lt=1)
    """Peak rate of the encoder's AdamW."""
    head_learning_rate: float = Field(1e-3, gt=0, lt=1)
    """Peak rate of the heads."""
    warmup_share: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Before the heads."""
    batch_size: int = Field(24, ge=1)
    """Texts in a step of one process, of about one length."""
    max_tokens: int = Field(192, ge=16, le=512)
    """A longer text is cut here while fitting."""
    average: float = Field(0.998, ge=0, lt=1)
    """Decay a step of the moving average of the weights."""
    corrupted: int = Field(1500, ge=0)
    """Texts that are no prose, made for the head `fluent`; as many for `cut`, and jokes among sober sentences."""
    start: Name = ""
    """Folder of an earlier fit to go on from; empty for the encoder as published."""
    frozen_layers: int = Field(0, ge=0)
    """Lowest layers that keep their weights, the embeddings too; 0 fits everything."""
    seed: int = Field(1234, ge=0)
    """Order of the texts, dropout, and the made texts."""


def recipe(config: TrainConfig, data_sha256: str, base_sha256: str) -> str:
    """Sha256 of what is learned from: the settings, the data lock and the base's weights.

    Paths, names and remarks stay out of it, so that a run moved to another machine keeps its recipe. With the
    adapter's weights it gives the run's identity (``training.runs.run_identity``). Settings at their default
    stay out of it too, so that a new setting leaves earlier recipes as they are.
    """
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_IN_RECIPE)
    if config.chat_template is not None:
        settings["chat_template"] = hashlib.sha256(str(config.template()).encode()).hexdigest()
    content = {"config": settings, "data": data_sha256, "base": base_sha256}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def is_judge(path: Path) -> bool:
    """Whether a preset is one of the judges' encoder (``kind = "judge"``) and not of a voice."""
    return os.path.isfile(path) and read_toml(path).get("kind") == "judge"


def load_config(path: Path, **changes: str) -> TrainConfig:
    """A preset's settings, ``changes`` in place of the file's, with ``data`` and ``chat_template`` made absolute.

    Raises:
        TimbreError: no such file, not TOML, an unknown key, a wrong type or a value out of range.
    """
    config = read_preset(path, TrainConfig)
    if config.base == EMBEDDED and "quantization" not in config.model_fields_set:
        config = config.model_copy(update={"quantization": "none"})
    places = {"data": data_place(config.data, path.parent)}
    if config.chat_template is not None:
        places["chat_template"] = os.path.realpath(path.parent / config.chat_template)
    return config.model_copy(update={**places, **changes})


def read_preset(path: Path, model: type[_Model]) -> _Model:
    """The settings of a TOML file as they stand there.

    Raises:
        TimbreError: as ``load_config``.
    """
    if not os.path.isfile(path):
        shipped = ", ".join(sorted(p.name for p in (Path(__file__).parent / "presets").glob("*.toml")))
        raise TimbreError(
            "no such preset", where=str(path), do=f"give a TOML file; training/presets/ has {shipped}"
        )
    try:
        return model.model_validate_json(json.dumps(read_toml(path), default=str))
    except ValidationError as error:
        raise _refusal(error, path, model) from None


def data_place(name: str, folder: Path) -> str:
    """Where pairs are read from: an absolute path (``name`` may be relative to ``folder``), or ``hf://OWNER/NAME``."""
    path = folder / os.path.expanduser(name)
    if name.startswith("hf://"):
        return name
    if not os.path.exists(path) and _HUB.fullmatch(name) and not name.lower().endswith(_FILE_SUFFIXES):
        return f"hf://{name}"
    return os.path.realpath(path)


def _refusal(error: ValidationError, path: Path, model: type[BaseModel]) -> TimbreError:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    lines = [line.split("=")[0].strip().strip("\"'") for line in path.read_text("utf-8").splitlines()]
    where = f"{path}:{lines.index(key) + 1}" if key in lines else str(path)
    fields = model.model_fields
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, fields, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return TimbreError(f"unknown key {key!r}", where=where, do=f"{hint}known: {', '.join(fields)}")
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return TimbreError(message, where=where)
    about = str(fields[key].description).removesuffix(".")
    return TimbreError(f"{key} is {first['input']!r}: {message}", where=where, do=f"{key}: {about}")


def to_toml(config: TrainConfig) -> str:
    """The resolved settings as TOML that ``load_config`` reads back."""
    values = config.model_dump(mode="json", exclude_none=True)
    # A JSON string, number or array of strings is also a TOML one.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
