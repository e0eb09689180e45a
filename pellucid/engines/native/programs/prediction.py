"""The program that answers.

Blocks of samples run through the network, each block on whichever thread comes first; a large
head of dense layers then takes many samples at once. Where there are fewer blocks than threads,
the threads share the parts of every stage instead.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I64, POINTER, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Emission, Program, image_layout
from pellucid.engines.native.programs.memory import Memory, Span
from pellucid.engines.native.programs.placement import block_size, head_start, origins
from pellucid.engines.native.stages import Call, Stage
from pellucid.graph import Graph

HEAD_BLOCKS = 32  # with a large head, a thread takes so many blocks before it comes to the head


def prediction(graph: Graph, machine: Machine) -> Program:
    """The program that answers: predict(frame, worker)."""
    return _Prediction(graph, machine).program()


class _Prediction(Emission):
    """Emits the program that answers."""

    def __init__(self, graph: Graph, machine: Machine) -> None:
        super().__init__(graph, machine, training=False)
        self.graph = graph
        self.head = head_start(self.stages, self.plan.outputs)
        self.arena, self.packed = Memory(), Memory()
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

    def _place_values(self) -> None:
        """Where values lie: places are taken again once nobody will read what lies there.

        Values of a head have room for many samples, the ones before it for a block.
        """
        layouts, views = self.plan.layouts, origins(self.stages)
        times: defaultdict[int, list[int]] = defaultdict(list)
        for value in range(self.plan.inputs):
            times[value].append(-1)
        for stage in self.stages:
            for value in (*stage.inputs, stage.output):
                times[views.get(value, value)].append(stage.place)
        for value in self.plan.outputs:
            times[views.get(value, value)].append(len(self.stages))
        self.in_head = {
            value
            for stage in self.stages[self.head :]
            for read in (*stage.inputs, stage.output)
            for value in (read, views.get(read, read))
        }
        before = [value for value in times if value not in self.in_head]
        self.block = block_size(sum(layouts[value].stride for value in before))
        self.rows = self.block * (HEAD_BLOCKS if self.head < len(self.stages) else 1)
        spans = []
        for value, used in times.items():
            layout, head = layouts[value], value in self.in_head
            size = layout.stride * (self.rows if head else self.block)
            kind = None if layout.plain else (layout, head)
            spans.append(Span(size, set(range(min(used), max(used) + 1)), kind))
        self.offsets = dict(zip(times, self.arena.arrange(spans), strict=True))
        for view, origin in views.items():
            self.offsets[view] = self.offsets[origin]
            if origin in self.in_head:
                self.in_head.add(view)

    def program(self) -> Program:
        """Emit everything."""
        self.emit_stages(self.block)
        self.barrier = synchronise.barrier(self.module, self.machine)
        em = self.emitter("predict", [POINTER, I64])
        frame, worker = em.arguments
        samples, threads = field(em, frame, "samples"), field(em, frame, "threads")
        control, arenas = field(em, frame, "control"), field(em, frame, "arenas")
        blocks = em.quotient(em.add(samples, self.block - 1), self.block)
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
                synchronise.tickets(em, control, parts, self._panels(em, frame, stage))
                em.builder.call(self.barrier, wait)
        prepared = [stage for stage in self.stages if stage.prepares]
        if prepared:
            call = self._call(em, frame, field(em, frame, "arenas"), 0, 0, 0)

            def prepare_all(_: ir.Value) -> None:
                for stage in prepared:
                    stage.prepare(call)

            synchronise.tickets(em, control, 1, prepare_all)
            em.builder.call(self.barrier, wait)

    def _panels(self, em: Emitter, frame: ir.Value, stage: Stage) -> Callable[[ir.Value], None]:
        def part(number: ir.Value) -> None:
            source = entry(em, field(em, frame, "parameters"), stage.parameters[0])
            target = em.at(field(em, frame, "packed"), self.panels[stage.place])
            bounds = [number, em.integer(em.add(number, 1))]
            em.builder.call(stage.functions["panels"], [source, target, *bounds])

        return part

    def _rows_a_ticket(self, em: Emitter, blocks: Index, threads: ir.Value) -> Index:
        """How many samples a thread takes at once: with a large head many, but no unfair share."""
        if self.rows == self.block:
            return self.block
        share = em.builder.udiv(em.integer(em.add(blocks, threads, -1)), threads)
        return em.minimum(em.multiply(share, self.block), self.rows)

    def _call(
        self, em: Emitter, frame: ir.Value, arena: ir.Value, first: Index, rows: Index, skip: Index
    ) -> Call:
        """Up to `rows` samples from `first` on; in the head they lie `skip` samples further on."""
        samples, table = field(em, frame, "samples"), field(em, frame, "parameters")
        count = em.integer(em.minimum(em.subtract(samples, first), rows))
        values = {}
        for value, offset in self.offsets.items():
            stride = self.plan.layouts[value].stride
            further = em.multiply(skip, stride) if value in self.in_head else 0
            values[value] = em.at(arena, offset, further)
        packed = field(em, frame, "packed")
        return Call(
            em,
            count,
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
        samples = field(em, frame, "samples")
        first = em.multiply(number, rows)
        last = em.minimum(em.add(first, rows), samples)

        def block(start: Index) -> None:
            skip = em.subtract(start, first)
            call = self._call(em, frame, arena, start, self.block, skip)
            self._load(frame, call)
            for stage in self.stages[: self.head]:
                stage.forward(call)

        em.loop(first, last, block, step=self.block)
        call = self._call(em, frame, arena, first, rows, 0)
        for stage in self.stages[self.head :]:
            stage.forward(call)
        self._unload(frame, call)

    def _together(
        self, em: Emitter, frame: ir.Value, worker: ir.Value, arenas: ir.Value, number: Index
    ) -> None:
        """All threads share the units of each stage, and wait for each other in between."""
        threads = field(em, frame, "threads")
        wait = [field(em, frame, "control"), threads, field(em, frame, "yield")]
        call = self._call(em, frame, arenas, em.multiply(number, self.block), self.block, 0)
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
        em, inputs = call.em, field(call.em, frame, "inputs")
        for value, shape in enumerate(self.graph.inputs):
            gather = elementwise.gather(self.module, self.machine, self.plan.layouts[value], False)
            images = entry(em, inputs, value)
            sizes = [em.integer(size) for size in image_layout(shape)]
            em.builder.call(
                gather, [images, images, call.values[value], call.first, call.samples, *sizes]
            )

    def _unload(self, frame: ir.Value, call: Call) -> None:
        """Copy the outputs of some samples to the caller."""
        em, outputs = call.em, field(call.em, frame, "outputs")
        for number, value in enumerate(self.plan.outputs):
            scatter = elementwise.scatter(self.module, self.machine, self.plan.layouts[value])
            target = entry(em, outputs, number)
            em.builder.call(scatter, [call.values[value], target, call.first, call.samples])
