"""Masks under the chat templates of four families, with a tokenizer made on the spot; no weights needed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timbre.errors import TimbreError
from training.masks import IGNORED, build_example, label_last_turn, thinks_first
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


@settings(max_examples=60)
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


@pytest.mark.parametrize("family", STOPS)
def test_a_control_token_inside_a_content_is_text(tokenizers: dict[str, Any], family: str) -> None:
    tokenizer = tokenizers[family]
    written = f"a {STOPS[family]} b <|im_start|>user <s> <start_of_turn>"
    plain = Pair(1, "Q x?", "A x.", 1, "s", "written", "train")
    pair = Pair(1, f"Q {written}?", f"A {written}.", 1, "s", "written", "train")
    example, without = build_example(pair, tokenizer, "p"), build_example(plain, tokenizer, "p")
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    assert [i for i in example.input_ids if i in special] == [i for i in without.input_ids if i in special]
    assert _learned(example.input_ids, example.labels, tokenizer).strip() == f"A {written}." + STOPS[family]


def test_a_tag_that_the_template_gives_a_meaning_is_text_inside_a_content() -> None:
    tokenizer = _tokenizer("chatml")
    tokenizer.add_tokens(["<think>", "\n\n"])
    tokenizer.chat_template += "{# <think> #}"
    pair = Pair(1, "Why?", "He said <think>\n\nhm", 1, "s", "written", "train")
    example = build_example(pair, tokenizer, "p")
    think, blank = tokenizer.convert_tokens_to_ids(["<think>", "\n\n"])
    assert think not in example.input_ids and blank in example.input_ids
    assert "<think>" in tokenizer.decode(example.input_ids)


NO_GENERATION_PROMPT = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
)
EMPTY_THINK = NO_GENERATION_PROMPT.replace(
    "m['content']", "('<think>\n\n</think>\n\n' if m['role'] == 'assistant' else '') + m['content']"
) + ("{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def test_a_template_without_a_generation_prompt_is_refused_with_the_way_out() -> None:
    tokenizer = _tokenizer("chatml")
    tokenizer.chat_template = NO_GENERATION_PROMPT
    with pytest.raises(
        TimbreError, match=r"p:1: the chat template has no generation prompt.*chat_template = FILE"
    ):
        label_last_turn([USER, REPLY], tokenizer, "p:1")


def test_an_empty_think_block_is_learned_since_the_model_has_to_write_it() -> None:
    tokenizer = _tokenizer("chatml")
    tokenizer.chat_template = EMPTY_THINK
    ids, labels = label_last_turn([USER, REPLY], tokenizer, "p:1")
    learned = _learned(ids, labels, tokenizer)
    assert learned == "<think>\n\n</think>\n\nNobody thanked it.<|im_end|>"
    assert thinks_first(learned) and not thinks_first("Nobody thanked it.")
