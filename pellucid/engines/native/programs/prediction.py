"""The program that answers.

Blocks of samples run through the network, each block on whichever thread comes first; a large
head of dense layers then takes many samples at once. Where there are fewer blocks than threads,
the threads share the parts of every stage instead.
"""

from __future__ import annotations

import functools
import math

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise, packing, tiling
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Emission, Program, image_layout
from pellucid.engines.native.programs.placement import Memory, block_size, head_start
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
        self.input_shape = graph.inputs[0]
        layouts = self.plan.layouts
        self.head = head_start(self.stages)
        self.block = block_size(sum(layout.stride for layout in layouts[: self.head + 1]))
        self.rows = self.block * (HEAD_BLOCKS if self.head < len(self.stages) else 1)
        # Values of the head have room for many samples, the ones before it for a block.
        self.arena = Memory()
        self.offsets: list[int] = []
        for value, layout in enumerate(layouts):
            if value and self.stages[value - 1].is_view:
                self.offsets.append(self.offsets[-1])
            else:
                samples = self.rows if self._in_head(value) else self.block
                self.offsets.append(self.arena.take(layout.stride * samples))

        self.packed = Memory()
        self.panels = {
            stage.place: self.packed.take(math.prod(stage.panel_sizes))
            for stage in self.stages
            if stage.panel_sizes
        }

    def _in_head(self, value: int) -> bool:
        """Whether the head reads or makes a value, be it under another shape."""
        while value < self.head and self.stages[value].is_view:
            value += 1
        return value >= self.head

    def program(self) -> Program:
        """Emit everything."""
        module, machine, layouts = self.module, self.machine, self.plan.layouts
        self.emit_stages(self.block)
        self.gather = elementwise.gather(module, machine, layouts[0], False)
        self.scatter = _scatter(module, machine, layouts[-1])
        self.barrier = synchronise.barrier(module, machine)
        em = self.emitter("predict", [POINTER, I64])
        frame, worker = em.arguments
        samples, threads = field(em, frame, "samples"), field(em, frame, "threads")
        control, arenas = field(em, frame, "control"), field(em, frame, "arenas")
        blocks = em.quotient(em.add(samples, self.block - 1), self.block)
        rows = self._rows_a_ticket(em, blocks, threads)
        self._pack(em, frame)
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
        return Program(str(module), "predict", self.arena.size, packed=self.packed.size)

    def _pack(self, em: Emitter, frame: ir.Value) -> None:
        """Cut the kernels that need it into panels, before anything else."""
        control, table = field(em, frame, "control"), field(em, frame, "parameters")
        for stage in self.stages:
            if not stage.panel_sizes:
                continue

            def part(number: ir.Value, stage: Stage = stage) -> None:
                source = entry(em, table, stage.parameters[0])
                target = em.at(field(em, frame, "packed"), self.panels[stage.place])
                bounds = [number, em.integer(em.add(number, 1))]
                em.builder.call(stage.functions["panels"], [source, target, *bounds])

            synchronise.tickets(em, control, packing.parts(1, stage.panel_sizes[0]), part)
            em.builder.call(
                self.barrier, [control, field(em, frame, "threads"), field(em, frame, "yield")]
            )

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
        for value, (offset, layout) in enumerate(zip(self.offsets, self.plan.layouts, strict=True)):
            further = em.multiply(skip, layout.stride) if self._in_head(value) else 0
            values[value] = em.at(arena, offset, further)
        packed = field(em, frame, "packed")
        return Call(
            em,
            count,
            em.integer(first),
            lambda number: entry(em, table, number),
            values,
            panels={place: em.at(packed, offset) for place, offset in self.panels.items()},
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
        """Copy the images of some samples into their first value."""
        em, images = call.em, field(call.em, frame, "images")
        sizes = [em.integer(size) for size in image_layout(self.input_shape)]
        em.builder.call(
            self.gather, [images, images, call.values[0], call.first, call.samples, *sizes]
        )

    def _unload(self, frame: ir.Value, call: Call) -> None:
        """Copy the last value of some samples to the caller."""
        outputs = field(call.em, frame, "outputs")
        last = call.values[len(self.stages)]
        call.em.builder.call(self.scatter, [last, outputs, call.first, call.samples])


@kernel(POINTER, POINTER, I64, I64)
def _scatter(em: Emitter, source: Layout) -> None:
    """Copy a block of outputs to the caller. Called with (source, outputs, first, samples)."""
    x, outputs, first, samples = em.arguments

    def sample(number: Index) -> None:
        start = em.multiply(em.add(first, number), source.size)

        def copy(c: Index, lanes: int) -> None:
            value = em.load(x, em.multiply(number, source.stride), c, lanes=lanes)
            em.store(value, outputs, start, c, lanes=lanes)

        tiling.for_pieces(em, source.size, em.vector, copy)

    em.loop(0, samples, sample)
