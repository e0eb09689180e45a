"""The program that learns.

A step brings the weights into the forms that kernels read, runs blocks of samples through the
phases of its schedule, forward and back, then sums the partial gradients and takes the
optimizer's step; a barrier stands between all these. The batch is cut into partitions and blocks
that do not depend on the threads, so sums never do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I64, POINTER, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import losses, packing, tiling
from pellucid.engines.native.layout import aligned
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Emission, Program
from pellucid.engines.native.programs.placement import Placement
from pellucid.engines.native.programs.schedule import Phase
from pellucid.engines.native.programs.step import Numbers, Places, Step, Work
from pellucid.engines.native.programs.updating import Updating
from pellucid.engines.native.stages import Call, GatheringStage, Stage
from pellucid.graph import Graph, logits
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.ops.optimizers import Optimizer

HEAD_ROWS = 8  # a thread's samples in the head come in multiples of the rows of its tiles


def training(
    graph: Graph,
    machine: Machine,
    losses: Sequence[Loss],
    loss_weights: Sequence[float],
    optimizer: Optimizer,
) -> Program:
    """The program that learns: train(frame, worker)."""
    return _Training(graph, machine, losses, loss_weights, optimizer).program()


class _Training(Emission):
    """Emits the training program, phase by phase."""

    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        losses: Sequence[Loss],
        loss_weights: Sequence[float],
        optimizer: Optimizer,
    ) -> None:
        self.graph, self.losses, self.finishing = logits(graph, losses)
        super().__init__(self.graph, machine, training=True)
        self.loss_weights = loss_weights
        self.optimizer = optimizer
        self.placement = Placement(self.graph, self.stages, self.plan.layouts, self.plan.outputs)
        self.random = tuple(stage.step.number for stage in self.stages if stage.step.node.op.random)

    def program(self) -> Program:
        """Emit everything."""
        module, machine, placement = self.module, self.machine, self.placement
        self.emit_stages(placement.block_of)
        self.barrier = synchronise.barrier(module, machine)
        self.parts = [self._emit_part(phase) for phase in placement.schedule.phases]
        self.updating = Updating(module, machine, self.graph, placement, self.optimizer)
        self._emit_entry()
        return Program(
            str(module),
            "train",
            placement.arena.size,
            shared=placement.shared.size,
            partials=placement.partial_memory.size * placement.partitions,
            whole=placement.whole_memory.size,
            packed=placement.packed_memory.size,
            random=[(node, self._seed(node)) for node in self.random],
        )

    def _seed(self, node: int) -> int | None:
        """The seed that a random node has for itself."""
        return self.graph.nodes[node].op.seed

    # Some samples

    def _emit_part(self, phase: Phase) -> ir.Function:
        """What some samples go through in a phase: load, forward, the losses, and back.

        Emits phase(frame, arena, partial, step, start, first, count).
        """
        em = self.emitter(f"phase_{phase.number}", [POINTER] * 3 + [I64] * 4)
        frame, arena, partial, *rest = em.arguments
        numbers = Numbers(*rest)
        places = Places(em, frame, self.placement, self.random)
        call = places.call(phase.stages, phase.number, (arena, partial), numbers)
        place = em.integer(em.add(numbers.start, numbers.first))
        for value in self.placement.loads[phase.number]:
            self.load(frame, call, value, place, ordered=True)
        for emit in phase.ahead:
            emit(call)
        if phase.loss:
            for number in range(len(self.losses)):
                self._lose(frame, call, number, place)
        for emit in phase.back:
            emit(call)
        return em.finish()

    def _lose(self, frame: ir.Value, call: Call, number: int, place: ir.Value) -> None:
        """The loss of one output, and its gradient."""
        em, value = call.em, self.plan.outputs[number]
        output, loss = self.plan.layouts[value], self.losses[number]
        sizes = losses.LossSizes(
            output.rows * output.columns,
            output.channels,
            output.stride,
            output.stride,
            isinstance(loss, SparseCategoricalCrossentropy),
            self.loss_weights[number],
        )
        function = losses.loss(
            self.module, self.machine, loss, self.finishing[number] is None, sizes
        )
        targets, weights, told, outputs = (
            entry(em, field(em, frame, name), number)
            for name in ("targets", "weights", "losses", "outputs")
        )
        order = field(em, frame, "order")
        pointers = [call.values[value], targets, weights, order, told, outputs]
        em.builder.call(function, [*pointers, call.gradients[value], place, call.samples])

    # The phases of a step

    def _emit_entry(self) -> None:
        em = self.emitter("train", [POINTER, I64])
        frame, worker = em.arguments
        samples, batch = field(em, frame, "samples"), field(em, frame, "batch")
        arena = em.at(field(em, frame, "arenas"), em.multiply(worker, self.placement.arena.size))
        control = field(em, frame, "control")
        wait = [control, field(em, frame, "threads"), field(em, frame, "yield")]
        steps = em.builder.udiv(em.integer(em.add(samples, batch, -1)), batch)
        places = Places(em, frame, self.placement, self.random)

        def step(number: Index) -> None:
            start = em.multiply(number, batch)
            count = em.integer(em.minimum(em.subtract(samples, start), batch))
            now = Step(em, frame, arena, em.integer(number), em.integer(start), count)
            tasks: list[Callable[[], None]] = []
            tasks.append(lambda: now.share([*self._packing(now), *self._preparing(now, places)]))
            for phase in self.placement.schedule.phases:
                tasks += self._phase(now, places, phase)
            tasks += self.updating.phases(now, places)
            for task in tasks:
                task()
                em.builder.call(self.barrier, wait)

        em.loop(0, steps, step)
        em.finish()

    def _phase(self, now: Step, places: Places, phase: Phase) -> list[Callable[[], None]]:
        """A phase, and what is gathered behind it."""
        tasks: list[Callable[[], None]] = []
        if phase.head:
            tasks.append(lambda: self._head(now, phase))
        elif phase.backward:
            tasks.append(lambda: self._backward(now, places, phase))
        else:
            tasks.append(lambda: self._forward(now, phase))
        if phase.measured or phase.measured_back:
            tasks.append(lambda: now.share(self._gathering(now, places, phase)))
        return tasks

    def _packing(self, now: Step) -> list[Work]:
        """The kernels in the forms that the stages need, part by part."""
        work: list[Work] = []
        for stage in self.stages:
            if stage.packed_sizes:
                parts = packing.parts(*stage.packed_sizes[:2])
                offset = self.placement.packed[stage.place]
                work.append((parts, self.packing(now.em, now.frame, stage, "transpose", offset)))
            if stage.panel_sizes:
                parts = stage.panel_parts
                offset = self.placement.panels[stage.place]
                work.append((parts, self.packing(now.em, now.frame, stage, "panels", offset)))
        return work

    def _preparing(self, now: Step, places: Places) -> list[Work]:
        """What stages make of their parameters."""

        def prepare(stage: Stage) -> Work:
            return 1, lambda _: stage.prepare(self._whole_batch(now, places, [stage]))

        return [prepare(stage) for stage in self.stages if stage.prepares]

    def _gathering(self, now: Step, places: Places, phase: Phase) -> list[Work]:
        """The sums over the batch of what was measured in a phase."""
        em = now.em

        def ahead(stage: GatheringStage) -> Work:
            return 1, lambda _: stage.gather(self._whole_batch(now, places, [stage]))

        def back(stage: GatheringStage) -> Work:
            whole = field(em, now.frame, "whole")
            gradients = {
                number: em.at(whole, self.placement.whole[number])
                for number in stage.parameters
                if number in self.placement.whole
            }
            return 1, lambda _: stage.gather_back(
                self._whole_batch(now, places, [stage]), gradients
            )

        measured = [ahead(stage) for stage in phase.measured]
        returned = [back(stage) for stage in phase.measured_back]
        return [*_in_order(phase.measured, measured), *_in_order(phase.measured_back, returned)]

    def _whole_batch(
        self,
        now: Step,
        places: Places,
        stages: Sequence[Stage],
        partial: ir.Value | None = None,
    ) -> Call:
        """What does not depend on a block of samples, and the sums of the batch's first sample."""
        numbers = Numbers(now.number, now.start, now.em.integer(0), now.count)
        return places.call(stages, None, (now.arena, partial or now.arena), numbers)

    def _forward(self, now: Step, phase: Phase) -> None:
        """A phase without a way back, block by block."""
        block, part = self.placement.blocks[phase.number], self.parts[phase.number]
        synchronise.tickets(
            now.em,
            now.control,
            now.blocks(block),
            lambda number: now.call(part, now.em.multiply(number, block), block),
        )

    def _head(self, now: Step, phase: Phase) -> None:
        """The head and the loss, forward and backward: every thread takes as many samples."""
        em, part = now.em, self.parts[phase.number]
        threads = field(em, now.frame, "threads")
        tiles = em.integer(now.blocks(HEAD_ROWS))
        share = em.builder.udiv(em.integer(em.add(tiles, threads, -1)), threads)
        rows = em.multiply(share, HEAD_ROWS)
        chunks = em.builder.udiv(em.integer(em.add(tiles, share, -1)), share)
        synchronise.tickets(
            em, now.control, chunks, lambda n: now.call(part, em.multiply(n, rows), rows)
        )

    def _backward(self, now: Step, places: Places, phase: Phase) -> None:
        """A phase with a way back, in partitions that depend on the batch only."""
        em, placement = now.em, self.placement
        partials = field(em, now.frame, "partials")
        rows = placement.blocks[phase.number]
        blocks = em.integer(now.blocks(rows))
        partitions = em.minimum(blocks, placement.partitions)

        def partition(number: ir.Value) -> None:
            partial = em.at(partials, em.multiply(number, placement.partial_memory.size))
            for offset, size in self._cleared(phase):
                tiling.clear(em, em.at(partial, offset), size)
            call = self._whole_batch(now, places, phase.backward, partial)
            for stage in phase.backward:
                stage.begin_partition(call)

            def bound(place: Index) -> ir.Value:
                share = em.integer(em.multiply(place, blocks))
                return em.builder.udiv(share, em.integer(partitions))

            def block(place: Index) -> None:
                part, first = self.parts[phase.number], em.multiply(place, rows)
                now.call(part, first, rows, partial)

            em.loop(bound(number), bound(em.add(number, 1)), block)
            for stage in phase.backward:
                stage.end_partition(call)

        synchronise.tickets(em, now.control, partitions, partition)

    def _cleared(self, phase: Phase) -> list[tuple[int, int]]:
        """Where the gradients begin that grow in a phase for the first time, and their sizes."""
        before = {
            number
            for earlier in self.placement.schedule.phases[: phase.number]
            for stage in earlier.backward
            for number in stage.parameters
        }
        fresh = {number for stage in phase.backward for number in stage.parameters} - before
        pieces: list[tuple[int, int]] = []
        for number, offset in self.placement.partials.items():
            if number not in fresh:
                continue
            size = aligned(math.prod(self.graph.parameters[number].shape))
            if pieces and sum(pieces[-1]) == offset:
                pieces[-1] = (pieces[-1][0], pieces[-1][1] + size)
            else:
                pieces.append((offset, size))
        return pieces


def _in_order(stages: Sequence[Stage], work: list[Work]) -> list[Work]:
    """Work of one ticket for each stage; all of it in one if stages have parameters in common."""
    used = [number for stage in stages for number in stage.parameters]
    if len(used) == len(set(used)):
        return work

    def one_by_one(ticket: Index) -> None:
        for _, body in work:
            body(ticket)

    return [(1, one_by_one)]
