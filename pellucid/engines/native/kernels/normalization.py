"""Batch normalization: statistics of every channel, and what they do to a value.

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
WIDTH = 4  # vectors of channels that are scaled together


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

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, norm.source.stride), norm.source.origin)
        target = em.at(sums, em.multiply(number, norm.sums_size))

        def group(channel: Index, lanes: list[int]) -> None:
            here = em.at(x_sample, channel)

            def itself(place: Index) -> Values:
                return em.load_row(here, lanes, place)

            share = em.constant(1 / norm.places)
            totals = _sum_places(em, norm.source, len(lanes), itself)
            means = [em.builder.fmul(total, share) for total in totals]

            def squared(place: Index) -> Values:
                values = zip(em.load_row(here, lanes, place), means, strict=True)
                apart = [em.builder.fsub(value, mean) for value, mean in values]
                return [em.builder.fmul(value, value) for value in apart]

            deviations = _sum_places(em, norm.source, len(lanes), squared)
            em.store_row(means, target, lanes, channel)
            em.store_row(deviations, target, lanes, channel, aligned(norm.channels))

        for_groups(em, vectors(norm.channels, em.vector), GROUP, group)

    em.loop(0, samples, sample)


def _sum_places(
    em: Emitter, layout: Layout, count: int, values: Callable[[Index], Values]
) -> Values:
    """The sums over all places of `count` vectors; `values(offset)` gives those of one place.

    The columns are summed in CHAINS that do not wait for each other; these are joined last.
    """

    def row(r: Index, *chains: ir.Value) -> Values:
        def columns(column: Index, width: int, *chains: ir.Value) -> Values:
            now = list(chains)
            for c in range(width):
                place = em.multiply(em.add(column, c), layout.channels)
                for v, value in enumerate(values(em.add(em.multiply(r, layout.row), place))):
                    now[c * count + v] = em.builder.fadd(now[c * count + v], value)
            return now

        return for_pieces(em, layout.columns, CHAINS, columns, chains)

    chains = em.loop(0, layout.rows, row, [em.zero()] * (CHAINS * count))
    totals = chains[:count]
    for c in range(1, CHAINS):
        more = chains[c * count : (c + 1) * count]
        totals = [em.builder.fadd(*pair) for pair in zip(totals, more, strict=True)]
    return totals


@kernel(*[POINTER] * 6, I64)
def gather(em: Emitter, norm: Normalization) -> None:
    """The statistics of the batch from those of its samples; the moving ones follow.

    Called with (sums, statistics, gamma, beta, moving, samples) where moving is the address of
    the moving mean; behind it comes the moving variance: see `gather`'s caller.
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


@kernel(*[POINTER] * 4, I64)
def apply(em: Emitter, norm: Normalization) -> None:
    """Compute y = activation(x * scale + shift + addend).

    Called with (x, addend, statistics, y, samples).
    """
    x, addend, statistics, y, samples = em.arguments
    layouts = [norm.source, norm.target, norm.addend or norm.source]

    def prepared(channel: Index, lanes: list[int]) -> tuple[Values, Values]:
        scale, shift = (
            em.load_row(statistics, lanes, channel, norm.row(row)) for row in (Row.SCALE, Row.SHIFT)
        )
        return scale, shift

    def place(offsets: list[Index], lanes: list[int], rows: tuple[Values, Values]) -> None:
        values = em.load_row(x, lanes, offsets[0])
        values = [em.fma(*three) for three in zip(values, *rows, strict=True)]
        if norm.addend:
            others = em.load_row(addend, lanes, offsets[2])
            values = [em.builder.fadd(*pair) for pair in zip(values, others, strict=True)]
        values = [activate(em, norm.activation, value) for value in values]
        em.store_row(values, y, lanes, offsets[1])

    _for_places(em, layouts, samples, prepared, place)


@kernel(*[POINTER] * 5, I64)
def measure_back(em: Emitter, norm: Normalization) -> None:
    """What each sample adds to sum(dy) and sum(dy * (x - mean)), for each channel.

    Called with (x, y, dy, statistics, sums, samples). dy itself becomes the gradient before the
    activation; y is read only where there is an addend.
    """
    x, y, dy, statistics, sums, samples = em.arguments
    b = em.builder

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
                results = []
                for v, gradient in enumerate(gradients):
                    apart = b.fsub(values[v], means[v])
                    results.append(b.fadd(chains[2 * v], gradient))
                    results.append(em.fma(gradient, apart, chains[2 * v + 1]))
                return results

            totals = _chain_places(em, target, 2 * len(lanes), place)
            em.store_row(totals[::2], mine, lanes, channel)
            em.store_row(totals[1::2], mine, lanes, channel, aligned(norm.channels))

        for_groups(em, vectors(norm.channels, em.vector), GROUP, group)

    em.loop(0, samples, sample)


