"""Images in another size: weighted means of pixels, with weights that are known beforehand.

SIMD lanes are channels. Sums run over the rows, then over the columns that an output reads. The
way back is the same with the weights transposed: every input is a sum over those that read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from pellucid.engines.native.emit import F32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.base import Array
from pellucid.ops.resizing import Resizing

UNROLLED = 4  # so few rows or columns are written out


@kernel(POINTER, POINTER, I64)
def resize(
    em: Emitter, op: Resizing, source: Layout, target: Layout, back: bool = False, add: bool = False
) -> None:
    """Compute y, images in another size, from x. Called with (x, y, samples).

    back: the gradient of what `source` holds instead, from that of what `target` holds; source
    and target are those of the way forward. add: to what lies in y.
    """
    x, y, samples = em.arguments
    matrices = op.matrices(source.rows, source.columns)
    if back:
        matrices = matrices[0].T, matrices[1].T
        source, target = target, source
    rows, columns = _Axis.of(em, matrices[0], "rows"), _Axis.of(em, matrices[1], "columns")
    fills = op.pad_to_aspect_ratio and op.fill_value != 0 and not back

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride), source.origin)
        y_sample = em.at(y, em.multiply(number, target.stride), target.origin)

        def row(r: Index) -> None:
            x_rows = em.at(x_sample, em.multiply(rows.first(em, r), source.row))

            def column(c: Index) -> None:
                here = em.at(x_rows, em.multiply(columns.first(em, c), source.channels))
                there = em.at(y_sample, em.multiply(r, target.row), em.multiply(c, target.channels))
                start = _padding(em, op, rows, columns, r, c) if fills else em.zero()

                def channels(channel: Index, lanes: int) -> None:
                    def down(k: Index, total: ir.Value) -> Values:
                        def across(n: Index, total: ir.Value) -> Values:
                            weight = em.builder.fmul(
                                rows.weight(em, r, k), columns.weight(em, c, n)
                            )
                            place = em.multiply(k, source.row), em.multiply(n, source.channels)
                            value = em.load(here, *place, channel, lanes=lanes)
                            return [em.fma(value, em.broadcast(weight), total)]

                        return _over(em, columns.reads, across, total)

                    (total,) = _over(em, rows.reads, down, start)
                    em.give(total, there, channel, lanes=lanes, add=add)

                for_pieces(em, target.channels, em.vector, channels)

            em.loop(0, target.columns, column)

        em.loop(0, target.rows, row)

    em.loop(0, samples, sample)


@dataclass(frozen=True)
class _Axis:
    """What every output along an axis reads: `reads` inputs from a first one on, and weights.

    Tables in memory: firsts (outputs,) int64; weights (outputs, reads) and sums, those of the
    weights of an output (outputs,), float32.
    """

    reads: int
    firsts: ir.Value
    weights: ir.Value
    sums: ir.Value

    @staticmethod
    def of(em: Emitter, matrix: Array, name: str) -> _Axis:
        """The tables for a matrix (outputs, inputs) of weights."""
        size = matrix.shape[1]
        begin, end = (matrix != 0).argmax(axis=1), size - (matrix != 0)[:, ::-1].argmax(axis=1)
        reads = max(1, int((end - begin)[(matrix != 0).any(axis=1)].max()))
        firsts = np.minimum(begin, size - reads)
        weights = np.take_along_axis(matrix, firsts[:, None] + np.arange(reads), axis=1)
        return _Axis(
            reads,
            em.table(f"{name}_firsts", I64, firsts.tolist()),
            em.table(f"{name}_weights", F32, weights.ravel().tolist()),
            em.table(f"{name}_sums", F32, matrix.sum(axis=1).tolist()),
        )

    def first(self, em: Emitter, output: Index) -> ir.Value:
        """The first input that an output reads."""
        return em.builder.load(em.at(self.firsts, output, kind=I64), typ=I64, align=8)

    def weight(self, em: Emitter, output: Index, number: Index) -> ir.Value:
        """The weight of one of them."""
        return em.float_at(self.weights, em.multiply(output, self.reads), number)


def _over(em: Emitter, reads: int, body: Callable[..., Values], total: ir.Value) -> Values:
    """`body(number, total)` for everything that is read along an axis."""
    if reads > UNROLLED:
        return em.loop(0, reads, body, [total])
    for number in range(reads):
        (total,) = body(number, total)
    return [total]


def _padding(
    em: Emitter, op: Resizing, rows: _Axis, columns: _Axis, r: Index, c: Index
) -> ir.Value:
    """What the padding around the image adds to an output."""
    covered = em.builder.fmul(em.float_at(rows.sums, r), em.float_at(columns.sums, c))
    rest = em.builder.fsub(ir.Constant(F32, 1.0), covered)
    return em.broadcast(em.builder.fmul(rest, ir.Constant(F32, op.fill_value)))
