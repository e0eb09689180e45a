"""Convolution, backward: the gradients of kernel, bias and input, as register-tiled sums."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I8, I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import slope
from pellucid.engines.native.kernels.convolution import UNROLLED, Convolution
from pellucid.engines.native.kernels.tiling import (
    accumulate,
    clear,
    for_groups,
    for_pieces,
    rows_of,
)
from pellucid.engines.native.layout import Layout, Tile, choose_tile
from pellucid.engines.native.machine import Machine

FEW_CHANNELS = 16
LARGE_MAPS = 2**16  # numbers of input and gradient from which rows are summed in bands
BAND_PLACES = 256  # the least places of a band, so that sums are seldom put down and taken up
UNROLLED_COLUMNS = 4  # loops over so few columns are written out


@dataclass(frozen=True)
class _Band:
    """Rows of some samples: where their first windows and gradients begin, and how many."""

    x: ir.Value
    dy: ir.Value
    samples: ir.Value
    rows: int


def _band_height(conv: Convolution, gradient: Layout) -> int:
    """How many rows are summed before the next weights: all, unless the maps are large.

    Every tile of weights walks over all rows of a band, which should stay in a near cache. It
    depends on the sizes only, since sums are cut at bands.
    """
    if conv.source.size + gradient.size <= LARGE_MAPS:
        return conv.rows
    least = -(-BAND_PLACES // conv.columns)
    heights = [height for height in range(least, conv.rows + 1) if conv.rows % height == 0]
    return heights[0] if heights and heights[0] <= 2 * least else min(least, conv.rows)


@kernel(POINTER, POINTER, POINTER, I64)
def kernel_gradient(em: Emitter, conv: Convolution, gradient: Layout) -> None:
    """Add the sum over samples, rows and columns, in this order, of x · dy to dw.

    Called with (x, dy, dw, samples). gradient: where dy lies, before the pooling.
    """
    x, dy, dw, samples = em.arguments
    height = _band_height(conv, gradient)
    if height == conv.rows:
        _add_kernel_gradient(em, conv, gradient, dw, _Band(x, dy, samples, conv.rows))
        return

    def sample(number: Index) -> None:
        def band(row: Index, rows: int) -> None:
            down = em.multiply(row, conv.strides[0] * conv.source.row)
            x_band = em.at(x, em.multiply(number, conv.source.stride), down)
            start = em.multiply(number, gradient.stride)
            dy_band = em.at(dy, start, em.multiply(row, gradient.row))
            here = _Band(x_band, dy_band, em.integer(1), rows)
            _add_kernel_gradient(em, conv, gradient, dw, here)

        for_pieces(em, conv.rows, height, band)

    em.loop(0, samples, sample)


def _add_kernel_gradient(
    em: Emitter, conv: Convolution, gradient: Layout, dw: ir.Value, band: _Band
) -> None:
    """Add the part of a band to dw, one tile of weights after the other."""
    lanes = vectors(conv.group_filters, em.vector)
    channels = conv.source.channels

    def weights(
        places: list[int], source: ir.Value, target: ir.Value, channel: Index, group: list[int]
    ) -> None:
        """The gradients of some weights, which meet the input at `places` from `source` on."""

        def sample(number: Index, *sums: ir.Value) -> Values:
            x_sample = em.at(source, em.multiply(number, conv.source.stride))
            dy_sample = em.at(
                band.dy, em.multiply(number, gradient.stride), gradient.origin, channel
            )

            def row(r: Index, *sums: ir.Value) -> Values:
                x_row = em.at(x_sample, em.multiply(r, conv.strides[0] * conv.source.row))
                dy_row = em.at(dy_sample, em.multiply(r, gradient.row))

                def column(c: Index, *sums: ir.Value) -> Values:
                    x_here = em.at(x_row, em.multiply(c, conv.strides[1] * channels))
                    dy_here = em.at(dy_row, em.multiply(c, conv.filters))
                    pixels = (em.float_at(x_here, place) for place in places)
                    return accumulate(em, pixels, em.load_row(dy_here, group), sums)

                return _unrolled(em, conv.columns, column, list(sums))

            return em.loop(0, band.rows, row, sums)

        sums = em.loop(0, band.samples, sample, [em.zero()] * (len(places) * len(group)))
        for number, row in enumerate(rows_of(sums, len(group))):
            em.add_row(row, target, group, channel, number * conv.filters)

    def all_at_once(channel: Index, group: list[int]) -> None:
        """Few weights: they lie in several kernel rows, at offsets that are known here."""
        places = [
            kh * conv.dilation[0] * conv.source.row + kw * conv.dilation[1] * channels + ci
            for kh in range(conv.kernel[0])
            for kw in range(conv.kernel[1])
            for ci in range(channels)
        ]
        for start in range(0, len(places), tile.rows):
            target = em.at(dw, start * conv.filters)
            weights(
                places[start : start + tile.rows], em.at(band.x, conv.start), target, channel, group
            )

    def run_by_run(filter: Index, group: list[int], part: Index = 0) -> None:
        """Many weights: a run of them meets numbers that lie side by side."""
        channel = em.add(em.multiply(part, conv.group_filters), filter)
        origin = em.add(em.multiply(part, conv.depth), conv.start)

        def kernel_place(kh: Index, kw: Index) -> None:
            down = em.multiply(kh, conv.dilation[0] * conv.source.row)
            source = em.at(band.x, down, em.multiply(kw, conv.dilation[1] * channels), origin)
            first = em.multiply(em.add(em.multiply(kh, conv.kernel[1]), kw), conv.depth)

            def piece(start: Index, count: int) -> None:
                target = em.at(dw, em.multiply(em.add(first, start), conv.filters))
                weights(list(range(count)), em.at(source, start), target, channel, group)

            for_pieces(em, conv.run, tile.rows, piece)

        em.loop(
            0, conv.kernel[0], lambda kh: em.loop(0, conv.runs, lambda kw: kernel_place(kh, kw))
        )

    few = conv.window <= UNROLLED and conv.groups == 1
    side_by_side = conv.window if few else conv.run
    steps = conv.rows * conv.columns
    tile = choose_tile(side_by_side, 1, len(lanes), steps, em.machine.registers)
    if few:
        for_groups(em, lanes, tile.vectors, all_at_once)
        return

    def part(number: Index) -> None:
        for_groups(em, lanes, tile.vectors, functools.partial(run_by_run, part=number))

    em.loop(0, conv.groups, part)


def _unrolled(em: Emitter, count: int, body: Callable[..., Values], carried: Values) -> Values:
    """A loop, written out if it is short."""
    if count > UNROLLED_COLUMNS:
        return em.loop(0, count, body, carried)
    for number in range(count):
        carried = body(number, *carried)
    return carried


@kernel(POINTER, POINTER, I64)
def bias_gradient(em: Emitter, gradient: Layout) -> None:
    """Add the sum of dy over samples, rows and columns, in this order, to db.

    Called with (dy, db, samples).
    """
    dy, db, samples = em.arguments

    def group(channel: Index, lanes: list[int]) -> None:
        def sample(number: Index, *sums: ir.Value) -> Values:
            dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin, channel)

            def row(r: Index, *sums: ir.Value) -> Values:
                dy_row = em.at(dy_sample, em.multiply(r, gradient.row))

                def column(c: Index, *sums: ir.Value) -> Values:
                    values = em.load_row(dy_row, lanes, em.multiply(c, gradient.channels))
                    return [em.builder.fadd(*pair) for pair in zip(sums, values, strict=True)]

                return em.loop(0, gradient.columns, column, sums)

            return em.loop(0, gradient.rows, row, sums)

        sums = em.loop(0, samples, sample, [em.zero()] * len(lanes))
        em.add_row(sums, db, lanes, channel)

    for_groups(em, vectors(gradient.channels, em.vector), 8, group)


def input_tile(machine: Machine, conv: Convolution) -> Tile:
    """The register tile of the input's gradient."""
    count = len(vectors(conv.depth, machine.vector))
    return choose_tile(conv.rows, conv.columns, count, conv.group_filters, machine.registers)


