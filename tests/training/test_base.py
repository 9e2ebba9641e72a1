"""The embedded base: the same weights and files, so the same identity, whoever converts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from timbre.paths import CHECKOUT
from training.base import EMBEDDED, resolve_base

pytestmark = pytest.mark.real


def test_its_identity_does_not_depend_on_how_the_hub_is_set_up(tmp_path: Path) -> None:
    """transformers once wrote into the tokenizer's settings whether the hub was offline."""
    code = (
        "import huggingface_hub, transformers\n"
        f"from training.base import resolve_base; print(resolve_base({EMBEDDED!r}).sha256)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={**environment, "TIMBRE_MODELS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == resolve_base(EMBEDDED).sha256
