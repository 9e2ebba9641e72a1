"""JSON on stdout for every command that has ``--json``."""

import dataclasses
import json
import math
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print ``value``: dataclasses as objects, NaN and infinity as null, as JSON can't hold them."""
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
