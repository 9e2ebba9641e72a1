"""A merged run is the base and its adapter in one, and a base like any other."""

from pathlib import Path

import pytest

from tests.conftest import RUN, Workspace
from training.base import EMBEDDED, resolve_base

pytestmark = [pytest.mark.real, pytest.mark.one_server]


@pytest.fixture(scope="module")
def merged(trained: Path, workspace: Workspace) -> Path:
    """The session's run, merged by the real command."""
    target = workspace.home / "merged"
    done = workspace.run("timbre", "merge", RUN, "-o", str(target))
    assert done.returncode == 0, done.stderr
    return target


def test_it_gives_the_logits_of_base_and_adapter(merged: Path, trained: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids = torch.tensor([[1, 4093, 198, 2683, 638, 260, 1789, 28]])
    base = AutoModelForCausalLM.from_pretrained(resolve_base(EMBEDDED).path, dtype=torch.float32)
    with torch.no_grad():
        one = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)(input_ids=ids).logits
        plain = base(input_ids=ids).logits
        two = PeftModel.from_pretrained(base, str(trained / "adapter"))(input_ids=ids).logits
    # Stored in bfloat16: rounding moves logits far less than the adapter does.
    assert (one - two).abs().mean() < 0.1 * (plain - two).abs().mean()


def test_it_is_a_base_with_a_card_and_the_same_template(merged: Path) -> None:
    base = resolve_base(str(merged))
    assert base.sha256 != resolve_base(EMBEDDED).sha256
    assert RUN in (merged / "README.md").read_text()
    stored = resolve_base(EMBEDDED).path
    assert (merged / "chat_template.jinja").read_text() == (stored / "chat_template.jinja").read_text()


def test_a_folder_that_is_taken_is_left_alone(merged: Path, workspace: Workspace) -> None:
    before = sorted(p.name for p in merged.iterdir())
    done = workspace.run("timbre", "merge", RUN, "-o", str(merged))
    assert done.returncode == 2 and "not empty" in done.stderr
    assert sorted(p.name for p in merged.iterdir()) == before
