"""Convolution, forward and backward, as direct register-tiled sums.

SIMD lanes are channels, never places of a sum, so that the order of every sum is the order of the
loops, whatever the width of the vectors: forward (kernel row, kernel column, input channel).
"""

from __future__ import annotations

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
from pellucid.engines.native.kernels.elementwise import activate, replaces
from pellucid.engines.native.kernels.tiling import for_pieces, for_units
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


def forward_tile(machine: Machine, conv: Convolution) -> Tile:
    """The register tile of the forward pass."""
    count = len(vectors(conv.filters, machine.vector))
    unit = conv.pool or (1, 1)
    return choose_tile(conv.rows, conv.columns, count, conv.window, machine.registers, unit)


def forward(
    module: ir.Module,
    machine: Machine,
    name: str,
    conv: Convolution,
    winners: bool,
    panels: bool = False,
) -> tuple[ir.Function, int]:
    """Compute y = activation(x * w + b), max pooled if `conv.pool`.

    Emits name(x, w, b, y, winners, samples, low, high), which computes the units low … high of
    every sample, and returns it with the number of units. `winners` (rows, columns, filters) int8
    gets the place in the pooling window, row by row, of the first largest number. panels: whether
    w is cut into panels as wide as the register tile.
    """
    lanes = vectors(conv.filters, machine.vector)
    tile = forward_tile(machine, conv)
    em = Emitter(module, machine.vector, name, [POINTER] * 5 + [I64] * 3)
    x, w, b, y, won, samples, low, high = em.arguments

    def block(row: Index, height: int, channel: Index, group: list[int]) -> None:
        weights = em.at(w, em.multiply(channel, conv.window) if panels else channel)
        width = sum(group) if panels else conv.filters

        def sample(number: Index) -> None:
            x_sample = em.at(x, em.multiply(number, conv.source.stride), conv.start)
            y_sample = em.at(y, em.multiply(number, conv.target.stride), conv.target.origin)
            won_sample = won
            if winners:
                size = conv.target.rows * conv.target.columns * conv.filters
                won_sample = em.at(won, em.multiply(number, size), kind=I8)

            def columns(column: Index, across: int) -> None:
                source = em.at(
                    x_sample,
                    em.multiply(row, conv.strides[0] * conv.source.row),
                    em.multiply(column, conv.strides[1] * conv.source.channels),
                )
                shape = Tile(height, across, len(group))
                sums = _sums(em, conv, source, (weights, width), shape, group)
                _finish(
                    em,
                    conv,
                    sums,
                    (row, column),
                    channel,
                    group,
                    (height, across),
                    (b, y_sample, won_sample if winners else None),
                )

            for_pieces(em, conv.columns, tile.columns, columns)

        em.loop(0, samples, sample)

    units = for_units(em, conv.rows, tile, lanes, low, high, block)
    return em.finish(), units


def _sums(
    em: Emitter,
    conv: Convolution,
    source: ir.Value,
    matrix: tuple[ir.Value, int],
    tile: Tile,
    lanes: list[int],
) -> Values:
    """The sums of a tile, rows × columns × vectors, in the order (kernel row, column, channel).

    matrix: the address of the weights, and the distance from one weight of a filter to the next.
    """
    weights, width = matrix
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
            w = em.at(weights, em.multiply(first, width))

            def along(k: Index, *sums: ir.Value) -> Values:
                return step(em.at(x, k), em.at(w, em.multiply(k, width)), list(sums))

            return em.loop(0, conv.run, along, sums)

        return em.loop(0, conv.kernel[1] if conv.dilation[1] > 1 else 1, kernel_column, sums)

    sums: Values = [em.zero()] * (len(places) * len(lanes))
    if conv.window <= UNROLLED and conv.dilation == (1, 1):
        for kh in range(conv.kernel[0]):
            for k in range(conv.run):
                x = em.at(source, kh * conv.source.row + k)
                sums = step(x, em.at(weights, (kh * conv.run + k) * width), sums)
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
        larger = replaces(em, other, value)
        value = em.builder.select(larger, other, value)
        if winners:
            here = ir.Constant(winner.type, [number] * em.vector)
            winner = em.builder.select(larger, here, winner)
    return value, winner
