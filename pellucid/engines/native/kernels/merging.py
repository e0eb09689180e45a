"""One value out of several, number by number; sizes of 1 are repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, kernel_of
from pellucid.engines.native.kernels.elementwise import replaces
from pellucid.engines.native.kernels.losses import ordered_sum
from pellucid.engines.native.kernels.regions import clear_all
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.base import Op
from pellucid.ops.merging import Add, Average, Maximum, Minimum, Multiply, Subtract


@dataclass(frozen=True)
class Merging:
    """An operation on several values, and where they and its output lie."""

    op: Op
    sources: tuple[Layout, ...]
    target: Layout

    def covers(self, number: int) -> bool:
        """Whether each number of an input is used for just one of the output."""
        source, target = self.sources[number], self.target
        return (source.rows, source.columns, source.channels) == (
            target.rows,
            target.columns,
            target.channels,
        )


READING = Multiply, Maximum, Minimum
"""Operations whose gradients depend on their inputs."""


@kernel_of(lambda merging: [*[POINTER] * (len(merging.sources) + 1), I64])
def merge(em: Emitter, merging: Merging) -> None:
    """Compute y from all inputs. Called with (each input, y, samples)."""
    *inputs, y, samples = em.arguments

    def numbers(offsets: list[Index], offset: Index, lanes: int) -> None:
        values = loaded(em, merging, inputs, offsets, lanes)
        em.store(_value(em, merging.op, values), y, offset, lanes=lanes)

    for_repeated(em, merging, samples, numbers)


@kernel_of(lambda merging, number, add=False: [*[POINTER] * (len(merging.sources) + 2), I64])
def merge_gradient(em: Emitter, merging: Merging, number: int, add: bool = False) -> None:
    """The gradient of input `number`. Called with (each input, dy, dx, samples).

    It lies as that input. add: to what lies in dx. Where a number was repeated, the gradients are
    summed, row by row; where none flows back there are zeros.
    """
    *inputs, dy, dx, samples = em.arguments
    source = merging.sources[number]
    if not add and not merging.covers(number):
        clear_all(em, dx, samples, source)
        add = True

    def numbers(offsets: list[Index], offset: Index, lanes: int) -> None:
        gradient = em.load(dy, offset, lanes=lanes)
        if isinstance(merging.op, READING):
            values = loaded(em, merging, inputs, offsets, lanes)
            gradient = _share(em, merging.op, number, gradient, values)
        else:
            gradient = _linear_share(em, merging, number, gradient)
        if source.channels < merging.target.channels:
            before = em.float_at(dx, offsets[number])
            em.put_float(ordered_sum(em, before, gradient, lanes), dx, offsets[number])
        else:
            em.give(gradient, dx, offsets[number], lanes=lanes, add=add)

    for_repeated(em, merging, samples, numbers)


def for_repeated(
    em: Emitter,
    merging: Merging,
    samples: Index,
    body: Callable[[list[Index], Index, int], None],
) -> None:
    """`body(offset of each input, offset of the output, lanes)` for all vectors of the output."""
    target = merging.target
    side_by_side = all(
        source.columns >= target.columns and source.channels == target.channels
        for source in merging.sources
    )
    columns, length = target.columns, target.channels
    if side_by_side:
        columns, length = 1, columns * length

    def start(layout: Layout, n: Index, r: Index, c: Index) -> Index:
        row = r if layout.rows >= target.rows else 0
        column = c if layout.columns >= target.columns else 0
        return em.add(
            em.multiply(n, layout.stride),
            em.multiply(row, layout.row),
            em.multiply(column, layout.channels),
            layout.origin,
        )

    def pixel(n: Index, r: Index, c: Index) -> None:
        starts = [start(source, n, r, c) for source in merging.sources]
        first = start(target, n, r, c)

        def piece(channel: Index, lanes: int) -> None:
            offsets = [
                place if source.channels < target.channels else em.add(place, channel)
                for place, source in zip(starts, merging.sources, strict=True)
            ]
            body(offsets, em.add(first, channel), lanes)

        for_pieces(em, length, em.vector, piece)

    def row(n: Index, r: Index) -> None:
        em.loop(0, columns, lambda c: pixel(n, r, c))

    em.loop(0, samples, lambda n: em.loop(0, target.rows, lambda r: row(n, r)) and None)


def loaded(
    em: Emitter, merging: Merging, inputs: Values, offsets: list[Index], lanes: int
) -> Values:
    """The vectors of all inputs."""
    return [
        em.broadcast(em.float_at(pointer, offset))
        if source.channels < merging.target.channels
        else em.load(pointer, offset, lanes=lanes)
        for pointer, offset, source in zip(inputs, offsets, merging.sources, strict=True)
    ]


def _value(em: Emitter, op: Op, values: Values) -> ir.Value:
    """The vector that an operation makes of others."""
    builder = em.builder
    match op:
        case Add():
            return reduce(builder.fadd, values)
        case Subtract():
            return builder.fsub(*values)
        case Multiply():
            return reduce(builder.fmul, values)
        case Average():
            return builder.fdiv(reduce(builder.fadd, values), em.constant(float(len(values))))
        case Maximum():
            return reduce(lambda a, b: builder.select(replaces(em, b, a), b, a), values)
        case Minimum():
            return reduce(lambda a, b: builder.select(_smaller(em, b, a), b, a), values)
    raise AssertionError(f"{op} does not merge number by number.")


def _smaller(em: Emitter, other: ir.Value, smallest: ir.Value) -> ir.Value:
    """Where `other` takes the place of the smallest so far: it is smaller, or the first NaN."""
    return replaces(em, em.builder.fneg(other), em.builder.fneg(smallest))


def _linear_share(em: Emitter, merging: Merging, number: int, gradient: ir.Value) -> ir.Value:
    """The gradient by one input of a sum, a difference or a mean."""
    match merging.op:
        case Subtract() if number == 1:
            return em.builder.fneg(gradient)
        case Average():
            return em.builder.fdiv(gradient, em.constant(float(len(merging.sources))))
    return gradient


def _share(em: Emitter, op: Op, number: int, gradient: ir.Value, values: Values) -> ir.Value:
    """The gradient by one input, where it depends on all of them."""
    builder = em.builder
    if isinstance(op, Multiply):
        return reduce(builder.fmul, [*values[:number], *values[number + 1 :]], gradient)
    # The first of those that are the output gets all of the gradient.
    output = _value(em, op, values)
    mine = builder.fcmp_ordered("==", values[number], output)
    for value in values[:number]:
        mine = builder.and_(mine, builder.fcmp_unordered("!=", value, output))
    return builder.select(mine, gradient, em.zero())
