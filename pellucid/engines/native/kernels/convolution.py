"""Convolution, forward and backward, as direct register-tiled sums.

SIMD lanes are channels, never places of a sum, so that the order of every sum is the order of the
loops, whatever the width of the vectors: forward (kernel row, kernel column, input channel).
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I8, I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import activate
from pellucid.engines.native.kernels.elementwise import replaces
from pellucid.engines.native.kernels.tiling import (
    accumulate,
    for_parts,
    for_pieces,
    for_units,
    unit_count,
)
from pellucid.engines.native.layout import Layout, Tile, aligned, choose_tile
from pellucid.engines.native.machine import Machine
from pellucid.ops.base import Op

UNROLLED = 12  # kernels with at most so many weights a filter are written out without a loop


@dataclass(frozen=True)
class Convolution:
    """One convolution with all its sizes.

    source: where the input lies, border included. start: where in it the first window begins.
    rows, columns: the outputs to compute (the live ones). target: where the output lies, after
    the pooling if there is one. pool: rows and columns of the max pooling that is fused in.
    groups: into how many equal parts input channels and filters are cut.
    scaled: whether every filter's result is then scaled and shifted. addend: where a value lies
    that is added next, before the activation.
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
    activation: Op | None
    pool: tuple[int, int] | None
    groups: int = 1
    scaled: bool = False
    addend: Layout | None = None

    @property
    def before(self) -> tuple[int, int]:
        """Rows and columns of padding that the first window covers."""
        down, across = divmod(self.start, self.source.row)
        return self.source.top - down, self.source.left - across // self.source.channels

    @property
    def depth(self) -> int:
        """How many channels a filter reads."""
        return self.source.channels // self.groups

    @property
    def group_filters(self) -> int:
        """How many filters read the same channels."""
        return self.filters // self.groups

    @property
    def window(self) -> int:
        """Multiply-adds that make one output."""
        return self.kernel[0] * self.kernel[1] * self.depth

    @property
    def runs(self) -> int:
        """Into how many runs of weights, which meet numbers side by side, a kernel row is cut."""
        return 1 if self.dilation[1] == 1 and self.groups == 1 else self.kernel[1]

    @property
    def run(self) -> int:
        """How many weights a run has."""
        return self.kernel[1] * self.depth // self.runs

    def place(self, row: int, column: int) -> int:
        """Offset in the source from one window to the one `row` down and `column` across."""
        across = column * self.strides[1] * self.source.channels
        return row * self.strides[0] * self.source.row + across


def forward_tile(machine: Machine, conv: Convolution) -> Tile:
    """The register tile of the forward pass."""
    count = len(vectors(conv.group_filters, machine.vector))
    unit = conv.pool or (1, 1)
    return choose_tile(conv.rows, conv.columns, count, conv.window, machine.registers, unit)


def forward_units(machine: Machine, conv: Convolution) -> int:
    """Into how many parts the forward pass of a sample can be cut."""
    return conv.groups * _group_units(machine, conv)


def _group_units(machine: Machine, conv: Convolution) -> int:
    count = len(vectors(conv.group_filters, machine.vector))
    return unit_count(conv.rows, count, forward_tile(machine, conv))


@kernel(*[POINTER] * 7, I64, I64, I64)
def forward(
    em: Emitter, conv: Convolution, winners: bool, panels: bool = False, add: bool = False
) -> None:
    """Compute y = activation((x * w + b) * scale + shift + addend), max pooled if `conv.pool`.

    Called with (x, w, b, scales, addend, y, winners, samples, low, high), for the units low … high
    of every sample. scales: two rows, on whole cache lines, of scales and of shifts. `winners`
    (rows, columns, filters) int8 gets the place in the pooling window, row by row, of the first
    largest number. panels: whether w is cut into panels as wide as the register tile. add: to what
    lies in y.
    """
    lanes = vectors(conv.group_filters, em.vector)
    tile = forward_tile(em.machine, conv)
    x, w, b, scales, addend, y, won, samples, low, high = em.arguments

    def block(part: Index, row: Index, height: int, filter: Index, group: list[int]) -> None:
        channel = em.add(em.multiply(part, conv.group_filters), filter)
        weights = em.at(w, em.multiply(channel, conv.window) if panels else channel)
        width = sum(group) if panels else conv.filters

        def sample(number: Index) -> None:
            first = em.multiply(part, conv.depth)
            x_sample = em.at(x, em.multiply(number, conv.source.stride), conv.start, first)
            y_sample = em.at(y, em.multiply(number, conv.target.stride), conv.target.origin)
            cells = conv.target.rows * conv.target.columns
            place = em.multiply(number, cells * conv.filters)
            won_sample = em.at(won, place, kind=I8) if winners else None
            beside = None
            if conv.addend:
                start = em.multiply(number, conv.addend.stride)
                beside = em.at(addend, start, conv.addend.origin)

            def columns(column: Index, across: int) -> None:
                down = em.multiply(row, conv.strides[0] * conv.source.row)
                right = em.multiply(column, conv.strides[1] * conv.source.channels)
                shape = Tile(height, across, len(group))
                source = em.at(x_sample, down, right)
                sums = _sums(em, conv, source, (weights, width), shape, group)
                behind = _Vectors(b, scales, beside)
                to = _Results(row, column, channel, group, behind, y_sample, won_sample, add)
                _finish(em, conv, sums, shape, to)

            for_pieces(em, conv.columns, tile.columns, columns)

        em.loop(0, samples, sample)

    def units(part: Index, low: Index, high: Index) -> None:
        work = functools.partial(block, part)
        for_units(em, conv.rows, tile, lanes, low, high, work, _channels_first(conv, tile, lanes))

    for_parts(em, conv.groups, _group_units(em.machine, conv), low, high, units)


