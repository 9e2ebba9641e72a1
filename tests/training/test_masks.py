"""Labels: what is learned is the response and its stop token, tested against decoded text."""

from typing import Any, ClassVar

import pytest

from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.base import EMBEDDED, resolve_base
from training.config import load_config
from training.examples import make_collator
from training.masks import IGNORED, build_example, show_masks
from training.types import Pair

PAIR = Pair(1, "Why is the kettle angry?", "Nobody thanked it.", 1, "kettles", "written", "train")
PRESETS = CHECKOUT / "training" / "presets"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The embedded base's own tokenizer and template."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_base(EMBEDDED).path)


def learned(labels: list[int], ids: list[int], tokenizer: Any) -> str:
    return str(tokenizer.decode([i for i, label in zip(ids, labels, strict=True) if label != IGNORED]))


def test_only_the_response_and_its_stop_token_are_supervised(tokenizer: Any) -> None:
    example = build_example(PAIR, tokenizer, "p.jsonl")
    text = learned(list(example.labels), list(example.input_ids), tokenizer)
    assert text == "Nobody thanked it.<|im_end|>"


def test_the_seq2seq_collator_of_run2_keeps_the_mask(tokenizer: Any) -> None:
    example = build_example(PAIR, tokenizer, "p.jsonl")
    batch = make_collator(load_config(PRESETS / "log-run2.toml"), tokenizer)([example.features()])
    assert batch["labels"][0].tolist() == list(example.labels)


def test_the_language_modelling_collator_of_run1_learns_the_prompt_and_not_the_stop(
    tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    example = build_example(PAIR, tokenizer, "p.jsonl")
    batch = make_collator(load_config(PRESETS / "log-run1.toml"), tokenizer)([example.features()])
    text = learned(batch["labels"][0].tolist(), list(example.input_ids), tokenizer)
    assert "Why is the kettle angry?" in text and "<|im_end|>" not in text
    assert "warning" in capsys.readouterr().err


def test_the_viewer_puts_learned_tokens_in_brackets(tokenizer: Any) -> None:
    example = build_example(PAIR, tokenizer, "p.jsonl")
    shown = show_masks([example], [example.labels], tokenizer)
    assert "[Nobody thanked it.<|im_end|>]" in shown


class _Moody:
    """A template that renders the prompt otherwise once a response follows."""

    eos_token_id = 0

    added_tokens_decoder: ClassVar[dict[int, Any]] = {}
    chat_template = ""

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        return "".join(m["content"] for m in messages) if len(messages) == 1 else "else"


def test_a_template_that_changes_the_prompt_is_refused_with_the_pairs_line() -> None:
    with pytest.raises(TimbreError, match=r"p\.jsonl:1: the chat template"):
        build_example(PAIR, _Moody(), "p.jsonl")
