"""The way back through a convolution that was max pooled, where few outputs have a gradient.

Of each pooling window only the winner gets one, and not even that where the activation was flat:
at most a quarter of all outputs for 2 × 2 windows. So these outputs are first listed, by filter
and by position, and only they are multiplied. SIMD lanes run along the weights of a filter,
(kernel column, channel) of one kernel row after the other: where the input lies side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import (
    F32,
    I8,
    I32,
    I64,
    POINTER,
    Emitter,
    Index,
    Values,
    kernel,
    vectors,
)
from pellucid.engines.native.kernels.convolution import Convolution
from pellucid.engines.native.kernels.tiling import clear

SHORTEST_RUN = 16  # numbers that must lie side by side for this to be worth while
ENTRY = 2  # words of a list's entry: where, and the gradient


def worth_while(conv: Convolution) -> bool:
    """Whether listing the winners saves work: a rule about shapes, the same on every machine."""
    if conv.pool is None or conv.groups > 1:
        return False
    return conv.pool[0] * conv.pool[1] > 2 and conv.run >= SHORTEST_RUN


@dataclass(frozen=True)
class Lists:
    """Where the lists of one sample lie, in 32-bit words.

    For every filter: its number of entries, then (offset of the window in the input, gradient).
    For every position of a window: its number of entries, then (offset of the filter's weights,
    gradient).
    """

    filters: int
    cells: int
    positions: int

    @property
    def filter_entries(self) -> int:
        """Where the entries of the first filter begin."""
        return self.filters

    @property
    def position_counts(self) -> int:
        """Where the numbers of entries of the positions begin."""
        return self.filter_entries + self.filters * self.cells * ENTRY

    @property
    def position_entries(self) -> int:
        """Where the entries of the first position begin."""
        return self.position_counts + self.positions

    @property
    def size(self) -> int:
        """Words in all; the last entry of a full list needs one more to be written over."""
        return self.position_entries + (self.positions * self.filters + 1) * ENTRY


def lists(conv: Convolution) -> Lists:
    """The lists of a pooled convolution."""
    cells = conv.target.rows * conv.target.columns
    return Lists(conv.filters, cells, conv.rows * conv.columns)


@kernel(POINTER, POINTER, POINTER)
def collect(em: Emitter, conv: Convolution) -> None:
    """List the outputs of one sample that have a gradient. Called with (dy, winners, words)."""
    dy, won, words = em.arguments
    builder = em.builder
    place = lists(conv)
    assert conv.pool is not None
    ph, pw = conv.pool
    zero = ir.Constant(I32, 0)
    for start, count in ((0, place.filters), (place.position_counts, place.positions)):
        here = em.at(words, start)
        em.loop(0, count, lambda i, here=here: builder.store(zero, em.at(here, i)) and None)

    def append(count_at: ir.Value, entries: ir.Value, where: ir.Value, slope: ir.Value) -> None:
        """Write behind the last entry; the list grows only if there is a gradient."""
        count = builder.load(count_at, typ=I32, align=4)
        offset = em.multiply(builder.zext(count, I64), ENTRY)
        builder.store(builder.trunc(where, I32), em.at(entries, offset), align=4)
        em.put_float(slope, entries, offset, 1)
        more = builder.fcmp_unordered("!=", slope, ir.Constant(F32, 0.0))
        builder.store(builder.add(count, builder.zext(more, I32)), count_at, align=4)

    def cell(row: Index, column: Index) -> None:
        down, across = em.multiply(row, conv.target.row), em.multiply(column, conv.filters)
        slopes = em.at(dy, conv.target.origin, down, across)
        number = em.add(em.multiply(row, conv.target.columns), column)
        winners = em.at(won, em.multiply(number, conv.filters), kind=I8)
        # The window of the cell's first output in the input, and that output's position.
        window = em.add(
            conv.start,
            em.multiply(row, ph * conv.strides[0] * conv.source.row),
            em.multiply(column, pw * conv.strides[1] * conv.source.channels),
        )
        corner = em.add(em.multiply(row, ph * conv.columns), em.multiply(column, pw))

        def one(channel: Index) -> None:
            slope = em.float_at(slopes, channel)
            winner = builder.load(em.at(winners, channel, kind=I8), typ=I8, align=1)
            winner = builder.zext(winner, I64)
            r = em.quotient(winner, pw)
            c = em.subtract(winner, em.multiply(r, pw))
            offset = em.add(
                window,
                em.multiply(r, conv.strides[0] * conv.source.row),
                em.multiply(c, conv.strides[1] * conv.source.channels),
            )
            entries = em.at(words, em.multiply(channel, place.cells * ENTRY), place.filter_entries)
            append(em.at(words, channel), entries, em.integer(offset), slope)
            position = em.add(corner, em.multiply(r, conv.columns), c)
            start = em.multiply(position, place.filters * ENTRY)
            entries = em.at(words, start, place.position_entries)
            weights = em.integer(em.multiply(channel, conv.window))
            append(em.at(words, position, place.position_counts), entries, weights, slope)

        em.loop(0, conv.filters, one)

    def row(r: Index) -> None:
        em.loop(0, conv.target.columns, lambda c: cell(r, c))

    em.loop(0, conv.target.rows, row)


@dataclass(frozen=True)
class _Part:
    """One vector of a filter's weights: where it meets the input, where it lies, its lanes."""

    source: int
    weight: int
    lanes: int


