"""The program that learns.

A step transposes the weights, runs blocks of samples forward and back, then sums the partial
gradients and takes the optimizer's step; a barrier stands between these phases. The batch is cut
into partitions and blocks that do not depend on the threads, so sums never do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise, losses, optimizers, packing, tiling
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.memory import Buffer, Memory, block_size
from pellucid.engines.native.programs.emission import Emission, Program, image_layout
from pellucid.engines.native.stages import Call, DropoutStage, Stage
from pellucid.graph import Graph, logits
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.ops.optimizers import Optimizer

LARGEST_PARTITION_COUNT = 16
PARTIAL_NUMBERS = 2**26  # partial gradients should stay within 256 MB
CHUNK = 8192  # numbers of a parameter that one ticket updates


def training(graph: Graph, machine: Machine, loss: Loss, optimizer: Optimizer) -> Program:
    """The program that learns: train(frame, worker)."""
    return _Training(graph, machine, loss, optimizer).program()


@dataclass(frozen=True)
class _Numbers:
    """Which samples a block has.

    step: of this call. start: the number of the batch's first sample among all. first: of the
    block's first in the batch. count: samples in the block.
    """

    step: ir.Value
    start: ir.Value
    first: ir.Value
    count: ir.Value


class _Training(Emission):
    """Emits the training program, phase by phase."""

    def __init__(self, graph: Graph, machine: Machine, loss: Loss, optimizer: Optimizer) -> None:
        self.graph, self.loss = logits(graph, loss)
        super().__init__(self.graph, machine, training=True)
        # Without a softmax or sigmoid that the loss took over, predictions are what they are.
        self.pair_is_whole = self.graph is graph
        self.optimizer = optimizer
        self.dropouts = tuple(
            stage.step.number for stage in self.stages if isinstance(stage, DropoutStage)
        )
        self._place_values()
        self.partial_memory = Memory()
        self.partials = {
            number: self.partial_memory.take(math.prod(parameter.shape))
            for number, parameter in enumerate(graph.parameters)
            if parameter.trainable
        }
        self.packed_memory = Memory()
        self.packed = {
            stage.place: self.packed_memory.take(math.prod(stage.packed_sizes))
            for stage in self.stages
            if stage.packed_sizes
        }
        fitting = PARTIAL_NUMBERS // max(1, self.partial_memory.size)
        self.partitions = max(4, min(LARGEST_PARTITION_COUNT, fitting))

    def _place_values(self) -> None:
        """Decide the block size, and where values, gradients, winners and the like lie."""
        layouts, stages = self.plan.layouts, self.stages
        numbers = 2 * sum(layout.stride for layout in layouts)
        numbers += sum(s.winner_bytes // 4 + s.unpooled_size for s in stages)
        self.scratch = {s.place: self.arena.take(s.scratch_size) for s in stages if s.scratch_size}
        self.block = block_size(numbers)
        shared_values = {s.place for s in stages if s.batch_gradient}
        shared_gradients = {s.place + 1 for s in stages if s.batch_gradient}
        needed = {s.place for s in stages if s.input_gradient} | {len(stages)}
        self.values = self._buffers(shared_values, set(range(len(layouts))))
        self.gradients = self._buffers(shared_gradients, needed)
        self.winners = {
            s.place: Buffer(self.arena.take(-(-s.winner_bytes // 4) * self.block), s.winner_bytes)
            for s in stages
            if s.winner_bytes
        }
        self.unpooled = {
            s.place: Buffer(self.arena.take(s.unpooled_size * self.block), s.unpooled_size)
            for s in stages
            if s.unpooled_size
        }

    def _buffers(self, shared: set[int], needed: set[int]) -> dict[int, Buffer]:
        """A buffer for every needed value; views share theirs, and are shared if either is."""
        buffers: dict[int, Buffer] = {}
        layouts = self.plan.layouts
        for value, layout in enumerate(layouts):
            if value not in needed:
                continue
            if self.is_view(value) and value - 1 in buffers:
                buffers[value] = buffers[value - 1]
                continue
            following = value
            whole_batch = value in shared
            while following + 1 < len(layouts) and self.is_view(following + 1):
                following += 1
                whole_batch = whole_batch or following in shared
            if whole_batch:
                buffers[value] = Buffer(self.shared.take(layout.stride), layout.stride, True)
            else:
                offset = self.arena.take(layout.stride * self.block)
                buffers[value] = Buffer(offset, layout.stride)
        return buffers

    def program(self) -> Program:
        """Emit everything."""
        self.emit_stages(self.block)
        self.barrier = synchronise.barrier(self.module, self.machine.vector)
        self.gather = elementwise.gather(
            self.module, self.machine.vector, "gather", self.plan.layouts[0], True
        )
        self.transposes = {
            stage.place: packing.transpose(
                self.module, self.machine.vector, stage.name("transpose"), *stage.packed_sizes[1:]
            )
            for stage in self.stages
            if stage.packed_sizes
        }
        self.loss_function = self._emit_loss()
        self.update = optimizers.update(self.module, self.machine.vector, "update", self.optimizer)
        self.samples_function = self._emit_samples()
        self._emit_entry()
        return Program(
            str(self.module),
            "train",
            self.block,
            self.arena.size,
            self.shared.size,
            self.partial_memory.size,
            self.partitions,
            self.packed_memory.size,
            self.dropouts,
        )

    def _emit_loss(self) -> ir.Function:
        output, last = self.plan.layouts[-1], len(self.stages)
        sizes = losses.LossSizes(
            output.rows * output.columns,
            output.channels,
            self.values[last].stride,
            self.gradients[last].stride,
            isinstance(self.loss, SparseCategoricalCrossentropy),
        )
        row_loss = losses.row_loss(self.loss, self.pair_is_whole)
        return losses.loss(self.module, self.machine.vector, "loss", sizes, row_loss)

    def _call(
        self, em: Emitter, frame: ir.Value, arena: ir.Value, partial: ir.Value, numbers: _Numbers
    ) -> Call:
        """Where the numbers of a block of samples lie."""
        parameters, packed = field(em, frame, "parameters"), field(em, frame, "packed")

        def addresses(buffers: dict[int, Buffer]) -> dict[int, ir.Value]:
            return {
                place: self.address(em, frame, buffer, arena, numbers.first)
                for place, buffer in buffers.items()
            }

        def key(node: int) -> ir.Value:
            number = em.multiply(numbers.step, len(self.dropouts))
            place = em.add(number, self.dropouts.index(node))
            keys = field(em, frame, "keys")
            return em.builder.load(em.at(keys, place, kind=I32), typ=I32, align=4)

        return Call(
            em,
            numbers.count,
            numbers.first,
            lambda number: entry(em, parameters, number),
            addresses(self.values),
            addresses(self.gradients),
            addresses(self.winners),
            addresses(self.unpooled),
            packed={place: em.at(packed, offset) for place, offset in self.packed.items()},
            scratch={place: em.at(arena, offset) for place, offset in self.scratch.items()},
            partials={number: em.at(partial, offset) for number, offset in self.partials.items()},
            key=key,
        )

    def _emit_samples(self) -> ir.Function:
        """Some samples, there and back.

        Emits samples(frame, arena, partial, step, start, first, count).
        """
        em = self.emitter("samples", [POINTER] * 3 + [I64] * 4)
        frame, arena, partial, *rest = em.arguments
        numbers = _Numbers(*rest)
        call = self._call(em, frame, arena, partial, numbers)
        size, row = image_layout(self.graph.input_shape)
        images, order = field(em, frame, "images"), field(em, frame, "order")
        number = em.integer(em.add(numbers.start, numbers.first))
        place = [number, numbers.count, em.integer(size), em.integer(row)]
        em.builder.call(self.gather, [images, order, call.values[0], *place])
        for stage in self.stages:
            stage.forward(call)
        results = [field(em, frame, name) for name in ("losses", "outputs")]
        last = len(self.stages)
        pointers = [call.values[last], field(em, frame, "targets"), order, *results]
        arguments = [*pointers, call.gradients[last], number, numbers.count]
        em.builder.call(self.loss_function, arguments)
        for stage in reversed(self.stages):
            if stage.learns:
                stage.backward(call)
        return em.finish()

    def _emit_entry(self) -> None:
        em = self.emitter("train", [POINTER, I64])
        frame, worker = em.arguments
        samples, batch = field(em, frame, "samples"), field(em, frame, "batch")
        arena = em.at(field(em, frame, "arenas"), em.multiply(worker, self.arena.size))
        control = field(em, frame, "control")
        wait = [control, field(em, frame, "threads"), field(em, frame, "yield")]
        steps = em.builder.udiv(
            em.builder.sub(em.builder.add(samples, batch), ir.Constant(I64, 1)), batch
        )

        def step(number: Index) -> None:
            start = em.multiply(number, batch)
            count = em.integer(em.minimum(em.subtract(samples, start), batch))
            self._phase(em, control, *self._transposing(em, frame))
            em.builder.call(self.barrier, wait)
            self._learning(em, frame, arena, number, start, count)
            em.builder.call(self.barrier, wait)
            self._phase(em, control, *self._updating(em, frame, number, count))
            em.builder.call(self.barrier, wait)

        em.loop(0, steps, step)
        em.finish()

    def _phase(
        self,
        em: Emitter,
        control: ir.Value,
        counts: list[int],
        bodies: list[Callable[[Index], None]],
    ) -> None:
        """Several kinds of work in one row of tickets: `counts[i]` tickets run `bodies[i]`."""

        def run(ticket: ir.Value) -> None:
            def choose(kind: int, before: int) -> None:
                mine = em.subtract(ticket, before)
                if kind == len(bodies) - 1:
                    bodies[kind](mine)
                    return
                em.choose(
                    em.less(mine, counts[kind]),
                    lambda: bodies[kind](mine),
                    lambda: choose(kind + 1, before + counts[kind]),
                )

            choose(0, 0)

        if bodies:
            synchronise.tickets(em, control, sum(counts), run)

    def _transposing(
        self, em: Emitter, frame: ir.Value
    ) -> tuple[list[int], list[Callable[[Index], None]]]:
        """One ticket for each matrix that the backward pass needs transposed."""
        table, packed = field(em, frame, "parameters"), field(em, frame, "packed")
        counts: list[int] = []
        bodies: list[Callable[[Index], None]] = []
        for stage in self.stages:
            if not stage.packed_sizes:
                continue

            def matrix(number: Index, stage: Stage = stage) -> None:
                source = entry(em, table, stage.parameters[0])
                target = em.at(packed, self.packed[stage.place])
                bounds = [em.integer(number), em.integer(em.add(number, 1))]
                em.builder.call(self.transposes[stage.place], [source, target, *bounds])

            counts.append(stage.packed_sizes[0])
            bodies.append(matrix)
        return counts, bodies

    def _learning(
        self,
        em: Emitter,
        frame: ir.Value,
        arena: ir.Value,
        step: Index,
        start: Index,
        count: ir.Value,
    ) -> None:
        """Blocks of samples, in partitions that depend on the batch only, not on the threads."""
        control, partials = field(em, frame, "control"), field(em, frame, "partials")
        blocks = em.integer(em.quotient(em.add(count, self.block - 1), self.block))
        partitions = em.minimum(blocks, self.partitions)

        def partition(number: ir.Value) -> None:
            partial = em.at(partials, em.multiply(number, self.partial_memory.size))
            tiling.clear(em, partial, self.partial_memory.size)
            zero = em.integer(0)
            whole = _Numbers(em.integer(step), em.integer(start), zero, zero)
            call = self._call(em, frame, arena, partial, whole)
            for stage in self.stages:
                stage.begin_partition(call)

            def bound(place: Index) -> ir.Value:
                return em.builder.udiv(
                    em.integer(em.multiply(place, blocks)), em.integer(partitions)
                )

            def block(place: Index) -> None:
                first = em.multiply(place, self.block)
                many = em.minimum(em.subtract(count, first), self.block)
                numbers = [em.integer(n) for n in (step, start, first, many)]
                em.builder.call(self.samples_function, [frame, arena, partial, *numbers])

            em.loop(bound(number), bound(em.add(number, 1)), block)
            for stage in self.stages:
                stage.end_partition(call)

        synchronise.tickets(em, control, partitions, partition)

    def _updating(
        self, em: Emitter, frame: ir.Value, step: Index, count: ir.Value
    ) -> tuple[list[int], list[Callable[[Index], None]]]:
        """Tickets for chunks of every parameter: finish its gradient, take the optimizer's step."""
        blocks = em.integer(em.quotient(em.add(count, self.block - 1), self.block))
        partitions = em.integer(em.minimum(blocks, self.partitions))
        counts: list[int] = []
        bodies: list[Callable[[Index], None]] = []
        whole = {
            number: stage
            for stage in self.stages
            if stage.batch_gradient
            for number in stage.parameters
        }
        for number in self.partials:
            size = math.prod(self.graph.parameters[number].shape)
            stage = whole.get(number)
            row = self.graph.parameters[number].shape[-1] if stage else 1
            rows = max(1, CHUNK // row)
            chunk = rows * row

            def update(
                ticket: Index,
                number: int = number,
                size: int = size,
                stage: Stage | None = stage,
                rows: int = rows,
                chunk: int = chunk,
            ) -> None:
                low = em.multiply(ticket, chunk)
                many = em.minimum(em.subtract(size, low), chunk)
                if stage is not None:
                    self._sum_batch(
                        em, frame, stage, number, em.multiply(ticket, rows), rows, count
                    )
                parts = ir.Constant(I64, 1) if stage is not None else partitions
                self._call_update(em, frame, number, low, many, step, count, parts)

            counts.append(-(-size // chunk))
            bodies.append(update)
        return counts, bodies

    def _sum_batch(
        self,
        em: Emitter,
        frame: ir.Value,
        stage: Stage,
        number: int,
        row: Index,
        rows: int,
        count: ir.Value,
    ) -> None:
        """The gradient of some rows of a dense layer's kernel, or of its bias, over the batch."""
        shared, partials = field(em, frame, "shared"), field(em, frame, "partials")
        target = em.at(partials, self.partials[number])
        slopes = self.address(em, frame, self.gradients[stage.place + 1], shared, 0)
        if number != stage.parameters[0]:
            em.builder.call(stage.functions["bias"], [slopes, target, count])
            return
        inputs = self.address(em, frame, self.values[stage.place], shared, 0)
        high = em.minimum(em.add(row, rows), self.graph.parameters[number].shape[0])
        bounds = [em.integer(row), em.integer(high)]
        em.builder.call(stage.functions["kernel"], [inputs, slopes, target, count, *bounds])

    def _call_update(
        self,
        em: Emitter,
        frame: ir.Value,
        number: int,
        low: Index,
        many: Index,
        step: Index,
        count: ir.Value,
        partitions: ir.Value,
    ) -> None:
        parameters, slots = field(em, frame, "parameters"), field(em, frame, "slots")
        kept = [
            em.at(entry(em, slots, number * optimizers.SLOTS + slot), low)
            for slot in range(optimizers.SLOTS)
        ]
        gradients = em.at(field(em, frame, "partials"), self.partials[number], low)
        width = len(self.optimizer.scalars(0))
        scalars = em.at(field(em, frame, "scalars"), em.multiply(step, width))
        one = ir.Constant(F32, 1.0)
        scale = em.builder.fdiv(one, em.builder.sitofp(count, F32))
        em.builder.call(
            self.update,
            [
                em.at(entry(em, parameters, number), low),
                *kept,
                gradients,
                partitions,
                ir.Constant(I64, self.partial_memory.size),
                scalars,
                scale,
                em.integer(many),
            ],
        )

    def address(
        self, em: Emitter, frame: ir.Value, buffer: Buffer, arena: ir.Value, first: Index
    ) -> ir.Value:
        """Where the numbers of a block's first sample lie; `first` is its number in the batch."""
        if not buffer.shared:
            return em.at(arena, buffer.offset)
        # The shared buffers lie one after the other, each with room for the whole batch.
        start = em.multiply(field(em, frame, "batch"), buffer.offset)
        return em.at(field(em, frame, "shared"), start, em.multiply(first, buffer.stride))
