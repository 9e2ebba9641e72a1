"""The judges' adapters that ship with Timbre: what each is, and what its answers depend on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evals.vllm_internals import serving_dtype
from judges import digits, lora, self_insertion_trained
from timbre.errors import TimbreError
from training.base import Base, resolve_base
from training.config import load_config
from training.judge_data import Question, parse_questions, prompts
from training.runs import Run

HUMOR, SELF_INSERTION = lora.ADAPTER, self_insertion_trained.ADAPTER
ADAPTERS = (HUMOR, SELF_INSERTION)
"""Their folders: humor and provocativeness in one, self_insertion in the other."""


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
        questions: What is asked behind each text, or each sentence of it.
        parts: What its answers depend on, for the identity of a judge that reads them.
    """

    run: StoredJudge
    base: Base
    questions: tuple[Question, ...]
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of ``parts``: the folder of the answers kept."""
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()[:16]


@lru_cache(maxsize=len(ADAPTERS))
def stored_judge(path: Path) -> ServedJudge:
    """The judge whose adapter is in a folder.

    Raises:
        TimbreError: its files are missing, or the embedded base is not the one it was fitted on.
    """
    config = load_config(path / "config.toml")
    try:
        adapter = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        files = [path / name for name in ("adapter_model.safetensors", "adapter_config.json")]
        weights = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
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
        f"judge-{path.name.replace('_', '-')}",
        path,
        weights,
        config.base,
        base.sha256,
        config.rank,
        tuple(adapter["target_modules"]),
        {},
    )
    questions = parse_questions(config.questions)
    shown = json.dumps(prompts(("First part.", "Second part."), questions, "Request"))
    parts = {
        "base": base.sha256,
        "adapter": weights,
        "questions": " ".join(f"{q.asked}={q.column}/{q.top:g}" for q in questions),
        "prompt": hashlib.sha256(shown.encode()).hexdigest(),
        "digits": hashlib.sha256(Path(digits.__file__).read_bytes()).hexdigest(),
        "dtype": serving_dtype(),
    }
    return ServedJudge(run, base, questions, parts)
