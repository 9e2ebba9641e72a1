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
    from training.parity import Said
    from training.runs import Run


@dataclass(frozen=True)
class Parity:
    """How far the served model is from the trained one, on the responses of the validation pairs.

    Attributes:
        mean_abs_delta: Mean |difference of log-probability| a token, in nats.
        max_abs_delta: The largest.
        mean_delta: Server less trainer, with its sign: near 0 where the two differ by noise alone.
        tokens: Supervised tokens compared.
        pairs: Validation pairs they are of.
        trained_on: Quantization of the base in the trainer.
        served_base_sha256: The base that the adapter is served on.
        served_dtype: Number type of the served weights.
    """

    mean_abs_delta: float
    max_abs_delta: float
    mean_delta: float
    tokens: int
    pairs: int
    trained_on: str
    served_base_sha256: str
    served_dtype: str


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
    from training.run_directory import write_json
    from training.runs import find_run

    run = find_run(name)
    found = measure(run)
    facts = {
        **json.loads((run.path / "run.json").read_text(encoding="utf-8")),
        "parity": dataclasses.asdict(found),
    }
    write_json(run.path / "run.json", facts)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        click.echo(
            f"{name}: mean |Δ logprob| {found.mean_abs_delta:.4f} nats a token "
            f"(largest {found.max_abs_delta:.3f}, mean {found.mean_delta:+.4f})\n"
            f"over {found.tokens} tokens of {found.pairs} validation responses; "
            f"trained on {found.trained_on}, served in {found.served_dtype}"
        )


def measure(run: "Run") -> Parity:
    """Ask trainer and server for the same tokens.

    Raises:
        TimbreError: no validation pairs, another base, or a server that can't be had.
    """
    from evals.endpoint import serve_run
    from evals.server import connect
    from training.base import resolve_base
    from training.parity import trainer_logprobs

    base = resolve_base(run.base)
    trained = trainer_logprobs(run)
    endpoint = connect(base, run)
    served = served_logprobs(endpoint, serve_run(endpoint, run), trained)
    deltas = [
        theirs - ours
        for said, row in zip(trained, served, strict=True)
        for theirs, ours in zip(row, said.logprobs, strict=True)
    ]
    return Parity(
        sum(map(abs, deltas)) / len(deltas),
        max(map(abs, deltas)),
        sum(deltas) / len(deltas),
        len(deltas),
        len(trained),
        run.quantization,
        base.sha256,
        endpoint.dtype,
    )


def served_logprobs(endpoint: "Endpoint", model: str, said: "Sequence[Said]") -> list[list[float]]:
    """The server's log-probability (nats) of each supervised token, a row a pair.

    Raises:
        TimbreError: the server refuses.
    """
    body = {
        "model": model,
        "prompt": [list(pair.input_ids) for pair in said],
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
        for choice, pair in zip(choices, said, strict=True)
    ]
