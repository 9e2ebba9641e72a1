"""The model in training: the base in nf4, and the LoRA on its linear layers."""

import difflib
import sys
from collections.abc import Iterable
from typing import Any

from bitsandbytes.nn.modules import Linear4bit
from peft import LoraConfig, get_peft_model
from torch.nn import Linear
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig
from transformers.pytorch_utils import Conv1D
from transformers.utils.logging import disable_progress_bar

from timbre.errors import TimbreError
from training.base import Base
from training.config import ALL_LINEAR, TrainConfig
from training.devices import compute_dtype, device_map, is_sharded


def load_base(config: TrainConfig, base: Base) -> Any:
    """The base model, in nf4 where the preset says so.

    bitsandbytes' AVX512-BF16 path repacks ``Linear4bit`` weights in place at the first forward without
    gradients (an evaluation), after which every gradient is zero and no error is raised. It is switched
    off here, layer by layer.

    Raises:
        TimbreError: bitsandbytes' weights or moments under FSDP.
    """
    if is_sharded() and config.quantization == "nf4":
        raise TimbreError(
            "FSDP can't share out a base in nf4", where="quantization", do='set quantization = "none"'
        )
    if is_sharded() and config.optimizer != "adamw_torch_fused":
        raise TimbreError(
            "bitsandbytes' optimizers don't take the shards of FSDP",
            where="optimizer",
            do="leave it out: FSDP shares out the moments too",
        )
    if not sys.stderr.isatty():
        disable_progress_bar()  # type: ignore[no-untyped-call]
    dtype = compute_dtype()
    nf4 = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    text_config = AutoConfig.from_pretrained(base.path).get_text_config()
    # SDPA leaves out the cap that Gemma 2 puts on attention's scores.
    capped = getattr(text_config, "attn_logit_softcapping", None) is not None
    model = AutoModelForCausalLM.from_pretrained(
        base.path,
        use_safetensors=True,
        dtype=dtype,
        quantization_config=nf4 if config.quantization == "nf4" else None,
        device_map=device_map(),
        **({"attn_implementation": "eager"} if capped else {}),
    )
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    model.config.use_cache = False
    return model


def add_adapter(config: TrainConfig, model: Any) -> Any:
    """The base with a fresh LoRA, in float32 whatever the base is in: B is zero, so that step 0 is the base itself.

    A model that takes images or sound too gets it in its language model alone: elsewhere a text gives no gradient.

    Raises:
        TimbreError: a name in ``target_modules`` is no linear layer of the base.
    """
    check_modules(config, model)
    text, head = _text_layers(model), model.get_output_embeddings()
    every = config.target_modules == ALL_LINEAR
    targets = ALL_LINEAR if every else list(config.target_modules)
    if len(text) < len(_linear_layers(model)):
        targets = [n for n, m in text.items() if (m is not head if every else _matches(n, targets))]
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def check_modules(config: TrainConfig, model: Any) -> None:
    """Refuse a name in ``target_modules`` that matches no linear layer of a text's, and list the near ones."""
    if config.target_modules == ALL_LINEAR:
        return
    layers = _text_layers(model)
    known = sorted({name.rpartition(".")[2] for name in layers})
    for wanted in config.target_modules:
        if not any(_matches(name, [wanted]) for name in layers):
            near = difflib.get_close_matches(wanted, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise TimbreError(
                f"the base has no linear layer {wanted!r}",
                where="target_modules",
                do=f'{hint}it has {", ".join(known)}; "all-linear" takes all but the last',
            )


def _matches(layer: str, wanted: Iterable[str]) -> bool:
    return any(f".{layer}".endswith(f".{name}") for name in wanted)


def _linear_layers(model: Any) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Linear | Conv1D)}


def _text_layers(model: Any) -> dict[str, Any]:
    """The linear layers that a text passes: the decoder's and the last one, by name."""
    passed = {*model.get_decoder().modules(), model.get_output_embeddings()}
    return {name: module for name, module in _linear_layers(model).items() if module in passed}


def adapted_layers(model: Any) -> list[str]:
    """Names of the layers that have an adapter."""
    return [name for name, module in model.named_modules() if hasattr(module, "lora_A") and module.lora_A]
