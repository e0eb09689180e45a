"""Where the buffers of the training program lie.

Each worker has an arena for the block of samples that it is busy with. What has to outlast a
phase is shared by the batch. Places are taken again once what lies there is no longer needed; that
of a value with a border only by values of its layout, since the zeros are written once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.engines.native.layout import Layout, aligned
from pellucid.engines.native.programs.memory import Memory, Span
from pellucid.engines.native.programs.schedule import make_schedule
from pellucid.engines.native.stages import GatheringStage, Stage
from pellucid.graph import Graph

BLOCK_NUMBERS = 240_000  # a block's buffers should stay within 1 MB, which level-2 caches hold
LARGEST_BLOCK = 8
LARGE_HEAD = 2**16  # weights of dense layers from which a head runs on many samples at once
LARGEST_PARTITION_COUNT = 16
PARTIAL_NUMBERS = 2**24  # to clear and to sum more partial gradients costs more than they gain


@dataclass(frozen=True)
class Buffer:
    """`stride` numbers for each sample, from `offset` on; of the whole batch if `shared`."""

    offset: int
    stride: int
    shared: bool = False


@dataclass(frozen=True)
class _Wanted:
    """A buffer that is to be placed: what it is, its number, and when it is touched."""

    what: str
    number: int
    stride: int
    shared: bool
    phases: set[int]
    kind: Layout | None = None


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
    alone = len(stage.inputs) == 1 and not stage.statistics_size
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
        self.blocks = self._block_sizes(values, gradients)
        self.scratch = {
            s.place: self.arena.take(s.scratch_size) for s in self.stages if s.scratch_size
        }
        self._place_values(values, gradients)
        self._place_parameters()
        fitting = PARTIAL_NUMBERS // max(1, self.partial_memory.size)
        self.partitions = max(4, min(LARGEST_PARTITION_COUNT, 1 << fitting.bit_length() >> 1))

    def _block_sizes(
        self, values: dict[int, set[int]], gradients: dict[int, set[int]]
    ) -> list[int]:
        """How many samples go through each phase together.

        Partial gradients of a parameter lie in as many partitions as its phase has; where it
        learns in several phases, all phases are cut alike.
        """
        schedule = self.schedule
        totals = [0] * (schedule.update + 1)
        for touched in (values, gradients):
            for value, phases in touched.items():
                for phase in phases:
                    totals[phase] += self.layouts[value].stride
        for stage in self.stages:
            for phase in schedule.stages[stage.place]:
                totals[phase] += stage.winner_size + stage.unpooled_size
        blocks = [block_size(total) for total in totals[:-1]]
        if len(blocks) > 1:
            # Few stages share a phase, and their weights lie in the cache too. Powers of two share
            # out most batches evenly: every phase waits for the slowest thread.
            blocks = [1 << max(1, block // 2).bit_length() - 1 for block in blocks]
        learning = [
            {number for stage in phase.backward for number in stage.parameters}
            for phase in schedule.phases
        ]
        alike = sum(map(len, learning)) > len(set().union(*learning))
        return [min(blocks)] * len(blocks) if alike else blocks

    def learning_block(self, number: int) -> int:
        """How many samples there are in a block where a parameter learns."""
        for phase in self.schedule.phases:
            if any(number in stage.parameters for stage in phase.backward):
                return self.blocks[phase.number]
        raise AssertionError(f"Parameter {number} does not learn.")

    def block_of(self, stage: Stage) -> int:
        """How many samples a stage gets together, as a rule."""
        return self.blocks[max(self.schedule.stages[stage.place])]

    def _place_values(self, values: dict[int, set[int]], gradients: dict[int, set[int]]) -> None:
        schedule, inputs = self.schedule, len(self.graph.inputs)
        self.loads: dict[int, list[int]] = {phase.number: [] for phase in schedule.phases}
        wanted: list[_Wanted] = []
        for value, phases in values.items():
            # Inputs can be loaded, and some values made, again in every phase that reads them.
            again = value < inputs or value in schedule.remade
            lasting = schedule.update in phases or self._in_head(phases)
            shared = lasting if again else self._lasts(phases)
            if value < inputs:
                for phase in {min(phases)} if shared else phases:
                    self.loads[phase].append(value)
            layout = self.layouts[value]
            kind = None if layout.plain else layout
            wanted.append(_Wanted("value", value, layout.stride, shared, phases, kind))
        for value, phases in gradients.items():
            stride, shared = self.layouts[value].stride, self._lasts(phases)
            wanted.append(_Wanted("gradient", value, stride, shared, phases))
        for stage in self.stages:
            place, phases = stage.place, schedule.stages[stage.place]
            sizes = {
                "winners": (stage.winner_size, self._lasts(phases)),
                "unpooled": (stage.unpooled_size, False),
                "sums": (stage.sums_size, True),
            }
            wanted += [
                _Wanted(what, place, aligned(size), shared, phases)
                for what, (size, shared) in sizes.items()
                if size
            ]
        buffers = self._buffers(wanted)
        self.values, self.gradients = buffers["value"], buffers["gradient"]
        self.winners, self.unpooled = buffers["winners"], buffers["unpooled"]
        self.sums = buffers["sums"]
        for known in (self.values, self.gradients):
            known.update({v: known[o] for v, o in self.origins.items() if o in known})

    def _buffers(self, wanted: Sequence[_Wanted]) -> defaultdict[str, dict[int, Buffer]]:
        """Places for all that is wanted, by what it is and by its number."""
        found: defaultdict[str, dict[int, Buffer]] = defaultdict(dict)
        for shared, memory in ((True, self.shared), (False, self.arena)):
            mine = [want for want in wanted if want.shared == shared]
            spans = [
                Span(
                    want.stride * (1 if shared else max(self.blocks[p] for p in want.phases)),
                    # What is kept for the batch is kept from its first phase to its last.
                    set(range(min(want.phases), max(want.phases) + 1)) if shared else want.phases,
                    want.kind,
                )
                for want in mine
            ]
            for want, offset in zip(mine, memory.arrange(spans), strict=True):
                found[want.what][want.number] = Buffer(offset, want.stride, shared)
        return found

    def _in_head(self, phases: set[int]) -> bool:
        all_phases = self.schedule.phases
        return any(phase < len(all_phases) and all_phases[phase].head for phase in phases)

    def _lasts(self, phases: set[int]) -> bool:
        """Whether something outlasts a block: it is touched in several phases, or by a head."""
        return len(phases) > 1 or self._in_head(phases)

    def _place_parameters(self) -> None:
        whole = {
            number
            for stage in self.stages
            if stage.batch_gradient or isinstance(stage, GatheringStage)
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
