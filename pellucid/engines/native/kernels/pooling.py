"""Max and average pooling on their own, where no convolution took them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.elementwise import replaces
from pellucid.engines.native.kernels.regions import clear_all
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout


@dataclass(frozen=True)
class Pooling:
    """One pooling. `size` is the input's true height and width: windows end there, not in padding.

    source, target: where input and output lie. before: rows and columns of padding at the start.
    """

    window: tuple[int, int]
    strides: tuple[int, int]
    before: tuple[int, int]
    size: tuple[int, int]
    source: Layout
    target: Layout
    average: bool


@kernel(POINTER, POINTER, POINTER, I64)
def forward(em: Emitter, pool: Pooling, winners: bool) -> None:
    """Compute the largest or the mean of each window. Called with (x, y, winners, samples).

    winners (rows, columns, channels) int32 gets the place in the window, row by row, of the first
    largest number; a mean has none.
    """
    x, y, won, samples = em.arguments

    def cell(window: _Window, lanes: int) -> None:
        source = em.at(x, window.source)
        if pool.average:
            value = _mean(em, pool, window, source, lanes)
        else:
            value, winner = _largest(em, pool, window, source, lanes)
            if winners:
                em.store(winner, won, window.cell, lanes=lanes, kind=I32)
        em.store(value, y, window.target, lanes=lanes)

    _for_windows(em, pool, samples, cell)


@kernel(POINTER, POINTER, POINTER, I64)
def backward(em: Emitter, pool: Pooling, add: bool = False) -> None:
    """Give each window's gradient to its winner, or share it out.

    Called with (dy, winners, dx, samples). add: to what lies in dx.
    """
    dy, won, dx, samples = em.arguments
    # dx lies as the source, dy as the target of the forward pass.
    if not add:
        clear_all(em, dx, samples, pool.source)

    def cell(window: _Window, lanes: int) -> None:
        gradient = em.load(dy, window.target, lanes=lanes)
        if pool.average:
            gradient = em.builder.fdiv(gradient, window.count(em))
        winner = None if pool.average else em.load(won, window.cell, lanes=lanes, kind=I32)

        def place(number: Index, offset: Index) -> None:
            share = gradient
            if winner is not None:
                here = em.broadcast(em.builder.trunc(em.integer(number), I32))
                hit = em.builder.icmp_signed("==", winner, here)
                share = em.builder.select(hit, gradient, em.zero())
            before = em.load(dx, window.source, offset, lanes=lanes)
            em.store(em.builder.fadd(before, share), dx, window.source, offset, lanes=lanes)

        window.for_places(em, pool, lambda number, offset, _: place(number, offset), [])

    _for_windows(em, pool, samples, cell)


@dataclass(frozen=True)
class _Window:
    """One window: its offsets in source, target and winners, and its bounds."""

    source: Index
    target: Index
    cell: Index
    rows: tuple[Index, Index, Index]  # first padded row, first real row, end of the real rows
    columns: tuple[Index, Index, Index]

    def for_places(
        self,
        em: Emitter,
        pool: Pooling,
        body: Callable[[Index, Index, Values], Values | None],
        carried: Values,
    ) -> Values:
        """`body(place in the window, offset in the source, carried)` over the real places."""

        def row(r: Index, *values: ir.Value) -> Values:
            def column(c: Index, *values: ir.Value) -> Values:
                down = em.multiply(em.subtract(r, self.rows[0]), pool.window[1])
                number = em.add(down, em.subtract(c, self.columns[0]))
                offset = em.add(
                    em.multiply(r, pool.source.row), em.multiply(c, pool.source.channels)
                )
                return body(number, offset, list(values)) or []

            return em.loop(self.columns[1], self.columns[2], column, values)

        return em.loop(self.rows[1], self.rows[2], row, carried)

    def count(self, em: Emitter) -> ir.Value:
        """How many real places there are, as a vector of float32."""
        height = em.subtract(self.rows[2], self.rows[1])
        width = em.subtract(self.columns[2], self.columns[1])
        number = em.integer(em.multiply(height, width))
        return em.broadcast(em.builder.sitofp(number, em.float_vector.element))


def _for_windows(
    em: Emitter, pool: Pooling, samples: ir.Value, body: Callable[[_Window, int], None]
) -> None:
    target = pool.target

    def bounds(place: Index, axis: int) -> tuple[Index, Index, Index]:
        start = em.subtract(em.multiply(place, pool.strides[axis]), pool.before[axis])
        end = em.minimum(em.add(start, pool.window[axis]), pool.size[axis])
        if pool.before[axis] == 0:
            return start, start, end
        return start, em.maximum(start, 0), end

    def sample(n: Index) -> None:
        def row(r: Index) -> None:
            def column(c: Index) -> None:
                rows, columns = bounds(r, 0), bounds(c, 1)
                place = em.add(em.multiply(r, target.row), em.multiply(c, target.channels))
                flat = em.add(
                    em.multiply(em.add(em.multiply(n, target.rows), r), target.columns), c
                )

                def channels(first: Index, lanes: int) -> None:
                    window = _Window(
                        em.add(em.multiply(n, pool.source.stride), first, pool.source.origin),
                        em.add(em.multiply(n, target.stride), place, first, target.origin),
                        em.add(em.multiply(flat, target.channels), first),
                        rows,
                        columns,
                    )
                    body(window, lanes)

                for_pieces(em, target.channels, em.vector, channels)

            em.loop(0, target.columns, column)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)


def _largest(
    em: Emitter, pool: Pooling, window: _Window, source: ir.Value, lanes: int
) -> tuple[ir.Value, ir.Value]:
    """The first largest of a window's real numbers, and its place."""

    def place(number: Index, offset: Index, carried: Values) -> Values:
        value, winner = carried
        other = em.load(source, offset, lanes=lanes)
        larger = replaces(em, other, value)
        here = em.broadcast(em.builder.trunc(em.integer(number), I32))
        return [
            em.builder.select(larger, other, value),
            em.builder.select(larger, here, winner),
        ]

    lowest: Values = [em.constant(float("-inf")), em.zero(I32)]
    value, winner = window.for_places(em, pool, place, lowest)
    return value, winner


def _mean(em: Emitter, pool: Pooling, window: _Window, source: ir.Value, lanes: int) -> ir.Value:
    """The mean of a window's real numbers, summed row by row."""

    def place(number: Index, offset: Index, carried: Values) -> Values:
        return [em.builder.fadd(carried[0], em.load(source, offset, lanes=lanes))]

    (total,) = window.for_places(em, pool, place, [em.zero()])
    return em.builder.fdiv(total, window.count(em))
