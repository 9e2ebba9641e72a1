"""Stand-ins that the results are tested on: Inspect logs built in place, run folders, simulated tables."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from judges.types import DIMENSIONS
from results.table import COLUMNS
from tests.made_run import WEIGHTS, made_identity

WriteLog = Callable[..., Path]

_DEFAULTS: Mapping[str, float] = {
    "integrity": 0.0,
    "relevance": 0.9,
    "compression": 0.4,
    "specificity": 0.5,
    "voice_match": 0.5,
    "hashtag_slop": 0.2,
    "self_insertion": 0.0,
    "memorization": 0.0,
    "humor": 0.3,
    "provocativeness": 0.3,
}


@pytest.fixture
def write_log(tmp_path: Path) -> WriteLog:
    """Writes an Inspect log of the voice task and returns its path."""
    return log_writer(tmp_path)


def log_writer(tmp_path: Path) -> WriteLog:
    """What writes Inspect logs of the voice task into ``tmp_path / "logs"``.

    ``scores`` gives (canary index, epoch) -> {dimension: value or judgement}; the rest is a default, and the
    dimensions that need a grader are unscored.
    """
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalError,
        EvalLog,
        EvalPlan,
        EvalPlanStep,
        EvalResults,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, GenerateConfig, ModelOutput
    from inspect_ai.scorer import Score

    folder = tmp_path / "logs"
    folder.mkdir()

    def judgement(key: str, given: Any) -> dict[str, Any]:
        if isinstance(given, dict):
            return {"evidence": [], "unscored": None, "details": {}, **given}
        if given is None and DIMENSIONS[key].judged_by != "count":
            return {"value": None, "evidence": [], "unscored": "no grader", "details": {}}
        return {"value": 1.0 if given is None else given, "evidence": [], "unscored": None, "details": {}}

    def write(
        run: str = "run2",
        *,
        canaries: int = 12,
        epochs: int = 2,
        status: str = "success",
        created: str = "2026-03-01T10:00:00+00:00",
        identity: str | None = None,
        text: Callable[[int, int], str] = lambda canary, epoch: f"An answer to {canary}, try {epoch}.",
        prompt: Callable[[int], str] = lambda canary: f"Write about {canary}.",
        scores: Callable[[int, int], Mapping[str, Any]] = lambda canary, epoch: {},
        licensed: Callable[[int], bool] = lambda canary: canary % 4 == 0,
        truncated: bool = False,
        facts: Mapping[str, Any] | None = None,
        missing: int = 0,
        score_metadata: Callable[[int], Mapping[str, Any]] = lambda at: {},
        decoding: Mapping[str, Any] | None = None,
        answered_by: Callable[[int], str | None] = lambda at: None,
        failed: Callable[[int, int], bool] = lambda canary, epoch: False,
        only: int | None = None,
        suite_file: str = "",
        suite_size: int | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> Path:
        timbre = {
            "run": run,
            "identity": identity or made_identity(run),
            "base": "smollm2",
            "base_sha256": "b" * 64,
            "suite": "smoke",
            "suite_sha256": "5" * 64,
            "judges": "6" * 64,
            "voice": "voice",
            "server": {"dtype": "bfloat16", "args": ""},
            "shots": 0,
            "grader": None,
            **(facts or {}),
        }
        samples = []
        for canary in range(canaries) if only is None else [only]:
            for epoch in range(1, epochs + 1):
                given = {**_DEFAULTS, **scores(canary, epoch)}
                judged = {key: judgement(key, given.get(key)) for key in DIMENSIONS}
                choice = ChatCompletionChoice(
                    message=ChatMessageAssistant(content=text(canary, epoch)),
                    stop_reason="max_tokens" if truncated else "stop",
                )
                samples.append(
                    EvalSample(
                        id=f"c{canary:02d}",
                        epoch=epoch,
                        input=prompt(canary),
                        target="",
                        output=ModelOutput(
                            model=run, choices=[choice], metadata={"identity": answered_by(len(samples))}
                        ),
                        scores=None
                        if failed(canary, epoch)
                        else {
                            "voice": Score(
                                value={k: j["value"] for k, j in judged.items()},
                                metadata={"judgements": judged, **score_metadata(len(samples))},
                            )
                        },
                        error=EvalError(message="timeout", traceback="", traceback_ansi="")
                        if failed(canary, epoch)
                        else None,
                        metadata={
                            "kind": "personal" if licensed(canary) else "third_party",
                            "subjects": [],
                            "first_person_licensed": licensed(canary),
                            "facts": [],
                            "target_words": [60, 120],
                        },
                    )
                )
        log = EvalLog(
            status=status,
            eval=EvalSpec(
                created=created,
                task="voice",
                dataset=EvalDataset(
                    samples=suite_size or canaries, sample_ids=list(dict.fromkeys(s.id for s in samples))
                ),
                model=f"voice/{run}",
                config=EvalConfig(
                    epochs=epochs, sample_id=None if only is None else [f"c{only:02d}"], **(limits or {})
                ),
                metadata={"timbre": timbre},
                task_args={"suite": suite_file} if suite_file else {},
            ),
            plan=EvalPlan(
                steps=[EvalPlanStep(solver="answer_canary")],
                config=GenerateConfig(
                    **{"temperature": 0.7, "top_p": 0.95, "seed": 7, "max_tokens": 512, **(decoding or {})}
                ),
            ),
            results=EvalResults(total_samples=len(samples), completed_samples=len(samples) - missing),
            samples=samples[: len(samples) - missing],
        )
        path = folder / f"{len(list(folder.iterdir())):03d}_{run.replace('+', '-')}.eval"
        write_eval_log(log, str(path))
        return path

    return write


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run folder as training leaves it, and returns the folder of runs."""
    return run_writer(tmp_path)


