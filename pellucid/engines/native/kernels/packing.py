"""Weights rearranged for the backward pass: filters and channels change places."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values
from pellucid.engines.native.kernels.tiling import for_pieces

BAND = 64  # rows that are transposed at a time: a multiple of every vector width


def parts(matrices: int, rows: int) -> int:
    """Into how many parts the work can be cut."""
    return matrices * -(-rows // BAND)


def transpose(
    module: ir.Module, vector: int, name: str, matrices: int, rows: int, columns: int
) -> ir.Function:
    """Matrices (rows, columns), one after the other, become (columns, rows).

    Emits name(source, target, low, high), which does the parts low … high of them.
    """
    em = Emitter(module, vector, name, [POINTER, POINTER, I64, I64])
    source, target, low, high = em.arguments

    def square(x: ir.Value, y: ir.Value, height: int, width: int) -> None:
        lines = [em.load(x, i * columns, lanes=width) for i in range(height)]
        lines += [em.zero()] * (vector - height)
        for i, line in enumerate(_transposed(em, lines)[:width]):
            em.store(line, y, i * rows, lanes=height)

    def band(start: Index, first: Index, count: int) -> None:
        def some_rows(row: Index, height: int) -> None:
            def some_columns(column: Index, width: int) -> None:
                here = em.add(first, row)
                x = em.at(source, start, em.multiply(here, columns), column)
                y = em.at(target, start, em.multiply(column, rows), here)
                square(x, y, height, width)

            for_pieces(em, columns, vector, some_columns)

        for_pieces(em, count, vector, some_rows)

    def part(number: Index) -> None:
        bands = parts(1, rows)
        matrix = em.quotient(number, bands)
        place = em.subtract(number, em.multiply(matrix, bands))
        start, first = em.multiply(matrix, rows * columns), em.multiply(place, BAND)
        rest = rows - (bands - 1) * BAND
        if bands == 1 or rest == BAND:
            band(start, first, rest)
        else:
            last = em.equal(place, bands - 1)
            em.choose(last, lambda: band(start, first, rest), lambda: band(start, first, BAND))

    em.loop(low, high, part)
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
