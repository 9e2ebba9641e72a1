"""An OpenAI-compatible server that has a base and can take adapters: what it serves, loading, probing."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock

from evals.still_adapter import NAME
from timbre.errors import TimbreError
from timbre.paths import home
from training.runs import Run

PROBE_PROMPTS = (
    "Describe a spoon to somebody who has never eaten soup.",
    "What do you make of Tuesdays?",
)
"""Asked greedily of base and run; not canaries, and near no canary."""

BUSY_S = 900
"""Patience with a server that writes other arms' answers first: on two cores a probe waits for minutes."""

PROBE_TOKENS = 12
MIN_SHIFT = 1e-3
"""Least change of a log-probability (nats) that counts where the probes' words stay the same."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers.

    Attributes:
        url: Root of the OpenAI API, ending in ``/v1``.
        key: Bearer token.
        folder: Notes of this server's life: which adapters were probed.
        dtype: Number type of the served weights, as far as known.
        still: Adapter without effect that stands for the base (see ``evals.still_adapter``), or None
            where requests without an adapter are answered by the base.
    """

    url: str
    key: str
    folder: Path
    dtype: str
    still: Path | None = None

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float = 120) -> httpx.Response:
        """One request with the key; never through a proxy, since the server is named by its address.

        Raises:
            TimbreError: no answer, or the key is refused.
        """
        try:
            response = httpx.request(
                method,
                self.url.removesuffix("/v1") + path,
                json=body,
                headers={"Authorization": f"Bearer {self.key}"},
                timeout=timeout,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise TimbreError(
                f"the server does not answer ({type(error).__name__})", where=self.url, do=_DO_DEAD
            ) from error
        if response.status_code in (401, 403):
            raise TimbreError(
                "the server refuses the key", where=self.url, do="set TIMBRE_VLLM_KEY to its key"
            )
        return response

    def models(self) -> list[str]:
        """Names that the server answers to, the base first."""
        response = self.ask("GET", "/v1/models", timeout=10)
        if response.status_code != 200:
            raise TimbreError(
                f"the server lists no models (HTTP {response.status_code})", where=self.url, do=_DO_DEAD
            )
        rows = response.json()["data"]
        return [r["id"] for r in sorted(rows, key=lambda r: r.get("parent") is not None)]


_DO_DEAD = "start one with `timbre serve`, or mend TIMBRE_VLLM_URL"


def outside_endpoint(url: str, key: str) -> Endpoint:
    """An endpoint that somebody else started (``TIMBRE_VLLM_URL``)."""
    root = url.rstrip("/")
    root = root if root.endswith("/v1") else root + "/v1"
    folder = home() / ".timbre" / "endpoints" / hashlib.sha256(root.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return Endpoint(root, key, folder, "unknown")


def serve_base(endpoint: Endpoint) -> str:
    """The name under which the base answers, whatever else is in the batch."""
    served = endpoint.models()
    if endpoint.still is None:
        return served[0]
    with FileLock(endpoint.folder / "adapters.lock"):
        if NAME not in endpoint.models():
            _load(endpoint, NAME, endpoint.still)
    return NAME


def serve_run(endpoint: Endpoint, run: Run) -> str:
    """Load a run's adapter once and show that it changes the output.

    Returns:
        The name to ask for: the run's name and identity.

    Raises:
        TimbreError: the server does not take the adapter, or answers as the base does.
    """
    name, base = run.served_name, serve_base(endpoint)
    with FileLock(endpoint.folder / "adapters.lock"):
        if name not in endpoint.models():
            _load(endpoint, name, run.adapter)
        note = endpoint.folder / f"probe-{name}.json"
        if not note.is_file():
            found = probe(endpoint, base, name)
            if not found.changed:
                raise TimbreError(
                    f"run {run.name!r} answers exactly as its base: the adapter has no effect on the server",
                    where=str(run.adapter),
                    do="check that its layers are the base's, or train it anew",
                )
            note.write_text(json.dumps({"shift": found.shift, "noise": found.noise, "words": found.words}))
    return name


def _load(endpoint: Endpoint, name: str, adapter: Path) -> None:
    body = {"lora_name": name, "lora_path": str(adapter.resolve())}
    response = endpoint.ask("POST", "/v1/load_lora_adapter", body, timeout=BUSY_S)
    if response.status_code == 200 or "already been loaded" in response.text:
        return
    raise TimbreError(
        f"the server does not take {name!r} (HTTP {response.status_code}: {response.text[:200]!r})",
        where=endpoint.url,
        do="restart it with `timbre serve --stop` (a higher rank needs that); "
        "an outside server needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and this machine's files",
    )


@dataclass(frozen=True)
class Probe:
    """How far an adapter moves greedy output.

    Attributes:
        words: Whether any probe was answered in other words.
        shift: Largest change of a first token's log-probability against the base, in nats.
        noise: The same between two identical calls to the base.
    """

    words: bool
    shift: float
    noise: float

    @property
    def changed(self) -> bool:
        """Other words, or log-probabilities moved well beyond the server's own noise."""
        return self.words or self.shift > max(MIN_SHIFT, 5 * self.noise)


def probe(endpoint: Endpoint, base: str, name: str) -> Probe:
    """Ask base, base again and run the same prompts greedily, one at a time."""
    adapted = [_greedy(endpoint, name, prompt) for prompt in PROBE_PROMPTS]
    first = [_greedy(endpoint, base, prompt) for prompt in PROBE_PROMPTS]
    again = [_greedy(endpoint, base, prompt) for prompt in PROBE_PROMPTS]
    return Probe(
        words=[text for text, _ in first] != [text for text, _ in adapted],
        shift=_largest_shift(first, adapted),
        noise=_largest_shift(first, again),
    )


def _greedy(endpoint: Endpoint, model: str, prompt: str) -> tuple[str, dict[str, float]]:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": PROBE_TOKENS,
        "logprobs": True,
        "top_logprobs": 5,
    }
    response = endpoint.ask("POST", "/v1/chat/completions", body, timeout=BUSY_S)
    if response.status_code != 200:
        raise TimbreError(
            f"the probe of {model!r} failed (HTTP {response.status_code}: {response.text[:200]!r})",
            where=endpoint.url,
            do="look at the server's log with `timbre serve --status`",
        )
    choice = response.json()["choices"][0]
    first = choice["logprobs"]["content"][0]["top_logprobs"]
    return choice["message"]["content"], {t["token"]: t["logprob"] for t in first}


def _largest_shift(a: list[tuple[str, dict[str, float]]], b: list[tuple[str, dict[str, float]]]) -> float:
    shifts = [
        abs(left[token] - right[token])
        for (_, left), (_, right) in zip(a, b, strict=True)
        for token in left.keys() & right.keys()
    ]
    return max(shifts, default=float("inf"))
