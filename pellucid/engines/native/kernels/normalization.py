"""Batch normalization: what statistics do to a value, and to its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import activate
from pellucid.engines.native.kernels.regions import begin, for_rows
from pellucid.engines.native.kernels.statistics import (
    CHAINS,
    GROUP,
    Normalization,
    Row,
    add_slopes,
    sum_places,
)
from pellucid.engines.native.kernels.tiling import for_groups, for_pieces
from pellucid.engines.native.layout import Layout

WIDTH = 4  # vectors of channels that are scaled together


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
    added = [
        wanted and begin(em, pointer, samples, norm.target, layout, add)
        for wanted, pointer, layout, add in zip(
            returned.inputs, (dx, daddend), layouts[::2], returned.accumulate, strict=True
        )
    ]
    rows_read = (Row.SCALE,) if returned.frozen else (Row.SCALE, Row.MEAN, Row.OFFSET, Row.TILT)

    def prepared(channel: Index, lanes: list[int]) -> list[Values]:
        return [em.load_row(statistics, lanes, channel, norm.row(row)) for row in rows_read]

    def place(offsets: list[Index], lanes: list[int], rows: list[Values]) -> None:
        gradients = em.load_row(dy, lanes, offsets[1])
        if returned.inputs[1]:
            put(gradients, daddend, lanes, offsets[2], added[1])
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
        put(results, dx, lanes, offsets[0], added[0])

    def put(values: Values, pointer: ir.Value, lanes: list[int], offset: Index, add: bool) -> None:
        store = em.add_row if add else em.store_row
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
                values = em.load_row(x_sample, lanes, there)
                return add_slopes(em, chains, gradients, values, means)

            mine = sum_places(em, target, 2 * len(lanes), place)
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
    """`body(offsets, lanes, rows)` at every place that all layouts have, by groups of channels.

    offsets: of the place in each layout. rows: what `prepared` has loaded for the channels.
    """

    def group(channel: Index, lanes: list[int]) -> None:
        rows = prepared(channel, lanes)

        def row(number: Index, r: Index, starts: list[Index]) -> None:
            def columns(column: Index, width: int) -> None:
                for c in range(width):
                    across = em.add(column, c)
                    offsets = [
                        em.add(start, channel, em.multiply(across, layout.channels))
                        for start, layout in zip(starts, layouts, strict=True)
                    ]
                    body(offsets, lanes, rows)

            for_pieces(em, min(layout.columns for layout in layouts), CHAINS, columns)

        for_rows(em, samples, layouts, row)

    for_groups(em, vectors(layouts[0].channels, em.vector), WIDTH, group)
