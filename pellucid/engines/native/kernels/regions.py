"""Loops over the numbers, or the pixels, that several layouts have in common.

A value's live region is what anybody reads of it; one reader may see less of it than another. So
what flows back to it may cover only a part, and several readers' gradients are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import Emitter, Index
from pellucid.engines.native.kernels.tiling import clear, for_pieces
from pellucid.engines.native.layout import Layout


@dataclass(frozen=True)
class Run:
    """Where a loop over all numbers of a value stands: a sample, and offsets from its start.

    `position` counts the numbers of a whole sample, row by row, as if nothing were cut away.
    """

    sample: Index
    position: Index
    lanes: int


def for_numbers(
    em: Emitter,
    samples: ir.Value,
    layouts: Sequence[Layout],
    full_columns: int,
    body: Callable[[Run, list[Index]], None],
) -> None:
    """`body(run, offsets)` for every vector of what all layouts have; one offset for each."""
    channels = layouts[0].channels
    length = min(layout.columns for layout in layouts) * channels

    def row(number: Index, r: Index, starts: list[Index]) -> None:
        def vector(start: Index, lanes: int) -> None:
            position = em.add(em.multiply(r, full_columns * channels), start)
            body(Run(number, position, lanes), [em.add(first, start) for first in starts])

        for_pieces(em, length, em.vector, vector)

    for_rows(em, samples, layouts, row)


def for_rows(
    em: Emitter,
    samples: ir.Value,
    layouts: Sequence[Layout],
    body: Callable[[Index, Index, list[Index]], None],
) -> None:
    """`body(sample, row, offsets of the row)` for every row that all layouts have."""

    def sample(number: Index) -> None:
        def row(r: Index) -> None:
            starts = [
                em.add(
                    em.multiply(number, layout.stride), em.multiply(r, layout.row), layout.origin
                )
                for layout in layouts
            ]
            body(number, r, starts)

        em.loop(0, min(layout.rows for layout in layouts), row)

    em.loop(0, samples, sample)


def for_pixels(
    em: Emitter,
    samples: ir.Value,
    layouts: Sequence[Layout],
    body: Callable[[list[Index]], None],
) -> None:
    """`body(offsets)` for every pixel that all layouts have."""

    def row(number: Index, r: Index, starts: list[Index]) -> None:
        def column(c: Index) -> None:
            pairs = zip(starts, layouts, strict=True)
            body([em.add(first, em.multiply(c, layout.channels)) for first, layout in pairs])

        em.loop(0, min(layout.columns for layout in layouts), column)

    for_rows(em, samples, layouts, row)


def begin(
    em: Emitter, y: ir.Value, samples: ir.Value, source: Layout, target: Layout, add: bool
) -> bool:
    """Get ready to compute a target's numbers from the source's; whether to add them to y.

    They are added if they shall be, and where the source covers only a part of the target: then
    all of it is set to zero first.
    """
    if add or (source.rows >= target.rows and source.columns >= target.columns):
        return add
    clear_all(em, y, samples, target)
    return True


def clear_all(em: Emitter, y: ir.Value, samples: ir.Value, layout: Layout) -> None:
    """Set all samples to zero, with their borders."""
    em.loop(0, samples, lambda n: clear(em, em.at(y, em.multiply(n, layout.stride)), layout.stride))
