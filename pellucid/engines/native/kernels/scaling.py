"""Values brought to the mean 0 and the variance 1 of data that was seen before, or back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from pellucid.engines.native.emit import F32, I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.scaling import SMALLEST_DEVIATION, Normalization
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Moments:
    """Which mean and variance a place of a sample has: places in the arrays of both.

    rows: by the number of a row. column, channel: the distance between neighbours, 0 where they
    have the same.
    """

    rows: tuple[int, ...]
    column: int
    channel: int

    @staticmethod
    def of(op: Normalization, shape: Shape) -> Moments:
        """Those of samples of this shape; fewer than three axes lie in the last ones."""
        kept = [size if axis in op.axes else 1 for axis, size in enumerate(shape)]
        places = np.arange(math.prod(kept)).reshape(kept)
        *_, columns, channels = (1, 1, *shape)
        places = np.broadcast_to(places, shape).reshape(-1, columns, channels)
        first = places[0]
        return Moments(
            tuple(places[:, 0, 0].tolist()),
            int(first[-1, 0] - first[0, 0]) // max(1, columns - 1),
            int(first[0, -1] - first[0, 0]) // max(1, channels - 1),
        )


@kernel(POINTER, POINTER, POINTER, POINTER, I64)
def normalize(
    em: Emitter,
    op: Normalization,
    moments: Moments,
    source: Layout,
    target: Layout,
    back: bool = False,
    add: bool = False,
) -> None:
    """Compute (x - mean) / deviation, or its inverse. Called with (x, mean, variance, y, samples).

    back: times the slope alone, for gradients. add: to what lies in y.
    """
    x, mean, variance, y, samples = em.arguments
    if op.moments is not None:
        mean, variance = (
            em.table(name, F32, values)
            for name, values in zip(("mean", "variance"), op.moments, strict=True)
        )
    rows = em.table("rows", I64, moments.rows)

    def pixel(start: ir.Value, here: Index, there: Index, c: Index) -> None:
        def channels(channel: Index, lanes: int) -> None:
            place = em.add(
                start, em.multiply(c, moments.column), em.multiply(channel, moments.channel)
            )

            def moment(pointer: ir.Value) -> ir.Value:
                if moments.channel:
                    return em.load(pointer, place, lanes=lanes)
                return em.broadcast(em.float_at(pointer, place))

            value = em.load(x, here, channel, lanes=lanes)
            deviation = _deviation(em, moment(variance))
            centre = None if back else moment(mean)
            em.give(
                _normalized(em, op, value, centre, deviation), y, there, channel,
                lanes=lanes, add=add,
            )  # fmt: skip

        for_pieces(em, source.channels, em.vector, channels)

    def sample(number: Index) -> None:
        def row(r: Index) -> None:
            start = em.builder.load(em.at(rows, r, kind=I64), typ=I64, align=8)
            here, there = (
                em.add(
                    em.multiply(number, layout.stride), em.multiply(r, layout.row), layout.origin
                )
                for layout in (source, target)
            )

            def column(c: Index) -> None:
                before, after = (
                    em.add(place, em.multiply(c, source.channels)) for place in (here, there)
                )
                pixel(start, before, after, c)

            em.loop(0, source.columns, column)

        em.loop(0, source.rows, row)

    em.loop(0, samples, sample)


def _deviation(em: Emitter, variance: ir.Value) -> ir.Value:
    """sqrt(variance), but never too near to 0."""
    root = em.call_math("sqrt", variance)
    least = em.constant(SMALLEST_DEVIATION)
    return em.builder.select(em.builder.fcmp_ordered(">", root, least), root, least)


def _normalized(
    em: Emitter, op: Normalization, value: ir.Value, mean: ir.Value | None, deviation: ir.Value
) -> ir.Value:
    """The normalized value, or the original one; without a mean, its slope times the value."""
    builder = em.builder
    if op.invert:
        product = builder.fmul(value, deviation)
        return product if mean is None else builder.fadd(mean, product)
    centred = value if mean is None else builder.fsub(value, mean)
    return builder.fdiv(centred, deviation)
