"""Adapters are checked before anything loads them: a run's folder may come from a stranger. No torch."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from timbre.errors import TimbreError
from training.base import Base
from training.runs import WEIGHTS, Run, base_of, read_json, sha256_of

CONFIG = "adapter_config.json"
MOST_RANK = 512
"""vLLM's own limit; a server reserves room for the highest rank of all runs."""

_FILES = frozenset({CONFIG, WEIGHTS, "README.md", ".gitattributes"})
_KNOWN = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "bias": "none",
    "init_lora_weights": True,
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
}
"""Settings with the one value that each may have."""

_CHECKED_OR_HARMLESS = frozenset(
    {
        *("r", "lora_alpha", "target_modules", "base_model_name_or_path", "revision", "peft_version"),
        *("inference_mode", "lora_dropout", "fan_in_fan_out"),
    }
)
"""Settings that are compared with the run's record, or change nothing that is served. All others must be empty."""

_LAYER = re.compile(r"(?:base_model\.model\.)?(?P<layer>[\w.]+)\.lora_(?P<part>[AB])\.(?:default\.)?weight")


def checked_base(run: Run, *, verify: bool = False) -> Base:
    """The base of a run whose adapter is fit to be loaded: ``runs.base_of`` and ``check_adapter``."""
    base = base_of(run, verify=verify)
    check_adapter(run, base)
    return base


def check_adapter(run: Run, base: Base) -> None:
    """Refuse an adapter that holds more than LoRA weights for this base, or not what its run records.

    Raises:
        TimbreError: a file or link that is none of an adapter's; a setting that changes the model in another way,
            imports or fetches something; another base; an absurd rank or scale; weights that are cut short, or
            whose layers, shapes or rank are not the base's and the run's.
    """
    folder = run.adapter
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.name not in _FILES or not path.is_file():
            _refuse(path, "does not belong to an adapter", f"an adapter is {CONFIG} and {WEIGHTS}, no links")
    _check_config(folder / CONFIG, run, base)
    weights = folder / WEIGHTS
    _check_weights(weights, run, base)
    recorded = run.checksums.get(weights.relative_to(run.path).as_posix())
    if recorded and recorded != sha256_of(weights):
        _refuse(weights, f"these are not the weights that run.json records (sha256 {recorded[:12]})")


def _check_config(path: Path, run: Run, base: Base) -> None:
    config = read_json(path)
    for key, value in config.items():
        plain = (
            value == _KNOWN[key]
            if key in _KNOWN
            else key in _CHECKED_OR_HARMLESS or value in (None, False, [], {})
        )
        if not plain:
            _refuse(path, f"{key} is {json.dumps(value)[:80]}: this is no plain LoRA adapter")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or not 1 <= rank <= MOST_RANK or rank != run.rank:
        _refuse(path, f"r is {rank!r}, and the run records {run.rank} (1 to {MOST_RANK} are possible)")
    if type(alpha) not in (int, float) or alpha != run.lora.alpha:
        _refuse(path, f"lora_alpha is {alpha!r}, and the run records {run.lora.alpha}")
    modules = config.get("target_modules")
    names = {str(name).rpartition(".")[2] for name in modules} if isinstance(modules, list) else set()
    if names != set(run.target_modules):
        recorded = ", ".join(run.target_modules)
        _refuse(path, f"target_modules is {json.dumps(modules)[:80]}, and the run records {recorded}")
    named = config.get("base_model_name_or_path")
    if run.base_id and named not in (run.base_id, run.base, str(base.path)):
        _refuse(
            path, f"base_model_name_or_path is {str(named)[:80]!r}, and the run's base is {run.base_id!r}"
        )


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by tensor; the library checks that header and size of the file agree."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        _refuse(path, f"no whole safetensors file ({str(error)[:120]})")


def _check_weights(path: Path, run: Run, base: Base) -> None:
    layers = {
        name.removesuffix(".weight"): shape
        for file in sorted(base.path.glob("*.safetensors"))
        for name, shape in _shapes(file).items()
        if name.endswith(".weight")
    }
    pairs: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in _shapes(path).items():
        match = _LAYER.fullmatch(name)
        if match is None or len(shape) != 2:
            _refuse(path, f"tensor {name[:80]!r} of shape {shape} is no LoRA matrix")
        pairs.setdefault(match["layer"], {})[match["part"]] = shape
    if not pairs:
        _refuse(path, "it holds no weights")
    # A quantized checkpoint names its weights otherwise; then the server alone compares.
    sizes = {layer: size for layer in pairs if (size := _size(layer, layers))}
    for layer, parts in pairs.items():
        if layer.rpartition(".")[2] not in run.target_modules:
            _refuse(path, f"layer {layer!r} is none of the run's target_modules")
        if sizes and layer not in sizes:
            _refuse(path, f"the base has no layer {layer!r}")
        down, up = parts.get("A", (0, 0)), parts.get("B", (0, 0))
        size = sizes.get(layer, (up[0], down[1]))
        if (down[0], up[1]) != (run.rank, run.rank) or sorted(size) != sorted((up[0], down[1])):
            _refuse(
                path, f"layer {layer!r} has matrices {down} and {up}, for rank {run.rank} and a base's {size}"
            )


def _size(layer: str, layers: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """Shape of the base's layer; a checkpoint may leave out the first part of a name, or have one more."""
    near = (s for name, s in layers.items() if layer.endswith(f".{name}") or name.endswith(f".{layer}"))
    return layers.get(layer) or next(near, None)


def _refuse(path: Path, what: str, do: str = "train the run again, or copy it whole") -> NoReturn:
    raise TimbreError(what, where=str(path), do=do)
