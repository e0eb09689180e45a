"""Batch normalization: the statistics of every channel, there and back.

Statistics lie in rows of as many numbers as there are channels, on whole cache lines: see `Row`.
Every sample adds its own mean and squared deviations, which are then joined in the order of the
samples (Chan, Golub and LeVeque, 1979), so that neither large means nor threads touch a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from llvmlite import ir

from pellucid.engines.native.emit import F32, I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import activate, slope
from pellucid.engines.native.kernels.tiling import for_groups, for_pieces
from pellucid.engines.native.layout import Layout, aligned
from pellucid.ops.base import Op
from pellucid.ops.normalization import BatchNormalization

CHAINS = 4  # sums that run side by side, of every fourth column
GROUP = 2  # vectors of channels that are summed together


class Row(IntEnum):
    """The rows of statistics.

    MEAN, INVERSE: of the values, and 1 / sqrt(variance + epsilon). SCALE, SHIFT: what a value is
    multiplied by, and what is added. OFFSET, TILT: what the mean of the gradient, and that of its
    product with the value, take from every gradient.
    """

    MEAN = 0
    INVERSE = 1
    SCALE = 2
    SHIFT = 3
    OFFSET = 4
    TILT = 5


@dataclass(frozen=True)
class Normalization:
    """One normalization with all its sizes.

    source, target: where input and output lie. addend: where a value lies that is added behind,
    before the activation. scale, center: whether there are gamma and beta.
    """

    source: Layout
    target: Layout
    addend: Layout | None
    activation: Op | None
    epsilon: float
    momentum: float
    scale: bool
    center: bool

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return self.source.channels

    @property
    def places(self) -> int:
        """How many numbers of one sample a channel has."""
        return self.source.rows * self.source.columns

    def row(self, row: Row) -> int:
        """Where a row of statistics begins."""
        return row * aligned(self.channels)

    @property
    def statistics_size(self) -> int:
        """Numbers that all rows of statistics take."""
        return len(Row) * aligned(self.channels)

    @property
    def sums_size(self) -> int:
        """Numbers a sample that it adds to statistics: two rows."""
        return 2 * aligned(self.channels)


def of(
    op: BatchNormalization,
    source: Layout,
    target: Layout,
    addend: Layout | None,
    activation: Op | None,
) -> Normalization:
    """An operation with its sizes."""
    return Normalization(
        source, target, addend, activation, op.epsilon, op.momentum, op.scale, op.center
    )


@kernel(POINTER, POINTER, I64)
def measure(em: Emitter, norm: Normalization) -> None:
    """The mean of each channel of each sample, and its squared deviations' sum.

    Called with (x, sums, samples).
    """
    x, sums, samples = em.arguments
    source = norm.source

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride), source.origin)
        target = em.at(sums, em.multiply(number, norm.sums_size))

        def group(channel: Index, lanes: list[int]) -> None:
            def values(r: Index, c: Index) -> Values:
                across = em.multiply(c, source.channels)
                here = em.at(x_sample, channel)
                return em.load_row(here, lanes, em.add(em.multiply(r, source.row), across))

            def itself(r: Index, c: Index, chains: Values) -> Values:
                return [em.builder.fadd(*pair) for pair in zip(chains, values(r, c), strict=True)]

            share = em.constant(1 / norm.places)
            totals = sum_places(em, source, len(lanes), itself)
            means = [em.builder.fmul(total, share) for total in totals]

            def squared(r: Index, c: Index, chains: Values) -> Values:
                pairs = zip(values(r, c), means, strict=True)
                apart = [em.builder.fsub(value, mean) for value, mean in pairs]
                squares = [em.builder.fmul(value, value) for value in apart]
                return [em.builder.fadd(*pair) for pair in zip(chains, squares, strict=True)]

            deviations = sum_places(em, source, len(lanes), squared)
            em.store_row(means, target, lanes, channel)
            em.store_row(deviations, target, lanes, channel, aligned(norm.channels))

        for_groups(em, vectors(norm.channels, em.vector), GROUP, group)

    em.loop(0, samples, sample)


def sum_places(
    em: Emitter,
    layout: Layout,
    count: int,
    body: Callable[[Index, Index, Values], Values],
) -> Values:
    """`count` sums over all places, in CHAINS by column; `body(row, column, sums)` adds to one."""

    def row(r: Index, *chains: ir.Value) -> Values:
        def columns(column: Index, width: int, *chains: ir.Value) -> Values:
            now = list(chains)
            for c in range(width):
                mine = slice(c * count, (c + 1) * count)
                now[mine] = body(r, em.add(column, c), now[mine])
            return now

        return for_pieces(em, layout.columns, CHAINS, columns, chains)

    chains = em.loop(0, layout.rows, row, [em.zero()] * (CHAINS * count))
    totals = chains[:count]
    for c in range(1, CHAINS):
        more = chains[c * count : (c + 1) * count]
        totals = [em.builder.fadd(*pair) for pair in zip(totals, more, strict=True)]
    return totals


def add_slopes(
    em: Emitter, sums: Values, gradients: Values, values: Values, means: Values
) -> Values:
    """To sum(dy) and sum(dy * (x - mean)), vector by vector, what one place adds."""
    results: Values = []
    for v, gradient in enumerate(gradients):
        apart = em.builder.fsub(values[v], means[v])
        results.append(em.builder.fadd(sums[2 * v], gradient))
        results.append(em.fma(gradient, apart, sums[2 * v + 1]))
    return results


@kernel(*[POINTER] * 6, I64)
def gather(em: Emitter, norm: Normalization) -> None:
    """The statistics of the batch from those of its samples; the moving ones follow.

    Called with (sums, statistics, gamma, beta, moving mean, moving variance, samples).
    """
    sums, statistics, gamma, beta, moving_mean, moving_variance, samples = em.arguments
    b = em.builder
    count = em.broadcast(b.sitofp(samples, F32))
    places = em.constant(float(norm.places))

    def group(channel: Index, lanes: list[int]) -> None:
        (width,) = lanes

        def own(number: Index, row: int) -> ir.Value:
            start = em.multiply(number, norm.sums_size)
            return em.load(sums, start, channel, row * aligned(norm.channels), lanes=width)

        (total,) = em.loop(0, samples, lambda n, total: [b.fadd(total, own(n, 0))], [em.zero()])
        mean = b.fdiv(total, count)

        def apart(number: Index, inside: ir.Value, between: ir.Value) -> Values:
            away = b.fsub(own(number, 0), mean)
            return [b.fadd(inside, own(number, 1)), b.fadd(between, b.fmul(away, away))]

        inside, between = em.loop(0, samples, apart, [em.zero(), em.zero()])
        deviations = b.fadd(inside, b.fmul(between, places))
        variance = b.fdiv(deviations, b.fmul(count, places))
        _conclude(em, norm, statistics, (gamma, beta), (mean, variance), channel, width)
        for moving, new in ((moving_mean, mean), (moving_variance, variance)):
            old = em.load(moving, channel, lanes=width)
            kept = b.fmul(old, em.constant(norm.momentum))
            follows = b.fadd(kept, b.fmul(new, em.constant(1 - norm.momentum)))
            em.store(follows, moving, channel, lanes=width)

    for_groups(em, vectors(norm.channels, em.vector), 1, group)


@kernel(*[POINTER] * 5)
def prepare(em: Emitter, norm: Normalization) -> None:
    """The statistics from given means and variances.

    Called with (statistics, gamma, beta, mean, variance).
    """
    statistics, gamma, beta, means, variances = em.arguments

    def group(channel: Index, lanes: list[int]) -> None:
        (width,) = lanes
        moments = (em.load(means, channel, lanes=width), em.load(variances, channel, lanes=width))
        _conclude(em, norm, statistics, (gamma, beta), moments, channel, width)

    for_groups(em, vectors(norm.channels, em.vector), 1, group)


def _conclude(
    em: Emitter,
    norm: Normalization,
    statistics: ir.Value,
    learned: tuple[ir.Value, ir.Value],
    moments: tuple[ir.Value, ir.Value],
    channel: Index,
    lanes: int,
) -> None:
    """Store what follows from the mean and the variance of some channels."""
    b = em.builder
    (gamma, beta), (mean, variance) = learned, moments
    root = em.call_math("sqrt", b.fadd(variance, em.constant(norm.epsilon)))
    inverse = b.fdiv(em.constant(1.0), root)
    scale = inverse
    if norm.scale:
        scale = b.fmul(inverse, em.load(gamma, channel, lanes=lanes))
    start = em.load(beta, channel, lanes=lanes) if norm.center else em.zero()
    shift = b.fsub(start, b.fmul(mean, scale))
    rows = {Row.MEAN: mean, Row.INVERSE: inverse, Row.SCALE: scale, Row.SHIFT: shift}
    for row, value in rows.items():
        em.store(value, statistics, channel, norm.row(row), lanes=lanes)


@kernel(*[POINTER] * 5, I64)
def measure_back(em: Emitter, norm: Normalization) -> None:
    """What each sample adds to sum(dy) and sum(dy * (x - mean)), for each channel.

    Called with (x, y, dy, statistics, sums, samples). dy itself becomes the gradient before the
    activation; y is read only where there is an addend.
    """
    x, y, dy, statistics, sums, samples = em.arguments

    def sample(number: Index) -> None:
        source, target = norm.source, norm.target
        x_sample = em.at(x, em.multiply(number, source.stride), source.origin)
        start = em.multiply(number, target.stride)
        y_sample, dy_sample = (em.at(pointer, start, target.origin) for pointer in (y, dy))
        mine = em.at(sums, em.multiply(number, norm.sums_size))

        def group(channel: Index, lanes: list[int]) -> None:
            means, scales, shifts = (
                em.load_row(statistics, lanes, channel, norm.row(row))
                for row in (Row.MEAN, Row.SCALE, Row.SHIFT)
            )

            def place(r: Index, c: Index, chains: Values) -> Values:
                here = em.add(em.multiply(r, target.row), em.multiply(c, target.channels), channel)
                there = em.add(em.multiply(r, source.row), em.multiply(c, source.channels), channel)
                gradients = em.load_row(dy_sample, lanes, here)
                values = em.load_row(x_sample, lanes, there)
                if norm.activation:
                    if norm.addend:
                        activated = em.load_row(y_sample, lanes, here)
                    else:
                        rows = zip(values, scales, shifts, strict=True)
                        activated = [activate(em, norm.activation, em.fma(*row)) for row in rows]
                    pairs = zip(activated, gradients, strict=True)
                    gradients = [slope(em, norm.activation, *pair) for pair in pairs]
                    em.store_row(gradients, dy_sample, lanes, here)
                return add_slopes(em, chains, gradients, values, means)

            totals = sum_places(em, target, 2 * len(lanes), place)
            em.store_row(totals[::2], mine, lanes, channel)
            em.store_row(totals[1::2], mine, lanes, channel, aligned(norm.channels))

        for_groups(em, vectors(norm.channels, em.vector), GROUP, group)

    em.loop(0, samples, sample)


@kernel(*[POINTER] * 4, I64)
def gather_back(
    em: Emitter, norm: Normalization, learns: tuple[bool, bool], add: bool = False
) -> None:
    """The gradients of gamma and beta, and what every gradient of the input has in common.

    Called with (sums, statistics, dgamma, dbeta, samples). learns: whether gamma, and beta, want
    their gradient. add: whether these are added to what is there.
    """
    sums, statistics, dgamma, dbeta, samples = em.arguments
    b = em.builder
    count = b.fmul(b.sitofp(samples, F32), ir.Constant(F32, float(norm.places)))
    counts = em.broadcast(count)

    def group(channel: Index, lanes: list[int]) -> None:
        (width,) = lanes

        def join(number: Index, offset: ir.Value, tilt: ir.Value) -> Values:
            start = em.multiply(number, norm.sums_size)
            rows = (
                em.load(sums, start, channel, row * aligned(norm.channels), lanes=width)
                for row in range(2)
            )
            return [b.fadd(*pair) for pair in zip((offset, tilt), rows, strict=True)]

        offset, tilt = em.loop(0, samples, join, [em.zero(), em.zero()])
        inverse = em.load(statistics, channel, norm.row(Row.INVERSE), lanes=width)
        tilt = b.fmul(tilt, inverse)
        if learns[0]:
            em.give(tilt, dgamma, channel, add=add, lanes=width)
        if learns[1]:
            em.give(offset, dbeta, channel, add=add, lanes=width)
        shares = {Row.OFFSET: offset, Row.TILT: b.fmul(tilt, inverse)}
        for row, value in shares.items():
            em.store(b.fdiv(value, counts), statistics, channel, norm.row(row), lanes=width)

    for_groups(em, vectors(norm.channels, em.vector), 1, group)