def _chain_places(
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


@dataclass(frozen=True)
class Returned:
    """Where gradients go: to the input, to the addend; and whether they are added there."""

    inputs: tuple[bool, bool]
    accumulate: tuple[bool, bool]
    frozen: bool


@kernel(*[POINTER] * 5, I64)
def apply_back(em: Emitter, norm: Normalization, returned: Returned) -> None:
    """The gradients of the input and of the addend, from that before the activation.

    dx = scale * (dy - offset - (x - mean) * tilt), or scale * dy with fixed statistics.
    Called with (x, dy, statistics, dx, daddend, samples).
    """
    x, dy, statistics, dx, daddend, samples = em.arguments
    b = em.builder
    layouts = [norm.source, norm.target, norm.addend or norm.source]
    wanted = (Row.SCALE,) if returned.frozen else (Row.SCALE, Row.MEAN, Row.OFFSET, Row.TILT)

    def prepared(channel: Index, lanes: list[int]) -> list[Values]:
        return [em.load_row(statistics, lanes, channel, norm.row(row)) for row in wanted]

    def place(offsets: list[Index], lanes: list[int], rows: list[Values]) -> None:
        gradients = em.load_row(dy, lanes, offsets[1])
        if returned.inputs[1]:
            put(gradients, daddend, lanes, offsets[2], returned.accumulate[1])
        if not returned.inputs[0]:
            return
        scales, *others = rows
        if not returned.frozen:
            values = em.load_row(x, lanes, offsets[0])
            for v, value in enumerate(values):
                mean, offset, tilt = (row[v] for row in others)
                common = em.fma(b.fsub(value, mean), tilt, offset)
                gradients[v] = b.fsub(gradients[v], common)
        results = [b.fmul(*pair) for pair in zip(gradients, scales, strict=True)]
        put(results, dx, lanes, offsets[0], returned.accumulate[0])

    def put(
        values: Values, pointer: ir.Value, lanes: list[int], offset: Index, accumulate: bool
    ) -> None:
        store = em.add_row if accumulate else em.store_row
        store(values, pointer, lanes, offset)

    _for_places(em, layouts, samples, prepared, place)


@kernel(*[POINTER] * 5, I64)
def parameter_gradients(em: Emitter, norm: Normalization, learns: tuple[bool, bool]) -> None:
    """With fixed statistics: add sum(dy * (x - mean)) * inverse to dgamma and sum(dy) to dbeta.

    Called with (x, dy, statistics, dgamma, dbeta, samples).
    """
    x, dy, statistics, dgamma, dbeta, samples = em.arguments
    b = em.builder

    def group(channel: Index, lanes: list[int]) -> None:
        means, inverses = (
            em.load_row(statistics, lanes, channel, norm.row(row))
            for row in (Row.MEAN, Row.INVERSE)
        )

        def sample(number: Index, *sums: ir.Value) -> Values:
            source, target = norm.source, norm.target
            x_sample = em.at(x, em.multiply(number, source.stride), source.origin, channel)
            dy_sample = em.at(dy, em.multiply(number, target.stride), target.origin, channel)

            def place(r: Index, c: Index, chains: Values) -> Values:
                here = em.add(em.multiply(r, target.row), em.multiply(c, target.channels))
                there = em.add(em.multiply(r, source.row), em.multiply(c, source.channels))
                gradients = em.load_row(dy_sample, lanes, here)
                results = []
                for v, value in enumerate(em.load_row(x_sample, lanes, there)):
                    apart = b.fsub(value, means[v])
                    results.append(b.fadd(chains[2 * v], gradients[v]))
                    results.append(em.fma(gradients[v], apart, chains[2 * v + 1]))
                return results

            mine = _chain_places(em, target, 2 * len(lanes), place)
            return [b.fadd(*pair) for pair in zip(sums, mine, strict=True)]

        totals = em.loop(0, samples, sample, [em.zero()] * (2 * len(lanes)))
        tilts = [b.fmul(*pair) for pair in zip(totals[1::2], inverses, strict=True)]
        if learns[0]:
            em.add_row(tilts, dgamma, lanes, channel)
        if learns[1]:
            em.add_row(totals[::2], dbeta, lanes, channel)

    for_groups(em, vectors(norm.channels, em.vector), GROUP, group)


def _for_places(
    em: Emitter,
    layouts: list[Layout],
    samples: ir.Value,
    prepared: Callable[[Index, list[int]], list[Values] | tuple[Values, ...]],
    body: Callable[..., None],
) -> None:
    """`body(offsets, lanes, rows)` at every place of every sample, for groups of channels.

    offsets: of the place in each layout. rows: what `prepared` has loaded for the channels.
    """
    first = layouts[0]

    def group(channel: Index, lanes: list[int]) -> None:
        rows = prepared(channel, lanes)

        def sample(number: Index) -> None:
            def row(r: Index) -> None:
                lines = [
                    em.add(
                        em.multiply(number, layout.stride),
                        em.multiply(r, layout.row),
                        channel,
                        layout.origin,
                    )
                    for layout in layouts
                ]

                def columns(column: Index, width: int) -> None:
                    for c in range(width):
                        across = em.add(column, c)
                        offsets = [
                            em.add(line, em.multiply(across, layout.channels))
                            for line, layout in zip(lines, layouts, strict=True)
                        ]
                        body(offsets, lanes, rows)

                for_pieces(em, first.columns, CHAINS, columns)

            em.loop(0, first.rows, row)

        em.loop(0, samples, sample)

    for_groups(em, vectors(first.channels, em.vector), WIDTH, group)
