"""A merged run is the base and its adapter in one: a base like any other, or one GGUF file."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

from timbre.cli import cli
from timbre.errors import TimbreError
from training.base import resolve_base
from training.gguf_file import write_gguf
from training.runs import Run

IDS = torch.tensor([[1, 4093, 198, 2683, 638, 260, 1789, 28]])


@pytest.fixture(autouse=True)
def runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the run."""
    monkeypatch.setenv("TIMBRE_RUNS", str(run.path.parent))


@pytest.fixture(scope="module")
def merged(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, merged."""
    target = tmp_path_factory.mktemp("merged") / "folder"
    runs = {"TIMBRE_RUNS": str(run.path.parent)}
    done = CliRunner(env=runs).invoke(cli, ["merge", run.name, "-o", str(target)])
    assert done.exit_code == 0, done.exception
    return target


def test_it_gives_the_logits_of_base_and_adapter(merged: Path, run: Run, tiny_base: Path) -> None:
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    with torch.no_grad():
        one = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)(input_ids=IDS).logits
        plain = base(input_ids=IDS).logits
        two = PeftModel.from_pretrained(base, str(run.adapter))(input_ids=IDS).logits
    # Stored in bfloat16: rounding moves logits far less than the adapter does.
    assert (one - two).abs().mean() < 0.1 * (plain - two).abs().mean()


def test_it_is_a_base_with_a_card_and_the_same_template(merged: Path, run: Run, tiny_base: Path) -> None:
    base = resolve_base(str(merged))
    assert base.sha256 != resolve_base(str(tiny_base)).sha256
    card = (merged / "README.md").read_text()
    assert run.name in card and "\n\n    Be brief.\n\n" in card
    assert (merged / "chat_template.jinja").read_text() == (tiny_base / "chat_template.jinja").read_text()


def test_a_folder_that_is_taken_is_left_alone(merged: Path, run: Run) -> None:
    before = sorted(p.name for p in merged.iterdir())
    done = CliRunner().invoke(cli, ["merge", run.name, "-o", str(merged)])
    assert isinstance(done.exception, TimbreError) and "not empty" in str(done.exception)
    assert sorted(p.name for p in merged.iterdir()) == before


def test_a_gguf_file_is_the_merged_model_with_its_tokenizer_and_template(
    merged: Path, run: Run, tmp_path: Path
) -> None:
    """Read back by transformers' own reader of that format."""
    file = tmp_path / "mine.gguf"
    done = CliRunner().invoke(cli, ["merge", run.name, "--gguf", "-o", str(file), "--json"])
    assert done.exit_code == 0, done.exception
    modelfile = 'FROM ./mine.gguf\nSYSTEM """Be brief."""\n'
    assert json.loads(done.stdout) == {"run": run.name, "path": str(file), "modelfile": modelfile}
    assert [*tmp_path.iterdir()] == [file]
    turns = [{"role": "user", "content": "Soup, in 12 words?"}]
    stored = AutoTokenizer.from_pretrained(merged)
    ids = stored.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    read = AutoTokenizer.from_pretrained(tmp_path, gguf_file=file.name)
    again = read.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    assert ids.tolist() == again.tolist()
    with torch.no_grad():
        one = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)(input_ids=ids).logits
        two = AutoModelForCausalLM.from_pretrained(
            tmp_path,
            gguf_file=file.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )(input_ids=ids).logits
    assert torch.allclose(one, two, atol=1e-4)


def test_a_rope_stretched_as_llama_3s_is_written_as_factors(tiny_base: Path, tmp_path: Path) -> None:
    from gguf import GGUFReader

    rope = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_type": "llama3"}
    rope |= {"original_max_position_embeddings": 256, "rope_theta": 10000.0}
    shape = AutoConfig.from_pretrained(tiny_base, rope_parameters=rope, head_dim=16)
    AutoModelForCausalLM.from_config(shape).save_pretrained(tmp_path)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny_base / file, tmp_path)
    write_gguf(tmp_path, tmp_path / "x.gguf", "x")
    read = GGUFReader(tmp_path / "x.gguf")
    assert read.fields["llama.attention.key_length"].contents() == 16
    (factors,) = [t.data for t in read.tensors if t.name == "rope_freqs.weight"]
    # Wavelengths of 6 to 62 tokens are left as they are, of 199 drawn towards and above 256 stretched to 8 times.
    assert factors.tolist() == pytest.approx([1, 1, 1, 1 / ((1 - 0.0962) / 8 + 0.0962), 8, 8, 8, 8], rel=1e-3)


def test_a_model_of_another_shape_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt_neox"}')
    with pytest.raises(TimbreError, match=r"gpt_neox.*convert_hf_to_gguf\.py"):
        write_gguf(tmp_path, tmp_path / "x.gguf", "x")
    assert not (tmp_path / "x.gguf").exists()
