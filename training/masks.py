"""Which tokens of a pair are learned: labels by prefix difference, and a viewer to look at them.

The chat template is rendered twice, for the prompt alone and for prompt and response. One must be a
prefix of the other; what follows the prefix is the response with its stop token, and only that is
supervised. This needs no ``{% generation %}`` in the template, without which
``return_assistant_tokens_mask=True`` gives all zeros and no error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timbre.errors import TimbreError
from training.types import Pair

IGNORED = -100
"""Label that the loss skips (torch.nn.CrossEntropyLoss's ``ignore_index``)."""


@dataclass(frozen=True)
class Example:
    """One pair as token ids.

    Attributes:
        pair: Where it comes from.
        input_ids: Prompt and response in the model's chat template.
        labels: Same length; ``IGNORED`` over the prompt, the token itself over response and stop token.
    """

    pair: Pair
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def supervised(self) -> int:
        """Number of tokens that are learned."""
        return sum(label != IGNORED for label in self.labels)

    def features(self) -> dict[str, list[int]]:
        """What a Hugging Face collator takes."""
        return {
            "input_ids": list(self.input_ids),
            "attention_mask": [1] * len(self.input_ids),
            "labels": list(self.labels),
        }


def build_example(pair: Pair, tokenizer: Any, path: str) -> Example:
    """Render and label one pair.

    Args:
        pair: Prompt and response.
        tokenizer: A ``transformers`` tokenizer with a chat template.
        path: The pairs' file, for errors.

    Raises:
        TimbreError: as ``label_last_turn``.
    """
    turns = [{"role": "user", "content": pair.prompt}, {"role": "assistant", "content": pair.response}]
    return Example(pair, *label_last_turn(turns, tokenizer, f"{path}:{pair.line}"))


def label_last_turn(
    turns: Sequence[dict[str, str]], tokenizer: Any, where: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tokens and labels of a conversation, of which the last turn, the assistant's, is learned.

    Args:
        turns: ``role`` and ``content`` of each, a system message first if there is one.
        tokenizer: A ``transformers`` tokenizer with a chat template.
        where: The conversation's place, for errors.

    Returns:
        ``input_ids`` and ``labels`` of ``Example``.

    Raises:
        TimbreError: the template refuses the turns or does not keep the prompt as a prefix, nothing
            is left to learn, or the rendered response does not end in a stop token.
    """
    from jinja2 import TemplateError

    try:
        prompt_text = tokenizer.apply_chat_template(
            list(turns[:-1]), tokenize=False, add_generation_prompt=True
        )
        full_text = tokenizer.apply_chat_template(list(turns), tokenize=False)
    except TemplateError as error:
        raise TimbreError(
            f"the chat template refuses these turns: {error}", where=where, do="leave out what it can't take"
        ) from error
    if not full_text.startswith(prompt_text):
        raise TimbreError(
            "the chat template renders the prompt differently once the response follows",
            where=where,
            do="use a base whose template keeps the prompt as a prefix",
        )
    # Tokenised apart: at inference too the response begins on a token boundary.
    prompt_ids = tokenizer(prompt_text, add_special_tokens=False)["input_ids"]
    rest = tokenizer(full_text[len(prompt_text) :], add_special_tokens=False)["input_ids"]
    learned = _up_to_stop(rest, tokenizer)
    if len(learned) < 2:
        raise TimbreError(
            "the rendered response has no text or no stop token to learn",
            where=where,
            do="check the base's chat template and its eos token",
        )
    return tuple(prompt_ids + learned), tuple([IGNORED] * len(prompt_ids) + learned)


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

    Brackets carry the same meaning where colour does not show.

    Args:
        examples: Pairs in the order to show.
        labels: Their labels as the collator delivers them (not always what the example asked for).
        tokenizer: Decodes the tokens.
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
            for is_learned, ids in _stretches(example.input_ids, delivered):
                piece = tokenizer.decode(ids)
                text.append(f"[{piece}]" if is_learned else piece, style="green" if is_learned else "red")
            console.print(text)
            console.print()
    return capture.get()


def _stretches(ids: Sequence[int], labels: Sequence[int]) -> list[tuple[bool, list[int]]]:
    """Runs of neighbouring tokens that are all supervised or all not."""
    runs: list[tuple[bool, list[int]]] = []
    for token, label in zip(ids, labels, strict=True):
        learned = label != IGNORED
        if not runs or runs[-1][0] != learned:
            runs.append((learned, []))
        runs[-1][1].append(token)
    return runs