def _parts(conv: Convolution, kernel_row: int, vector: int) -> list[_Part]:
    """The vectors of one kernel row."""
    channels = conv.source.channels
    parts = []
    for kw in range(conv.runs):
        source = kernel_row * conv.dilation[0] * conv.source.row + kw * conv.dilation[1] * channels
        weight = (kernel_row * conv.kernel[1] + kw) * channels
        for number, lanes in enumerate(vectors(conv.run, vector)):
            parts.append(_Part(source + number * vector, weight + number * vector, lanes))
    return parts


def _groups(parts: list[_Part], registers: int) -> list[list[_Part]]:
    """Cut into groups whose sums fit into registers, of about the same size."""
    count = -(-len(parts) // (registers - 4))
    size = -(-len(parts) // count)
    return [parts[i : i + size] for i in range(0, len(parts), size)]


def _for_entries(
    em: Emitter,
    words: ir.Value,
    count: ir.Value,
    sums: Values,
    base: ir.Value,
    places: list[tuple[int, int]],
) -> Values:
    """Add gradient · vectors to the sums, entry after entry.

    places: (offset, lanes) of each vector, from where the entry says, counted from `base`.
    """
    builder = em.builder

    def entry(number: Index, *totals: ir.Value) -> Values:
        start = em.multiply(number, ENTRY)
        offset = builder.load(em.at(words, start), typ=I32, align=4)
        slope = em.broadcast(em.float_at(words, start, 1))
        here = em.at(base, builder.zext(offset, I64))
        return [
            em.fma(slope, em.load(here, place, lanes=lanes), total)
            for (place, lanes), total in zip(places, totals, strict=True)
        ]

    return em.loop(0, builder.zext(count, I64), entry, sums)


@kernel(POINTER, POINTER, POINTER)
def kernel_gradient(em: Emitter, conv: Convolution) -> None:
    """Add x · dy over the listed outputs of one sample to dw, filter by filter.

    Called with (x, words, dw); dw is transposed: (filter, kernel row, kernel column, channel).
    """
    x, words, dw = em.arguments
    place = lists(conv)
    parts = [part for kh in range(conv.kernel[0]) for part in _parts(conv, kh, em.vector)]

    def one(channel: Index) -> None:
        count = em.builder.load(em.at(words, channel), typ=I32, align=4)
        entries = em.at(words, em.multiply(channel, place.cells * ENTRY), place.filter_entries)
        target = em.at(dw, em.multiply(channel, conv.window))
        for group in _groups(parts, em.machine.registers):
            sums = [em.load(target, part.weight, lanes=part.lanes) for part in group]
            places = [(part.source, part.lanes) for part in group]
            sums = _for_entries(em, entries, count, sums, x, places)
            for part, total in zip(group, sums, strict=True):
                em.store(total, target, part.weight, lanes=part.lanes)

    em.loop(0, conv.filters, one)


@kernel(POINTER, POINTER, POINTER)
def input_gradient(em: Emitter, conv: Convolution, add: bool = False) -> None:
    """Spread the listed outputs of one sample over their windows of dx, by their filters.

    Called with (words, w, dx); w is transposed like dw. Sums run over kernel rows, then positions,
    then filters, however the vectors are cut. add: to what lies in dx.
    """
    words, w, dx = em.arguments
    place = lists(conv)
    if not add:
        clear(em, dx, conv.source.stride)

    def position(row: Index, column: Index, parts: list[_Part]) -> None:
        number = em.add(em.multiply(row, conv.columns), column)
        count = em.builder.load(em.at(words, number, place.position_counts), typ=I32, align=4)
        start = em.multiply(number, place.filters * ENTRY)
        entries = em.at(words, start, place.position_entries)
        window = em.at(
            dx,
            em.multiply(row, conv.strides[0] * conv.source.row),
            em.multiply(column, conv.strides[1] * conv.source.channels),
            conv.start,
        )
        for group in _groups(parts, em.machine.registers):
            places = [(part.weight, part.lanes) for part in group]
            sums = _for_entries(em, entries, count, [em.zero()] * len(group), w, places)
            for part, total in zip(group, sums, strict=True):
                before = em.load(window, part.source, lanes=part.lanes)
                em.store(em.builder.fadd(before, total), window, part.source, lanes=part.lanes)

    for kernel_row in range(conv.kernel[0]):
        parts = _parts(conv, kernel_row, em.vector)

        def rows(row: Index, parts: list[_Part] = parts) -> None:
            em.loop(0, conv.columns, lambda column: position(row, column, parts))

        em.loop(0, conv.rows, rows)
