"""What an eval writes into its log's metadata, so that two logs can tell whether they may be compared."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inspect_ai.model import GenerateConfig

from canaries.types import Suite
from evals.graders import grader_name, graders
from evals.inspect_internals import PrerequisiteError
from evals.provider import Subject
from evals.vllm_internals import serving_dtype
from judges.panel import judges_version
from timbre.errors import TimbreError


@contextmanager
def prerequisite() -> Iterator[None]:
    """Turn a user's mistake into Inspect's own kind: printed without a traceback, exit status 1."""
    try:
        yield
    except TimbreError as error:
        raise PrerequisiteError(str(error)) from None


def eval_facts(
    subject: Subject,
    suite: Suite,
    voice: Path,
    decoding: GenerateConfig,
    epochs: int,
    shots: int,
    impostors: Path | None,
) -> dict[str, Any]:
    """The log's ``eval.metadata["timbre"]``."""
    return {
        "run": subject.name,
        "identity": subject.identity,
        "base": subject.base.name,
        "base_sha256": subject.base.sha256,
        "suite": suite.name,
        "suite_sha256": suite.sha256,
        **judged_by(voice, impostors),
        "decoding": {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": decoding.seed,
            "max_tokens": decoding.max_tokens,
            "epochs": epochs,
            "served_dtype": serving_dtype(),
        },
        "shots": shots,
    }


def judged_by(voice: Path, impostors: Path | None) -> dict[str, str | None]:
    """Who judges, by which rules and against whose texts: with `inspect score`, others than at the eval.

    Args:
        voice: The writer's pairs.
        impostors: Further writers, or None.
    """
    return {
        "judges": judges_version(),
        "voice": _named(voice),
        "impostors": _named(impostors) if impostors else None,
        "grader": ", ".join(sorted(map(grader_name, graders()))) or None,
    }


def _named(path: Path) -> str:
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def facts_version(facts: dict[str, Any]) -> str:
    """Task version of an eval: a digest of its facts.

    ``inspect eval-set`` takes a finished log for its own only under the same version, so a retrained run,
    another suite or changed judges are evaluated anew.
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
