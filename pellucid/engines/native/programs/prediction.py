"""The program that answers.

Blocks of samples run through the network, each block on whichever thread comes first. Where maps
become small and weights many, several blocks wait for each other and go on together, so that the
weights are read less often; and so does a large head of dense layers. Where there are fewer blocks
than threads, the threads share the parts of every stage instead.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I64, POINTER, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Emission, Program
from pellucid.engines.native.programs.memory import Memory, Span
from pellucid.engines.native.programs.placement import block_size, head_start, origins
from pellucid.engines.native.stages import Call, Stage
from pellucid.graph import Graph

HEAD_BLOCKS = 32  # with a large head, a thread takes so many blocks before it comes to the head
LIVE_NUMBERS = 320_000  # of three values, which a level-2 cache holds beside some weights
MANY_WEIGHTS = 2**18  # numbers that are better read for several samples at once
LARGEST_ROWS = 32


def prediction(graph: Graph, machine: Machine) -> Program:
    """The program that answers: predict(frame, worker)."""
    return _Prediction(graph, machine).program()


@dataclass(frozen=True)
class _Level:
    """Stages from number `start` on, until the next level, that take `rows` samples together."""

    start: int
    rows: int


class _Prediction(Emission):
    """Emits the program that answers."""

    def __init__(self, graph: Graph, machine: Machine) -> None:
        super().__init__(graph, machine, training=False)
        self.graph = graph
        self.arena, self.packed = Memory(), Memory()
        self.levels = self._find_levels()
        self._place_values()
        self.panels = {
            stage.place: self.packed.take(math.prod(stage.panel_sizes))
            for stage in self.stages
            if stage.panel_sizes
        }
        self.statistics = {
            stage.place: self.packed.take(stage.statistics_size)
            for stage in self.stages
            if stage.statistics_size
        }

    def _find_levels(self) -> list[_Level]:
        """How many samples go together, stage by stage: never fewer than before."""
        stages, layouts = self.stages, self.plan.layouts
        views = origins(stages)
        head = head_start(stages, self.plan.outputs)
        before = {views.get(v, v) for stage in stages[:head] for v in (*stage.inputs, stage.output)}
        levels = [_Level(0, block_size(sum(layouts[value].stride for value in before)))]
        weights, room, found = 0, LARGEST_ROWS, []
        for stage in reversed(stages[:head]):
            largest = max(layouts[value].stride for value in (*stage.inputs, stage.output))
            room = min(room, LIVE_NUMBERS // (3 * largest))
            shapes = (self.graph.parameters[number].shape for number in stage.parameters)
            weights += sum(math.prod(shape) for shape in shapes)
            found.append((stage.place, room, weights))
        for place, room, weights in reversed(found):
            rows = levels[-1].rows
            many = room // rows * rows
            if place and many >= 4 * rows and weights >= MANY_WEIGHTS:
                levels.append(_Level(place, many))
        if head < len(stages):
            levels.append(_Level(head, levels[-1].rows * HEAD_BLOCKS))
        return levels

    def _stages(self, number: int) -> list[Stage]:
        """The stages of a level."""
        ends = [level.start for level in self.levels[1:]] + [len(self.stages)]
        return self.stages[self.levels[number].start : ends[number]]

    def _place_values(self) -> None:
        """Where values lie: places are taken again once nobody will read what lies there.

        A value has room for the samples of the last level that touches it.
        """
        layouts, views = self.plan.layouts, origins(self.stages)
        times: defaultdict[int, list[int]] = defaultdict(list)
        self.level_of: defaultdict[int, int] = defaultdict(int)
        for value in range(self.plan.inputs):
            times[value].append(-1)
        for number in range(len(self.levels)):
            for stage in self._stages(number):
                for read in (*stage.inputs, stage.output):
                    value = views.get(read, read)
                    times[value].append(stage.place)
                    self.level_of[value] = number
        for read in self.plan.outputs:
            value = views.get(read, read)
            times[value].append(len(self.stages))
            self.level_of[value] = len(self.levels) - 1
        spans = []
        for value, used in times.items():
            layout, level = layouts[value], self.level_of[value]
            size = layout.stride * self.levels[level].rows
            kind = None if layout.plain else (layout, level)
            # What waits for other blocks to come as far must not be written over by them.
            first = min(used) if level == 0 else -1
            spans.append(Span(size, set(range(first, max(used) + 1)), kind))
        self.offsets = dict(zip(times, self.arena.arrange(spans), strict=True))
        for view, origin in views.items():
            self.offsets[view] = self.offsets[origin]
            self.level_of[view] = self.level_of[origin]

    def program(self) -> Program:
        """Emit everything."""
        self.emit_stages(self._rows_of)
        self.barrier = synchronise.barrier(self.module, self.machine)
        em = self.emitter("predict", [POINTER, I64])
        frame, worker = em.arguments
        samples, threads = field(em, frame, "samples"), field(em, frame, "threads")
        control, arenas = field(em, frame, "control"), field(em, frame, "arenas")
        block = self.levels[0].rows
        blocks = em.quotient(em.add(samples, block - 1), block)
        rows = self._rows_a_ticket(em, blocks, threads)
        self._prepare(em, frame)
        em.choose(
            em.less(blocks, threads),
            lambda: em.loop(0, blocks, lambda n: self._together(em, frame, worker, arenas, n)),
            lambda: synchronise.tickets(
                em,
                control,
                em.builder.udiv(em.integer(em.add(samples, rows, -1)), em.integer(rows)),
                lambda n: self._alone(em, frame, worker, arenas, n, rows),
            ),
        )
        em.finish()
        return Program(str(self.module), "predict", self.arena.size, packed=self.packed.size)

    def _prepare(self, em: Emitter, frame: ir.Value) -> None:
        """Bring weights into the forms that stages read, before anything else."""
        control = field(em, frame, "control")
        wait = [control, field(em, frame, "threads"), field(em, frame, "yield")]
        for stage in self.stages:
            if stage.panel_sizes:
                parts = stage.panel_parts
                synchronise.tickets(
                    em,
                    control,
                    parts,
                    self.packing(em, frame, stage, "panels", self.panels[stage.place]),
                )
                em.builder.call(self.barrier, wait)
        prepared = [stage for stage in self.stages if stage.prepares]
        if prepared:
            call = self._call(em, frame, field(em, frame, "arenas"), [0], 0)

            def prepare_all(_: ir.Value) -> None:
                for stage in prepared:
                    stage.prepare(call)

            synchronise.tickets(em, control, 1, prepare_all)
            em.builder.call(self.barrier, wait)

    def _rows_of(self, stage: Stage) -> int:
        """How many samples a stage gets together, as a rule: of a head, what lies before it."""
        levels = [level for level in self.levels if level.start <= stage.place]
        return levels[-1].rows if not stage.on_rows else self.levels[0].rows

    def _rows_a_ticket(self, em: Emitter, blocks: Index, threads: ir.Value) -> Index:
        """How many samples a thread takes at once: as many as go together, but no unfair share."""
        block, rows = self.levels[0].rows, self.levels[-1].rows
        if rows == block:
            return block
        share = em.builder.udiv(em.integer(em.add(blocks, threads, -1)), threads)
        return em.minimum(em.multiply(share, block), rows)

    def _call(
        self, em: Emitter, frame: ir.Value, arena: ir.Value, firsts: Sequence[Index], end: Index
    ) -> Call:
        """The samples from firsts[-1] to `end`; values of a level begin with its own first sample.

        firsts: the first samples of what the last level, the one before it and so on are busy with.
        """
        table, first = field(em, frame, "parameters"), firsts[-1]
        values = {}
        for value, offset in self.offsets.items():
            above = len(self.levels) - 1 - self.level_of[value]
            further: Index = 0
            if above < len(firsts) - 1:
                passed = em.subtract(first, firsts[above])
                further = em.multiply(passed, self.plan.layouts[value].stride)
            values[value] = em.at(arena, offset, further)
        packed = field(em, frame, "packed")
        return Call(
            em,
            em.integer(em.subtract(end, first)),
            em.integer(first),
            lambda number: entry(em, table, number),
            values,
            panels={place: em.at(packed, offset) for place, offset in self.panels.items()},
            statistics={place: em.at(packed, offset) for place, offset in self.statistics.items()},
        )

    def _alone(
        self,
        em: Emitter,
        frame: ir.Value,
        worker: ir.Value,
        arenas: ir.Value,
        number: Index,
        rows: Index,
    ) -> None:
        """One thread runs samples through the whole network."""
        arena = em.at(arenas, em.multiply(worker, self.arena.size))
        first = em.multiply(number, rows)
        end = em.minimum(em.add(first, rows), field(em, frame, "samples"))

        def through(level: int, firsts: list[Index], end: Index) -> None:
            """Samples firsts[-1] … end through all levels up to this one."""
            if level:
                rows = self.levels[level - 1].rows

                def part(start: Index) -> None:
                    stop = em.minimum(em.add(start, rows), end)
                    through(level - 1, [*firsts, start], stop)

                em.loop(firsts[-1], end, part, step=rows)
            call = self._call(em, frame, arena, firsts, end)
            if not level:
                self._load(frame, call)
            for stage in self._stages(level):
                stage.forward(call)

        through(len(self.levels) - 1, [first], end)
        self._unload(frame, self._call(em, frame, arena, [first], end))

    def _together(
        self, em: Emitter, frame: ir.Value, worker: ir.Value, arenas: ir.Value, number: Index
    ) -> None:
        """All threads share the units of each stage, and wait for each other in between."""
        threads = field(em, frame, "threads")
        wait = [field(em, frame, "control"), threads, field(em, frame, "yield")]
        block = self.levels[0].rows
        first = em.multiply(number, block)
        end = em.minimum(em.add(first, block), field(em, frame, "samples"))
        call = self._call(em, frame, arenas, [first] * len(self.levels), end)
        only_first = functools.partial(em.choose, em.equal(worker, 0))

        def shared(stage: Stage) -> None:
            bounds = [
                em.builder.udiv(em.integer(em.multiply(part, stage.units)), threads)
                for part in (worker, em.add(worker, 1))
            ]
            stage.forward(call, *bounds)

        only_first(lambda: self._load(frame, call))
        em.builder.call(self.barrier, wait)
        for stage in self.stages:
            if stage.is_view:
                continue
            if stage.units > 1:
                shared(stage)
            else:
                only_first(functools.partial(stage.forward, call))
            em.builder.call(self.barrier, wait)
        only_first(lambda: self._unload(frame, call))

    def _load(self, frame: ir.Value, call: Call) -> None:
        """Copy the inputs of some samples into their values."""
        for value in range(self.plan.inputs):
            self.load(frame, call, value, call.first, ordered=False)

    def _unload(self, frame: ir.Value, call: Call) -> None:
        """Copy the outputs of some samples to the caller."""
        em, outputs = call.em, field(call.em, frame, "outputs")
        for number, value in enumerate(self.plan.outputs):
            scatter = elementwise.scatter(self.module, self.machine, self.plan.layouts[value])
            target = entry(em, outputs, number)
            em.builder.call(scatter, [call.values[value], target, call.first, call.samples])
