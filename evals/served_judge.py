"""The LoRA judge, asked over the server that runs share: one more adapter, one new token a question.

    inspect eval evals/voice.py --model run2 -T judge=lora

A text is read in windows of the length that the judge was fitted on. What it answered is kept by text and
judge in ``.timbre/judged/``, so that judging a stored answer again asks nothing and starts no server.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import anyio.to_thread

from evals.endpoint import Endpoint, serve_run
from evals.server import connect
from evals.vllm_internals import serving_dtype
from judges import lora
from judges.linear import windows
from judges.types import Answer, Judgement, unscored
from timbre.errors import TimbreError
from timbre.paths import home
from training.base import Base, resolve_base
from training.config import load_config
from training.judge_data import Question, parse_questions, prompts
from training.runs import Run

LINEAR, LORA = "linear", "lora"
JUDGES = (LINEAR, LORA)
"""Who judges humor and provocativeness where no grader does."""

BATCH = 64
"""Windows of one request; an answer of 512 tokens has about ten."""

LIKELIEST = 20
"""Tokens whose log-probabilities are read at a question, the most that a server gives unasked."""


@dataclass(frozen=True)
class StoredJudge(Run):
    """The adapter that ships with Timbre, as a run of its own."""

    @property
    def adapter(self) -> Path:
        """Its folder holds the adapter itself."""
        return self.path


@dataclass(frozen=True)
class ServedJudge:
    """All that is known of the judge before a server is asked.

    Attributes:
        run: The adapter.
        base: The base it was fitted on.
        questions: What is asked behind each text.
        parts: What its answers depend on, for ``judges.lora.lora_identity``.
    """

    run: StoredJudge
    base: Base
    questions: tuple[Question, ...]
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of ``parts``: the folder of the answers kept."""
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()[:16]


def check_judge(name: str) -> str:
    """``name`` if it is one of ``JUDGES``.

    Raises:
        TimbreError: it isn't.
    """
    if name not in JUDGES:
        raise TimbreError(f"no judge {name!r}", where="-T judge", do=f"choose among {', '.join(JUDGES)}")
    return name


def judge_name(judge: str) -> str:
    """The judge's name in a log; that of the served one carries a digest of all its answers depend on.

    Raises:
        TimbreError: the served judge can't be had.
    """
    return f"{judge}@{stored_judge().digest}" if judge == LORA else judge


