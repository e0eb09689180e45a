"""Depthwise convolution: every channel is met by its own kernel, and nothing is summed over them.

SIMD lanes are channels. A register tile is several outputs of one vector of channels, so that an
input, once loaded, meets all the weights that want it; sums run over kernel rows, then columns.
Memory is the bottleneck: so the channels are the innermost loop, and it is read from side to side.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.activations import activate
from pellucid.engines.native.kernels.convolution import Convolution
from pellucid.engines.native.kernels.tiling import for_bands, for_pieces
from pellucid.engines.native.layout import Layout, Tile, aligned

IN_REGISTERS = 9  # kernels of at most so many weights stay in registers
SPARE = 4  # registers for inputs and slopes, beside sums
TILE = Tile(2, 4, 1)  # of the forward pass: wider ones gain nothing where memory is the bottleneck
LONGEST = 8  # outputs of a tile of the gradients along a row


def forward_units(conv: Convolution) -> int:
    """Into how many parts the forward pass of a sample can be cut: bands of rows."""
    return -(-conv.rows // TILE.rows)


def _span(outputs: int, conv: Convolution, axis: int) -> int:
    """How many inputs along an axis the windows of some outputs reach over."""
    stride, dilation, size = conv.strides[axis], conv.dilation[axis], conv.kernel[axis]
    return (outputs - 1) * stride + (size - 1) * dilation + 1


@kernel(*[POINTER] * 5, *[I64] * 3)
def forward(em: Emitter, conv: Convolution) -> None:
    """Compute y = activation(x * w + b), channel by channel.

    Called with (x, w, b, scales, y, samples, low, high), for the units low … high of every sample.
    """
    x, w, b, scales, y, samples, low, high = em.arguments

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, conv.source.stride), conv.start)
        y_sample = em.at(y, em.multiply(number, conv.target.stride), conv.target.origin)

        def rows(row: Index, height: int) -> None:
            x_rows = em.at(x_sample, em.multiply(row, conv.strides[0] * conv.source.row))
            y_rows = em.at(y_sample, em.multiply(row, conv.target.row))

            def columns(column: Index, width: int) -> None:
                here = em.at(x_rows, em.multiply(column, conv.strides[1] * conv.filters))
                there = em.at(y_rows, em.multiply(column, conv.filters))
                _for_channels(em, conv, (here, w, b, scales, there), Tile(height, width, 1))

            for_pieces(em, conv.columns, TILE.columns, columns)

        for_bands(em, conv.rows, TILE.rows, low, high, rows)

    em.loop(0, samples, sample)


def _for_channels(
    em: Emitter, conv: Convolution, pointers: tuple[ir.Value, ...], tile: Tile
) -> None:
    """A tile of outputs in all its channels, which lie side by side: so memory is read in a row."""

    def vector(channel: Index, lanes: int) -> None:
        x, w, b, scales, y = (em.at(pointer, channel) for pointer in pointers)
        small = conv.kernel[0] * conv.kernel[1] <= IN_REGISTERS
        sums = (_sums_in_registers if small else _sums_row_by_row)(em, conv, x, w, tile, lanes)
        if conv.use_bias:
            bias = em.load(b, lanes=lanes)
            sums = [em.builder.fadd(value, bias) for value in sums]
        if conv.scaled:
            scale = em.load(scales, lanes=lanes)
            shift = em.load(scales, aligned(conv.filters), lanes=lanes)
            sums = [em.fma(value, scale, shift) for value in sums]
        for number, value in enumerate(sums):
            r, c = divmod(number, tile.columns)
            place = r * conv.target.row + c * conv.filters
            em.store(activate(em, conv.activation, value), y, place, lanes=lanes)

    for_pieces(em, conv.filters, em.vector, vector)


def _weights(em: Emitter, conv: Convolution, w: ir.Value, row: Index, lanes: int) -> Values:
    """The weights of one kernel row."""
    first = em.multiply(row, conv.kernel[1] * conv.filters)
    return [em.load(w, first, kw * conv.filters, lanes=lanes) for kw in range(conv.kernel[1])]


def _sums_in_registers(
    em: Emitter, conv: Convolution, x: ir.Value, w: ir.Value, tile: Tile, lanes: int
) -> Values:
    """The sums of a tile, rows × columns, where every input is loaded once."""
    weights = [_weights(em, conv, w, kh, lanes) for kh in range(conv.kernel[0])]
    sums: Values = [em.zero()] * (tile.rows * tile.columns)
    for below in range(_span(tile.rows, conv, 0)):
        rows = _taps(below, tile.rows, conv, 0)
        for beside in range(_span(tile.columns, conv, 1)) if rows else ():
            columns = _taps(beside, tile.columns, conv, 1)
            if columns:
                offset = below * conv.source.row + beside * conv.filters
                value = em.load(x, offset, lanes=lanes)
            for (r, kh), (c, kw) in itertools.product(rows, columns):
                place = r * tile.columns + c
                sums[place] = em.fma(value, weights[kh][kw], sums[place])
    return sums


def _taps(place: int, outputs: int, conv: Convolution, axis: int) -> list[tuple[int, int]]:
    """(output, place in the kernel): who of some outputs meets the input at `place`."""
    stride, dilation = conv.strides[axis], conv.dilation[axis]
    return [
        (output, kernel)
        for output, kernel in itertools.product(range(outputs), range(conv.kernel[axis]))
        if output * stride + kernel * dilation == place
    ]


def _sums_row_by_row(
    em: Emitter, conv: Convolution, x: ir.Value, w: ir.Value, tile: Tile, lanes: int
) -> Values:
    """The sums of a tile, rows × columns, for any kernel."""

    def kernel_row(kh: Index, *sums: ir.Value) -> Values:
        results = list(sums)
        weights = _weights(em, conv, w, kh, lanes)
        x_row = em.at(x, em.multiply(kh, conv.dilation[0] * conv.source.row))
        for r, beside in itertools.product(range(tile.rows), range(_span(tile.columns, conv, 1))):
            columns = _taps(beside, tile.columns, conv, 1)
            if columns:
                offset = r * conv.strides[0] * conv.source.row + beside * conv.filters
                value = em.load(x_row, offset, lanes=lanes)
            for c, kw in columns:
                place = r * tile.columns + c
                results[place] = em.fma(value, weights[kw], results[place])
        return results

    return em.loop(0, conv.kernel[0], kernel_row, [em.zero()] * (tile.rows * tile.columns))


@kernel(*[POINTER] * 3, I64)
def kernel_gradient(em: Emitter, conv: Convolution, gradient: Layout) -> None:
    """Add the sum over samples, rows and columns, in this order, of x · dy to dw.

    Called with (x, dy, dw, samples). gradient: where dy lies.
    """
    x, dy, dw, samples = em.arguments
    taps = [
        kh * conv.dilation[0] * conv.source.row + kw * conv.dilation[1] * conv.filters
        for kh, kw in itertools.product(range(conv.kernel[0]), range(conv.kernel[1]))
    ]
    room = em.machine.registers - SPARE

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, conv.source.stride), conv.start)
        dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin)

        def row(r: Index) -> None:
            x_row = em.at(x_sample, em.multiply(r, conv.strides[0] * conv.source.row))
            dy_row = em.at(dy_sample, em.multiply(r, gradient.row))

            def columns(c: Index, count: int) -> None:
                x_here = em.at(x_row, em.multiply(c, conv.strides[1] * conv.filters))
                dy_here = em.at(dy_row, em.multiply(c, conv.filters))

                def vector(channel: Index, lanes: int) -> None:
                    for start in range(0, len(taps), room):
                        some = taps[start : start + room]
                        target = em.at(dw, start * conv.filters, channel)
                        inputs, slopes = em.at(x_here, channel), em.at(dy_here, channel)
                        _add_products(em, conv, (inputs, slopes, target), some, count, lanes)

                for_pieces(em, conv.filters, em.vector, vector)

            for_pieces(em, conv.columns, LONGEST, columns)

        em.loop(0, conv.rows, row)

    em.loop(0, samples, sample)


def _add_products(
    em: Emitter,
    conv: Convolution,
    pointers: tuple[ir.Value, ir.Value, ir.Value],
    offsets: list[int],
    count: int,
    lanes: int,
) -> None:
    """Add x · dy of `count` outputs in a row to dw, whose weights meet the input at `offsets`."""
    x, dy, dw = pointers
    sums = [em.load(dw, n * conv.filters, lanes=lanes) for n in range(len(offsets))]
    loaded: dict[int, ir.Value] = {}
    for output in range(count):
        slope = em.load(dy, output * conv.filters, lanes=lanes)
        for number, offset in enumerate(offsets):
            place = offset + output * conv.strides[1] * conv.filters
            if place not in loaded:
                loaded[place] = em.load(x, place, lanes=lanes)
            sums[number] = em.fma(loaded[place], slope, sums[number])
    for number, total in enumerate(sums):
        em.store(total, dw, number * conv.filters, lanes=lanes)


@kernel(*[POINTER] * 3, I64)
def input_gradient(em: Emitter, conv: Convolution, gradient: Layout, accumulate: bool) -> None:
    """Compute dx, the sums over kernel rows and columns, in this order, of dy · w.

    Called with (dy, w, dx, samples). gradient: where dy lies. accumulate: add to what is there.
    """
    dy, w, dx, samples = em.arguments
    source, channels = conv.source, conv.filters
    top, _ = conv.before

    def sample(number: Index) -> None:
        dx_sample = em.at(dx, em.multiply(number, source.stride), source.origin)
        dy_sample = em.at(dy, em.multiply(number, gradient.stride), gradient.origin)

        def row(r: Index) -> None:
            dx_row, below = em.at(dx_sample, em.multiply(r, source.row)), em.add(r, top)

            def tile(start: Index, pattern: _Pattern) -> None:
                first = em.multiply(em.quotient(start, conv.strides[1]), channels)
                target = em.at(dx_row, em.multiply(start, channels))

                def vector(channel: Index, lanes: int) -> None:
                    slopes, weights = em.at(dy_sample, first, channel), em.at(w, channel)
                    sums = _spread(em, conv, gradient, (slopes, weights), below, pattern, lanes)
                    for c, total in enumerate(sums):
                        em.give(total, target, c * channels, channel, lanes=lanes, add=accumulate)

                for_pieces(em, channels, em.vector, vector)

            _for_patterns(em, conv, tile)

        em.loop(0, source.rows, row)

    em.loop(0, samples, sample)


def _spread(
    em: Emitter,
    conv: Convolution,
    gradient: Layout,
    pointers: tuple[ir.Value, ir.Value],
    below: Index,
    pattern: _Pattern,
    lanes: int,
) -> Values:
    """The sums of a tile in the row that lies `below` the first row of the first window."""
    dy, w = pointers

    def kernel_row(kh: Index, *sums: ir.Value) -> Values:
        away = em.subtract(below, em.multiply(kh, conv.dilation[0]))
        r = em.builder.sdiv(em.integer(away), em.integer(conv.strides[0]))

        def add() -> Values:
            weights = _weights(em, conv, w, kh, lanes)
            dy_row = em.at(dy, em.multiply(r, gradient.row))
            slopes = {n: em.load(dy_row, n * conv.filters, lanes=lanes) for n in pattern.outputs}
            totals = list(sums)
            for output, column, kw in pattern.taps:
                totals[column] = em.fma(slopes[output], weights[kw], totals[column])
            return totals

        meets = em.builder.and_(
            em.builder.and_(em.less(-1, away), em.less(r, conv.rows)),
            em.equal(em.multiply(r, conv.strides[0]), away),
        )
        return em.choose(meets, add, lambda: list(sums))

    return em.loop(0, conv.kernel[0], kernel_row, [em.zero()] * pattern.columns)


@dataclass(frozen=True)
class _Pattern:
    """Which outputs flow back to a tile of inputs in a row: (output, its input, place in kernel).

    Outputs are counted from where the tile begins.
    """

    columns: int
    taps: tuple[tuple[int, int, int], ...]

    @property
    def outputs(self) -> list[int]:
        """The outputs that flow back."""
        return sorted({output for output, *_ in self.taps})


def _for_patterns(em: Emitter, conv: Convolution, body: Callable[[Index, _Pattern], None]) -> None:
    """`body(first column, pattern)` for the tiles of a row of inputs: alike ones in a loop."""
    size = max(LONGEST // conv.strides[1], 1) * conv.strides[1]
    starts = range(0, conv.source.columns, size)
    for pattern, group in itertools.groupby(starts, lambda start: _pattern(conv, start, size)):
        alike = list(group)
        em.loop(alike[0], alike[-1] + 1, lambda start, p=pattern: body(start, p), step=size)


def _pattern(conv: Convolution, start: int, size: int) -> _Pattern:
    _, left = conv.before
    stride, dilation = conv.strides[1], conv.dilation[1]
    width = min(size, conv.source.columns - start)
    taps = []
    for column, kw in itertools.product(range(width), range(conv.kernel[1])):
        output, rest = divmod(start + column + left - kw * dilation, stride)
        if rest == 0 and 0 <= output < conv.columns:
            taps.append((output - start // stride, column, kw))
    return _Pattern(width, tuple(taps))