def _channels_first(conv: Convolution, tile: Tile, lanes: list[int]) -> bool:
    """Whether it is cheaper to read all weights for every band of rows than to go the other way.

    That is to read the whole input for every group of channels.
    """
    groups, bands = -(-len(lanes) // tile.vectors), -(-conv.rows // tile.rows)
    return conv.source.size * (groups - 1) > conv.window * conv.filters * (bands - 1)


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
        pixels = (em.float_at(x, place) for place in places)
        return accumulate(em, pixels, em.load_row(w, lanes), sums)

    def kernel_row(kh: Index, *sums: ir.Value) -> Values:
        def kernel_column(kw: Index, *sums: ir.Value) -> Values:
            x = em.at(
                source,
                em.multiply(kh, conv.dilation[0] * conv.source.row),
                em.multiply(kw, conv.dilation[1] * channels),
            )
            first = em.multiply(em.add(em.multiply(kh, conv.kernel[1]), kw), conv.depth)
            w = em.at(weights, em.multiply(first, width))

            def along(k: Index, *sums: ir.Value) -> Values:
                return step(em.at(x, k), em.at(w, em.multiply(k, width)), list(sums))

            return em.loop(0, conv.run, along, sums)

        return em.loop(0, conv.runs, kernel_column, sums)

    sums: Values = [em.zero()] * (len(places) * len(lanes))
    if conv.window <= UNROLLED and conv.dilation == (1, 1) and conv.groups == 1:
        for kh in range(conv.kernel[0]):
            for k in range(conv.run):
                x = em.at(source, kh * conv.source.row + k)
                sums = step(x, em.at(weights, (kh * conv.run + k) * width), sums)
        return sums
    return em.loop(0, conv.kernel[0], kernel_row, sums)


@dataclass(frozen=True)
class _Vectors:
    """Where what comes behind the sums lies: biases, scales, and a sample's addend."""

    bias: ir.Value
    scales: ir.Value
    addend: ir.Value | None


@dataclass(frozen=True)
class _Results:
    """Where the results of a tile go: its first row, column and channel, and the addresses.

    won is None where nobody asks which number won its pooling window. add: to what lies there.
    """

    row: Index
    column: Index
    channel: Index
    lanes: list[int]
    behind: _Vectors
    y: ir.Value
    won: ir.Value | None
    add: bool


def _finish(em: Emitter, conv: Convolution, sums: Values, tile: Tile, to: _Results) -> None:
    """All that comes behind a tile of sums, stored."""
    count = len(to.lanes)
    sums = _followed(em, conv, sums, tile, to)
    ph, pw = conv.pool or (1, 1)
    first_row, first_column = em.quotient(to.row, ph), em.quotient(to.column, pw)
    for r, c, v in itertools.product(
        range(tile.rows // ph), range(tile.columns // pw), range(count)
    ):
        window = [
            sums[((r * ph + i) * tile.columns + c * pw + j) * count + v]
            for i in range(ph)
            for j in range(pw)
        ]
        value, winner = _largest(em, window, to.won is not None)
        value = activate(em, conv.activation, value)
        row, column = em.add(first_row, r), em.add(first_column, c)
        here = em.add(em.multiply(row, conv.target.row), em.multiply(column, conv.filters))
        channel = em.add(to.channel, v * em.vector)
        em.give(value, to.y, here, channel, lanes=to.lanes[v], add=to.add)
        if to.won is not None:
            cell = em.add(em.multiply(row, conv.target.columns), column)
            place = em.multiply(cell, conv.filters)
            em.store(winner, to.won, place, channel, lanes=to.lanes[v], kind=I8)


def _followed(em: Emitter, conv: Convolution, sums: Values, tile: Tile, to: _Results) -> Values:
    """A tile of sums with its biases, scaled, and with the addend."""
    count = len(to.lanes)
    if conv.use_bias:
        biases = em.load_row(to.behind.bias, to.lanes, to.channel)
        sums = [em.builder.fadd(s, biases[i % count]) for i, s in enumerate(sums)]
    if conv.scaled:
        rows = (0, aligned(conv.filters))
        scales, shifts = (em.load_row(to.behind.scales, to.lanes, to.channel, row) for row in rows)
        sums = [em.fma(s, scales[i % count], shifts[i % count]) for i, s in enumerate(sums)]
    if conv.addend and to.behind.addend is not None:
        results: Values = []
        for r, c in itertools.product(range(tile.rows), range(tile.columns)):
            down = em.multiply(em.add(to.row, r), conv.addend.row)
            across = em.multiply(em.add(to.column, c), conv.filters)
            others = em.load_row(to.behind.addend, to.lanes, down, across, to.channel)
            mine = sums[len(results) : len(results) + count]
            results += [em.builder.fadd(*pair) for pair in zip(mine, others, strict=True)]
        sums = results
    return sums


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