@lru_cache(maxsize=1)
def stored_judge(path: Path = lora.ADAPTER) -> ServedJudge:
    """The judge that ships with Timbre.

    Raises:
        TimbreError: its files are missing, or the embedded base is not the one it was fitted on.
    """
    config = load_config(path / "config.toml")
    try:
        adapter = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        weights = hashlib.sha256((path / "adapter_model.safetensors").read_bytes()).hexdigest()
        fitted_on = str(json.loads((path / "judge.json").read_text(encoding="utf-8"))["base_sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise TimbreError(
            f"not a judge's adapter ({type(error).__name__})", where=str(path), do="restore it from git"
        ) from error
    base = resolve_base(config.base)
    if base.sha256 != fitted_on:
        raise TimbreError(
            f"the LoRA judge was fitted on base {fitted_on[:12]}, and {config.base} is {base.sha256[:12]}",
            where=str(path),
            do="use -T judge=linear",
        )
    run = StoredJudge(
        "judge", path, weights, config.base, base.sha256, config.rank, tuple(adapter["target_modules"]), {}
    )
    asked = " ".join(f"{q.asked}={q.column}/{q.top:g}" for q in parse_questions(config.questions))
    parts = {"base": base.sha256, "adapter": weights, "questions": asked, "dtype": serving_dtype()}
    return ServedJudge(run, base, parse_questions(config.questions), parts)


async def make_ready(judge: str) -> None:
    """Have a server that takes the judge's layers, before the first answer is asked for.

    Later would be too late: a server that is answering isn't started anew for other layers.
    """
    if judge == LORA:
        await anyio.to_thread.run_sync(_connected)


async def served_judgements(judge: str, answer: Answer) -> dict[str, Judgement]:
    """What the LoRA judge says of one answer; nothing where it isn't asked for.

    A judge that can't be asked leaves its dimensions unscored: another judge's value in its place would be
    compared with this one's.
    """
    if judge != LORA or not answer.text.strip():
        return {}
    try:
        return await anyio.to_thread.run_sync(judge_answer, answer)
    except TimbreError as error:
        return {key: unscored(key, f"LoRA judge: {error}"[:300]) for key in lora.DIMENSIONS}


def judge_answer(answer: Answer) -> dict[str, Judgement]:
    """Humor and provocativeness of one answer, out of what is kept or out of the server.

    Raises:
        TimbreError: the server can't be had or refuses.
    """
    judge = stored_judge()
    texts = [text for text, _, _ in windows(answer.text)]
    file = home() / ".timbre" / "judged" / judge.digest / f"{_digest(texts)}.json"
    answered = _kept(file, judge, len(texts))
    if answered is None:
        answered = ask_windows(judge, texts)
        _keep(file, answered)
    return lora.lora_judgements(answer, answered, judge.parts)


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def _kept(file: Path, judge: ServedJudge, count: int) -> list[dict[str, float | None]] | None:
    try:
        rows = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    columns = {q.column for q in judge.questions}
    whole = isinstance(rows, list) and len(rows) == count and all(set(row) == columns for row in rows)
    return rows if whole else None


def _keep(file: Path, answered: Sequence[Mapping[str, float | None]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(answered))
    partial.replace(file)


_connecting = Lock()
_connections: dict[str, tuple[Endpoint, str]] = {}


def _connected(lost: Endpoint | None = None) -> tuple[Endpoint, str]:
    """The endpoint and the judge's name there, found once; ``lost`` is one that broke."""
    judge = stored_judge()
    with _connecting:
        known = _connections.get(judge.digest)
        if known is None or known[0] is lost:
            endpoint = connect(judge.base, judge.run)
            known = _connections[judge.digest] = (endpoint, serve_run(endpoint, judge.run))
        return known


def ask_windows(judge: ServedJudge, texts: Sequence[str]) -> list[dict[str, float | None]]:
    """Values by label column for each window of text, asked of the server.

    Raises:
        TimbreError: it can't be had or refuses.
    """
    endpoint, name = _connected()
    answered: list[dict[str, float | None]] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        try:
            answered += _answers(endpoint, name, judge, batch)
        except TimbreError:
            # A run that needs more layers may have had the server started anew, at another port.
            endpoint, name = _connected(lost=endpoint)
            answered += _answers(endpoint, name, judge, batch)
    return answered


def _answers(
    endpoint: Endpoint, name: str, judge: ServedJudge, texts: Sequence[str]
) -> list[dict[str, float | None]]:
    """One request, and of each text one prefill with all questions behind it.

    The last question's answer is the new token's, an earlier one's is what was expected in the prompt at
    the place of the token that follows the question.
    """
    tokens = _tokenizer(judge.base.path)
    asked = [
        [tokens.encode(p, add_special_tokens=False).ids for p in prompts(t, judge.questions)] for t in texts
    ]
    body: dict[str, Any] = {
        "model": name,
        "prompt": [ids[-1] for ids in asked],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": LIKELIEST,
        "prompt_logprobs": LIKELIEST,
    }
    response = endpoint.ask("POST", "/v1/completions", body, timeout=1800)
    if response.status_code != 200:
        raise TimbreError(
            f"the server does not answer the judge's questions (HTTP {response.status_code}: "
            f"{response.text[:200]!r})",
            where=endpoint.url,
            do="look at the server's log with `timbre serve --status`",
        )
    columns = [q.column for q in judge.questions]
    values = []
    for choice, ids in zip(sorted(response.json()["choices"], key=lambda c: c["index"]), asked, strict=True):
        within = [choice["prompt_logprobs"][len(part)] for part in ids[:-1]]
        read = [{t["decoded_token"]: t["logprob"] for t in place.values()} for place in within]
        read.append(choice["logprobs"]["top_logprobs"][0])
        values.append(dict(zip(columns, map(lora.expected_digit, read), strict=True)))
    return values


@lru_cache(maxsize=2)
def _tokenizer(base: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(base / "tokenizer.json"))
