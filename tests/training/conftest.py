"""A random two-layer base with the embedded base's tokenizer, for tests where the model is not the point."""

from pathlib import Path

import pytest

from benchmarks.kills import make_base


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the base."""
    return make_base(tmp_path_factory.mktemp("bases") / "tiny")
