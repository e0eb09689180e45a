"""Images changed at random: moved as they are, or read from between their pixels.

Each sample draws its own numbers. The way back is the transposed one: what was read gets the
gradient, row by row and pixel by pixel, in the order of the outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from llvmlite import ir

from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.lanes import Lanes, chance, counted, repeated
from pellucid.engines.native.kernels.tiling import clear, for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.geometry import AffineOp, RandomCrop, RandomFlip
from pellucid.ops.sampling import cells, uncovered


@dataclass(frozen=True)
class Way:
    """Where images lie before and after a change, and which way it is gone.

    back: the gradient is given from the target to the source. add: to what lies there.
    """

    source: Layout
    target: Layout
    back: bool = False
    add: bool = False


@kernel(POINTER, POINTER, I64, I64, I32)
def move(em: Emitter, op: RandomFlip | RandomCrop, way: Way) -> None:
    """Flip or crop every image. Called with (x, y, samples, first sample, key)."""
    x, y, samples, first, key = em.arguments
    source, target = way.source, way.target

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride))
        y_sample = em.at(y, em.multiply(number, target.stride), target.origin)
        if way.back and not way.add:
            clear(em, x_sample, source.stride)
        down, across = _directions(em, op, source, em.add(first, number), key)

        def row(r: Index) -> None:
            x_row = em.at(x_sample, em.multiply(down.place(em, r), source.row), source.origin)
            _move_row(em, way, x_row, em.at(y_sample, em.multiply(r, target.row)), across)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)


def _move_row(em: Emitter, way: Way, x: ir.Value, y: ir.Value, across: _Direction) -> None:
    """One row, side by side, or from its end on pixel by pixel."""
    channels, columns = way.source.channels, way.target.columns

    def copy(before: Index, after: Index, many: int) -> None:
        def piece(start: Index, lanes: int) -> None:
            here, there = em.at(x, before, start), em.at(y, after, start)
            here, there = (there, here) if way.back else (here, there)
            em.give(em.load(here, lanes=lanes), there, lanes=lanes, add=way.add)

        for_pieces(em, many, em.vector, piece)

    def pixel(c: Index) -> None:
        place = across.place(em, c)
        copy(em.multiply(place, channels), em.multiply(c, channels), channels)

    def straight() -> None:
        copy(em.multiply(across.start, channels), 0, columns * channels)

    if across.turned is None:
        straight()
    else:
        em.choose(across.turned, lambda: em.loop(0, columns, pixel), straight)


@dataclass(frozen=True)
class _Direction:
    """Along one axis: where an image is read first, and whether from there backwards."""

    start: Index
    turned: ir.Value | None = None

    def place(self, em: Emitter, number: Index) -> Index:
        """Where the output of this number is read."""
        onwards = em.add(self.start, number)
        if self.turned is None:
            return onwards
        backwards = em.integer(em.subtract(self.start, number))
        return em.builder.select(self.turned, backwards, em.integer(onwards))


def _directions(
    em: Emitter, op: RandomFlip | RandomCrop, image: Layout, sample: Index, key: ir.Value
) -> tuple[_Direction, _Direction]:
    """How an image is read from top to bottom, and from left to right."""
    if isinstance(op, RandomCrop):
        chances = [chance(em, draw, sample, key) for draw in range(2)]
        top, left = op.corner(chances, image.rows, image.columns)
        return _Direction(top.first_integer()), _Direction(left.first_integer())
    flipped = op.flipped(chance(em, 0, sample, key)).first()

    def perhaps_turned(size: int, may: bool) -> _Direction:
        if not may:
            return _Direction(0)
        last, none = em.integer(size - 1), em.integer(0)
        return _Direction(em.builder.select(flipped, last, none), flipped)

    return perhaps_turned(image.rows, op.vertical), perhaps_turned(image.columns, op.horizontal)


@kernel(POINTER, POINTER, I64, I64, I32)
def resample(em: Emitter, op: AffineOp, way: Way) -> None:
    """Read every output from between pixels. Called with (x, y, samples, first sample, key)."""
    x, y, samples, first, key = em.arguments
    source, target = way.source, way.target
    reads = _Reads(em, op)

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride))
        y_sample = em.at(y, em.multiply(number, target.stride), target.origin)
        if way.back and not way.add:
            clear(em, x_sample, source.stride)
        chances = [chance(em, draw, em.add(first, number), key) for draw in range(op.draws)]
        affine = op.affine(chances, source.rows, source.columns)

        def row(r: Index) -> None:
            y_row = em.at(y_sample, em.multiply(r, target.row))
            line = repeated(em, r)

            def columns(start: Index, many: int) -> None:
                reads.find(*affine.apply(counted(em, start), line), source)

                def pixel(lane: Index) -> None:
                    place = em.multiply(em.add(start, lane), source.channels)
                    one, there = reads.at(lane), em.at(y_row, place)
                    finish = _give_back if way.back else _weigh
                    finish(em, one, x_sample, there, source.channels)

                em.loop(0, many, pixel)

            for_pieces(em, target.columns, em.vector, columns)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)


@dataclass(frozen=True)
class _Read:
    """What one output reads: offsets of pixels, the weight of each, and what a constant adds."""

    offsets: Values
    weights: Values
    rest: ir.Value | None


class _Reads:
    """What some outputs beside each other read, kept on the stack between lanes and pixels."""

    def __init__(self, em: Emitter, op: AffineOp) -> None:
        self.em, self.op = em, op
        self.count = 1 if op.interpolation == "nearest" else 4

        def memory(kind: ir.Type, rows: int) -> ir.Value:
            return em.builder.alloca(ir.VectorType(kind, em.vector), size=rows)

        self.offsets, self.weights = memory(I32, self.count), memory(F32, self.count)
        self.rest = memory(F32, 1)

    def find(self, x: Lanes, y: Lanes, source: Layout) -> None:
        """Emit where outputs read that are taken from the places (x, y)."""
        em, op, builder = self.em, self.op, self.em.builder
        rows = cells(y, source.rows, op.fill_mode, op.interpolation)
        columns = cells(x, source.columns, op.fill_mode, op.interpolation)

        def steps(distance: int) -> ir.Constant:
            return ir.Constant(ir.VectorType(I32, em.vector), [distance] * em.vector)

        for number, (row, column) in enumerate(product(rows, columns)):
            down = builder.mul(row.place.integers(), steps(source.row))
            across = builder.mul(column.place.integers(), steps(source.channels))
            offset = builder.add(builder.add(down, across), steps(source.origin))
            em.store(offset, self.offsets, number * em.vector, kind=I32)
            weight = Lanes(em, em.zero()) + row.weight * column.weight
            em.store(weight.vector, self.weights, number * em.vector)
        if op.fills:
            em.store((uncovered(rows, columns) * op.fill_value).vector, self.rest)

    def at(self, lane: Index) -> _Read:
        """What the output in a lane reads."""
        em = self.em
        offsets, weights = [], []
        for number in range(self.count):
            place = em.at(self.offsets, lane, number * em.vector, kind=I32)
            offset = em.builder.load(place, typ=I32, align=4)
            offsets.append(em.builder.sext(offset, I64))
            weight = em.float_at(self.weights, lane, number * em.vector)
            weights.append(em.broadcast(weight))
        rest = em.broadcast(em.float_at(self.rest, lane)) if self.op.fills else None
        return _Read(offsets, weights, rest)


def _weigh(em: Emitter, read: _Read, x: ir.Value, y: ir.Value, channels: int) -> None:
    """One output: the sum of its pixels, each times its weight."""

    def piece(channel: Index, lanes: int) -> None:
        total = read.rest
        for offset, weight in zip(read.offsets, read.weights, strict=True):
            value = em.load(x, offset, channel, lanes=lanes)
            total = (
                em.builder.fmul(value, weight) if total is None else em.fma(value, weight, total)
            )
        em.store(total, y, channel, lanes=lanes)

    for_pieces(em, channels, em.vector, piece)


def _give_back(em: Emitter, read: _Read, dx: ir.Value, dy: ir.Value, channels: int) -> None:
    """The gradient of one output, to each of its pixels times its weight."""

    def piece(channel: Index, lanes: int) -> None:
        gradient = em.load(dy, channel, lanes=lanes)
        for offset, weight in zip(read.offsets, read.weights, strict=True):
            before = em.load(dx, offset, channel, lanes=lanes)
            em.store(em.fma(gradient, weight, before), dx, offset, channel, lanes=lanes)

    for_pieces(em, channels, em.vector, piece)
