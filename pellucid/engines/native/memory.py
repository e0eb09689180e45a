"""Where every buffer of a program lies: offsets into the three memories that threads work in.

Each worker has an arena for the samples that it is busy with. What has to outlast a block of
samples, until the gradients of dense layers are summed over the whole batch, is shared. Partial
gradients and transposed weights have memories of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pellucid.engines.native.layout import aligned

BLOCK_NUMBERS = 2**18  # a block's buffers should stay within 1 MB, which level-2 caches hold
LARGEST_BLOCK = 8


@dataclass(frozen=True)
class Buffer:
    """`stride` numbers for each sample, from `offset` on; of the whole batch if `shared`."""

    offset: int
    stride: int
    shared: bool = False


@dataclass
class Memory:
    """Hands out places one after the other, in float32 numbers, on whole cache lines."""

    size: int = 0
    places: dict[int, int] = field(default_factory=dict)

    def take(self, count: int) -> int:
        """The offset of a new place of `count` numbers."""
        offset = self.size
        self.size += aligned(count)
        return offset


def block_size(numbers_a_sample: int) -> int:
    """How many samples run through the network together.

    It depends on the network only: sums are cut at blocks, so a machine's cache may not decide.
    """
    return max(1, min(LARGEST_BLOCK, BLOCK_NUMBERS // max(1, numbers_a_sample)))
