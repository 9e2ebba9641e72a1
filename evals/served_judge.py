"""The LoRA judges, asked over the server that runs share: each is one more adapter, one new token a question.

    inspect eval evals/voice.py --model run2 -T judge=lora

One reads a text in windows of the length that it was fitted on, for humor and provocativeness; the other
reads it sentence by sentence, for self_insertion. What they answered is kept by text and judge in
``.timbre/judged/``, so that judging a stored answer again asks nothing and starts no server.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import anyio.to_thread

from evals.endpoint import Endpoint, serve_run
from evals.server import connect
from evals.stored_judges import ADAPTERS, HUMOR, SELF_INSERTION, ServedJudge, stored_judge
from judges import lora
from judges.digits import LIKELIEST, expected_digit
from judges.linear import windows
from judges.self_insertion_trained import KEY, MAX_REQUEST, groups, trained_judgement
from judges.types import Answer, Judgement, unscored
from timbre.errors import TimbreError
from timbre.paths import home
from training.judge_data import prompts

LINEAR, LORA = "linear", "lora"
JUDGES = (LINEAR, LORA)
"""Who judges humor and provocativeness where no grader does; ``lora`` reads for self_insertion too."""

Reading = list[float | None]
"""Of one text the values in [0, 1], or None, by what was asked about it."""

BATCH = 64
"""Texts of one request; an answer of 512 tokens has about ten windows."""


def check_judge(name: str) -> str:
    """``name`` if it is one of ``JUDGES``.

    Raises:
        TimbreError: it isn't.
    """
    if name not in JUDGES:
        raise TimbreError(f"no judge {name!r}", where="-T judge", do=f"choose among {', '.join(JUDGES)}")
    return name


def judge_name(judge: str) -> str:
    """The judge's name in a log; that of the served ones carries a digest of all their answers depend on.

    Raises:
        TimbreError: the served judges can't be had.
    """
    if judge != LORA:
        return judge
    digests = "".join(stored_judge(path).digest for path in ADAPTERS)
    return f"{judge}@{hashlib.sha256(digests.encode()).hexdigest()[:16]}"


async def make_ready(judge: str) -> None:
    """Have a server that takes the judges' layers, before the first answer is asked for.

    Later would be too late: a server that is answering isn't started anew for other layers.
    """
    if judge == LORA:
        for path in ADAPTERS:
            await anyio.to_thread.run_sync(_connected, stored_judge(path))


async def served_judgements(judge: str, answer: Answer, detected: Judgement) -> dict[str, Judgement]:
    """What the LoRA judges say of one answer; nothing where they aren't asked for.

    A judge that can't be asked leaves its dimensions unscored: another judge's value in its place would be
    compared with this one's.

    Args:
        judge: One of ``JUDGES``.
        answer: The text.
        detected: What the detector of self_insertion says of it.
    """
    if judge != LORA or not answer.text.strip():
        return {}
    try:
        read = await anyio.to_thread.run_sync(judge_answer, answer)
        return read | {KEY: await anyio.to_thread.run_sync(judge_insertion, answer, detected)}
    except TimbreError as error:
        reason = f"LoRA judge: {error}"[:300]
        return {key: unscored(key, reason) for key in (*lora.DIMENSIONS, KEY)}


def judge_answer(answer: Answer) -> dict[str, Judgement]:
    """Humor and provocativeness of one answer, out of what is kept or out of the server.

    Raises:
        TimbreError: the server can't be had or refuses.
    """
    judge = stored_judge(HUMOR)
    shown = [text for text, _, _ in windows(answer.text)]
    return lora.lora_judgements(
        answer, by_column(judge, _read(judge, windows_asked(judge, shown))), judge.parts
    )


def judge_insertion(answer: Answer, detected: Judgement) -> Judgement:
    """``self_insertion`` of one answer, out of what is kept or out of the server.

    Raises:
        TimbreError: the server can't be had or refuses.
    """
    judge = stored_judge(SELF_INSERTION)
    asked = sentences_asked(judge, answer)
    return trained_judgement(detected, answer, _read(judge, asked) if asked else [], judge.parts)


def windows_asked(judge: ServedJudge, texts: Sequence[str]) -> list[list[str]]:
    """What is asked about each window of text."""
    return [prompts([text], judge.questions) for text in texts]


def sentences_asked(judge: ServedJudge, answer: Answer) -> list[list[str]]:
    """What is asked about each group of an answer's sentences."""
    return [prompts(sentences, judge.questions, answer.prompt[:MAX_REQUEST]) for sentences in groups(answer)]


