"""Where the numbers of a value lie in memory, and how loops are cut into register tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ALIGNMENT = 16  # float32 numbers: 64 bytes, one cache line


def aligned(count: int) -> int:
    """`count` rounded up to whole cache lines."""
    return -(-count // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Layout:
    """One sample of a value, channels last, with a border of zeros that serves as padding.

    Only the live `rows` × `columns` are stored: those that some later operation reads.
    """

    rows: int
    columns: int
    channels: int
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def row(self) -> int:
        """Distance from one row to the next."""
        return (self.left + self.columns + self.right) * self.channels

    @property
    def origin(self) -> int:
        """Where the first live number lies."""
        return self.top * self.row + self.left * self.channels

    @property
    def size(self) -> int:
        """How many numbers are stored, the border included."""
        return (self.top + self.rows + self.bottom) * self.row

    @property
    def stride(self) -> int:
        """Distance from one sample to the next."""
        return aligned(self.size)

    @property
    def plain(self) -> bool:
        """Whether there is no border."""
        return not (self.top or self.bottom or self.left or self.right)


@dataclass(frozen=True)
class Tile:
    """A block of outputs that is summed up in registers: rows × columns × vectors of channels."""

    rows: int
    columns: int
    vectors: int


def pieces(total: int, size: int) -> list[tuple[int, int]]:
    """(how many, how large): `total` cut into pieces of `size` and a remainder."""
    full, rest = divmod(total, size)
    return [(full, size)] * (full > 0) + [(1, rest)] * (rest > 0)


def choose_tile(
    rows: int,
    columns: int,
    vectors: int,
    steps: int,
    registers: int,
    unit: tuple[int, int] = (1, 1),
) -> Tile:
    """The tile that covers `rows` × `columns` × `vectors` in the fewest estimated cycles.

    steps: how many multiply-adds make one output. unit: rows and columns come in multiples of it.
    The estimate: two fused multiply-adds and two loads a cycle, four cycles from one
    multiply-add of a chain to the next, and a fixed price for entering a tile. Groups of
    channels that are not all alike cost a little more, since threads share them badly.
    """

    def cycles(height: int, width: int, depth: int) -> float:
        sums, loads = height * width * depth, height * width + depth
        step = max(sums / 2, loads / 2, (sums + loads + 3) / 6, 4.0)
        return steps * step + 1.5 * sums + 20

    def price(tile: Tile) -> float:
        total = sum(
            many * more * most * cycles(height, width, depth)
            for many, height in pieces(rows, tile.rows)
            for more, width in pieces(columns, tile.columns)
            for most, depth in pieces(vectors, tile.vectors)
        )
        return total * (1.02 if vectors % tile.vectors else 1.0)

    return min(_tiles(rows, columns, vectors, registers, unit), key=price)


def _tiles(
    rows: int, columns: int, vectors: int, registers: int, unit: tuple[int, int]
) -> Iterator[Tile]:
    """Tiles whose sums fit into registers, beside one vector of each weight and one broadcast."""
    yield Tile(*unit, 1)
    for depth in range(1, vectors + 1):
        room = (registers - 1 - depth) // depth
        for height in range(unit[0], min(rows, room) + 1, unit[0]):
            for width in range(unit[1], min(columns, room // height) + 1, unit[1]):
                yield Tile(height, width, depth)
