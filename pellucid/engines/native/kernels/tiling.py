"""Loops over register tiles: how rows, columns and channels are cut into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llvmlite import ir

from pellucid.engines.native.emit import Emitter, Index, Values
from pellucid.engines.native.layout import Tile


def for_pieces(
    em: Emitter,
    total: int,
    size: int,
    body: Callable[..., Values | None],
    carried: Sequence[ir.Value] = (),
) -> Values:
    """`body(start, size, *carried)` for `total` cut into pieces of `size`, the remainder last.

    Returns what is carried from piece to piece.
    """
    full = total // size * size
    values = em.loop(0, full, lambda start, *now: body(start, size, *now), carried, step=size)
    if full < total:
        values = body(full, total - full, *values) or []
    return values


def for_groups(
    em: Emitter, lanes: list[int], size: int, body: Callable[[Index, list[int]], None]
) -> None:
    """`body(first channel, lanes)` for groups of `size` vectors; the last may be another shape."""
    groups = [lanes[i : i + size] for i in range(0, len(lanes), size)]
    same = [group for group in groups if group == groups[0]]
    width = size * em.vector
    em.loop(0, len(same) * width, lambda channel: body(channel, groups[0]), step=width)
    if len(same) < len(groups):
        body(len(same) * width, groups[-1])


def for_units(
    em: Emitter,
    rows: int,
    tile: Tile,
    lanes: list[int],
    low: Index,
    high: Index,
    body: Callable[[Index, int, Index, list[int]], None],
    channels_first: bool = False,
) -> None:
    """Cut rows × vectors of channels into units, and loop over low … high of them.

    `body(row, height, channel, lanes)` is emitted once for every shape that a unit can have.
    channels_first: whether all channels of some rows come before the next rows.
    """
    groups = [lanes[i : i + tile.vectors] for i in range(0, len(lanes), tile.vectors)]
    bands = -(-rows // tile.rows)

    def unit(number: Index) -> None:
        if channels_first:
            band = em.quotient(number, len(groups))
            group_number = em.subtract(number, em.multiply(band, len(groups)))
        else:
            group_number = em.quotient(number, bands)
            band = em.subtract(number, em.multiply(group_number, bands))
        row = em.multiply(band, tile.rows)
        channel = em.multiply(group_number, tile.vectors * em.vector)

        def by_rows(group: list[int]) -> None:
            _by_height(em, band, rows, tile.rows, lambda height: body(row, height, channel, group))

        if groups[0] == groups[-1]:
            by_rows(groups[0])
        else:
            last = em.equal(group_number, len(groups) - 1)
            em.choose(last, lambda: by_rows(groups[-1]), lambda: by_rows(groups[0]))

    em.loop(low, high, unit)


def for_bands(
    em: Emitter,
    rows: int,
    height: int,
    low: Index,
    high: Index,
    body: Callable[[Index, int], None],
) -> None:
    """`body(row, height)` for the bands low … high of rows; the last may be another height."""

    def band(number: Index) -> None:
        row = em.multiply(number, height)
        _by_height(em, number, rows, height, lambda height: body(row, height))

    em.loop(low, high, band)


def _by_height(
    em: Emitter, band: Index, rows: int, height: int, body: Callable[[int], None]
) -> None:
    """`body(height)` for one of the bands of so many rows; the last may be less high."""
    bands = -(-rows // height)
    rest = rows - (bands - 1) * height
    if rest == height or bands == 1:
        body(rest)
    else:
        em.choose(em.equal(band, bands - 1), lambda: body(rest), lambda: body(height))


def for_parts(
    em: Emitter,
    parts: int,
    units: int,
    low: Index,
    high: Index,
    body: Callable[[Index, Index, Index], None],
) -> None:
    """`body(part, low, high)` where each of `parts` has so many of the units low … high."""
    if parts == 1:
        body(0, low, high)
        return

    def part(number: Index) -> None:
        before = em.multiply(number, units)
        first = em.maximum(em.subtract(low, before), 0)
        body(number, first, em.minimum(em.subtract(high, before), units))

    em.loop(em.quotient(low, units), em.quotient(em.add(high, units - 1), units), part)


def unit_count(rows: int, vectors: int, tile: Tile) -> int:
    """How many units there are."""
    return -(-rows // tile.rows) * -(-vectors // tile.vectors)


def clear(em: Emitter, pointer: ir.Value, count: int) -> None:
    """Set `count` numbers (whole cache lines) to zero."""
    em.loop(0, count, lambda i: em.store(em.zero(), pointer, i), step=em.vector)


def accumulate(
    em: Emitter, scalars: Iterable[ir.Value], row: Values, sums: Sequence[ir.Value]
) -> Values:
    """Sums + scalars ⊗ row, one fused multiply-add for each sum; they lie scalar by scalar.

    The scalars are taken one by one, so that a generator loads each when it is needed.
    """
    results: Values = []
    for scalar in scalars:
        value = em.broadcast(scalar)
        for factor in row:
            results.append(em.fma(value, factor, sums[len(results)]))
    return results


def rows_of(sums: Values, width: int) -> list[Values]:
    """Sums cut into rows: those of one scalar each."""
    return [sums[start : start + width] for start in range(0, len(sums), width)]
