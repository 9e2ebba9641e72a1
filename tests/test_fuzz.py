"""Damaged files of every kind that people give: each is read, or refused in a message that names it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import Target, complaint, damaged, targets

KINDS = sorted(targets())


@pytest.fixture(scope="module")
def made() -> Mapping[str, Target]:
    """Every kind of file."""
    return targets()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_file_is_read(kind: str, made: Mapping[str, Target], tmp_path: Path) -> None:
    path = tmp_path / "sound" / made[kind].name
    path.parent.mkdir(parents=True)
    for seed in made[kind].seeds:
        path.write_bytes(seed)
        made[kind].read(path)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    derandomize=True,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(number=st.integers(0, 10**6))
def test_a_damaged_file_is_read_or_refused_by_name(
    kind: str, number: int, made: Mapping[str, Target], tmp_path: Path
) -> None:
    path = tmp_path / "damaged" / made[kind].name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(damaged(kind, made[kind], number))
    assert complaint(made[kind], path) == ""