def by_column(judge: ServedJudge, read: Sequence[Reading]) -> list[dict[str, float | None]]:
    """Values by label column."""
    columns = [q.column for q in judge.questions]
    return [dict(zip(columns, values, strict=True)) for values in read]


def _read(judge: ServedJudge, asked: Sequence[Sequence[str]]) -> list[Reading]:
    digest = hashlib.sha256(json.dumps([texts[-1] for texts in asked]).encode()).hexdigest()
    file = home() / ".timbre" / "judged" / judge.digest / f"{digest}.json"
    read = _kept(file, [len(texts) for texts in asked])
    if read is None:
        read = ask_judge(judge, asked)
        _keep(file, read)
    return read


def _kept(file: Path, counts: Sequence[int]) -> list[Reading] | None:
    try:
        rows = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    whole = isinstance(rows, list) and [len(r) if isinstance(r, list) else None for r in rows] == counts
    return rows if whole else None


def _keep(file: Path, read: Sequence[Reading]) -> None:
    """Keep what was answered, if the disk lets us; samples with the same text may do so at once."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=file.parent, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(read, out)
        Path(partial).replace(file)


_connecting = Lock()
_connections: dict[str, tuple[Endpoint, str]] = {}


def _connected(judge: ServedJudge, lost: Endpoint | None = None) -> tuple[Endpoint, str]:
    """The endpoint and the judge's name there, found once; ``lost`` is one that broke."""
    with _connecting:
        known = _connections.get(judge.digest)
        if known is None or known[0] is lost:
            endpoint = connect(judge.base, judge.run)
            known = _connections[judge.digest] = (endpoint, serve_run(endpoint, judge.run))
        return known


def ask_judge(
    judge: ServedJudge, asked: Sequence[Sequence[str]], told: Callable[[int], None] = lambda read: None
) -> list[Reading]:
    """Values of each text at each place asked about, out of the server.

    Args:
        judge: Who is asked.
        asked: Of each text what is read up to each place, each the one before and more, as
            ``training.judge_data.prompts`` has it.
        told: Called after each request with the number of texts read.

    Raises:
        TimbreError: the server can't be had or refuses.
    """
    endpoint, name = _connected(judge)
    read: list[Reading] = []
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        try:
            read += _answers(endpoint, name, judge, batch)
        except TimbreError:
            # A run that needs more layers may have had the server started anew, at another port.
            endpoint, name = _connected(judge, lost=endpoint)
            read += _answers(endpoint, name, judge, batch)
        told(len(read))
    return read


def _answers(
    endpoint: Endpoint, name: str, judge: ServedJudge, asked: Sequence[Sequence[str]]
) -> list[Reading]:
    """One request, and of each text one prefill with all questions in it.

    The last question's answer is the new token's, an earlier one's is what was expected in the prompt at
    the place of the token that follows the question.
    """
    tokens = _tokenizer(judge.base.path)
    encoded = [[tokens.encode(p, add_special_tokens=False).ids for p in texts] for texts in asked]
    body: dict[str, Any] = {
        "model": name,
        "prompt": [ids[-1] for ids in encoded],
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
    values = []
    choices = sorted(response.json()["choices"], key=lambda c: c["index"])
    for choice, ids in zip(choices, encoded, strict=True):
        within = [choice["prompt_logprobs"][len(part)] for part in ids[:-1]]
        said = [{t["decoded_token"]: t["logprob"] for t in place.values()} for place in within]
        said.append(choice["logprobs"]["top_logprobs"][0])
        values.append([expected_digit(place) for place in said])
    return values


@lru_cache(maxsize=2)
def _tokenizer(base: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(base / "tokenizer.json"))
