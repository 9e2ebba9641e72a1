"""Masks under the chat templates of four families, with a tokenizer made on the spot; no weights needed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timbre.errors import TimbreError
from training.masks import IGNORED, build_example, label_last_turn
from training.types import Pair

FOLDER = Path(__file__).with_name("templates")
STOPS = {
    "chatml": "<|im_end|>",
    "llama-3.1": "<|eot_id|>",
    "mistral": "</s>",
    "gemma": "<end_of_turn>",
}
EOS = {**STOPS, "gemma": "<eos>"}
SPECIAL = [
    *("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<s>", "</s>"),
    *("<start_of_turn>", "<end_of_turn>", "<eos>"),
]
USER = {"role": "user", "content": "Why is the kettle angry?"}
REPLY = {"role": "assistant", "content": "Nobody thanked it."}
SYSTEM = {"role": "system", "content": "You are terse."}


def _tokenizer(family: str) -> Any:
    """Bytes as tokens, with every family's special tokens whole."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({sign: at for at, sign in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token=EOS[family])
    tokenizer.chat_template = (FOLDER / f"{family}.jinja").read_text()
    return tokenizer


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Any]:
    """One tokenizer a family."""
    return {family: _tokenizer(family) for family in STOPS}


def _learned(ids: tuple[int, ...], labels: tuple[int, ...], tokenizer: Any) -> str:
    assert len(ids) == len(labels)
    kept = [i for i, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert all(label in (IGNORED, i) for i, label in zip(ids, labels, strict=True))
    return str(tokenizer.decode(kept))


@pytest.mark.parametrize("family", STOPS)
def test_the_response_and_its_stop_token_are_learned_and_nothing_else(
    tokenizers: dict[str, Any], family: str
) -> None:
    pair = Pair(1, USER["content"], REPLY["content"], 1, "kettles", "written", "train")
    example = build_example(pair, tokenizers[family], "p.jsonl")
    text = _learned(example.input_ids, example.labels, tokenizers[family])
    assert text.strip() == "Nobody thanked it." + STOPS[family]
    assert "angry" in tokenizers[family].decode(example.input_ids)


@pytest.mark.parametrize("family", ["chatml", "llama-3.1", "mistral"])
def test_a_system_message_is_read_and_not_learned(tokenizers: dict[str, Any], family: str) -> None:
    ids, labels = label_last_turn([SYSTEM, USER, REPLY], tokenizers[family], "p:1")
    assert "You are terse." in tokenizers[family].decode(ids)
    assert _learned(ids, labels, tokenizers[family]).strip() == "Nobody thanked it." + STOPS[family]


def test_a_template_without_a_system_role_says_so_in_one_line(tokenizers: dict[str, Any]) -> None:
    with pytest.raises(TimbreError, match=r"p:1: the chat template refuses .*System role not supported"):
        label_last_turn([SYSTEM, USER, REPLY], tokenizers["gemma"], "p:1")


@pytest.mark.parametrize("family", STOPS)
def test_of_several_turns_only_the_last_answer_is_learned(tokenizers: dict[str, Any], family: str) -> None:
    turns = [
        USER,
        {"role": "assistant", "content": "Ask the stove."},
        {"role": "user", "content": "Why?"},
        REPLY,
    ]
    ids, labels = label_last_turn(turns, tokenizers[family], "p:1")
    assert _learned(ids, labels, tokenizers[family]).strip() == "Nobody thanked it." + STOPS[family]
    assert "Ask the stove." in tokenizers[family].decode(ids)


_SAID = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40
).filter(lambda text: bool(text.strip()) and not any(token in text for token in SPECIAL))


@settings(max_examples=60, deadline=None)
@given(prompt=_SAID, response=_SAID, family=st.sampled_from(sorted(STOPS)))
def test_whatever_is_said_the_labels_decode_to_the_response_and_its_stop(
    prompt: str, response: str, family: str
) -> None:
    tokenizer = _CACHED.setdefault(family, _tokenizer(family))
    pair = Pair(1, prompt, response, 1, "s", "written", "train")
    example = build_example(pair, tokenizer, "p.jsonl")
    text = _learned(example.input_ids, example.labels, tokenizer)
    assert text.endswith(STOPS[family])
    assert text.removesuffix(STOPS[family]).strip() == response.strip()


_CACHED: dict[str, Any] = {}


def test_a_template_that_never_stops_is_refused(tokenizers: dict[str, Any]) -> None:
    endless = _tokenizer("chatml")
    endless.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    with pytest.raises(TimbreError, match="no stop token to learn"):
        label_last_turn([USER, REPLY], endless, "p:1")
