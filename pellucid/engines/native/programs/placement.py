"""Where the buffers of the training program lie.

Each worker has an arena for the block of samples that it is busy with. What has to outlast a
phase is shared by the batch. Places are taken again once what lies there is no longer needed, but
only by something of the same layout: a border of zeros is written once, and has to stay.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from pellucid.engines.native.layout import Layout, aligned
from pellucid.engines.native.programs.schedule import make_schedule
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
    _free: dict[Hashable, list[tuple[int, int]]] = field(default_factory=dict)

    def take(self, count: int) -> int:
        """The offset of a new place of `count` numbers."""
        offset = self.size
        self.size += aligned(count)
        return offset

    def borrow(self, kind: Hashable, count: int, first: int, last: int) -> int:
        """The offset of a place from time `first` to time `last`, maybe one that was used before.

        A place is handed on only among those of one kind, and to be asked for in order of time.
        """
        places = self._free.setdefault(kind, [])
        for number, (end, offset) in enumerate(places):
            if end < first:
                places[number] = (last, offset)
                return offset
        offset = self.take(count)
        places.append((last, offset))
        return offset


def block_size(numbers_a_sample: int) -> int:
    """How many samples run through the network together.

    It depends on the network only: sums are cut at blocks, so a machine's cache may not decide.
    """
    return max(1, min(LARGEST_BLOCK, BLOCK_NUMBERS // max(1, numbers_a_sample)))


def head_start(stages: Sequence[Stage], outputs: Sequence[int]) -> int:
    """The number of the first stage of a large head, or of stages if there is none.

    A head is a row of stages at the end, each on one row of numbers a sample that the one before
    made. If its weights are many, reading them for every small block would cost more than keeping
    the values of the whole batch.
    """
    start = len(stages)
    if tuple(outputs) == tuple(stage.output for stage in stages[-1:]):
        while start and _in_row(stages, start - 1):
            start -= 1
    while start < len(stages) and not stages[start].weight_count:
        start += 1
    weights = sum(stage.weight_count for stage in stages[start:])
    return start if weights >= LARGE_HEAD else len(stages)


def _in_row(stages: Sequence[Stage], place: int) -> bool:
    """Whether a stage can be part of a head, and those behind it read nothing but each other."""
    stage, behind = stages[place], stages[place + 1 :]
    alone = len(stage.inputs) == 1 and not stage.gathers and not stage.statistics_size
    return stage.on_rows and alone and (not behind or behind[0].inputs == (stage.output,))


@dataclass
class Placement:
    """Offsets of every buffer, by the number of its value, stage or parameter.

    partials: gradients of a partition of the batch. whole: gradients that are summed over the
    batch at once. partitions: the most that a batch is cut into. loads: the inputs that each
    phase has to load.
    """

    graph: Graph
    stages: Sequence[Stage]
    layouts: Sequence[Layout]
    outputs: Sequence[int]
    arena: Memory = field(default_factory=Memory)
    shared: Memory = field(default_factory=Memory)
    partial_memory: Memory = field(default_factory=Memory)
    whole_memory: Memory = field(default_factory=Memory)
    packed_memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.head = head_start(self.stages, self.outputs)
        self.schedule = make_schedule(self.stages, self.outputs, self.head)
        self.origins = origins(self.stages)
        values = _joined(self.schedule.values, self.origins)
        gradients = _joined(self.schedule.gradients, self.origins)
        self.block = block_size(self._numbers_a_sample())
        self.scratch = {
            s.place: self.arena.take(s.scratch_size) for s in self.stages if s.scratch_size
        }
        self._place_values(values, gradients)
        self._place_parameters()
        fitting = PARTIAL_NUMBERS // max(1, self.partial_memory.size)
        self.partitions = max(4, min(LARGEST_PARTITION_COUNT, fitting))

    def _numbers_a_sample(self) -> int:
        """The most numbers of one sample that a phase is busy with: values and gradients."""
        schedule = self.schedule
        totals = [0] * (schedule.update + 1)
        for value, layout in enumerate(self.layouts):
            touched = schedule.values.get(value, set()) | schedule.gradients.get(value, set())
            for phase in touched:
                totals[phase] += 2 * layout.stride
        for stage in self.stages:
            for phase in schedule.stages[stage.place]:
                totals[phase] += stage.winner_size + stage.unpooled_size
        return max(totals[:-1])

    def _place_values(self, values: dict[int, set[int]], gradients: dict[int, set[int]]) -> None:
        schedule, count = self.schedule, len(self.graph.inputs)
        self.loads: dict[int, list[int]] = {phase.number: [] for phase in schedule.phases}
        lasting = {}
        for value, phases in values.items():
            lasting[value] = self._lasts(phases)
            if value < count:
                # An input is cheap to load again, so it is kept only for the update of weights.
                lasting[value] = schedule.update in phases or self._in_head(phases)
                now = {min(phases)} if lasting[value] else phases
                for phase in now:
                    self.loads[phase].append(value)
        self.values = self._buffers(values, lasting, "value")
        lasting = {value: self._lasts(phases) for value, phases in gradients.items()}
        self.gradients = self._buffers(gradients, lasting, "gradient")
        self.winners, self.unpooled, self.sums = {}, {}, {}
        for stage in self.stages:
            phases = schedule.stages[stage.place]
            if stage.winner_size:
                self.winners[stage.place] = self._buffer(stage.winner_size, self._lasts(phases))
            if stage.unpooled_size:
                self.unpooled[stage.place] = self._buffer(stage.unpooled_size, False)
            if stage.sums_size:
                self.sums[stage.place] = self._buffer(stage.sums_size, True)

    def _in_head(self, phases: set[int]) -> bool:
        all_phases = self.schedule.phases
        return any(phase < len(all_phases) and all_phases[phase].head for phase in phases)

    def _lasts(self, phases: set[int]) -> bool:
        """Whether something outlasts a block: it is touched in several phases, or by a head."""
        return len(phases) > 1 or self._in_head(phases)

    def _buffers(
        self, phases_by_value: dict[int, set[int]], lasting: dict[int, bool], kind: str
    ) -> dict[int, Buffer]:
        """A buffer for every value; those of views are what they are views of."""
        buffers: dict[int, Buffer] = {}
        for value, phases in sorted(phases_by_value.items(), key=lambda item: min(item[1])):
            layout = self.layouts[value]
            shared = lasting[value]
            memory, samples = (self.shared, 1) if shared else (self.arena, self.block)
            size = layout.stride * samples
            offset = memory.borrow((kind, layout), size, min(phases), max(phases))
            buffers[value] = Buffer(offset, layout.stride, shared)
        for view, origin in self.origins.items():
            if origin in buffers:
                buffers[view] = buffers[origin]
        return buffers

    def _buffer(self, stride: int, shared: bool) -> Buffer:
        offset = self.shared.take(stride) if shared else self.arena.take(stride * self.block)
        return Buffer(offset, aligned(stride), shared)

    def _place_parameters(self) -> None:
        whole = {
            number
            for stage in self.stages
            if stage.batch_gradient or stage.gathers
            for number in stage.parameters
        }
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
        take = self.packed_memory.take
        self.packed = {
            stage.place: take(math.prod(stage.packed_sizes))
            for stage in self.stages
            if stage.packed_sizes
        }
        self.panels = {
            stage.place: take(math.prod(stage.panel_sizes))
            for stage in self.stages
            if stage.panel_sizes
        }
        self.statistics = {
            stage.place: take(stage.statistics_size)
            for stage in self.stages
            if stage.statistics_size
        }


def origins(stages: Sequence[Stage]) -> dict[int, int]:
    """By each value that is a view: the value that it is a view of."""
    found: dict[int, int] = {}
    for stage in stages:
        if stage.is_view:
            (source,) = stage.inputs
            found[stage.output] = found.get(source, source)
    return found


def _joined(touched: dict[int, set[int]], origins: dict[int, int]) -> dict[int, set[int]]:
    """When values are touched, be it under another shape."""
    joined: dict[int, set[int]] = {}
    for value, phases in touched.items():
        joined.setdefault(origins.get(value, value), set()).update(phases)
    return joined