@kernel(POINTER, POINTER, POINTER, I64)
def input_gradient(em: Emitter, conv: Convolution, gradient: Layout, add: bool = False) -> None:
    """Compute dx: over kernel rows and columns, in this order, the sums over filters of dy · w.

    Called with (dy, w, dx, samples); w is transposed, in panels as wide as the register tile:
    (panel, kernel row, kernel column, filter, channel in the panel).
    Every output spreads its gradient over its window, so no multiplication is wasted on places
    that the window never touches, whatever stride and dilation are. add: to what lies in dx.
    """
    channels = conv.source.channels
    lanes = vectors(conv.depth, em.vector)
    tile = input_tile(em.machine, conv)
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
            kernel = em.load_row(weights, group, em.multiply(k, sum(group)))
            slopes = (
                em.float_at(dy_here, k, r * gradient.row + c * conv.filters) for r, c in places
            )
            return accumulate(em, slopes, kernel, sums)

        sums = em.loop(0, conv.group_filters, along, [em.zero()] * (len(places) * len(group)))
        for place, row in zip(places, rows_of(sums, len(group)), strict=True):
            em.add_row(row, target, group, conv.place(*place))

    def sample(number: Index) -> None:
        dx_sample = em.at(dx, em.multiply(number, conv.source.stride))
        dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin)
        if not add:
            clear(em, dx_sample, conv.source.stride)

        def kernel_place(
            part: Index, kh: Index, kw: Index, channel: Index, group: list[int]
        ) -> None:
            weight = em.add(em.multiply(kh, conv.kernel[1]), kw)
            panel = em.multiply(channel, conv.kernel[0] * conv.kernel[1] * conv.filters)
            weights = em.at(w, panel, em.multiply(weight, conv.filters * sum(group)))
            first = em.multiply(part, conv.group_filters)
            weights = em.at(weights, em.multiply(first, sum(group)))
            across = em.multiply(kw, conv.dilation[1] * channels)
            down = em.multiply(kh, conv.dilation[0] * conv.source.row)
            here = em.add(em.multiply(part, conv.depth), channel)
            dx_shifted = em.at(dx_sample, down, across, here, conv.start)

            def rows(row: Index, height: int) -> None:
                def columns(column: Index, width: int) -> None:
                    down, across = em.multiply(row, gradient.row), em.multiply(column, conv.filters)
                    dy_here = em.at(dy_sample, down, across, first)
                    down = em.multiply(row, conv.strides[0] * conv.source.row)
                    across = em.multiply(column, conv.strides[1] * channels)
                    spread(
                        dy_here, weights, em.at(dx_shifted, down, across), (height, width), group
                    )

                for_pieces(em, conv.columns, tile.columns, columns)

            for_pieces(em, conv.rows, tile.rows, rows)

        # The kernel's places are the outer loops: a number's order of sums must not depend on
        # how the tiles are cut.
        def group(channel: Index, lanes: list[int], part: Index) -> None:
            def kernel_row(kh: Index) -> None:
                em.loop(0, conv.kernel[1], lambda kw: kernel_place(part, kh, kw, channel, lanes))

            em.loop(0, conv.kernel[0], kernel_row)

        def part(number: Index) -> None:
            for_groups(em, lanes, tile.vectors, functools.partial(group, part=number))

        em.loop(0, conv.groups, part)

    em.loop(0, samples, sample)


