"""Convolution, forward and backward, as direct register-tiled sums.

SIMD lanes are channels, never places of a sum, so that the order of every sum is the order of the
loops, whatever the width of the vectors: forward (kernel row, kernel column, input channel).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import (
    I8,
    I64,
    POINTER,
    Emitter,
    Index,
    Values,
    vectors,
)
from pellucid.engines.native.kernels.elementwise import activate, slope
from pellucid.engines.native.layout import Layout, Tile, choose_tile
from pellucid.engines.native.machine import Machine

UNROLLED = 12  # kernels with at most so many weights a filter are written out without a loop


@dataclass(frozen=True)
class Convolution:
    """One convolution with all its sizes.

    source: where the input lies, border included. start: where in it the first window begins.
    rows, columns: the outputs to compute (the live ones). target: where the output lies, after
    the pooling if there is one. pool: rows and columns of the max pooling that is fused in.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    source: Layout
    start: int
    rows: int
    columns: int
    filters: int
    target: Layout
    use_bias: bool
    activation: str | None
    pool: tuple[int, int] | None

    @property
    def window(self) -> int:
        """Multiply-adds that make one output."""
        return self.kernel[0] * self.kernel[1] * self.source.channels

    @property
    def run(self) -> int:
        """How many weights of a kernel row meet numbers that lie side by side."""
        return (self.kernel[1] if self.dilation[1] == 1 else 1) * self.source.channels

    def place(self, row: int, column: int) -> int:
        """Offset in the source from one window to the one `row` down and `column` across."""
        across = column * self.strides[1] * self.source.channels
        return row * self.strides[0] * self.source.row + across


def forward(
    module: ir.Module, machine: Machine, name: str, conv: Convolution, winners: bool
) -> tuple[ir.Function, int]:
    """Y = activation(x * w + b), max pooled if `conv.pool`.

    Emits name(x, w, b, y, winners, samples, low, high), which computes the units low … high of
    every sample, and returns it with the number of units. `winners` (rows, columns, filters) int8
    gets the place in the pooling window, row by row, of the first largest number.
    """
    lanes = vectors(conv.filters, machine.vector)
    unit = conv.pool or (1, 1)
    tile = choose_tile(conv.rows, conv.columns, len(lanes), conv.window, machine.registers, unit)
    em = Emitter(module, machine.vector, name, [POINTER] * 5 + [I64] * 3)
    x, w, b, y, won, samples, low, high = em.arguments

    def block(row: Index, height: int, channel: Index, group: list[int]) -> None:
        def sample(number: Index) -> None:
            x_sample = em.at(x, em.multiply(number, conv.source.stride), conv.start)
            y_sample = em.at(y, em.multiply(number, conv.target.stride), conv.target.origin)
            won_sample = won
            if winners:
                size = conv.target.rows * conv.target.columns * conv.filters
                won_sample = em.at(won, em.multiply(number, size), kind=I8)

            def columns(column: Index, width: int) -> None:
                source = em.at(
                    x_sample,
                    em.multiply(row, conv.strides[0] * conv.source.row),
                    em.multiply(column, conv.strides[1] * conv.source.channels),
                )
                sums = _sums(
                    em, conv, source, em.at(w, channel), Tile(height, width, len(group)), group
                )
                _finish(
                    em,
                    conv,
                    sums,
                    (row, column),
                    channel,
                    group,
                    (height, width),
                    (b, y_sample, won_sample if winners else None),
                )

            for_pieces(em, conv.columns, tile.columns, columns)

        em.loop(0, samples, sample)

    units = for_units(em, conv.rows, tile, lanes, low, high, block)
    return em.finish(), units


def for_pieces(em: Emitter, total: int, size: int, body: Callable[[Index, int], None]) -> None:
    """`body(start, size)` for `total` cut into pieces of `size`, the remainder last."""
    full = total // size * size
    em.loop(0, full, lambda start: body(start, size), step=size)
    if full < total:
        body(full, total - full)


