"""Reading an image between its pixels: where, and with which weights.

Everything here is said in NumPy's functions on float32, each rounded by itself. So it can be
computed with arrays, and as well with whatever else these functions work on: the native engine
has them emit code, from these very lines, and so reads the very same pixels.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Numbers: TypeAlias = Any
"""float32 arrays, or what NumPy's functions work on as if it were one."""

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


class Affine(NamedTuple):
    """From a place of the output to one of the input, as `keras.ops.image.affine_transform` has it.

    x = a0 * column + a1 * row + a2 and y = b0 * column + b1 * row + b2.
    """

    a0: Numbers
    a1: Numbers
    a2: Numbers
    b0: Numbers
    b1: Numbers
    b2: Numbers

    def apply(self, column: Numbers, row: Numbers) -> tuple[Numbers, Numbers]:
        """(x, y): the column and the row of the input, between the pixels."""
        return (
            self.a0 * column + (self.a1 * row + self.a2),
            self.b0 * column + (self.b1 * row + self.b2),
        )


class Cell(NamedTuple):
    """A place along one axis that is read, a whole number in the image, and its weight."""

    place: Numbers
    weight: Numbers


def between(chance: Numbers, low: float, high: float) -> Numbers:
    """From `low` (chance 0) to `high` (chance 1)."""
    return chance * (high - low) + low


def sine_and_cosine(turns: Numbers) -> tuple[Numbers, Numbers]:
    """Of an angle in full turns.

    The polynomials are those of the Cephes library (S. Moshier, single precision) for an eighth
    of a turn to both sides, within two units in the last place.
    """
    quarters = turns * 4.0
    quadrant = np.rint(quarters)
    angle = (quarters - quadrant) * (math.pi / 2)
    square = angle * angle
    sine = (square * -1.9515295891e-4 + 8.3321608736e-3) * square - 1.6666654611e-1
    sine = sine * square * angle + angle
    cosine = (square * 2.443315711809948e-5 - 1.388731625493765e-3) * square + 4.166664568298827e-2
    cosine = cosine * square * square - square * 0.5 + 1.0
    odd = quadrant - np.floor(quadrant * 0.5) * 2.0 > 0.5
    quadrant = quadrant - np.floor(quadrant * 0.25) * 4.0
    sine, cosine = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    return (
        np.where(quadrant > 1.5, sine * -1.0, sine),
        np.where(np.abs(quadrant - 1.5) < 1.0, cosine * -1.0, cosine),
    )


def cells(coordinate: Numbers, size: int, fill_mode: str, interpolation: str) -> list[Cell]:
    """The places along an axis of `size` that a coordinate reads.

    Places outside weigh nothing with fill_mode 'constant'; with any other they stand for a place
    inside, as `FILL_MODES` of Keras say.
    """
    if interpolation == "nearest":
        read = [Cell(np.rint(coordinate), np.float32(1))]
    else:
        lower = np.floor(coordinate)
        share = coordinate - lower
        read = [Cell(lower, 1.0 - share), Cell(lower + 1.0, share)]
    if fill_mode != "constant":
        return [Cell(_inside(cell.place, size, fill_mode), cell.weight) for cell in read]
    return [_inside_or_nothing(cell, size) for cell in read]


def _inside_or_nothing(cell: Cell, size: int) -> Cell:
    """The cell if it is inside, and any with the weight 0 if it is not."""
    place = _inside(cell.place, size, "nearest")
    return Cell(place, np.where(place == cell.place, cell.weight, np.float32(0)))


def _inside(place: Numbers, size: int, fill_mode: str) -> Numbers:
    """The place inside that a whole number stands for."""
    if fill_mode == "nearest":
        return np.minimum(np.maximum(place, 0.0), size - 1.0)
    period = float(size if fill_mode == "wrap" else 2 * size)
    place = place - np.floor(place * (1 / period)) * period
    # The reciprocal is rounded, so that the quotient can be one too large or too small.
    place = np.where(place < 0.0, place + period, place)
    place = np.where(place < period, place, place - period)
    return place if fill_mode == "wrap" else np.minimum(place, period - 1.0 - place)


def uncovered(rows: list[Cell], columns: list[Cell]) -> Numbers:
    """The weight of what lies outside the image, which a constant fills; 0 if nothing does."""
    return 1.0 - sum(cell.weight for cell in rows) * sum(cell.weight for cell in columns)