def by_kernel_rows(conv: Convolution) -> bool:
    """Whether so few channels are read that whole kernel rows fill lanes better: by shape only."""
    few = conv.source.channels < FEW_CHANNELS
    return few and conv.dilation[1] == 1 and conv.groups == 1


@kernel(POINTER, POINTER, POINTER, I64)
def input_gradient_by_kernel_rows(
    em: Emitter, conv: Convolution, gradient: Layout, add: bool = False
) -> None:
    """Compute dx: over kernel rows, then positions, in this order, the sums over filters of dy · w.

    Called with (dy, w, dx, samples); w is transposed: (filter, kernel row, kernel column, channel).
    Lanes run along a kernel row, which meets numbers that lie side by side. add: to what lies in
    dx.
    """
    lanes = vectors(conv.run, em.vector)
    tile = choose_tile(1, conv.columns, len(lanes), conv.filters, em.machine.registers)
    dy, w, dx, samples = em.arguments

    def spread(dy_here: ir.Value, weights: ir.Value, target: ir.Value, width: int) -> None:
        def along(k: Index, *sums: ir.Value) -> Values:
            kernel = em.load_row(weights, lanes, em.multiply(k, conv.window))
            slopes = (em.float_at(dy_here, k, c * conv.filters) for c in range(width))
            return accumulate(em, slopes, kernel, sums)

        sums = em.loop(0, conv.filters, along, [em.zero()] * (width * len(lanes)))
        for c, row in enumerate(rows_of(sums, len(lanes))):
            em.add_row(row, target, lanes, conv.place(0, c))

    def sample(number: Index) -> None:
        dx_sample = em.at(dx, em.multiply(number, conv.source.stride))
        dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin)
        if not add:
            clear(em, dx_sample, conv.source.stride)

        def kernel_row(kh: Index) -> None:
            weights = em.at(w, em.multiply(kh, conv.run))
            down = em.multiply(kh, conv.dilation[0] * conv.source.row)
            dx_shifted = em.at(dx_sample, down, conv.start)

            def row(r: Index) -> None:
                dy_row = em.at(dy_sample, em.multiply(r, gradient.row))
                dx_row = em.at(dx_shifted, em.multiply(r, conv.strides[0] * conv.source.row))

                def columns(column: Index, width: int) -> None:
                    dy_here = em.at(dy_row, em.multiply(column, conv.filters))
                    across = em.multiply(column, conv.strides[1] * conv.source.channels)
                    spread(dy_here, weights, em.at(dx_row, across), width)

                for_pieces(em, conv.columns, tile.columns, columns)

            em.loop(0, conv.rows, row)

        em.loop(0, conv.kernel[0], kernel_row)

    em.loop(0, samples, sample)


@kernel(POINTER, POINTER, POINTER, POINTER, I64)
def unpool(em: Emitter, conv: Convolution, unpooled: Layout) -> None:
    """The gradient before activation and pooling, from the one after them.

    Called with (y, dy, winners, dx, samples). dy itself becomes the gradient between the two; dx
    gets it at each window's winner, and zeros elsewhere.
    """
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

                def channels(channel: Index, lanes: int) -> None:
                    gradient = slope(
                        em,
                        conv.activation,
                        em.load(y, after, channel, lanes=lanes),
                        em.load(dy, after, channel, lanes=lanes),
                    )
                    em.store(gradient, dy, after, channel, lanes=lanes)
                    place = em.multiply(cell, conv.filters)
                    winner = em.load(won, place, channel, lanes=lanes, kind=I8)
                    for number in range(ph * pw):
                        here = ir.Constant(winner.type, [number] * em.vector)
                        hit = em.builder.icmp_signed("==", winner, here)
                        share = em.builder.select(hit, gradient, em.zero())
                        offset = number // pw * unpooled.row + number % pw * conv.filters
                        em.store(share, dx, corner, channel, offset, lanes=lanes)

                for_pieces(em, conv.filters, em.vector, channels)

            em.loop(0, target.columns, column)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)
