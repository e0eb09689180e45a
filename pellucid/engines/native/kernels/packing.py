"""Weights rearranged for the backward pass: filters and channels change places."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values
from pellucid.engines.native.kernels.tiling import for_pieces


def transpose(module: ir.Module, vector: int, name: str, rows: int, columns: int) -> ir.Function:
    """Matrices (rows, columns) become (columns, rows). Emits name(source, target, low, high).

    low, high: which of the matrices, that lie one after the other.
    """
    em = Emitter(module, vector, name, [POINTER, POINTER, I64, I64])
    source, target, low, high = em.arguments

    def block(x: ir.Value, y: ir.Value, height: int, width: int) -> None:
        lines = [em.load(x, i * columns, lanes=width) for i in range(height)]
        lines += [em.zero()] * (vector - height)
        for i, line in enumerate(_transposed(em, lines)[:width]):
            em.store(line, y, i * rows, lanes=height)

    def matrix(number: Index) -> None:
        start = em.multiply(number, rows * columns)

        def band(row: Index, height: int) -> None:
            def square(column: Index, width: int) -> None:
                x = em.at(source, start, em.multiply(row, columns), column)
                y = em.at(target, start, em.multiply(column, rows), row)
                block(x, y, height, width)

            for_pieces(em, columns, vector, square)

        for_pieces(em, rows, vector, band)

    em.loop(low, high, matrix)
    return em.finish()


def _transposed(em: Emitter, lines: Values) -> Values:
    """A square of vectors, transposed: each bit of row and column number is swapped in turn."""
    lines = list(lines)
    distance = 1
    while distance < em.vector:
        for i in range(em.vector):
            if i & distance:
                continue
            a, b = lines[i], lines[i + distance]
            low, high = [], []
            for lane in range(em.vector):
                swapped = bool(lane & distance)
                low.append(em.vector + lane - distance if swapped else lane)
                high.append(em.vector + lane if swapped else lane + distance)
            lines[i], lines[i + distance] = _shuffle(em, a, b, low), _shuffle(em, a, b, high)
        distance *= 2
    return lines


def _shuffle(em: Emitter, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
    indices = ir.Constant(ir.VectorType(I32, em.vector), lanes)
    return em.builder.shuffle_vector(a, b, indices)
