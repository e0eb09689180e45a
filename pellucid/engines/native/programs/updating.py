"""The last phase of a step: gradients are finished, and weights follow them."""

from __future__ import annotations

import math

from llvmlite import ir

from pellucid.engines.native.emit import F32, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import optimizers
from pellucid.engines.native.programs.placement import Placement
from pellucid.engines.native.programs.step import Places, Step, Work
from pellucid.engines.native.stages import Stage
from pellucid.graph import Graph
from pellucid.ops.optimizers import Optimizer

CHUNK = 8192  # numbers of a parameter that one ticket updates


class Updating:
    """Emits the work of the update: chunks of every parameter that learns."""

    def __init__(
        self, graph: Graph, placement: Placement, optimizer: Optimizer, update: ir.Function
    ) -> None:
        self.graph, self.placement = graph, placement
        self.optimizer, self.update = optimizer, update

    def work(self, now: Step, places: Places) -> list[Work]:
        """Finish the gradient of every parameter, and take the optimizer's step."""
        em, placement = now.em, self.placement
        partitions = em.integer(em.minimum(now.blocks(placement.block), placement.partitions))
        work = [self._partial(now, number, partitions) for number in placement.partials]
        done: set[int] = set()
        for stage in placement.stages:
            for number in stage.parameters:
                if number not in placement.whole or number in done:
                    continue
                done.add(number)
                if stage.batch_gradient:
                    work.append(self._batch_gradient(now, places, stage, number))
                else:
                    work.append(self._gathered(now, number))
        return work

    def _size(self, number: int) -> int:
        return math.prod(self.graph.parameters[number].shape)

    def _partial(self, now: Step, number: int, partitions: ir.Value) -> Work:
        """A parameter whose gradient lies in parts, one for each partition of the batch."""
        em, size = now.em, self._size(number)

        def chunk(ticket: Index) -> None:
            low = em.multiply(ticket, CHUNK)
            offset = self.placement.partials[number]
            gradients = em.at(field(em, now.frame, "partials"), offset, low)
            many = em.minimum(em.subtract(size, low), CHUNK)
            self._step(now, number, low, many, gradients, partitions)

        return -(-size // CHUNK), chunk

    def _gathered(self, now: Step, number: int) -> Work:
        """A parameter whose gradient was summed over the batch in an earlier phase."""
        em, size = now.em, self._size(number)

        def chunk(ticket: Index) -> None:
            low = em.multiply(ticket, CHUNK)
            gradients = em.at(field(em, now.frame, "whole"), self.placement.whole[number], low)
            many = em.minimum(em.subtract(size, low), CHUNK)
            self._step(now, number, low, many, gradients, em.integer(1))

        return -(-size // CHUNK), chunk

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
            self._step(now, number, low, many, em.at(target, low), em.integer(1))

        return -(-size // (rows * width)), chunk

    def _step(
        self,
        now: Step,
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
        stride = em.integer(self.placement.partial_memory.size)
        arguments = [*pointers, partitions, stride, scalars, scale, em.integer(many)]
        em.builder.call(self.update, arguments)
