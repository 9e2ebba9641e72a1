"""A run as one GGUF file, read back by transformers' own reader of that format."""

import json
from pathlib import Path

import pytest

from tests.conftest import RUN, Workspace
from timbre.errors import TimbreError
from training.gguf_file import write_gguf


@pytest.mark.real
@pytest.mark.one_server
def test_the_file_is_the_merged_model_with_its_tokenizer_and_template(
    trained: Path, workspace: Workspace
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    folder, file = workspace.home / "for-gguf", workspace.home / f"{RUN}.gguf"
    assert workspace.run("timbre", "merge", RUN, "-o", str(folder)).returncode == 0
    done = workspace.run("timbre", "merge", RUN, "--gguf", "-o", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"run": RUN, "path": str(file)}
    assert [p for p in workspace.home.iterdir() if p.name.startswith(f".{file.name}")] == []
    turns = [{"role": "user", "content": "Soup, in 12 words?"}]
    stored = AutoTokenizer.from_pretrained(folder)
    ids = stored.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    read = AutoTokenizer.from_pretrained(workspace.home, gguf_file=file.name)
    again = read.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    assert ids.tolist() == again.tolist()
    with torch.no_grad():
        one = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(input_ids=ids).logits
        two = AutoModelForCausalLM.from_pretrained(
            workspace.home,
            gguf_file=file.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )(input_ids=ids).logits
    assert torch.allclose(one, two, atol=1e-4)


def test_a_model_of_another_shape_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt_neox"}')
    with pytest.raises(TimbreError, match=r"gpt_neox.*convert_hf_to_gguf\.py"):
        write_gguf(tmp_path, tmp_path / "x.gguf", "x")
    assert not (tmp_path / "x.gguf").exists()