def run_writer(tmp_path: Path) -> Callable[..., Path]:
    """What writes run folders into ``tmp_path / "runs"``."""
    runs = tmp_path / "runs"

    def write(name: str, losses: list[tuple[float, float]], parent: str | None = None, **config: Any) -> Path:
        folder = runs / name
        folder.mkdir(parents=True)
        epochs = [
            {"epoch": at, "train_loss": train, "val_loss": val, "grad_norm": 1.5, "adapter": f"adapter-{at}"}
            for at, (train, val) in enumerate(losses, start=1)
        ]
        run = {"status": "completed", "base": "Llama 3.1 8B Instruct", "epochs": epochs, "parent": parent}
        run |= {"recipe": name[:1] * 64, "lora": {"rank": 16}, "phase": config.get("phase", "smoke test")}
        (folder / "run.json").write_text(json.dumps(run))
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(WEIGHTS)
        settings = {"phase": "smoke test", "rank": 16, "alpha": 32, "collator": "seq2seq", **config}
        (folder / "config.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in settings.items()))
        pairs = [
            {"line": at, "split": "train" if at < 4 else "val", "tier": 4, "source": f"Essay {at}"}
            for at in (1, 2, 3, 4)
        ]
        (folder / "data.lock.json").write_text(json.dumps({"sha256": "d" * 64, "pairs": pairs}))
        return runs

    return write


@pytest.fixture
def simulate() -> Callable[..., pd.DataFrame]:
    """Makes a score table: ``values`` gives run -> dimension -> array (canaries, epochs)."""

    def table(values: Mapping[str, Mapping[str, "np.ndarray[Any, Any]"]]) -> pd.DataFrame:
        rows = []
        for run, dimensions in values.items():
            for key, array in dimensions.items():
                canaries, epochs = np.indices(array.shape)
                frame = pd.DataFrame(
                    {
                        "canary": [f"c{c:04d}" for c in canaries.ravel()],
                        "epoch": epochs.ravel() + 1,
                        "value": array.ravel().astype(float),
                    }
                )
                reason = np.where(frame["value"].isna(), "no grader", "")
                rows.append(frame.assign(run=run, dimension=key, unscored=reason))
        made = pd.concat(rows, ignore_index=True)
        return made.assign(kind="", licensed=False, truncated=False, identity="", judge="")[list(COLUMNS)]

    return table
