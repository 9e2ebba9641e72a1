"""What a run says of its validation responses in the trainer: log-probabilities to hold the server's against.

An adapter trained on nf4 weights and served on the weights as stored is another model; how far the two
differ is measured token by token.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from timbre.errors import TimbreError
from training.config import load_config
from training.masks import IGNORED
from training.runs import Run, base_of
from training.types import Origin, Pair, Split


@dataclass(frozen=True)
class Said:
    """One validation pair as the trainer sees it.

    Attributes:
        input_ids: Prompt and response, shape (tokens,).
        supervised: Indices of the response's tokens and its stop token in ``input_ids``.
        logprobs: Log-probability (nats) of each of those, given all before it; same length.
    """

    input_ids: tuple[int, ...]
    supervised: tuple[int, ...]
    logprobs: tuple[float, ...]


def trainer_logprobs(run: Run) -> list[Said]:
    """Run the validation pairs through base and adapter as they were trained (nf4 where the run says so).

    Raises:
        TimbreError: the run has no validation pairs, or its base is another by now.
    """
    pairs = _validation_pairs(run)
    config = load_config(run.path / "config.toml")
    base = base_of(run, verify=True)
    import torch
    from peft import PeftModel

    from training.examples import load_tokenizer
    from training.masks import build_example
    from training.qlora import load_base

    torch.set_num_threads(int(os.environ.get("TIMBRE_THREADS") or max(1, (os.cpu_count() or 2) // 2)))
    tokenizer = load_tokenizer(config, base)
    examples = [build_example(pair, tokenizer, f"{run.path}/data.lock.json", config.system) for pair in pairs]
    model = PeftModel.from_pretrained(load_base(config, base), str(run.adapter)).eval()
    said = []
    for example in examples:
        places = [i for i, label in enumerate(example.labels) if label != IGNORED]
        ids = torch.tensor([example.input_ids], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0].float()
        before = logits[[i - 1 for i in places]].log_softmax(-1)
        chosen = before.gather(1, ids[0, places][:, None])[:, 0]
        said.append(Said(example.input_ids, tuple(places), tuple(chosen.tolist())))
    return said


def _validation_pairs(run: Run) -> Sequence[Pair]:
    rows = run.of_split("val")
    if not rows:
        raise TimbreError(
            f"run {run.name!r} has no validation pairs to compare on",
            where=str(run.path / "data.lock.json"),
            do="give a pair split 'val' and train again",
        )
    return [
        Pair(
            row.line,
            row.prompt,
            row.response,
            row.tier,
            row.source,
            cast(Origin, row.origin),
            cast(Split, row.split),
            row.before,
        )
        for row in rows
    ]
