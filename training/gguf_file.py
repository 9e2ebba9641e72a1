"""A merged run as one GGUF file, for llama.cpp, Ollama and LM Studio.

Weights keep the number type that they are stored in, so that the file is the merged model and no rounding of it.
Llama-shaped models with byte-level BPE are written here; for any other, llama.cpp's own ``convert_hf_to_gguf.py``
takes the folder that ``timbre merge`` writes. Keys and tensor names are those of llama.cpp's own library ``gguf``.
"""

import json
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError
from training.base import stored_dtype

SHAPES = {"llama": "LLAMA", "mistral": "LLAMA", "qwen2": "QWEN2"}
"""``model_type`` in config.json -> GGUF architecture."""

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_SPLITS = {
    (): "gpt-2",
    ("Digits",): "smollm",
    (_LLAMA3,): "llama-bpe",
    (_LLAMA3.replace("{1,3}", ""),): "qwen2",
}
"""What tokenizer.json cuts a text at before BPE -> llama.cpp's name for it."""


def write_gguf(folder: Path, target: Path, name: str) -> None:
    """Write a model's ``folder`` as one file, under ``name`` in it; the caller sees to it that no half is ever read.

    Raises:
        TimbreError: a model or tokenizer of another shape; names llama.cpp's converter.
    """
    import gguf
    import torch
    from safetensors import safe_open

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    rope = config.get("rope_parameters") or {}
    stretched = rope.get("rope_type", "default")
    if (
        kind not in SHAPES
        or stretched not in ("default", "llama3")
        or (stretched, kind) == ("llama3", "qwen2")
    ):
        raise _unsupported(f"a {kind!r} with rope {stretched!r}", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    split = _split(tokenizer, folder)
    shape = gguf.MODEL_ARCH[SHAPES[kind]]
    heads = config["num_attention_heads"]
    groups = config.get("num_key_value_heads", heads)
    stored = stored_dtype(folder)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[shape])
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope.get("rope_theta", config.get("rope_theta", 10_000.0)))
    width = config.get("head_dim") or config["hidden_size"] // heads
    for add in (writer.add_rope_dimension_count, writer.add_key_length, writer.add_value_length):
        add(width)
    writer.add_vocab_size(config["vocab_size"])
    kinds = {"bfloat16": gguf.LlamaFileType.MOSTLY_BF16, "float16": gguf.LlamaFileType.MOSTLY_F16}
    writer.add_file_type(kinds.get(stored, gguf.LlamaFileType.ALL_F32))
    _add_tokenizer(writer, folder, tokenizer, split, config["vocab_size"])
    if stretched == "llama3":
        writer.add_tensor("rope_freqs.weight", _rope_factors(folder))
    names = gguf.get_tensor_name_map(shape, config["num_hidden_layers"])
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - a safe_open has keys() and no iterator
                tensor = tensors.get_tensor(key)
                place = names.get_name(key, try_suffixes=(".weight", ".bias"))
                if place is None:
                    raise _unsupported(f"a model with a tensor {key!r}", folder)
                rotated = {"attn_q": heads, "attn_k": groups}.get(place.split(".")[-2])
                if shape is gguf.MODEL_ARCH.LLAMA and rotated:
                    tensor = _interleaved(tensor, rotated)
                if tensor.ndim == 1 or stored == "float32":  # llama.cpp adds and scales in float32
                    writer.add_tensor(place, tensor.float().numpy())
                elif stored == "float16":
                    writer.add_tensor(place, tensor.half().numpy())
                else:
                    bits = tensor.bfloat16().contiguous().view(torch.uint16).numpy()
                    writer.add_tensor(place, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: Any, folder: Path, table: Any, split: str, size: int) -> None:
    import gguf

    pieces = {index: (text, gguf.TokenType.NORMAL) for text, index in table["model"]["vocab"].items()}
    for token in table["added_tokens"]:
        kind = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
        pieces[token["id"]] = (token["content"], kind)
    # Rows of the embedding that no token has, as GGUF wants them named.
    rows = [pieces.get(index, (f"[PAD{index}]", gguf.TokenType.UNUSED)) for index in range(size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list([text for text, _ in rows])
    writer.add_token_types([kind for _, kind in rows])
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=size)
    template = folder / "chat_template.jinja"
    if template.is_file():
        special.chat_template = template.read_text(encoding="utf-8")
    special.add_to_gguf(writer)
    writer.add_add_bos_token(False)  # the chat template writes it where the model wants it


def _split(table: Any, folder: Path) -> str:
    """llama.cpp's name of how the tokenizer (tokenizer.json's content) cuts a text."""
    before = table["pre_tokenizer"] or {}
    steps = before.get("pretokenizers", [before])
    others = [step for step in steps if step.get("type") != "ByteLevel"]
    cuts = tuple(step.get("pattern", {}).get("Regex") or step["type"] for step in others)
    if len(others) == len(steps) or table["model"]["type"] != "BPE" or cuts not in _SPLITS:
        raise _unsupported("a tokenizer of another kind than those known here", folder)
    return _SPLITS[cuts]


def _rope_factors(folder: Path) -> Any:
    """What llama.cpp divides each frequency of the rope by: Llama 3.1 turns the slow ones more slowly; float32."""
    import torch
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = AutoConfig.from_pretrained(folder)
    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    plain = config.rope_parameters["rope_theta"] ** -(torch.arange(len(stretched)) / len(stretched))
    return (plain / stretched).float().numpy()


def _interleaved(weight: Any, heads: int) -> Any:
    """Rows in llama.cpp's order: transformers rotates halves of a head, GGUF's Llama neighbouring pairs."""
    apart = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return apart.swapaxes(1, 2).reshape(weight.shape).contiguous()


def _unsupported(what: str, folder: Path) -> TimbreError:
    return TimbreError(
        f"no GGUF can be written here of {what}",
        where=str(folder),
        do="leave out --gguf, and give the folder to llama.cpp's convert_hf_to_gguf.py",
    )
