"""Upsampling: images several times as large, and their gradients.

The places that one pixel becomes are alike from pixel to pixel: so each of them is a loop of its
own over all pixels, whose shares in it are then known.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.kernels.regions import clear_all
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout


@dataclass(frozen=True)
class Upsampling:
    """`size` = (rows, columns) places for every pixel, bilinear or nearest.

    source: where the input lies, all of it. target: where the output lies.
    """

    size: tuple[int, int]
    bilinear: bool
    source: Layout
    target: Layout


@kernel(POINTER, POINTER, I64)
def upsample(em: Emitter, up: Upsampling) -> None:
    """Compute the larger images, first along rows, then columns. Called with (x, y, samples)."""
    x, y, samples = em.arguments

    def mixed(values: list[ir.Value], shares: list[float]) -> ir.Value:
        if len(values) == 1:
            return values[0]
        first, second = (
            em.builder.fmul(value, em.constant(share))
            for value, share in zip(values, shares, strict=True)
        )
        return em.builder.fadd(first, second)

    def place(read: _Read, offset: Index, lanes: int) -> None:
        across = [
            mixed([em.load(x, row, column, lanes=lanes) for column in read.columns], read.across)
            for row in read.rows
        ]
        em.store(mixed(across, read.down), y, offset, lanes=lanes)

    _for_places(em, up, samples, place)


@kernel(POINTER, POINTER, I64)
def upsample_gradient(em: Emitter, up: Upsampling, add: bool = False) -> None:
    """Give each number's gradient to those that it was made of. Called with (dy, dx, samples).

    add: to what lies in dx.
    """
    dy, dx, samples = em.arguments
    if not add:
        clear_all(em, dx, samples, up.source)

    def place(read: _Read, offset: Index, lanes: int) -> None:
        gradient = em.load(dy, offset, lanes=lanes)
        for (row, down), (column, across) in itertools.product(
            zip(read.rows, read.down, strict=True), zip(read.columns, read.across, strict=True)
        ):
            share = down * across
            part = gradient if share == 1 else em.builder.fmul(gradient, em.constant(share))
            em.give(part, dx, row, column, lanes=lanes, add=True)

    _for_places(em, up, samples, place)


@dataclass(frozen=True)
class _Read:
    """What an output is made of: offsets of rows and columns in the source, and their shares."""

    rows: list[Index]
    down: list[float]
    columns: list[Index]
    across: list[float]


def _for_places(
    em: Emitter, up: Upsampling, samples: ir.Value, body: Callable[[_Read, Index, int], None]
) -> None:
    """`body(what is read, offset in the target, lanes)` for every vector of the target."""
    source, target = up.source, up.target
    (tall, wide), channels = up.size, source.channels

    def sample(n: Index) -> None:
        x = em.add(em.multiply(n, source.stride), source.origin)
        y = em.add(em.multiply(n, target.stride), target.origin)

        def row(r: Index, below: int) -> None:
            rows, down = _reads(em, up, r, below, 0)
            starts = [em.add(em.multiply(place, source.row), x) for place in rows]
            first = em.add(em.multiply(em.add(em.multiply(r, tall), below), target.row), y)

            def column(c: Index, beside: int) -> None:
                columns, across = _reads(em, up, c, beside, 1)
                place = em.add(em.multiply(c, wide), beside)

                def piece(channel: Index, lanes: int) -> None:
                    places = [em.add(em.multiply(here, channels), channel) for here in columns]
                    offset = em.add(em.multiply(place, channels), first, channel)
                    body(_Read(starts, down, places, across), offset, lanes)

                for_pieces(em, channels, em.vector, piece)

            for beside in range(wide):
                count = -(-(target.columns - beside) // wide)
                em.loop(0, count, lambda c, beside=beside: column(c, beside))

        for below in range(tall):
            count = -(-(target.rows - below) // tall)
            em.loop(0, count, lambda r, below=below: row(r, below))

    em.loop(0, samples, sample)


def _reads(
    em: Emitter, up: Upsampling, pixel: Index, place: int, axis: int
) -> tuple[list[Index], list[float]]:
    """Which pixels along an axis one of a pixel's places is made of, and their shares."""
    factor, size = up.size[axis], (up.source.rows, up.source.columns)[axis]
    if not up.bilinear:
        return [pixel], [1.0]
    before, way = divmod(2 * place + 1 - factor, 2 * factor)
    pixels = [
        em.minimum(em.maximum(em.add(pixel, before + behind), 0), size - 1) for behind in (0, 1)
    ]
    return pixels, [1 - way / (2 * factor), way / (2 * factor)]
