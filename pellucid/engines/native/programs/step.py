"""A step of training while it is emitted: where its samples lie, and how threads share its work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I32, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.programs.placement import Buffer, Placement
from pellucid.engines.native.stages import Call, Stage

Work = tuple[int, Callable[[Index], None]]  # how many tickets, and what one of them does


@dataclass(frozen=True)
class Numbers:
    """Which samples a block has.

    step: of this call. start: the number of the batch's first sample among all. first: of the
    block's first in the batch. count: samples in the block.
    """

    step: ir.Value
    start: ir.Value
    first: ir.Value
    count: ir.Value


@dataclass(frozen=True)
class Places:
    """Finds addresses for some emitter: of buffers, weights and keys.

    random: the nodes that have keys, in their order.
    """

    em: Emitter
    frame: ir.Value
    placement: Placement
    random: tuple[int, ...]

    def address(self, buffer: Buffer, arena: ir.Value, first: Index) -> ir.Value:
        """Where the numbers of a block's first sample lie; `first` is its number in the batch."""
        em = self.em
        if not buffer.shared:
            return em.at(arena, buffer.offset)
        # The shared buffers lie one after the other. Where they lie must not change from call to
        # call, or the zeros around a value would be others' numbers: so not by the batch.
        start = em.multiply(field(em, self.frame, "capacity"), buffer.offset)
        return em.at(field(em, self.frame, "shared"), start, em.multiply(first, buffer.stride))

    def parameter(self, number: int) -> ir.Value:
        """The address of a parameter."""
        return entry(self.em, field(self.em, self.frame, "parameters"), number)

    def key(self, step: ir.Value, node: int) -> ir.Value:
        """The random key of a node."""
        em = self.em
        place = em.add(em.multiply(step, len(self.random)), self.random.index(node))
        keys = field(em, self.frame, "keys")
        return em.builder.load(em.at(keys, place, kind=I32), typ=I32, align=4)

    def call(
        self,
        stages: Sequence[Stage],
        phase: int | None,
        pointers: tuple[ir.Value, ir.Value],
        numbers: Numbers,
    ) -> Call:
        """Where the numbers of a block of samples lie, as far as some stages touch them.

        With None for the phase only what does not depend on samples, and the sums, can be found.
        pointers: of the worker's arena, and of the gradients of the partition.
        """
        em, placement = self.em, self.placement
        schedule = placement.schedule
        arena, partial = pointers
        mine = {stage.place for stage in stages}
        parameters = {number for stage in stages for number in stage.parameters}

        def touched(buffers: dict[int, Buffer], phases: dict[int, set[int]]) -> dict[int, ir.Value]:
            return {
                place: self.address(buffer, arena, numbers.first)
                for place, buffer in buffers.items()
                if phase is not None and phase in phases.get(place, ())
            }

        def fixed(base: ir.Value, offsets: dict[int, int], some: set[int]) -> dict[int, ir.Value]:
            return {place: em.at(base, offsets[place]) for place in offsets if place in some}

        packed = field(em, self.frame, "packed")
        sums = {
            place: self.address(buffer, arena, numbers.first)
            for place, buffer in placement.sums.items()
            if place in mine
        }
        return Call(
            em,
            numbers.count,
            numbers.first,
            self.parameter,
            touched(placement.values, schedule.values),
            touched(placement.gradients, schedule.gradients),
            touched(placement.winners, schedule.stages),
            touched(placement.unpooled, schedule.stages),
            packed=fixed(packed, placement.packed, mine),
            panels=fixed(packed, placement.panels, mine),
            scratch=fixed(arena, placement.scratch, mine),
            sums=sums,
            statistics=fixed(packed, placement.statistics, mine),
            partials=fixed(partial, placement.partials, parameters),
            key=lambda node: self.key(numbers.step, node),
        )


@dataclass(frozen=True)
class Step:
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

    def share(self, work: list[Work]) -> None:
        """Several kinds of work, shared among the threads in one row of tickets."""
        em = self.em

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
            synchronise.tickets(em, self.control, sum(count for count, _ in work), run)
