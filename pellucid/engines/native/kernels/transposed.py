"""Transposed convolution, forward: every output sums what was stamped on it.

Outputs that lie `strides` apart meet the same places of the kernel, and inputs side by side: so a
register tile is a row of those, by vectors of filters. Sums run over kernel rows, kernel columns
and input channels, in this order. The way back is a convolution's way forward.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import activate
from pellucid.engines.native.kernels.tiling import accumulate, for_groups, rows_of
from pellucid.engines.native.layout import Layout, Tile, choose_tile
from pellucid.engines.native.machine import Machine
from pellucid.ops.base import Op


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution with its sizes. before: rows and columns that are cut away first."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    source: Layout
    target: Layout
    use_bias: bool
    activation: Op | None


def forward_tile(machine: Machine, conv: Transposed) -> Tile:
    """The register tile."""
    count = len(vectors(conv.target.channels, machine.vector))
    columns = -(-conv.target.columns // conv.strides[1])
    return choose_tile(1, columns, count, conv.source.channels, machine.registers)


@kernel(*[POINTER] * 4, *[I64] * 3)
def forward(em: Emitter, conv: Transposed) -> None:
    """Compute y. Called with (x, w, b, y, samples, low, high), for rows low … high of every sample.

    w is cut into panels as wide as the register tile: (panel, kernel row, kernel column, input
    channel, filter in the panel).
    """
    x, w, b, y, samples, low, high = em.arguments
    tile = forward_tile(em.machine, conv)
    source, target = conv.source, conv.target

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride), source.origin)
        y_sample = em.at(y, em.multiply(number, target.stride), target.origin)

        def row(r: Index) -> None:
            y_row = em.at(y_sample, em.multiply(r, target.row))

            def group(channel: Index, lanes: list[int]) -> None:
                size = conv.kernel[0] * conv.kernel[1] * source.channels
                panel = em.at(w, em.multiply(channel, size))

                def some(stamps: _Stamps, first: Index) -> None:
                    here = em.at(x_sample, em.multiply(first, source.channels))
                    sums = _sums(em, conv, (here, panel), r, stamps, lanes)
                    start = em.multiply(first, conv.strides[1] * target.channels)
                    there = em.at(y_row, start, channel)
                    _finish(em, conv, sums, (b, there), channel, stamps, lanes)

                _for_stamps(em, conv, tile.columns, some)

            for_groups(em, vectors(target.channels, em.vector), tile.vectors, group)

        em.loop(low, high, row)

    em.loop(0, samples, sample)


@dataclass(frozen=True)
class _Stamps:
    """Which inputs are stamped on a tile of outputs in a row.

    phase: the column of the first output, beyond a multiple of the stride. outputs: how many.
    columns: by kernel column, (output, its input's place from the tile's start) of those it meets.
    """

    phase: int
    outputs: int
    columns: tuple[tuple[tuple[int, int], ...], ...]


def _for_stamps(
    em: Emitter, conv: Transposed, size: int, body: Callable[[_Stamps, Index], None]
) -> None:
    """`body(stamps, start)` for all tiles of a row, alike ones in a loop.

    Outputs are counted in strides: number n of a phase is output n * stride + phase.
    """
    stride, columns = conv.strides[1], conv.target.columns
    for phase in range(min(stride, columns)):
        count = -(-(columns - phase) // stride)
        tiles = [
            (_stamps(conv, phase, start, min(size, count - start)), start)
            for start in range(0, count, size)
        ]
        for stamps, alike in itertools.groupby(tiles, lambda tile: tile[0]):
            starts = [start for _, start in alike]
            em.loop(starts[0], starts[-1] + 1, functools.partial(body, stamps), step=size)


def _stamps(conv: Transposed, phase: int, start: int, outputs: int) -> _Stamps:
    columns = []
    for kw in range(conv.kernel[1]):
        away, rest = divmod(phase + conv.before[1] - kw * conv.dilation[1], conv.strides[1])
        met = [
            (output, output + away)
            for output in range(outputs)
            if rest == 0 and 0 <= start + output + away < conv.source.columns
        ]
        columns.append(tuple(met))
    return _Stamps(phase, outputs, tuple(columns))


def _sums(
    em: Emitter,
    conv: Transposed,
    pointers: tuple[ir.Value, ir.Value],
    row: Index,
    stamps: _Stamps,
    lanes: list[int],
) -> Values:
    """The sums of a tile, outputs × vectors."""
    x, w = pointers
    channels, width = conv.source.channels, len(lanes)

    def kernel_row(kh: Index, *sums: ir.Value) -> Values:
        away = em.subtract(em.add(row, conv.before[0]), em.multiply(kh, conv.dilation[0]))
        r = em.builder.sdiv(em.integer(away), em.integer(conv.strides[0]))
        x_row = em.at(x, em.multiply(r, conv.source.row))

        def add() -> Values:
            totals = list(sums)
            for kw, met in enumerate(stamps.columns):
                if met:
                    place = em.add(em.multiply(kh, conv.kernel[1]), kw)
                    weights = em.at(w, em.multiply(place, channels * sum(lanes)))
                    totals = along(x_row, weights, met, totals)
            return totals

        meets = em.builder.and_(
            em.builder.and_(em.less(-1, away), em.less(r, conv.source.rows)),
            em.equal(em.multiply(r, conv.strides[0]), away),
        )
        return em.choose(meets, add, lambda: list(sums))

    def along(
        x_row: ir.Value, weights: ir.Value, met: tuple[tuple[int, int], ...], sums: Values
    ) -> Values:
        """All input channels, for the outputs that one place of the kernel meets."""
        chosen = [sums[output * width + v] for output, _ in met for v in range(width)]

        def channel(k: Index, *sums: ir.Value) -> Values:
            row = em.load_row(weights, lanes, em.multiply(k, sum(lanes)))
            pixels = (em.float_at(x_row, k, place * channels) for _, place in met)
            return accumulate(em, pixels, row, sums)

        results = list(sums)
        totals = em.loop(0, channels, channel, chosen)
        for (output, _), values in zip(met, rows_of(totals, width), strict=True):
            results[output * width : (output + 1) * width] = values
        return results

    return em.loop(0, conv.kernel[0], kernel_row, [em.zero()] * (stamps.outputs * width))


def _finish(
    em: Emitter,
    conv: Transposed,
    sums: Values,
    pointers: tuple[ir.Value, ir.Value],
    channel: Index,
    stamps: _Stamps,
    lanes: list[int],
) -> None:
    """Bias and activation of a tile of sums, stored."""
    bias, y = pointers
    biases = em.load_row(bias, lanes, channel) if conv.use_bias else []
    for output, row in enumerate(rows_of(sums, len(lanes))):
        values = (
            [em.builder.fadd(*pair) for pair in zip(row, biases, strict=True)] if biases else row
        )
        values = [activate(em, conv.activation, value) for value in values]
        place = (output * conv.strides[1] + stamps.phase) * conv.target.channels
        em.store_row(values, y, lanes, place)