def for_units(
    em: Emitter,
    rows: int,
    tile: Tile,
    lanes: list[int],
    low: Index,
    high: Index,
    body: Callable[[Index, int, Index, list[int]], None],
) -> int:
    """Cut rows × vectors of channels into units, loop over low … high of them; how many there are.

    `body(row, height, channel, lanes)` is emitted once for every shape that a unit can have.
    """
    groups = [lanes[i : i + tile.vectors] for i in range(0, len(lanes), tile.vectors)]
    bands = -(-rows // tile.rows)
    rest = rows - (bands - 1) * tile.rows

    def unit(number: Index) -> None:
        group_number = em.quotient(number, bands)
        band = em.subtract(number, em.multiply(group_number, bands))
        row = em.multiply(band, tile.rows)
        channel = em.multiply(group_number, tile.vectors * em.vector)

        def by_rows(group: list[int]) -> None:
            if rest == tile.rows or bands == 1:
                body(row, rest, channel, group)
                return
            last = em.equal(band, bands - 1)
            em.choose(
                last,
                lambda: body(row, rest, channel, group),
                lambda: body(row, tile.rows, channel, group),
            )

        if groups[0] == groups[-1]:
            by_rows(groups[0])
        else:
            last = em.equal(group_number, len(groups) - 1)
            em.choose(last, lambda: by_rows(groups[-1]), lambda: by_rows(groups[0]))

    em.loop(low, high, unit)
    return bands * len(groups)


def _sums(
    em: Emitter,
    conv: Convolution,
    source: ir.Value,
    weights: ir.Value,
    tile: Tile,
    lanes: list[int],
) -> Values:
    """The sums of a tile, rows × columns × vectors, in the order (kernel row, column, channel)."""
    channels = conv.source.channels
    places = [conv.place(r, c) for r in range(tile.rows) for c in range(tile.columns)]

    def step(x: ir.Value, w: ir.Value, sums: Values) -> Values:
        kernel = [em.load(w, v * em.vector, lanes=n) for v, n in enumerate(lanes)]
        result = []
        for number, place in enumerate(places):
            pixel = em.broadcast(em.float_at(x, place))
            for v, weight in enumerate(kernel):
                result.append(em.fma(pixel, weight, sums[number * len(lanes) + v]))
        return result

    def kernel_row(kh: Index, *sums: ir.Value) -> Values:
        def kernel_column(kw: Index, *sums: ir.Value) -> Values:
            x = em.at(
                source,
                em.multiply(kh, conv.dilation[0] * conv.source.row),
                em.multiply(kw, conv.dilation[1] * channels),
            )
            first = em.add(em.multiply(kh, conv.kernel[1] * channels), em.multiply(kw, channels))
            w = em.at(weights, em.multiply(first, conv.filters))

            def along(k: Index, *sums: ir.Value) -> Values:
                return step(em.at(x, k), em.at(w, em.multiply(k, conv.filters)), list(sums))

            return em.loop(0, conv.run, along, sums)

        return em.loop(0, conv.kernel[1] if conv.dilation[1] > 1 else 1, kernel_column, sums)

    sums: Values = [em.zero()] * (len(places) * len(lanes))
    if conv.window <= UNROLLED and conv.dilation == (1, 1):
        for kh in range(conv.kernel[0]):
            for k in range(conv.run):
                x = em.at(source, kh * conv.source.row + k)
                sums = step(x, em.at(weights, (kh * conv.run + k) * conv.filters), sums)
        return sums
    return em.loop(0, conv.kernel[0], kernel_row, sums)


def _finish(
    em: Emitter,
    conv: Convolution,
    sums: Values,
    place: tuple[Index, Index],
    channel: Index,
    lanes: list[int],
    size: tuple[int, int],
    pointers: tuple[ir.Value, ir.Value, ir.Value | None],
) -> None:
    """Bias, activation and pooling of a tile of sums, stored."""
    bias_pointer, y, won = pointers
    if conv.use_bias:
        biases = [
            em.load(bias_pointer, channel, v * em.vector, lanes=n) for v, n in enumerate(lanes)
        ]
        sums = [em.builder.fadd(s, biases[i % len(lanes)]) for i, s in enumerate(sums)]
    ph, pw = conv.pool or (1, 1)
    row, column = em.quotient(place[0], ph), em.quotient(place[1], pw)
    for r in range(size[0] // ph):
        for c in range(size[1] // pw):
            for v, n in enumerate(lanes):
                window = [
                    sums[((r * ph + i) * size[1] + c * pw + j) * len(lanes) + v]
                    for i in range(ph)
                    for j in range(pw)
                ]
                value, winner = _largest(em, window, won is not None)
                value = activate(em, conv.activation, value)
                here = em.add(
                    em.multiply(em.add(row, r), conv.target.row),
                    em.multiply(em.add(column, c), conv.filters),
                )
                em.store(value, y, here, channel, v * em.vector, lanes=n)
                if won is not None:
                    cell = em.add(em.multiply(em.add(row, r), conv.target.columns), column, c)
                    em.store(
                        winner,
                        won,
                        em.multiply(cell, conv.filters),
                        channel,
                        v * em.vector,
                        lanes=n,
                        kind=I8,
                    )


def _largest(em: Emitter, window: Values, winners: bool) -> tuple[ir.Value, ir.Value]:
    """The largest of some vectors, lane by lane, and the number of the first one that has it."""
    value, winner = window[0], em.zero(I8)
    for number, other in enumerate(window[1:], start=1):
        larger = em.builder.fcmp_ordered(">", other, value)
        value = em.builder.select(larger, other, value)
        if winners:
            here = ir.Constant(winner.type, [number] * em.vector)
            winner = em.builder.select(larger, here, winner)
    return value, winner


def kernel_gradient(
    module: ir.Module, machine: Machine, name: str, conv: Convolution, gradient: Layout
) -> ir.Function:
    """Dw += the sum over samples, rows and columns, in this order, of x · dy.

    Emits name(x, dy, dw, samples). gradient: where dy lies, before the pooling.
    """
    lanes = vectors(conv.filters, machine.vector)
    em = Emitter(module, machine.vector, name, [POINTER] * 3 + [I64])
    x, dy, dw, samples = em.arguments
    positions = conv.rows * conv.columns
    # Few weights: all of a filter's in one tile, at offsets known now. Many: runs within a row.
    whole = conv.window <= UNROLLED
    rows = conv.window if whole else conv.run
    tile = choose_tile(rows, 1, len(lanes), positions, machine.registers)
    channels = conv.source.channels

    def offset(weight: int) -> int:
        """Where weight number … of a filter (or of a run) meets the input, from the window's start."""
        if not whole:
            return weight
        kh, rest = divmod(weight, conv.kernel[1] * channels)
        kw, ci = divmod(rest, channels)
        return kh * conv.dilation[0] * conv.source.row + kw * conv.dilation[1] * channels + ci

    def gradients(
        base: ir.Value, offsets: list[int], channel: Index, group: list[int], target: ir.Value
    ) -> None:
        def sample(number: Index, *sums: ir.Value) -> Values:
            x_sample = em.at(base, em.multiply(number, conv.source.stride))
            dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin, channel)

            def row(r: Index, *sums: ir.Value) -> Values:
                x_row = em.at(x_sample, em.multiply(r, conv.strides[0] * conv.source.row))
                dy_row = em.at(dy_sample, em.multiply(r, gradient.row))

                def column(c: Index, *sums: ir.Value) -> Values:
                    x_here = em.at(x_row, em.multiply(c, conv.strides[1] * channels))
                    dy_here = em.at(dy_row, em.multiply(c, conv.filters))
                    slopes = [em.load(dy_here, v * em.vector, lanes=n) for v, n in enumerate(group)]
                    result = []
                    for number, place in enumerate(offsets):
                        pixel = em.broadcast(em.float_at(x_here, place))
                        for v, slope in enumerate(slopes):
                            result.append(em.fma(pixel, slope, sums[number * len(group) + v]))
                    return result

                if conv.columns <= 4:
                    values = list(sums)
                    for c in range(conv.columns):
                        values = column(c, *values)
                    return values
                return em.loop(0, conv.columns, column, sums)

            return em.loop(0, conv.rows, row, sums)

        sums = em.loop(0, samples, sample, [em.zero()] * (len(offsets) * len(group)))
        for number in range(len(offsets)):
            for v, n in enumerate(group):
                place = number * conv.filters + v * em.vector
                before = em.load(target, channel, place, lanes=n)
                after = em.builder.fadd(before, sums[number * len(group) + v])
                em.store(after, target, channel, place, lanes=n)

    def group(channel: Index, lanes: list[int]) -> None:
        def run(kh: Index, kw: Index) -> None:
            base = em.at(
                x,
                conv.start,
                em.multiply(kh, conv.dilation[0] * conv.source.row),
                em.multiply(kw, conv.dilation[1] * channels),
            )
            first = em.add(em.multiply(kh, conv.kernel[1] * channels), em.multiply(kw, channels))

            def weights(start: Index, count: int) -> None:
                if whole and isinstance(start, int):
                    offsets = [offset(start + i) for i in range(count)]
                    source = base
                else:
                    offsets, source = list(range(count)), em.at(base, start)
                gradients(
                    source,
                    offsets,
                    channel,
                    lanes,
                    em.at(dw, em.multiply(em.add(first, start), conv.filters)),
                )

            if whole:
                for start in range(0, rows, tile.rows):
                    weights(start, min(tile.rows, rows - start))
            else:
                for_pieces(em, rows, tile.rows, weights)

        if whole:
            run(0, 0)
            return
        across = conv.kernel[1] if conv.dilation[1] > 1 else 1
        em.loop(0, conv.kernel[0], lambda kh: em.loop(0, across, lambda kw: run(kh, kw)))

    for_groups(em, lanes, tile.vectors, group)
    return em.finish()


def unpool(
    module: ir.Module, vector: int, name: str, conv: Convolution, unpooled: Layout
) -> ir.Function:
    """The gradient before activation and pooling, from the one after them.

    Emits name(y, dy, winners, dx, samples). dy itself becomes the gradient between the two; dx
    gets it at each window's winner, and zeros elsewhere.
    """
    em = Emitter(module, vector, name, [POINTER] * 4 + [I64])
    y, dy, won, dx, samples = em.arguments
    target = conv.target
    assert conv.pool is not None
    ph, pw = conv.pool

    def sample(n: Index) -> None:
        def row(r: Index) -> None:
            def column(c: Index) -> None:
                pixel = em.add(em.multiply(r, target.row), em.multiply(c, target.channels))
                after = em.add(em.multiply(n, target.stride), pixel, target.origin)
                cell = em.add(
                    em.multiply(em.add(em.multiply(n, target.rows), r), target.columns), c
                )
                down = em.multiply(r, ph * unpooled.row)
                corner = em.add(
                    em.multiply(n, unpooled.stride), down, em.multiply(c, pw * conv.filters)
                )

                def channels(channel: Index, lanes: list[int]) -> None:
                    (n_lanes,) = lanes
                    gradient = slope(
                        em,
                        conv.activation,
                        em.load(y, after, channel, lanes=n_lanes),
                        em.load(dy, after, channel, lanes=n_lanes),
                    )
                    em.store(gradient, dy, after, channel, lanes=n_lanes)
                    place = em.multiply(cell, conv.filters)
                    winner = em.load(won, place, channel, lanes=n_lanes, kind=I8)
                    for number in range(ph * pw):
                        here = ir.Constant(winner.type, [number] * em.vector)
                        hit = em.builder.icmp_signed("==", winner, here)
                        share = em.builder.select(hit, gradient, em.zero())
                        offset = number // pw * unpooled.row + number % pw * conv.filters
                        em.store(share, dx, corner, channel, offset, lanes=n_lanes)

                for_groups(em, vectors(conv.filters, vector), 1, channels)

            em.loop(0, target.columns, column)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)
    return em.finish()


def for_groups(
    em: Emitter, lanes: list[int], size: int, body: Callable[[Index, list[int]], None]
) -> None:
    """`body(first channel, lanes)` for groups of `size` vectors; the last may be another shape."""
    groups = [lanes[i : i + size] for i in range(0, len(lanes), size)]
    same = [group for group in groups if group == groups[0]]
    width = size * em.vector
    em.loop(0, len(same) * width, lambda channel: body(channel, groups[0]), step=width)
    if len(same) < len(groups):
        body(len(same) * width, groups[-1])


def bias_gradient(
    module: ir.Module, machine: Machine, name: str, filters: int, gradient: Layout
) -> ir.Function:
    """Db += the sum of dy over samples, rows and columns, in this order. Emits name(dy, db, samples)."""
    em = Emitter(module, machine.vector, name, [POINTER] * 2 + [I64])
    dy, db, samples = em.arguments

    def group(channel: Index, lanes: list[int]) -> None:
        def sample(number: Index, *sums: ir.Value) -> Values:
            dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin, channel)

            def row(r: Index, *sums: ir.Value) -> Values:
                dy_row = em.at(dy_sample, em.multiply(r, gradient.row))

                def column(c: Index, *sums: ir.Value) -> Values:
                    here = em.at(dy_row, em.multiply(c, filters))
                    return [
                        em.builder.fadd(total, em.load(here, v * em.vector, lanes=n))
                        for v, (total, n) in enumerate(zip(sums, lanes, strict=True))
                    ]

                return em.loop(0, gradient.columns, column, sums)

            return em.loop(0, gradient.rows, row, sums)

        sums = em.loop(0, samples, sample, [em.zero()] * len(lanes))
        for v, (total, n) in enumerate(zip(sums, lanes, strict=True)):
            before = em.load(db, channel, v * em.vector, lanes=n)
            em.store(em.builder.fadd(before, total), db, channel, v * em.vector, lanes=n)

    for_groups(em, vectors(filters, machine.vector), 8, group)
    return em.finish()


