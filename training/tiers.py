"""In which order, and how often, training pairs come: tiers as sampling weights, short ones first."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from timbre.errors import TimbreError
from training.masks import Example

ORDERS = ("shuffled", "short_first", "tier_first")
"""``shuffled`` anew every epoch; by length of the response; by tier and then length, every epoch alike."""


def check_weights(weights: Sequence[float]) -> None:
    """Refuse weights that are no weights.

    Raises:
        TimbreError: not one for each of the four tiers, one below 0, or all of them 0.
    """
    fine = len(weights) == 4 and all(0 <= w < math.inf for w in weights) and max(weights) > 0
    if weights and not fine:
        raise TimbreError(
            f"tier_weights is {list(weights)}",
            where="tier_weights",
            do="give four numbers of 0 or more, for tiers 1 to 4, e.g. [4, 2, 1, 1]",
        )


def ordered(examples: Sequence[Example], order: str) -> list[Example]:
    """The examples in the order they are trained in; as they stand where that is ``shuffled``."""
    if order == "short_first":
        return sorted(examples, key=lambda e: (e.supervised, e.pair.line))
    if order == "tier_first":
        return sorted(examples, key=lambda e: (e.pair.tier, e.supervised, e.pair.line))
    return list(examples)


def sampling_weights(examples: Sequence[Example], weights: Sequence[float]) -> list[float] | None:
    """The chance of each example to be drawn, up to a factor; None where every pair comes once an epoch.

    A tier's weight is that of each of its pairs: at [4, 2, 1, 1] a pair of tier 1 is drawn four times as
    often as one of tier 3. An epoch stays as long as it is without weights.

    Raises:
        TimbreError: no pair is of a tier with a weight.
    """
    if not weights:
        return None
    chances = [float(weights[e.pair.tier - 1]) for e in examples]
    if not any(chances):
        raise TimbreError(
            "no training pair is of a tier with a weight", where="tier_weights", do="give its tier a weight"
        )
    return chances


def sampler(chances: Sequence[float] | None, order: str, count: int, seed: int) -> Any:
    """A torch sampler for these pairs; None for the Trainer's own, which shuffles.

    Each epoch's draw depends on the seed and the epoch alone, so that a resumed run draws what an
    uninterrupted one does.
    """
    import torch
    from torch.utils.data import Sampler, SequentialSampler

    class TierSampler(Sampler[int]):
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __len__(self) -> int:
            return count

        def __iter__(self) -> Iterator[int]:
            generator = torch.Generator().manual_seed(seed + 1_000_003 * self.epoch)
            drawn = torch.multinomial(torch.tensor(chances), count, replacement=True, generator=generator)
            return iter(drawn.tolist())

    if chances is not None:
        return TierSampler()
    return None if order == "shuffled" else SequentialSampler(range(count))
