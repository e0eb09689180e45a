"""Operations on one number at a time: activations, scaling, dropout, and copies between layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from llvmlite import ir

from pellucid import random
from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.kernels import mathematics
from pellucid.engines.native.kernels.activations import activate, slope, slope_from_input
from pellucid.engines.native.kernels.regions import Run, begin, for_numbers
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.base import Op


def replaces(em: Emitter, other: ir.Value, largest: ir.Value) -> ir.Value:
    """Where `other` takes the place of the largest so far: it is larger, or the first NaN."""
    # `not <=` instead of `>`: a NaN wins, and then stays, as it does in NumPy.
    larger = em.builder.fcmp_unordered(">", other, largest)
    return em.builder.and_(larger, em.builder.fcmp_ordered("ord", largest, largest))


# A function of one number, as it is emitted.
Function: TypeAlias = Callable[[Emitter, ir.Value], ir.Value]


def identity(em: Emitter, x: ir.Value) -> ir.Value:
    """The number itself."""
    return x


@dataclass(frozen=True)
class Activation:
    """An activation."""

    op: Op

    def __call__(self, em: Emitter, x: ir.Value) -> ir.Value:
        """Emit it."""
        return activate(em, self.op, x)


@dataclass(frozen=True)
class Scale:
    """x times a factor."""

    factor: float

    def __call__(self, em: Emitter, x: ir.Value) -> ir.Value:
        """Emit it."""
        return em.builder.fmul(x, em.constant(self.factor))


@dataclass(frozen=True)
class Affine:
    """x times a scale, plus an offset."""

    scale: float
    offset: float

    def __call__(self, em: Emitter, x: ir.Value) -> ir.Value:
        """Emit it."""
        return em.builder.fadd(Scale(self.scale)(em, x), em.constant(self.offset))


@kernel(POINTER, POINTER, I64)
def unary(
    em: Emitter, function: Function, source: Layout, target: Layout, add: bool = False
) -> None:
    """Apply a function number by number. Called with (source, target, samples).

    add: to what lies in the target. Where the source has no numbers, the target gets zeros.
    """
    x, y, samples = em.arguments
    add = begin(em, y, samples, source, target, add)

    def body(run: Run, offsets: list[Index]) -> None:
        value = function(em, em.load(x, offsets[0], lanes=run.lanes))
        em.give(value, y, offsets[1], lanes=run.lanes, add=add)

    for_numbers(em, samples, [source, target], source.columns, body)


@kernel(POINTER, POINTER, POINTER, I64)
def gate_gradient(
    em: Emitter, activation: Op, value: Layout, after: Layout, add: bool = False
) -> None:
    """The gradient before an activation whose slope follows from its input.

    Called with (x, dy, dx, samples): x and dx lie as `value`, dy as `after`. add: to what lies in
    dx. Where dy has no numbers, dx gets zeros.
    """
    x, dy, dx, samples = em.arguments
    add = begin(em, dx, samples, after, value, add)

    def body(run: Run, offsets: list[Index]) -> None:
        read = em.load(x, offsets[1], lanes=run.lanes)
        gradient = em.load(dy, offsets[0], lanes=run.lanes)
        slopes = slope_from_input(em, activation, read, gradient)
        em.give(slopes, dx, offsets[1], lanes=run.lanes, add=add)

    for_numbers(em, samples, [after, value], after.columns, body)


@kernel(POINTER, POINTER, POINTER, I64)
def activation_gradient(
    em: Emitter, activation: Op, value: Layout, before: Layout, add: bool = False
) -> None:
    """The gradient before an activation; it may take the place of the one after it.

    Called with (y, dy, dx, samples): y and dy lie as `value`, dx as `before`. add: to what lies
    in dx. Where dy has no numbers, dx gets zeros.
    """
    y, dy, dx, samples = em.arguments
    add = begin(em, dx, samples, value, before, add)

    def body(run: Run, offsets: list[Index]) -> None:
        activated = em.load(y, offsets[0], lanes=run.lanes)
        gradient = em.load(dy, offsets[0], lanes=run.lanes)
        slopes = slope(em, activation, activated, gradient)
        em.give(slopes, dx, offsets[1], lanes=run.lanes, add=add)

    for_numbers(em, samples, [value, before], value.columns, body)


@kernel(POINTER, POINTER, I64)
def reshape(em: Emitter, source: Layout, target: Layout, add: bool = False) -> None:
    """Copy the numbers of samples, in their order, to another layout of as many numbers.

    Called with (source, target, samples). One by one: rows of both sides seldom fit each other.
    """
    x, y, samples = em.arguments

    def place(layout: Layout, position: Index) -> Index:
        length = layout.columns * layout.channels
        row = em.quotient(position, length)
        within = em.subtract(position, em.multiply(row, length))
        return em.add(em.multiply(row, layout.row), within, layout.origin)

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride))
        y_sample = em.at(y, em.multiply(number, target.stride))

        def one(position: Index) -> None:
            value, here = em.float_at(x_sample, place(source, position)), place(target, position)
            if add:
                value = em.builder.fadd(em.float_at(y_sample, here), value)
            em.put_float(value, y_sample, here)

        em.loop(0, source.rows * source.columns * source.channels, one)

    em.loop(0, samples, sample)


@dataclass(frozen=True)
class Dropping:
    """A dropout: what is kept, and by how much it grows.

    threshold: the least of the 24-bit random words that keep a number. factor: for what is kept.
    full_columns: of the whole value, live or not, by which positions are counted. maps: how many
    feature maps there are, if they are dropped as wholes.
    """

    threshold: int
    factor: float
    full_columns: int
    maps: int | None = None


@kernel(POINTER, POINTER, I64, I64, I32)
def dropout(em: Emitter, drop: Dropping, source: Layout, target: Layout, add: bool = False) -> None:
    """Keep a number, times the factor, where a random number says so; forward and backward alike.

    Called with (source, target, samples, first sample, key). The random number of a place is
    Philox-2x32-10 of (position, sample) under the key: see `pellucid.random`. add: to what lies
    in the target. Where the source has no numbers, the target gets zeros.
    """
    x, y, samples, first, key = em.arguments
    builder = em.builder
    add = begin(em, y, samples, source, target, add)

    def body(run: Run, offsets: list[Index]) -> None:
        word = _word(em, run, first, key, drop.maps)
        shift = ir.Constant(word.type, [8] * em.vector)
        limit = ir.Constant(word.type, [drop.threshold] * em.vector)
        kept = builder.icmp_unsigned(">=", builder.lshr(word, shift), limit)
        value = em.load(x, offsets[0], lanes=run.lanes)
        scaled = builder.fmul(value, em.constant(drop.factor))
        kept_or_not = builder.select(kept, scaled, em.zero())
        em.give(kept_or_not, y, offsets[1], lanes=run.lanes, add=add)

    for_numbers(em, samples, [source, target], drop.full_columns, body)


@kernel(POINTER, POINTER, I64, I64, I32)
def gaussian_noise(
    em: Emitter, stddev: float, full_columns: int, source: Layout, target: Layout
) -> None:
    """Add normal numbers. Called with (source, target, samples, first sample, key).

    That of a place is made of Philox's word of (position, sample), as `pellucid.random.normal`
    does it. full_columns: as for `Dropping`.
    """
    x, y, samples, first, key = em.arguments

    def body(run: Run, offsets: list[Index]) -> None:
        number = mathematics.normal_quantile(em, _word(em, run, first, key))
        noise = em.builder.fmul(number, em.constant(stddev))
        value = em.builder.fadd(em.load(x, offsets[0], lanes=run.lanes), noise)
        em.store(value, y, offsets[1], lanes=run.lanes)

    for_numbers(em, samples, [source, target], full_columns, body)


def _word(
    em: Emitter, run: Run, first: ir.Value, key: ir.Value, maps: int | None = None
) -> ir.Value:
    """A random word for each lane: of its position, or of its feature map, and its sample."""
    builder = em.builder
    lanes = ir.Constant(ir.VectorType(I32, em.vector), list(range(em.vector)))
    position = builder.trunc(em.integer(run.position), I32)
    number = builder.trunc(em.integer(em.add(first, run.sample)), I32)
    counter = builder.add(em.broadcast(position), lanes)
    if maps is not None:
        counter = builder.urem(counter, ir.Constant(lanes.type, [maps] * em.vector))
    return philox(em, counter, em.broadcast(number), em.broadcast(key))


def philox(em: Emitter, low: ir.Value, high: ir.Value, key: ir.Value) -> ir.Value:
    """The first word of Philox-2x32-10 (Salmon et al. 2011), lane by lane."""
    builder = em.builder
    words = ir.VectorType(I32, em.vector)
    wide = ir.VectorType(I64, em.vector)
    multiplier = ir.Constant(wide, [random.PHILOX_MULTIPLIER] * em.vector)
    step = ir.Constant(words, [random.PHILOX_WEYL] * em.vector)
    thirty_two = ir.Constant(wide, [32] * em.vector)
    for round_number in range(random.PHILOX_ROUNDS):
        if round_number:
            key = builder.add(key, step)
        product = builder.mul(builder.zext(low, wide), multiplier)
        top = builder.trunc(builder.lshr(product, thirty_two), words)
        low, high = builder.xor(builder.xor(top, key), high), builder.trunc(product, words)
    return low


@kernel(POINTER, POINTER, POINTER, I64, I64, I64, I64)
def gather(em: Emitter, target: Layout, ordered: bool) -> None:
    """Copy samples out of the caller's arrays into a layout with its border.

    Called with (images, order, target, first, samples, image size, image row): sample i of the
    target is image order[first + i] if `ordered`, else image first + i.
    """
    images, order, y, first, samples, image_stride, image_row = em.arguments

    def sample(number: Index) -> None:
        place = em.add(first, number)
        if ordered:
            place = em.builder.load(em.at(order, place, kind=I64), typ=I64, align=8)
        x_sample = em.at(images, em.multiply(place, image_stride))
        y_sample = em.at(y, em.multiply(number, target.stride), target.origin)

        def row(r: Index) -> None:
            x_row = em.at(x_sample, em.multiply(r, image_row))
            y_row = em.at(y_sample, em.multiply(r, target.row))

            def copy(start: Index, lanes: int) -> None:
                em.store(em.load(x_row, start, lanes=lanes), y_row, start, lanes=lanes)

            for_pieces(em, target.columns * target.channels, em.vector, copy)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)


@kernel(POINTER, POINTER, I64, I64)
def scatter(em: Emitter, source: Layout) -> None:
    """Copy a block of outputs to the caller. Called with (source, outputs, first, samples)."""
    assert source.plain
    x, outputs, first, samples = em.arguments

    def sample(number: Index) -> None:
        start = em.multiply(em.add(first, number), source.size)

        def copy(c: Index, lanes: int) -> None:
            value = em.load(x, em.multiply(number, source.stride), c, lanes=lanes)
            em.store(value, outputs, start, c, lanes=lanes)

        for_pieces(em, source.size, em.vector, copy)

    em.loop(0, samples, sample)
