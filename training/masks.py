"""Which tokens of a pair are learned: labels by prefix difference, and a viewer to look at them.

The chat template is rendered twice, for the prompt alone and for prompt and response. One must be a
prefix of the other; what follows the prefix is the response with its stop token, and only that is
supervised. This needs no ``{% generation %}`` in the template, without which
``return_assistant_tokens_mask=True`` gives all zeros and no error. A control token written inside a prompt or
response is text there: it makes no turn and no stop.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from timbre.errors import TimbreError
from training.types import Pair

IGNORED = -100
"""Label that the loss skips (torch.nn.CrossEntropyLoss's ``ignore_index``)."""


@dataclass(frozen=True)
class Example:
    """One pair as token ids."""

    pair: Pair  # where it comes from
    input_ids: tuple[int, ...]  # prompt and response in the model's chat template
    labels: tuple[int, ...]  # ``IGNORED`` over the prompt, the token itself over response and stop token

    @property
    def learned(self) -> list[int]:
        """The tokens that are learned."""
        return [label for label in self.labels if label != IGNORED]

    @property
    def supervised(self) -> int:
        """Number of tokens that are learned."""
        return len(self.learned)

    def features(self) -> dict[str, list[int]]:
        """What a Hugging Face collator takes."""
        return {
            "input_ids": list(self.input_ids),
            "attention_mask": [1] * len(self.input_ids),
            "labels": list(self.labels),
        }


def build_example(pair: Pair, tokenizer: Any, path: str, system: str | None = None) -> Example:
    """Render and label one pair of the file ``path``; ``system`` is the message for pairs without one.

    Raises:
        TimbreError: as ``label_last_turn``.
    """
    return Example(pair, *label_last_turn(pair.turns(system), tokenizer, f"{path}:{pair.line}"))


def label_last_turn(
    turns: Sequence[dict[str, str]], tokenizer: Any, where: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """``input_ids`` and ``labels`` of a conversation, of which the last turn, the assistant's, is learned.

    ``where`` is the conversation's place, for errors.

    Raises:
        TimbreError: the template refuses the turns, does not keep the prompt as a prefix or has no generation
            prompt, nothing is left to learn, or the rendered response does not end in a stop token.
    """
    from jinja2 import TemplateError

    masked, literals = _mask_control_tokens(turns, _control_tokens(tokenizer))
    try:
        prompt_text = tokenizer.apply_chat_template(masked[:-1], tokenize=False, add_generation_prompt=True)
        full_text = tokenizer.apply_chat_template(masked, tokenize=False)
    except TemplateError as error:
        raise TimbreError(
            f"the chat template refuses these turns: {error}", where=where, do="leave out what it can't take"
        ) from error
    if not full_text.startswith(prompt_text):
        raise TimbreError(
            "the chat template renders the prompt differently once the response follows",
            where=where,
            do="use a base whose template keeps the prompt as a prefix, or set chat_template = FILE",
        )
    response_text = full_text[len(prompt_text) :]
    opening = _EMPTY_THINK.sub("", response_text.partition(masked[-1]["content"].strip())[0]).strip()
    if opening:
        raise TimbreError(
            f"the chat template has no generation prompt: it writes {opening!r} between prompt and response, "
            "which would be learned as a part of the answer",
            where=where,
            do="set chat_template = FILE, a Jinja template that writes it under add_generation_prompt",
        )
    # Tokenised apart: at inference too the response begins on a token boundary.
    prompt_ids = _tokens(prompt_text, literals, tokenizer)
    learned = _up_to_stop(_tokens(response_text, literals, tokenizer), tokenizer)
    if len(learned) < 2:
        raise TimbreError(
            "the rendered response has no text or no stop token to learn",
            where=where,
            do="check the base's chat template and its eos token, or set chat_template = FILE",
        )
    return tuple(prompt_ids + learned), tuple([IGNORED] * len(prompt_ids) + learned)


_EMPTY_THINK = re.compile(r"<think>\s*</think>")
_SENTINEL = "\uf8ff"
"""Private-use character around the number of a control token that stands in a content."""


def thinks_first(response: str) -> bool:
    """Whether a rendered response opens with an empty ``<think>`` block."""
    return _EMPTY_THINK.match(response.strip()) is not None


def _control_tokens(tokenizer: Any) -> list[str]:
    """Special tokens, and others that the chat template gives a meaning, as ``<think>``."""
    added = tokenizer.added_tokens_decoder.values()
    template = tokenizer.chat_template
    return [t.content for t in added if t.special or (t.content.strip() and t.content in template)]


def _mask_control_tokens(
    turns: Sequence[dict[str, str]], control: Sequence[str]
) -> tuple[list[dict[str, str]], list[str]]:
    """The turns with every control token in a content replaced by a sentinel, and what was replaced."""
    pattern = re.compile("|".join(map(re.escape, sorted([*control, _SENTINEL], key=len, reverse=True))))
    literals: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        literals.append(match[0])
        return f"{_SENTINEL}{len(literals) - 1}{_SENTINEL}"

    return [{**turn, "content": pattern.sub(replaced, turn["content"])} for turn in turns], literals


def _tokens(text: str, literals: Sequence[str], tokenizer: Any) -> list[int]:
    """Token ids of rendered text; the template's control tokens are tokens, those of contents are text."""
    ids: list[int] = []
    for at, piece in enumerate(text.split(_SENTINEL)):
        if at % 2 == 0:
            ids += tokenizer(piece, add_special_tokens=False)["input_ids"] if piece else []
            continue
        literal = literals[int(piece)]
        spelled = tokenizer(literal, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        if set(spelled) & set(tokenizer.added_tokens_decoder):
            # Only special tokens are split by the option; others fall apart when they are cut.
            halves = (literal[:1], literal[1:])
            spelled = [i for half in halves for i in tokenizer(half, add_special_tokens=False)["input_ids"]]
        ids += spelled
    return ids


def _up_to_stop(ids: list[int], tokenizer: Any) -> list[int]:
    """The response up to its stop token; what the template writes after that is nobody's voice.

    The stop token is the tokenizer's eos; where the template writes none, as Gemma's, it is the last special
    token, ``<end_of_turn>``. Without either there is nothing to stop at: an empty list.
    """
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    for stops in ({tokenizer.eos_token_id}, special):
        last = max((at for at, token in enumerate(ids) if token in stops), default=None)
        if last is not None:
            return ids[: last + 1]
    return []


def show_masks(examples: Sequence[Example], labels: Sequence[Sequence[int]], tokenizer: Any) -> str:
    """The pairs as text: supervised tokens green in [brackets], the rest red.

    ``labels`` are those that the collator delivers (not always what the example asked for).
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    with console.capture() as capture:
        for example, delivered in zip(examples, labels, strict=True):
            learned = sum(label != IGNORED for label in delivered)
            console.print(
                f"line {example.pair.line}  {example.pair.split}  tier {example.pair.tier}  "
                f"{learned} of {len(delivered)} tokens supervised",
                style="bold",
            )
            text = Text()
            tokens = zip(example.input_ids, delivered, strict=True)
            for is_learned, stretch in groupby(tokens, key=lambda token: token[1] != IGNORED):
                piece = tokenizer.decode([id_ for id_, _ in stretch])
                text.append(f"[{piece}]" if is_learned else piece, style="green" if is_learned else "red")
            console.print(text)
            console.print()
    return capture.get()
