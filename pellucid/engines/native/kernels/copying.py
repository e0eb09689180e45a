"""Numbers brought elsewhere: into borders, out of them, one behind the other, along other axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.kernels.regions import clear_all
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.shapes import Shape

Place = tuple[int, int, int]  # row, column, channel


@dataclass(frozen=True)
class Box:
    """Numbers that two layouts have in common: `size` of them, from a place on in either."""

    size: Place
    source: Layout
    source_start: Place
    target: Layout
    target_start: Place

    @property
    def back(self) -> Box:
        """The same numbers on their way back."""
        return Box(self.size, self.target, self.target_start, self.source, self.source_start)

    @property
    def whole(self) -> bool:
        """Whether all of the target's numbers are among them."""
        target = self.target
        return self.size == (target.rows, target.columns, target.channels)

    @staticmethod
    def shifted(source: Layout, target: Layout, shift: Place) -> Box:
        """All numbers of the source that lie in the target, `shift` further on."""
        size, source_start, target_start = [], [], []
        for by, mine, other in zip(shift, _sizes(source), _sizes(target), strict=True):
            first = max(0, -by)
            size.append(max(0, min(mine, other - by) - first))
            source_start.append(first)
            target_start.append(first + by)
        return Box(_place(size), source, _place(source_start), target, _place(target_start))


def _sizes(layout: Layout) -> Place:
    return layout.rows, layout.columns, layout.channels


def _place(numbers: list[int]) -> Place:
    row, column, channel = numbers
    return row, column, channel


@kernel(POINTER, POINTER, I64)
def copy(em: Emitter, box: Box, fill: bool, add: bool = False) -> None:
    """Copy a box. Called with (x, y, samples).

    add: to what lies in y. fill: otherwise, what the box does not reach becomes zero.
    """
    x, y, samples = em.arguments
    if fill and not box.whole and not add:
        clear_all(em, y, samples, box.target)
    rows, columns, channels = box.size
    if channels == box.source.channels == box.target.channels:
        columns, channels = 1, columns * channels  # they lie side by side

    def sample(number: Index) -> None:
        def row(r: Index) -> None:
            x_row = em.at(x, _start(em, box.source, box.source_start, number, r))
            y_row = em.at(y, _start(em, box.target, box.target_start, number, r))

            def column(c: Index) -> None:
                here = em.multiply(c, box.source.channels)
                there = em.multiply(c, box.target.channels)

                def piece(channel: Index, lanes: int) -> None:
                    value = em.load(x_row, here, channel, lanes=lanes)
                    em.give(value, y_row, there, channel, lanes=lanes, add=add)

                for_pieces(em, channels, em.vector, piece)

            em.loop(0, columns, column)

        em.loop(0, rows, row)

    em.loop(0, samples, sample)


def _start(em: Emitter, layout: Layout, first: Place, number: Index, row: Index) -> Index:
    """The offset of a row of a box in a sample."""
    place = first[0] * layout.row + first[1] * layout.channels + first[2] + layout.origin
    return em.add(em.multiply(number, layout.stride), em.multiply(row, layout.row), place)


@dataclass(frozen=True)
class Permutation:
    """Axes in another order.

    sizes: of the axes, as the target has them. reads, writes: how far apart two numbers lie along
    each of them in the source and in the target.
    """

    source: Layout
    target: Layout
    sizes: tuple[int, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    @staticmethod
    def of(source: Layout, target: Layout, shape: Shape, dims: Shape) -> Permutation:
        """Whole values: a source of a shape, whose axes `dims` (from 1) are the target's."""
        sizes = tuple(shape[axis - 1] for axis in dims)
        steps = _steps(source, shape)
        reads = tuple(steps[axis - 1] for axis in dims)
        return Permutation(source, target, sizes, reads, _steps(target, sizes))

    @property
    def back(self) -> Permutation:
        """The same on the way back."""
        order = sorted(range(len(self.sizes)), key=lambda axis: -self.reads[axis])
        sizes, reads, writes = (
            tuple(numbers[axis] for axis in order)
            for numbers in (self.sizes, self.writes, self.reads)
        )
        return Permutation(self.target, self.source, sizes, reads, writes)


def _steps(layout: Layout, shape: Shape) -> tuple[int, ...]:
    """How far apart two numbers lie along each axis."""
    rows = [layout.row * math.prod(shape[axis + 1 : -2]) for axis in range(len(shape) - 2)]
    return (*rows, layout.channels, 1)[-len(shape) :]


@kernel(POINTER, POINTER, I64)
def permute(em: Emitter, order: Permutation, add: bool = False) -> None:
    """Put axes into another order. Called with (x, y, samples). add: to what lies in y."""
    x, y, samples = em.arguments
    *outer, last = range(len(order.sizes))

    def along(axes: list[int], here: ir.Value, there: ir.Value) -> None:
        if axes:
            first, *rest = axes
            steps = order.reads[first], order.writes[first]
            em.loop(
                0,
                order.sizes[first],
                lambda i: along(
                    rest,
                    *(
                        em.at(pointer, em.multiply(i, step))
                        for pointer, step in zip((here, there), steps, strict=True)
                    ),
                ),
            )
            return

        def piece(start: Index, lanes: int) -> None:
            step = order.reads[last]
            value = _apart(em, em.at(here, em.multiply(start, step)), step, lanes)
            em.give(value, there, start, lanes=lanes, add=add)

        for_pieces(em, order.sizes[last], em.vector, piece)

    def sample(number: Index) -> None:
        here = em.at(x, em.multiply(number, order.source.stride), order.source.origin)
        there = em.at(y, em.multiply(number, order.target.stride), order.target.origin)
        along(outer, here, there)

    em.loop(0, samples, sample)


def _apart(em: Emitter, pointer: ir.Value, step: int, lanes: int) -> ir.Value:
    """A vector of numbers that lie `step` apart."""
    if step == 1:
        return em.load(pointer, lanes=lanes)
    vector: ir.Value = em.zero()
    for lane in range(lanes):
        number = em.float_at(pointer, lane * step)
        vector = em.builder.insert_element(vector, number, ir.Constant(I32, lane))
    return vector
