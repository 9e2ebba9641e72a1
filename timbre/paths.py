"""Where the program keeps what it makes.

Everything lies below the checkout unless ``TIMBRE_HOME`` names another folder.
"""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

DEFAULT_VOICE = CHECKOUT / "training" / "data" / "voice.jsonl"
"""The shipped writer's pairs."""

DEFAULT_FLOOR = CHECKOUT / "judges" / "data" / "floor.jsonl"
"""Answers of the embedded base to the shipped pairs' prompts."""


for _name in ("TIMBRE_HOME", "TIMBRE_RUNS", "TIMBRE_MODELS"):
    if _given := os.environ.get(_name):
        os.environ[_name] = os.path.abspath(_given)  # servers and judges work in another folder


def home() -> Path:
    """The folder that holds ``runs/``, ``logs/`` and ``models/``."""
    return Path(os.environ.get("TIMBRE_HOME") or CHECKOUT)


def runs_dir() -> Path:
    """One folder a training run (``TIMBRE_RUNS`` overrides)."""
    return Path(os.environ.get("TIMBRE_RUNS") or home() / "runs")


def models_dir() -> Path:
    """Converted bases (``TIMBRE_MODELS`` overrides)."""
    return Path(os.environ.get("TIMBRE_MODELS") or home() / "models")


def logs_dir() -> Path:
    """Inspect logs: ``INSPECT_LOG_DIR``, as Inspect itself reads it, or ``logs/``."""
    return Path(os.environ.get("INSPECT_LOG_DIR") or home() / "logs")


def results_dir() -> Path:
    """Where the report and exported tables are written."""
    return home() / "results"
