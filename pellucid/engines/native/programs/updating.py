"""The last phase of a step: gradients are finished, and weights follow them.

Where gradients are clipped by their norm, there are two: first every gradient is finished, and the
squares of each chunk are summed; then the chunks' sums are added, and the weights follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from pellucid.engines.native.emit import F32, Index, Module
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import optimizers
from pellucid.engines.native.kernels.optimizers import Penalty
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.placement import Placement
from pellucid.engines.native.programs.step import Places, Step, Work
from pellucid.engines.native.stages import Stage
from pellucid.graph import Graph
from pellucid.ops.optimizers import Optimizer

CHUNK = 8192  # numbers of a parameter that one ticket updates


class Updating:
    """Emits the work of the update: chunks of every parameter that learns."""

    def __init__(
        self,
        module: Module,
        machine: Machine,
        graph: Graph,
        placement: Placement,
        optimizer: Optimizer,
    ) -> None:
        self.module, self.machine = module, machine
        self.graph, self.placement, self.optimizer = graph, placement, optimizer
        self.limit = optimizer.clipnorm or optimizer.global_clipnorm
        self.chunks: dict[int, int] = {}  # how many each parameter has, in order
        if self.limit:
            shapes = {n: graph.parameters[n].shape for n in (*placement.partials, *placement.whole)}
            rows = {n: math.prod(shapes[n]) // shapes[n][-1] for n in shapes}
            batch = {
                number
                for stage in placement.stages
                if stage.batch_gradient
                for number in stage.parameters
            }
            for n, shape in shapes.items():
                size = max(1, CHUNK // shape[-1]) if n in batch else CHUNK
                self.chunks[n] = -(-(rows[n] if n in batch else math.prod(shape)) // size)
            self.squares = placement.whole_memory.take(sum(self.chunks.values()))

    def phases(self, now: Step, places: Places) -> list[Callable[[], None]]:
        """What emits each phase of the update; a barrier stands between them."""
        phases = [lambda: now.share(self._finishing(now, places))]
        if self.limit:
            phases.append(lambda: now.share(self._following(now)))
        return phases

    def _finishing(self, now: Step, places: Places) -> list[Work]:
        """Finish the gradient of every parameter, and take the optimizer's step if one may."""
        em, placement = now.em, self.placement
        counts = {
            block: em.integer(em.minimum(now.blocks(block), placement.partitions))
            for block in sorted(set(placement.blocks))
        }
        work = [
            self._summed(now, number, counts[placement.learning_block(number)])
            for number in placement.partials
        ]
        done: set[int] = set()
        for stage in placement.stages:
            for number in stage.parameters:
                if number not in placement.whole or number in done:
                    continue
                done.add(number)
                if stage.batch_gradient:
                    work.append(self._batch_gradient(now, places, stage, number))
                else:
                    # It was summed over the batch in an earlier phase.
                    work.append(self._summed(now, number, em.integer(1)))
        return work

    def _size(self, number: int) -> int:
        return math.prod(self.graph.parameters[number].shape)

    def _first_chunk(self, number: int) -> int:
        """How many chunks all parameters before this one have."""
        return sum(chunks for other, chunks in self.chunks.items() if other < number)

    def _in_chunks(
        self, now: Step, number: int, body: Callable[[Index, Index, Index, ir.Value], None]
    ) -> Work:
        """`body(ticket, low, many, gradients)` for every chunk of a parameter's gradient."""
        em, size = now.em, self._size(number)
        memory, offsets = "partials", self.placement.partials
        if number not in offsets:
            memory, offsets = "whole", self.placement.whole

        def chunk(ticket: Index) -> None:
            low = em.multiply(ticket, CHUNK)
            gradients = em.at(field(em, now.frame, memory), offsets[number], low)
            body(ticket, low, em.minimum(em.subtract(size, low), CHUNK), gradients)

        return -(-size // CHUNK), chunk

    def _summed(self, now: Step, number: int, partitions: ir.Value) -> Work:
        """A parameter whose gradient lies in parts, one for each partition of the batch."""

        def body(ticket: Index, low: Index, many: Index, gradients: ir.Value) -> None:
            self._finish(now, number, ticket, low, many, gradients, partitions)

        return self._in_chunks(now, number, body)

    def _batch_gradient(self, now: Step, places: Places, stage: Stage, number: int) -> Work:
        """Rows of a parameter whose gradient is summed over the whole batch at once."""
        em, placement = now.em, self.placement
        shape, size = self.graph.parameters[number].shape, self._size(number)
        width = shape[-1]
        rows = max(1, CHUNK // width)

        def chunk(ticket: Index) -> None:
            target = em.at(field(em, now.frame, "whole"), placement.whole[number])
            slopes = places.address(placement.gradients[stage.output], target, 0)
            low = em.multiply(ticket, rows * width)
            if number == stage.parameters[0]:
                inputs = places.address(placement.values[stage.inputs[0]], target, 0)
                first = em.multiply(ticket, rows)
                bounds = [em.integer(first), em.integer(em.minimum(em.add(first, rows), shape[0]))]
                arguments = [inputs, slopes, target, now.count, *bounds]
                em.builder.call(stage.functions["kernel"], arguments)
            else:
                em.builder.call(stage.functions["bias"], [slopes, target, now.count])
            many = em.minimum(em.subtract(size, low), rows * width)
            gradients = em.at(target, low)
            self._finish(now, number, ticket, low, many, gradients, em.integer(1))

        return -(-size // (rows * width)), chunk

    def _finish(
        self,
        now: Step,
        number: int,
        ticket: Index,
        low: Index,
        many: Index,
        gradients: ir.Value,
        partitions: ir.Value,
    ) -> None:
        """Finish a chunk of a gradient; take the step, too, if no norm is waited for."""
        em, described = now.em, self.graph.parameters[number]
        penalty = Penalty(described.l1, described.l2)
        scale = em.builder.fdiv(ir.Constant(F32, 1.0), em.builder.sitofp(now.count, F32))
        if not self.limit:
            self._step(now, number, low, many, gradients, partitions, scale, penalty)
            return
        place = self.squares + self._first_chunk(number)
        squares = em.at(field(em, now.frame, "whole"), em.add(ticket, place))
        parameter = em.at(entry(em, field(em, now.frame, "parameters"), number), low)
        stride = em.integer(self.placement.partial_memory.size)
        function = optimizers.finish(self.module, self.machine, penalty)
        arguments = [parameter, gradients, partitions, stride, scale, squares, em.integer(many)]
        em.builder.call(function, arguments)

    def _following(self, now: Step) -> list[Work]:
        """Let every parameter follow its finished gradient, shrunk to the norm that it may have."""

        def one(number: int) -> Work:
            def body(ticket: Index, low: Index, many: Index, gradients: ir.Value) -> None:
                factor = self._factor(now, number)
                whole = now.em.integer(1)
                self._step(now, number, low, many, gradients, whole, factor, Penalty())

            return self._in_chunks(now, number, body)

        return [one(number) for number in self.chunks]

    def _factor(self, now: Step, number: int) -> ir.Value:
        """What brings a gradient, or all of them together, to the norm that is allowed."""
        em, squares = now.em, field(now.em, now.frame, "whole")
        first = self._first_chunk(number)
        last = first + self.chunks[number]
        if self.optimizer.global_clipnorm:
            first, last = 0, sum(self.chunks.values())

        def add(place: Index, total: ir.Value) -> list[ir.Value]:
            return [em.builder.fadd(total, em.float_at(squares, em.add(place, self.squares)))]

        (total,) = em.loop(first, last, add, [ir.Constant(F32, 0.0)])
        norm, limit = em.call_math("sqrt", total), ir.Constant(F32, self.limit)
        larger = em.builder.fcmp_ordered(">", norm, limit)
        return em.builder.fdiv(limit, em.builder.select(larger, norm, limit))

    def _step(
        self,
        now: Step,
        number: int,
        low: Index,
        many: Index,
        gradients: ir.Value,
        partitions: ir.Value,
        scale: ir.Value,
        penalty: Penalty,
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
        pointers = [em.at(entry(em, parameters, number), low), *kept, gradients]
        stride = em.integer(self.placement.partial_memory.size)
        arguments = [*pointers, partitions, stride, scalars, scale, em.integer(many)]
        function = optimizers.update(self.module, self.machine, self.optimizer, penalty)
        em.builder.call(function, arguments)
