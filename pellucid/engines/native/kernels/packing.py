"""Weights rearranged for the kernels.

For the backward pass filters and channels change places. Where rows are long, what a kernel reads
one row after the other would lie far apart, on other pages and in the same sets of a cache; so
weights are cut into panels, each as wide as a register tile and in one piece.
"""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.tiling import for_pieces

BAND = 64  # rows that are transposed at a time: a multiple of every vector width


def parts(matrices: int, rows: int) -> int:
    """Into how many parts the work can be cut."""
    return matrices * -(-rows // BAND)


@kernel(POINTER, POINTER, I64, I64)
def transpose(
    em: Emitter, matrices: int, rows: int, columns: int, width: int | None = None
) -> None:
    """Matrices (rows, columns), one after the other, become (columns, rows).

    Called with (source, target, low, high), which does the parts low … high of them. width: cut the
    results into panels of so many of the old rows, one after the other: (panel, matrix, column,
    row in the panel), the last panel perhaps narrower. A panel is what a kernel reads in a row.
    """
    source, target, low, high = em.arguments
    panel = min(width or rows, rows)

    def square(x: ir.Value, y: ir.Value, line_width: Index, height: int, width: int) -> None:
        lines = [em.load(x, i * columns, lanes=width) for i in range(height)]
        lines += [em.zero()] * (em.vector - height)
        for i, line in enumerate(_transposed(em, lines)[:width]):
            em.store(line, y, em.multiply(line_width, i), lanes=height)

    def band(matrix: Index, first: Index, count: int) -> None:
        def some_rows(row: Index, height: int) -> None:
            here = em.add(first, row)
            start, line_width = _panel(em, rows, panel, here)
            panel_start = em.add(em.multiply(start, matrices * columns), em.subtract(here, start))
            lines = em.multiply(matrix, columns)
            below = em.multiply(em.add(em.multiply(matrix, rows), here), columns)

            def some_columns(column: Index, width: int) -> None:
                x = em.at(source, below, column)
                y = em.at(target, panel_start, em.multiply(em.add(lines, column), line_width))
                square(x, y, line_width, height, width)

            for_pieces(em, columns, em.vector, some_columns)

        for_pieces(em, count, em.vector, some_rows)

    def part(number: Index) -> None:
        bands = parts(1, rows)
        matrix = em.quotient(number, bands)
        place = em.subtract(number, em.multiply(matrix, bands))
        first = em.multiply(place, BAND)
        rest = rows - (bands - 1) * BAND
        if bands == 1 or rest == BAND:
            band(matrix, first, rest)
        else:
            last = em.equal(place, bands - 1)
            em.choose(last, lambda: band(matrix, first, rest), lambda: band(matrix, first, BAND))

    em.loop(low, high, part)


@kernel(POINTER, POINTER, I64, I64)
def panels(em: Emitter, rows: int, columns: int, width: int) -> None:
    """A matrix (rows, columns) becomes panels of `width` columns: (panel, row, column in it).

    Called with (source, target, low, high), which does the parts low … high, bands of rows.
    """
    source, target, low, high = em.arguments

    def row(number: Index) -> None:
        def piece(column: Index, lanes: int) -> None:
            start, line_width = _panel(em, columns, width, column)
            place = em.add(em.multiply(start, rows), em.multiply(number, line_width))
            value = em.load(source, em.multiply(number, columns), column, lanes=lanes)
            em.store(value, target, place, em.subtract(column, start), lanes=lanes)

        for_pieces(em, columns, em.vector, piece)

    first = em.multiply(low, BAND)
    em.loop(first, em.minimum(em.multiply(high, BAND), rows), row)


def _panel(em: Emitter, total: int, width: int, place: Index) -> tuple[Index, Index]:
    """Where the panel of a place starts, and how wide it is."""
    if width >= total:
        return 0, total
    start = em.multiply(em.quotient(place, width), width)
    return start, em.minimum(em.subtract(total, start), width)


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
