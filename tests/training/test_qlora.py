"""The recipe on a random two-layer base: what it refuses, what it records, and the settings for a card."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.training.conftest import SETTINGS, config_of
from tests.training.test_loss import FAMILIES, SMALL, tiny
from timbre.errors import TimbreError
from training import devices, qlora
from training.base import Base
from training.config import TrainConfig, load_config
from training.examples import is_current, read_sources
from training.loss import supervised_loss
from training.model import adapted_layers, add_adapter, load_base
from training.runs import Run, find_run


def test_the_run_records_what_was_trained(run: Run, tiny_base: Path) -> None:
    assert (run.train_pairs, run.val_pairs, run.system, run.collator) == (3, 1, "Be brief.", "seq2seq")
    assert run.base_id is None and run.base_sha256 and run.template_sha256
    assert set(run.target_modules) == {
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    }
    assert [e.epoch for e in run.epochs] == [1, 2]
    rows = json.loads((run.path / "data.lock.json").read_text())["pairs"]
    assert run.supervised_tokens == sum(row["supervised_tokens"] for row in rows if row["split"] == "train")
    assert run.config["gradient_accumulation"] == 2


def test_a_run_that_is_there_is_found_current_without_a_tokenizer(
    run: Run, tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(run.path.parent))
    monkeypatch.setattr(qlora, "prepare", lambda *_: pytest.fail("it was prepared anew"))
    moved = tmp_path / "moved.jsonl"
    moved.write_text(data.read_text())
    config = config_of(tiny_base, moved, **SETTINGS)
    assert qlora.train_voice(config, "mine").identity == run.identity


def _with_another_word(rows: list[str]) -> list[str]:
    return [rows[0].replace("are late", "were late"), *rows[1:]]


@pytest.mark.parametrize("edit", [_with_another_word, lambda rows: rows[::-1], lambda rows: rows[1:]])
def test_a_run_of_other_pairs_is_not_current(
    edit: Callable[[list[str]], list[str]], run: Run, tiny_base: Path, data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(edit(data.read_text().splitlines())))
    config = config_of(tiny_base, other, **SETTINGS)
    assert not is_current(run, config, read_sources(config))


def test_a_run_of_another_setting_or_base_is_not_current(run: Run, tiny_base: Path, data: Path) -> None:
    config = config_of(tiny_base, data, **SETTINGS)
    sources = read_sources(config)
    assert is_current(run, config, sources)
    assert not is_current(run, config.model_copy(update={"seed": 1}), sources)
    other = replace(sources, base=replace(sources.base, sha256="0" * 64))
    assert not is_current(run, config, other)


def test_no_file_of_the_adapter_names_a_path(run: Run, tiny_base: Path) -> None:
    for file in (*run.path.glob("adapter/*.*"), *run.path.glob("epochs/*/*.*")):
        assert str(tiny_base.parent).encode() not in file.read_bytes(), file
    config = json.loads((run.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == tiny_base.name


def test_validation_loss_of_the_first_step_is_the_bases_over_tokens(run: Run, tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    from training.masks import label_last_turn

    # Step 1 of the warm-up has a rate of 0, and an epoch is one step: the adapter is still the base.
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    (pair,) = run.of_split("val")
    turns = [("system", "Be brief."), ("user", pair.prompt), ("assistant", pair.response)]
    ids, labels = label_last_turn([{"role": r, "content": c} for r, c in turns], tokenizer, "p:1")
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()
    wanted = float(model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss.detach())
    assert run.epochs[0].val_loss == pytest.approx(wanted, abs=1e-4)


def test_the_end_shows_an_answer_beside_the_bases(
    tiny_base: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    qlora.train_voice(config_of(tiny_base, data), "shown")
    lines = capsys.readouterr().err.splitlines()
    begin = next(line for line in lines if "training and" in line)
    assert "3 training and 1 validation pairs" in begin and "1 epoch, 3 steps, about 0.8 GB on cpu" in begin
    at = lines.index("shown: A note on rain.")
    assert lines[at + 1].startswith("  baseline ") and lines[at + 2].startswith("  shown ")
    assert lines[at + 1].endswith(" …"), "a random model doesn't stop"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_run_is_whole_whatever_ends_the_answer_that_is_shown(
    error: BaseException, tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise error

    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    monkeypatch.setattr(qlora, "_show_answers", interrupted)
    assert qlora.train_voice(config_of(tiny_base, data), "shown").epochs


def test_recomputed_activations_and_accumulated_batches_learn_the_same(
    run: Run, tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    same = {"epochs": 2, "system": "Be brief."}
    recomputed = config_of(tiny_base, data, **same, batch_size=4, gradient_checkpointing=True)
    other = qlora.train_voice(recomputed, "recomputed")
    losses = [[e.train_loss for e in r.epochs] + [e.val_loss for e in r.epochs] for r in (run, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert find_run("recomputed").identity != run.identity


def _losses(config: TrainConfig, name: str) -> list[float]:
    return [loss for e in qlora.train_voice(config, name).epochs for loss in (e.train_loss, e.val_loss or 0)]


def test_moments_in_8_bits_learn_nearly_the_same(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bitsandbytes.optim.optimizer import Optimizer2State

    stepped = []
    step = Optimizer2State.update_step

    def recorded(self: Any, group: Any, p: Any, *place: int) -> None:
        step(self, group, p, *place)
        stepped.append(self.state[p]["state1"].dtype)

    monkeypatch.setattr(Optimizer2State, "update_step", recorded)
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    settings: dict[str, Any] = {"epochs": 3, "rank": 64}  # smaller matrices keep moments of 32 bits
    exact, rounded = (
        _losses(config_of(tiny_base, data, **settings, optimizer=optimizer), optimizer)
        for optimizer in ("adamw_torch_fused", "adamw_8bit")
    )
    assert torch.uint8 in stepped
    assert exact != rounded and exact == pytest.approx(rounded, abs=0.02)


def test_a_compiled_model_learns_the_same(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, counters = qlora.training_arguments, torch._dynamo.utils.counters

    def traced(config: TrainConfig, *rest: Any, **changes: Any) -> Any:
        # torch's own compiler would take a minute; that tracing leaves the loss as it is needs none.
        if config.compile:
            changes["torch_compile_backend"] = "eager"
        return arguments(config, *rest, **changes)

    monkeypatch.setattr(qlora, "training_arguments", traced)
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    plain = _losses(config_of(tiny_base, data), "plain")
    counters.clear()
    compiled = _losses(config_of(tiny_base, data, compile=True), "compiled")
    assert counters["stats"]["unique_graphs"] >= 1
    assert compiled == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize(
    ("wanted", "advice"),
    [
        (("q_proj", "v_prj"), "did you mean 'v_proj'?"),
        (("c_attn",), "it has down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj"),
        (("proj",), "all-linear"),
    ],
)
def test_a_name_that_matches_no_layer_is_an_error_that_lists_the_near_ones(
    wanted: tuple[str, ...], advice: str
) -> None:
    with pytest.raises(TimbreError, match=f"no linear layer '{wanted[-1]}'") as caught:
        add_adapter(TrainConfig(target_modules=wanted), tiny("llama", SMALL))
    assert advice in str(caught.value)


@pytest.mark.parametrize(("wanted", "layers"), [("all-linear", 14), (("q_proj", "v_proj"), 4)])
def test_of_a_model_with_eyes_the_language_model_alone_gets_an_adapter(wanted: Any, layers: int) -> None:
    vision = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2)
    parts = dict(
        text_config=FAMILIES["gemma3_text"], vision_config={**vision, "image_size": 28, "patch_size": 14}
    )
    model = add_adapter(
        TrainConfig(target_modules=wanted), tiny("gemma3", {**parts, "mm_tokens_per_image": 4})
    )
    ids = torch.arange(5, 25)[None]
    supervised_loss(model.train(), {"input_ids": ids, "attention_mask": ids > 0, "labels": ids}).backward()
    moved = [n for n, p in model.named_parameters() if "lora_B" in n and p.grad is not None and p.grad.any()]
    assert len(moved) == len(adapted_layers(model)) == layers and not any("vision" in n for n in moved)
    assert not model.peft_config["default"].exclude_modules


def test_a_refused_training_leaves_no_unfinished_run(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path))
    with pytest.raises(TimbreError, match="no linear layer 'v_prj'"):
        qlora.train_voice(config_of(tiny_base, data, target_modules=("v_prj",)), "refused")
    assert not (tmp_path / ".refused.partial").exists()


@pytest.mark.parametrize(
    ("settings", "pairs", "steps"),
    [
        ({"epochs": 2}, 3, 6),
        ({"epochs": 2, "batch_size": 2}, 3, 4),
        ({"epochs": 1, "batch_size": 1, "gradient_accumulation": 4, "warmup_steps": 0}, 3, 1),
    ],
)
def test_steps_are_counted_as_the_trainer_takes_them(
    settings: dict[str, Any], pairs: int, steps: int
) -> None:
    assert qlora.check_steps(TrainConfig(**settings), pairs) == steps


def test_a_training_whose_every_rate_is_0_is_refused_by_the_setting() -> None:
    with pytest.raises(TimbreError, match="nothing would be learned") as caught:
        qlora.check_steps(TrainConfig(epochs=1, warmup_steps=2), 1)
    assert caught.value.where == "warmup_steps"


def test_a_warm_up_longer_than_the_training_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    qlora.check_steps(TrainConfig(epochs=2, warmup_steps=1000), 3)
    told = capsys.readouterr().err
    assert "warmup_steps = 1000" in told and "6 steps" in told and "1e-06" in told


@pytest.mark.parametrize(("rank", "place"), [("0", 0), ("1", 1)])
def test_each_process_holds_the_model_on_its_own_card(
    rank: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert devices.device_map() == {"": place}


def test_fsdp_takes_its_shards_from_the_cpu_and_nothing_of_bitsandbytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name, value in (("ACCELERATE_USE_FSDP", "true"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert devices.device_map() == {"": "cpu"}
    base = Base("tiny", Path("/nowhere"), "a" * 64)
    with pytest.raises(TimbreError, match="quantization: FSDP can't share out a base in nf4"):
        load_base(TrainConfig(quantization="nf4"), base)
    with pytest.raises(TimbreError, match="optimizer: bitsandbytes' optimizers don't take the shards"):
        load_base(TrainConfig(quantization="none", optimizer="adamw_8bit"), base)


@pytest.mark.parametrize(("has_it", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_card_without_bfloat16_computes_in_float16(
    has_it: bool, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it)
    assert devices.compute_dtype() == dtype


@pytest.mark.parametrize(("free_mb", "recomputes"), [(1, True), (10_000, False)])
def test_activations_are_recomputed_where_they_would_not_fit(
    free_mb: int, recomputes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=free_mb * 2**20))
    model = tiny("llama", SMALL)
    lengths = devices.Lengths(1000, 500)
    assert devices.recomputes(TrainConfig(), model, lengths) is recomputes
    assert devices.recomputes(TrainConfig(gradient_checkpointing=False), model, lengths) is False


def test_memory_is_estimated_by_what_is_kept_learned_and_stored(tiny_base: Path, tmp_path: Path) -> None:
    def needed(lengths: devices.Lengths, folder: Path = tiny_base, **settings: Any) -> int:
        config = TrainConfig(quantization="none", **settings)
        return devices.needed_memory(config, Base("tiny", folder, "a" * 64), lengths)

    shape = AutoConfig.from_pretrained(tiny_base)
    one = devices.Lengths(1000, 10)
    logits = needed(devices.Lengths(1000, 20)) - needed(one)
    assert logits == 10 * devices.BYTES_A_LOGIT * shape.vocab_size
    # Two layers: their inputs in float32 and one layer's activations, in place of both layers' activations.
    saved = needed(one) - needed(one, gradient_checkpointing=True)
    assert saved == 1000 * shape.hidden_size * (devices.BYTES_A_UNIT[4] - 2 * 4)
    assert needed(one, batch_size=3) - needed(one, batch_size=2) == needed(one, batch_size=2) - needed(one)
    stored = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    stored.save_pretrained(tmp_path)
    assert needed(one, tmp_path) == pytest.approx(needed(one), abs=20_000)  # the files' headers


def test_a_base_without_a_chat_template_is_refused_and_taken_with_one(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from training.examples import prepare

    monkeypatch.setenv("TIMBRE_MODELS", str(tmp_path / "models"))
    bare = tmp_path / "bare"
    shutil.copytree(tiny_base, bare)
    template = tmp_path / "template.jinja"
    shutil.move(bare / "chat_template.jinja", template)
    with pytest.raises(TimbreError, match="has no chat template; add chat_template = FILE"):
        prepare(config_of(bare, data), read_sources(config_of(bare, data)))
    config = config_of(bare, data, chat_template=str(template))
    assert prepare(config, read_sources(config)).examples
    wanted = config.template()
    monkeypatch.setenv("TIMBRE_RUNS", str(tmp_path / "runs"))
    run = qlora.train_voice(config, "templated")
    template.unlink()
    assert load_config(run.path / "config.toml").template() == wanted


@pytest.mark.parametrize("given", ["abc", "0", "-2", "1.5"])
def test_a_number_of_threads_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMBRE_THREADS", given)
    with pytest.raises(TimbreError, match="TIMBRE_THREADS"):
        devices.use_threads()


def test_an_idle_server_is_ended_where_memory_is_short_and_one_in_use_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evals import server
    from evals.server_record import Record

    calls: list[str] = []

    def end_idle(reason: str) -> tuple[Record, ...]:
        calls.append(reason)
        return (Record(8123, "big-base", "a" * 64, "bfloat16", 16, ()),)

    monkeypatch.setattr(server, "end_idle", end_idle)
    monkeypatch.setattr(devices, "free_memory", lambda: 2 * 10**9)
    devices.make_room(10**9)
    assert calls == []
    devices.make_room(5 * 10**9)
    assert calls == ["the training takes about 5.0 GB and 2.0 GB are free"]
    assert "the server of big-base at http://127.0.0.1:8123/v1 is in use" in capsys.readouterr().err
