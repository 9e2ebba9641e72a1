"""An OpenAI-compatible server that has a base and can take adapters: what it serves, loading, probing."""

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock

from timbre.errors import TimbreError
from timbre.paths import home
from training.base import Base
from training.runs import WEIGHTS, Run, sha256_of

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
class Served:
    """What answers, by the server's own record; a part of a log's conditions (contract C7)."""

    model: str  # name that the base answers to
    dtype: str  # number type of the weights; "unknown" of an outside endpoint
    args: tuple[str, ...] | None  # TIMBRE_VLLM_ARGS that the server was started with; None where unknown
    url_is_outside: bool

    def as_metadata(self) -> dict[str, Any]:
        """As JSON for a log's metadata."""
        return {**asdict(self), "args": None if self.args is None else list(self.args)}


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers."""

    url: str  # root of the OpenAI API, ending in ``/v1``
    key: str  # bearer token; empty where none is asked for
    folder: Path  # notes of this server's life: which adapters were probed
    served: Served

    @property
    def headers(self) -> dict[str, str]:
        """What a request must carry; nothing where there is no key."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def ask(self, method: str, path: str, body: Any = None, *, timeout: float = 120) -> httpx.Response:
        """One request with the key; a loopback address is never asked through a proxy.

        Raises:
            TimbreError: no answer, or the key is refused.
        """
        try:
            response = httpx.request(
                method,
                self.url.removesuffix("/v1") + path,
                json=body,
                headers=self.headers,
                timeout=timeout,
                trust_env=not is_loopback(self.url),
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

    def is_ready(self) -> bool:
        """Whether the server answers with this key."""
        with suppress(TimbreError):
            return self.ask("GET", "/v1/models", timeout=5).status_code == 200
        return False

    def listed(self) -> list[dict[str, Any]]:
        """The rows of ``/v1/models``, bases before adapters.

        Raises:
            TimbreError: No answer, or one that is no list of models.
        """
        response = self.ask("GET", "/v1/models", timeout=10)
        try:
            rows = list(response.raise_for_status().json()["data"])
            return sorted(rows, key=lambda row: row.get("parent") is not None)
        except (httpx.HTTPStatusError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise TimbreError(
                f"the server lists no models (HTTP {response.status_code})", where=self.url, do=_DO_DEAD
            ) from error

    def models(self) -> list[str]:
        """Names that the server answers to, the base first."""
        return [str(row["id"]) for row in self.listed()]


_DO_DEAD = "start one with `timbre serve`, or mend TIMBRE_VLLM_URL"


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = httpx.URL(url).host
    return host in ("localhost", "::1") or host.startswith("127.")


def outside_endpoint(url: str, base: Base) -> Endpoint:
    """The endpoint that somebody else started (``TIMBRE_VLLM_URL``), if it serves the base.

    Its model is the one that ``TIMBRE_VLLM_MODEL`` names, or else must be listed under the base's own name or
    folder.

    Raises:
        TimbreError: No such address, no answer, or another model.
    """
    try:
        is_http = httpx.URL(url).scheme in ("http", "https") and bool(httpx.URL(url).host)
    except httpx.InvalidURL:
        is_http = False
    if not is_http:
        raise TimbreError(
            f"{url!r} is no address of a server", where="TIMBRE_VLLM_URL", do="write http://host:port/v1"
        )
    if not (key := os.environ.get("TIMBRE_VLLM_KEY", "")).isascii():
        raise TimbreError("has characters that no key has", where="TIMBRE_VLLM_KEY", do="copy the key again")
    root = url.rstrip("/")
    root = root if root.endswith("/v1") else root + "/v1"
    folder = home() / ".timbre" / "endpoints" / hashlib.sha256(root.encode()).hexdigest()[:12]
    wanted = os.environ.get("TIMBRE_VLLM_MODEL", "")
    endpoint = Endpoint(root, key, folder, Served(wanted, "unknown", None, True))
    rows = endpoint.listed()
    own = {base.name, str(base.path)}

    def is_meant(row: dict[str, Any]) -> bool:
        if wanted:
            return bool(row["id"] == wanted)
        return row.get("parent") is None and bool({row["id"], row.get("root")} & own)

    model = next((str(row["id"]) for row in rows if is_meant(row)), None)
    if model is None:
        raise TimbreError(
            f"the server has no model {wanted or base.name!r}; it lists {', '.join(row['id'] for row in rows)}",
            where=root,
            do="name the one that is meant with TIMBRE_VLLM_MODEL",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return replace(endpoint, served=replace(endpoint.served, model=model))


def serve_run(endpoint: Endpoint, run: Run) -> str:
    """The name and identity to ask a run by: its adapter is loaded once, and shown to change the output.

    Raises:
        TimbreError: the adapter was changed since its training, the server does not take it, or answers as the base
            does.
    """
    name, base = run.served_name, endpoint.served.model
    with FileLock(endpoint.folder / "adapters.lock"):
        if name not in endpoint.models():
            adapter = run.adapter if endpoint.served.url_is_outside else _kept(endpoint, run)
            _check_weights(run, adapter)
            _load(endpoint, name, adapter)
        note = endpoint.folder / f"probed-{name}"
        if not note.is_file():
            if not moves_output(endpoint, base, name):
                raise TimbreError(
                    f"run {run.name!r} answers exactly as its base: the adapter has no effect on the server",
                    where=str(run.adapter),
                    do="check that its layers are the base's, or train it anew",
                )
            note.touch()
    return name


def _kept(endpoint: Endpoint, run: Run) -> Path:
    """The adapter's files under the server's own folder, so that the name stays with these weights.

    The server reads an adapter again whenever it had to make room; by then the run's may be another training's, or
    have been written over.
    """
    folder = endpoint.folder / "adapters" / run.served_name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.adapter, folder)
    return folder


def _check_weights(run: Run, adapter: Path) -> None:
    """That an adapter's weights are those of the run's identity, by the sha256 that its training recorded."""
    recorded = run.checksums.get((run.adapter / WEIGHTS).relative_to(run.path).as_posix())
    if recorded and sha256_of(adapter / WEIGHTS) != recorded:
        raise TimbreError(
            f"the weights of run {run.name!r} are not those that its training wrote",
            where=str(run.adapter / WEIGHTS),
            do="restore them, or train the run again",
        )


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


def moves_output(endpoint: Endpoint, base: str, name: str) -> bool:
    """Whether an adapter changes greedy output: other words, or first tokens well beyond the base's own noise."""
    adapted, first, again = (
        [_greedy(endpoint, model, prompt) for prompt in PROBE_PROMPTS] for model in (name, base, base)
    )
    if [t for t, _ in first] == [t for t, _ in again] != [t for t, _ in adapted]:
        return True
    return _largest_shift(first, adapted) > max(MIN_SHIFT, 5 * _largest_shift(first, again))


def _greedy(endpoint: Endpoint, model: str, prompt: str) -> tuple[str, dict[str, float]]:
    """Words, and log-probabilities (nats) of the first token's candidates."""
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
