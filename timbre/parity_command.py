"""``timbre parity``: is the model that is served the one that was trained?"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from timbre.errors import TimbreError

if TYPE_CHECKING:
    from evals.endpoint import Endpoint
    from training.runs import Run


@dataclass(frozen=True)
class Parity:
    """How far the served model is from the trained one, on the responses of the validation pairs."""

    mean_abs_delta: float  # mean |difference of log-probability| a token, in nats
    max_abs_delta: float
    mean_delta: float  # server less trainer; near 0 where the two differ by noise alone
    tokens: int  # supervised tokens compared
    pairs: int  # validation pairs they are of
    trained_on: str  # quantization of the base in the trainer
    served_base_sha256: str
    served_dtype: str


@dataclass(frozen=True)
class TrainerTokens:
    """One validation pair as the trainer sees it."""

    input_ids: tuple[int, ...]  # prompt and response
    supervised: tuple[int, ...]  # indices in input_ids of the response's tokens and its stop token
    logprobs: tuple[float, ...]  # of each of those, given all before it, in nats


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def parity(name: str, as_json: bool) -> None:
    """Measure how far the served run is from the trained one, and record it in its run.json.

    Training holds the base in nf4 (4 bit), and the server holds it as it is stored: a slightly different
    model. Both are asked for the log-probability of every token of the validation responses. To serve
    exactly what is trained, train on a base named `nf4:NAME`: base = "nf4:smollm2-135m-instruct" in the
    preset.

    \b
    Example:
      timbre parity run2
    """
    from training.run_directory import add_facts
    from training.runs import find_run

    run = find_run(name)
    measured = measure(run)
    add_facts(run, parity=dataclasses.asdict(measured))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(measured), indent=2))
    else:
        click.echo(
            f"{name}: mean |Δ logprob| {measured.mean_abs_delta:.4f} nats a token "
            f"(largest {measured.max_abs_delta:.3f}, mean {measured.mean_delta:+.4f})\n"
            f"over {measured.tokens} tokens of {measured.pairs} validation responses; "
            f"trained on {measured.trained_on}, served in {measured.served_dtype}"
        )


def measure(run: "Run") -> Parity:
    """Ask trainer and server for the same tokens.

    Raises:
        TimbreError: no validation pairs, another base, or a server that can't be had.
    """
    from evals.endpoint import serve_run
    from evals.server import connect
    from training.adapters import checked_base

    base = checked_base(run)
    trained = trainer_logprobs(run)
    endpoint = connect(base, run)
    served = served_logprobs(endpoint, serve_run(endpoint, run), trained)
    deltas = [
        theirs - ours
        for pair, row in zip(trained, served, strict=True)
        for theirs, ours in zip(row, pair.logprobs, strict=True)
    ]
    return Parity(
        sum(map(abs, deltas)) / len(deltas),
        max(map(abs, deltas)),
        sum(deltas) / len(deltas),
        len(deltas),
        len(trained),
        run.quantization,
        base.sha256,
        endpoint.served.dtype,
    )


def served_logprobs(endpoint: "Endpoint", model: str, pairs: Sequence[TrainerTokens]) -> list[list[float]]:
    """The server's log-probability (nats) of each supervised token, a row a pair.

    Raises:
        TimbreError: the server refuses.
    """
    body = {
        "model": model,
        "prompt": [list(pair.input_ids) for pair in pairs],
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 0,
    }
    response = endpoint.ask("POST", "/v1/completions", body, timeout=1800)
    if response.status_code != 200:
        raise TimbreError(
            f"the server gives no log-probabilities (HTTP {response.status_code}: {response.text[:200]!r})",
            where=endpoint.url,
            do="look at the server's log with `timbre serve --status`",
        )
    choices = sorted(response.json()["choices"], key=lambda c: c["index"])
    return [
        [choice["prompt_logprobs"][i][str(pair.input_ids[i])]["logprob"] for i in pair.supervised]
        for choice, pair in zip(choices, pairs, strict=True)
    ]


def trainer_logprobs(run: "Run") -> "list[TrainerTokens]":
    """Run the validation pairs through base and adapter as they were trained (nf4 where the run says so).

    Raises:
        TimbreError: the run has no validation pairs, or its base is another by now.
    """
    from training.adapters import checked_base
    from training.config import load_config

    pairs = run.validation_pairs()
    config = load_config(run.path / "config.toml")
    base = checked_base(run, verify=True)
    import torch
    from peft import PeftModel

    from training.devices import use_threads
    from training.examples import load_tokenizer
    from training.masks import IGNORED, build_example
    from training.model import load_base

    use_threads()
    tokenizer = load_tokenizer(config, base)
    examples = [build_example(pair, tokenizer, f"{run.path}/data.lock.json", config.system) for pair in pairs]
    model = PeftModel.from_pretrained(load_base(config, base), str(run.adapter)).eval()
    rows = []
    for example in examples:
        places = [i for i, label in enumerate(example.labels) if label != IGNORED]
        ids = torch.tensor([example.input_ids], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0].float()
        before = logits[[i - 1 for i in places]].log_softmax(-1)
        chosen = before.gather(1, ids[0, places][:, None])[:, 0]
        rows.append(TrainerTokens(example.input_ids, tuple(places), tuple(chosen.tolist())))
    return rows
