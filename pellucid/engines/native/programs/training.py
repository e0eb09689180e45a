"""The program that learns.

A step brings the weights into the forms that kernels read, runs blocks of samples forward and
back, then sums the partial gradients and takes the optimizer's step; a barrier stands between
these phases. A large head of dense layers runs between the forward and the backward pass of the
stages before it, on as many samples at once as there are for each thread. The batch is cut into
partitions and blocks that do not depend on the threads, so sums never do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise, losses, optimizers, packing, tiling
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Emission, Program, image_layout
from pellucid.engines.native.programs.placement import Buffer, Placement
from pellucid.engines.native.stages import Call, DropoutStage, Stage
from pellucid.graph import Graph, logits
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.ops.optimizers import Optimizer

CHUNK = 8192  # numbers of a parameter that one ticket updates
HEAD_ROWS = 8  # a thread's samples in the head come in multiples of the rows of its tiles

Work = tuple[int, Callable[[Index], None]]  # how many tickets, and what one of them does


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
        self.graph, (self.loss,), (finishing,) = logits(graph, [loss])
        super().__init__(self.graph, machine, training=True)
        # Without a softmax or sigmoid that the loss took over, predictions are what they are.
        self.pair_is_whole = finishing is None
        self.optimizer = optimizer
        self.places = Placement(self.graph, self.stages, self.plan.layouts)
        self.dropouts = tuple(
            stage.step.number for stage in self.stages if isinstance(stage, DropoutStage)
        )

    def program(self) -> Program:
        """Emit everything."""
        module, machine, places = self.module, self.machine, self.places
        self.emit_stages(places.block)
        self.barrier = synchronise.barrier(module, machine)
        self.gather = elementwise.gather(module, machine, self.plan.layouts[0], True)
        self.loss_function = self._emit_loss()
        self.update = optimizers.update(module, machine, self.optimizer)
        body, head = self.stages[: places.head], self.stages[places.head :]
        if head:
            self.body_forward = self._emit_part("body_forward", load=True, forward=body)
            self.head_part = self._emit_part("head", forward=head, loss=True, backward=head)
            self.backward = self._emit_part("body_backward", backward=body)
        else:
            self.backward = self._emit_part(
                "forward_backward", load=True, forward=body, loss=True, backward=body
            )
        self._emit_entry()
        return Program(
            str(module),
            "train",
            places.arena.size,
            shared=places.shared.size,
            partials=places.partial_memory.size * places.partitions,
            whole=places.whole_memory.size,
            packed=places.packed_memory.size,
            dropouts=self.dropouts,
        )

    def _emit_loss(self) -> ir.Function:
        output, last = self.plan.layouts[-1], len(self.stages)
        sizes = losses.LossSizes(
            output.rows * output.columns,
            output.channels,
            self.places.values[last].stride,
            self.places.gradients[last].stride,
            isinstance(self.loss, SparseCategoricalCrossentropy),
        )
        return losses.loss(self.module, self.machine, self.loss, self.pair_is_whole, sizes)

    # Addresses

    def _address(
        self, em: Emitter, frame: ir.Value, buffer: Buffer, arena: ir.Value, first: Index
    ) -> ir.Value:
        """Where the numbers of a block's first sample lie; `first` is its number in the batch."""
        if not buffer.shared:
            return em.at(arena, buffer.offset)
        # The shared buffers lie one after the other. Where they lie must not change from call to
        # call, or the zeros around a value would be others' numbers: so not by the batch.
        start = em.multiply(field(em, frame, "capacity"), buffer.offset)
        return em.at(field(em, frame, "shared"), start, em.multiply(first, buffer.stride))

    def _call(
        self, em: Emitter, frame: ir.Value, arena: ir.Value, partial: ir.Value, numbers: _Numbers
    ) -> Call:
        """Where the numbers of a block of samples lie."""
        places = self.places
        parameters, packed = field(em, frame, "parameters"), field(em, frame, "packed")

        def addresses(buffers: dict[int, Buffer]) -> dict[int, ir.Value]:
            return {
                place: self._address(em, frame, buffer, arena, numbers.first)
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
            addresses(places.values),
            addresses(places.gradients),
            addresses(places.winners),
            addresses(places.unpooled),
            packed={place: em.at(packed, offset) for place, offset in places.packed.items()},
            panels={place: em.at(packed, offset) for place, offset in places.panels.items()},
            scratch={place: em.at(arena, offset) for place, offset in places.scratch.items()},
            partials={n: em.at(partial, offset) for n, offset in places.partials.items()},
            key=key,
        )

    # Some samples

    def _emit_part(
        self,
        name: str,
        *,
        load: bool = False,
        forward: Sequence[Stage] = (),
        loss: bool = False,
        backward: Sequence[Stage] = (),
    ) -> ir.Function:
        """What some samples go through: images loaded, stages forward, the loss, stages backward.

        Emits name(frame, arena, partial, step, start, first, count).
        """
        em = self.emitter(name, [POINTER] * 3 + [I64] * 4)
        frame, arena, partial, *rest = em.arguments
        numbers = _Numbers(*rest)
        call = self._call(em, frame, arena, partial, numbers)
        place = em.integer(em.add(numbers.start, numbers.first))
        if load:
            self._load(em, frame, call, place)
        for stage in forward:
            stage.forward(call)
        if loss:
            last = len(self.stages)
            results = [field(em, frame, key) for key in ("targets", "order", "losses", "outputs")]
            pointers = [call.values[last], *results, call.gradients[last]]
            em.builder.call(self.loss_function, [*pointers, place, numbers.count])
        for stage in reversed(backward):
            if stage.learns:
                stage.backward(call)
        return em.finish()

    def _load(self, em: Emitter, frame: ir.Value, call: Call, place: ir.Value) -> None:
        """Copy the images of a block into its first value."""
        size, row = image_layout(self.graph.inputs[0])
        images, order = field(em, frame, "images"), field(em, frame, "order")
        sizes = [em.integer(size), em.integer(row)]
        em.builder.call(self.gather, [images, order, call.values[0], place, call.samples, *sizes])

    # The phases of a step

    def _emit_entry(self) -> None:
        em = self.emitter("train", [POINTER, I64])
        frame, worker = em.arguments
        samples, batch = field(em, frame, "samples"), field(em, frame, "batch")
        arena = em.at(field(em, frame, "arenas"), em.multiply(worker, self.places.arena.size))
        control = field(em, frame, "control")
        wait = [control, field(em, frame, "threads"), field(em, frame, "yield")]
        steps = em.builder.udiv(em.integer(em.add(samples, batch, -1)), batch)

        def step(number: Index) -> None:
            start = em.multiply(number, batch)
            count = em.integer(em.minimum(em.subtract(samples, start), batch))
            now = _Step(em, frame, arena, em.integer(number), em.integer(start), count)
            phases: list[Callable[[], None]] = []
            phases.append(lambda: self._share(now, self._packing(now)))
            if self.places.head < len(self.stages):
                phases += [lambda: self._forward(now), lambda: self._head(now)]
            phases.append(lambda: self._backward(now))
            phases.append(lambda: self._share(now, self._updating(now)))
            for phase in phases:
                phase()
                em.builder.call(self.barrier, wait)

        em.loop(0, steps, step)
        em.finish()

    def _share(self, now: _Step, work: list[Work]) -> None:
        """Several kinds of work, shared among the threads in one row of tickets."""
        em = now.em

        def run(ticket: ir.Value) -> None:
            def choose(kind: int, before: int) -> None:
                count, body = work[kind]
                mine = em.subtract(ticket, before)
                if kind == len(work) - 1:
                    body(mine)
                    return
                em.choose(
                    em.less(mine, count),
                    lambda: body(mine),
                    lambda: choose(kind + 1, before + count),
                )

            choose(0, 0)

        if work:
            synchronise.tickets(em, now.control, sum(count for count, _ in work), run)

    def _packing(self, now: _Step) -> list[Work]:
        """The kernels in the forms that the stages need, part by part."""
        work: list[Work] = []
        for stage in self.stages:
            if stage.packed_sizes:
                parts = packing.parts(*stage.packed_sizes[:2])
                offset = self.places.packed[stage.place]
                work.append((parts, self._packing_part(now, stage, "transpose", offset)))
            if stage.panel_sizes:
                parts, offset = (
                    packing.parts(1, stage.panel_sizes[0]),
                    self.places.panels[stage.place],
                )
                work.append((parts, self._packing_part(now, stage, "panels", offset)))
        return work

    def _packing_part(
        self, now: _Step, stage: Stage, what: str, offset: int
    ) -> Callable[[Index], None]:
        em = now.em

        def part(number: Index) -> None:
            source = entry(em, field(em, now.frame, "parameters"), stage.parameters[0])
            target = em.at(field(em, now.frame, "packed"), offset)
            bounds = [em.integer(number), em.integer(em.add(number, 1))]
            em.builder.call(stage.functions[what], [source, target, *bounds])

        return part

    def _forward(self, now: _Step) -> None:
        """The stages before the head, forward, block by block."""

        def block(number: ir.Value) -> None:
            first = now.em.multiply(number, self.places.block)
            now.call(self.body_forward, first, self.places.block)

        synchronise.tickets(now.em, now.control, now.blocks(self.places.block), block)

    def _head(self, now: _Step) -> None:
        """The head and the loss, forward and backward: every thread takes as many samples."""
        em = now.em
        threads = field(em, now.frame, "threads")
        tiles = em.integer(now.blocks(HEAD_ROWS))
        share = em.builder.udiv(em.integer(em.add(tiles, threads, -1)), threads)
        rows = em.multiply(share, HEAD_ROWS)
        chunks = em.builder.udiv(em.integer(em.add(tiles, share, -1)), share)
        synchronise.tickets(
            em, now.control, chunks, lambda n: now.call(self.head_part, em.multiply(n, rows), rows)
        )

    def _backward(self, now: _Step) -> None:
        """What is left, in partitions that depend on the batch only, not on the threads."""
        em, places = now.em, self.places
        partials = field(em, now.frame, "partials")
        blocks = em.integer(now.blocks(places.block))
        partitions = em.minimum(blocks, places.partitions)

        def partition(number: ir.Value) -> None:
            partial = em.at(partials, em.multiply(number, places.partial_memory.size))
            tiling.clear(em, partial, places.partial_memory.size)
            zero = em.integer(0)
            whole = _Numbers(now.number, now.start, zero, zero)
            call = self._call(em, now.frame, now.arena, partial, whole)
            for stage in self.stages:
                stage.begin_partition(call)

            def bound(place: Index) -> ir.Value:
                share = em.integer(em.multiply(place, blocks))
                return em.builder.udiv(share, em.integer(partitions))

            def block(place: Index) -> None:
                now.call(self.backward, em.multiply(place, places.block), places.block, partial)

            em.loop(bound(number), bound(em.add(number, 1)), block)
            for stage in self.stages:
                stage.end_partition(call)

        synchronise.tickets(em, now.control, partitions, partition)

    def _updating(self, now: _Step) -> list[Work]:
        """Chunks of every parameter: finish the gradient, take the optimizer's step."""
        em, places = now.em, self.places
        work: list[Work] = []
        partitions = em.integer(em.minimum(now.blocks(places.block), places.partitions))
        for number, offset in places.partials.items():
            size = math.prod(self.graph.parameters[number].shape)

            def chunk(
                ticket: Index, number: int = number, offset: int = offset, size: int = size
            ) -> None:
                low = em.multiply(ticket, CHUNK)
                gradients = em.at(field(em, now.frame, "partials"), offset, low)
                many = em.minimum(em.subtract(size, low), CHUNK)
                self._update(now, number, low, many, gradients, partitions)

            work.append((-(-size // CHUNK), chunk))
        for stage in self.stages:
            mine = [number for number in stage.parameters if number in places.whole]
            work.extend(self._updating_whole(now, stage, number) for number in mine)
        return work

    def _updating_whole(self, now: _Step, stage: Stage, number: int) -> Work:
        """Rows of a parameter whose gradient is summed over the whole batch at once."""
        em, shape = now.em, self.graph.parameters[number].shape
        size, width = math.prod(shape), shape[-1]
        rows = max(1, CHUNK // width)

        def chunk(ticket: Index) -> None:
            target = em.at(field(em, now.frame, "whole"), self.places.whole[number])
            slopes = self._address(em, now.frame, self.places.gradients[stage.place + 1], target, 0)
            low = em.multiply(ticket, rows * width)
            if number == stage.parameters[0]:
                inputs = self._address(em, now.frame, self.places.values[stage.place], target, 0)
                first = em.multiply(ticket, rows)
                bounds = [em.integer(first), em.integer(em.minimum(em.add(first, rows), shape[0]))]
                arguments = [inputs, slopes, target, now.count, *bounds]
                em.builder.call(stage.functions["kernel"], arguments)
            else:
                em.builder.call(stage.functions["bias"], [slopes, target, now.count])
            many = em.minimum(em.subtract(size, low), rows * width)
            self._update(now, number, low, many, em.at(target, low), em.integer(1))

        return -(-size // (rows * width)), chunk

    def _update(
        self,
        now: _Step,
        number: int,
        low: Index,
        many: Index,
        gradients: ir.Value,
        partitions: ir.Value,
    ) -> None:
        """The optimizer's step for `many` numbers of a parameter, from `low` on."""
        em = now.em
        parameters, slots = field(em, now.frame, "parameters"), field(em, now.frame, "slots")
        kept = [
            em.at(entry(em, slots, number * optimizers.SLOTS + slot), low)
            for slot in range(optimizers.SLOTS)
        ]
        width = len(self.optimizer.scalars(0))
        scalars = em.at(field(em, now.frame, "scalars"), em.multiply(now.number, width))
        scale = em.builder.fdiv(ir.Constant(F32, 1.0), em.builder.sitofp(now.count, F32))
        pointers = [em.at(entry(em, parameters, number), low), *kept, gradients]
        stride = em.integer(self.places.partial_memory.size)
        arguments = [*pointers, partitions, stride, scalars, scale, em.integer(many)]
        em.builder.call(self.update, arguments)


@dataclass(frozen=True)
class _Step:
    """One step while it is emitted: its number in this call, its first sample, its samples."""

    em: Emitter
    frame: ir.Value
    arena: ir.Value
    number: ir.Value
    start: ir.Value
    count: ir.Value

    @property
    def control(self) -> ir.Value:
        """The address of the words by which threads share work."""
        return field(self.em, self.frame, "control")

    def blocks(self, size: int) -> Index:
        """How many blocks of `size` samples the batch has."""
        return self.em.quotient(self.em.add(self.count, size - 1), size)

    def call(
        self, part: ir.Function, first: Index, rows: Index, partial: ir.Value | None = None
    ) -> None:
        """Run up to `rows` samples, from number `first` of the batch on, through a part."""
        em = self.em
        many = em.minimum(em.subtract(self.count, first), rows)
        numbers = [self.number, self.start, em.integer(first), em.integer(many)]
        em.builder.call(part, [self.frame, self.arena, partial or self.arena, *numbers])
