"""Score tables outside of Timbre: in an Inspect log's own metadata, in Weights & Biases, in MLflow.

Trackers are written to through their own clients, where these are installed. Each evaluated run is one run there, and
sending it again updates that one. Where to is for the client's own settings to say (``WANDB_PROJECT``,
``WANDB_MODE``, ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``); where nothing does, project and experiment are
called "timbre".
"""

import hashlib
import importlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from results.comparison import RunScore
from results.records import RunLog
from results.verdicts import GateResult
from timbre.errors import TimbreError
from timbre.stats import Interval

KEY = "timbre_scores"  # of an Inspect log's metadata; ``inspect view`` shows what is there beside the answers

PROJECT = "timbre"
Texts = Mapping[str, str]
Figures = Mapping[str, float]
_PACKAGES = {"wandb": "wandb", "mlflow": "mlflow-skinny"}


def write_into_log(log: RunLog, scores: Sequence[RunScore]) -> bool:
    """Put a run's rows of ``side_by_side`` into its log, by Inspect's own editing; False if they are there already.

    The answers stay as they are.
    """
    from inspect_ai.log import MetadataEdit, ProvenanceData, edit_eval_log, read_eval_log, write_eval_log

    rows = {"against": scores[0].run, "dimensions": _rows(log.run, scores)}
    whole = read_eval_log(log.path)
    if (whole.metadata or {}).get(KEY) == rows:
        return False
    edit = MetadataEdit(metadata_set={KEY: rows})
    source = ProvenanceData(author="timbre", reason="score table")
    write_eval_log(edit_eval_log(whole, [edit], source), log.path)
    return True


def _rows(run: str, scores: Sequence[RunScore]) -> dict[str, dict[str, float | None]]:
    """A run's figures by dimension, None for what isn't finite; gains are over the first run, which has none."""
    rows: dict[str, dict[str, float | None]] = {}
    for score in (s for s in scores if s.run == run):
        row = rows[score.dimension] = {
            "n": score.n,
            "unscored": score.unscored,
            **_interval("mean", score.mean),
        }
        if run != scores[0].run:
            row |= {"paired": score.paired, **_interval("gain", score.gain)}
    return rows


def _interval(name: str, interval: Interval) -> dict[str, float | None]:
    values = {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: round(value, 6) if math.isfinite(value) else None for key, value in values.items()}


def send(
    tracker: str, logs: Sequence[RunLog], scores: Sequence[RunScore], results: Sequence[GateResult]
) -> None:
    """Write runs into ``wandb`` or ``mlflow``: figures as "humor/mean" or "humor/gain_low", verdicts as
    "humor/verdict".

    The first log is what the others are compared with; ``results`` are the gates of those.

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
        for log, result in zip(logs, (None, *results), strict=True):
            config = {"run": log.run, "identity": log.identity, "created": log.created, **log.conditions}
            rows = _rows(log.run, scores).items()
            metrics = {f"{key}/{name}": v for key, row in rows for name, v in row.items() if v is not None}
            # The same for the same log, so that sending twice makes one run.
            key = hashlib.sha256(f"{log.run} {log.identity} {log.created}".encode()).hexdigest()[:16]
            _SENDERS[tracker](client, key, config, metrics, _verdicts(result) if result else {})
    except Exception as error:  # a client has many types for no login, no server, no such project
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise TimbreError(what, where=where, do=f"check {tracker}'s own settings and send again") from error


def _verdicts(result: GateResult) -> dict[str, str]:
    problems = {"problems": "; ".join(result.problems)} if result.problems else {}
    of_dimensions = {f"{d.dimension}/verdict": d.verdict for d in result.dimensions}
    return {"against": result.baseline, "verdict": result.overall, **problems, **of_dimensions}


def _to_wandb(wandb: ModuleType, key: str, config: Texts, metrics: Figures, verdicts: Texts) -> None:
    sent = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=key,
        name=config["run"],
        config=dict(config),
        resume=None if os.environ.get("WANDB_MODE") == "offline" else "allow",  # offline knows no earlier run
        settings=wandb.Settings(silent=True),
    )
    sent.summary.update({**metrics, **verdicts})
    sent.finish()


def _to_mlflow(mlflow: ModuleType, key: str, config: Texts, metrics: Figures, verdicts: Texts) -> None:
    if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
        mlflow.set_experiment(PROJECT)
    earlier: list[Any] = mlflow.search_runs(filter_string=f"tags.timbre = '{key}'", output_format="list")
    known = {"run_id": earlier[0].info.run_id} if earlier else {"run_name": config["run"]}
    with mlflow.start_run(**known):
        mlflow.log_params(dict(config))
        mlflow.log_metrics(dict(metrics))
        mlflow.set_tags({"timbre": key, **verdicts})


_SENDERS: Mapping[str, Callable[..., None]] = {"wandb": _to_wandb, "mlflow": _to_mlflow}
