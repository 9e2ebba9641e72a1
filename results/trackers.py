"""Score tables in Weights & Biases or MLflow, through their own clients where these are installed.

Each evaluated run is one run there, and sending it again updates that one. Where to is for the client's own settings
to say (``WANDB_PROJECT``, ``WANDB_MODE``, ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``); where nothing does,
project and experiment are called "timbre".
"""

import hashlib
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from results.comparison import RunScore
from results.log_metadata import score_rows
from results.records import RunLog
from results.verdicts import GateResult
from timbre.errors import TimbreError

PROJECT = "timbre"
_PACKAGES = {"wandb": "wandb", "mlflow": "mlflow-skinny"}


@dataclass(frozen=True)
class TrackedRun:
    """One evaluated run as an experiment tracker takes it."""

    id: str  # the same for the same log, so that sending twice makes one run
    name: str
    config: Mapping[str, str]  # identity and conditions of the log
    metrics: Mapping[str, float]  # "humor/mean", "humor/gain_low", ...; what has no value is left out
    verdicts: Mapping[
        str, str
    ]  # "verdict", "humor/verdict" and what they are against; empty for the first run


def tracked_run(
    log: RunLog, first: str, scores: Sequence[RunScore], result: GateResult | None = None
) -> TrackedRun:
    """A run's rows of the score table, and its verdicts.

    Args:
        log: Of the run.
        first: The run that gains are over.
        scores: Of ``results.comparison.side_by_side``.
        result: Of the gate against ``first``; None for the first run itself.
    """
    rows = score_rows(log.run, first, scores)["dimensions"]
    verdicts: dict[str, str] = {}
    if result:
        verdicts = {"against": result.baseline, "verdict": result.overall}
        verdicts |= {"problems": "; ".join(result.problems)} if result.problems else {}
        verdicts |= {f"{d.dimension}/verdict": d.verdict for d in result.dimensions}
    return TrackedRun(
        hashlib.sha256(f"{log.run} {log.identity} {log.created}".encode()).hexdigest()[:16],
        log.run,
        {"run": log.run, "identity": log.identity, "created": log.created, **log.conditions},
        {f"{key}/{name}": v for key, row in rows.items() for name, v in row.items() if v is not None},
        verdicts,
    )


def send(tracker: str, runs: Sequence[TrackedRun]) -> None:
    """Write the runs into a tracker.

    Args:
        tracker: ``wandb`` or ``mlflow``.
        runs: What to write.

    Raises:
        TimbreError: The client isn't installed, or fails.
    """
    where = f"timbre scores --into {tracker}"
    try:
        client = importlib.import_module(tracker)
    except ModuleNotFoundError as error:
        do = f"pip install {_PACKAGES[tracker]}"
        raise TimbreError(f"{error.name} is not installed", where=where, do=do) from None
    try:
        for run in runs:
            _SENDERS[tracker](client, run)
    except Exception as error:  # a client has many types for no login, no server, no such project
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise TimbreError(what, where=where, do=f"check {tracker}'s own settings and send again") from error


def _to_wandb(wandb: ModuleType, run: TrackedRun) -> None:
    sent = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=run.id,
        name=run.name,
        config=dict(run.config),
        resume=None if os.environ.get("WANDB_MODE") == "offline" else "allow",  # offline knows no earlier run
        settings=wandb.Settings(silent=True),
    )
    sent.summary.update({**run.metrics, **run.verdicts})
    sent.finish()


def _to_mlflow(mlflow: ModuleType, run: TrackedRun) -> None:
    if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
        mlflow.set_experiment(PROJECT)
    earlier: list[Any] = mlflow.search_runs(filter_string=f"tags.timbre = '{run.id}'", output_format="list")
    known = {"run_id": earlier[0].info.run_id} if earlier else {"run_name": run.name}
    with mlflow.start_run(**known):
        mlflow.log_params(dict(run.config))
        mlflow.log_metrics(dict(run.metrics))
        mlflow.set_tags({"timbre": run.id, **run.verdicts})


_SENDERS: Mapping[str, Callable[[ModuleType, TrackedRun], None]] = {"wandb": _to_wandb, "mlflow": _to_mlflow}
