"""Where the buffers of the training program lie.

Each worker has an arena for the block of samples that it is busy with. What has to outlast a
block is shared by the batch: what dense layers read and what flows back into them, since their
gradients are summed over the whole batch at once, and everything before a large head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.engines.native.layout import Layout, aligned
from pellucid.engines.native.stages import Stage
from pellucid.graph import Graph

BLOCK_NUMBERS = 2**18  # a block's buffers should stay within 1 MB, which level-2 caches hold
LARGEST_BLOCK = 8
LARGE_HEAD = 2**16  # weights of dense layers from which a head runs on many samples at once
LARGEST_PARTITION_COUNT = 16
PARTIAL_NUMBERS = 2**26  # partial gradients should stay within 256 MB


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


def head_start(stages: Sequence[Stage]) -> int:
    """The number of the first stage of a large head, or of stages if there is none.

    A head is a row of stages at the end that all work on one row of numbers a sample. If its
    weights are many, reading them for every small block would cost more than keeping the values
    of the whole batch.
    """
    start = len(stages)
    while start and stages[start - 1].on_rows:
        start -= 1
    while start < len(stages) and not stages[start].weight_count:
        start += 1
    weights = sum(stage.weight_count for stage in stages[start:])
    return start if weights >= LARGE_HEAD else len(stages)


@dataclass
class Placement:
    """Offsets of every buffer, by the number of its value, stage or parameter.

    partials: gradients of a partition of the batch. whole: gradients that are summed over the
    batch at once. partitions: the most that a batch is cut into.
    """

    graph: Graph
    stages: Sequence[Stage]
    layouts: Sequence[Layout]
    arena: Memory = field(default_factory=Memory)
    shared: Memory = field(default_factory=Memory)
    partial_memory: Memory = field(default_factory=Memory)
    whole_memory: Memory = field(default_factory=Memory)
    packed_memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.head = head_start(self.stages)
        self._place_values()
        self._place_parameters()
        fitting = PARTIAL_NUMBERS // max(1, self.partial_memory.size)
        self.partitions = max(4, min(LARGEST_PARTITION_COUNT, fitting))

    def _place_values(self) -> None:
        stages, layouts, head = self.stages, self.layouts, self.head
        last = len(stages)
        numbers = 2 * sum(layout.stride for layout in layouts)
        numbers += sum(s.winner_size + s.unpooled_size for s in stages)
        self.block = block_size(numbers)
        self.scratch = {s.place: self.arena.take(s.scratch_size) for s in stages if s.scratch_size}
        summed = {s.place for s in stages if s.batch_gradient}
        kept = set(range(last + 1)) if head < last else summed
        self.values = self._buffers(kept, set(range(last + 1)))
        returned = {place + 1 for place in summed} | set(
            range(head, last + 1) if head < last else ()
        )
        needed = {s.place for s in stages if s.input_gradient} | {last}
        self.gradients = self._buffers(returned, needed)
        self.winners = {
            s.place: self._buffer(s.winner_size, head < last) for s in stages if s.winner_size
        }
        self.unpooled = {
            s.place: self._buffer(s.unpooled_size, False) for s in stages if s.unpooled_size
        }

    def _buffers(self, shared: set[int], needed: set[int]) -> dict[int, Buffer]:
        """A buffer for every needed value; a view has that of the value before it."""
        buffers: dict[int, Buffer] = {}
        for value, layout in enumerate(self.layouts):
            if value not in needed:
                continue
            if self.is_view(value) and value - 1 in buffers:
                buffers[value] = buffers[value - 1]
                continue
            names = [value]
            while self.is_view(names[-1] + 1):
                names.append(names[-1] + 1)
            buffers[value] = self._buffer(layout.stride, not shared.isdisjoint(names))
        return buffers

    def _buffer(self, stride: int, shared: bool) -> Buffer:
        offset = self.shared.take(stride) if shared else self.arena.take(stride * self.block)
        return Buffer(offset, aligned(stride), shared)

    def is_view(self, value: int) -> bool:
        """Whether a value is the one before it under another shape."""
        return 0 < value <= len(self.stages) and self.stages[value - 1].is_view

    def _place_parameters(self) -> None:
        whole = {n for stage in self.stages if stage.batch_gradient for n in stage.parameters}
        self.partials: dict[int, int] = {}
        self.whole: dict[int, int] = {}
        for number, parameter in enumerate(self.graph.parameters):
            if not parameter.trainable:
                continue
            size = math.prod(parameter.shape)
            if number in whole:
                self.whole[number] = self.whole_memory.take(size)
            else:
                self.partials[number] = self.partial_memory.take(size)
        self.packed = {
            stage.place: self.packed_memory.take(math.prod(stage.packed_sizes))
            for stage in self.stages
            if stage.packed_sizes
        }
        self.panels = {
            stage.place: self.packed_memory.take(math.prod(stage.panel_sizes))
            for stage in self.stages
            if stage.panel_sizes
        }