def input_gradient(
    module: ir.Module, machine: Machine, name: str, conv: Convolution, gradient: Layout
) -> ir.Function:
    """Dx = for every kernel row and column, in this order, the sum over filters of dy · w.

    Emits name(dy, w, dx, samples); w is transposed: (kernel row, kernel column, filter, channel).
    Every output spreads its gradient over its window, so no multiplication is wasted on places
    that the window never touches, whatever stride and dilation are.
    """
    channels = conv.source.channels
    lanes = vectors(channels, machine.vector)
    tile = choose_tile(conv.rows, conv.columns, len(lanes), conv.filters, machine.registers)
    em = Emitter(module, machine.vector, name, [POINTER] * 3 + [I64])
    dy, w, dx, samples = em.arguments

    def spread(
        dy_here: ir.Value,
        weights: ir.Value,
        target: ir.Value,
        size: tuple[int, int],
        group: list[int],
    ) -> None:
        places = [(r, c) for r in range(size[0]) for c in range(size[1])]

        def along(k: Index, *sums: ir.Value) -> Values:
            row = em.multiply(k, channels)
            kernel = [em.load(weights, row, v * em.vector, lanes=n) for v, n in enumerate(group)]
            result = []
            for i, (r, c) in enumerate(places):
                slope = em.float_at(dy_here, k, r * gradient.row + c * conv.filters)
                for v, weight in enumerate(kernel):
                    total = sums[i * len(group) + v]
                    result.append(em.fma(em.broadcast(slope), weight, total))
            return result

        sums = em.loop(0, conv.filters, along, [em.zero()] * (len(places) * len(group)))
        for i, (r, c) in enumerate(places):
            for v, n in enumerate(group):
                place = conv.place(r, c) + v * em.vector
                before = em.load(target, place, lanes=n)
                after = em.builder.fadd(before, sums[i * len(group) + v])
                em.store(after, target, place, lanes=n)

    def sample(number: Index) -> None:
        dx_sample = em.at(dx, em.multiply(number, conv.source.stride))
        dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin)
        clear(em, dx_sample, conv.source.stride)

        def kernel_place(kh: Index, kw: Index, channel: Index, group: list[int]) -> None:
            weight = em.add(em.multiply(kh, conv.kernel[1]), kw)
            weights = em.at(w, em.multiply(weight, conv.filters * channels), channel)
            across = em.multiply(kw, conv.dilation[1] * channels)
            down = em.multiply(kh, conv.dilation[0] * conv.source.row)
            dx_shifted = em.at(dx_sample, down, across, channel, conv.start)

            def rows(row: Index, height: int) -> None:
                def columns(column: Index, width: int) -> None:
                    down, across = em.multiply(row, gradient.row), em.multiply(column, conv.filters)
                    dy_here = em.at(dy_sample, down, across)
                    down = em.multiply(row, conv.strides[0] * conv.source.row)
                    across = em.multiply(column, conv.strides[1] * channels)
                    spread(
                        dy_here, weights, em.at(dx_shifted, down, across), (height, width), group
                    )

                for_pieces(em, conv.columns, tile.columns, columns)

            for_pieces(em, conv.rows, tile.rows, rows)

        # The kernel's places are the outer loops: a number's order of sums must not depend on
        # how the tiles are cut.
        def group(channel: Index, lanes: list[int]) -> None:
            def kernel_row(kh: Index) -> None:
                em.loop(0, conv.kernel[1], lambda kw: kernel_place(kh, kw, channel, lanes))

            em.loop(0, conv.kernel[0], kernel_row)

        for_groups(em, lanes, tile.vectors, group)

    em.loop(0, samples, sample)
    return em.finish()


def clear(em: Emitter, pointer: ir.Value, count: int) -> None:
    """Set `count` numbers (whole cache lines) to zero."""
    em.loop(0, count, lambda i: em.store(em.zero(), pointer, i), step=em.vector)
